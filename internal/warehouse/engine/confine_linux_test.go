package engine_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"afterglow/internal/warehouse/engine"
)

// TestSR98_Confined sends the statements that pass readonly=1, and others like them, to both pools:
// nothing outside the data folder is read or written, and nobody is called.
func TestSR98_Confined(t *testing.T) {
	const secret = "the-key-of-the-registry"
	outside := t.TempDir()
	key := filepath.Join(outside, "key")
	require.NoError(t, os.WriteFile(key, []byte(secret+"\n"), 0o600))
	listener := listen(t)

	c := config(t)
	e := start(t, c)
	state := e.State()
	require.True(t, state.Confinement.Holds(), "%+v", state.Confinement)
	write, read := connect(t, e, engine.Write), connect(t, e, engine.Read)

	written := filepath.Join(outside, "written")
	for _, sql := range []string{
		// Making these tables touches nothing yet.
		"CREATE TABLE reading (line String) ENGINE = File(LineAsString, '" + key + "')",
		"CREATE TABLE writing (line String) ENGINE = File(LineAsString, '" + written + "')",
	} {
		require.NoError(t, write.Exec(t.Context(), sql))
	}
	for _, sql := range reachingOut(key, written, listener) {
		for pool, conn := range map[string]clickhouse.Conn{"rw": write, "ro": read} {
			rows, err := conn.Query(t.Context(), sql)
			var got strings.Builder
			for err == nil && rows.Next() {
				var line string
				if err := rows.Scan(&line); err == nil {
					got.WriteString(line)
				}
			}
			if err == nil {
				err = rows.Err()
			}
			require.Error(t, err, "%s: %s", pool, sql)
			require.NotContains(t, got.String()+err.Error(), secret, "%s: %s", pool, sql)
		}
	}
	kept, err := os.ReadFile(key)
	require.NoError(t, err)
	require.Equal(t, secret+"\n", string(kept))
	there, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Len(t, there, 1, "nothing written outside")
	require.Zero(t, listener.calls.Load(), "nobody called")

	// What was refused above works where it may: the refusals are the confinement's.
	inside := filepath.Join(c.Data, "inside")
	require.NoError(t, os.WriteFile(inside, []byte(secret+"\n"), 0o600))
	var line string
	require.NoError(t, write.QueryRow(t.Context(), "SELECT * FROM file('"+inside+"', 'LineAsString')").Scan(&line))
	require.Equal(t, secret, line)
	answer, err := http.Get(listener.url)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.EqualValues(t, 1, listener.calls.Load(), "the listener counts calls")
	require.NoError(t, read.Ping(t.Context()), "the engine is well")
}

// reachingOut are statements that read a file outside the data folder, write one, or call somebody.
// The tables in them are made by the caller.
func reachingOut(key, written string, listener *counter) []string {
	return []string{
		"SELECT file('" + key + "')",
		"SELECT * FROM file('" + key + "', 'LineAsString')",
		"DESCRIBE TABLE file('" + key + "')",
		"SELECT * FROM file('/proc/1/environ', 'RawBLOB')",
		fmt.Sprintf("SELECT * FROM file('/proc/%d/environ', 'RawBLOB')", os.Getpid()),
		"SELECT * FROM file('/proc/self/root" + key + "', 'LineAsString')",
		"SELECT 1 INTO OUTFILE '" + written + "'",
		"SELECT 1 INTO OUTFILE '" + key + "' TRUNCATE",
		"INSERT INTO FUNCTION file('" + written + "', 'TSV', 'a Int32') VALUES (1)",
		"SELECT * FROM reading", "INSERT INTO writing VALUES ('a')",
		"BACKUP DATABASE afterglow TO File('" + written + "')",
		"SELECT * FROM url('" + listener.url + "', 'LineAsString')",
		"DESCRIBE TABLE url('" + listener.url + "')",
		"INSERT INTO FUNCTION url('" + listener.url + "', 'TSV', 'a Int32') VALUES (1)",
		"SELECT * FROM remote('" + listener.address + "', system.one)",
		"SELECT * FROM s3('" + listener.url + "bucket/key', 'LineAsString')",
		"SELECT * FROM mysql('" + listener.address + "', 'd', 't', 'u', 'p')",
		"SELECT * FROM postgresql('" + listener.address + "', 'd', 't', 'u', 'p')",
		"SELECT * FROM executable('/bin/cat " + key + "', 'LineAsString', 'line String')",
	}
}

type counter struct {
	url, address string
	calls        atomic.Int64
}

func listen(t *testing.T) *counter {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	c := &counter{url: fmt.Sprintf("http://%s/", l.Addr()), address: l.Addr().String()}
	server := &http.Server{
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				c.calls.Add(1)
			}
		},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "called") }),
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return c
}

// TestSR15_SocketsAreClosedToOthers: the sockets lie in a 0700 folder, the engine has no TCP or UDP
// socket, and another user cannot connect.
func TestSR15_SocketsAreClosedToOthers(t *testing.T) {
	c := config(t)
	c.Runtime = filepath.Join(shortFolder(t), "run")
	require.NoError(t, os.Mkdir(c.Runtime, 0o755))
	e := start(t, c)
	require.NoError(t, connect(t, e, engine.Read).Ping(t.Context()))

	info, err := os.Stat(c.Runtime)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	for _, name := range []string{"rw.sock", "ro.sock"} {
		info, err := os.Stat(filepath.Join(c.Runtime, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	require.Empty(t, internetSockets(t, e.Pid()))

	if os.Geteuid() == 0 {
		socket := filepath.Join(c.Runtime, "ro.sock")
		require.NoError(t, os.Chmod(filepath.Dir(c.Runtime), 0o755), "only the runtime folder itself is in the way")
		require.NoError(t, connectAs(0, socket))
		require.ErrorIs(t, connectAs(65534, socket), syscall.EACCES)
	}
}

// connectAs connects to a socket as another user, on a thread that is thrown away afterwards.
func connectAs(uid int, socket string) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETFSUID, uintptr(uid), 0, 0); errno != 0 {
			result <- errno
			return
		}
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: socket})
			unix.Close(fd)
		}
		result <- err
	}()
	return <-result
}

var socketLink = regexp.MustCompile(`^socket:\[(\d+)\]$`)

// internetSockets lists the TCP and UDP sockets, of both IP versions, that a process has open.
func internetSockets(t *testing.T, pid int) []string {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	open, err := os.ReadDir(folder)
	require.NoError(t, err)
	own := map[string]bool{}
	for _, fd := range open {
		link, err := os.Readlink(filepath.Join(folder, fd.Name()))
		if m := socketLink.FindStringSubmatch(link); err == nil && m != nil {
			own[m[1]] = true
		}
	}
	require.GreaterOrEqual(t, len(own), 2, "its two Unix sockets at least")
	var found []string
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		for _, namespace := range []int{pid, os.Getpid()} {
			lines, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", namespace, table))
			if os.IsNotExist(err) {
				continue
			}
			require.NoError(t, err)
			for _, line := range strings.Split(string(lines), "\n") {
				if fields := strings.Fields(line); len(fields) > 9 && own[fields[9]] {
					found = append(found, table+" "+fields[1])
				}
			}
		}
	}
	return found
}

// TestSR98_TheChildHasNoCapability reads the kernel's own account of the child: no capability in any
// set, none to be gained, and a filter of system calls more than its parent has.
func TestSR98_TheChildHasNoCapability(t *testing.T) {
	e := start(t, config(t))
	child, own := statusOf(t, strconv.Itoa(e.Pid())), statusOf(t, "self")
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		require.Equal(t, "0000000000000000", child[set], set)
	}
	if os.Geteuid() == 0 {
		require.Equal(t, "0000000000000000", child["CapBnd"])
	}
	require.Equal(t, "1", child["NoNewPrivs"])
	require.Equal(t, "2", child["Seccomp"], "a filter is in force")
	filters := func(status map[string]string) int {
		n, err := strconv.Atoi(status["Seccomp_filters"])
		require.NoError(t, err)
		return n
	}
	require.Greater(t, filters(child), filters(own), "its own filter, beside any that a container put over both")
	require.Contains(t, e.State().Confinement.Layers, "no capabilities")
}

// statusOf gives the lines of /proc/PID/status by name.
func statusOf(t *testing.T, pid string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/status")
	require.NoError(t, err)
	found := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			found[name] = strings.TrimSpace(value)
		}
	}
	return found
}

// TestSR15_AnotherUsersRuntimeFolderIsNotBelieved: the folder's name can be guessed, so another user
// may have made it first, with sockets of their own in it.
func TestSR15_AnotherUsersRuntimeFolderIsNotBelieved(t *testing.T) {
	folder := filepath.Join(shortFolder(t), "run")
	c := config(t)
	c.Runtime = folder
	start(t, c)
	connect := engine.DialAt(folder, engine.Read)
	conn, err := connect(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	require.NoError(t, os.Chmod(folder, 0o755))
	_, err = connect(t.Context(), "")
	require.ErrorContains(t, err, "is open to other users")
	_, err = engine.StateAt(t.Context(), folder)
	require.ErrorContains(t, err, "is open to other users")
	require.NoError(t, os.Chmod(folder, 0o700))
	if os.Geteuid() != 0 {
		return // only root can give a folder away
	}
	require.NoError(t, os.Chown(folder, 65534, 65534))
	_, err = connect(t.Context(), "")
	require.ErrorContains(t, err, "belongs to user 65534")
	other := config(t)
	other.Runtime = folder
	_, err = engine.Start(t.Context(), other)
	require.ErrorContains(t, err, "belongs to user 65534")
}

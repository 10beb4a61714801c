package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// examined runs doctor and gives what it found.
func examined(t *testing.T, env []string, args ...string) (examination, string, int) {
	t.Helper()
	out, errs, code := runProgram(t, env, append([]string{"doctor", "--json"}, args...)...)
	var found examination
	if out != "" {
		require.NoError(t, json.Unmarshal([]byte(out), &found), out)
	}
	return found, out + errs, code
}

func (e examination) named(part, what string) check {
	for _, c := range e.Checks {
		if c.Part == part && c.What == what {
			return c
		}
	}
	return check{}
}

func (e examination) setting(env string) settingLine {
	for _, s := range e.Settings {
		if s.Env == env {
			return s
		}
	}
	return settingLine{}
}

// closedFolder is imported's folder, closed to other users as the program makes one.
func closedFolder(t *testing.T) string {
	t.Helper()
	folder := imported(t)
	require.NoError(t, os.Chmod(folder, 0o700))
	return folder
}

func TestDoctorBesideARunningServer(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "demo")
	d := startDemo(t, folder)
	found, said, code := examined(t, []string{"AFTERGLOW_DATA=" + folder})
	require.Equal(t, exitDone, code, said)
	require.Contains(t, found.Server, "running")
	require.Equal(t, settingLine{Name: "data", Env: "AFTERGLOW_DATA", Value: folder, Source: "environment"}, found.setting("AFTERGLOW_DATA"))
	require.Equal(t, "default", found.setting("AFTERGLOW_KEY_FILE").Source)
	require.Empty(t, found.setting("AFTERGLOW_TRUSTED_PROXIES").Value)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(d.url, "http://"))
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:"+port, found.named("pages", "listens on").Value, "where the running server listens, not where this command would")
	for _, want := range [][2]string{{"disk", "free space"}, {"keys", "master key"}, {"site", "clock"}, {"registry", "journal_mode"},
		{"registry", "schema version"}, {"care", "instruments on offer"}, {"care", "on call"}, {"pages", "listens on"},
		{"engine", "version"}, {"engine", "layers in force"}, {"engine", "the network"}, {"ClickHouse", "durable settings"}} {
		require.Equal(t, verdictGood, found.named(want[0], want[1]).Verdict, "%v", want)
	}
	require.Equal(t, d.url, found.named("pages", "address").Value, "the address is the running server's")
	require.Equal(t, verdictNote, found.named("care", "crisis contacts").Verdict, "a demo may go without confirmed contacts")
	require.Contains(t, found.named("care", "instruments on offer").Value, "phq-9")

	// The health check asks the server of the folder, and the one of the container's
	// address where the folder is not named.
	_, errs, code := runProgram(t, nil, "healthz", "--data", folder)
	require.Equal(t, exitDone, code, errs)
	listen := "AFTERGLOW_LISTEN=" + strings.TrimPrefix(d.url, "http://")
	for _, args := range [][]string{{"healthz"}, {"healthz", "--ready"}} {
		_, errs, code := runProgram(t, []string{listen}, args...)
		require.Equal(t, exitDone, code, errs)
	}
	d.stop()
	_, errs, code = runProgram(t, []string{listen}, "healthz")
	require.Equal(t, exitMissing, code, errs)
	_, errs, code = runProgram(t, []string{listen}, "healthz", "--data", folder)
	require.Equal(t, exitMissing, code, errs)
}

// Each thing that is wrong is named, with what to do and its exit code.
func TestDoctorNamesWhatIsWrong(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, answers nothing
	require.NoError(t, err)
	defer busy.Close()
	loose := func(t *testing.T, folder string) {
		require.NoError(t, os.Chmod(filepath.Join(folder, "keys", "master.key"), 0o640))
	}
	secret := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(secret, []byte("hunter2\n"), 0o644))
	server := "AFTERGLOW_CLICKHOUSE=clickhouse://u:hunter2@127.0.0.1:1/afterglow"
	for _, c := range []struct {
		name       string
		env        []string
		change     func(*testing.T, string)
		code       int
		part, what string
		do         string
	}{
		{"contacts that nobody tried", nil, nil, exitFailed, "care", "crisis contacts", "confirmed_by_site"},
		{"a key that others can read", nil, loose, exitFailed, "keys", "master key", "Keys"},
		{"no key", []string{"AFTERGLOW_KEY_FILE=/nowhere/key"}, nil, exitMissing, "keys", "master key", "AFTERGLOW_KEY_FILE"},
		{"no libchdb", []string{"AFTERGLOW_LIBCHDB=/nowhere/libchdb.so"}, nil, exitMissing, "engine", "libchdb", "npm ci"},
		{"every address without https", []string{"AFTERGLOW_LISTEN=0.0.0.0:8080"}, nil, exitFailed, "pages", "listens on", "proxy"},
		{"links without https", []string{"AFTERGLOW_URL=http://clinic.example"}, nil, exitFailed, "pages", "address", "https"},
		{"a server that is away", []string{server}, nil, exitMissing, "ClickHouse", "reaching it", "registry"},
		{"two passwords", []string{server, "AFTERGLOW_CLICKHOUSE_PASSWORD_FILE=" + secret}, nil, exitFailed, "ClickHouse", "reaching it", "registry"},
		{"a password file that everyone reads", []string{"AFTERGLOW_CLICKHOUSE=clickhouse://u@127.0.0.1:1/afterglow", "AFTERGLOW_CLICKHOUSE_PASSWORD_FILE=" + secret}, nil, exitMissing, "ClickHouse", "password file", "chmod"},
		{"an authority that is no certificate", []string{"AFTERGLOW_CLICKHOUSE=clickhouse://u@db.example:9440/afterglow?secure=true", "AFTERGLOW_CLICKHOUSE_CA=" + secret}, nil, exitFailed, "ClickHouse", "reaching it", "registry"},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := closedFolder(t)
			if c.change != nil {
				c.change(t, folder)
			}
			found, said, code := examined(t, c.env, "--data", folder)
			require.Equal(t, c.code, code, said)
			line := found.named(c.part, c.what)
			require.Contains(t, []verdict{verdictWrong, verdictMissing}, line.Verdict, said)
			require.Contains(t, line.Do, c.do)
			require.NotContains(t, said, "hunter2", "a password is never printed")
			require.Equal(t, "not running", found.Server)
		})
	}
}

func TestDoctorPrintsForPeople(t *testing.T) {
	out, errs, code := runProgram(t, nil, "doctor", "--data", closedFolder(t))
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "WRONG   crisis contacts")
	require.Contains(t, out, "-> try every contact")
	require.Contains(t, errs, "not right: 1")

	_, errs, code = runProgram(t, nil, "doctor", "--data", filepath.Join(t.TempDir(), "none"))
	require.Equal(t, exitMissing, code)
	require.Contains(t, errs, "--data")
}

// A site's own list of contacts replaces the shipped one.
func TestTheSitesOwnCrisisContacts(t *testing.T) {
	folder := closedFolder(t)
	shipped, err := os.ReadFile(filepath.Join(clone(t), "schemas", "crisis", "international.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "crisis"), 0o700))
	confirmed := strings.Replace(string(shipped), "confirmed_by_site: false", "confirmed_by_site: true", 1)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "crisis", "international.yaml"), []byte(confirmed), 0o600))
	found, said, code := examined(t, nil, "--data", folder)
	require.Equal(t, exitDone, code, said)
	require.Contains(t, found.named("care", "crisis contacts").Value, "confirmed")
}

func TestSettingsAreWrittenAsTheyAreGiven(t *testing.T) {
	found, said, _ := examined(t, []string{"AFTERGLOW_TRUSTED_PROXIES=192.0.2.7/32,2001:db8::/64"}, "--data", closedFolder(t))
	require.Equal(t, "192.0.2.7/32,2001:db8::/64", found.setting("AFTERGLOW_TRUSTED_PROXIES").Value)
	require.NotContains(t, said, "netip")
}

func TestPasswordsInAddressesAreNotShown(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"clickhouse://u:p@h:9440/d?secure=true", "clickhouse://u:[redacted]@h:9440/d?secure=true"},
		{"clickhouse://u:p@ss/w@h:9440/d", "clickhouse://u:[redacted]@h:9440/d"},
		{"clickhouse://h:9440,i:9440/d?username=u&password=p&secure=true", "clickhouse://h:9440,i:9440/d?username=u&password=[redacted]&secure=true"},
		{"https://clinic.example", "https://clinic.example"},
		{"/srv/data", "/srv/data"},
	} {
		require.Equal(t, c.want, redacted(c.in))
	}
}

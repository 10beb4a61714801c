package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/warehouse/engine"
)

// asProgram makes this test program behave as afterglow itself, so that the
// tests run the real main in real processes.
const asProgram = "AFTERGLOW_TEST_PROGRAM"

func TestMain(m *testing.M) {
	engine.RunChildIfAsked(context.Background())
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(exitDone)
	}
	os.Exit(m.Run())
}

// program is a command of ours, from another folder than the clone.
func program(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	library, err := engine.FindLibrary("", "../..")
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{asProgram + "=1", "AFTERGLOW_LIBCHDB=" + library, "PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}, env...)
	return cmd
}

// runProgram gives what a command printed and its exit code.
func runProgram(t testing.TB, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := program(t, env, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// demo is a running demo.
type demo struct {
	t       testing.TB
	cmd     *exec.Cmd
	folder  string
	url     string
	lines   map[string][]string
	stopped bool
}

func clone(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

func startDemo(t testing.TB, folder string, args ...string) *demo {
	t.Helper()
	cmd := program(t, []string{"AFTERGLOW_LISTEN=127.0.0.1:0"}, append([]string{"demo", "--data", folder, "--clone", clone(t)}, args...)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	d := &demo{t: t, cmd: cmd, folder: folder, lines: map[string][]string{}}
	t.Cleanup(d.stop)
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		line := scanner.Text()
		if url, ok := strings.CutPrefix(line, "ready "); ok {
			d.url = url
			continue
		}
		label, rest, ok := strings.Cut(line, ": ")
		require.True(t, ok, line)
		d.lines[label] = strings.Fields(rest)
		if label == "admin" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return d
		}
	}
	require.Failf(t, "the demo did not start", "%s", errs.String())
	return nil
}

// stop interrupts the demo as Ctrl-C does, and waits.
func (d *demo) stop() {
	if d.stopped {
		return
	}
	d.stopped = true
	_ = d.cmd.Process.Signal(os.Interrupt)
	_ = d.cmd.Wait()
}

func (d *demo) answer(token, key string, answers map[string]int) (int, map[string]any) {
	d.t.Helper()
	body, err := json.Marshal(map[string]any{"key": key, "instrument": "phq-9", "version": "1.0.0", "answers": answers})
	require.NoError(d.t, err)
	request, err := http.NewRequest(http.MethodPost, d.url+"/p/"+token+"/answers", bytes.NewReader(body))
	require.NoError(d.t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", d.url)
	response, err := http.DefaultClient.Do(request)
	require.NoError(d.t, err)
	defer response.Body.Close()
	var got map[string]any
	require.NoError(d.t, json.NewDecoder(response.Body).Decode(&got))
	return response.StatusCode, got
}

func (d *demo) ask(args ...string) string {
	d.t.Helper()
	out, errs, code := runProgram(d.t, nil, append(args, "--data", d.folder)...)
	require.Equal(d.t, exitDone, code, errs)
	return out
}

func lines(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }

func pidOf(t testing.TB, file string) int {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	require.NoError(t, err)
	return pid
}

var allZero = map[string]int{"1": 0, "2": 0, "3": 0, "4": 0, "5": 0, "6": 0, "7": 0, "8": 0, "9": 0}

func answers(item9 int) map[string]int {
	out := map[string]int{}
	for item, v := range allZero {
		out[item] = v
	}
	out["9"] = item9
	return out
}

// The first true path, with the real program: a real trial's data and a
// patient's own answers go in, and whether the benefit lasts comes out.
func TestTheDemoFromFirstStartToLast(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "demo")
	d := startDemo(t, folder)
	require.NotEmpty(t, d.url)
	passwords := map[string]bool{}
	for _, role := range []string{"clinician", "researcher", "admin"} {
		require.Len(t, d.lines[role], 4, "URL USER PASSWORD SECOND")
		require.GreaterOrEqual(t, len(d.lines[role][2]), 15)
		require.Equal(t, "-", d.lines[role][3], "second factors come later")
		passwords[d.lines[role][2]] = true
	}
	require.Len(t, passwords, 3, "each has a password of its own")
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/crisis": 200, "/research": 401, "/nowhere": 404} {
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		response, err := client.Get(d.url + path)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, path)
	}

	// A finding through the running server's ClickHouse, equal to R.
	var finding struct {
		N         int
		Estimates []struct {
			Name, Group, Visit string
			Estimate           float64
		}
		MMRM map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(d.ask("ask", "retained-benefit", "--study", "btheb", "--set", "covariance=un", "--set", "method=REML",
		"--set", "fixed=bdi_pre*visit+treatment*visit", "--json")), &finding))
	require.Equal(t, 97, finding.N)
	require.InDelta(t, 18.9355454391138, finding.Estimates[0].Estimate, 1e-6)
	require.InDelta(t, -928.836980608306, finding.MMRM["loglik"], 1e-6)

	// A patient answers; the answer is in the journal at once and in ClickHouse soon.
	var link struct{ Token, Patient string }
	require.NoError(t, json.Unmarshal([]byte(d.ask("demo", "links", "--count", "1", "--json")), &link))
	status, receipt := d.answer(link.Token, "first-key", answers(2))
	require.Equal(t, http.StatusCreated, status, receipt)
	require.NotEmpty(t, receipt["flags"], "item 9 above 0 is flagged in the response itself")
	status, again := d.answer(link.Token, "first-key", answers(2))
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, receipt["receipt"], again["receipt"])
	status, _ = d.answer(link.Token, "first-key", answers(0))
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, d.ask("journal", "list", "--json"), "first-key")
	require.Eventually(t, func() bool { return strings.Contains(d.ask("warehouse", "list", "--json"), "first-key") }, time.Minute, 300*time.Millisecond)
	alerts := d.ask("alerts", "list", "--json")
	require.Contains(t, alerts, `"submission":"first-key"`)
	require.Contains(t, alerts, `"submission":"simulated-at-risk-`, "the simulated courses under way bring alerts")
	require.Contains(t, alerts, `"owner":null`)

	// ClickHouse dies: it comes back, nothing is lost.
	enginePID := pidOf(t, filepath.Join(folder, "run", "engine.pid"))
	require.NoError(t, syscall.Kill(enginePID, syscall.SIGKILL))
	require.NoError(t, json.Unmarshal([]byte(d.ask("demo", "links", "--count", "1", "--json")), &link))
	status, _ = d.answer(link.Token, "while-down", answers(0))
	require.Equal(t, http.StatusCreated, status, "intake does not wait for ClickHouse")
	require.Eventually(t, func() bool {
		out, _, code := runProgram(t, nil, "warehouse", "list", "--json", "--data", folder)
		return code == exitDone && strings.Contains(out, "while-down")
	}, time.Minute, 500*time.Millisecond)
	require.Equal(t, d.ask("journal", "list", "--json"), d.ask("warehouse", "list", "--json"), "row by row the same, once shipped")

	// Ctrl-C stops every child; a second start keeps the data and the passwords.
	enginePID = pidOf(t, filepath.Join(folder, "run", "engine.pid"))
	d.stop()
	require.ErrorIs(t, syscall.Kill(enginePID, 0), syscall.ESRCH, "the engine ended with the server")
	require.NoFileExists(t, filepath.Join(folder, "run", "serve.pid"))
	second := startDemo(t, folder, "--resume")
	require.Equal(t, d.lines["researcher"][1:], second.lines["researcher"][1:])
	require.Contains(t, second.ask("warehouse", "list", "--json"), "while-down")
	require.Equal(t, strings.TrimPrefix(d.lines["patient"][0], d.url), strings.TrimPrefix(second.lines["patient"][0], second.url), "the demo's own patient, who has not answered yet")

	// A second server on the folder is refused.
	_, errs, code := runProgram(t, []string{"AFTERGLOW_LISTEN=127.0.0.1:0"}, "demo", "--data", folder, "--clone", clone(t))
	require.NotEqual(t, exitDone, code)
	require.Contains(t, errs, "afterglow:")

	// The warehouse can be lost and is built again from the journal, beside the server.
	before := second.ask("warehouse", "list", "--json")
	second.ask("warehouse", "rebuild")
	require.Eventually(t, func() bool { return second.ask("warehouse", "list", "--json") == before }, time.Minute, 500*time.Millisecond)
	second.ask("warehouse", "reconcile")

	// Without the server, a command opens the folder by itself.
	second.stop()
	alone, errs, code := runProgram(t, nil, "ask", "time-to-loss", "--study", "btheb", "--json", "--data", folder)
	require.Equal(t, exitDone, code, errs)
	require.Contains(t, alone, `"km"`)
}

// What is missing is said in one line, with what to do.
func TestWhatIsMissingIsSaidInOneLine(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	empty := t.TempDir()
	for _, c := range []struct {
		name string
		env  []string
		args []string
		code int
		says []string
	}{
		{"a port in use", []string{"AFTERGLOW_LISTEN=" + busy.Addr().String()}, []string{"demo", "--data", filepath.Join(empty, "a")}, exitMissing, []string{"AFTERGLOW_LISTEN"}},
		{"no libchdb for a demo", []string{"AFTERGLOW_LISTEN=127.0.0.1:0", "AFTERGLOW_LIBCHDB=/nowhere/libchdb.so"}, []string{"demo", "--data", filepath.Join(empty, "d"), "--clone", clone(t)}, exitMissing, []string{"npm ci"}},
		{"a library that is none", []string{"AFTERGLOW_LISTEN=127.0.0.1:0", "AFTERGLOW_LIBCHDB=/etc/passwd"}, []string{"demo", "--data", filepath.Join(empty, "e"), "--clone", clone(t)}, exitMissing, []string{"did not start"}},
		{"a port that is none", []string{"AFTERGLOW_LISTEN=127.0.0.1:99999"}, []string{"demo", "--data", filepath.Join(empty, "f")}, exitBadUse, []string{"host:port"}},
		{"links outside a demo", nil, []string{"demo", "links", "--data", imported(t)}, exitBadUse, []string{"demo"}},
		{"a setting twice", nil, []string{"ask", "retained-benefit", "--study", "btheb", "--set", "covariance=un", "--set", "covariance=cs", "--data", empty}, exitBadUse, []string{"covariance is given twice"}},
		{"a setting without a value", nil, []string{"ask", "retained-benefit", "--study", "btheb", "--set", "covariance", "--data", empty}, exitBadUse, []string{"NAME=VALUE"}},
		{"no libchdb", []string{"AFTERGLOW_LIBCHDB=/nowhere/libchdb.so"}, []string{"ask", "time-to-loss", "--study", "btheb", "--data", imported(t)}, exitMissing, []string{"npm ci"}},
		{"no data folder", nil, []string{"ask", "time-to-loss", "--study", "btheb", "--data", filepath.Join(empty, "none")}, exitMissing, []string{"--data"}},
		{"no clone for the demo study", []string{"AFTERGLOW_LISTEN=127.0.0.1:0"}, []string{"demo", "--data", filepath.Join(empty, "b"), "--clone", empty}, exitMissing, []string{"--clone"}},
		{"a demo on every address", []string{"AFTERGLOW_LISTEN=0.0.0.0:0"}, []string{"demo", "--data", filepath.Join(empty, "c"), "--clone", clone(t)}, exitBadUse, []string{"127.0.0.1"}},
		{"plaintext to another machine's ClickHouse", []string{"AFTERGLOW_CLICKHOUSE=clickhouse://db.example:9000/afterglow"}, []string{"ask", "time-to-loss", "--study", "btheb", "--data", imported(t)}, exitBadUse, []string{"secure=true"}},
		{"a proxy that is no address", []string{"AFTERGLOW_TRUSTED_PROXIES=proxy.example"}, []string{"version"}, exitBadUse, []string{"trusted-proxies"}},
		{"no certificate of an authority", []string{"AFTERGLOW_CLICKHOUSE=clickhouse://u@db.example:9440/afterglow?secure=true", "AFTERGLOW_CLICKHOUSE_CA=/nowhere/ca.crt"}, []string{"ask", "time-to-loss", "--study", "btheb", "--data", imported(t)}, exitMissing, []string{"AFTERGLOW_CLICKHOUSE_CA"}},
		{"no password file", []string{"AFTERGLOW_CLICKHOUSE=clickhouse://u@db.example:9440/afterglow?secure=true", "AFTERGLOW_CLICKHOUSE_PASSWORD_FILE=/nowhere/password"}, []string{"ask", "time-to-loss", "--study", "btheb", "--data", imported(t)}, exitMissing, []string{"AFTERGLOW_CLICKHOUSE_PASSWORD_FILE"}},
		{"a command that does not exist", nil, []string{"guess"}, exitBadUse, []string{"guess"}},
		{"the engine called by hand", nil, []string{"engine"}, exitFailed, []string{"engine"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := runProgram(t, c.env, c.args...)
			require.Equal(t, c.code, code, "%s%s", out, errs)
			for _, word := range c.says {
				require.Contains(t, errs, word)
			}
			require.NotContains(t, errs, "goroutine")
		})
	}
}

// imported is a data folder with the demo study and no server.
func imported(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	dir := clone(t)
	_, errs, code := runProgram(t, nil, "import", "study", filepath.Join(dir, "testdata/btheb/btheb.csv"), "--map", filepath.Join(dir, "studies/btheb.yaml"), "--data", folder)
	require.Equal(t, exitDone, code, errs)
	return folder
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse/engine"
)

// grown is a data folder with the demo study, which came in two halves, so that
// ClickHouse keeps it in two parts; and the answer to a question of all of it.
func grown(t *testing.T) (folder string, truth map[string]any) {
	t.Helper()
	folder = t.TempDir()
	dir := clone(t)
	whole := filepath.Join(dir, "testdata/btheb/btheb.csv")
	content, err := os.ReadFile(whole)
	require.NoError(t, err)
	rows := lines(string(content))
	half := filepath.Join(t.TempDir(), "half.csv")
	// The file is in the order of its subjects, some rows each: cut between two.
	cut := len(rows) / 2
	for strings.SplitN(rows[cut], ",", 2)[0] == strings.SplitN(rows[cut-1], ",", 2)[0] {
		cut++
	}
	require.NoError(t, os.WriteFile(half, []byte(strings.Join(rows[:cut], "\n")+"\n"), 0o600))
	for _, file := range []string{half, whole} {
		_, errs, code := runProgram(t, nil, "import", "study", file, "--map", filepath.Join(dir, "studies/btheb.yaml"), "--data", folder)
		require.Equal(t, exitDone, code, errs)
		truth = asked(t, folder)
	}
	return folder, truth
}

// asked is the answer to the demo question, without what differs from one moment to
// the next. It fails the test when there is none.
func asked(t *testing.T, folder string) map[string]any {
	t.Helper()
	found, says, code := tryAsk(t, folder)
	require.Equal(t, exitDone, code, says)
	return found
}

func tryAsk(t *testing.T, folder string) (found map[string]any, says string, code int) {
	t.Helper()
	out, errs, code := runProgram(t, nil, "ask", "retained-benefit", "--study", "btheb", "--json", "--data", folder)
	if code == exitDone {
		require.NoError(t, json.Unmarshal([]byte(out), &found))
		delete(found["snapshot"].(map[string]any), "taken_at")
		found = map[string]any{"estimates": found["estimates"], "answer": found["answer"], "snapshot": found["snapshot"], "n": found["n"]}
	}
	return found, errs, code
}

// parts are the folders of ClickHouse's parts of the answers, found by their files:
// no other table has so many columns.
func answerParts(t *testing.T, folder string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(folder, "clickhouse", "store", "*", "*", "all_*", "columns.txt"))
	require.NoError(t, err)
	var parts []string
	for _, file := range all {
		columns, err := os.ReadFile(file)
		require.NoError(t, err)
		if bytes.Contains(columns, []byte("`definition_hash`")) {
			parts = append(parts, filepath.Dir(file))
		}
	}
	require.NotEmpty(t, parts)
	return parts
}

func spoilMarks(t *testing.T, part string) {
	t.Helper()
	marks, err := filepath.Glob(filepath.Join(part, "*mrk*"))
	require.NoError(t, err)
	require.NotEmpty(t, marks)
	require.NoError(t, os.WriteFile(marks[0], bytes.Repeat([]byte{0xa5}, 64), 0o600))
}

// serving is a running server.
type serving struct {
	cmd *exec.Cmd
	url string
}

func serve(t *testing.T, folder string) *serving {
	t.Helper()
	cmd := program(t, []string{"AFTERGLOW_LISTEN=127.0.0.1:0"}, "serve", "--data", folder)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	s := &serving{cmd: cmd}
	t.Cleanup(s.stop)
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		if url, ok := strings.CutPrefix(scanner.Text(), "ready "); ok {
			s.url = url
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return s
		}
	}
	require.Fail(t, "the server did not start")
	return nil
}

func (s *serving) stop() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Signal(os.Interrupt)
		_ = s.cmd.Wait()
	}
}

// red is what readiness names.
func (s *serving) red(t *testing.T) []string {
	t.Helper()
	response, err := http.Get(s.url + "/readyz")
	require.NoError(t, err)
	defer response.Body.Close()
	var found struct{ Red []string }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&found))
	require.Equal(t, len(found.Red) > 0, response.StatusCode == http.StatusServiceUnavailable)
	return found.Red
}

// ClickHouse loses a part while a server runs: nobody is ever answered from the
// rest, readiness says so, and everything is right again by itself.
func TestSR11_AServerNeverAnswersFromTheRestOfTheData(t *testing.T) {
	folder, truth := grown(t)
	s := serve(t, folder)
	require.Empty(t, s.red(t))
	require.Equal(t, truth, asked(t, folder), "beside the server")
	parts := answerParts(t, folder)
	spoilMarks(t, parts[len(parts)-1])
	watching, done := context.WithCancel(context.Background())
	var watch sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]bool{}
	watch.Go(func() {
		for watching.Err() == nil {
			for _, part := range s.red(t) {
				mu.Lock()
				seen[part] = true
				mu.Unlock()
			}
			time.Sleep(time.Millisecond)
		}
	})
	require.NoError(t, syscall.Kill(pidOf(t, filepath.Join(folder, "run", "engine.pid")), syscall.SIGKILL))
	answered := false
	for deadline := time.Now().Add(time.Minute); !answered && time.Now().Before(deadline); {
		found, says, code := tryAsk(t, folder)
		if answered = code == exitDone; answered {
			require.Equal(t, truth, found)
			continue
		}
		require.Equal(t, exitMissing, code, says)
	}
	require.True(t, answered)
	done()
	watch.Wait()
	require.True(t, seen["warehouse"], "readiness was red meanwhile")
	require.Empty(t, s.red(t))
	found, _, code := examined(t, nil, "--data", folder)
	require.NotEqual(t, exitMissing, code)
	require.Equal(t, verdictGood, found.named("ClickHouse", "compared with the record").Verdict)
}

// Without a server, a command compares before it answers.
func TestSR11_ACommandAloneComparesFirst(t *testing.T) {
	folder, truth := grown(t)
	for name, spoil := range map[string]func(*testing.T, string){
		"marks":       spoilMarks,
		"a data byte": func(t *testing.T, part string) { warehousetest.Flip(t, filepath.Join(part, "data.bin")) },
		"no files":    func(t *testing.T, part string) { require.NoError(t, os.RemoveAll(part)) },
	} {
		t.Run(name, func(t *testing.T) {
			parts := answerParts(t, folder)
			spoil(t, parts[len(parts)-1])
			require.Equal(t, truth, asked(t, folder))
		})
	}
	t.Run("all of ClickHouse's folder", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(filepath.Join(folder, "clickhouse")))
		require.Equal(t, truth, asked(t, folder))
	})
}

// A byte of the registry is another: findings stay what they were, and every place
// that an operator looks at names the row.
func TestSR11_ADamagedAnswerIsSaidEverywhere(t *testing.T) {
	folder, truth := grown(t)
	path := filepath.Join(folder, "registry.db")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	var answers, sequence string
	require.NoError(t, db.QueryRow("SELECT answers, sequence FROM journal GROUP BY answers HAVING count(*) = 1 ORDER BY sequence LIMIT 1").Scan(&answers, &sequence))
	require.NoError(t, db.Close())
	other := []byte(answers)
	digit := bytes.IndexByte(other, ':') + 1
	other[digit] ^= 1 // one digit becomes another
	require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(content, []byte(answers), other), 0o600))

	require.Equal(t, truth, asked(t, folder))
	row := "journal row " + sequence
	found, said, code := examined(t, nil, "--data", folder)
	require.Equal(t, exitFailed, code)
	line := found.named("registry", "answers and sessions")
	require.Equal(t, verdictWrong, line.Verdict, said)
	require.Contains(t, line.Value, row)
	require.Contains(t, line.Do, "backup")
	require.Equal(t, verdictGood, found.named("registry", "structure").Verdict, "SQLite itself sees nothing")
	out, errs, code := runProgram(t, nil, "warehouse", "reconcile", "--data", folder)
	require.Equal(t, exitFailed, code, errs)
	require.Contains(t, errs, row)
	require.Contains(t, out, "deleted 0")
	_, errs, code = runProgram(t, nil, "warehouse", "rebuild", "--data", folder)
	require.Equal(t, exitBadUse, code)
	require.Contains(t, errs, row)
	s := serve(t, folder)
	require.Equal(t, []string{"registry"}, s.red(t))
	require.Equal(t, truth, asked(t, folder))
}

// A page that answers are written to is noise: the server is red, and doctor says
// that no answer can be taken.
func TestAFolderThatCannotTakeAnAnswerIsRed(t *testing.T) {
	folder, _ := grown(t)
	registrytest.SpoilRoot(t, filepath.Join(folder, "registry.db"), "journal")
	found, said, code := examined(t, nil, "--data", folder)
	require.Equal(t, exitFailed, code)
	require.Equal(t, verdictWrong, found.named("registry", "structure").Verdict, said)
	require.Equal(t, verdictWrong, found.named("registry", "taking an answer").Verdict, said)
}

func TestAServerOnARegistryThatCannotTakeAnAnswerIsRed(t *testing.T) {
	folder, _ := grown(t)
	s := serve(t, folder)
	require.Empty(t, s.red(t))
	s.stop()
	registrytest.SpoilRoot(t, filepath.Join(folder, "registry.db"), "occasion")
	s = serve(t, folder)
	require.Contains(t, s.red(t), "registry")
}

func TestSR78_AuditVerify(t *testing.T) {
	folder := imported(t)
	out, errs, code := runProgram(t, nil, "audit", "verify", "--data", folder)
	require.Equal(t, exitDone, code, errs)
	head := out[strings.LastIndex(out, " ")+1 : len(out)-1]
	_, errs, code = runProgram(t, nil, "audit", "verify", "--checkpoint", head, "--data", folder)
	require.Equal(t, exitDone, code, errs)
	_, errs, code = runProgram(t, nil, "audit", "verify", "--checkpoint", "many", "--data", folder)
	require.Equal(t, exitBadUse, code)
	require.Contains(t, errs, "SEQUENCE:HASH")

	db, err := sql.Open("sqlite", filepath.Join(folder, "registry.db"))
	require.NoError(t, err)
	_, err = db.Exec("DROP TRIGGER audit_keeps_rows; UPDATE audit SET actor = 'somebody' WHERE sequence = 1")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	out, errs, code = runProgram(t, nil, "audit", "verify", "--json", "--data", folder)
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, `"first_bad": 1`)
	require.Contains(t, errs, "audit entry 1")
	found, _, code := examined(t, nil, "--data", folder)
	require.Equal(t, exitFailed, code)
	require.Equal(t, verdictWrong, found.named("registry", "audit trail").Verdict)
}

// A loss that no crash and no part shows is found by the counts, on the pages too;
// the server then repairs it.
func TestSR11_TheServersPagesAreNotAnsweredFromTheRest(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	folder, truth := grown(t)
	library, err := engine.FindLibrary("", "../..")
	require.NoError(t, err)
	s, err := openServer(ctx, &cli{Data: folder, settings: settings{Listen: "127.0.0.1:0", Library: library}})
	require.NoError(t, err)
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait(); require.NoError(t, s.close()) })
	ask := s.researchService().Ask
	_, err = ask(ctx, "retained-benefit", "btheb", nil)
	require.True(t, fault.Is(err, fault.KindUnavailable), "nothing was compared yet: %v", err)
	require.NoError(t, s.keeper.start(ctx))
	require.NoError(t, s.keeper.ping(ctx), "ClickHouse answers")
	require.Error(t, s.sources().Warehouse(ctx), "and is not ready all the same")
	_, err = ask(ctx, "retained-benefit", "btheb", nil)
	require.ErrorContains(t, err, "ask again in a minute")

	running.Go(func() { _ = s.keeper.run(ctx) })
	trusted := func() bool { return s.keeper.check(ctx) == nil }
	require.Eventually(t, trusted, time.Minute, 10*time.Millisecond)
	found, err := ask(ctx, "retained-benefit", "btheb", nil)
	require.NoError(t, err)
	require.Equal(t, truth["answer"], found.Answer)
	lost := []uint64{}
	for sequence := range uint64(100) {
		lost = append(lost, sequence)
	}
	require.NoError(t, s.warehouse.DeleteJournalRows(ctx, lost))
	for {
		found, err := ask(ctx, "retained-benefit", "btheb", nil)
		if err == nil {
			require.Equal(t, truth["answer"], found.Answer)
			break
		}
		require.True(t, fault.Is(err, fault.KindUnavailable), "%v", err)
		require.ErrorContains(t, err, "ask again in a minute")
	}
}

// A command beside a server believes it only about the engine that runs now.
func TestSR11_ACommandBesideAServerAsksIt(t *testing.T) {
	f, err := openFolder(filepath.Join(t.TempDir(), "data"))
	require.NoError(t, err)
	refused := func() {
		t.Helper()
		_, err := f.readTrust()
		require.True(t, fault.Is(err, fault.KindUnavailable), "%v", err)
	}
	refused()
	require.NoError(t, os.WriteFile(f.enginePID(), []byte("17\n"), 0o600))
	require.NoError(t, f.announceTrust(intake.Standing{Trusted: true, Process: "17", Detached: 2}))
	found, err := f.readTrust()
	require.NoError(t, err)
	require.Equal(t, trusted{Process: "17", Detached: 2}, found)
	require.NoError(t, os.WriteFile(f.enginePID(), []byte("18\n"), 0o600))
	refused()
	require.NoError(t, f.announceTrust(intake.Standing{Trusted: true, Process: "18"}))
	require.NoError(t, f.announceTrust(intake.Standing{Why: "a part was lost"}))
	refused()
	require.NoError(t, f.announceTrust(intake.Standing{Trusted: true}), "a server elsewhere has no process here")
	_, err = f.readTrust()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(f.trustFile(), []byte("{"), 0o600))
	refused()
}

// A damaged row that shipping or a comparison meets between two examinations turns
// readiness red at once.
func TestADamagedRowThatIsMetLaterIsRed(t *testing.T) {
	library, err := engine.FindLibrary("", "../..")
	require.NoError(t, err)
	s, err := openServer(t.Context(), &cli{Data: imported(t), settings: settings{Listen: "127.0.0.1:0", Library: library}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.close()) })
	s.examiner.examine(t.Context())
	require.NoError(t, s.examiner.check(t.Context()))
	require.NoError(t, s.store.SetDamage(t.Context(), []registry.Damage{{Kind: "journal", Sequence: 3}}))
	require.ErrorContains(t, s.examiner.check(t.Context()), "journal row 3")
	require.Contains(t, s.sources().Red(t.Context()), "registry")
}

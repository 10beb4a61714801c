package intake_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse"
	"afterglow/internal/warehouse/engine"
)

// ward is a registry with the small study in it, shipped in two batches to an
// engine of its own, and a trust over both.
type ward struct {
	*bench
	engine warehousetest.OwnEngine
	w      *warehouse.Warehouse
	ship   *intake.Shipper
	trust  *intake.Trust
	told   []intake.Standing
}

func newWard(t *testing.T) *ward {
	t.Helper()
	b := setup(t, 0)
	e := warehousetest.Own(t, func(c *engine.Config) {
		c.Watch = engine.Watch{Every: 50 * time.Millisecond, BackoffMin: 10 * time.Millisecond, BackoffMax: 20 * time.Millisecond}
	})
	w := warehousetest.OpenConfig(t, e.Config)
	out := &ward{bench: b, engine: e, w: w, ship: shipper(t, b.store, w)}
	whole := study()
	half := whole
	half.Subjects = whole.Subjects[:3]
	for _, in := range []registry.StudyImport{half, whole} {
		_, err := b.store.ImportStudy(ctx, registry.System("test"), in)
		require.NoError(t, err)
		require.NoError(t, out.ship.Drain(ctx))
	}
	out.trust = out.newTrust(t)
	return out
}

func (v *ward) newTrust(t *testing.T) *intake.Trust {
	t.Helper()
	trust, err := intake.NewTrust(intake.TrustConfig{Store: v.store, Warehouse: v.w, Shipper: v.ship, Logger: registrytest.Logger(),
		Process: func() string { return strconv.Itoa(v.engine.Pid()) }, Restart: v.engine.Restart,
		Told: func(s intake.Standing) { v.told = append(v.told, s) }})
	require.NoError(t, err)
	return trust
}

// ask is what a question does around its answer.
func (v *ward) ask(t *testing.T) error {
	t.Helper()
	mark, err := v.trust.Begin(ctx)
	if err == nil {
		_, err = v.trust.Confirm(ctx, "small", mark)
	}
	if err != nil {
		require.True(t, fault.Is(err, fault.KindUnavailable), "%v", err)
		require.ErrorContains(t, err, "ask again in a minute")
	}
	return err
}

func (v *ward) snapshot(t *testing.T) warehouse.Snapshot {
	t.Helper()
	s, err := v.w.Snapshot(ctx, "small")
	require.NoError(t, err)
	return s
}

func (v *ward) killEngine(t *testing.T) {
	t.Helper()
	before := v.engine.Pid()
	require.NoError(t, syscall.Kill(before, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		s := v.engine.State()
		return s.Phase == engine.PhaseUp && s.PID != before
	}, time.Minute, 5*time.Millisecond)
}

// Nothing is answered before the first comparison, and everything after it.
func TestSR11_NothingIsTrustedBeforeItWasCompared(t *testing.T) {
	v := newWard(t)
	require.ErrorContains(t, v.ask(t), "ClickHouse is starting")
	require.NoError(t, v.w.DeleteJournalRows(ctx, []uint64{1}))
	require.NoError(t, v.trust.Settle(ctx))
	require.NoError(t, v.ask(t))
	require.Len(t, keys(t, v.w), 12, "what was lost is there before the first answer")
	require.Equal(t, []intake.Standing{{Trusted: true, Process: strconv.Itoa(v.engine.Pid())}}, v.told)
}

// The damage that ClickHouse does not speak of: it sets what it cannot read aside
// at its start, and answers from the rest.
func TestSR11_ALostPartIsNeverAnsweredFrom(t *testing.T) {
	marks := func(t *testing.T, part string) {
		marks, err := filepath.Glob(filepath.Join(part, "*mrk*"))
		require.NoError(t, err)
		require.NotEmpty(t, marks)
		require.NoError(t, os.WriteFile(marks[0], bytes.Repeat([]byte{0xa5}, 64), 0o600))
	}
	gone := func(t *testing.T, part string) { require.NoError(t, os.RemoveAll(part)) }
	flipped := func(t *testing.T, part string) { warehousetest.Flip(t, filepath.Join(part, "data.bin")) }
	cut := func(t *testing.T, part string) { require.NoError(t, os.Truncate(filepath.Join(part, "data.bin"), 10)) }
	for _, c := range []struct {
		name, table string
		spoil       func(t *testing.T, part string)
	}{
		{"the marks of answers are noise", "response", marks},
		{"the files of answers are gone", "response", gone},
		{"a byte of answers is another", "response", flipped},
		{"answers are cut off", "response", cut},
		{"a byte of the subjects is another", "subject", flipped},
		{"the marks of the study are noise", "study", marks},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newWard(t)
			require.NoError(t, v.trust.Settle(ctx))
			before := v.snapshot(t)
			parts := warehousetest.Parts(t, v.engine.Config, c.table)
			c.spoil(t, parts[len(parts)-1])
			v.killEngine(t)
			require.Error(t, v.ask(t), "a start of ClickHouse ends the trust before anybody notices a loss")
			require.Error(t, v.trust.Check())
			require.NoError(t, v.trust.Settle(ctx))
			require.NoError(t, v.ask(t))
			require.Equal(t, before, v.snapshot(t), "repaired before the next answer")
		})
	}
}

// A part can go without any crash: an operator's hand, a disk's.
func TestSR11_ALossWithoutACrashIsNeverAnsweredFrom(t *testing.T) {
	for _, c := range []struct{ name, statement, says string }{
		{"an answer's part", "ALTER TABLE response DROP PART {part:String}", "were recorded and ClickHouse has"},
		{"a part set aside", "ALTER TABLE response DETACH PART {part:String}", ""},
		{"a subject's part", "ALTER TABLE subject DROP PART {part:String}", "subjects were recorded"},
		{"the study's part", "ALTER TABLE study DROP PART {part:String}", "the definition of study small"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newWard(t)
			require.NoError(t, v.trust.Settle(ctx))
			before := v.snapshot(t)
			mark, err := v.trust.Begin(ctx)
			require.NoError(t, err)
			table := strings.Fields(c.statement)[2]
			parts := warehousetest.Parts(t, v.engine.Config, table)
			statement := strings.ReplaceAll(c.statement, "{part:String}", "'"+filepath.Base(parts[len(parts)-1])+"'")
			require.NoError(t, warehousetest.Direct(t, v.engine.Config).Exec(ctx, statement))
			_, err = v.trust.Confirm(ctx, "small", mark)
			require.True(t, fault.Is(err, fault.KindUnavailable), "%v", err)
			require.ErrorContains(t, err, c.says)
			require.Error(t, v.ask(t), "and nobody else is answered until it is repaired")
			require.NoError(t, v.trust.Settle(ctx))
			require.NoError(t, v.ask(t))
			require.Equal(t, before, v.snapshot(t))
		})
	}
}

// A part that is set aside ends the trust also where the counts agree: which version
// of a row is left is not known before the comparison.
func TestSR11_APartSetAsideEndsTheTrustWithoutAWrongCount(t *testing.T) {
	v := newWard(t)
	require.NoError(t, v.trust.Settle(ctx))
	mark, err := v.trust.Begin(ctx)
	require.NoError(t, err)
	rows := []warehouse.Response{}
	require.NoError(t, v.w.JournalRows(ctx, func(r warehouse.JournalRow) error { rows = append(rows, r.Response); return nil }))
	direct := warehousetest.Direct(t, v.engine.Config)
	before := len(warehousetest.Parts(t, v.engine.Config, "response"))
	require.NoError(t, v.w.InsertResponses(ctx, "the same again", rows))
	parts := warehousetest.Parts(t, v.engine.Config, "response")
	require.Len(t, parts, before+1)
	require.NoError(t, direct.Exec(ctx, "ALTER TABLE response DETACH PART '"+filepath.Base(parts[before])+"'"))
	_, err = intake.CheckStudy(ctx, v.store, v.w, "small")
	require.NoError(t, err, "the counts agree")
	_, err = v.trust.Confirm(ctx, "small", mark)
	require.ErrorContains(t, err, "set a part of a table aside")
	require.NoError(t, v.trust.Settle(ctx))
	require.NoError(t, v.ask(t))
}

// An answer that was begun before a restart and ended after it is void.
func TestSR11_AnAnswerAcrossAStartIsVoid(t *testing.T) {
	v := newWard(t)
	require.NoError(t, v.trust.Settle(ctx))
	mark, err := v.trust.Begin(ctx)
	require.NoError(t, err)
	v.killEngine(t)
	_, err = v.trust.Begin(ctx)
	require.Error(t, err)
	require.NoError(t, v.trust.Settle(ctx))
	_, err = v.trust.Confirm(ctx, "small", mark)
	require.Error(t, err)
	require.NoError(t, v.ask(t))
}

// While a server runs, all of this happens by itself; new rows are shipped too.
func TestSR11_TheServersLoopRepairsByItself(t *testing.T) {
	v := newWard(t)
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); v.trust.Run(running) }()
	t.Cleanup(func() { stop(); <-ended })
	trusted := func() bool { return v.trust.Check() == nil }
	require.Eventually(t, trusted, time.Minute, 10*time.Millisecond)
	before := v.snapshot(t)
	parts := warehousetest.Parts(t, v.engine.Config, "response")
	warehousetest.Flip(t, filepath.Join(parts[0], "data.bin"))
	v.killEngine(t)
	require.False(t, trusted())
	require.Eventually(t, trusted, time.Minute, 10*time.Millisecond)
	require.Equal(t, before, v.snapshot(t))

	more := study()
	more.Subjects = append(more.Subjects, registry.ImportedSubject{Code: "S099", Factors: map[string]string{"arm": "new"}, Responses: more.Subjects[0].Responses})
	_, err := v.store.ImportStudy(ctx, registry.System("test"), more)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(keys(t, v.w)) == 14 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, v.ask(t))
}

func TestWhatIsOnItsWayIsSaid(t *testing.T) {
	v := newWard(t)
	require.NoError(t, v.trust.Settle(ctx))
	more := study()
	more.Subjects = append(more.Subjects, registry.ImportedSubject{Code: "S099", Factors: map[string]string{"arm": "new"}, Responses: more.Subjects[0].Responses})
	_, err := v.store.ImportStudy(ctx, registry.System("test"), more)
	require.NoError(t, err)
	mark, err := v.trust.Begin(ctx)
	require.NoError(t, err)
	caveats, err := v.trust.Confirm(ctx, "small", mark)
	require.NoError(t, err)
	require.Len(t, caveats, 1)
	require.Equal(t, "waiting", caveats[0].Code)
	require.Contains(t, caveats[0].Text, "2 received answers")

	other := study()
	other.Study.ID = "other"
	_, err = v.store.ImportStudy(ctx, registry.System("test"), other)
	require.NoError(t, err)
	_, err = v.trust.Confirm(ctx, "other", mark)
	require.True(t, fault.Is(err, fault.KindUnavailable), "%v", err)
	require.ErrorContains(t, err, "on its way")
	_, err = v.trust.Confirm(ctx, "none", mark)
	require.True(t, fault.Is(err, fault.KindNotFound), "%v", err)
}

// A byte of the registry's file that a disk turned around is found by the row's
// seal: the good copy in the warehouse is neither replaced nor deleted.
func TestSR11_ADamagedRowOfTheRegistryNeverReplacesAGoodOne(t *testing.T) {
	v := newWard(t)
	require.NoError(t, v.trust.Settle(ctx))
	before := v.snapshot(t)
	require.NoError(t, v.store.Close())
	content, err := os.ReadFile(v.folder.Path)
	require.NoError(t, err)
	require.Contains(t, string(content), `{"total":10}`)
	// A page that was split keeps old bytes beside the row's: all of them change.
	require.NoError(t, os.WriteFile(v.folder.Path, bytes.ReplaceAll(content, []byte(`{"total":10}`), []byte(`{"total":90}`)), 0o600))
	v.store = v.folder.Open(t)
	v.ship = shipper(t, v.store, v.w)
	v.trust = v.newTrust(t)

	found, err := intake.Reconcile(ctx, v.store, v.w)
	require.NoError(t, err)
	require.False(t, found.Differs())
	require.Len(t, found.Damaged, 1)
	require.Equal(t, "journal row 1", found.Damaged[0].String())
	require.Zero(t, found.Requeued+found.Deleted)
	require.NoError(t, v.trust.Settle(ctx))
	require.Equal(t, before, v.snapshot(t))
	mark, err := v.trust.Begin(ctx)
	require.NoError(t, err)
	caveats, err := v.trust.Confirm(ctx, "small", mark)
	require.NoError(t, err)
	require.Len(t, caveats, 1)
	require.Equal(t, "damaged-record", caveats[0].Code)

	err = intake.Rebuild(ctx, v.store, v.w)
	require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
	require.ErrorContains(t, err, "journal row 1")
	require.Equal(t, before, v.snapshot(t), "nothing was emptied")
}

// Factor levels decide which group a person counts in: an altered one is found and
// put right, even where it calls itself newer, and so is a subject that nobody
// knows.
func TestSR11_AChangedArmAndAForeignSubjectAreFound(t *testing.T) {
	w := warehousetest.Open(t)
	b := setup(t, 0)
	s := shipper(t, b.store, w)
	in := study()
	in.Study.Covariates = []care.Factor{{Name: "drug", Levels: []string{"No", "Yes"}}}
	for i := range in.Subjects {
		in.Subjects[i].Factors["drug"] = "No"
	}
	_, err := b.store.ImportStudy(ctx, registry.System("test"), in)
	require.NoError(t, err)
	require.NoError(t, s.Drain(ctx))
	before, err := w.Snapshot(ctx, "small")
	require.NoError(t, err)
	subjects := []warehouse.Subject{}
	require.NoError(t, w.Subjects(ctx, func(s warehouse.Subject) { subjects = append(subjects, s) }))
	for name, alter := range map[string]func(*warehouse.Subject){
		"another arm":       func(s *warehouse.Subject) { s.Factors = map[string]string{"arm": "other", "drug": "No"} },
		"another covariate": func(s *warehouse.Subject) { s.Factors = map[string]string{"arm": s.Factors["arm"], "drug": "Yes"} },
		"a covariate less":  func(s *warehouse.Subject) { s.Factors = map[string]string{"arm": s.Factors["arm"]} },
		"simulated":         func(s *warehouse.Subject) { s.Simulated = true },
		"a foreign subject": func(s *warehouse.Subject) { s.Subject = care.Pseudonym(fmt.Sprintf("%032x", 7)) },
	} {
		t.Run(name, func(t *testing.T) {
			altered := subjects[0]
			alter(&altered)
			altered.Sequence = 1 << 40
			require.NoError(t, w.InsertSubjects(ctx, "altered "+name, []warehouse.Subject{altered}))
			found, err := intake.Reconcile(ctx, b.store, w)
			require.NoError(t, err)
			require.Equal(t, 1, found.Subjects)
			require.NoError(t, s.Drain(ctx))
			after, err := w.Snapshot(ctx, "small")
			require.NoError(t, err)
			require.Equal(t, before, after)
			clean, err := intake.Reconcile(ctx, b.store, w)
			require.NoError(t, err)
			require.False(t, clean.Differs())
		})
	}
	t.Run("a study that nobody knows", func(t *testing.T) {
		foreign := in.Study
		foreign.ID = "foreign"
		require.NoError(t, w.InsertStudy(ctx, "foreign", foreign, 1))
		found, err := intake.Reconcile(ctx, b.store, w)
		require.NoError(t, err)
		require.Equal(t, 1, found.Studies)
		_, err = w.Study(ctx, "foreign")
		require.True(t, fault.Is(err, fault.KindNotFound))
	})
}

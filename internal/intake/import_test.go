package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse"
)

// large is a trial of n subjects with both visits.
func large(n int) registry.StudyImport {
	in := study()
	template := in.Subjects[0]
	in.Subjects = nil
	for i := range n {
		s := template
		s.Code = fmt.Sprintf("L%05d", i)
		in.Subjects = append(in.Subjects, s)
	}
	return in
}

func beside(t *testing.T, b *bench) *registry.Store {
	t.Helper()
	return b.folder.Open(t, func(c *registry.Config) { c.Beside = true })
}

// A large import by another process, while patients send: every send is answered,
// many of them between two transactions of the import, and none of those holds more
// than a chunk.
func TestIntakeGoesOnWhileAStudyIsImported(t *testing.T) {
	const subjects, patients = 2500, 400
	b := setup(t, patients)
	other := beside(t, b)
	done := make(chan error, 1)
	go func() {
		_, err := other.ImportStudy(ctx, registry.Actor{Kind: registry.ActorCommand, ID: "import study"}, large(subjects))
		done <- err
	}()
	sent := 0
	send := func() {
		_, err := b.service.Accept(ctx, b.submission(sent, fmt.Sprintf("during-%d", sent), answers(sent%4)))
		require.NoError(t, err, "send %d", sent)
		sent++
	}
	// A few while the import is written down, the others while it is carried out.
	for sent < 20 {
		send()
	}
	require.Eventually(t, func() bool { return begun(t, b.store) }, 2*time.Minute, 5*time.Millisecond)
	for sent < patients {
		send()
	}
	require.NoError(t, <-done)

	parts, rows, between, pending := 0, 0, 0, 0
	require.NoError(t, b.store.EachAuditEntry(ctx, 0, func(e registry.AuditEntry) error {
		switch e.Action {
		case "study-import-part":
			var detail struct{ Rows int }
			require.NoError(t, json.Unmarshal(e.Detail, &detail))
			require.LessOrEqual(t, detail.Rows, registry.ImportChunkRows)
			parts++
			rows += detail.Rows
			between += pending
			pending = 0
		case "submission-accepted":
			if parts > 0 {
				pending++
			}
		}
		return nil
	}))
	require.Equal(t, 3*subjects, rows, "a course and two answers each")
	require.GreaterOrEqual(t, parts, 3*subjects/registry.ImportChunkRows)
	require.Positive(t, between, "sends were taken between two chunks")
}

// begun reports whether an import is being carried out, or was.
func begun(t *testing.T, store *registry.Store) bool {
	found := false
	require.NoError(t, store.EachAuditEntry(ctx, 0, func(e registry.AuditEntry) error {
		found = found || e.Action == "study-import-begun"
		return nil
	}))
	return found
}

// While an import is under way the shipper carries none of it; afterwards all.
func TestTheWarehouseSeesAnImportWholeOrNotAtAll(t *testing.T) {
	const subjects = 1500
	w := warehousetest.Open(t)
	b := setup(t, 0)
	s := shipper(t, b.store, w)
	other := beside(t, b)
	done := make(chan error, 1)
	go func() {
		_, err := other.ImportStudy(ctx, registry.Actor{Kind: registry.ActorCommand, ID: "import study"}, large(subjects))
		done <- err
	}()
	looks := 0
	for under := true; under; {
		select {
		case err := <-done:
			require.NoError(t, err)
			under = false
		default:
		}
		require.NoError(t, s.Drain(ctx))
		n := len(keys(t, w))
		require.Contains(t, []int{0, 2 * subjects}, n)
		studies, err := w.Studies(ctx)
		require.NoError(t, err)
		require.Equal(t, n > 0, len(studies) == 1, "the study comes with its answers")
		looks++
	}
	require.NoError(t, s.Drain(ctx))
	require.Len(t, keys(t, w), 2*subjects)
	require.Greater(t, looks, 1)
}

// An import that was cut off is completed, or discarded, by the next shipping; the
// warehouse has all of it or none.
func TestShippingFinishesAnImportThatWasCutOff(t *testing.T) {
	const subjects = 300
	faults := registrytest.NewFaults(t)
	b := setup(t, 0, func(c *registry.Config) { c.Driver = faults.Name })
	faults.FailAt(0, 0)
	_, err := b.store.ImportStudy(ctx, registry.System("test"), large(subjects))
	require.NoError(t, err)
	statements := faults.Seen()

	outcomes := map[int]int{}
	for _, share := range []float64{0.05, 0.2, 0.5, 0.95} {
		folder := registrytest.NewFolder(t)
		broken := folder.Open(t, func(c *registry.Config) { c.Driver = faults.Name })
		faults.FailAt(int(share*float64(statements)), registrytest.CodeIO)
		_, err := broken.ImportStudy(ctx, registry.System("test"), large(subjects))
		faults.FailAt(0, 0)
		require.Error(t, err)
		require.NoError(t, broken.Close())

		w := warehousetest.Open(t)
		again := folder.Open(t)
		s := shipper(t, again, w)
		require.NoError(t, s.Drain(ctx))
		n := len(keys(t, w))
		require.Contains(t, []int{0, 2 * subjects}, n, "cut off at %.2f", share)
		outcomes[n]++
		found, err := intake.Reconcile(ctx, again, w)
		require.NoError(t, err)
		require.False(t, found.Differs(), "%+v", found)
	}
	require.Len(t, outcomes, 2, "some were completed and some discarded: %v", outcomes)
}

// A corrected score, a retracted one and a corrected arm reach the warehouse, and
// what was there before stays as a version.
func TestCorrectionsOfAnImportReachTheWarehouseAsVersions(t *testing.T) {
	config := warehousetest.Config(t)
	w := warehousetest.OpenConfig(t, config)
	b := setup(t, 0)
	s := shipper(t, b.store, w)
	_, err := b.store.ImportStudy(ctx, registry.System("test"), study())
	require.NoError(t, err)
	require.NoError(t, s.Drain(ctx))

	in := study()
	in.Correct = "source data checked"
	in.Study.Title = "A title"
	in.Study.Visits = append(in.Study.Visits, care.Visit{Name: "8m", Day: 243})
	in.Subjects[0].Factors = map[string]string{"arm": "new"}
	value := 33.0
	in.Subjects[0].Responses[0].Answers = instrument.Answers{"total": instrument.Answer(33)}
	in.Subjects[0].Responses[0].Score.Score = &value
	in.Subjects[1].Responses = in.Subjects[1].Responses[:1]
	in.Subjects[1].Empty = []registry.EmptyPlace{{Instrument: "bdi-ii", Visit: "3m"}}
	_, err = b.store.ImportStudy(ctx, registry.System("test"), in)
	require.NoError(t, err)
	require.NoError(t, s.Drain(ctx))

	check := func() {
		direct := warehousetest.Direct(t, config)
		for table, rows := range map[string]uint64{"study": 2, "subject": 7, "response": 14} {
			require.NoError(t, direct.Exec(ctx, "OPTIMIZE TABLE "+table+" FINAL"))
			var n uint64
			require.NoError(t, direct.QueryRow(ctx, "SELECT count() FROM "+table).Scan(&n))
			require.Equal(t, rows, n, "%s keeps every version, whatever merges", table)
		}
		definition, err := w.Study(ctx, "small")
		require.NoError(t, err)
		require.Equal(t, "A title", definition.Title)
		counts, err := w.Completion(ctx, warehouse.CompletionParams{Study: "small", Instrument: "bdi-ii", Sequence: 1 << 40, Group: "arm", Visits: []string{"2m", "3m", "8m"}})
		require.NoError(t, err)
		answered, expected := map[string]int{}, map[string]int{}
		for _, c := range counts {
			answered[c.Group+" "+c.Visit] = c.Answered
			expected[c.Group] = c.Expected
		}
		require.Equal(t, map[string]int{"TAU": 2, "new": 4}, expected, "subject 0 is in the other arm now")
		require.Equal(t, 4, answered["new 2m"])
		require.Equal(t, 3, answered["new 3m"], "the retracted score counts no more")
		require.Equal(t, 2, answered["TAU 3m"])
	}
	check()
	found, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.False(t, found.Differs(), "%+v", found)
	require.NoError(t, intake.Rebuild(ctx, b.store, w))
	require.NoError(t, s.Drain(ctx))
	check()
}

// A study that is sent again after a crash is believed only when this version of
// it is there.
func TestAFurtherVersionOfAStudyIsNotTakenForTheFirst(t *testing.T) {
	w := warehousetest.Open(t)
	b := setup(t, 0)
	_, err := b.store.ImportStudy(ctx, registry.System("test"), study())
	require.NoError(t, err)
	attempts := 0
	s := shipper(t, b.store, w, func(c *intake.ShipperConfig) {
		insert := c.Inserts.Study
		c.Inserts.Study = func(ctx context.Context, token string, study care.Study, sequence uint64) error {
			if attempts++; attempts == 2 {
				return errors.New("the connection broke before the insert")
			}
			return insert(ctx, token, study, sequence)
		}
	})
	require.NoError(t, s.Drain(ctx))
	titled := study()
	titled.Study.Title = "A title"
	_, err = b.store.ImportStudy(ctx, registry.System("test"), titled)
	require.NoError(t, err)
	require.Error(t, s.Drain(ctx))
	require.NoError(t, s.Drain(ctx))
	definition, err := w.Study(ctx, "small")
	require.NoError(t, err)
	require.Equal(t, "A title", definition.Title)
}

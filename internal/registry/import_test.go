package registry_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

// shown is what readers see of the trial.
type shown struct {
	studies int
	rows    int
	waiting int64
}

func look(t *testing.T, s *registry.Store) shown {
	t.Helper()
	var seen shown
	studies, err := s.Studies(ctx)
	require.NoError(t, err)
	seen.studies = len(studies)
	require.NoError(t, s.EachJournalRow(ctx, 0, func(registry.JournalRow) error {
		seen.rows++
		return nil
	}))
	counts, err := s.JournalCounts(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(seen.rows), counts.Rows)
	seen.waiting = counts.Waiting
	courses, err := s.ShippedCourses(ctx)
	require.NoError(t, err)
	require.Empty(t, courses, "nothing is shipped yet")
	return seen
}

// An import is interrupted at many of its statements, in turn by a failing disk
// and by the end of its process. At every moment readers see all of it or nothing,
// and the same file again completes it.
func TestAnInterruptedImportIsWholeOrNotThere(t *testing.T) {
	const subjects = 250
	none, all := shown{}, shown{studies: 1, rows: subjects, waiting: subjects}
	faults := registrytest.NewFaults(t)
	clean := registrytest.NewFolder(t).Open(t, func(c *registry.Config) { c.Driver = faults.Name })
	faults.FailAt(0, 0)
	_, err := clean.ImportStudy(ctx, system, trial(subjects))
	require.NoError(t, err)
	statements := faults.Seen()
	require.Equal(t, all, look(t, clean))

	const moments = 16
	hidden, discarded := 0, 0
	for i := range moments {
		f := registrytest.NewFolder(t)
		broken, err := registry.Open(ctx, config(t, f, faults.Name))
		require.NoError(t, err)
		faults.FailAt(1+i*(statements-1)/(moments-1), registrytest.CodeIO)
		_, err = broken.ImportStudy(ctx, system, trial(subjects))
		faults.FailAt(0, 0)
		require.Error(t, err)
		seen := look(t, broken)
		require.Contains(t, []shown{none, all}, seen, "moment %d", i)
		_, found, err := broken.NextShipment(ctx, 10_000)
		require.NoError(t, err)
		require.Equal(t, seen == all, found, "what is not shown is not shipped")
		mark, err := broken.OutboxMark(ctx)
		require.NoError(t, err)
		waiting, err := broken.WaitingUpTo(ctx, mark)
		require.NoError(t, err)
		require.Equal(t, seen == all, waiting > 0, "and no question waits for it")
		require.NoError(t, broken.Close())

		again := f.Open(t)
		require.NoError(t, again.FinishImports(ctx))
		finished := look(t, again)
		require.Contains(t, []shown{none, all}, finished, "moment %d", i)
		switch {
		case seen == none && finished == all:
			hidden++
		case finished == none:
			discarded++
		}
		report, err := again.ImportStudy(ctx, system, trial(subjects))
		require.NoError(t, err)
		require.Equal(t, subjects, report.SubjectsAdded+report.SubjectsKnown)
		require.Equal(t, subjects, report.ResponsesAdded+report.ResponsesKnown)
		require.Equal(t, all, look(t, again), "the same file again works")
		auditEntries(t, again)
		require.NoError(t, again.CheckIntegrity(ctx))
	}
	require.Positive(t, hidden, "some were interrupted while they were carried out, and completed")
	require.Positive(t, discarded, "some were interrupted before they were decided, and discarded")
}

func config(t *testing.T, f *registrytest.Folder, driver string) registry.Config {
	c := f.Config(t)
	c.Driver = driver
	return c
}

// No transaction of an import holds more than a chunk, whatever one subject brings.
func TestAnImportIsWrittenInChunks(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	in := trial(3)
	in.Study.Visits = nil
	var visits []care.Visit
	for day := range 2 * registry.ImportChunkRows {
		visits = append(visits, care.Visit{Name: strings.Repeat("v", 1+day%50) + string(rune('0'+day%10)) + string(rune('a'+day/50)), Day: day})
	}
	in.Study.Visits = visits
	first := in.Subjects[0].Responses[0]
	for i := range in.Subjects {
		in.Subjects[i].Responses = nil
		for _, v := range visits {
			r := first
			r.Visit, r.Day = v.Name, v.Day
			in.Subjects[i].Responses = append(in.Subjects[i].Responses, r)
		}
	}
	report, err := s.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	require.Equal(t, 3*len(visits), report.ResponsesAdded)
	total := 0
	require.NoError(t, s.EachAuditEntry(ctx, 0, func(e registry.AuditEntry) error {
		if e.Action == "study-import-part" {
			rows := partRows(t, e)
			require.LessOrEqual(t, rows, registry.ImportChunkRows)
			total += rows
		}
		return nil
	}))
	require.Equal(t, 3+3*len(visits), total)
	again, err := s.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	require.Equal(t, 3*len(visits), again.ResponsesKnown)
}

func TestOneImportAtATime(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	beside := f.Open(t, func(c *registry.Config) { c.Beside = true })
	in := trial(2000)
	done := make(chan error, 1)
	go func() {
		_, err := s.ImportStudy(ctx, system, in)
		done <- err
	}()
	require.Eventually(t, func() bool {
		begun := false
		require.NoError(t, beside.EachAuditEntry(ctx, 0, func(e registry.AuditEntry) error {
			begun = begun || e.Action == "study-import-begun"
			return nil
		}))
		return begun
	}, time.Minute, time.Millisecond, "the first import holds the place")
	refused := 0
	for range 10_000 {
		_, err := beside.ImportStudy(ctx, system, trial(1))
		if err == nil {
			break // it came after the other
		}
		require.True(t, fault.Is(err, fault.KindUnavailable), "%v", err)
		require.NoError(t, beside.FinishImports(ctx), "an import that is under way is left alone")
		refused++
	}
	require.NoError(t, <-done)
	require.Positive(t, refused)
	studies, err := s.Studies(ctx)
	require.NoError(t, err)
	require.Len(t, studies, 1)
}

// corrected is the trial with another score of its first subject.
func corrected(score int) registry.StudyImport {
	in := trial(2)
	value := float64(score)
	in.Subjects[0].Responses[0].Answers = instrument.Answers{"total": instrument.Answer(score)}
	in.Subjects[0].Responses[0].Score.Score = &value
	return in
}

func newest(t *testing.T, s *registry.Store) registry.JournalRow {
	t.Helper()
	var row registry.JournalRow
	require.NoError(t, s.EachJournalRow(ctx, 0, func(r registry.JournalRow) error {
		if r.Occasion == 1 {
			row = r
		}
		return nil
	}))
	return row
}

func TestACorrectedScoreIsAFurtherRevision(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	_, err := s.ImportStudy(ctx, system, corrected(7))
	require.NoError(t, err)

	report, err := s.ImportStudy(ctx, system, corrected(8))
	require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
	require.NotContains(t, err.Error(), "canary")
	require.Equal(t, []registry.Difference{{Row: 2, Subject: "canary-000000", Visit: "2m", Instrument: "bdi-ii", Stored: "7", Given: "8"}}, report.Differences)
	require.Equal(t, 1, newest(t, s).Revision)

	in := corrected(8)
	in.Correct = "typing error"
	report, err = s.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	require.Equal(t, 1, report.Corrected)
	row := newest(t, s)
	require.Equal(t, 2, row.Revision)
	require.Equal(t, 8.0, *row.Score.Score)
	require.Equal(t, "typing error", row.Reason)
	require.Equal(t, system.ID, row.Author)

	report, err = s.ImportStudy(ctx, system, corrected(8))
	require.NoError(t, err)
	require.Equal(t, 2, report.ResponsesKnown, "the corrected file again has no effect")
	_, err = s.ImportStudy(ctx, system, corrected(7))
	require.True(t, fault.Is(err, fault.KindConflict), "the older file would take the correction back: %v", err)
	auditEntries(t, s)
}

func TestAnEmptyFieldCallsAScoreBack(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	_, err := s.ImportStudy(ctx, system, corrected(7))
	require.NoError(t, err)
	empty := trial(2)
	empty.Subjects[0].Responses = nil
	empty.Subjects[0].Empty = []registry.EmptyPlace{{Instrument: "bdi-ii", Visit: "2m", Row: 2}}

	report, err := s.ImportStudy(ctx, system, empty)
	require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
	require.Equal(t, "7", report.Differences[0].Stored)
	require.Empty(t, report.Differences[0].Given)

	empty.Correct = "not assessed"
	report, err = s.ImportStudy(ctx, system, empty)
	require.NoError(t, err)
	require.Equal(t, 1, report.Retracted)
	row := newest(t, s)
	require.Nil(t, row.Score.Score)
	require.Equal(t, instrument.Answers{"total": nil}, row.Answers)
	require.Empty(t, row.Score.Flags, "nobody left a question open")

	empty.Correct = ""
	report, err = s.ImportStudy(ctx, system, empty)
	require.NoError(t, err)
	require.Zero(t, report.DifferenceCount, "the same file again has no effect")
	_, err = s.ImportStudy(ctx, system, corrected(7))
	require.True(t, fault.Is(err, fault.KindConflict), "a retracted score does not come back by itself: %v", err)
}

// What a clinician corrected here stays, whichever cut of the file comes again.
func TestACorrectionMadeHereOutlivesTheFile(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	_, err := s.ImportStudy(ctx, system, corrected(7))
	require.NoError(t, err)
	before := newest(t, s)
	nine := 9.0
	require.NoError(t, s.Write(ctx, registry.Actor{Kind: registry.ActorAccount, ID: "4"}, func(tx *registry.Tx) error {
		o, err := tx.OccasionByID(before.Occasion)
		if err != nil {
			return err
		}
		_, err = tx.Correct(registry.Entry{Key: "by-hand", BodyHash: before.BodyHash, Occasion: o, DefinitionHash: "d",
			Answers: instrument.Answers{"total": instrument.Answer(9)}, Score: instrument.Score{Score: &nine, Valid: true}, Source: care.SourceImport}, before, "entry-error")
		return err
	}))
	report, err := s.ImportStudy(ctx, system, corrected(7))
	require.NoError(t, err)
	require.Equal(t, 2, report.ResponsesKnown)
	require.Equal(t, 9.0, *newest(t, s).Score.Score)

	report, err = s.ImportStudy(ctx, system, corrected(8))
	require.Error(t, err)
	require.Equal(t, "9", report.Differences[0].Stored, "the difference is to what counts now")
}

func TestFactorsKeepEveryVersion(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	_, err := s.ImportStudy(ctx, system, trial(2))
	require.NoError(t, err)
	other := trial(2)
	other.Subjects[0].Factors = map[string]string{"arm": "TAU"}
	report, err := s.ImportStudy(ctx, system, other)
	require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
	require.Equal(t, "subject canary-000000: arm is stored as new and is TAU now", report.Differences[0].Words())

	other.Correct = "wrong arm entered"
	report, err = s.ImportStudy(ctx, system, other)
	require.NoError(t, err)
	require.Equal(t, 1, report.FactorsChanged)
	shipment, found, err := s.NextShipment(ctx, 100)
	require.NoError(t, err)
	require.True(t, found)
	require.Len(t, shipment.Courses, 3, "the first levels and the corrected ones are sent")
	require.Equal(t, map[string]string{"arm": "new"}, shipment.Courses[0].Course.Factors)
	require.Equal(t, map[string]string{"arm": "TAU"}, shipment.Courses[2].Course.Factors)
	require.Greater(t, shipment.Courses[2].Sequence, shipment.Courses[0].Sequence)

	// A level that becomes known is no correction.
	known := trial(2)
	known.Subjects[0].Factors = map[string]string{"arm": "TAU", "sex": "f"}
	known.Study.Covariates = []care.Factor{{Name: "sex", Levels: []string{"f", "m"}}}
	report, err = s.ImportStudy(ctx, system, known)
	require.NoError(t, err)
	require.Equal(t, 1, report.FactorsAdded)
	require.Equal(t, []string{`covariate "sex" is new`}, report.StudyChanges)
}

func TestReasonsAreAFewPlainWords(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	for _, reason := range []string{" x", "\x1b[31m", "a\nb", strings.Repeat("x", 121)} {
		in := trial(1)
		in.Correct = reason
		_, err := s.ImportStudy(ctx, system, in)
		require.True(t, fault.Is(err, fault.KindInvalid), "%q: %v", reason, err)
	}
}

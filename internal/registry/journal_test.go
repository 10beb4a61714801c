package registry_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

// raw opens the file as its owner could, with the settings of the service.
func raw(t *testing.T, f *registrytest.Folder) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+f.Path+"?_pragma=recursive_triggers(1)&_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// trial is an import of n subjects with one score each.
func trial(n int) registry.StudyImport {
	in := registry.StudyImport{Source: care.SourceImport, SourceHash: "f00d", Study: care.Study{
		ID: "trial", Anchor: care.AnchorCourseStart, VisitName: "visit",
		Visits:   []care.Visit{{Name: "2m", Day: 61}},
		Arm:      care.Factor{Name: "arm", Levels: []string{"TAU", "new"}},
		Measures: []care.Measure{{Instrument: "bdi-ii", Total: "bdi"}},
	}}
	for i := range n {
		score := float64(i % 60)
		in.Subjects = append(in.Subjects, registry.ImportedSubject{
			Code: fmt.Sprintf("canary-%06d", i), Factors: map[string]string{"arm": "new"},
			Responses: []registry.ImportedResponse{{
				Row: i + 2, Visit: "2m", Day: 61, Instrument: "bdi-ii", Version: "1.0.0", DefinitionHash: "d",
				Answers: instrument.Answers{"total": instrument.Answer(i % 60)}, Score: instrument.Score{Score: &score, Valid: true},
			}},
		})
	}
	return in
}

func TestSR8_SR77_WhatWasWrittenStays(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	patients := registrytest.Demo(t, s, 1)
	_, err := s.ImportStudy(ctx, system, trial(2))
	require.NoError(t, err)
	require.NoError(t, s.Write(ctx, system, func(tx *registry.Tx) error {
		o, err := tx.OccasionByToken(patients[0].Token)
		if err != nil {
			return err
		}
		return tx.RaiseAlert(registry.NewAlert{Flag: instrument.Flag{Rule: "r", Level: instrument.LevelRed, Item: "9"}, Occasion: o})
	}))
	db := raw(t, f)
	for _, statement := range []string{
		"UPDATE journal SET score = '{}'",
		"DELETE FROM journal",
		"DELETE FROM journal WHERE sequence = 1",
		"INSERT OR REPLACE INTO journal SELECT * FROM journal WHERE sequence = 1",
		"UPDATE audit SET actor = 'nobody'",
		"DELETE FROM audit WHERE sequence = 1",
		"INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE sequence = 1",
		"UPDATE alert SET level = 'amber'",
		"DELETE FROM alert",
		"UPDATE alert_step SET code = 'x'",
		"DELETE FROM alert_step",
	} {
		_, err := db.Exec(statement)
		require.ErrorContains(t, err, "constraint failed", statement)
	}
}

func TestImportStudyIsAllOrNothing(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	in := trial(50)
	dry, err := s.CheckImport(ctx, system, in)
	require.NoError(t, err)
	want := registry.ImportReport{Study: "trial", StudyAdded: true, SubjectsAdded: 50, ResponsesAdded: 50}
	require.Equal(t, want, dry)
	counts, err := s.JournalCounts(ctx)
	require.NoError(t, err)
	require.Zero(t, counts.Rows, "a dry run leaves nothing")

	report, err := s.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	require.Equal(t, want, report)
	events := auditEntries(t, s)

	report, err = s.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	require.Equal(t, registry.ImportReport{Study: "trial", SubjectsKnown: 50, ResponsesKnown: 50}, report, "the same file again has no effect")
	require.Equal(t, events, auditEntries(t, s))

	further := trial(51)
	further.Subjects[7].Responses[0].Answers = instrument.Answers{"total": instrument.Answer(33)}
	further.Subjects[9].Factors = map[string]string{"arm": "TAU"}
	_, err = s.ImportStudy(ctx, system, further)
	require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
	require.ErrorContains(t, err, "row 9: has a bdi-ii other than the one stored for visit 2m")
	require.ErrorContains(t, err, "subject 10: has factor levels other than the stored ones")
	require.NotContains(t, err.Error(), "canary", "a subject's code is not in a message")
	counts, err = s.JournalCounts(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(50), counts.Rows, "the new subject of a refused file is not stored either")

	other := trial(1)
	other.Study.Visits[0].Day = 60
	_, err = s.ImportStudy(ctx, system, other)
	require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
}

func auditEntries(t *testing.T, s *registry.Store) int64 {
	t.Helper()
	report, err := s.VerifyAudit(ctx, registry.AuditCheckpoint{})
	require.NoError(t, err)
	require.Zero(t, report.FirstBad, report.Why)
	return report.Entries
}

func TestSR73_PseudonymsAreRandomAndSeparate(t *testing.T) {
	first, second := registrytest.NewFolder(t).Open(t), registrytest.NewFolder(t).Open(t)
	seen := map[care.Pseudonym]bool{}
	for _, s := range []*registry.Store{first, second} {
		_, err := s.ImportStudy(ctx, system, trial(20))
		require.NoError(t, err)
		require.NoError(t, s.EachJournalRow(ctx, 0, func(r registry.JournalRow) error {
			for _, p := range []care.Pseudonym{r.Patient, r.Subject} {
				_, err := care.ParsePseudonym(string(p))
				require.NoError(t, err)
				require.False(t, seen[p], "the same subject of the same file never has a pseudonym twice")
				seen[p] = true
			}
			return nil
		}))
	}
}

func TestSimulatedPatientsLiveInDemoFoldersOnly(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	_, err := s.CreateSimulatedPatients(ctx, system, 1, registry.SimulatedOccasion{Instrument: "x", Version: "1", Visit: "v"})
	require.True(t, fault.Is(err, fault.KindForbidden), "%v", err)
	_, err = s.ImportStudy(ctx, system, trial(1))
	require.NoError(t, err)
	err = s.Write(ctx, system, func(tx *registry.Tx) error { return tx.SetSetting(registry.SettingDemo, "yes") })
	require.True(t, fault.Is(err, fault.KindConflict), "a folder with patients does not become a demo: %v", err)

	demo := registrytest.NewFolder(t).Open(t)
	registrytest.Demo(t, demo, 3)
	patients, err := demo.Patients(ctx, 10)
	require.NoError(t, err)
	require.Len(t, patients, 3)
	require.True(t, patients[0].Simulated)
	require.Equal(t, 1, patients[0].Open)
	err = demo.Write(ctx, system, func(tx *registry.Tx) error { return tx.SetSetting(registry.SettingDemo, "") })
	require.True(t, fault.Is(err, fault.KindConflict), "a demo stays one: %v", err)
}

func BenchmarkImportStudy(b *testing.B) {
	s := registrytest.NewFolder(b).Open(b)
	in := trial(b.N)
	b.ResetTimer()
	_, err := s.ImportStudy(ctx, system, in)
	require.NoError(b, err)
}

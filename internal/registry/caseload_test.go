package registry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

// occasion asks for the PHQ-9 in a window around now, in days.
func occasion(now time.Time, visit string, opens, closes int) registry.ImportedOccasion {
	from, to := now.AddDate(0, 0, opens), now.AddDate(0, 0, closes)
	return registry.ImportedOccasion{
		Visit: visit, Day: 100 + opens, Instrument: "phq-9", Version: "1.0.0", OpensAt: &from, TargetAt: &from, ClosesAt: &to,
	}
}

func TestACaseloadRowTellsHowACourseStands(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	now := f.Clock.Now()
	in := clinic(1, 3, 0)
	subject := &in.Subjects[0]
	booster := session(4)
	booster.Booster, booster.Day, booster.Route = true, 60, care.RouteIntravenous
	subject.Sessions = append(subject.Sessions, booster)
	noTotal := answer(3, 0)
	noTotal.Score = instrument.Score{}
	subject.Responses = []registry.ImportedResponse{answer(0, 20), answer(1, 12), answer(2, 9), noTotal}
	subject.Unanswered = []registry.ImportedOccasion{occasion(now, "missed", -9, -2), occasion(now, "open", -1, 3), occasion(now, "later", 20, 30)}
	_, err := s.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	_, err = s.ImportStudy(ctx, system, trial(2))
	require.NoError(t, err)

	read := func() registry.CaseloadRow {
		rows, err := s.Caseload(ctx, registry.CaseloadFilter{Instruments: []string{"phq-9", "gad-7"}})
		require.NoError(t, err)
		require.Len(t, rows, 1, "an imported trial is not the clinic's caseload")
		return rows[0]
	}
	row := read()
	day := func(n int) *time.Time { return given(time.Date(2026, 1, 7+n, 12, 0, 0, 0, time.UTC)) }
	want := registry.CaseloadRow{
		Course: row.Course, Patient: row.Patient, Code: string(row.Patient[:8]), Simulated: true, Study: "clinic",
		Protocol: imSeries.ProtocolRef, ProtocolTitle: imSeries.Title, StartedOn: "2026-01-07", SessionsPlanned: 6, SessionsDone: 3, Boosters: 1,
		LastSession: &registry.LastSession{Number: 4, Day: 60, StartedAt: booster.StartedAt, Route: care.RouteIntravenous},
		Due: &registry.DueOccasion{
			Occasion: row.Due.Occasion, Instrument: "phq-9", Visit: "open",
			OpensAt: given(now.AddDate(0, 0, -1)), TargetAt: given(now.AddDate(0, 0, -1)), ClosesAt: given(now.AddDate(0, 0, 3)),
		},
		OverdueOccasions: 1, LastAnsweredAt: day(3),
		Scores: []registry.CourseScore{{Instrument: "phq-9", Baseline: given(20.0), Last: given(9.0), LastVisit: "+2 d", LastDay: 2, LastAt: day(2),
			Series: []registry.ScoredAnswer{{Visit: care.BaselineVisit, Score: 20, At: *day(0)}, {Visit: "+1 d", Score: 12, At: *day(1)}, {Visit: "+2 d", Score: 9, At: *day(2)}}}},
	}
	require.Equal(t, want, row)

	// A correction of an old answer counts, and does not become the latest answer.
	f.Clock.Advance(time.Hour)
	record, err := s.Course(ctx, row.Course)
	require.NoError(t, err)
	require.NoError(t, s.Write(ctx, system, func(tx *registry.Tx) error {
		first := record.Responses[0]
		o, err := tx.OccasionByID(first.Occasion)
		if err != nil {
			return err
		}
		_, err = tx.Correct(registry.Entry{
			Key: "corrected", Occasion: o, DefinitionHash: first.DefinitionHash, Answers: first.Answers,
			Score: instrument.Score{Score: given(22.0), Valid: true}, Source: first.Source,
		}, first.JournalRow, "entry-error")
		if err != nil {
			return err
		}
		return tx.RaiseAlert(registry.NewAlert{Flag: instrument.Flag{Rule: "r", Level: instrument.LevelRed, Item: "9"}, Occasion: o})
	}))
	row = read()
	want.Scores[0].Baseline, want.Scores[0].Series[0].Score, want.OpenAlerts = given(22.0), 22, 1
	require.Equal(t, want, row)
	record, err = s.Course(ctx, row.Course)
	require.NoError(t, err)
	require.Equal(t, 2, record.Responses[0].Revision)
	require.Equal(t, *day(0), record.Responses[0].AnsweredAt)
	require.Len(t, record.Alerts, 1)
	require.NoError(t, s.Write(ctx, system, func(tx *registry.Tx) error {
		return tx.AddStep(record.Alerts[0].ID, registry.StepAcknowledged, "called-patient")
	}))
	row = read()
	require.Zero(t, row.OpenAlerts, "an acknowledged alert is not open")
	require.Equal(t, 1, row.TakenAlerts, "and stays with whoever took it on")
	require.Equal(t, system.ID, row.TakenBy)
	require.NoError(t, s.Write(ctx, system, func(tx *registry.Tx) error {
		return tx.AddStep(record.Alerts[0].ID, registry.StepClosed, "screened")
	}))
	require.Zero(t, read().TakenAlerts, "until it is closed")

	f.Clock.Advance(5 * 24 * time.Hour)
	row = read()
	require.Equal(t, "later", row.Due.Visit, "what can still be answered comes before what cannot")
	require.Equal(t, 2, row.OverdueOccasions)
	f.Clock.Advance(60 * 24 * time.Hour)
	row = read()
	require.True(t, row.Due.Overdue)
	require.Equal(t, "missed", row.Due.Visit, "the oldest")
}

// TestACaseloadOf500 imports a clinic in its full size and reads it by pages.
func TestACaseloadOf500(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	now := f.Clock.Now()
	in := clinic(500, 6, 30)
	for i := range in.Subjects {
		subject := &in.Subjects[i]
		switch i % 5 {
		case 0:
			subject.Unanswered = []registry.ImportedOccasion{occasion(now, "open", -1, 3)}
		case 1:
			subject.Unanswered = []registry.ImportedOccasion{occasion(now, "overdue", -9, -2), occasion(now, "later", 20, 30)}
		}
	}
	began := time.Now()
	report, err := s.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	t.Logf("imported %d responses and %d sessions in %v", report.ResponsesAdded, report.SessionsAdded, time.Since(began))
	require.Equal(t, 15000, report.ResponsesAdded)
	require.Equal(t, 3000, report.SessionsAdded)

	filter := registry.CaseloadFilter{Instruments: []string{"phq-9"}, Limit: 120}
	counts, err := s.CaseloadCounts(ctx, filter)
	require.NoError(t, err)
	require.Equal(t, registry.CaseloadCounts{Courses: 500, Due: 100, Overdue: 100}, counts)
	began = time.Now()
	seen := map[int64]bool{}
	var order string
	for filter.Offset = 0; ; filter.Offset += filter.Limit {
		page, err := s.Caseload(ctx, filter)
		require.NoError(t, err)
		for _, r := range page {
			require.False(t, seen[r.Course], "a course stands on one page")
			seen[r.Course] = true
			require.Len(t, r.Scores, 1)
			require.NotNil(t, r.Scores[0].Baseline)
			require.Equal(t, 29, r.Scores[0].LastDay)
			switch {
			case r.OverdueOccasions > 0:
				order += "o"
			case r.Due != nil:
				order += "d"
			default:
				order += "-"
			}
		}
		if len(page) < filter.Limit {
			break
		}
	}
	t.Logf("read 500 rows in %v", time.Since(began))
	require.Len(t, seen, 500)
	require.Regexp(t, "^o{100}d{100}-{300}$", order)

	for _, c := range []struct {
		name   string
		filter registry.CaseloadFilter
		rows   int
	}{
		{"due", registry.CaseloadFilter{Due: true}, 100},
		{"overdue", registry.CaseloadFilter{Overdue: true}, 100},
		{"alerting", registry.CaseloadFilter{Alerting: true}, 0},
		{"the study", registry.CaseloadFilter{Study: "clinic"}, 500},
		{"another study", registry.CaseloadFilter{Study: "other"}, 0},
		{"the protocol", registry.CaseloadFilter{Protocol: "im-series", Overdue: true}, 100},
		{"another protocol", registry.CaseloadFilter{Protocol: "at-home"}, 0},
		{"a code", registry.CaseloadFilter{CodePrefix: "zz"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.filter.Limit = 1000
			rows, err := s.Caseload(ctx, c.filter)
			require.NoError(t, err)
			require.Len(t, rows, c.rows)
		})
	}
	for _, wrong := range []registry.CaseloadFilter{{Limit: -1}, {Limit: 1001}, {Offset: -1}} {
		_, err := s.Caseload(ctx, wrong)
		require.True(t, fault.Is(err, fault.KindInvalid), fmt.Sprintf("%+v", wrong))
	}
}

package safety_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
	"afterglow/internal/safety"
	"afterglow/internal/testkit/registrytest"
)

func TestWhatCannotWaitComesFirst(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	alert := func(id int64, level instrument.Level, hours int) safety.Alert {
		return safety.Alert{ID: id, Level: level, RaisedAt: at.Add(time.Duration(hours) * time.Hour)}
	}
	alerts := []safety.Alert{
		alert(1, instrument.LevelAmber, 0), alert(2, instrument.LevelUnknown, 1), alert(3, instrument.LevelRed, 2),
		alert(4, instrument.LevelCritical, 5), alert(5, instrument.LevelRed, 1), alert(6, instrument.LevelAmber, -3), alert(7, "new", 9),
	}
	safety.SortByUrgency(alerts)
	var ids []int64
	for _, a := range alerts {
		ids = append(ids, a.ID)
	}
	require.Equal(t, []int64{4, 7, 5, 3, 2, 6, 1}, ids, "critical, red, not answered, amber; then by age")
}

// answered gives a patient three PHQ-9s, the newest of which raises an alert.
func answered(t *testing.T) (*registry.Store, *safety.Service) {
	t.Helper()
	s := registrytest.NewFolder(t).Open(t)
	phq9 := registrytest.PHQ9(t)
	study := care.Study{ID: "clinic", Anchor: care.AnchorCourseStart, VisitName: "visit", Simulated: true, Arm: care.Factor{Name: care.FactorProtocol, Levels: []string{"im"}},
		Measures: []care.Measure{{Instrument: "phq-9", Version: phq9.Version, Total: "phq9", Baseline: "phq9_pre"}},
		Visits:   []care.Visit{{Name: "+7 d", Day: 7}, {Name: "+14 d", Day: 14}}}
	protocol := care.Protocol{ProtocolRef: care.ProtocolRef{ID: "im", Version: 1}, Title: "IM", Indication: "depression", Route: care.RouteIntramuscular,
		Sessions: 4, EveryDays: 7, Mode: care.ModeInPerson}
	subject := registry.ImportedSubject{Code: "p", StartedOn: "2026-01-07", Protocol: protocol.ProtocolRef}
	for i, visit := range []string{care.BaselineVisit, "+7 d", "+14 d"} {
		at := time.Date(2026, 1, 7+7*i, 12, 0, 0, 0, time.UTC)
		answers := instrument.Answers{"9": instrument.Answer(i)}
		if i == 1 {
			answers["9"] = nil
		}
		subject.Responses = append(subject.Responses, registry.ImportedResponse{Visit: visit, Day: 7 * i, Anchor: care.AnchorCourseStart, Instrument: "phq-9",
			Version: phq9.Version, DefinitionHash: phq9.Hash(), AnsweredAt: &at, Answers: answers})
	}
	_, err := s.ImportStudy(ctx, registry.System("test"), registry.StudyImport{
		Study: study, Source: care.SourceSimulation, SourceHash: "x", Protocols: []care.Protocol{protocol}, Subjects: []registry.ImportedSubject{subject}})
	require.NoError(t, err)
	var last registry.JournalRow
	require.NoError(t, s.EachJournalRow(ctx, 0, func(r registry.JournalRow) error {
		if r.Visit == "+14 d" {
			last = r
		}
		return nil
	}))
	require.NoError(t, s.Write(ctx, registry.System("test"), func(tx *registry.Tx) error {
		o, err := tx.OccasionByID(last.Occasion)
		if err != nil {
			return err
		}
		return tx.RaiseAlert(registry.NewAlert{Flag: instrument.Flag{Rule: "phq-9-item-9", Level: instrument.LevelRed, Item: "9"}, Occasion: o, Journal: last.Sequence})
	}))
	return s, safety.New(s)
}

func TestSR76_AnAlertShowsItsAnswerAndThoseBeforeAndIsNoted(t *testing.T) {
	s, service := answered(t)
	alerts, err := service.Alerts(ctx)
	require.NoError(t, err)
	found, err := service.AnswersOf(ctx, nurse, alerts)
	require.NoError(t, err)
	behind := found[alerts[0].ID]
	require.Equal(t, 2, *behind.Given.Value)
	require.Equal(t, "+14 d", behind.Given.Visit)
	require.Len(t, behind.Before, 2)
	require.Nil(t, behind.Before[0].Value, "the newest before it was left open; that is no 0")
	require.Equal(t, 0, *behind.Before[1].Value)
	views := 0
	require.NoError(t, s.EachAuditEntry(ctx, 0, func(e registry.AuditEntry) error {
		if e.Action == "alerts-viewed" {
			views++
			require.Equal(t, nurse.ID, e.Actor)
		}
		return nil
	}))
	require.Equal(t, 1, views)
	none, err := service.AnswersOf(ctx, nurse, nil)
	require.NoError(t, err)
	require.Empty(t, none, "nothing is looked at where there is no alert")
}

func TestAlertsAreCountedUntilTheyAreClosed(t *testing.T) {
	s, service := answered(t)
	counts := func() [2]int {
		n, err := service.Counts(ctx)
		require.NoError(t, err)
		return [2]int{n.Waiting, n.Taken}
	}
	state := func() safety.State {
		alerts, err := service.Alerts(ctx)
		require.NoError(t, err)
		return alerts[0].State
	}
	before, err := service.Counts(ctx)
	require.NoError(t, err)
	require.Equal(t, [2]int{1, 0}, counts())
	require.NoError(t, service.Acknowledge(ctx, nurse, 1, "seen"))
	require.Equal(t, [2]int{0, 1}, counts())
	require.Equal(t, safety.StateAcknowledged, state())
	after, err := service.Counts(ctx)
	require.NoError(t, err)
	require.NotEqual(t, before.Mark, after.Mark, "a page sees that something happened")
	require.NoError(t, s.Write(ctx, nurse, func(tx *registry.Tx) error { return tx.AddStep(1, registry.StepClosed, "screened") }))
	require.Equal(t, [2]int{0, 0}, counts())
	require.Equal(t, safety.StateClosed, state())
}

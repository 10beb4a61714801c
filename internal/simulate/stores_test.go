package simulate

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse"
)

func TestMain(m *testing.M) { warehousetest.Main(m) }

func TestFillReplacesWhatWasSimulatedAndAnswersAsItsTruthSays(t *testing.T) {
	w, ctx := warehousetest.Open(t), t.Context()
	_, err := simulator(t, 30, 1).Fill(ctx, w, "first")
	require.NoError(t, err)
	const patients = 5000
	s := simulator(t, patients, 21)
	truth, err := s.Fill(ctx, w, "second")
	require.NoError(t, err)
	snapshot, err := w.Snapshot(ctx, StudyID)
	require.NoError(t, err)
	rows, err := w.Completion(ctx, warehouse.CompletionParams{Study: StudyID, Instrument: "phq-9", Sequence: snapshot.Sequence,
		Group: care.FactorProtocol, Visits: s.Study().VisitNames()})
	require.NoError(t, err)
	expected := 0
	for _, r := range rows {
		require.True(t, r.Simulated)
		if r.Visit == care.BaselineVisit {
			expected += r.Expected
		}
	}
	require.Equal(t, patients, expected, "the first clinic is gone")

	lost, err := w.TimeToLoss(ctx, warehouse.LossParams{Study: StudyID, Instrument: "phq-9", Sequence: snapshot.Sequence, FirstVisit: "+14 d", Fraction: 0.5})
	require.NoError(t, err)
	counts := map[survivalKey]int{}
	for _, r := range lost {
		if r.Status == warehouse.LossHeld || r.Status == warehouse.LossLost {
			counts[survivalKey{int(r.Days), r.Status == warehouse.LossLost}] += r.N
		}
	}
	curve := kaplanMeier(counts)
	require.Empty(t, truth.Groups[0].Factor)
	for _, h := range truth.Groups[0].Held {
		if h.FirstVisit == "+14 d" {
			require.InDelta(t, h.Probability, between(curve, float64(h.Day-14)), 0.04, h.Visit)
		}
	}
}

func TestFillNeverEmptiesARealClinic(t *testing.T) {
	w, ctx := warehousetest.Open(t), t.Context()
	s := simulator(t, 3, 1)
	study := s.Study()
	study.ID, study.Simulated = "real", false
	require.NoError(t, w.InsertStudy(ctx, "real", study, 1))
	_, err := s.Fill(ctx, w, "run")
	require.Equal(t, fault.KindForbidden, fault.KindOf(err))
}

func TestStudyImportGoesThroughTheJournalOnce(t *testing.T) {
	store, ctx := registrytest.NewFolder(t).Open(t), t.Context()
	registrytest.Demo(t, store, 1)
	in, err := StudyImport(library(t), 20, 3)
	require.NoError(t, err)
	actor := registry.Actor{Kind: registry.ActorCommand, ID: "test"}
	report, err := store.ImportStudy(ctx, actor, in)
	require.NoError(t, err)
	require.Equal(t, 20, report.SubjectsAdded)
	require.Equal(t, 3, report.ProtocolsAdded)
	require.Positive(t, report.SessionsAdded)
	require.Positive(t, report.OccasionsAdded, "what was missed is a gap")
	again, err := StudyImport(library(t), 20, 3)
	require.NoError(t, err)
	report, err = store.ImportStudy(ctx, actor, again)
	require.NoError(t, err)
	require.Zero(t, report.SubjectsAdded+report.ResponsesAdded+report.SessionsAdded+report.OccasionsAdded)
}

// TestCoursesUnderWayStandAsOfToday: nothing in them lies ahead but what is asked, and a clinician's list
// of them has somebody due, somebody late and somebody who has just begun.
func TestCoursesUnderWayStandAsOfToday(t *testing.T) {
	folder := registrytest.NewFolder(t)
	store, now := folder.Open(t), folder.Clock.Now()
	in, err := UnderWay(library(t), 24, 7, now)
	require.NoError(t, err)
	sessions := 0
	for _, subject := range in.Subjects {
		for _, session := range subject.Sessions {
			sessions++
			require.False(t, session.StartedAt.After(now), subject.Code)
		}
		for _, answered := range subject.Responses {
			require.False(t, answered.AnsweredAt.After(now), subject.Code)
		}
		for _, open := range subject.Unanswered {
			require.Equal(t, !open.ClosesAt.After(now), open.Missed, "%s %s", subject.Code, open.Visit)
		}
	}
	require.Positive(t, sessions)
	_, err = store.ImportStudy(t.Context(), registry.Actor{Kind: registry.ActorCommand, ID: "test"}, in)
	require.NoError(t, err)
	service, err := caseload.New(caseload.Config{Store: store, Instruments: library(t), Zone: time.UTC})
	require.NoError(t, err)
	lines, err := service.Lines(t.Context())
	require.NoError(t, err)
	require.Len(t, lines, 24)
	var due, late, begun, going int
	for _, l := range lines {
		record, err := service.Record(t.Context(), registry.Actor{Kind: registry.ActorAccount, ID: "1"}, l.Patient, l.Course)
		require.NoError(t, err)
		require.Equal(t, record.Line.Going, l.Going, "the list and the record tell the same benefit")
		require.Equal(t, record.Line.Series, l.Series)
		going += count(l.IsGoing())
		require.True(t, l.Simulated)
		due, late = due+count(l.IsDue()), late+count(l.IsLate())
		begun += count(l.Plan.Given < l.Plan.Planned && l.Next == nil)
	}
	require.Positive(t, due)
	require.Positive(t, late)
	require.Positive(t, begun)
	require.Positive(t, going, "some lose a benefit that they had")
	worse := slices.DeleteFunc(lines, func(l caseload.Line) bool { return !l.IsWorse() })
	require.GreaterOrEqual(t, len(worse), 2, "some are reliably worse")
	require.LessOrEqual(t, len(worse), 6)
}

// TestEveryQuestionBeforeASessionIsAnsweredOrMissed: a course without an occasion for what was not answered
// would look as if nobody had been asked.
func TestEveryQuestionBeforeASessionIsAnsweredOrMissed(t *testing.T) {
	in, err := StudyImport(library(t), 200, 1)
	require.NoError(t, err)
	missed := 0
	for _, subject := range in.Subjects {
		asked := map[string]int{}
		for _, r := range subject.Responses {
			asked[r.Instrument+" "+r.Visit]++
		}
		for _, o := range subject.Unanswered {
			asked[o.Instrument+" "+o.Visit]++
			if o.Anchor != care.AnchorSession {
				continue
			}
			missed++
			require.True(t, o.Missed)
			given := subject.Sessions[o.Session-1]
			require.Equal(t, care.DateOf(given.StartedAt, time.UTC), care.DateOf(*o.TargetAt, time.UTC))
			require.Equal(t, 48*time.Hour, o.ClosesAt.Sub(*o.OpensAt), "the eve and the day itself")
		}
		for _, given := range subject.Sessions {
			for _, scale := range []string{"nrs-mood", "nrs-anxiety"} {
				expected := 1
				if given.Booster {
					expected = 0
				}
				require.Equal(t, expected, asked[scale+" "+beforeSession.VisitName(given.Number)], "%s, session %d, %s", subject.Code, given.Number, scale)
			}
		}
	}
	require.Positive(t, missed)
}

func TestRiskFormsMeetTheSafetyRule(t *testing.T) {
	forms, err := RiskForms(library(t), 3, 2)
	require.NoError(t, err)
	again, err := RiskForms(library(t), 3, 2)
	require.NoError(t, err)
	require.Equal(t, forms, again)
	for _, f := range forms {
		d, err := library(t).Get(f.Instrument, f.Version)
		require.NoError(t, err)
		score, err := d.Score(f.Answers, instrument.ScoreOptions{})
		require.NoError(t, err)
		require.True(t, score.Valid)
		require.NotEmpty(t, score.Flags)
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

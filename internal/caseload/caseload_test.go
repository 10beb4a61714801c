package caseload_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

func pointer[T any](v T) *T { return &v }

var protocol = care.Protocol{
	ProtocolRef: care.ProtocolRef{ID: "im", Version: 2}, Title: "In-clinic IM", Indication: "depression", Route: care.RouteIntramuscular,
	Sessions: 4, EveryDays: 7, Mode: care.ModeInPerson,
}

// started is the first day of every course here: the folder's clock stands at
// 1 March 2026, 09:00 UTC, day 28.
var started = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)

func on(day int) *time.Time { return pointer(started.AddDate(0, 0, day)) }

func session(number, day int) care.Session {
	return care.Session{Number: number, Protocol: protocol.ProtocolRef, StartedAt: *on(day), Day: day, Route: care.RouteIntramuscular, Mode: care.ModeInPerson}
}

func answer(visit string, day int, score *float64) registry.ImportedResponse {
	return registry.ImportedResponse{Visit: visit, Day: day, Anchor: care.AnchorCourseStart, Instrument: "phq-9", Version: "1.0.0",
		DefinitionHash: fmt.Sprintf("%064d", 1), AnsweredAt: on(day), Answers: instrument.Answers{}, Score: instrument.Score{Score: score, Valid: score != nil}}
}

func open(visit string, from, target, to int) registry.ImportedOccasion {
	return registry.ImportedOccasion{Visit: visit, Day: target, Anchor: care.AnchorCourseStart, Instrument: "phq-9", Version: "1.0.0", OpensAt: on(from), TargetAt: on(target), ClosesAt: on(to)}
}

type clinic struct {
	*caseload.Service
	store *registry.Store
	clock *registrytest.Clock
}

// setup imports the subjects as a simulated clinic.
func setup(t *testing.T, zone *time.Location, subjects ...registry.ImportedSubject) clinic {
	t.Helper()
	folder := registrytest.NewFolder(t)
	c := clinic{store: folder.Open(t), clock: folder.Clock}
	study := care.Study{ID: "clinic", Anchor: care.AnchorCourseStart, VisitName: "visit", Simulated: true, Arm: care.Factor{Name: care.FactorProtocol, Levels: []string{"im"}},
		Measures: []care.Measure{{Instrument: "phq-9", Version: "1.0.0", Total: "phq9", Baseline: "phq9_pre"}}}
	for day := 1; day <= 40; day++ {
		study.Visits = append(study.Visits, care.Visit{Name: visit(day), Day: day})
	}
	for i := range subjects {
		subjects[i].Code, subjects[i].StartedOn, subjects[i].Protocol = fmt.Sprint("p", i), "2026-02-01", protocol.ProtocolRef
	}
	_, err := c.store.ImportStudy(t.Context(), registry.System("test"), registry.StudyImport{
		Study: study, Source: care.SourceSimulation, SourceHash: "x", Protocols: []care.Protocol{protocol}, Subjects: subjects})
	require.NoError(t, err)
	c.Service, err = caseload.New(caseload.Config{Store: c.store, Instruments: registrytest.Instruments(t), Zone: zone})
	require.NoError(t, err)
	return c
}

func visit(day int) string { return fmt.Sprintf("+%d d", day) }

func (c clinic) only(t *testing.T) caseload.Line {
	t.Helper()
	lines, err := c.Lines(t.Context())
	require.NoError(t, err)
	require.Len(t, lines, 1)
	return lines[0]
}

func (c clinic) record(t *testing.T) caseload.Record {
	t.Helper()
	r, err := c.Record(t.Context(), registry.Actor{Kind: registry.ActorAccount, ID: "1"}, c.only(t).Patient, 0)
	require.NoError(t, err)
	return r
}

func TestWhoIsDueLateOrWorse(t *testing.T) {
	for _, tt := range []struct {
		name             string
		subject          registry.ImportedSubject
		due, late, worse bool
	}{
		{name: "nothing asked yet"},
		{name: "open, its day has not passed", subject: registry.ImportedSubject{Unanswered: []registry.ImportedOccasion{open("+30 d", 27, 30, 33)}}, due: true},
		{name: "open, its day is today", subject: registry.ImportedSubject{Unanswered: []registry.ImportedOccasion{open("+28 d", 27, 28, 33)}}, due: true},
		{name: "open, its day has passed", subject: registry.ImportedSubject{Unanswered: []registry.ImportedOccasion{open("+27 d", 20, 27, 33)}}, late: true},
		{name: "its window has passed", subject: registry.ImportedSubject{Unanswered: []registry.ImportedOccasion{open("+14 d", 13, 14, 16)}}, late: true},
		{name: "not open yet", subject: registry.ImportedSubject{Unanswered: []registry.ImportedOccasion{open("+38 d", 37, 38, 40)}}},
		{name: "an open one comes before one that was missed", subject: registry.ImportedSubject{Unanswered: []registry.ImportedOccasion{open("+14 d", 13, 14, 16), open("+30 d", 27, 30, 33)}}, due: true},
		{name: "reliably worse", subject: registry.ImportedSubject{Responses: []registry.ImportedResponse{answer(care.BaselineVisit, 0, pointer(10.0)), answer(visit(14), 14, pointer(16.0))}}, worse: true},
		{name: "worse within error", subject: registry.ImportedSubject{Responses: []registry.ImportedResponse{answer(care.BaselineVisit, 0, pointer(10.0)), answer(visit(14), 14, pointer(15.0))}}},
		{name: "worse before, better now", subject: registry.ImportedSubject{Responses: []registry.ImportedResponse{
			answer(care.BaselineVisit, 0, pointer(10.0)), answer(visit(7), 7, pointer(20.0)), answer(visit(14), 14, pointer(8.0))}}},
		{name: "without a baseline nobody is worse", subject: registry.ImportedSubject{Responses: []registry.ImportedResponse{answer(visit(14), 14, pointer(27.0))}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := setup(t, time.UTC, tt.subject)
			for name, line := range map[string]caseload.Line{"list": c.only(t), "record": c.record(t).Line} {
				require.Equal(t, tt.due, line.IsDue(), "%s: due", name)
				require.Equal(t, tt.late, line.IsLate(), "%s: late", name)
				require.Equal(t, tt.worse, line.IsWorse(), "%s: worse", name)
			}
		})
	}
}

// A course leaves the list when it is nobody's work any more: never earlier, since
// whoever is not on the list is not looked for.
func TestACourseEndsWhenNothingIsLeftToDo(t *testing.T) {
	series := []care.Session{session(1, 1), session(2, 8), session(3, 15), session(4, 22)}
	answered := answer(visit(24), 24, pointer(9.0))
	closed := open("+30 d", 27, 30, 33)
	closed.Missed = true
	followUp := closed
	followUp.Anchor = care.AnchorLastSession
	for _, tt := range []struct {
		name    string
		subject registry.ImportedSubject
		ended   bool
	}{
		{"every occasion answered or closed", registry.ImportedSubject{Sessions: series, Responses: []registry.ImportedResponse{answered}, Unanswered: []registry.ImportedOccasion{closed}}, true},
		{"something is open", registry.ImportedSubject{Sessions: series, Responses: []registry.ImportedResponse{answered}, Unanswered: []registry.ImportedOccasion{open("+30 d", 27, 30, 33)}}, false},
		{"sessions are left", registry.ImportedSubject{Sessions: series[:3], Responses: []registry.ImportedResponse{answered}}, false},
		{"the series was left early and followed up", registry.ImportedSubject{Sessions: series[:3], Responses: []registry.ImportedResponse{answered}, Unanswered: []registry.ImportedOccasion{followUp}}, true},
		{"nothing was asked yet", registry.ImportedSubject{Sessions: series}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := setup(t, time.UTC, tt.subject)
			c.only(t) // its last answer is a few days old
			c.clock.Advance(60 * 24 * time.Hour)
			lines, n, err := c.List(t.Context(), caseload.Choice{})
			require.NoError(t, err)
			ended, err := c.Ended(t.Context(), caseload.Choice{}, 0, 10)
			require.NoError(t, err)
			require.Len(t, ended, n)
			require.Equal(t, 1, len(lines)+n)
			require.Equal(t, tt.ended, n == 1)
		})
	}
}

func TestACourseWithAnAlertHasNotEnded(t *testing.T) {
	c := setup(t, time.UTC, registry.ImportedSubject{
		Sessions:  []care.Session{session(1, 1), session(2, 8), session(3, 15), session(4, 22)},
		Responses: []registry.ImportedResponse{answer(visit(24), 24, pointer(9.0))}})
	stored, err := c.store.Course(t.Context(), c.only(t).Course)
	require.NoError(t, err)
	actor := registry.Actor{Kind: registry.ActorAccount, ID: "1"}
	require.NoError(t, c.store.Write(t.Context(), actor, func(tx *registry.Tx) error {
		return tx.RaiseAlert(registry.NewAlert{Flag: instrument.Flag{Rule: "r", Level: instrument.LevelRed, Item: "9"}, Occasion: stored.Occasions[0]})
	}))
	c.clock.Advance(60 * 24 * time.Hour)
	require.True(t, c.only(t).NeedsSomeoneToday())
	alerts, err := c.store.Alerts(t.Context(), registry.AlertFilter{})
	require.NoError(t, err)
	require.NoError(t, c.store.Write(t.Context(), actor, func(tx *registry.Tx) error {
		return tx.AddStep(alerts[0].ID, registry.StepAcknowledged, "called-patient")
	}))
	line := c.only(t)
	require.False(t, line.NeedsSomeoneToday())
	require.True(t, line.IsTakenOn(), "what somebody has taken on is still to be finished")
	require.Equal(t, "1", line.TakenBy)
	r := c.record(t)
	require.Equal(t, 1, r.Line.TakenAlerts)
	require.Equal(t, "1", r.Line.TakenBy)
	require.Nil(t, r.Ended)
	require.NoError(t, c.store.Write(t.Context(), actor, func(tx *registry.Tx) error {
		return tx.AddStep(alerts[0].ID, registry.StepClosed, "screened")
	}))
	ended, err := c.Ended(t.Context(), caseload.Choice{}, 0, 10)
	require.NoError(t, err)
	require.Len(t, ended, 1)
	require.False(t, ended[0].IsTakenOn())
	r, err = c.Record(t.Context(), actor, line.Patient, line.Course)
	require.NoError(t, err)
	require.Equal(t, *on(24), *r.Ended, "with its last contact")
	require.Zero(t, r.Line.TakenAlerts)
}

func TestTheListAndTheRecordTellTheSameBenefit(t *testing.T) {
	missed := open("+21 d", 20, 21, 23)
	missed.Missed = true
	for _, tt := range []struct {
		name  string
		last  []float64
		state care.BenefitState
	}{
		{"kept", []float64{2, 1, 3}, care.BenefitKept}, {"losing", []float64{2, 1, 13}, care.BenefitLosing}, {"lost", []float64{2, 1, 13, 12}, care.BenefitLost},
	} {
		t.Run(tt.name, func(t *testing.T) {
			responses := []registry.ImportedResponse{answer("+2 d", 2, pointer(23.0)), answer(care.BaselineVisit, 0, pointer(24.0))}
			for i, score := range tt.last {
				day := 7 + 4*i
				responses = append(responses, answer(visit(day), day, pointer(score)))
			}
			c := setup(t, time.UTC, registry.ImportedSubject{Responses: responses, Unanswered: []registry.ImportedOccasion{missed}})
			line, record := c.only(t), c.record(t)
			require.Equal(t, tt.state, line.Last.Benefit.State, "what was missed stands between no two answers")
			require.Equal(t, 2.0, line.Last.Benefit.Best)
			require.Equal(t, line.Last.Benefit, record.Line.Last.Benefit)
			require.Equal(t, line.Last.Benefit, record.Trend.Scales[0].Benefit)
			require.Equal(t, tt.state != care.BenefitKept, line.IsGoing())
			require.Equal(t, line.Going, record.Line.Going)
			require.Equal(t, append([]float64{24, 23}, tt.last...), line.Series)
		})
	}
}

func TestEndedCoursesComeLatestFirstAndByThePage(t *testing.T) {
	whole := func(last int) registry.ImportedSubject {
		return registry.ImportedSubject{Sessions: []care.Session{session(1, 1), session(2, 2), session(3, 3), session(4, 4)},
			Responses: []registry.ImportedResponse{answer(visit(last), last, pointer(9.0))}}
	}
	c := setup(t, time.UTC, whole(6), whole(20), whole(10))
	c.clock.Advance(60 * 24 * time.Hour)
	var contacts []time.Time
	for from := range 3 {
		page, err := c.Ended(t.Context(), caseload.Choice{}, from, 1)
		require.NoError(t, err)
		require.Len(t, page, 1)
		contacts = append(contacts, page[0].LastContact)
	}
	require.Equal(t, []time.Time{*on(20), *on(10), *on(6)}, contacts)
}

func TestTheTrendOfAQuietCourseEndsWithWhatItHolds(t *testing.T) {
	c := setup(t, time.UTC, registry.ImportedSubject{Responses: []registry.ImportedResponse{answer(care.BaselineVisit, 0, pointer(18.0)), answer(visit(14), 14, pointer(9.0))}})
	require.Equal(t, 28, c.record(t).Trend.LastDay, "two weeks of silence are shown")
	c.clock.Advance(60 * 24 * time.Hour)
	r := c.record(t)
	require.Equal(t, 88, r.Today)
	require.Equal(t, 14, r.Trend.LastDay)
}

func TestALineTellsTheCourseInWords(t *testing.T) {
	c := setup(t, time.UTC, registry.ImportedSubject{
		Sessions:  []care.Session{session(1, 1), session(2, 8)},
		Responses: []registry.ImportedResponse{answer(care.BaselineVisit, 0, pointer(18.0)), answer(visit(14), 14, pointer(9.0))},
	})
	line := c.only(t)
	require.Equal(t, caseload.Plan{Title: "In-clinic IM", Protocol: protocol.ProtocolRef, Route: care.RouteIntramuscular, Given: 2, Planned: 4}, line.Plan)
	require.Equal(t, *on(14), line.LastContact)
	require.True(t, line.Simulated)
	require.Equal(t, "Mild", line.Last.Band)
	require.Equal(t, 9.0, line.Last.Change.Improvement)
	require.Equal(t, instrument.ChangeRecovered, line.Last.Change.Reliable)
}

func TestADayIsTheClinicsCalendarDay(t *testing.T) {
	zone, err := time.LoadLocation("Pacific/Auckland")
	require.NoError(t, err)
	// 09:00 UTC on 1 March is 22:00 on 1 March in Auckland; the target, 23:00 UTC
	// on 28 February, is noon of the same day there, the day before in UTC.
	target := time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC)
	o := open("+28 d", 26, 28, 33)
	o.TargetAt = &target
	require.True(t, setup(t, zone, registry.ImportedSubject{Unanswered: []registry.ImportedOccasion{o}}).only(t).IsDue())
	require.True(t, setup(t, time.UTC, registry.ImportedSubject{Unanswered: []registry.ImportedOccasion{o}}).only(t).IsLate())
}

func TestATrendKeepsGapsAndCorrections(t *testing.T) {
	missed := open("+21 d", 20, 21, 23)
	missed.Missed = true
	after := registry.ImportedResponse(answer("session 2, +7 d", 7, pointer(12.0)))
	after.Anchor, after.Session, after.AnsweredAt = care.AnchorSession, 2, nil
	c := setup(t, time.UTC, registry.ImportedSubject{
		Sessions:   []care.Session{session(1, 1), session(2, 8)},
		Responses:  []registry.ImportedResponse{answer(care.BaselineVisit, 0, pointer(18.0)), after, answer(visit(18), 18, nil)},
		Unanswered: []registry.ImportedOccasion{missed, open("+28 d", 27, 28, 33), open("+38 d", 37, 38, 40)},
	})
	c.correct(t, 15)
	r := c.record(t)
	require.Equal(t, 28, r.Today)
	require.Equal(t, 28, r.Trend.LastDay)
	require.Equal(t, *on(15), *r.NextSession, "a week after the last, by the protocol")
	require.Len(t, r.Trend.Scales, 1)
	scale := r.Trend.Scales[0]
	require.Equal(t, "PHQ-9", scale.Short)
	require.Equal(t, 6.0, *scale.ReliableChange)
	require.Equal(t, 18.0, *scale.Baseline)
	type point struct {
		day   int
		state care.PointState
	}
	var got []point
	for _, p := range scale.Points {
		got = append(got, point{p.Day, p.State})
	}
	require.Equal(t, []point{{0, care.PointScored}, {15, care.PointScored}, {18, care.PointUnscored}, {21, care.PointMissed}, {28, care.PointOpen}}, got,
		"an answer without a moment lies on its occasion's day, from the session it follows; what has not come is left out")
	require.Len(t, scale.Points[1].Corrections, 1)
	correction := scale.Points[1].Corrections[0]
	require.Equal(t, 12.0, *correction.Before)
	require.Equal(t, "entered-wrongly", correction.Reason)
	require.Equal(t, 3.0, r.Scales[0].Newest.Change.Improvement)
	require.Equal(t, 15, r.Scales[0].Newest.Day)
}

// correct puts another score in place of the answer after session 2.
func (c clinic) correct(t *testing.T, score float64) {
	t.Helper()
	stored, err := c.store.Course(t.Context(), c.only(t).Course)
	require.NoError(t, err)
	require.NoError(t, c.store.Write(t.Context(), registry.Actor{Kind: registry.ActorAccount, ID: "1"}, func(tx *registry.Tx) error {
		for _, r := range stored.Responses {
			if r.Visit != "session 2, +7 d" {
				continue
			}
			o, err := tx.OccasionByID(r.Occasion)
			if err != nil {
				return err
			}
			if _, err := tx.Correct(registry.Entry{Key: "corrected", Occasion: o, DefinitionHash: r.DefinitionHash, Answers: r.Answers,
				Score: instrument.Score{Score: &score, Valid: true}, Source: r.Source}, r.JournalRow, "entered-wrongly"); err != nil {
				return err
			}
		}
		return nil
	}))
}

// SR-76: looking at one person is an event; without it there is nothing to see.
func TestSR76_LookingAtAPatientIsAnEvent(t *testing.T) {
	c := setup(t, time.UTC, registry.ImportedSubject{Sessions: []care.Session{session(1, 1)}})
	patient := c.only(t).Patient
	viewed := func() (n int) {
		require.NoError(t, c.store.EachAuditEntry(t.Context(), 0, func(e registry.AuditEntry) error {
			if e.Action == "record-viewed" {
				require.Equal(t, string(patient), e.Subject)
				require.Equal(t, "7", e.Actor)
				n++
			}
			return nil
		}))
		return n
	}
	require.Zero(t, viewed(), "the list is not a view of a person")
	viewer := registry.Actor{Kind: registry.ActorAccount, ID: "7"}
	_, err := c.Record(t.Context(), viewer, patient, 0)
	require.NoError(t, err)
	require.Equal(t, 1, viewed())

	for _, missing := range []struct {
		patient care.Pseudonym
		course  int64
	}{{"00000000000000000000000000000000", 0}, {patient, 999}} {
		_, err := c.Record(t.Context(), viewer, missing.patient, missing.course)
		require.Equal(t, fault.KindNotFound, fault.KindOf(err))
	}
	require.Equal(t, 1, viewed(), "what is not there is not seen")
}

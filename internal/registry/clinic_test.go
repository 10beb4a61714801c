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

func given[T any](v T) *T { return &v }

var imSeries = care.Protocol{
	ProtocolRef: care.ProtocolRef{ID: "im-series", Version: 1}, Title: "In-clinic IM series", Indication: "depression",
	Route: care.RouteIntramuscular, DoseMg: &care.Range{From: 40, To: 90}, Sessions: 6, EveryDays: 7, Mode: care.ModeInPerson,
	Schedule: []care.PlannedOccasion{{Name: "+28 d", Anchor: care.AnchorLastSession, Day: 28, ClosesAfter: 7, Instruments: []string{"phq-9"}}},
}

func session(number int) care.Session {
	setting := care.Setting{}
	for i, item := range care.SettingItems {
		setting[item.Code] = i%5 != 0
	}
	return care.Session{
		Number: number, Protocol: imSeries.ProtocolRef, StartedAt: time.Date(2026, 1, 7*number, 15, 0, 0, 0, time.UTC), Day: 7 * (number - 1),
		Route: care.RouteIntramuscular, DoseMg: given(50 + float64(number)), Depth: given(2), Mode: care.ModeInPerson, PreparationDone: given(true),
		Setting: setting, AdverseEvents: []care.AdverseEvent{{Term: "nausea", Grade: 1, Elicited: true}},
	}
}

// clinic is a simulated clinic of n subjects with s sessions each and r scores of
// the PHQ-9, the first of which is the baseline.
func clinic(n, s, r int) registry.StudyImport {
	in := registry.StudyImport{
		Source: care.SourceSimulation, SourceHash: "5eed", Protocols: []care.Protocol{imSeries},
		Study: care.Study{
			ID: "clinic", Anchor: care.AnchorLastSession, VisitName: "visit", Simulated: true,
			Arm: care.Factor{Name: care.FactorProtocol, Levels: []string{"im-series"}},
			Covariates: []care.Factor{
				{Name: care.FactorMode, Levels: care.ModeLevels}, {Name: care.FactorSetting, Levels: care.SettingLevels},
				{Name: care.FactorPreparation, Levels: care.PreparationLevels},
			},
			Measures: []care.Measure{{Instrument: "phq-9", Version: "1.0.0", Total: "phq9", Baseline: "phq9_pre"}},
		},
	}
	for day := 1; day < max(r, 2); day++ {
		in.Study.Visits = append(in.Study.Visits, care.Visit{Name: fmt.Sprintf("+%d d", day), Day: day})
	}
	for i := range n {
		subject := registry.ImportedSubject{Code: fmt.Sprintf("canary-%06d", i), StartedOn: "2026-01-07", Protocol: imSeries.ProtocolRef}
		for number := range s {
			subject.Sessions = append(subject.Sessions, session(number+1))
		}
		for day := range r {
			subject.Responses = append(subject.Responses, answer(day, 20-float64((day+i)%20)))
		}
		in.Subjects = append(in.Subjects, subject)
	}
	return in
}

func answer(day int, score float64) registry.ImportedResponse {
	at := time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC).AddDate(0, 0, day)
	visit := care.BaselineVisit
	if day > 0 {
		visit = fmt.Sprintf("+%d d", day)
	}
	return registry.ImportedResponse{
		Visit: visit, Day: day, Instrument: "phq-9", Version: "1.0.0", DefinitionHash: fmt.Sprintf("%064d", 1), AnsweredAt: &at,
		Answers: instrument.Answers{"1": instrument.Answer(int(score) % 4)}, Score: instrument.Score{Score: &score, Valid: true},
	}
}

// onlyCourse is the course of a clinic of one.
func onlyCourse(t *testing.T, s *registry.Store) registry.CaseloadRow {
	t.Helper()
	rows, err := s.Caseload(ctx, registry.CaseloadFilter{})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	return rows[0]
}

func TestAVersionOfAProtocolStays(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	put := func(p care.Protocol) (added bool, err error) {
		err = s.Write(ctx, system, func(tx *registry.Tx) (err error) {
			added, err = tx.PutProtocol(p)
			return err
		})
		return added, err
	}
	added, err := put(imSeries)
	require.NoError(t, err)
	require.True(t, added)
	added, err = put(imSeries)
	require.NoError(t, err)
	require.False(t, added, "the same again is no event")
	changed := imSeries
	changed.Sessions = 8
	_, err = put(changed)
	require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
	changed.Version = 2
	_, err = put(changed)
	require.NoError(t, err)
	_, err = put(care.Protocol{})
	require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)

	all, err := s.Protocols(ctx)
	require.NoError(t, err)
	require.Equal(t, []care.Protocol{imSeries, changed}, all)
	one, err := s.Protocol(ctx, imSeries.ProtocolRef)
	require.NoError(t, err)
	require.Equal(t, imSeries, one)
	_, err = s.Protocol(ctx, care.ProtocolRef{ID: "im-series", Version: 3})
	require.True(t, fault.Is(err, fault.KindNotFound), "%v", err)

	db := raw(t, f)
	for _, harm := range []string{"UPDATE protocol SET definition = '{}'", "DELETE FROM protocol", "REPLACE INTO protocol SELECT * FROM protocol"} {
		_, err := db.Exec(harm)
		require.ErrorContains(t, err, "a version of a protocol is never", harm)
	}
}

func TestSR8_ASessionIsCorrectedNeverChanged(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	_, err := s.ImportStudy(ctx, system, clinic(1, 1, 1))
	require.NoError(t, err)
	course := onlyCourse(t, s)
	write := func(fn func(*registry.Tx) (registry.SessionRow, error)) (row registry.SessionRow, err error) {
		err = s.Write(ctx, registry.Actor{Kind: registry.ActorAccount, ID: "7"}, func(tx *registry.Tx) (err error) {
			row, err = fn(tx)
			return err
		})
		return row, err
	}
	second, err := write(func(tx *registry.Tx) (registry.SessionRow, error) { return tx.RecordSession(course.Course, session(2)) })
	require.NoError(t, err)
	require.Equal(t, session(2), second.Session)
	require.Equal(t, "7", second.Author)
	require.Equal(t, course.Patient, second.Patient)
	_, err = write(func(tx *registry.Tx) (registry.SessionRow, error) { return tx.RecordSession(course.Course, session(2)) })
	require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
	_, err = write(func(tx *registry.Tx) (registry.SessionRow, error) { return tx.RecordSession(99, session(3)) })
	require.True(t, fault.Is(err, fault.KindNotFound), "%v", err)

	right := session(2)
	right.DoseMg = given(75.0)
	correct := func(of registry.SessionRow, with care.Session, reason string) (registry.SessionRow, error) {
		return write(func(tx *registry.Tx) (registry.SessionRow, error) { return tx.CorrectSession(of, with, reason) })
	}
	corrected, err := correct(second, right, "entry-error")
	require.NoError(t, err)
	require.Equal(t, 2, corrected.Revision)
	require.Equal(t, second.Sequence, corrected.Supersedes)
	_, err = correct(second, right, "entry-error")
	require.True(t, fault.Is(err, fault.KindConflict), "two corrections of one row: %v", err)
	_, err = correct(corrected, right, "")
	require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
	_, err = correct(corrected, session(3), "entry-error")
	require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)

	newest, err := s.Sessions(ctx, course.Course)
	require.NoError(t, err)
	require.Len(t, newest, 2)
	require.Equal(t, corrected, newest[1])
	ofPatient, err := s.PatientSessions(ctx, course.Patient)
	require.NoError(t, err)
	require.Equal(t, newest, ofPatient)
	history, err := s.SessionHistory(ctx, course.Course, 2)
	require.NoError(t, err)
	require.Equal(t, []registry.SessionRow{second, corrected}, history)

	db := raw(t, f)
	for _, harm := range []string{"UPDATE session SET body = '{}'", "DELETE FROM session", "REPLACE INTO session SELECT * FROM session"} {
		_, err := db.Exec(harm)
		require.ErrorContains(t, err, "sessions are append-only", harm)
	}
	for _, harm := range []string{"UPDATE course SET protocol = 'other'", "UPDATE course SET protocol_version = NULL"} {
		_, err := db.Exec(harm)
		require.ErrorContains(t, err, "a version of a protocol that is stored", harm)
	}
	require.NoError(t, s.CheckIntegrity(ctx))
	actions := map[string]int{}
	require.NoError(t, s.EachAuditEntry(ctx, 0, func(e registry.AuditEntry) error {
		actions[e.Action]++
		return nil
	}))
	require.Equal(t, map[string]int{"study-import-begun": 1, "study-import-part": 1, "study-imported": 1, "session-recorded": 1, "session-corrected": 1}, actions)
}

func TestAClinicIsImportedWhole(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	in := clinic(3, 2, 4)
	opens := time.Date(2026, 2, 28, 5, 0, 0, 0, time.UTC)
	closes := opens.AddDate(0, 0, 7)
	in.Subjects[0].Unanswered = []registry.ImportedOccasion{
		{Visit: "session 2, +1 d", Day: 1, Instrument: "phq-9", Version: "1.0.0", Anchor: care.AnchorSession, Session: 2, Missed: true},
		{Visit: "+28 d", Day: 28, Instrument: "phq-9", Version: "1.0.0", OpensAt: &opens, TargetAt: given(opens.AddDate(0, 0, 3)), ClosesAt: &closes},
	}
	check, err := s.CheckImport(ctx, system, in)
	require.NoError(t, err)
	nothing, err := s.Protocols(ctx)
	require.NoError(t, err)
	require.Empty(t, nothing, "a check leaves nothing")
	report, err := s.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	require.Equal(t, check, report)
	require.Equal(t, registry.ImportReport{
		Study: "clinic", StudyAdded: true, SubjectsAdded: 3, ResponsesAdded: 12, ProtocolsAdded: 1, SessionsAdded: 6, OccasionsAdded: 2,
	}, report)
	again, err := s.ImportStudy(ctx, system, in)
	require.NoError(t, err)
	require.Equal(t, registry.ImportReport{Study: "clinic", SubjectsKnown: 3, ResponsesKnown: 12, SessionsKnown: 6}, again)

	rows, err := s.Caseload(ctx, registry.CaseloadFilter{})
	require.NoError(t, err)
	require.Len(t, rows, 3)
	record, err := s.Course(ctx, rows[0].Course)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"protocol": "im-series", "mode": "in-person", "setting": "high", "preparation": "full"}, record.Factors)
	require.Equal(t, imSeries, *record.Definition)
	require.True(t, record.Simulated)
	require.Len(t, record.Sessions, 2)
	require.Len(t, record.Responses, 4)
	require.Equal(t, time.Date(2026, 1, 8, 12, 0, 0, 0, time.UTC), record.Responses[1].AnsweredAt)
	states := map[registry.OccasionState]int{}
	for _, o := range record.Occasions {
		states[o.State]++
	}
	require.Equal(t, map[registry.OccasionState]int{registry.OccasionAnswered: 4, registry.OccasionOpen: 1, registry.OccasionClosed: 1}, states)
	_, err = s.Course(ctx, 99)
	require.True(t, fault.Is(err, fault.KindNotFound), "%v", err)
}

func TestAClinicsConflictsAreNamedAndNothingIsStored(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*registry.StudyImport)
		kind   fault.Kind
		says   string
	}{
		{"another session", func(in *registry.StudyImport) { in.Subjects[1].Sessions[1].DoseMg = given(80.0) }, fault.KindConflict, "subject 2, session 2"},
		{"another start", func(in *registry.StudyImport) { in.Subjects[0].StartedOn = "2026-01-08" }, fault.KindConflict, "subject 1"},
		{"a changed protocol", func(in *registry.StudyImport) { in.Protocols = []care.Protocol{imSeries}; in.Protocols[0].Title = "x" }, fault.KindConflict, "protocol im-series"},
		{"a factor that the sessions contradict", func(in *registry.StudyImport) {
			in.Subjects[2].Factors = map[string]string{"setting": "low"}
		}, fault.KindInvalid, "subject 3"},
		{"a session that is none", func(in *registry.StudyImport) {
			in.Subjects = append(in.Subjects, clinic(4, 2, 1).Subjects[3])
			in.Subjects[3].Sessions[0].Route = "smoked"
		}, fault.KindInvalid, "subject 4, session 1"},
		{"a session under an unknown protocol", func(in *registry.StudyImport) {
			in.Subjects = append(in.Subjects, clinic(4, 2, 1).Subjects[3])
			in.Subjects[3].Sessions[1].Protocol.Version = 9
		}, fault.KindInvalid, "subject 4, session 2"},
		{"one number twice", func(in *registry.StudyImport) {
			in.Subjects = append(in.Subjects, clinic(4, 2, 1).Subjects[3])
			in.Subjects[3].Sessions[1].Number = 1
		}, fault.KindConflict, "subject 4, session 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := registrytest.NewFolder(t).Open(t)
			_, err := s.ImportStudy(ctx, system, clinic(3, 2, 1))
			require.NoError(t, err)
			in := clinic(3, 2, 1)
			in.Subjects = append(in.Subjects[:3:3], in.Subjects[3:]...)
			c.change(&in)
			_, err = s.ImportStudy(ctx, system, in)
			require.True(t, fault.Is(err, c.kind), "%v", err)
			require.ErrorContains(t, err, c.says)
			rows, err := s.Caseload(ctx, registry.CaseloadFilter{})
			require.NoError(t, err)
			require.Len(t, rows, 3, "all or nothing")
			require.Equal(t, 2, rows[0].SessionsDone)
		})
	}
}

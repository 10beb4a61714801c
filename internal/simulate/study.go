package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

func notRandomised(name string, levels []string) care.Factor {
	return care.Factor{Name: name, Levels: levels, Assignment: care.AssignmentNotRandomised}
}

// Study is the simulated clinic as a study: visits by the day since the last
// session of the series, the protocol as the arm. Nobody was randomised: severity
// decides who gets which setting.
func (s *Simulator) Study() care.Study {
	study := care.Study{ID: StudyID, Title: "Simulated clinic (not real patients)", Anchor: care.AnchorLastSession, VisitName: "visit",
		Arm: notRandomised(care.FactorProtocol, nil), Simulated: true,
		Covariates: []care.Factor{notRandomised(care.FactorMode, care.ModeLevels), notRandomised(care.FactorSetting, care.SettingLevels),
			notRandomised(care.FactorPreparation, care.PreparationLevels)}}
	for _, i := range s.profile.protocols {
		study.Arm.Levels = append(study.Arm.Levels, protocolModels[i].ID)
	}
	for _, place := range studyVisits {
		study.Visits = append(study.Visits, care.Visit{Name: followUp[place].name, Day: followUp[place].day})
	}
	for sc, variable := range []string{phq9: "phq9", gad7: "gad7", pcl5: "pcl5"} {
		study.Measures = append(study.Measures, care.Measure{Instrument: scaleIDs[sc], Version: s.forms[sc].version,
			Total: variable, Baseline: variable + "_pre"})
	}
	return study
}

// StudyImport is a simulated clinic for the registry, through the journal like
// any submission. Forms that were corrected come as they ended.
func StudyImport(library *instrument.Library, patients int, seed uint64) (registry.StudyImport, error) {
	s, err := New(library, Config{Patients: patients, Seed: seed})
	if err != nil {
		return registry.StudyImport{}, err
	}
	named := sha256.Sum256(fmt.Appendf(nil, "%s %d patients, seed %d", StudyID, patients, seed))
	out := registry.StudyImport{Study: s.Study(), Source: care.SourceSimulation, SourceHash: hex.EncodeToString(named[:]), Protocols: Protocols()}
	err = s.Each(func(p *Patient) error {
		subject, err := s.subject(p, endOfTime)
		out.Subjects = append(out.Subjects, subject)
		return err
	})
	return out, err
}

var endOfTime = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// subject is a patient in the registry's words, as things stood at now. The levels of the factors follow
// from the protocol and the sessions, so they are not given.
func (s *Simulator) subject(p *Patient, now time.Time) (registry.ImportedSubject, error) {
	out := registry.ImportedSubject{Code: p.code(), Factors: map[string]string{}, StartedOn: p.Start.Format(time.DateOnly), Protocol: p.Protocol.ProtocolRef}
	for i := range p.Sessions {
		if !p.Sessions[i].StartedAt.After(now) {
			out.Sessions = append(out.Sessions, p.Sessions[i].record(p))
		}
	}
	type place struct {
		scale scale
		visit string
	}
	given := map[place]bool{}
	for i := range p.Responses {
		r := &p.Responses[i]
		if r.AnsweredAt.After(now) {
			continue
		}
		given[place{r.scale, r.Visit}] = true
		if i+1 < len(p.Responses) && p.Responses[i+1].Revision > 1 && !p.Responses[i+1].AnsweredAt.After(now) {
			continue
		}
		one, err := s.response(r)
		if err != nil {
			return out, err
		}
		out.Responses = append(out.Responses, one)
	}
	// missing adds what was asked at an occasion and not answered.
	missing := func(planned care.PlannedOccasion, one registry.ImportedOccasion, anchor time.Time, scales []scale) {
		window := planned.Window(care.DateOf(anchor, time.UTC), time.UTC)
		one.Visit, one.Anchor = planned.VisitName(one.Session), planned.Anchor
		one.OpensAt, one.TargetAt, one.ClosesAt, one.Missed = &window.OpensAt, &window.TargetAt, &window.ClosesAt, !window.ClosesAt.After(now)
		for _, sc := range scales {
			if given[place{sc, one.Visit}] || sc == pcl5 && !p.nature.ptsd {
				continue
			}
			one.Instrument, one.Version = scaleIDs[sc], s.forms[sc].version
			out.Unanswered = append(out.Unanswered, one)
		}
	}
	for i := range p.Sessions {
		if given := &p.Sessions[i]; !given.Booster && !given.StartedAt.After(now) { // nothing is asked before a booster
			missing(beforeSession, registry.ImportedOccasion{Session: given.Number, Day: given.SinceLast}, given.StartedAt, beforeSessionScales)
		}
	}
	if p.LastSession.After(now) {
		return out, nil // the days of the follow-up are not known yet
	}
	for _, plan := range followUp {
		missing(plan.occasion(), registry.ImportedOccasion{Day: plan.day}, p.LastSession, plan.scales)
	}
	return out, nil
}

func (s *Simulator) response(r *Response) (registry.ImportedResponse, error) {
	f, answeredAt := &s.forms[r.scale], r.AnsweredAt
	answers := f.answers(r.Answers)
	score, err := f.definition.Score(answers, instrument.ScoreOptions{})
	if err != nil {
		return registry.ImportedResponse{}, fmt.Errorf("score %s at %s: %w", scaleIDs[r.scale], r.Visit, err)
	}
	return registry.ImportedResponse{Visit: r.Visit, Day: r.Day, Anchor: r.Anchor, Session: r.Session, AnsweredAt: &answeredAt,
		Instrument: scaleIDs[r.scale], Version: f.version, DefinitionHash: f.hash, Answers: answers, Score: score}, nil
}

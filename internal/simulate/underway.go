package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// UnderWayID names the study of the simulated courses that are under way.
const UnderWayID = "simulated-under-way"

// longestCourse is how many days the starts of courses under way spread over: the longest series and
// the last follow-up after it.
const longestCourse = 200

// everyWorse is among how many courses under way one gets worse: far more often than in a clinic, so
// that a list of two dozen has some to show.
const everyWorse = 6

// afterWorse is how many places after one who gets worse somebody stands who gains and loses it.
const afterWorse = 3

// UnderWay is simulated courses as they stand at now, the first begun today and the last about to end:
// sessions and answers that lie ahead are not there, questionnaires whose window is not over are open.
// Every sixth patient gets reliably worse, and every sixth gains much and soon loses it. It is for lists of who is due, late or worse, never for an
// analysis: what is missing here has not happened.
func UnderWay(library *instrument.Library, patients int, seed uint64, now time.Time) (registry.StudyImport, error) {
	s, err := New(library, Config{Patients: patients, Seed: seed})
	if err != nil {
		return registry.StudyImport{}, err
	}
	s.worsens = func(number int) bool { return number%everyWorse == 0 }
	s.relapses = func(number int) bool { return number%everyWorse == afterWorse }
	today := now.UTC().Truncate(24 * time.Hour)
	named := sha256.Sum256(fmt.Appendf(nil, "%s %d patients, seed %d, %s", UnderWayID, patients, seed, today.Format(time.DateOnly)))
	out := registry.StudyImport{Study: s.Study(), Source: care.SourceSimulation, SourceHash: hex.EncodeToString(named[:]), Protocols: Protocols()}
	out.Study.ID, out.Study.Title = UnderWayID, "Simulated courses under way (not real patients)"
	err = s.Each(func(p *Patient) error {
		p.moveTo(today.AddDate(0, 0, -longestCourse*(p.Number-1)/patients))
		subject, err := s.subject(p, now)
		out.Subjects = append(out.Subjects, subject)
		return err
	})
	return out, err
}

// moveTo lets the course start on another day, all else alike.
func (p *Patient) moveTo(start time.Time) {
	by := start.Sub(p.Start)
	p.Start, p.LastSession = p.Start.Add(by), p.LastSession.Add(by)
	for i := range p.Sessions {
		p.Sessions[i].StartedAt = p.Sessions[i].StartedAt.Add(by)
	}
	for i := range p.Responses {
		p.Responses[i].AnsweredAt = p.Responses[i].AnsweredAt.Add(by)
	}
}

// worsening is how many points of the PHQ-9 a patient who gets worse goes up: more than the 6 of a
// reliable change, with room for the noise.
const worsening = 9

// worsen makes the nature that of somebody who gets worse under any treatment and stays so. The
// baseline leaves room for it, and some more, below the form's end.
func (n *nature) worsen() {
	n.class = flat
	for s := range n.fraction {
		rise := worsening * noiseOn[s]
		n.baseline[s] = max(1, min(n.baseline[s], int(highest[s]-1.4*rise)))
		n.fraction[s] = -rise / float64(n.baseline[s])
	}
}

// relapse makes the nature that of somebody who gains three quarters and loses nearly all of it within
// some weeks of the last session.
func (n *nature) relapse() {
	n.class, n.maintenance = improving, false
	n.patience, n.kept = 0.15, 0.05
	for s := range n.fraction {
		n.fraction[s] = 0.75
		n.baseline[s] = max(n.baseline[s], int(0.7*highest[s]))
	}
}

// RiskForm is a filled-in questionnaire whose item on thoughts of death or self-harm is above 0.
type RiskForm struct {
	Instrument, Version string
	Answers             instrument.Answers
}

// RiskForms are n such forms of the PHQ-9, for courses under way that are asked it now: they are to be
// submitted as a patient's answers are, so that alerts arise by the instrument's own rules.
func RiskForms(library *instrument.Library, n int, seed uint64) ([]RiskForm, error) {
	s, err := New(library, Config{Patients: 1, Seed: seed})
	if err != nil {
		return nil, err
	}
	f := &s.forms[phq9]
	risk := slices.IndexFunc(f.items, f.definition.IsSafetyItem)
	if risk < 0 {
		return nil, fault.Invalid("instrument "+f.definition.ID, "has no item with a safety rule")
	}
	list, d := make([]RiskForm, n), newDraw()
	for i := range list {
		d.start(seed, MaxPatients+uint64(i)+1) // a stream that no patient has
		values := make([]int8, len(f.items))
		f.fill(d, d.whole(14, 20), values)
		values[risk] = int8(1 + i%2)
		list[i] = RiskForm{Instrument: f.definition.ID, Version: f.version, Answers: f.answers(values)}
	}
	return list, nil
}

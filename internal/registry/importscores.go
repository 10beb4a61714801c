package registry

import (
	"fmt"
	"slices"
)

// planResponses compares a subject's answers with the stored ones. What was
// corrected here since an import brought it stays corrected: the file is held
// against what imports brought last.
func (p *importPlan) planResponses(one *piece, before map[occasionName]storedOccasion, subject ImportedSubject, where string) error {
	given := map[occasionName]bool{}
	for _, r := range subject.Responses {
		name := occasionName{r.Instrument, r.Visit}
		place := fmt.Sprintf("%s, visit %s", where, r.Visit)
		if r.Row > 0 {
			place = fmt.Sprintf("row %d", r.Row)
		}
		if given[name] {
			p.conflict(place, "has %s for visit %s twice", r.Instrument, r.Visit)
			continue
		}
		given[name] = true
		o, known := before[name]
		switch {
		case !known || o.newest == nil && o.state == OccasionOpen:
			one.Responses = append(one.Responses, r)
			p.report.ResponsesAdded++
		case o.newest == nil:
			p.conflict(place, "has %s for visit %s, which is stored as missed", r.Instrument, r.Visit)
		case sameAnswers(o.imported.Answers, r.Answers) && o.imported.TargetDay == r.Day:
			p.report.ResponsesKnown++
		default:
			p.planCorrection(one, o, correction{Occasion: o.id, Response: &r}, Difference{
				Row: r.Row, Subject: subject.Code, Visit: r.Visit, Instrument: r.Instrument,
				Stored: answerWords(o.newest.Answers, r.Answers), Given: answerWords(r.Answers, o.newest.Answers),
			}, place)
		}
	}
	return nil
}

func (p *importPlan) planCorrection(one *piece, o storedOccasion, c correction, d Difference, place string) {
	p.difference(d)
	if p.in.Correct == "" {
		p.conflict(place, "has a %s other than the one stored for visit %s", d.Instrument, d.Visit)
		return
	}
	one.Corrections = append(one.Corrections, c)
	if c.Response == nil {
		p.report.Retracted++
	} else {
		p.report.Corrected++
	}
}

// planEmpty looks at the places that the file has and leaves empty: what is stored
// there was called back.
func (p *importPlan) planEmpty(one *piece, before map[occasionName]storedOccasion, subject ImportedSubject) {
	for _, e := range subject.Empty {
		o, known := before[occasionName{e.Instrument, e.Visit}]
		if !known || o.newest == nil || !answered(o.imported.Answers) || !answered(o.newest.Answers) {
			continue
		}
		p.planCorrection(one, o, correction{Occasion: o.id}, Difference{
			Row: e.Row, Subject: subject.Code, Visit: e.Visit, Instrument: e.Instrument, Stored: answerWords(o.newest.Answers, nil),
		}, fmt.Sprintf("row %d", e.Row))
	}
}

// planUnanswered adds the occasions without an answer; one that is stored, answered
// meanwhile or not, stays as it is.
func (p *importPlan) planUnanswered(one *piece, before map[occasionName]storedOccasion, subject ImportedSubject, where string) error {
	planned := map[occasionName]bool{}
	for _, r := range subject.Responses {
		planned[occasionName{r.Instrument, r.Visit}] = true
	}
	for _, o := range subject.Unanswered {
		name := occasionName{o.Instrument, o.Visit}
		if _, stored := before[name]; stored {
			continue
		}
		if planned[name] {
			p.conflict(where, "has %s at visit %s twice", o.Instrument, o.Visit)
			continue
		}
		planned[name] = true
		one.Unanswered = append(one.Unanswered, o)
		p.report.OccasionsAdded++
	}
	return nil
}

// noteAbsentScores names the stored scores of a subject that the file does not
// speak of: the visit's row is gone, or the map reads no such measure or visit.
func (p *importPlan) noteAbsentScores(before map[occasionName]storedOccasion, subject ImportedSubject, stored storedCourse) {
	spoken := map[occasionName]bool{}
	for _, r := range subject.Responses {
		spoken[occasionName{r.Instrument, r.Visit}] = true
	}
	for _, e := range subject.Empty {
		spoken[occasionName{e.Instrument, e.Visit}] = true
	}
	var absent []AbsentScore
	for name, o := range before {
		if spoken[name] || !o.scored() {
			continue
		}
		p.keep(name, o, stored.course.Factors[p.study.Arm.Name])
		if p.givenMeasures[name.instrument] && p.givenVisits[name.visit] {
			absent = append(absent, AbsentScore{Subject: subject.Code, Visit: name.visit, Instrument: name.instrument})
		}
	}
	slices.SortFunc(absent, func(a, b AbsentScore) int {
		return slices.Compare([]string{a.Visit, a.Instrument}, []string{b.Visit, b.Instrument})
	})
	p.report.AbsentCount += len(absent)
	room := max(0, MaxNamed-len(p.report.Absent))
	p.report.Absent = append(p.report.Absent, absent[:min(room, len(absent))]...)
}

package caseload

import (
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/instrument"
)

// Scored is an answer that has a score, on its day of the course.
type Scored struct {
	Day   int
	Score float64
}

// visitScore is a score with the occasion that it was given at.
type visitScore struct {
	visit string
	Scored
}

// benefitOf is BenefitOf of a course's answers: what comes after the baseline
// counts. It is nil without a baseline.
func benefitOf(d *instrument.Definition, given []visitScore) *care.Benefit {
	var baseline *float64
	var after []Scored
	for _, g := range given {
		switch {
		case g.visit == care.BaselineVisit:
			baseline, after = &g.Score, nil
		case baseline != nil:
			after = append(after, g.Scored)
		}
	}
	if baseline == nil {
		return nil
	}
	return BenefitOf(d, *baseline, after)
}

// BenefitOf tells what was gained since the baseline and whether it is there
// still. The scores come in the order in which they were given, without the
// baseline and without answers that have no score. It is nil where nothing was
// gained reliably, or where the instrument has no threshold to tell.
//
// The best is what two adjoining answers confirm, the worse of the two: the best
// of many single answers is mostly luck, and whoever is measured against it seems
// to lose something even when nothing changes. Where no such best shows a loss, one
// answer alone does if it is better than both the baseline and the answer after it
// by twice the reliable change, which retest error does not explain. The first answer
// does as well if the four after it, and all since, are reliably worse: nobody chose
// it from many.
//
// Losing asks for a reliable change from the best; once more than a few answers
// have come, for a sixth more than that, since the best of many pairs is still
// luckier than the best of few. With both, of patients who hold their benefit and
// answer 12 times with the scale's own retest error, at most 5 in 100 are told to
// be losing it on the last answer and at most 2 in 100 ever to have lost it.
//
// Better, worse and reliable are the instrument's own: its direction, and its
// published threshold of a reliable change (Jacobson and Truax 1991).
func BenefitOf(d *instrument.Definition, baseline float64, scores []Scored) *care.Benefit {
	m := measure{d}
	b := m.benefit(baseline, scores, m.bestOf(scores, func(i int) (Scored, bool) {
		if m.gain(scores[i-1].Score, scores[i].Score) > 0 {
			return scores[i-1], true
		}
		return scores[i], true
	}))
	if b.IsGoing() {
		return b
	}
	alone := m.benefit(baseline, scores, m.bestOf(scores, func(i int) (Scored, bool) {
		s := scores[i-1]
		return s, m.reliablyBetter(baseline, s.Score, aloneTimes) && m.reliablyBetter(scores[i].Score, s.Score, aloneTimes)
	}))
	if alone.IsGoing() {
		return alone
	}
	if first := m.ofTheFirst(baseline, scores); first != nil {
		return first
	}
	return b
}

// ofTheFirst is the benefit that the first answer shows, where enough answers follow
// and every one of them is reliably worse; else nil.
func (m measure) ofTheFirst(baseline float64, scores []Scored) *care.Benefit {
	if len(scores) <= allWorse {
		return nil
	}
	b := m.benefit(baseline, scores, &scores[0])
	if b == nil || b.State != care.BenefitLost || b.Since != scores[1].Day {
		return nil
	}
	return b
}

// bestOf is the best of what each two adjoining answers, the second at i, give; of
// equals the first, and nil where they give nothing.
func (m measure) bestOf(scores []Scored, of func(i int) (Scored, bool)) *Scored {
	var best *Scored
	for i := 1; i < len(scores); i++ {
		if s, ok := of(i); ok && (best == nil || m.gain(best.Score, s.Score) > 0) {
			best = &s
		}
	}
	return best
}

// benefit is what was gained to a best and is left of it; nil where that is not
// reliable.
func (m measure) benefit(baseline float64, scores []Scored, best *Scored) *care.Benefit {
	if best == nil || !m.reliablyBetter(baseline, best.Score, 1) {
		return nil
	}
	b := &care.Benefit{State: care.BenefitKept, Best: best.Score, BestDay: best.Day,
		Gained: m.gain(baseline, best.Score), Left: m.gain(baseline, scores[len(scores)-1].Score)}
	times := 1.0
	if len(scores) > fewAnswers {
		times = afterMany
	}
	b.ReturnLine = m.returnLine(best.Score, times)
	worse := 0
	for _, s := range slices.Backward(scores) {
		if !m.reliablyBetter(s.Score, best.Score, times) {
			break
		}
		worse++
		b.Since = s.Day
	}
	switch {
	case worse >= 2:
		b.State = care.BenefitLost
	case worse == 1:
		b.State = care.BenefitLosing
	}
	return b
}

const (
	// aloneTimes is how many reliable changes lie on both sides of an answer that
	// counts as a best without a second one.
	aloneTimes = 2
	// allWorse is how many answers, all worse, must follow the first one that counts
	// as a best without a second one.
	allWorse = 4
	// fewAnswers is how many answers after the baseline a best may be chosen from
	// before a loss needs afterMany reliable changes.
	fewAnswers = 4
	afterMany  = 7.0 / 6
)

// measure reads scores by an instrument's direction and threshold.
type measure struct{ *instrument.Definition }

// gain is how many points better the second score is.
func (m measure) gain(from, to float64) float64 {
	if m.Direction == instrument.DirectionHigherIsBetter {
		return to - from
	}
	return from - to
}

// rounding is what a difference of two decimal scores may be off.
const rounding = 1e-9

// reliablyBetter reports whether the second score is better by so many reliable
// changes.
func (m measure) reliablyBetter(from, to, times float64) bool {
	needed, ok := m.reliable(max(from, to))
	return ok && m.gain(from, to) >= times*needed-rounding
}

// reliable is the instrument's reliable change in points; a threshold in percent
// is of the score that it is given.
func (m measure) reliable(of float64) (float64, bool) {
	t, ok := m.Threshold(instrument.ThresholdReliable)
	switch {
	case !ok:
		return 0, false
	case t.Points != nil:
		return t.Points.Float(), true
	}
	points := t.Percent.Float() / 100 * of
	return points, points > 0
}

// returnLine is the score from which a later answer is reliably worse than the
// best; nil where the scale ends before it.
func (m measure) returnLine(best, times float64) *float64 {
	points, ok := m.reliable(best)
	if !ok {
		return nil
	}
	line := best + times*points
	if m.Direction == instrument.DirectionHigherIsBetter {
		line = best - times*points
	}
	if line < m.Total.Minimum.Float()-rounding || line > m.Total.Maximum.Float()+rounding {
		return nil
	}
	return &line
}

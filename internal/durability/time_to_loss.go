package durability

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/instrument"
	"afterglow/internal/stats/survival"
)

const (
	timeToLossName  = "time-to-loss"
	timeToLossTitle = "How long do responders keep their response?"
	everyone        = "all"
)

// How boosters are taken: what was answered after one counts, or ends the follow-up.
const (
	boostersObserved = "observed"
	boostersCensor   = "censor"
)

// timeToLoss is the question's settings and what ClickHouse counted. See
// docs/methods/time-to-loss.md.
type timeToLoss struct {
	f        *frame
	response instrument.Threshold
	tau      float64
	// untilBooster: a course is followed up to its first booster, not beyond.
	untilBooster bool
	counts       []groupCounts // in the order of the frame's groups
	// drawn are the groups with a responder: only they have a curve.
	drawn []groupCounts
	// visits are the curves that are spoken of and drawn: losses lie between two
	// visits. In the order of drawn.
	visits []survival.VisitCurve
	// curves date a loss to the day that found it (Kaplan-Meier), for the field km
	// and the restricted means: among responders from t*, in the order of drawn;
	// assessed are among everyone assessed there, a non-responder losing at once, so
	// that a group without a responder is there too; treated also have those who were
	// not assessed, as not in response.
	curves, assessed, treated survival.Result
	// adjusted: the hazards are also compared at the same baseline.
	adjusted   bool
	comparison *lossComparison // nil where there is nothing to compare
}

// answerTimeToLoss counts, in ClickHouse, how long responders at t* stayed in
// response, and estimates the curves from the counts.
func answerTimeToLoss(ctx context.Context, a *Asker, f *frame, s *settings) (finding.Finding, error) {
	q := timeToLoss{f: f}
	q.tau = s.number("tau", 0, func(v float64) bool { return v > 0 && !math.IsInf(v, 0) }, "a positive number of days")
	q.adjusted = s.choice("adjust", "baseline", "none") == "baseline"
	q.untilBooster = s.choice("boosters", boostersObserved, boostersCensor) == boostersCensor
	if f.firstAsked && f.firstVisit == len(f.study.Visits)-1 {
		s.fail("first-visit", "no visit comes after %s, so no response can be lost later", f.first().Name)
	}
	if err := s.done(); err != nil {
		return finding.Finding{}, err
	}
	if !q.findResponse() {
		return q.refuse(a, q.undefinedResponse()), nil
	}
	if err := q.count(ctx, a); err != nil {
		return finding.Finding{}, err
	}
	if why := q.nothing(); why.reason != "" {
		return q.refuse(a, why), nil
	}
	if err := q.estimate(); err != nil {
		if fault.Is(err, fault.KindInvalid) {
			return finding.Finding{}, err
		}
		reason, err := unfit(err)
		if err != nil {
			return finding.Finding{}, err
		}
		return q.refuse(a, refusal{reason: reason, answer: "This cannot be estimated from the available data: " + reason + "."}), nil
	}
	if err := q.compare(); err != nil {
		return finding.Finding{}, err
	}
	return q.finding(a)
}

// findResponse takes the instrument's published definition of response, as a share
// of the baseline or in points; false where there is none.
func (q *timeToLoss) findResponse() bool {
	response, ok := q.f.definition.Threshold(instrument.ThresholdResponse)
	q.response = response
	return ok && (response.Percent != nil || response.Points != nil)
}

func (q *timeToLoss) higherIsBetter() bool {
	return q.f.definition.Direction == instrument.DirectionHigherIsBetter
}

// later are the visits after t*, with their days from it.
func (q *timeToLoss) later() []care.Visit {
	var out []care.Visit
	for _, v := range q.f.study.Visits[q.f.firstVisit+1:] {
		v.Day -= q.f.first().Day
		out = append(out, v)
	}
	return out
}

// planned are the visits from t* on.
func (q *timeToLoss) planned() []care.Visit { return q.f.study.Visits[q.f.firstVisit:] }

// laterDays are the days from t* of the visits from t* on, 0 first.
func (q *timeToLoss) laterDays() []float64 {
	days := []float64{0}
	for _, v := range q.later() {
		days = append(days, float64(v.Day))
	}
	return days
}

func (q *timeToLoss) finding(a *Asker) (finding.Finding, error) {
	out := q.f.finding(a, timeToLossName, timeToLossTitle)
	out.Estimand, out.Events, out.Groups = q.estimand(), q.events(), q.verdicts()
	for _, g := range q.counts {
		out.N += g.inResponse()
		out.NMissing += g.unknown()
	}
	out.Estimates = q.estimates()
	out.Tables = []finding.Table{q.responderTable(), q.medianTable(), q.survivalTable(), q.atRiskTable()}
	if q.comparison != nil {
		out.Tables = append(out.Tables, q.hazardTable())
	}
	out.Tables = append(out.Tables, q.meanTables()...)
	out.Answer = q.answer()
	out.Method = q.method()
	out.Caveats = q.caveats()
	raw, err := json.Marshal(q.curves)
	if err != nil {
		return finding.Finding{}, fmt.Errorf("encode the curves: %w", err)
	}
	out.KM = raw
	return out, nil
}

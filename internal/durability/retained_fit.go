package durability

import (
	"context"
	"errors"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
)

// fitted is the model that could be fitted, of which groups and visits, and with
// which settings in the end. Without a fit, reason says why.
type fitted struct {
	q      retainedBenefit
	frame  *frame
	reach  *reach
	fit    *mixed.Fit
	reason string
	// simplified is why another covariance than the default one was fitted; empty
	// where none was.
	simplified string
}

// fitWhatCanBe leaves out what no model can take, fits, and where that fails tries
// what is written down in docs/methods/retained-benefit.md. The reason of a refusal
// is that of the first fit.
func (a *Asker) fitWhatCanBe(ctx context.Context, f *frame, q retainedBenefit) (fitted, error) {
	first := fitted{}
	for i, try := range q.attempts() {
		q.covariance = try.covariance
		reach := f.reached(q.needsBaseline(f))
		if i == 0 {
			first = fitted{q: q, frame: f, reach: reach, reason: reach.reason()}
		}
		for len(reach.visits) > 0 && len(reach.groups) > 0 {
			got := fitted{q: q, frame: reach.narrowed(), reach: reach}
			fit, failure, err := a.tryFit(ctx, got.frame, q)
			if err != nil {
				return fitted{}, err
			}
			if fit != nil {
				got.fit = fit
				if try.covariance != first.q.covariance {
					got.simplified = first.reason
				}
				return got, nil
			}
			if first.reason == "" {
				first.reason = failure.Error()
			}
			if !reach.dropConstant(failure) && !reach.dropFewest(try.whatever) {
				break
			}
		}
	}
	return first, nil
}

// attempt is a covariance to try; whatever lets visits go however many scores they
// have.
type attempt struct {
	covariance mixed.Structure
	whatever   bool
}

// attempts are the ways to a fit, in their order.
func (q retainedBenefit) attempts() []attempt {
	if q.chosen {
		return []attempt{{q.covariance, false}, {q.covariance, true}}
	}
	return []attempt{{q.covariance, false}, {mixed.CompoundSymmetry, false}, {q.covariance, true}, {mixed.CompoundSymmetry, true}}
}

// tryFit gives the fit or why there is none; the error is of a wrong question or of
// the program.
func (a *Asker) tryFit(ctx context.Context, f *frame, q retainedBenefit) (*mixed.Fit, *stats.Failure, error) {
	if reason := q.unanswerable(f); reason != "" {
		return nil, &stats.Failure{Kind: stats.OneLevel, Message: reason}, nil
	}
	fit, err := a.fit(ctx, f, q)
	if err == nil {
		return fit, nil, nil
	}
	if _, asked := unfit(err); asked != nil {
		return nil, nil, asked
	}
	var failure *stats.Failure
	errors.As(err, &failure) // unfit saw that it is one
	return nil, failure, nil
}

// reason says why nothing is left to fit; empty where something is.
func (r *reach) reason() string {
	if len(r.visits) > 0 && len(r.groups) > 0 {
		return ""
	}
	total := 0
	for _, g := range r.f.groups {
		for _, v := range r.f.study.Visits {
			total += r.count(g.Name, v)
		}
	}
	switch {
	case total == 0 && r.f.completion.answered(care.BaselineVisit) == 0 && r.needsBaseline:
		return "nobody has a score before treatment"
	case total == 0:
		return "nobody has a score after treatment that the model can take"
	}
	return "at no visit are there more scores than the numbers that a model needs for it (" + counted(r.parameters(), "number") + ")"
}

// unanswerable says why a model that a person wrote cannot be fitted to what is
// analysed; empty where it can.
func (q retainedBenefit) unanswerable(f *frame) string {
	if q.fixed == "" {
		return ""
	}
	parsed, err := formula.Parse(f.measure.Total + "~" + q.fixed)
	if err != nil {
		return "" // the fit names the fault
	}
	switch columns := parsed.Columns(); {
	case !f.compares() && !f.ungrouped && slices.Contains(columns, f.study.Arm.Name):
		return "the model names " + f.study.Arm.Name + ", and only one of its groups can be analysed"
	case len(f.study.Visits) < 2 && slices.Contains(columns, f.study.VisitName):
		return "the model names " + f.study.VisitName + ", and only one visit can be analysed"
	}
	return ""
}

func (a *Asker) fit(ctx context.Context, f *frame, q retainedBenefit) (*mixed.Fit, error) {
	design, err := f.model(f.measure.Total + "~" + q.fixedIn(f)).Design()
	if err != nil {
		return nil, err
	}
	sums, err := a.sums(ctx, f, design)
	if err != nil {
		return nil, err
	}
	return mixed.FitSums(design, sums, mixed.Options{Covariance: q.covariance, Method: q.method, Times: q.timesOf(f), Level: f.level})
}

// timesOf are the places of the visits that are analysed.
func (q retainedBenefit) timesOf(f *frame) []float64 {
	times := []float64{}
	for _, v := range f.study.Visits {
		at := float64(v.Day)
		if i := slices.Index(f.whole.VisitNames(), v.Name); q.times != nil && i >= 0 {
			at = q.times[i]
		}
		times = append(times, at)
	}
	return times
}

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
	// shared is the baseline of everyone analysed where all have the same; nil where
	// they differ, so that the model has it as a covariate.
	shared *float64
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
			failure, err := a.tryFit(ctx, &got)
			if err != nil {
				return fitted{}, err
			}
			if got.fit != nil {
				if try.covariance != first.q.covariance {
					got.simplified = first.reason
				}
				return got, nil
			}
			if first.reason == "" {
				first.reason = inWords(failure)
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

// tryFit fits or says why there is no fit; the error is of a wrong question or of
// the program.
func (a *Asker) tryFit(ctx context.Context, to *fitted) (*stats.Failure, error) {
	if reason := to.q.unanswerable(to.frame); reason != "" {
		return &stats.Failure{Kind: stats.OneLevel, Message: reason}, nil
	}
	err := a.fit(ctx, to)
	if err == nil {
		return nil, nil
	}
	if _, asked := unfit(err); asked != nil {
		return nil, asked
	}
	var failure *stats.Failure
	errors.As(err, &failure) // unfit saw that it is one
	return failure, nil
}

// inWords says a failure of the fit for readers who know the study and not the
// program: no name of a setting, nothing that only the optimiser saw.
func inWords(failure *stats.Failure) string {
	switch {
	case failure.Where == "covariance" && failure.Kind == stats.NotConverged:
		return "the likelihood has no optimum that could be found"
	case failure.Where == "covariance":
		return failure.Message
	case failure.Kind == stats.Constant && failure.Where != "":
		return "the scores at " + failure.Where + " do not vary beyond what the model explains, so they have no error to estimate"
	case failure.Kind == stats.OneLevel && failure.Where != "":
		return failure.Where + " has " + failure.Message
	}
	return failure.Error()
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

// fit fits what is analysed. Where everyone has the same baseline, it explains
// nothing and the model goes without it; change is counted from it all the same.
func (a *Asker) fit(ctx context.Context, to *fitted) error {
	f, q := to.frame, to.q
	design, err := f.model(f.measure.Total + "~" + q.fixedIn(f)).Design()
	if err != nil {
		return err
	}
	sums, err := a.sums(ctx, f, design)
	if err != nil {
		return err
	}
	options := mixed.Options{Covariance: q.covariance, Method: q.method, Times: q.timesOf(f), Level: f.level}
	if q.fixed == "" && q.needsBaseline(f) {
		if value, all := sums.Shared(f.measure.Baseline); all {
			to.shared, to.q.sharedBaseline = &value, true
			if design, err = f.model(f.measure.Total + "~" + to.q.fixedIn(f)).Design(); err != nil {
				return err
			}
			if sums, err = sums.Without(f.measure.Baseline); err != nil {
				return err
			}
		}
	}
	to.fit, err = mixed.FitSums(design, sums, options)
	return err
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

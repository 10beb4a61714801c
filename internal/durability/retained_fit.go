package durability

import (
	"context"
	"slices"

	"afterglow/internal/care"
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
// what is written down in docs/methods/retained-benefit.md: first without the
// visits that few have reached, then, unless a covariance was asked for, with
// compound symmetry. The reason of a refusal is that of the first fit.
func (a *Asker) fitWhatCanBe(ctx context.Context, f *frame, q retainedBenefit) (fitted, error) {
	first := fitted{}
	for i, covariance := range q.covariances() {
		q.covariance = covariance
		reach := f.reached(q.needsBaseline(f))
		if i == 0 {
			first = fitted{q: q, frame: f, reach: reach, reason: reach.reason()}
		}
		for len(reach.visits) > 0 && len(reach.groups) > 0 {
			got := fitted{q: q, frame: reach.narrowed(), reach: reach}
			reason, err := q.unanswerable(got.frame), error(nil)
			if reason == "" {
				if got.fit, err = a.fit(ctx, got.frame, q); err == nil {
					if i > 0 {
						got.simplified = first.reason
					}
					return got, nil
				}
				if reason, err = unfit(err); err != nil {
					return fitted{}, err
				}
			}
			if first.reason == "" {
				first.reason = reason
			}
			if !reach.dropFewest() {
				break
			}
		}
	}
	return first, nil
}

// covariances are those to try, in order.
func (q retainedBenefit) covariances() []mixed.Structure {
	if q.chosen {
		return []mixed.Structure{q.covariance}
	}
	return []mixed.Structure{q.covariance, mixed.CompoundSymmetry}
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
		if i := slices.Index(f.asked, v.Name); q.times != nil && i >= 0 {
			at = q.times[i]
		}
		times = append(times, at)
	}
	return times
}

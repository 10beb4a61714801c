package durability

import (
	"cmp"
	"context"
	"slices"

	"afterglow/internal/stats/survival"
	"afterglow/internal/warehouse"
)

// maxPairs bounds the intercepts of the hazard model: a study of 60 visits has
// 1,770 pairs of them, most with nobody in.
const maxPairs = 40

// lossComparison holds responders' hazards of losing their response against the
// first group's.
//
// The model is that of grouped proportional hazards (Prentice & Gloeckler 1978,
// Biometrics 34:57): log(-log(1 - h)) = a_pair + group + slope x baseline, where h
// is the chance of no longer being in response at an assessment after having been
// at the one before. It is chosen because a loss is known only to lie between two
// assessments, which this likelihood takes as it is (a Cox model would need a date
// for it), because exp(group) nevertheless is the hazard ratio of the underlying
// time whatever the distance between visits, and because counts by group, pair of
// visits and baseline point are all that it needs. See docs/methods/time-to-loss.md.
type lossComparison struct {
	groups               []comparedGroup
	unadjusted, adjusted []hazardRatio // in the order of groups
	// leftOut are assessments in pairs of visits beyond maxPairs.
	leftOut int
}

// comparedGroup is who stands behind a ratio: responders with a later assessment,
// how many of them lost their response, and their mean baseline.
type comparedGroup struct {
	group    string
	n, lost  int
	baseline float64
}

// hazardRatio is a group's hazard over the first group's; without a value the note
// says why.
type hazardRatio struct {
	value, lower, upper, p *float64
	note                   string
}

// compare asks for the counts between assessments and fits both models.
func (q *timeToLoss) compare(ctx context.Context, a *Asker) error {
	if !q.byArm || len(q.drawn) < 2 {
		return nil
	}
	rows, err := a.warehouse.LossIntervals(ctx, q.params())
	if err != nil {
		return err
	}
	groups := make([]string, len(q.drawn))
	for i, g := range q.drawn {
		groups[i] = g.group
	}
	q.comparison, err = compareLoss(rows, groups, q.f.first().Name, q.f.level, maxPairs)
	return err
}

func compareLoss(rows []warehouse.LossInterval, groups []string, first string, level float64, pairs int) (*lossComparison, error) {
	c := &lossComparison{}
	rows = slices.DeleteFunc(slices.Clone(rows), func(r warehouse.LossInterval) bool { return !slices.Contains(groups, r.Group) })
	for _, group := range groups {
		g := comparedGroup{group: group}
		for _, r := range rows {
			if r.Group != group {
				continue
			}
			g.lost += r.Lost
			if r.From == first {
				g.baseline += float64(r.N * r.Baseline)
				g.n += r.N
			}
		}
		if g.n > 0 {
			g.baseline /= float64(g.n)
		}
		c.groups = append(c.groups, g)
	}
	rows, c.leftOut = commonest(rows, pairs)
	var err error
	if c.unadjusted, err = hazardRatios(rows, groups, false, level); err != nil {
		return nil, err
	}
	c.adjusted, err = hazardRatios(rows, groups, true, level)
	return c, err
}

// pair is two visits that followed each other in somebody's course.
type pair struct{ from, to string }

func pairOf(r warehouse.LossInterval) pair { return pair{r.From, r.To} }

// commonest keeps the rows of the pairs that most went through, and counts the
// assessments of the others.
func commonest(rows []warehouse.LossInterval, limit int) (kept []warehouse.LossInterval, leftOut int) {
	order, n := []pair{}, map[pair]int{}
	for _, r := range rows {
		if n[pairOf(r)] == 0 {
			order = append(order, pairOf(r))
		}
		n[pairOf(r)] += r.N
	}
	slices.SortStableFunc(order, func(a, b pair) int { return cmp.Compare(n[b], n[a]) })
	order = order[:min(limit, len(order))]
	for _, r := range rows {
		if slices.Contains(order, pairOf(r)) {
			kept = append(kept, r)
		} else {
			leftOut += r.N
		}
	}
	return kept, leftOut
}

// hazardRatios are the model's ratios of each group to the first, whose own is
// empty, with words where there is none.
func hazardRatios(rows []warehouse.LossInterval, groups []string, adjusted bool, level float64) ([]hazardRatio, error) {
	counts, covariate := make([]survival.IntervalCounts, len(rows)), ""
	for i, r := range rows {
		counts[i] = survival.IntervalCounts{Group: r.Group, Interval: r.From + " to " + r.To, Covariate: float64(r.Baseline), N: r.N, Events: r.Lost}
	}
	if adjusted {
		covariate = "baseline"
	}
	ratios, err := survival.CompareHazards(counts, groups, covariate, level)
	failed := ""
	if err != nil {
		reason, err := unfit(err)
		if err != nil {
			return nil, err
		}
		failed = "no ratio: " + reason
	}
	out := make([]hazardRatio, len(groups))
	for i, r := range ratios {
		out[i] = hazardRatio{value: pointer(r.Ratio), lower: pointer(r.Lower), upper: pointer(r.Upper), p: pointer(r.PValue)}
		switch {
		case i == 0:
		case r.Extreme != "":
			out[i].note = "no ratio: in " + r.Extreme + " the response was lost by all or by none"
		default:
			out[i].note = failed
		}
	}
	return out, nil
}

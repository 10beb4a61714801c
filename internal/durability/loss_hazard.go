package durability

import (
	"cmp"
	"context"
	"math"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
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
	value, lower, upper, p, logSE *float64
	note                          string
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

// informative drops what the likelihood's maximum does not depend on, and where it
// lies at infinity: groups and pairs of visits in which all or none lost their
// response. Dropping one can leave another so, hence the loop.
func informative(rows []warehouse.LossInterval) []warehouse.LossInterval {
	for {
		n, lost := map[any]int{}, map[any]int{}
		for _, r := range rows {
			for _, key := range []any{r.Group, pairOf(r)} {
				n[key] += r.N
				lost[key] += r.Lost
			}
		}
		varies := func(key any) bool { return lost[key] > 0 && lost[key] < n[key] }
		before := len(rows)
		rows = slices.DeleteFunc(slices.Clone(rows), func(r warehouse.LossInterval) bool { return !varies(r.Group) || !varies(pairOf(r)) })
		if len(rows) == before {
			return rows
		}
	}
}

// hazardRatios fits the model and gives each group's ratio to the first, whose own
// is empty.
func hazardRatios(rows []warehouse.LossInterval, groups []string, adjusted bool, level float64) ([]hazardRatio, error) {
	out := make([]hazardRatio, len(groups))
	rows = informative(rows)
	inModel := func(group string) bool {
		return slices.ContainsFunc(rows, func(r warehouse.LossInterval) bool { return r.Group == group })
	}
	names := []string{}
	for i, group := range groups {
		switch {
		case i == 0:
		case !inModel(groups[0]):
			out[i].note = "no ratio: in " + groups[0] + " the response was lost by all or by none"
		case !inModel(group):
			out[i].note = "no ratio: in " + group + " the response was lost by all or by none"
		default:
			names = append(names, group)
		}
	}
	if len(names) == 0 {
		return out, nil
	}
	fit, err := fitHazard(rows, names, adjusted)
	if err != nil {
		reason, err := unfit(err)
		if err != nil {
			return nil, err
		}
		for i := range out[1:] {
			out[i+1] = hazardRatio{note: cmp.Or(out[i+1].note, "no ratio: "+reason)}
		}
		return out, nil
	}
	for j, name := range names {
		e := stats.ZEstimate(fit.Beta[j], fit.SE(j), level)
		out[slices.Index(groups, name)] = hazardRatio{value: exponential(e.Estimate), lower: exponential(e.Lower), upper: exponential(e.Upper),
			p: pointer(e.PValue), logSE: pointer(e.SE)}
	}
	return out, nil
}

// fitHazard has a column for each named group, one for each pair of visits, then the
// baseline where it adjusts; a row is weighted by how many it stands for.
func fitHazard(rows []warehouse.LossInterval, names []string, adjusted bool) (*glm.Fit, error) {
	data := glm.Data{Response: "lost", Names: slices.Clone(names)}
	pairs := []pair{}
	for _, r := range rows {
		if !slices.Contains(pairs, pairOf(r)) {
			pairs = append(pairs, pairOf(r))
			data.Names = append(data.Names, r.From+" to "+r.To)
		}
	}
	if adjusted {
		data.Names = append(data.Names, "baseline")
	}
	for _, r := range rows {
		x := make([]float64, len(data.Names))
		if i := slices.Index(names, r.Group); i >= 0 {
			x[i] = 1
		}
		x[len(names)+slices.Index(pairs, pairOf(r))] = 1
		if adjusted {
			x[len(x)-1] = float64(r.Baseline)
		}
		for lost, n := range []int{r.N - r.Lost, r.Lost} {
			if n > 0 {
				data.X, data.Y, data.Weights = append(data.X, x...), append(data.Y, float64(lost)), append(data.Weights, float64(n))
			}
		}
	}
	return glm.New(glm.CLogLog, data)
}

// exponential gives nothing where the number is undefined or the result too large
// to write.
func exponential(n stats.Number) *float64 {
	if !n.Defined {
		return nil
	}
	return defined(math.Exp(n.Value))
}

package survival

import (
	"errors"
	"math"
	"slices"

	"afterglow/internal/stats"
)

// GroupedTime is an interval-censored time of Count subjects of a group who are alike in a covariate.
type GroupedTime struct {
	Censored
	Group     string
	Covariate float64
}

// HazardRatio is a group's hazard over the first group's; PValue and LogSE are of its logarithm. It is undefined where the
// likelihood rises for ever as the hazard of the group that Extreme names runs to 0 or without bound: it had no event, or all
// of its events within the first interval.
type HazardRatio struct {
	Group   string       `json:"group"`
	Ratio   stats.Number `json:"hr"`
	Lower   stats.Number `json:"hr_lower"`
	Upper   stats.Number `json:"hr_upper"`
	PValue  stats.Number `json:"p_value"`
	LogSE   stats.Number `json:"log_hr_se"`
	Extreme string       `json:"extreme,omitempty"`
}

// CompareIntervals compares groups' hazards with the first group's, whose own ratio is left empty, by grouped proportional
// hazards of interval-censored times (FitDiscreteIntervals): one intercept for each interval of cuts that the data can tell
// from its neighbours, a coefficient a group and, where covariate names it, a slope. Intervals whose hazard is 0 or without
// bound at the maximum are taken there and leave the fit, which changes nothing else: nobody can have had the event in one,
// or everybody followed to its end had. The error is the fit's; what was found of Extreme before it stands. See
// docs/methods/time-to-loss.md.
func CompareIntervals(times []GroupedTime, groups []string, cuts []float64, covariate string, level float64) ([]HazardRatio, error) {
	out := make([]HazardRatio, len(groups))
	for i, group := range groups {
		out[i].Group = group
	}
	if err := checkCuts(cuts); err != nil {
		return out, err
	}
	if err := stats.CheckLevel(level); err != nil {
		return out, err
	}
	c := comparison{groups: groups, intervals: len(cuts) - 1}
	for _, t := range times {
		if !slices.Contains(groups, t.Group) {
			return out, stats.Errorf(stats.BadInput, "group", "%q is not one of the groups", t.Group)
		}
		if !stats.Finite(t.Covariate) || !(t.Lower >= 0) || math.IsInf(t.Lower, 0) || !(t.Upper >= t.Lower) || t.Count < 0 {
			return out, stats.Errorf(stats.BadInput, "time", "an interval, count or covariate of group %s cannot be", t.Group)
		}
		a, b := within(t.Censored, cuts)
		c.rows = append(c.rows, comparedRow{a, b, max(t.Count, 1), t.Group, t.Covariate})
	}
	c.reduce()
	names := []string{}
	for i, group := range groups {
		switch {
		case i == 0:
		case !c.has(groups[0]):
			out[i].Extreme = groups[0]
		case !c.has(group):
			out[i].Extreme = group
		default:
			names = append(names, group)
		}
	}
	if len(names) == 0 {
		return out, nil
	}
	fit, covariance, err := c.fit(names, covariate)
	if err != nil {
		return out, err
	}
	for j, name := range names {
		k := fit.intervals + j
		e := stats.ZEstimate(fit.beta[k], math.Sqrt(covariance.At(k, k)), level)
		r := &out[slices.Index(groups, name)]
		r.Ratio, r.Lower, r.Upper, r.PValue, r.LogSE = exp(e.Estimate), exp(e.Lower), exp(e.Upper), e.PValue, e.SE
	}
	return out, nil
}

// comparedRow is count subjects seen through the first a intervals, with the event in one of those up to the b-th, or
// censored after a (b = a).
type comparedRow struct {
	a, b, count int
	group       string
	covariate   float64
}

type comparison struct {
	rows      []comparedRow
	groups    []string
	intervals int
}

func (c *comparison) has(group string) bool {
	return slices.ContainsFunc(c.rows, func(r comparedRow) bool { return r.group == group })
}

// any tells whether a row is as asked.
func (c *comparison) any(is func(comparedRow) bool) bool { return slices.ContainsFunc(c.rows, is) }

// reduce takes to their limits what the likelihood's maximum has at infinity and joins intervals that nothing tells apart,
// until nothing of the kind is left. Each step can make the next one possible.
func (c *comparison) reduce() {
	for c.step() {
	}
}

func (c *comparison) step() bool {
	before := len(c.rows)
	c.rows = slices.DeleteFunc(c.rows, func(r comparedRow) bool { return r.b == 0 }) // says nothing
	for _, group := range c.groups {
		if c.extreme(group) {
			c.rows = slices.DeleteFunc(c.rows, func(r comparedRow) bool { return r.group == group })
		}
	}
	if len(c.rows) < before {
		return true
	}
	for k := 1; k <= c.intervals; k++ {
		switch {
		case !c.any(func(r comparedRow) bool { return r.a < k && k <= r.b }):
			c.contract(k) // nobody can have had the event there
			return true
		case !c.any(func(r comparedRow) bool { return r.a >= k }):
			c.end(k) // everybody followed through it had the event before its end
			return true
		case k < c.intervals && !c.any(func(r comparedRow) bool { return r.a == k || r.b == k }):
			c.contract(k + 1) // nothing tells it from the next
			return true
		}
	}
	return false
}

// extreme: a hazard of 0 or without bound is likelier than any other.
func (c *comparison) extreme(group string) bool {
	none := !c.any(func(r comparedRow) bool { return r.group == group && r.b > r.a })
	all := !c.any(func(r comparedRow) bool { return r.group == group && (r.b == r.a || r.a > 0) })
	return none || all
}

// contract lets an interval have no length.
func (c *comparison) contract(k int) {
	for i := range c.rows {
		r := &c.rows[i]
		if r.a >= k {
			r.a--
		}
		if r.b >= k {
			r.b--
		}
	}
	c.intervals--
}

// end makes k the last interval and lets its hazard grow without bound: of who had the event by its end, or later, all that
// is left to say is how long they were seen without.
func (c *comparison) end(k int) {
	for i := range c.rows {
		if r := &c.rows[i]; r.b >= k {
			r.b = r.a
		}
	}
	c.intervals = k - 1
}

// fit maximises; an interval whose hazard runs to 0 although the event could lie there is contracted and the rest fitted
// again.
func (c *comparison) fit(names []string, covariate string) (*grouped, interface{ At(i, j int) float64 }, error) {
	columns := slices.Clone(names)
	if covariate != "" {
		columns = append(columns, covariate)
	}
	for {
		var times []Censored
		var x []float64
		for _, r := range c.rows {
			t := Censored{Lower: float64(r.a), Upper: math.Inf(1), Count: r.count}
			if r.b > r.a {
				t.Upper = float64(r.b)
			}
			row := make([]float64, len(columns))
			if j := slices.Index(names, r.group); j >= 0 {
				row[j] = 1
			}
			if covariate != "" {
				row[len(names)] = r.covariate
			}
			times, x = append(times, t), append(x, row...)
		}
		cuts := make([]float64, c.intervals+1)
		for k := range cuts {
			cuts[k] = float64(k)
		}
		f, err := newGrouped(times, columns, x, cuts, &DiscreteHazard{})
		if err != nil {
			return nil, nil, err
		}
		covariance, err := f.climb()
		if err == nil {
			return f, covariance, nil
		}
		var failure *stats.Failure
		k := 0
		if errors.As(err, &failure) && failure.Kind == stats.NoEvents {
			k = 1 + slices.Index(f.names[:f.intervals], failure.Where)
		}
		if k == 0 || c.any(func(r comparedRow) bool { return r.a == k-1 && r.b == k }) {
			return nil, nil, err
		}
		c.contract(k)
		c.reduce()
	}
}

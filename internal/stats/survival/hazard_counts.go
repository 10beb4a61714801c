package survival

import (
	"math"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
)

// IntervalCounts are N subjects of a group, alike in a covariate, who entered an interval at risk, and how many of them had
// the event in it.
type IntervalCounts struct {
	Group, Interval string
	Covariate       float64
	N, Events       int
}

// HazardRatio is a group's hazard over the first group's; PValue and LogSE are of its logarithm. It is undefined where all
// or none had the event in the group that Extreme names.
type HazardRatio struct {
	Group   string       `json:"group"`
	Ratio   stats.Number `json:"hr"`
	Lower   stats.Number `json:"hr_lower"`
	Upper   stats.Number `json:"hr_upper"`
	PValue  stats.Number `json:"p_value"`
	LogSE   stats.Number `json:"log_hr_se"`
	Extreme string       `json:"extreme,omitempty"`
}

// CompareHazards holds groups' hazards against the first group's, whose own ratio is left empty, by grouped proportional
// hazards (Prentice & Gloeckler 1978, Biometrics 34:57): log(-log(1 - h)) = a_interval + group + slope x covariate, with h
// the chance of the event in an interval. covariate names that column; "" leaves it out. Intervals may overlap: an event
// that is known only to lie in a wide one has its own. Groups and intervals in which all or none had the event say nothing
// about the others and leave the fit. The error is the fit's; what was found of Extreme before it stands. See
// docs/methods/time-to-loss.md.
func CompareHazards(counts []IntervalCounts, groups []string, covariate string, level float64) ([]HazardRatio, error) {
	out := make([]HazardRatio, len(groups))
	counts = informative(counts)
	fitted := func(group string) bool {
		return slices.ContainsFunc(counts, func(c IntervalCounts) bool { return c.Group == group })
	}
	names := []string{}
	for i, group := range groups {
		out[i].Group = group
		switch {
		case i == 0:
		case !fitted(groups[0]):
			out[i].Extreme = groups[0]
		case !fitted(group):
			out[i].Extreme = group
		default:
			names = append(names, group)
		}
	}
	if len(names) == 0 {
		return out, nil
	}
	fit, err := fitIntervals(counts, names, covariate)
	if err != nil {
		return out, err
	}
	for j, name := range names {
		e := stats.ZEstimate(fit.Beta[j], fit.SE(j), level)
		r := &out[slices.Index(groups, name)]
		r.Ratio, r.Lower, r.Upper, r.PValue, r.LogSE = exp(e.Estimate), exp(e.Lower), exp(e.Upper), e.PValue, e.SE
	}
	return out, nil
}

// informative drops what the likelihood's maximum does not depend on, and where it lies at infinity: groups and intervals in
// which all or none had the event. Dropping one can leave another so, hence the loop.
func informative(counts []IntervalCounts) []IntervalCounts {
	type key struct{ group, interval string }
	for {
		n, events := map[key]int{}, map[key]int{}
		for _, c := range counts {
			for _, k := range []key{{group: c.Group}, {interval: c.Interval}} {
				n[k] += c.N
				events[k] += c.Events
			}
		}
		varies := func(k key) bool { return events[k] > 0 && events[k] < n[k] }
		before := len(counts)
		counts = slices.DeleteFunc(slices.Clone(counts), func(c IntervalCounts) bool {
			return !varies(key{group: c.Group}) || !varies(key{interval: c.Interval})
		})
		if len(counts) == before {
			return counts
		}
	}
}

// fitIntervals has a column for each named group, one for each interval, then the covariate; a row is weighted by how many it
// stands for.
func fitIntervals(counts []IntervalCounts, names []string, covariate string) (*glm.Fit, error) {
	data := glm.Data{Response: "event", Names: slices.Clone(names)}
	intervals := []string{}
	for _, c := range counts {
		if math.IsNaN(c.Covariate) || math.IsInf(c.Covariate, 0) || c.Events < 0 || c.Events > c.N {
			return nil, stats.Errorf(stats.BadInput, c.Interval, "%d events among %d, or a covariate that is not finite", c.Events, c.N)
		}
		if !slices.Contains(intervals, c.Interval) {
			intervals = append(intervals, c.Interval)
		}
	}
	data.Names = append(data.Names, intervals...)
	if covariate != "" {
		data.Names = append(data.Names, covariate)
	}
	for _, c := range counts {
		x := make([]float64, len(data.Names))
		if i := slices.Index(names, c.Group); i >= 0 {
			x[i] = 1
		}
		x[len(names)+slices.Index(intervals, c.Interval)] = 1
		if covariate != "" {
			x[len(x)-1] = c.Covariate
		}
		for event, n := range []int{c.N - c.Events, c.Events} {
			if n > 0 {
				data.X, data.Y, data.Weights = append(data.X, x...), append(data.Y, float64(event)), append(data.Weights, float64(n))
			}
		}
	}
	return glm.New(glm.CLogLog, data)
}

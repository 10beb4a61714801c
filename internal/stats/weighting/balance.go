package weighting

import (
	"cmp"
	"math"
	"slices"

	"afterglow/internal/stats"
)

// Balance compares one column between the groups, before and after weighting. Standardised differences divide by the same
// spread before and after: the pooled one of the unweighted groups, or the treated group's. The spread of a column of 0
// and 1 is that of its share.
type Balance struct {
	Variable            string       `json:"variable"`
	Binary              bool         `json:"binary"`
	MeanTreated         stats.Number `json:"mean_treated"`
	MeanControl         stats.Number `json:"mean_control"`
	MeanTreatedWeighted stats.Number `json:"mean_treated_weighted"`
	MeanControlWeighted stats.Number `json:"mean_control_weighted"`
	SMDBeforePooled     stats.Number `json:"smd_before_pooled"`
	SMDAfterPooled      stats.Number `json:"smd_after_pooled"`
	SMDBeforeTreatedSD  stats.Number `json:"smd_before_treated_sd"`
	SMDAfterTreatedSD   stats.Number `json:"smd_after_treated_sd"`
}

// PairBalance compares one column between two of several groups; standardised differences divide by the pooled spread of
// the two unweighted groups.
type PairBalance struct {
	Variable            string       `json:"variable"`
	Binary              bool         `json:"binary"`
	Group               string       `json:"group"`
	Against             string       `json:"against"`
	MeanGroup           stats.Number `json:"mean_group"`
	MeanAgainst         stats.Number `json:"mean_against"`
	MeanGroupWeighted   stats.Number `json:"mean_group_weighted"`
	MeanAgainstWeighted stats.Number `json:"mean_against_weighted"`
	SMDBefore           stats.Number `json:"smd_before"`
	SMDAfter            stats.Number `json:"smd_after"`
}

// LovePoint is a row of a love plot: a column's largest standardised difference, without its sign, over the pairs of groups.
type LovePoint struct {
	Variable  string       `json:"variable"`
	SMDBefore stats.Number `json:"smd_before"`
	SMDAfter  stats.Number `json:"smd_after"`
}

// column is what balance needs of one column: by group the mean, the weighted mean and the variance.
type column struct {
	name                     string
	binary                   bool
	mean, weighted, variance []float64
}

// columns describes each column but a constant one.
func columns(names []string, x []float64, groups int, group []int, w []float64) []column {
	p := len(names)
	var out []column
	for j, name := range names {
		c := column{name, true, make([]float64, groups), make([]float64, groups), make([]float64, groups)}
		varies := false
		count, weight := make([]float64, groups), make([]float64, groups)
		for i, g := range group {
			v := x[i*p+j]
			c.binary = c.binary && (v == 0 || v == 1)
			varies = varies || v != x[j]
			count[g]++
			c.mean[g] += v
			weight[g] += w[i]
			c.weighted[g] += w[i] * v
		}
		if !varies {
			continue
		}
		for g := range groups {
			c.mean[g] /= count[g]
			c.weighted[g] /= weight[g]
		}
		for i, g := range group {
			c.variance[g] += (x[i*p+j] - c.mean[g]) * (x[i*p+j] - c.mean[g]) / (count[g] - 1)
		}
		if c.binary {
			for g, m := range c.mean {
				c.variance[g] = m * (1 - m)
			}
		}
		out = append(out, c)
	}
	return out
}

func balance(in Input, ws []float64) []Balance {
	out := []Balance{}
	for _, c := range columns(in.Names, in.X, 2, in.groups(), ws) {
		pooled, treated := math.Sqrt((c.variance[0]+c.variance[1])/2), math.Sqrt(c.variance[1])
		before, after := c.mean[1]-c.mean[0], c.weighted[1]-c.weighted[0]
		out = append(out, Balance{c.name, c.binary, stats.Of(c.mean[1]), stats.Of(c.mean[0]), stats.Of(c.weighted[1]), stats.Of(c.weighted[0]),
			stats.Of(before / pooled), stats.Of(after / pooled), stats.Of(before / treated), stats.Of(after / treated)})
	}
	return out
}

func pairBalance(in Groups, w []float64) []PairBalance {
	out := []PairBalance{}
	for _, c := range columns(in.Names, in.X, len(in.Levels), in.Group, w) {
		for b := range in.Levels {
			for a := b + 1; a < len(in.Levels); a++ {
				pooled := math.Sqrt((c.variance[a] + c.variance[b]) / 2)
				out = append(out, PairBalance{c.name, c.binary, in.Levels[a], in.Levels[b], stats.Of(c.mean[a]), stats.Of(c.mean[b]),
					stats.Of(c.weighted[a]), stats.Of(c.weighted[b]),
					stats.Of((c.mean[a] - c.mean[b]) / pooled), stats.Of((c.weighted[a] - c.weighted[b]) / pooled)})
			}
		}
	}
	return out
}

// lovePlot sorts the columns by their difference before weighting, the largest first.
func lovePlot(pairs []PairBalance) []LovePoint {
	out := []LovePoint{}
	larger := func(a, b stats.Number) stats.Number {
		if b.Defined && (!a.Defined || math.Abs(b.Value) > a.Value) {
			return stats.Of(math.Abs(b.Value))
		}
		return a
	}
	for _, b := range pairs {
		if len(out) == 0 || out[len(out)-1].Variable != b.Variable {
			out = append(out, LovePoint{Variable: b.Variable})
		}
		at := &out[len(out)-1]
		at.SMDBefore, at.SMDAfter = larger(at.SMDBefore, b.SMDBefore), larger(at.SMDAfter, b.SMDAfter)
	}
	slices.SortStableFunc(out, func(a, b LovePoint) int { return cmp.Compare(b.SMDBefore.Value, a.SMDBefore.Value) })
	return out
}

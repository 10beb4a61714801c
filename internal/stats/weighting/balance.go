package weighting

import (
	"math"

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

// balance gives a row for each column but a constant one.
func balance(in Input, ws []weights) []Balance {
	n, p := len(ws), len(in.Names)
	out := []Balance{}
	for j, name := range in.Names {
		binary, varies := true, false
		for i := range n {
			x := in.X[i*p+j]
			binary = binary && (x == 0 || x == 1)
			varies = varies || x != in.X[j]
		}
		if !varies {
			continue
		}
		var count, mean, weight, weighted, squares [2]float64
		for i, w := range ws {
			g := int(in.Treated[i])
			x := in.X[i*p+j]
			count[g]++
			mean[g] += x
			weight[g] += w.w
			weighted[g] += w.w * x
		}
		for g := range mean {
			mean[g] /= count[g]
			weighted[g] /= weight[g]
		}
		for i := range n {
			g := int(in.Treated[i])
			squares[g] += (in.X[i*p+j] - mean[g]) * (in.X[i*p+j] - mean[g])
		}
		var variance [2]float64
		for g := range variance {
			variance[g] = squares[g] / (count[g] - 1)
			if binary {
				variance[g] = mean[g] * (1 - mean[g])
			}
		}
		pooled, treated := math.Sqrt((variance[0]+variance[1])/2), math.Sqrt(variance[1])
		before, after := mean[1]-mean[0], weighted[1]-weighted[0]
		out = append(out, Balance{name, binary, stats.Of(mean[1]), stats.Of(mean[0]), stats.Of(weighted[1]), stats.Of(weighted[0]),
			stats.Of(before / pooled), stats.Of(after / pooled), stats.Of(before / treated), stats.Of(after / treated)})
	}
	return out
}

package weighting

import (
	"fmt"
	"math"
	"slices"

	"afterglow/internal/stats"
)

// Estimand says whose average effect is estimated.
type Estimand string

const (
	// ATE is the effect in everyone.
	ATE Estimand = "ATE"
	// ATT is the effect in the rows of one group, of two groups the treated.
	ATT Estimand = "ATT"
	// ATO is the effect where the groups overlap: of two groups, weights 1 - e for the treated, e for the others (Li, Morgan &
	// Zaslavsky 2018, JASA 113:390; several groups: Li & Li 2019, Ann Appl Stat 13:2389).
	ATO Estimand = "ATO"
)

func (e Estimand) check() error {
	if e != ATE && e != ATT && e != ATO {
		return stats.Errorf(stats.BadInput, "estimand", "no estimand %q; there are ATE, ATT and ATO", e)
	}
	return nil
}

// weight is h/e_k for a row of group k whose groups have the probabilities e: h is 1 for everyone, e of the target group
// for its rows, 1/(sum of 1/e) for the overlap. slope takes the derivatives by the linear predictors of the groups but the
// first: de_j/deta_m = e_j (1[j = m] - e_m).
func (e Estimand) weight(target, k int, shares, slope []float64) float64 {
	own := func(j, m int) float64 { // derivative of log e_j by the predictor of group m
		if j == m {
			return 1 - shares[m]
		}
		return -shares[m]
	}
	w := 1 / shares[k]
	switch e {
	case ATT:
		w *= shares[target]
		for m := range slope {
			slope[m] = w * (own(target, m+1) - own(k, m+1))
		}
		if k == target {
			w = 1
			clear(slope)
		}
	case ATO:
		sum := 0.0
		for _, s := range shares {
			sum += 1 / s
		}
		if math.IsInf(sum, 1) { // a group has no chance at all here: no overlap, no weight
			clear(slope)
			return 0
		}
		h := 1 / sum
		w *= h
		for m := range slope {
			slope[m] = w * (h/shares[m+1] - shares[m+1] - own(k, m+1))
		}
	default:
		for m := range slope {
			slope[m] = -w * own(k, m+1)
		}
	}
	return w
}

// stabiliser is the factor that brings a group's weights to a mean near 1; the group's weighted mean does not move.
func (e Estimand) stabiliser(target, k int, counts []int) float64 {
	n := 0
	for _, c := range counts {
		n += c
	}
	switch e {
	case ATE:
		return float64(counts[k]) / float64(n)
	case ATT:
		return float64(counts[k]) / float64(counts[target])
	}
	return 1
}

// Cut says that weights beyond a quantile were cut to it: those of one group, or of all rows where Group is empty.
type Cut struct {
	Group    string       `json:"group,omitempty"`
	Quantile float64      `json:"quantile"`
	Limit    stats.Number `json:"limit"`
	N        int          `json:"n"`
}

// order is the smallest of the sorted values that a share of them does not exceed.
func order(sorted []float64, share float64) float64 {
	return sorted[max(0, min(len(sorted)-1, int(math.Ceil(share*float64(len(sorted))))-1))]
}

func checkTruncation(lower, upper stats.Number) error {
	if upper.Defined && !(upper.Value > 0.5 && upper.Value < 1) {
		return stats.Errorf(stats.BadInput, "truncation", "must lie between 0.5 and 1")
	}
	if lower.Defined && !(lower.Value > 0 && lower.Value < 0.5) {
		return stats.Errorf(stats.BadInput, "truncation_lower", "must lie between 0 and 0.5")
	}
	return nil
}

// cutNotes say that weights were cut, and what that costs.
func cutNotes(n int) []string {
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d weights were cut to a quantile: the groups are then no longer balanced, and the interval does not count the bias that this leaves", n)}
}

// checkOutcome refuses values that are not finite or too large to square, and an outcome without variation.
func checkOutcome(name string, y []float64) error {
	varies := false
	if err := stats.CheckFinite(name, y...); err != nil {
		return err
	}
	for _, v := range y {
		varies = varies || v != y[0]
	}
	if !varies {
		return stats.Errorf(stats.Constant, name, "has the same value in all %d rows", len(y))
	}
	return nil
}

// truncate cuts the weights of the rows to their quantiles; a cut weight no longer moves with the propensity.
func truncate(group string, rows []int, w []float64, cut []bool, lower, upper stats.Number) []Cut {
	sorted := make([]float64, len(rows))
	for k, i := range rows {
		sorted[k] = w[i]
	}
	slices.Sort(sorted)
	var cuts []Cut
	for _, side := range []struct {
		at     stats.Number
		beyond func(w, limit float64) bool
	}{
		{lower, func(w, limit float64) bool { return w < limit }},
		{upper, func(w, limit float64) bool { return w > limit }},
	} {
		if !side.at.Defined {
			continue
		}
		c := Cut{Group: group, Quantile: side.at.Value}
		limit := order(sorted, side.at.Value)
		for _, i := range rows {
			if side.beyond(w[i], limit) {
				w[i], cut[i] = limit, true
				c.N++
			}
		}
		c.Limit = stats.Of(limit)
		cuts = append(cuts, c)
	}
	return cuts
}

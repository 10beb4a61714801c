// Package multiplicity corrects for asking several questions at once. Floor: ground.
// It must not choose which comparisons count: it corrects those that it is given.
package multiplicity

import (
	"cmp"
	"math"
	"slices"

	"afterglow/internal/stats"
)

// Adjusted are p-values corrected for their number, in the order of the originals. Bonferroni, Holm (1979),
// Hochberg (1988) and Hommel (1988) bound the chance of any false finding; Benjamini & Hochberg (1995) and
// Benjamini & Yekutieli (2001) the share of false findings; None is the originals.
type Adjusted struct {
	Bonferroni []stats.Number `json:"bonferroni"`
	Holm       []stats.Number `json:"holm"`
	Hochberg   []stats.Number `json:"hochberg"`
	Hommel     []stats.Number `json:"hommel"`
	BH         []stats.Number `json:"bh"`
	BY         []stats.Number `json:"by"`
	None       []stats.Number `json:"none"`
}

// Check refuses p-values outside [0, 1].
func Check(p []stats.Number) error {
	if len(p) == 0 {
		return stats.Errorf(stats.TooFew, "p", "there is no p-value")
	}
	for _, v := range p {
		if v.Defined && !(v.Value >= 0 && v.Value <= 1) {
			return stats.Errorf(stats.BadInput, "p", "a p-value must lie between 0 and 1")
		}
	}
	return nil
}

// Adjust corrects p-values; an undefined one stays undefined and does not count, as in R's p.adjust. See
// docs/methods/multiplicity.md.
func Adjust(all []stats.Number) Adjusted {
	var p []float64
	var places []int
	for i, v := range all {
		if v.Defined {
			p, places = append(p, v.Value), append(places, i)
		}
	}
	n := len(p)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	sorted := make([]float64, n)
	for rank, i := range order {
		sorted[rank] = p[i]
	}
	back := func(values []float64) []stats.Number {
		out := make([]stats.Number, len(all))
		for rank, i := range order {
			out[places[i]] = stats.Of(math.Min(1, values[rank]))
		}
		return out
	}
	harmonic := 0.0
	for i := range n {
		harmonic += 1 / float64(i+1)
	}
	size := float64(n)
	return Adjusted{
		Bonferroni: back(each(sorted, func(_ int, v float64) float64 { return size * v })),
		Holm:       back(rising(each(sorted, func(rank int, v float64) float64 { return float64(n-rank) * v }))),
		Hochberg:   back(falling(each(sorted, func(rank int, v float64) float64 { return float64(n-rank) * v }))),
		Hommel:     back(hommel(sorted)),
		BH:         back(falling(each(sorted, func(rank int, v float64) float64 { return size / float64(rank+1) * v }))),
		BY:         back(falling(each(sorted, func(rank int, v float64) float64 { return harmonic * size / float64(rank+1) * v }))),
		None:       back(sorted),
	}
}

func each(sorted []float64, f func(rank int, v float64) float64) []float64 {
	out := make([]float64, len(sorted))
	for i, v := range sorted {
		out[i] = f(i, v)
	}
	return out
}

// rising lets no value be below an earlier one, falling none above a later one.
func rising(v []float64) []float64 {
	for i := 1; i < len(v); i++ {
		v[i] = math.Max(v[i], v[i-1])
	}
	return v
}

func falling(v []float64) []float64 {
	for i := len(v) - 2; i >= 0; i-- {
		v[i] = math.Min(v[i], v[i+1])
	}
	return v
}

// hommel is the closure of Simes' test, by the algorithm of Wright (1992), Biometrics 48:1005.
func hommel(p []float64) []float64 {
	n := len(p)
	adjusted := slices.Clone(p)
	for m := n; m >= 2; m-- {
		c := math.Inf(1)
		for i := n - m + 1; i < n; i++ {
			c = math.Min(c, float64(m)*p[i]/float64(m-n+i+1))
		}
		for i := range n {
			bound := c
			if i <= n-m {
				bound = math.Min(c, float64(m)*p[i])
			}
			adjusted[i] = math.Max(adjusted[i], bound)
		}
	}
	return adjusted
}

// Package bootstrap resamples a statistic and gives the intervals that follow. Floor: ground.
// It must not draw chance of its own: indices, or a source of random numbers, come from the caller.
package bootstrap

import (
	"math"
	"math/rand/v2"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/descriptive"
)

// Statistic is a number of the rows at the given positions, from 0; NaN where it is undefined.
type Statistic func(rows []int) float64

// Result is a statistic with its replicates. Percentile, basic and BCa limits interpolate order statistics on the scale of
// normal quantiles at (B + 1) alpha (Davison & Hinkley 1997, equation 5.8); those named type7 are plain quantiles. The
// acceleration is Efron's from the jackknife. NExcluded are the rows that the caller left out because a value was missing.
type Result struct {
	N               int          `json:"n"`
	B               int          `json:"b"`
	T0              float64      `json:"t0"`
	Replicates      []float64    `json:"replicates"`
	SE              stats.Number `json:"se"`
	Bias            stats.Number `json:"bias"`
	PercentileLower stats.Number `json:"percentile_lower"`
	PercentileUpper stats.Number `json:"percentile_upper"`
	Type7Lower      stats.Number `json:"percentile_type7_lower"`
	Type7Upper      stats.Number `json:"percentile_type7_upper"`
	BasicLower      stats.Number `json:"basic_lower"`
	BasicUpper      stats.Number `json:"basic_upper"`
	NormalLower     stats.Number `json:"normal_lower"`
	NormalUpper     stats.Number `json:"normal_upper"`
	Z0              stats.Number `json:"z0"`
	Acceleration    stats.Number `json:"acceleration"`
	Jackknife       []float64    `json:"jackknife"`
	BCaAlphaLower   stats.Number `json:"bca_alpha_lower"`
	BCaAlphaUpper   stats.Number `json:"bca_alpha_upper"`
	BCaLower        stats.Number `json:"bca_lower"`
	BCaUpper        stats.Number `json:"bca_upper"`
	BCaType7Lower   stats.Number `json:"bca_type7_lower"`
	BCaType7Upper   stats.Number `json:"bca_type7_upper"`
	Level           float64      `json:"level"`
	NExcluded       int          `json:"n_excluded"`
	Notes           []string     `json:"notes,omitempty"`
}

// MostPositions bounds the positions that Draw writes out.
const MostPositions = 50_000_000

// Draw gives b resamples: within each stratum as many positions as it has, with replacement. A caller keeps b times the number
// of positions within MostPositions. See docs/methods/bootstrap.md.
func Draw(strata [][]int, b int, source *rand.Rand) [][]int {
	out := make([][]int, b)
	for i := range out {
		for _, rows := range strata {
			for range rows {
				out[i] = append(out[i], rows[source.IntN(len(rows))])
			}
		}
	}
	return out
}

// Run evaluates a statistic of n rows on resamples and gives the intervals (Efron 1987, JASA 82:171 for BCa). See
// docs/methods/bootstrap.md.
func Run(n int, statistic Statistic, resamples [][]int, level float64) (Result, error) {
	if err := stats.CheckLevel(level); err != nil {
		return Result{}, err
	}
	if n < 2 {
		return Result{}, stats.Errorf(stats.TooFew, "rows", "%d rows cannot be resampled", n)
	}
	if len(resamples) < 2 {
		return Result{}, stats.Errorf(stats.TooFew, "replicates", "%d replicates have no spread", len(resamples))
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	r := Result{N: n, B: len(resamples), T0: statistic(all), Level: level}
	if !stats.Finite(r.T0) {
		return Result{}, stats.Errorf(stats.Constant, "statistic", "is not defined for the data: a spread is zero or a group is empty")
	}
	mean := 0.0
	for i, rows := range resamples {
		if len(rows) != n {
			return Result{}, stats.Errorf(stats.BadInput, "replicates", "replicate %d has %d rows instead of %d", i+1, len(rows), n)
		}
		for _, row := range rows {
			if row < 0 || row >= n {
				return Result{}, stats.Errorf(stats.BadInput, "replicates", "replicate %d names row %d of %d", i+1, row+1, n)
			}
		}
		t := statistic(rows)
		if !stats.Finite(t) {
			return Result{}, stats.Errorf(stats.TooFew, "replicates", "the statistic is not defined in replicate %d: the rows are too few to resample", i+1)
		}
		r.Replicates = append(r.Replicates, t)
		mean += t / float64(len(resamples))
	}
	spread := 0.0
	for _, t := range r.Replicates {
		spread += (t - mean) * (t - mean) / float64(r.B-1)
	}
	se, bias := math.Sqrt(spread), mean-r.T0
	if stats.NoSpread(se, r.T0) {
		return Result{}, stats.Errorf(stats.Constant, "statistic", "is the same in every replicate, so its spread cannot be estimated")
	}
	z := stats.NormalQuantile(0.5 + level/2)
	r.SE, r.Bias = stats.Of(se), stats.Of(bias)
	r.NormalLower, r.NormalUpper = stats.Of(r.T0-bias-z*se), stats.Of(r.T0-bias+z*se)
	sorted := slices.Clone(r.Replicates)
	slices.Sort(sorted)
	low, high := (1-level)/2, (1+level)/2
	percentileLow, percentileHigh := orderStatistic(sorted, low), orderStatistic(sorted, high)
	if rank := float64(r.B+1) * low; rank < 1 {
		r.Notes = append(r.Notes, "too few replicates for the level: percentile limits are the smallest and the largest replicate")
	}
	r.PercentileLower, r.PercentileUpper = stats.Of(percentileLow), stats.Of(percentileHigh)
	r.Type7Lower, r.Type7Upper = stats.Of(descriptive.Quantile(sorted, low, 7)), stats.Of(descriptive.Quantile(sorted, high, 7))
	r.BasicLower, r.BasicUpper = stats.Of(2*r.T0-percentileHigh), stats.Of(2*r.T0-percentileLow)
	r.accelerated(statistic, all, sorted, z)
	return r, nil
}

// accelerated fills the jackknife and the BCa limits; they stay undefined where all replicates lie on one side of the
// statistic, or where leaving a row out leaves it undefined.
func (r *Result) accelerated(statistic Statistic, all []int, sorted []float64, z float64) {
	mean := 0.0
	for i := range all {
		rest := append(slices.Clone(all[:i]), all[i+1:]...)
		t := statistic(rest)
		if !stats.Finite(t) {
			r.Jackknife = nil
			return
		}
		r.Jackknife = append(r.Jackknife, t)
		mean += t / float64(len(all))
	}
	largest := 0.0 // the acceleration has no unit, and a tiny one must not vanish when it is cubed
	for _, t := range r.Jackknife {
		largest = math.Max(largest, math.Abs(mean-t))
	}
	cubes, squares := 0.0, 0.0
	for _, t := range r.Jackknife {
		l := (mean - t) / largest
		cubes, squares = cubes+l*l*l, squares+l*l
	}
	below := 0
	for _, t := range r.Replicates {
		if t < r.T0 {
			below++
		}
	}
	if largest == 0 || below == 0 || below == r.B {
		return
	}
	a, z0 := cubes/(6*math.Pow(squares, 1.5)), stats.NormalQuantile(float64(below)/float64(r.B))
	r.Acceleration, r.Z0 = stats.Of(a), stats.Of(z0)
	if a*(z0+z) >= 1 || a*(z0-z) >= 1 {
		return // the correction has no place on the scale: too few rows for so high a level
	}
	side := func(z float64) float64 {
		x := z0 + (z0+z)/(1-a*(z0+z))
		return math.Erfc(-x/math.Sqrt2) / 2
	}
	low, high := side(-z), side(z)
	r.BCaAlphaLower, r.BCaAlphaUpper = stats.Of(low), stats.Of(high)
	r.BCaLower, r.BCaUpper = stats.Of(orderStatistic(sorted, low)), stats.Of(orderStatistic(sorted, high))
	r.BCaType7Lower, r.BCaType7Upper = stats.Of(descriptive.Quantile(sorted, low, 7)), stats.Of(descriptive.Quantile(sorted, high, 7))
}

// orderStatistic is the (B + 1) alpha-th of the sorted replicates, between two of them on the scale of normal quantiles;
// beyond the outer ones it is these.
func orderStatistic(sorted []float64, alpha float64) float64 {
	n := len(sorted)
	rank := float64(n+1) * alpha
	k := int(math.Floor(rank))
	switch {
	case k <= 0:
		return sorted[0]
	case k >= n:
		return sorted[n-1]
	case float64(k) == rank:
		return sorted[k-1]
	}
	below, above := stats.NormalQuantile(float64(k)/float64(n+1)), stats.NormalQuantile(float64(k+1)/float64(n+1))
	return sorted[k-1] + (stats.NormalQuantile(alpha)-below)/(above-below)*(sorted[k]-sorted[k-1])
}

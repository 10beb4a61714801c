package descriptive

import (
	"math"
	"slices"

	"afterglow/internal/stats"
)

// RankOptions say how a rank test is computed. Exact is used where there are neither ties nor zeros, as in R, and up to a
// thousand pairs, or ten thousand pairs of one value from each sample; Correct takes half a unit off the normal
// approximation. Mu is the location or shift under the hypothesis.
type RankOptions struct {
	Exact, Correct bool
	Mu             float64
	Alternative    Alternative
	Level          float64
}

// The exact distributions have a place for each value of the statistic.
const (
	mostExactPairs = 1000
	mostExactCells = 10_000
)

// RankResult is what both tests give. Exact says whether P is; Z is given where it is not. HodgesLehmann is the estimate of
// the shift and the interval is the set of shifts that the test does not reject. NExcluded are the rows that the caller left out because a value was
// missing.
type RankResult struct {
	Statistic     stats.Number  `json:"statistic"`
	PValue        stats.Number  `json:"p_value"`
	Exact         bool          `json:"exact"`
	Ties          bool          `json:"has_ties"`
	Z             *stats.Number `json:"z,omitempty"`
	HodgesLehmann stats.Number  `json:"hodges_lehmann"`
	RankBiserial  stats.Number  `json:"rank_biserial"`
	NExcluded     int           `json:"n_excluded"`
	ShiftInterval
}

// ShiftInterval is the interval of the shift. An exact one has the level Achieved, below Level only where the samples are too
// small for it; Achieved is undefined for the normal approximation. A limit that even the outermost shift does not reach
// is undefined.
type ShiftInterval struct {
	Lower    stats.Number `json:"ci_lower"`
	Upper    stats.Number `json:"ci_upper"`
	Level    float64      `json:"ci_level"`
	Achieved stats.Number `json:"ci_achieved_level"`
}

// SignedRank is Wilcoxon's signed-rank test of pairs. Statistic is V, the sum of the ranks of positive differences; zeros
// are dropped before ranking (Wilcoxon's way, not Pratt's).
type SignedRank struct {
	Pairs int `json:"n_pairs"`
	Zeros int `json:"n_zero"`
	Used  int `json:"n_used"`
	RankResult
}

// RankSum is Wilcoxon's rank-sum test, Mann and Whitney's U. Statistic is the U of the first sample; Superiority is the share
// of pairs in which the first is larger, ties counting half.
type RankSum struct {
	N1          int          `json:"n1"`
	N2          int          `json:"n2"`
	Superiority stats.Number `json:"prob_superiority"`
	RankResult
}

// SignedRankTest tests whether x - y lies symmetrically about options.Mu. The Hodges-Lehmann estimate is the median of the
// averages of all pairs of differences (Hollander & Wolfe 1973, ch. 3). See docs/methods/tests.md.
func SignedRankTest(x, y []float64, o RankOptions) (SignedRank, error) {
	all, err := differences(x, y)
	if err != nil {
		return SignedRank{}, err
	}
	if err := o.check("differences", all); err != nil {
		return SignedRank{}, err
	}
	var d []float64
	for _, v := range all {
		if v != o.Mu {
			d = append(d, v)
		}
	}
	n := len(d)
	if n == 0 {
		return SignedRank{}, stats.Errorf(stats.TooFew, "differences", "none differs from the hypothesis, so there is nothing to rank")
	}
	v, total, variance, ties := signedRanks(d, o.Mu)
	averages := walsh(d)
	r := SignedRank{Pairs: len(all), Zeros: len(all) - n, Used: n, RankResult: RankResult{Statistic: stats.Of(v), Ties: ties,
		RankBiserial: stats.Of((2*v - total) / total), HodgesLehmann: stats.Of(averages.median()), ShiftInterval: ShiftInterval{Level: o.Level}}}
	if o.Exact && !ties && r.Zeros == 0 && n <= mostExactPairs {
		r.exact(signedRankDistribution(n), v, averages, o)
		return r, nil
	}
	err = r.approximate(v-total/2, variance, o)
	sorted := averages.a
	r.invert(sorted[0], sorted[n-1], o, func(shift float64) float64 {
		v, total, variance, _ := signedRanks(d, shift)
		return o.z(v-total/2, variance)
	})
	return r, err
}

// signedRanks gives V about a location, the sum of all ranks, V's variance and whether there are ties.
func signedRanks(d []float64, location float64) (v, total, variance float64, ties bool) {
	var sizes []float64
	var positive []bool
	for _, x := range d {
		if x != location {
			sizes, positive = append(sizes, math.Abs(x-location)), append(positive, x > location)
		}
	}
	ranks, tied := midranks(sizes)
	for i, rank := range ranks {
		if positive[i] {
			v += rank
		}
	}
	n := float64(len(sizes))
	return v, n * (n + 1) / 2, n*(n+1)*(2*n+1)/24 - tied.cubes/48, tied.any
}

// RankSumTest tests whether x lies above y by options.Mu. The Hodges-Lehmann estimate is the median of all differences
// x - y. See docs/methods/tests.md.
func RankSumTest(x, y []float64, o RankOptions) (RankSum, error) {
	if len(x) == 0 || len(y) == 0 {
		return RankSum{}, stats.Errorf(stats.EmptyCell, "groups", "one of the two has no value")
	}
	for i, sample := range [][]float64{x, y} {
		if err := o.check(groupNames[i], sample); err != nil {
			return RankSum{}, err
		}
	}
	u, variance, ties := rankSums(x, y, o.Mu)
	pairs := float64(len(x)) * float64(len(y))
	shifts := differencesOf(x, y)
	r := RankSum{N1: len(x), N2: len(y), Superiority: stats.Of(u / pairs), RankResult: RankResult{Statistic: stats.Of(u), Ties: ties,
		RankBiserial: stats.Of(2*u/pairs - 1), HodgesLehmann: stats.Of(shifts.median()), ShiftInterval: ShiftInterval{Level: o.Level}}}
	if o.Exact && !ties && shifts.count() <= mostExactCells {
		r.exact(rankSumDistribution(len(x), len(y)), u, shifts, o)
		return r, nil
	}
	err := r.approximate(u-pairs/2, variance, o)
	r.invert(shifts.a[0]+shifts.b[0], shifts.a[len(x)-1]+shifts.b[len(y)-1], o, func(shift float64) float64 {
		u, variance, _ := rankSums(x, y, shift)
		return o.z(u-pairs/2, variance)
	})
	return r, err
}

// rankSums gives U of x - shift against y, its variance and whether there are ties.
func rankSums(x, y []float64, shift float64) (u, variance float64, ties bool) {
	together := make([]float64, 0, len(x)+len(y))
	for _, v := range x {
		together = append(together, v-shift)
	}
	ranks, tied := midranks(append(together, y...))
	n1, n2 := float64(len(x)), float64(len(y))
	u = -n1 * (n1 + 1) / 2
	for _, rank := range ranks[:len(x)] {
		u += rank
	}
	n := n1 + n2
	return u, n1 * n2 / 12 * (n + 1 - tied.cubes/(n*(n-1))), tied.any
}

func (o RankOptions) check(where string, x []float64) error {
	if err := stats.CheckLevel(o.Level); err != nil {
		return err
	}
	if err := o.Alternative.check(); err != nil {
		return err
	}
	return stats.CheckFinite(where, append(slices.Clone(x), o.Mu)...)
}

// z is the normal deviate; 0 where nothing varies.
func (o RankOptions) z(deviation, variance float64) float64 {
	if !(variance > 0) {
		return 0
	}
	if o.Correct {
		switch {
		case o.Alternative == Greater, o.Alternative != Less && deviation > 0:
			deviation -= 0.5
		case o.Alternative == Less, deviation < 0:
			deviation += 0.5
		}
	}
	return deviation / math.Sqrt(variance)
}

func (r *RankResult) approximate(deviation, variance float64, o RankOptions) error {
	if !(variance > 0) {
		return stats.Errorf(stats.Constant, "values", "are all tied, so ranks tell nothing")
	}
	z := stats.Of(o.z(deviation, variance))
	r.Z = &z
	upper := math.Erfc(z.Value/math.Sqrt2) / 2
	switch o.Alternative {
	case Greater:
		r.PValue = stats.Of(upper)
	case Less:
		r.PValue = stats.Of(math.Erfc(-z.Value/math.Sqrt2) / 2)
	default:
		r.PValue = stats.Of(stats.TwoSidedNormal(z.Value))
	}
	return nil
}

// invert finds the shifts at which the deviate, which falls as the shift rises, passes the quantiles of the level (Bauer 1972,
// JASA 67:687): what R's wilcox.test searches to 1e-4, here to the last digit.
func (r *RankResult) invert(from, to float64, o RankOptions, z func(shift float64) float64) {
	tail := 1 - o.Level
	if o.Alternative != Less && o.Alternative != Greater {
		tail /= 2
	}
	quantile := -stats.NormalQuantile(tail)
	passes := func(goal float64) stats.Number {
		if !(z(from) > goal && z(to) < goal) {
			return stats.Number{}
		}
		low, high := from, to
		for range 200 {
			middle := low + (high-low)/2
			if high-low <= 1e-14*math.Max(math.Abs(low), math.Abs(high)) || middle == low || middle == high {
				break
			}
			if z(middle) > goal {
				low = middle
			} else {
				high = middle
			}
		}
		return stats.Of(high)
	}
	if o.Alternative != Less {
		r.Lower = passes(quantile)
	}
	if o.Alternative != Greater {
		r.Upper = passes(-quantile)
	}
}

package descriptive

import (
	"math"
	"slices"

	"afterglow/internal/stats"
)

// RankOptions say how a rank test is computed. Exact is used where there are neither ties nor zeros, as in
// R; Correct takes half a unit off the normal approximation.
type RankOptions struct {
	Exact, Correct bool
	Level          float64
}

// mostExact bounds the samples of an exact test, whose distribution has a place for each value of the
// statistic.
const mostExact = 1000

// SignedRank is Wilcoxon's signed-rank test of pairs. Statistic is V, the sum of the ranks of positive
// differences; zeros are dropped before ranking (Wilcoxon's way, not Pratt's). The interval is exact and
// given only with an exact test, Z only without.
type SignedRank struct {
	Statistic     stats.Number  `json:"statistic"`
	PValue        stats.Number  `json:"p_value"`
	Pairs         int           `json:"n_pairs"`
	Zeros         int           `json:"n_zero"`
	Used          int           `json:"n_used"`
	Ties          bool          `json:"has_ties"`
	Z             *stats.Number `json:"z,omitempty"`
	HodgesLehmann stats.Number  `json:"hodges_lehmann"`
	RankBiserial  stats.Number  `json:"rank_biserial"`
	*ExactInterval
}

// RankSum is Wilcoxon's rank-sum test, Mann and Whitney's U. Statistic is the U of the first sample;
// Superiority is the share of pairs in which the first is larger, ties counting half.
type RankSum struct {
	Statistic     stats.Number  `json:"statistic"`
	PValue        stats.Number  `json:"p_value"`
	N1            int           `json:"n1"`
	N2            int           `json:"n2"`
	Ties          bool          `json:"has_ties"`
	Z             *stats.Number `json:"z,omitempty"`
	HodgesLehmann stats.Number  `json:"hodges_lehmann"`
	RankBiserial  stats.Number  `json:"rank_biserial"`
	Superiority   stats.Number  `json:"prob_superiority"`
	*ExactInterval
}

// ExactInterval is the exact interval of the shift; its true level is at least Level.
type ExactInterval struct {
	Lower stats.Number `json:"ci_lower"`
	Upper stats.Number `json:"ci_upper"`
	Level float64      `json:"ci_level"`
}

// SignedRankTest tests whether x - y lies symmetrically about 0. The Hodges-Lehmann estimate is the median of
// the averages of all pairs of differences (Hollander & Wolfe 1973, ch. 3). See docs/methods/tests.md.
func SignedRankTest(x, y []float64, o RankOptions) (SignedRank, error) {
	all, err := differences(x, y)
	if err != nil {
		return SignedRank{}, err
	}
	if err := checkFinite("differences", all); err != nil {
		return SignedRank{}, err
	}
	d := slices.DeleteFunc(slices.Clone(all), func(v float64) bool { return v == 0 })
	n := len(d)
	if n == 0 {
		return SignedRank{}, stats.Errorf(stats.TooFew, "differences", "all are 0, so there is nothing to rank")
	}
	sizes := make([]float64, n)
	for i, v := range d {
		sizes[i] = math.Abs(v)
	}
	ranks, ties := midranks(sizes)
	v := 0.0
	for i := range d {
		if d[i] > 0 {
			v += ranks[i]
		}
	}
	total := float64(n) * float64(n+1) / 2
	r := SignedRank{Statistic: stats.Of(v), Pairs: len(all), Zeros: len(all) - n, Used: n, Ties: ties.any,
		RankBiserial: stats.Of((2*v - total) / total)}
	walsh := make([]float64, 0, n*(n+1)/2)
	for i := range d {
		for j := i; j < n; j++ {
			walsh = append(walsh, (d[i]+d[j])/2)
		}
	}
	slices.Sort(walsh)
	r.HodgesLehmann = stats.Of(quantile(walsh, 0.5, 7))
	if o.Exact && !ties.any && r.Zeros == 0 && n <= mostExact {
		probabilities := signedRankDistribution(n)
		r.PValue = stats.Of(twoSided(probabilities, v))
		r.ExactInterval = exactInterval(walsh, probabilities, o.Level)
		return r, stats.CheckLevel(o.Level)
	}
	variance := float64(n)*float64(n+1)*float64(2*n+1)/24 - ties.cubes/48
	z, p, err := normalRank(v-total/2, variance, o.Correct)
	r.Z, r.PValue = &z, p
	return r, err
}

// RankSumTest tests whether x and y come from one distribution. The Hodges-Lehmann estimate is the median of
// all differences x - y.
func RankSumTest(x, y []float64, o RankOptions) (RankSum, error) {
	n1, n2 := len(x), len(y)
	if n1 == 0 || n2 == 0 {
		return RankSum{}, stats.Errorf(stats.EmptyCell, "groups", "one of the two has no value")
	}
	together := slices.Concat(x, y)
	if err := checkFinite("values", together); err != nil {
		return RankSum{}, err
	}
	ranks, ties := midranks(together)
	w := -float64(n1) * float64(n1+1) / 2
	for _, rank := range ranks[:n1] {
		w += rank
	}
	pairs := float64(n1) * float64(n2)
	r := RankSum{Statistic: stats.Of(w), N1: n1, N2: n2, Ties: ties.any, RankBiserial: stats.Of(2*w/pairs - 1), Superiority: stats.Of(w / pairs)}
	shifts := make([]float64, 0, n1*n2)
	for _, a := range x {
		for _, b := range y {
			shifts = append(shifts, a-b)
		}
	}
	slices.Sort(shifts)
	r.HodgesLehmann = stats.Of(quantile(shifts, 0.5, 7))
	if o.Exact && !ties.any && n1*n2 <= mostExact {
		probabilities := rankSumDistribution(n1, n2)
		r.PValue = stats.Of(twoSided(probabilities, w))
		r.ExactInterval = exactInterval(shifts, probabilities, o.Level)
		return r, stats.CheckLevel(o.Level)
	}
	n := float64(n1 + n2)
	variance := pairs / 12 * (n + 1 - ties.cubes/(n*(n-1)))
	z, p, err := normalRank(w-pairs/2, variance, o.Correct)
	r.Z, r.PValue = &z, p
	return r, err
}

func normalRank(deviation, variance float64, correct bool) (z, p stats.Number, err error) {
	if !(variance > 0) {
		return z, p, stats.Errorf(stats.Constant, "values", "are all tied, so ranks tell nothing")
	}
	if correct {
		switch {
		case deviation > 0:
			deviation -= 0.5
		case deviation < 0:
			deviation += 0.5
		}
	}
	value := deviation / math.Sqrt(variance)
	return stats.Of(value), stats.Of(stats.TwoSidedNormal(value)), nil
}

type tied struct {
	any   bool
	cubes float64 // the sum of t^3 - t over groups of t ties
}

// midranks ranks from 1; ties share their mean rank.
func midranks(x []float64) ([]float64, tied) {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	ranks := make([]float64, len(x))
	var ties tied
	for start := 0; start < len(order); {
		end := start + 1
		for end < len(order) && x[order[end]] == x[order[start]] {
			end++
		}
		for _, i := range order[start:end] {
			ranks[i] = float64(start+end+1) / 2
		}
		if t := float64(end - start); t > 1 {
			ties.any = true
			ties.cubes += t*t*t - t
		}
		start = end
	}
	return ranks, ties
}

// signedRankDistribution gives P(V = v) for v from 0: each rank is positive with probability one half.
func signedRankDistribution(n int) []float64 {
	p := make([]float64, n*(n+1)/2+1)
	p[0] = 1
	for rank, largest := 1, 0; rank <= n; rank++ {
		largest += rank
		for v := largest; v >= 0; v-- {
			p[v] /= 2
			if v >= rank {
				p[v] += p[v-rank] / 2
			}
		}
	}
	return p
}

// rankSumDistribution gives P(U = u) for u from 0, by the recurrence over which sample the largest value is
// of (Mann & Whitney 1947).
func rankSumDistribution(m, n int) []float64 {
	// row[j] is the distribution with i values in the first sample and j in the second.
	row := make([][]float64, n+1)
	for j := range row {
		row[j] = []float64{1}
	}
	for i := 1; i <= m; i++ {
		next := make([][]float64, n+1)
		next[0] = []float64{1}
		for j := 1; j <= n; j++ {
			p := make([]float64, i*j+1)
			first := float64(i) / float64(i+j)
			for u, q := range row[j] { // the largest is of the first sample: it beats all j
				p[u+j] += first * q
			}
			for u, q := range next[j-1] {
				p[u] += (1 - first) * q
			}
			next[j] = p
		}
		row = next
	}
	return row[n]
}

func twoSided(p []float64, statistic float64) float64 {
	at := int(math.Round(statistic))
	low, high := 0.0, 0.0
	for v, q := range p {
		if v <= at {
			low += q
		}
		if v >= at {
			high += q
		}
	}
	return math.Min(1, 2*math.Min(low, high))
}

// exactInterval takes the values of the shift at which the test turns (Bauer 1972, JASA 67:687).
func exactInterval(sorted, p []float64, level float64) *ExactInterval {
	tail, sum := (1-level)/2, 0.0
	at := 0
	for at < len(p) {
		sum += p[at]
		if sum >= tail*(1-1e-14) {
			break
		}
		at++
	}
	at = max(at, 1)
	from, to := at-1, len(sorted)-at
	if from > to {
		from, to = to, from
	}
	return &ExactInterval{Lower: stats.Of(sorted[max(from, 0)]), Upper: stats.Of(sorted[min(to, len(sorted)-1)]), Level: level}
}

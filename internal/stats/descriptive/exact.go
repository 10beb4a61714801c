package descriptive

import (
	"cmp"
	"math"
	"slices"

	"afterglow/internal/stats"
)

// exact fills in the test and the interval from the distribution p of the statistic over 0, 1, ... (Bauer 1972, JASA 67:687).
func (r *RankResult) exact(p []float64, statistic float64, shifts sums, o RankOptions) {
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
	r.Exact = true
	tail := 1 - o.Level
	switch o.Alternative {
	case Greater:
		r.PValue = stats.Of(math.Min(1, high))
	case Less:
		r.PValue = stats.Of(math.Min(1, low))
	default:
		r.PValue = stats.Of(math.Min(1, 2*math.Min(low, high)))
		tail /= 2
	}
	k, outside := turn(p, tail)
	if o.Alternative != Less {
		r.Lower = stats.Of(shifts.at(k))
	}
	if o.Alternative != Greater {
		r.Upper = stats.Of(shifts.at(len(p) - k))
	}
	if o.Alternative == Less || o.Alternative == Greater {
		r.Achieved = stats.Of(1 - outside)
		return
	}
	r.Achieved = stats.Of(1 - 2*outside)
}

// turn gives which of the shifts, from the lowest, is the one at which the test turns, and the chance that is left below.
func turn(p []float64, tail float64) (k int, outside float64) {
	for k < len(p)-1 && outside+p[k] < tail*(1-1e-14) {
		outside += p[k]
		k++
	}
	if k == 0 {
		return 1, p[0]
	}
	return k, outside
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
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
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

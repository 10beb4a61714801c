// Package proportion gives intervals for shares and compares two. Floor: ground.
// It must not round a count: what it is given is counted already.
package proportion

import (
	"math"

	"afterglow/internal/stats"
)

// One is the interval of x out of n by several methods. Wilson's is the one that Afterglow shows;
// Clopper-Pearson never covers less than its level, Jeffreys' is the Bayesian one with prior beta(1/2, 1/2),
// set to 0 at x = 0 and to 1 at x = n. ExactPHalf tests a share of one half.
type One struct {
	P                   stats.Number `json:"p"`
	WilsonLower         stats.Number `json:"wilson_lower"`
	WilsonUpper         stats.Number `json:"wilson_upper"`
	WilsonCCLower       stats.Number `json:"wilson_cc_lower"`
	WilsonCCUpper       stats.Number `json:"wilson_cc_upper"`
	ClopperPearsonLower stats.Number `json:"clopper_pearson_lower"`
	ClopperPearsonUpper stats.Number `json:"clopper_pearson_upper"`
	AgrestiCoullLower   stats.Number `json:"agresti_coull_lower"`
	AgrestiCoullUpper   stats.Number `json:"agresti_coull_upper"`
	JeffreysLower       stats.Number `json:"jeffreys_lower"`
	JeffreysUpper       stats.Number `json:"jeffreys_upper"`
	ExactPHalf          stats.Number `json:"exact_p_half"`
}

// mostCounted bounds counts, so that their sums are exact.
const mostCounted = 1_000_000_000_000_000

// Interval gives the intervals of x events in n trials. Sources: Wilson (1927); Newcombe (1998), Statistics in
// Medicine 17:857, for the continuity correction, which stops at |x - n/2| as in R; Clopper & Pearson (1934);
// Agresti & Coull (1998), whose limits may lie outside [0, 1]. See docs/methods/proportions.md.
func Interval(x, n int, level float64) (One, error) {
	if err := stats.CheckLevel(level); err != nil {
		return One{}, err
	}
	if n < 1 || n > mostCounted {
		return One{}, stats.Errorf(stats.BadInput, "n", "must be at least 1 and at most 10^15")
	}
	if x < 0 || x > n {
		return One{}, stats.Errorf(stats.BadInput, "x", "must lie between 0 and n")
	}
	z := stats.NormalQuantile(0.5 + level/2)
	alpha := 1 - level
	share, size := float64(x)/float64(n), float64(n)
	a, b := float64(x), float64(n-x)
	low, high := Wilson(x, n, level)
	correction := math.Min(0.5, math.Abs(a-size/2))
	ccLow, ccHigh := 0.0, 1.0
	if p := share - correction/size; p > 0 {
		ccLow, _ = score(p, size, z)
	}
	if p := share + correction/size; p < 1 {
		_, ccHigh = score(p, size, z)
	}
	centre := (a + z*z/2) / (size + z*z)
	half := z * math.Sqrt(centre*(1-centre)/(size+z*z))
	one := One{
		P: stats.Of(share), WilsonLower: stats.Of(low), WilsonUpper: stats.Of(high), WilsonCCLower: stats.Of(ccLow), WilsonCCUpper: stats.Of(ccHigh),
		ClopperPearsonLower: stats.Of(0), ClopperPearsonUpper: stats.Of(1), AgrestiCoullLower: stats.Of(centre - half), AgrestiCoullUpper: stats.Of(centre + half),
		JeffreysLower: stats.Of(0), JeffreysUpper: stats.Of(1), ExactPHalf: stats.Of(exactHalf(x, n)),
	}
	if x > 0 {
		one.ClopperPearsonLower = stats.Of(stats.BetaQuantile(alpha/2, a, b+1))
		one.JeffreysLower = stats.Of(stats.BetaQuantile(alpha/2, a+0.5, b+0.5))
	}
	if x < n {
		one.ClopperPearsonUpper = stats.Of(1 - stats.BetaQuantile(alpha/2, b, a+1))
		one.JeffreysUpper = stats.Of(1 - stats.BetaQuantile(alpha/2, b+0.5, a+0.5))
	}
	return one, nil
}

// Wilson gives the score interval of x out of n > 0. See docs/methods/proportions.md.
func Wilson(x, n int, level float64) (lower, upper float64) {
	lower, upper = score(float64(x)/float64(n), float64(n), stats.NormalQuantile(0.5+level/2))
	if x == 0 {
		lower = 0
	}
	if x == n {
		upper = 1
	}
	return lower, upper
}

func score(p, n, z float64) (lower, upper float64) {
	h := z * z / (2 * n)
	half := z * math.Sqrt(p*(1-p)/n+h/(2*n))
	return (p + h - half) / (1 + 2*h), (p + h + half) / (1 + 2*h)
}

// exactHalf is the exact test of one half, by the incomplete beta function, since both sides mirror each other: a count of
// millions takes no longer than one of ten.
func exactHalf(x, n int) float64 {
	k := float64(min(x, n-x))
	if 2*int(k) == n {
		return 1
	}
	// P(X <= k) is the upper tail of the beta distribution with shapes k + 1 and n - k at one half, which is an F tail.
	d1, d2 := 2*(k+1), 2*(float64(n)-k)
	return math.Min(1, 2*stats.UpperF(d2/d1, d1, d2))
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n) + 1)
	b, _ := math.Lgamma(float64(k) + 1)
	c, _ := math.Lgamma(float64(n-k) + 1)
	return a - b - c
}

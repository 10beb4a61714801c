package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// BetaQuantile is the quantile of the beta distribution with shapes a, b > 0 at p in [0, 1]: gonum's inverse,
// polished by Newton steps on the distribution itself.
func BetaQuantile(p, a, b float64) float64 {
	if p <= 0 {
		return 0
	}
	if p >= 1 {
		return 1
	}
	x := mathext.InvRegIncBeta(a, b, p)
	constant := lgamma(a+b) - lgamma(a) - lgamma(b)
	for range 3 {
		density := math.Exp(constant + (a-1)*math.Log(x) + (b-1)*math.Log1p(-x))
		next := x - (mathext.RegIncBeta(a, b, x)-p)/density
		if !(next > 0 && next < 1) {
			break
		}
		x = next
	}
	return x
}

// FQuantile is the quantile of the F distribution with d1 and d2 degrees of freedom at p in (0, 1).
func FQuantile(p, d1, d2 float64) float64 {
	// The complement keeps its digits where p is near 1.
	y := BetaQuantile(1-p, d2/2, d1/2)
	return d2 / d1 * (1 - y) / y
}

package multiplicity

import "math"

// nodes is how many places a curve is computed at: enough for a distribution of normal variables on (0, farthest) to within
// 1e-11 between them.
const nodes = 128

// farthest is where every distribution of standard normal ranges and maxima is 1 to the last digit.
const farthest = 20.0

// curve is a distribution function computed once at Chebyshev's points and interpolated between them (Berrut & Trefethen
// 2004, SIAM Review 46:501): a p-value needs it at hundreds of places, a table of comparisons at thousands.
type curve struct{ at, value []float64 }

func newCurve(f func(w float64) float64) curve {
	c := curve{make([]float64, nodes), make([]float64, nodes)}
	for i := range nodes {
		c.at[i] = farthest / 2 * (1 - math.Cos(math.Pi*float64(i)/(nodes-1)))
		c.value[i] = f(c.at[i])
	}
	return c
}

// upper is 1 less the distribution at w.
func (c curve) upper(w float64) float64 {
	if w <= 0 {
		return 1
	}
	if w >= farthest {
		return 0
	}
	sum, weights := 0.0, 0.0
	for i, x := range c.at {
		if w == x {
			return 1 - c.value[i]
		}
		weight := 1 / (w - x)
		if i%2 == 1 {
			weight = -weight
		}
		if i == 0 || i == nodes-1 {
			weight /= 2
		}
		sum, weights = sum+weight*c.value[i], weights+weight
	}
	return math.Max(0, 1-sum/weights)
}

package multiplicity

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// rectangle is P(all |Z_i| < w) of normal variables with a correlation of any shape, by the
// transformation of Genz (1992), Journal of Computational and Graphical Statistics 1:141, summed over a fixed
// lattice of square roots of primes that is folded to be periodic: the same answer every time, to within 1e-5
// in the few dimensions that arms of a trial have.
type rectangle struct {
	chol  [][]float64
	steps []float64
}

const latticePoints = 20011

var primes = []float64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47}

func newRectangle(r *mat.SymDense) (rectangle, error) {
	k := r.SymmetricDim()
	if k > len(primes) {
		return rectangle{}, stats.Errorf(stats.BadInput, "contrasts", "there are %d comparisons with the control; at most %d are possible", k, len(primes))
	}
	var c mat.Cholesky
	if !c.Factorize(r) {
		return rectangle{}, stats.Errorf(stats.Collinear, "contrasts", "one comparison is a combination of the others")
	}
	var lower mat.TriDense
	c.LTo(&lower)
	out := rectangle{}
	for i := range k {
		row := make([]float64, i+1)
		for j := range row {
			row[j] = lower.At(i, j)
		}
		out.chol = append(out.chol, row)
		root := math.Sqrt(primes[i])
		out.steps = append(out.steps, root-math.Floor(root))
	}
	return out, nil
}

func (r rectangle) within(w float64) float64 {
	k := len(r.chol)
	if w <= 0 {
		return 0
	}
	switch k {
	case 3:
		return r.nested(w, 3)
	case 4:
		return r.nested(w, 2)
	}
	y := make([]float64, k)
	sum := 0.0
	for point := 1; point <= latticePoints; point++ {
		p := 1.0
		for i, row := range r.chol {
			centre := 0.0
			for j := range i {
				centre += row[j] * y[j]
			}
			low, high := cumulative((-w-centre)/row[i]), cumulative((w-centre)/row[i])
			p *= high - low
			if p == 0 {
				break
			}
			if i+1 < k {
				u := float64(point) * r.steps[i]
				u = math.Abs(2*(u-math.Floor(u)) - 1)
				y[i] = stats.NormalQuantile(math.Min(1-1e-16, math.Max(1e-300, low+u*(high-low))))
			}
		}
		sum += p
	}
	return sum / latticePoints
}

// nested integrates over all variables but the last, which has a closed form: up to five arms need no lattice.
func (r rectangle) nested(w float64, panels int) float64 {
	const far = 8.5
	y := make([]float64, 0, len(r.chol))
	var over func() float64
	over = func() float64 {
		row, centre := r.chol[len(y)], 0.0
		for j, v := range y {
			centre += row[j] * v
		}
		scale := row[len(y)]
		low, high := (-w-centre)/scale, (w-centre)/scale
		if len(y) == len(r.chol)-1 {
			return cumulative(high) - cumulative(low)
		}
		if low, high = math.Max(-far, low), math.Min(far, high); low >= high {
			return 0
		}
		return stats.Integrate(func(v float64) float64 {
			y = append(y, v)
			p := phi(v) * over()
			y = y[:len(y)-1]
			return p
		}, low, high, panels)
	}
	return over()
}

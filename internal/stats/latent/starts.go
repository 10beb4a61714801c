package latent

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// run climbs from every start. Each draws subjects as centres, far ones more often (Arthur & Vassilvitskii 2007, k-means++), puts
// every subject to the centre whose trajectory is nearest, and takes those classes, softened, as first probabilities.
func (d *data) run(m Model, source *rand.Rand) ([]end, int, error) {
	features, starts := d.features(), make([][]float64, m.Starts)
	for i := range starts {
		starts[i] = d.first(d.assign(features, source))
	}
	ends := make([]end, m.Starts)
	stats.Spread(m.Starts, func() func(int) {
		return func(i int) {
			ends[i].fate = degenerate
			if starts[i] != nil {
				ends[i] = d.climb(starts[i])
			}
		}
	})
	best, _, err := d.choose(ends)
	return ends, best, err
}

// features are each subject's own coefficients, drawn towards the common trajectory as far as it has few values: ridge
// regression with a penalty of one value's worth, in the basis.
func (d *data) features() [][]float64 {
	out := make([][]float64, len(d.names))
	for i := range d.names {
		a := mat.NewSymDense(d.p, nil)
		for j := range d.p {
			for k := j; k < d.p; k++ {
				a.SetSym(j, k, d.xx[i][j*d.p+k])
			}
			a.SetSym(j, j, a.At(j, j)+1)
		}
		out[i] = make([]float64, d.p)
		var chol mat.Cholesky
		x := mat.NewVecDense(d.p, nil)
		// a positive definite matrix plus one always has a factor unless numbers overflowed; such a subject stays at the centre
		if chol.Factorize(a) && chol.SolveVecTo(x, mat.NewVecDense(d.p, d.xy[i])) == nil {
			copy(out[i], x.RawVector().Data)
		}
	}
	return out
}

func distance(a, b []float64) float64 {
	sum := 0.0
	for j := range a {
		sum += (a[j] - b[j]) * (a[j] - b[j])
	}
	return sum
}

// assign gives each subject a class.
func (d *data) assign(features [][]float64, source *rand.Rand) []int {
	nearest, class := make([]float64, len(features)), make([]int, len(features))
	centre := features[source.IntN(len(features))]
	for k := range d.classes {
		total := 0.0
		for i, f := range features {
			if far := distance(f, centre); k == 0 || far < nearest[i] {
				nearest[i], class[i] = far, k
			}
			total += nearest[i]
		}
		at, next := source.Float64()*total, 0
		for i, far := range nearest {
			next = i
			if at -= far; at < 0 {
				break
			}
		}
		centre = features[next]
	}
	return class
}

// first are the parameters that fit those classes, with half of the spread as residual variance and the other half in the
// random effects.
func (d *data) first(class []int) []float64 {
	sums := make([]maximised, d.classes)
	w := newMember(d.shape) // without random effects yet
	for k := range sums {
		sums[k] = maximised{xx: mat.NewSymDense(d.p, nil), xy: mat.NewVecDense(d.p, nil), effects: make([]float64, d.q*d.q)}
		for i := range d.names {
			probability := 0.1
			if d.classes == 1 || class[i] == k {
				probability = 1
			}
			d.collect(&sums[k], w, i, probability, 0)
		}
	}
	theta := d.maximise(sums)
	if theta == nil {
		return nil
	}
	for k := range d.classes {
		theta[d.varianceAt(k)] = math.Log(0.5)
		for a := range d.q {
			for b := range a {
				theta[d.factorAt(k)+a*(a+1)/2+b] = 0
			}
			theta[d.factorAt(k)+a*(a+1)/2+a] = 1 / math.Sqrt(float64(d.q))
		}
	}
	return theta
}

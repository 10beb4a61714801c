package imputation

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// parameters of a block: coefficients in its basis (p x v) and the covariance of the visits, in the scaled unit.
type parameters struct {
	b *mat.Dense
	s *mat.SymDense
}

// regression is the normal distribution of some visits given others: mean of the first plus slope times what the others
// exceed theirs by, with a factor of the covariance left.
type regression struct {
	of, on []int
	slope  *mat.Dense
	left   *mat.SymDense
	factor *mat.TriDense
}

// conditional regresses the visits of on the visits on.
func conditional(s *mat.SymDense, of, on []int) (regression, bool) {
	r := regression{of: of, on: on, left: mat.NewSymDense(len(of), nil), factor: new(mat.TriDense)}
	for i, a := range of {
		for j := range i + 1 {
			r.left.SetSym(i, j, s.At(a, of[j]))
		}
	}
	if len(on) > 0 {
		inner, cross := mat.NewSymDense(len(on), nil), mat.NewDense(len(on), len(of), nil)
		for i, a := range on {
			for j := range i + 1 {
				inner.SetSym(i, j, s.At(a, on[j]))
			}
			for j, b := range of {
				cross.Set(i, j, s.At(a, b))
			}
		}
		var chol mat.Cholesky
		var solved, part mat.Dense
		if !chol.Factorize(inner) || chol.SolveTo(&solved, cross) != nil {
			return r, false
		}
		r.slope = mat.DenseCopyOf(solved.T())
		part.Mul(r.slope, cross)
		for i := range of {
			for j := range i + 1 {
				r.left.SetSym(i, j, r.left.At(i, j)-(part.At(i, j)+part.At(j, i))/2)
			}
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(r.left) {
		return r, false
	}
	chol.LTo(r.factor)
	return r, true
}

// expect fills the visits of y with their means given the others; mean holds those of all visits.
func (r regression) expect(y, mean []float64) {
	for i, v := range r.of {
		y[v] = mean[v]
		for j, u := range r.on {
			y[v] += r.slope.At(i, j) * (y[u] - mean[u])
		}
	}
}

// draw is expect with the scatter that is left.
func (r regression) draw(y, mean []float64, source *rand.Rand) {
	r.expect(y, mean)
	z := make([]float64, len(r.of))
	for i := range z {
		z[i] = source.NormFloat64()
	}
	for i, v := range r.of {
		for j := range i + 1 {
			y[v] += r.factor.At(i, j) * z[j]
		}
	}
}

// sides are the visits that a mask has and has not.
func sides(mask uint64, visits int) (has, not []int) {
	for v := range visits {
		if mask>>v&1 != 0 {
			has = append(has, v)
		} else {
			not = append(not, v)
		}
	}
	return has, not
}

// mean is a subject's means by visit.
func (b *block) mean(theta parameters, j int) []float64 {
	out := make([]float64, b.v)
	for k, q := range b.basis.Row(j) {
		basis.Add(out, q, theta.b.RawRowView(k))
	}
	return out
}

// complete fills what is missing, by expectation or, with a source, by draws. It gives the sum of the covariances left, for EM.
func (b *block) complete(theta parameters, source *rand.Rand) (*mat.SymDense, bool) {
	left := mat.NewSymDense(b.v, nil)
	for _, mask := range b.masks {
		has, not := sides(mask, b.v)
		if len(not) == 0 {
			continue
		}
		r, ok := conditional(theta.s, not, has)
		if !ok {
			return nil, false
		}
		for _, j := range b.patterns[mask] {
			if source == nil {
				r.expect(b.y[j], b.mean(theta, j))
			} else {
				r.draw(b.y[j], b.mean(theta, j), source)
			}
		}
		n := float64(len(b.patterns[mask]))
		for i, v := range not {
			for k := range i + 1 {
				left.SetSym(v, not[k], left.At(v, not[k])+n*r.left.At(i, k))
			}
		}
	}
	return left, true
}

// moments are least squares on the completed values: coefficients, and the residuals' cross-products.
func (b *block) moments() parameters {
	out := parameters{b: mat.NewDense(b.p, b.v, nil), s: mat.NewSymDense(b.v, nil)}
	for j, y := range b.y {
		for k, q := range b.basis.Row(j) {
			basis.Add(out.b.RawRowView(k), q, y)
		}
	}
	for j := range b.y {
		mean := b.mean(out, j)
		for v := range b.v {
			for u := range v + 1 {
				out.s.SetSym(v, u, out.s.At(v, u)+(b.y[j][v]-mean[v])*(b.y[j][u]-mean[u]))
			}
		}
	}
	return out
}

// Tolerances of EM: it stops where no element moves by more, in units of a visit's spread.
const (
	emTolerance = 1e-10
	maxEM       = 20_000
)

// likeliest gives the maximum likelihood estimate by EM (Schafer 1997, section 5.3), from which the draws start.
func (b *block) likeliest() (parameters, error) {
	theta := parameters{b: mat.NewDense(b.p, b.v, nil), s: mat.NewSymDense(b.v, nil)}
	for v := range b.v {
		theta.s.SetSym(v, v, 1)
	}
	for range maxEM {
		left, ok := b.complete(theta, nil)
		if !ok {
			return theta, b.singular()
		}
		next := b.moments()
		next.s.AddSym(next.s, left)
		next.s.ScaleSym(1/float64(len(b.y)), next.s)
		var db, ds mat.Dense
		db.Sub(next.b, theta.b)
		ds.Sub(next.s, theta.s)
		moved := math.Max(mat.Max(&db), math.Max(-mat.Min(&db), math.Max(mat.Max(&ds), -mat.Min(&ds))))
		theta = next
		if moved < emTolerance {
			var chol mat.Cholesky
			if !chol.Factorize(theta.s) || chol.Cond() > 1e12 {
				return theta, b.singular()
			}
			return theta, nil
		}
	}
	return theta, stats.Errorf(stats.NotConverged, b.place("covariance"), "no maximum of the likelihood after %d EM steps: too few subjects share their visits", maxEM)
}

func (b *block) singular() error {
	return stats.Errorf(stats.NotConverged, b.place("covariance"), "a visit is a combination of the others and the covariates, so nothing can be drawn for it")
}

// draw is the step from completed values to parameters under the prior |S|^(-(v+1)/2): S is inverse Wishart with n - p degrees
// of freedom about the residuals' cross-products, B normal about least squares with covariance S (x) (X'X)^-1 (Schafer 1997,
// section 5.2; Box & Tiao 1973, chapter 8).
func (b *block) draw(source *rand.Rand) (parameters, error) {
	theta := b.moments()
	var chol mat.Cholesky
	if !chol.Factorize(theta.s) {
		return theta, b.singular()
	}
	var c mat.TriDense
	chol.LTo(&c)
	// Bartlett: A A' is Wishart with unit scale; S = (C A^-T)(C A^-T)'
	a := mat.NewTriDense(b.v, mat.Lower, nil)
	df := float64(len(b.y) - b.p)
	for i := range b.v {
		for j := range i {
			a.SetTri(i, j, source.NormFloat64())
		}
		a.SetTri(i, i, math.Sqrt(distuv.ChiSquared{K: df - float64(i), Src: source}.Rand()))
	}
	var inverse mat.TriDense
	if inverse.InverseTri(a) != nil {
		return theta, b.singular()
	}
	var root mat.Dense
	root.Mul(&c, inverse.T())
	theta.s.SymOuterK(1, &root)
	z := mat.NewDense(b.p, b.v, nil)
	for i := range b.p {
		for j := range b.v {
			z.Set(i, j, source.NormFloat64())
		}
	}
	var noise mat.Dense
	noise.Mul(z, root.T())
	theta.b.Add(theta.b, &noise)
	return theta, nil
}

// augment alternates draws of missing values and of parameters (Tanner & Wong 1987, JASA 82:528).
func (b *block) augment(theta parameters, steps int, source *rand.Rand) (parameters, error) {
	for range steps {
		if _, ok := b.complete(theta, source); !ok {
			return theta, b.singular()
		}
		var err error
		if theta, err = b.draw(source); err != nil {
			return theta, err
		}
	}
	return theta, nil
}

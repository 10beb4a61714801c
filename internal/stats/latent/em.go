package latent

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// maximised collects, per class, what the maximisation step needs: sums over subjects weighted by their class probabilities.
type maximised struct {
	weight, rows float64
	xx           *mat.SymDense
	xy           *mat.VecDense // X'(y - Z u)
	yy           float64       // (y - Z u)'(y - Z u)
	spread       float64       // tr(Z'Z Var u)
	effects      []float64     // E u u', q x q
}

// step is one EM step with classes and random effects as what is missing: it never lowers the log-likelihood (Dempster, Laird &
// Rubin 1977, J R Stat Soc B 39:1; Laird & Ware 1982, Biometrics 38:963). It gives nil where a class has no values left to fit
// its trajectory to.
func (d *data) step(from *point) []float64 {
	sums := make([]maximised, d.classes)
	w := newMember(d.shape)
	for k := range sums {
		sums[k] = maximised{xx: mat.NewSymDense(d.p, nil), xy: mat.NewVecDense(d.p, nil), effects: make([]float64, d.q*d.q)}
		s2 := math.Exp(from.theta[d.varianceAt(k)])
		for i := range d.names {
			d.see(w, from.theta, i, k)
			d.collect(&sums[k], w, i, from.posterior[i][k], s2)
		}
	}
	return d.maximise(sums)
}

func (d *data) collect(s *maximised, w *member, i int, probability, s2 float64) {
	p, q, xx := d.p, d.q, d.xx[i]
	s.weight += probability
	s.rows += probability * float64(d.count[i])
	yy := d.yy[i]
	for a := range p {
		xy := d.xy[i][a]
		for b := range q {
			xy -= xx[a*p+b] * w.effect[b]
		}
		s.xy.SetVec(a, s.xy.AtVec(a)+probability*xy)
		if a < q {
			yy -= w.effect[a] * (d.xy[i][a] + xy)
		}
		for b := a; b < p; b++ {
			s.xx.SetSym(a, b, s.xx.At(a, b)+probability*xx[a*p+b])
		}
	}
	s.yy += probability * yy
	for a := range q {
		for b := range q {
			s.effects[a*q+b] += probability * (w.effect[a]*w.effect[b] + s2*w.m[a*q+b])
			s.spread += probability * s2 * xx[a*p+b] * w.m[b*q+a]
		}
	}
}

// maximise gives the parameters that are best for the completed data.
func (d *data) maximise(sums []maximised) []float64 {
	theta := make([]float64, d.size())
	residual, rows, weight := make([]float64, d.variances()), make([]float64, d.variances()), make([]float64, d.factors())
	effects := make([][]float64, d.factors())
	for k := range sums {
		s := &sums[k]
		var chol mat.Cholesky
		beta := mat.NewVecDense(d.p, nil)
		if !(s.weight > 0) || !chol.Factorize(s.xx) || chol.SolveVecTo(beta, s.xy) != nil {
			return nil
		}
		copy(theta[d.betaAt(k):], beta.RawVector().Data)
		v, f := k%d.variances(), k%d.factors()
		var fitted mat.VecDense
		fitted.MulVec(s.xx, beta)
		residual[v] += s.yy - 2*mat.Dot(beta, s.xy) + mat.Dot(beta, &fitted) + s.spread
		rows[v] += s.rows
		weight[f] += s.weight
		if effects[f] == nil {
			effects[f] = make([]float64, d.q*d.q)
		}
		for j, e := range s.effects {
			effects[f][j] += e
		}
		if k > 0 {
			theta[d.logitAt(k)] = math.Log(s.weight / sums[0].weight)
		}
	}
	for k := range d.classes {
		v, f := k%d.variances(), k%d.factors()
		s2 := math.Max(residual[v]/rows[v], math.SmallestNonzeroFloat64)
		theta[d.varianceAt(k)] = math.Log(s2)
		factorise(theta[d.factorAt(k):], effects[f], d.q, weight[f]*s2)
	}
	for _, x := range theta {
		if !stats.Finite(x) {
			return nil
		}
	}
	return theta
}

// factorise writes the lower Cholesky factor of g/divisor by rows; a direction without variance gets zeros.
func factorise(l, g []float64, q int, divisor float64) {
	for i := range q {
		for j := range i + 1 {
			sum := g[i*q+j] / divisor
			for c := range j {
				sum -= l[i*(i+1)/2+c] * l[j*(j+1)/2+c]
			}
			switch {
			case i == j:
				l[i*(i+1)/2+i] = math.Sqrt(math.Max(sum, 0))
			case l[j*(j+1)/2+j] > 0:
				l[i*(i+1)/2+j] = sum / l[j*(j+1)/2+j]
			default:
				l[i*(i+1)/2+j] = 0
			}
		}
	}
}

package mixed

import (
	"gonum.org/v1/gonum/mat"
)

// evaluation is the likelihood at one S, in the basis and scale of the problem. deviance is minus twice
// the log-likelihood (restricted where the problem says so) with the coefficients profiled out and
// without its constants.
type evaluation struct {
	problem  *problem
	s        *mat.SymDense
	deviance float64
	defined  bool
	m        *mat.SymDense // X' V^-1 X
	beta     *mat.VecDense
	phi      *mat.SymDense // inverse of m
}

// evaluate computes the deviance at S; defined is false where S or X'V^-1X is not positive definite.
// See docs/methods/mmrm.md, "The likelihood".
func (p *problem) evaluate(s *mat.SymDense) *evaluation {
	e := &evaluation{problem: p, s: s}
	l, ok := p.cohort.level(flat(s), p.near)
	if !ok {
		return e
	}
	n := len(l.score)
	e.m = mat.NewSymDense(n, l.information)
	var chol mat.Cholesky
	if !chol.Factorize(e.m) {
		return e
	}
	e.phi = mat.NewSymDense(n, nil)
	if chol.InverseTo(e.phi) != nil {
		return e
	}
	score := mat.NewVecDense(n, l.score)
	e.beta = mat.NewVecDense(n, nil)
	if chol.SolveVecTo(e.beta, score) != nil {
		return e
	}
	e.deviance = l.deviance - mat.Dot(e.beta, score)
	for i, b := range p.near {
		e.beta.SetVec(i, e.beta.AtVec(i)+b)
	}
	if p.reml {
		e.deviance += chol.LogDet()
	}
	e.defined = finite(e.deviance)
	return e
}

// spread is phi, flat; nil for ML, where the coefficients' uncertainty does not enter.
func (e *evaluation) spread() []float64 {
	if !e.problem.reml {
		return nil
	}
	return flat(e.phi)
}

// derivatives of the deviance by the covariance parameters, and what Kenward and Roger's formulas
// need: P_i = dM/dtheta_i, and the expected second derivatives (REML only).
type derivatives struct {
	gradient []float64
	hessian  *mat.SymDense
	expected *mat.SymDense
	p        []*mat.SymDense
}

// derive gives the derivatives at theta, whose S is the evaluation's; ok is false where they are not defined.
func (e *evaluation) derive(c covariance, theta []float64) (derivatives, bool) {
	_, first := c.at(theta)
	sums, ok := e.problem.cohort.slopes(flat(e.s), flats(first), e.beta.RawVector().Data, e.spread())
	if !ok {
		return derivatives{}, false
	}
	return e.combine(c, theta, first, sums), true
}

// combine makes derivatives of the cohort's sums. The formulas: docs/methods/mmrm.md, "Derivatives".
func (e *evaluation) combine(c covariance, theta []float64, first []*mat.SymDense, sums slopes) derivatives {
	n, q := len(theta), e.m.SymmetricDim()
	out := derivatives{make([]float64, n), mat.NewSymDense(n, sums.hessian), mat.NewSymDense(n, sums.expected), make([]*mat.SymDense, n)}
	g := mat.NewSymDense(e.s.SymmetricDim(), sums.g)
	phi := flat(e.phi)
	phiP, mirrored, phiU := make([][]float64, n), make([][]float64, n), make([]float64, q)
	for i := range n {
		out.gradient[i] = elementwise(sums.g, flat(first[i]))
		out.p[i] = mat.NewSymDense(q, sums.p[i])
		if e.problem.reml {
			phiP[i], mirrored[i] = make([]float64, q*q), make([]float64, q*q)
			multiply(phiP[i], phi, sums.p[i], q, q, q)
			transposeTo(mirrored[i], phiP[i], q)
		}
	}
	curvature := c.curvature(theta, g)
	for i := range n {
		multiply(phiU, phi, sums.u[i], q, q, 1)
		for j := i; j < n; j++ {
			h := out.hessian.At(i, j) + curvature.At(i, j) - 2*elementwise(phiU, sums.u[j])
			if e.problem.reml {
				cross := elementwise(phiP[i], mirrored[j])
				h -= cross
				out.expected.SetSym(i, j, out.expected.At(i, j)+cross)
			}
			out.hessian.SetSym(i, j, h)
		}
	}
	return out
}

// flat gives a symmetric matrix row by row, both triangles.
func flat(m *mat.SymDense) []float64 {
	n := m.SymmetricDim()
	out := make([]float64, n*n)
	for i := range n {
		for j := range n {
			out[i*n+j] = m.At(i, j)
		}
	}
	return out
}

func flats(m []*mat.SymDense) [][]float64 {
	out := make([][]float64, len(m))
	for i := range m {
		out[i] = flat(m[i])
	}
	return out
}

// sub is the part of a symmetric matrix at the given rows and columns.
func sub(s *mat.SymDense, at []int) *mat.SymDense {
	out := mat.NewSymDense(len(at), nil)
	for k, u := range at {
		for l := k; l < len(at); l++ {
			out.SetSym(k, l, s.At(u, at[l]))
		}
	}
	return out
}

// traceOfProduct is tr(a b).
func traceOfProduct(a, b *mat.Dense) float64 {
	ra, rb := a.RawMatrix(), b.RawMatrix()
	sum := 0.0
	for i := range ra.Rows {
		for j := range ra.Cols {
			sum += ra.Data[i*ra.Stride+j] * rb.Data[j*rb.Stride+i]
		}
	}
	return sum
}

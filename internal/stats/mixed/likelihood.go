package mixed

import (
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// evaluation is the likelihood at one S, in the basis and scale of the problem. deviance is minus twice
// the log-likelihood (restricted where the problem says so) with the coefficients profiled out and
// without its constants.
type evaluation struct {
	problem  *problem
	deviance float64
	defined  bool
	m        *mat.SymDense // X' V^-1 X
	beta     *mat.VecDense
	phi      *mat.SymDense // inverse of m
	patterns []patternState
}

// patternState holds, per pattern, the inverse of S[o,o], the residual cross-products sum r r' and
// sum x r', and T with T[u,v] = sum over patients of x_u' Phi x_v (rows u, v of X).
type patternState struct {
	w *mat.SymDense
	r *mat.SymDense
	d *mat.Dense
	t *mat.SymDense
}

// evaluate computes the deviance at S; defined is false where S or X'V^-1X is not positive definite.
// See docs/methods/mmrm.md, "The likelihood".
func (p *problem) evaluate(s *mat.SymDense) *evaluation {
	e := &evaluation{problem: p}
	size := p.visits * p.columns
	whole, right := mat.NewDense(size, size, nil), mat.NewVecDense(size, nil)
	total := 0.0
	for _, pattern := range p.patterns {
		var chol mat.Cholesky
		if !chol.Factorize(sub(s, pattern.visits)) {
			return e
		}
		w := mat.NewSymDense(len(pattern.visits), nil)
		if chol.InverseTo(w) != nil {
			return e
		}
		total += pattern.n*chol.LogDet() + traceProduct(w, pattern.c)
		p.addKronecker(whole, pattern.visits, w, pattern.a)
		var bw mat.Dense
		bw.Mul(pattern.b, w)
		p.addColumns(right, pattern.visits, &bw)
		e.patterns = append(e.patterns, patternState{w: w})
	}
	e.m = p.project(whole)
	var chol mat.Cholesky
	if !chol.Factorize(e.m) {
		return e
	}
	n := e.m.SymmetricDim()
	e.phi = mat.NewSymDense(n, nil)
	if chol.InverseTo(e.phi) != nil {
		return e
	}
	var score mat.VecDense
	score.MulVec(p.q.T(), right)
	e.beta = mat.NewVecDense(n, nil)
	if chol.SolveVecTo(e.beta, &score) != nil {
		return e
	}
	e.deviance = total - mat.Dot(e.beta, &score)
	if p.reml {
		e.deviance += chol.LogDet()
	}
	e.defined = finite(e.deviance)
	return e
}

// residuals fills the parts of the patterns' states that derivatives and starts read.
func (e *evaluation) residuals() {
	p := e.problem
	var gamma mat.VecDense
	gamma.MulVec(p.q, e.beta)
	var half, spread mat.Dense
	half.Mul(p.q, e.phi)
	spread.Mul(&half, p.q.T())
	for i, pattern := range p.patterns {
		o := len(pattern.visits)
		g := mat.NewDense(p.columns, o, nil)
		for k, v := range pattern.visits {
			for j := range p.columns {
				g.Set(j, k, gamma.AtVec(v*p.columns+j))
			}
		}
		d := mat.NewDense(p.columns, o, nil)
		d.Mul(pattern.a, g)
		d.Sub(pattern.b, d)
		// sum r r' = C - G'B - (sum x r')' G
		var gb, dg mat.Dense
		gb.Mul(g.T(), pattern.b)
		dg.Mul(d.T(), g)
		r, t := mat.NewSymDense(o, nil), mat.NewSymDense(o, nil)
		for k := range o {
			for l := k; l < o; l++ {
				r.SetSym(k, l, pattern.c.At(k, l)-(gb.At(k, l)+gb.At(l, k)+dg.At(k, l)+dg.At(l, k))/2)
				t.SetSym(k, l, p.blockTrace(pattern, &spread, k, l))
			}
		}
		e.patterns[i].d, e.patterns[i].r, e.patterns[i].t = d, r, t
	}
}

// blockTrace is the sum of the elementwise product of sum x x' and a block of the spread matrix.
func (p *problem) blockTrace(pattern patternSums, spread *mat.Dense, k, l int) float64 {
	u, v := pattern.visits[k]*p.columns, pattern.visits[l]*p.columns
	sum := 0.0
	for i := range p.columns {
		for j := range p.columns {
			sum += pattern.a.At(i, j) * spread.At(u+i, v+j)
		}
	}
	return sum
}

// derivatives of the deviance by the covariance parameters, and what Kenward and Roger's formulas
// need: P_i = dM/dtheta_i, and the expected second derivatives.
type derivatives struct {
	gradient []float64
	hessian  *mat.SymDense
	expected *mat.SymDense
	p        []*mat.SymDense
}

// derive needs residuals to be filled. The formulas: docs/methods/mmrm.md, "Derivatives".
func (e *evaluation) derive(c covariance, theta []float64) derivatives {
	p := e.problem
	_, first := c.at(theta)
	n, size := len(theta), p.visits*p.columns
	out := derivatives{make([]float64, n), mat.NewSymDense(n, nil), mat.NewSymDense(n, nil), make([]*mat.SymDense, n)}
	acc, scores := make([]*mat.Dense, n), make([]*mat.VecDense, n)
	for i := range n {
		acc[i], scores[i] = mat.NewDense(size, size, nil), mat.NewVecDense(size, nil)
	}
	g := mat.NewSymDense(p.visits, nil)
	for k := range p.patterns {
		e.derivePattern(k, first, g, &out, acc, scores)
	}
	projected, phiP := make([]*mat.VecDense, n), make([]*mat.Dense, n)
	for i := range n {
		out.gradient[i] = traceProduct(g, first[i])
		out.p[i] = p.project(acc[i])
		phiP[i] = new(mat.Dense)
		phiP[i].Mul(e.phi, out.p[i])
		projected[i] = new(mat.VecDense)
		projected[i].MulVec(p.q.T(), scores[i])
	}
	curvature := c.curvature(theta, g)
	for i := range n {
		var phiU mat.VecDense
		phiU.MulVec(e.phi, projected[i])
		for j := i; j < n; j++ {
			h := out.hessian.At(i, j) + curvature.At(i, j) - 2*mat.Dot(&phiU, projected[j])
			if p.reml {
				cross := traceOfProduct(phiP[i], phiP[j])
				h -= cross
				out.expected.SetSym(i, j, out.expected.At(i, j)+cross)
			}
			out.hessian.SetSym(i, j, h)
		}
	}
	return out
}

// derivePattern adds a pattern's share.
func (e *evaluation) derivePattern(k int, first []*mat.SymDense, g *mat.SymDense, out *derivatives, acc []*mat.Dense, scores []*mat.VecDense) {
	p, pattern, state := e.problem, e.problem.patterns[k], e.patterns[k]
	o := len(pattern.visits)
	spread := mat.NewSymDense(o, nil) // sum r r', and T where restricted
	spread.CopySym(state.r)
	if p.reml {
		spread.AddSym(spread, state.t)
	}
	var ws, wsw, wt mat.Dense
	ws.Mul(state.w, spread)
	wsw.Mul(&ws, state.w)
	wt.Mul(state.w, state.t)
	inner := mat.NewDense(o, o, nil) // 2 W (R + T) - n I
	for a := range o {
		for b := range o {
			inner.Set(a, b, 2*ws.At(a, b))
			if b >= a {
				g.SetSym(pattern.visits[a], pattern.visits[b], g.At(pattern.visits[a], pattern.visits[b])+
					pattern.n*state.w.At(a, b)-(wsw.At(a, b)+wsw.At(b, a))/2)
			}
		}
		inner.Set(a, a, inner.At(a, a)-pattern.n)
	}
	expected := mat.NewDense(o, o, nil) // n I - 2 W T
	expected.Scale(-2, &wt)
	for a := range o {
		expected.Set(a, a, expected.At(a, a)+pattern.n)
	}
	f, fInner, fExpected := make([]*mat.Dense, len(first)), make([]*mat.Dense, len(first)), make([]*mat.Dense, len(first))
	for i, s := range first {
		f[i], fInner[i], fExpected[i] = new(mat.Dense), new(mat.Dense), new(mat.Dense)
		f[i].Mul(state.w, sub(s, pattern.visits))
		fInner[i].Mul(f[i], inner)
		fExpected[i].Mul(f[i], expected)
		var fw, dfw mat.Dense
		fw.Mul(f[i], state.w)
		fw.Scale(-1, &fw)
		p.addKronecker(acc[i], pattern.visits, &fw, pattern.a)
		dfw.Mul(state.d, &fw)
		p.addColumns(scores[i], pattern.visits, &dfw)
	}
	for i := range first {
		for j := i; j < len(first); j++ {
			out.hessian.SetSym(i, j, out.hessian.At(i, j)+traceOfProduct(f[i], fInner[j]))
			out.expected.SetSym(i, j, out.expected.At(i, j)+traceOfProduct(f[i], fExpected[j]))
		}
	}
}

// addKronecker adds w (x) a at the pattern's visits.
func (p *problem) addKronecker(to *mat.Dense, visits []int, w mat.Matrix, a *mat.SymDense) {
	raw := to.RawMatrix()
	rows := mat.DenseCopyOf(a).RawMatrix().Data // once, so that the inner loop runs over plain rows
	for k, u := range visits {
		for l, v := range visits {
			weight := w.At(k, l)
			for i := range p.columns {
				at := (u*p.columns+i)*raw.Stride + v*p.columns
				floats.AddScaled(raw.Data[at:at+p.columns], weight, rows[i*p.columns:(i+1)*p.columns])
			}
		}
	}
}

// addColumns adds a matrix of columns by visits to a vector of visits by columns.
func (p *problem) addColumns(to *mat.VecDense, visits []int, m *mat.Dense) {
	for k, v := range visits {
		for i := range p.columns {
			to.SetVec(v*p.columns+i, to.AtVec(v*p.columns+i)+m.At(i, k))
		}
	}
}

// project is Q' m Q.
func (p *problem) project(m *mat.Dense) *mat.SymDense {
	var half, full mat.Dense
	half.Mul(m, p.q)
	full.Mul(p.q.T(), &half)
	return symmetric(&full)
}

func symmetric(m *mat.Dense) *mat.SymDense {
	n, _ := m.Dims()
	out := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			out.SetSym(i, j, (m.At(i, j)+m.At(j, i))/2)
		}
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

// traceProduct is tr(a b) of symmetric matrices.
func traceProduct(a, b *mat.SymDense) float64 {
	n, sum := a.SymmetricDim(), 0.0
	for i := range n {
		for j := range n {
			sum += a.At(i, j) * b.At(i, j)
		}
	}
	return sum
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

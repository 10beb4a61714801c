package mixed

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats/basis"
)

// randomPoint is the deviance with its derivatives at theta: the free elements of the relative Cholesky factor by
// rows, then log sigma squared. The natural parameters, in which V is linear, are the elements of G by pairs and
// sigma squared, in this order; u and q are by them.
type randomPoint struct {
	theta    []float64
	reml     bool
	factor   []float64 // L, q x q
	sigma2   float64
	deviance float64
	beta     *mat.VecDense // in the basis, internal scale
	phi      *mat.SymDense // (X'V^-1X)^-1
	u        []*mat.Dense  // [X y]'W V_k W[X y]
	q        [][]*mat.Dense
	expected *mat.SymDense // tr(P V_k P V_l) in the natural parameters, REML
	jacobian *mat.Dense    // natural by theta

	gradient    []float64
	hessian     *mat.SymDense
	step        []float64
	upward      []float64 // a direction of negative curvature, where there is one
	convergence Convergence
}

// fixedPart cuts the response's row and column off.
func (g *groups) fixedPart(m *mat.Dense) *mat.SymDense {
	p := len(g.names)
	return basis.Symmetric(mat.DenseCopyOf(m.Slice(0, p, 0, p)))
}

// factorOf unpacks theta.
func (g *groups) factorOf(theta []float64) []float64 {
	q := g.q()
	l := make([]float64, q*q)
	at := 0
	for i, row := range g.random.free {
		for j, free := range row {
			if free {
				l[i*q+j] = theta[at]
				at++
			}
		}
	}
	return l
}

// point evaluates; nil where the deviance is not defined.
func (g *groups) point(theta []float64, reml bool) *randomPoint {
	pt := &randomPoint{theta: theta, reml: reml, factor: g.factorOf(theta), sigma2: math.Exp(theta[len(theta)-1])}
	sums := g.sums(pt.factor)
	m, p := g.m(), len(g.names)
	u0 := mat.NewDense(m, m, nil)
	for i := range g.c {
		u0.RawMatrix().Data[i] = (g.c[i] - sums.cb[i]) / pt.sigma2
	}
	var chol mat.Cholesky
	if !finite(u0.RawMatrix().Data...) || !finite(sums.logDet) || !(pt.sigma2 > 0) || !chol.Factorize(g.fixedPart(u0)) {
		return nil
	}
	pt.phi, pt.beta = mat.NewSymDense(p, nil), mat.NewVecDense(p, nil)
	if chol.InverseTo(pt.phi) != nil || chol.SolveVecTo(pt.beta, mat.NewVecDense(p, mat.Col(nil, p, u0.Slice(0, p, 0, m)))) != nil {
		return nil
	}
	residual := mat.NewVecDense(m, nil) // [X y] residual = y - X b
	residual.SetVec(m-1, 1)
	for c := range p {
		residual.SetVec(c, -pt.beta.AtVec(c))
	}
	pt.deviance = sums.logDet + float64(g.rows)*math.Log(pt.sigma2) + mat.Inner(residual, u0, residual)
	if reml {
		pt.deviance += chol.LogDet()
	}
	n := g.natural(pt, sums, u0)
	gradient, hessian := n.derivatives(g, pt, residual)
	pt.toTheta(g, n.tau, gradient, hessian)
	if !finite(pt.deviance) || !finite(pt.gradient...) || !finite(pt.hessian.RawSymmetric().Data...) {
		return nil
	}
	pt.step, pt.convergence = direction(pt.gradient, pt.hessian)
	if !pt.convergence.PositiveDefinite {
		pt.upward = lowest(pt.hessian)
	}
	return pt
}

// lowest is the eigenvector of a negative smallest eigenvalue, nil where there is none.
func lowest(h *mat.SymDense) []float64 {
	var eigen mat.EigenSym
	if !eigen.Factorize(h, true) || eigen.Values(nil)[0] >= 0 {
		return nil
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	return mat.Col(nil, 0, &vectors)
}

// natural are traces in the natural parameters; the last is sigma squared, whose derivative of V is the identity
// = (V - sum tau_k V_k) / sigma squared.
type natural struct {
	tau []float64
	one []float64     // tr(W V_k)
	two *mat.SymDense // tr(W V_k W V_l)
}

// elements are the places of the matrix E_k of V_k = Z E_k Z'.
func elements(q int) [][][2]int {
	out := make([][][2]int, q*(q+1)/2)
	for b := range q {
		for a := range b {
			out[pair(a, b)] = [][2]int{{a, b}, {b, a}}
		}
		out[pair(b, b)] = [][2]int{{b, b}}
	}
	return out
}

// natural fills pt.u and pt.q and gives the traces.
func (g *groups) natural(pt *randomPoint, sums *randomSums, u0 *mat.Dense) natural {
	q, m := g.q(), g.m()
	places := elements(q)
	pairs := len(places)
	s2 := pt.sigma2
	n := natural{tau: make([]float64, pairs+1), one: make([]float64, pairs+1), two: mat.NewSymDense(pairs+1, nil)}
	for k, at := range places {
		for c := range q {
			n.tau[k] += s2 * pt.factor[at[0][0]*q+c] * pt.factor[at[0][1]*q+c]
		}
	}
	n.tau[pairs] = s2
	pt.u, pt.q = make([]*mat.Dense, pairs+1), make([][]*mat.Dense, pairs+1)
	for k := range pt.q {
		pt.q[k] = make([]*mat.Dense, pairs+1)
	}
	for k, at := range places {
		pt.u[k] = mat.NewDense(m, m, nil)
		for _, e := range at {
			n.one[k] += sums.s[pair(e[0], e[1])] / s2
			addBlock(pt.u[k], sums.tt, e[0]*q+e[1], e[1]*q+e[0], e[0] > e[1], 1/(s2*s2))
		}
		for l, other := range places {
			pt.q[k][l] = mat.NewDense(m, m, nil)
			trace := 0.0
			for _, e := range at {
				for _, o := range other {
					trace += sums.ss[pair(e[1], o[0])*pairs+pair(o[1], e[0])]
					addBlock(pt.q[k][l], sums.tst, (e[0]*q+o[1])*pairs+pair(e[1], o[0]), (o[1]*q+e[0])*pairs+pair(e[1], o[0]), e[0] > o[1], 1/(s2*s2*s2))
				}
			}
			n.two.SetSym(k, l, trace/(s2*s2))
		}
	}
	g.residualDirection(pt, &n, u0)
	return n
}

// addBlock adds an m x m block, transposed where only its mirror image is kept.
func addBlock(to *mat.Dense, blocks []float64, at, mirror int, mirrored bool, scale float64) {
	m, _ := to.Dims()
	if mirrored {
		at = mirror
	}
	block := mat.NewDense(m, m, blocks[at*m*m:(at+1)*m*m])
	var scaled mat.Dense
	if mirrored {
		scaled.Scale(scale, block.T())
	} else {
		scaled.Scale(scale, block)
	}
	to.Add(to, &scaled)
}

// residualDirection fills everything about sigma squared from the rest.
func (g *groups) residualDirection(pt *randomPoint, n *natural, u0 *mat.Dense) {
	last := len(n.tau) - 1
	s2 := pt.sigma2
	n.one[last] = float64(g.rows)
	pt.u[last] = mat.DenseCopyOf(u0)
	for k := range last {
		n.one[last] -= n.tau[k] * n.one[k]
		subtract(pt.u[last], n.tau[k], pt.u[k])
		value := n.one[k]
		pt.q[k][last] = mat.DenseCopyOf(pt.u[k])
		for l := range last {
			value -= n.tau[l] * n.two.At(k, l)
			subtract(pt.q[k][last], n.tau[l], pt.q[k][l])
		}
		n.two.SetSym(k, last, value/s2)
		pt.q[k][last].Scale(1/s2, pt.q[k][last])
		pt.q[last][k] = mat.DenseCopyOf(pt.q[k][last].T())
	}
	n.one[last] /= s2
	pt.u[last].Scale(1/s2, pt.u[last])
	value := n.one[last]
	pt.q[last][last] = mat.DenseCopyOf(pt.u[last])
	for k := range last {
		value -= n.tau[k] * n.two.At(last, k)
		subtract(pt.q[last][last], n.tau[k], pt.q[last][k])
	}
	n.two.SetSym(last, last, value/s2)
	pt.q[last][last].Scale(1/s2, pt.q[last][last])
}

func subtract(from *mat.Dense, scale float64, m *mat.Dense) {
	var scaled mat.Dense
	scaled.Scale(scale, m)
	from.Sub(from, &scaled)
}

// derivatives are those of the deviance by the natural parameters, b profiled out (Lindstrom & Bates 1988, JASA
// 83:1014, in the form of Kenward & Roger 1997, appendix).
func (n natural) derivatives(g *groups, pt *randomPoint, residual *mat.VecDense) ([]float64, *mat.SymDense) {
	size, p := len(n.tau), len(g.names)
	gradient, hessian := make([]float64, size), mat.NewSymDense(size, nil)
	pt.expected = mat.NewSymDense(size, nil)
	scores, projected := make([]*mat.VecDense, size), make([]*mat.Dense, size)
	for k := range size {
		all := mat.NewVecDense(p+1, nil)
		all.MulVec(pt.u[k], residual)
		scores[k] = mat.NewVecDense(p, all.RawVector().Data[:p])
		gradient[k] = n.one[k] - mat.Dot(residual, all)
		projected[k] = new(mat.Dense)
		projected[k].Mul(pt.phi, g.fixedPart(pt.u[k]))
		if pt.reml {
			gradient[k] -= mat.Trace(projected[k])
		}
	}
	for k := range size {
		for l := range k + 1 {
			quadratic := mat.Inner(residual, pt.q[k][l], residual) - mat.Inner(scores[k], pt.phi, scores[l])
			trace := n.two.At(k, l)
			if pt.reml {
				var product mat.Dense
				product.Mul(pt.phi, pt.q[k][l].Slice(0, p, 0, p))
				trace += traceOfProduct(projected[k], projected[l]) - 2*mat.Trace(&product)
			}
			pt.expected.SetSym(k, l, trace)
			hessian.SetSym(k, l, 2*quadratic-trace)
		}
	}
	return gradient, hessian
}

// toTheta takes the derivatives to theta by the chain rule.
func (pt *randomPoint) toTheta(g *groups, tau, gradient []float64, hessian *mat.SymDense) {
	q, size, free := g.q(), len(tau), len(pt.theta)
	pt.jacobian = mat.NewDense(size, free, nil)
	second := mat.NewSymDense(free, nil)
	var at [][2]int
	for i, row := range g.random.free {
		for j, is := range row {
			if is {
				at = append(at, [2]int{i, j})
			}
		}
	}
	last := free - 1
	for t, e := range at {
		for o := range q { // G = s2 L L': element (e0, o) moves with L[o, e1], the diagonal twice
			change := pt.sigma2 * pt.factor[o*q+e[1]]
			if o == e[0] {
				change *= 2
			}
			pt.jacobian.Set(pair(e[0], o), t, change)
			second.SetSym(t, last, second.At(t, last)+gradient[pair(e[0], o)]*change)
		}
		for u, f := range at[:t+1] {
			if e[1] == f[1] {
				change := pt.sigma2
				if e[0] == f[0] {
					change *= 2
				}
				second.SetSym(t, u, second.At(t, u)+gradient[pair(e[0], f[0])]*change)
			}
		}
	}
	for k, value := range tau {
		pt.jacobian.Set(k, last, value)
		second.SetSym(last, last, second.At(last, last)+gradient[k]*value)
	}
	pt.gradient = make([]float64, free)
	mat.NewVecDense(free, pt.gradient).MulVec(pt.jacobian.T(), mat.NewVecDense(size, gradient))
	var half, whole mat.Dense
	half.Mul(pt.jacobian.T(), hessian)
	whole.Mul(&half, pt.jacobian)
	pt.hessian = basis.Symmetric(&whole)
	pt.hessian.AddSym(pt.hessian, second)
}

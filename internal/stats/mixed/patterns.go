package mixed

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// cohort is whoever holds the patients' sums: patterns in memory, or sites that answer for theirs. Everything
// is a sum over patients, in the orthonormal basis and the scale of the problem; ok is false where S is not
// positive definite. The matrices are flat, row by row: s and every direction (dS by a covariance parameter)
// are visits x visits; phi, of coefficients x coefficients, is nil for ML.
type cohort interface {
	level(s, beta []float64) (level, bool)
	slopes(s []float64, directions [][]float64, beta, phi []float64) (slopes, bool)
	// contract is sum_ij w_ij Q_ij, Q_ij = X' V^-1 V_i V^-1 V_j V^-1 X.
	contract(s []float64, directions [][]float64, w []float64) ([]float64, bool)
}

// level is what the patients say of one S and one b.
type level struct {
	deviance    float64   // n log |S| + tr(W sum r r')
	score       []float64 // X' V^-1 (y - X b)
	information []float64 // X' V^-1 X
}

// slopes are the sums behind the derivatives by the covariance parameters. See docs/methods/mmrm.md, "Derivatives".
type slopes struct {
	g        []float64   // sum of n W - W (R + T) W, visits x visits: the derivative by S
	hessian  []float64   // tr(F_i F_j (2 W (R + T) - n I))
	expected []float64   // n tr(F_i F_j) - 2 tr(Phi Q_ij), under REML
	p        [][]float64 // P_i
	u        [][]float64 // u_i
}

// held are patterns in memory.
type held struct {
	visits, columns, coefficients int
	q                             []float64 // the basis, visits*columns by coefficients
	patterns                      []patternSums
}

// patternSums are a Pattern's sums over its observed visits: a = sum x x' (columns x columns), b = sum y x'
// (visits x columns), c = sum y y'.
type patternSums struct {
	visits  []int
	n       float64
	a, b, c []float64
}

// patternState holds, per pattern, the inverse of S[o,o], the residual cross-products sum r r' and sum r x', and
// T with T[u,v] = sum over patients of x_u' Phi x_v (rows u, v of X; nil for ML).
type patternState struct {
	w, r, d, t []float64
}

// part copies the rows and columns at of a square matrix of n rows.
func part(s []float64, n int, at []int) []float64 {
	out := make([]float64, len(at)*len(at))
	for k, u := range at {
		for l, v := range at {
			out[k*len(at)+l] = s[u*n+v]
		}
	}
	return out
}

// invert replaces a symmetric positive definite matrix by its inverse and gives log of its determinant.
func invert(a []float64, n int) (logDet float64, ok bool) {
	t, ok := lapack64.Potrf(blas64.Symmetric{N: n, Stride: n, Data: a, Uplo: blas.Upper})
	if !ok {
		return 0, false
	}
	for i := range n {
		logDet += 2 * math.Log(a[i*n+i])
	}
	if _, ok := lapack64.Potri(t); !ok {
		return 0, false
	}
	for i := range n {
		for j := range i {
			a[i*n+j] = a[j*n+i]
		}
	}
	return logDet, true
}

// multiply is to = a b, of r x k and k x c.
func multiply(to, a, b []float64, r, k, c int) {
	clear(to[:r*c])
	for i := range r {
		row := to[i*c : (i+1)*c]
		for j, v := range a[i*k : (i+1)*k] {
			if v == 0 {
				continue
			}
			for l, x := range b[j*c : (j+1)*c] {
				row[l] += v * x
			}
		}
	}
}

// elementwise is the sum of the products of elements: tr(a b') of matrices, flat.
func elementwise(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func (h *held) level(s, beta []float64) (level, bool) {
	size := h.visits * h.columns
	whole, right := make([]float64, size*size), make([]float64, size)
	gamma := h.means(beta)
	out := level{}
	for _, p := range h.patterns {
		o := len(p.visits)
		w := part(s, h.visits, p.visits)
		logDet, ok := invert(w, o)
		if !ok {
			return level{}, false
		}
		d, r := p.b, p.c
		if gamma != nil {
			d, r = h.residuals(p, gamma)
		}
		out.deviance += p.n*logDet + elementwise(w, r)
		h.addKronecker(whole, p, w, 1)
		h.addColumns(right, p, w, d)
	}
	out.information = h.project(whole)
	out.score = h.along(right)
	return out, true
}

// means are the coefficients of x by visit that b amounts to, visits*columns; nil for no b.
func (h *held) means(beta []float64) []float64 {
	if beta == nil {
		return nil
	}
	gamma := make([]float64, h.visits*h.columns)
	multiply(gamma, h.q, beta, len(gamma), h.coefficients, 1)
	return gamma
}

// residuals gives sum r x' and sum r r' with r = y - X b: D = B - G A, R = C - G B' - D G' with G of the pattern's
// visits by columns.
func (h *held) residuals(p patternSums, gamma []float64) (d, r []float64) {
	o, c := len(p.visits), h.columns
	g := make([]float64, o*c)
	for k, v := range p.visits {
		copy(g[k*c:(k+1)*c], gamma[v*c:(v+1)*c])
	}
	d, r = make([]float64, o*c), make([]float64, o*o)
	multiply(d, g, p.a, o, c, c)
	for i := range d {
		d[i] = p.b[i] - d[i]
	}
	row := func(m []float64, k int) []float64 { return m[k*c : (k+1)*c] }
	for k := range o {
		for l := k; l < o; l++ {
			gb := elementwise(row(g, k), row(p.b, l)) + elementwise(row(g, l), row(p.b, k))
			dg := elementwise(row(d, k), row(g, l)) + elementwise(row(d, l), row(g, k))
			r[k*o+l] = p.c[k*o+l] - (gb+dg)/2
			r[l*o+k] = r[k*o+l]
		}
	}
	return d, r
}

// states fills what derivatives and starts read of every pattern.
func (h *held) states(s, beta, phi []float64) ([]patternState, bool) {
	var spread []float64
	if phi != nil {
		spread = h.spread(phi)
	}
	size := h.visits * h.columns
	gamma := h.means(beta)
	out := make([]patternState, len(h.patterns))
	for i, p := range h.patterns {
		o := len(p.visits)
		st := &out[i]
		st.w = part(s, h.visits, p.visits)
		if _, ok := invert(st.w, o); !ok {
			return nil, false
		}
		st.d, st.r = h.residuals(p, gamma)
		if phi == nil {
			continue
		}
		st.t = make([]float64, o*o)
		for k, u := range p.visits {
			for l := k; l < o; l++ {
				v, sum := p.visits[l], 0.0
				for j := range h.columns {
					at := (u*h.columns+j)*size + v*h.columns
					sum += elementwise(p.a[j*h.columns:(j+1)*h.columns], spread[at:at+h.columns])
				}
				st.t[k*o+l], st.t[l*o+k] = sum, sum
			}
		}
	}
	return out, true
}

// spread is Q phi Q'.
func (h *held) spread(phi []float64) []float64 {
	size, q := h.visits*h.columns, h.coefficients
	half, out := make([]float64, size*q), make([]float64, size*size)
	multiply(half, h.q, phi, size, q, q)
	for i := range size {
		for j := range size {
			out[i*size+j] = elementwise(half[i*q:(i+1)*q], h.q[j*q:(j+1)*q])
		}
	}
	return out
}

// addKronecker adds scale * w (x) sum x x' at the pattern's visits.
func (h *held) addKronecker(to []float64, p patternSums, w []float64, scale float64) {
	size, c, o := h.visits*h.columns, h.columns, len(p.visits)
	for k, u := range p.visits {
		for l, v := range p.visits {
			weight := scale * w[k*o+l]
			for i := range c {
				at := (u*c+i)*size + v*c
				row := to[at : at+c]
				for j, x := range p.a[i*c : (i+1)*c] {
					row[j] += weight * x
				}
			}
		}
	}
}

// addColumns adds w d, visits by columns, to a vector of all visits by columns.
func (h *held) addColumns(to []float64, p patternSums, w, d []float64) {
	o, c := len(p.visits), h.columns
	for k, v := range p.visits {
		row := to[v*c : (v+1)*c]
		for l := range o {
			weight := w[k*o+l]
			for j, x := range d[l*c : (l+1)*c] {
				row[j] += weight * x
			}
		}
	}
}

// project is Q' m Q, symmetric.
func (h *held) project(m []float64) []float64 {
	size, q := h.visits*h.columns, h.coefficients
	half, out := make([]float64, size*q), make([]float64, q*q)
	multiply(half, m, h.q, size, size, q)
	for i := range size {
		for a, x := range h.q[i*q : (i+1)*q] {
			if x == 0 {
				continue
			}
			row := out[a*q : (a+1)*q]
			for b, y := range half[i*q : (i+1)*q] {
				row[b] += x * y
			}
		}
	}
	for a := range q {
		for b := range a {
			mean := (out[a*q+b] + out[b*q+a]) / 2
			out[a*q+b], out[b*q+a] = mean, mean
		}
	}
	return out
}

// along is Q' v.
func (h *held) along(v []float64) []float64 {
	out := make([]float64, h.coefficients)
	multiply(out, v, h.q, 1, len(v), h.coefficients)
	return out
}

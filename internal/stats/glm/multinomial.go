package glm

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// Classes is what a multinomial model is fitted to: X holds the rows one after another, Group a row's place among Levels,
// of which the first is the baseline.
type Classes struct {
	Names    []string
	X        []float64
	Response string
	Levels   []string
	Group    []int
}

// Check refuses groups that do not fit the levels, and a level without a row.
func (c Classes) Check() error {
	if len(c.Levels) < 2 {
		return stats.Errorf(stats.OneLevel, c.Response, "needs at least two levels, has %d", len(c.Levels))
	}
	if len(c.Group) == 0 {
		return stats.Errorf(stats.TooFew, c.Response, "has no value")
	}
	if len(c.X) != len(c.Group)*len(c.Names) {
		return stats.Errorf(stats.BadInput, "columns", "%d values are not %d rows of %d columns", len(c.X), len(c.Group), len(c.Names))
	}
	counts := make([]int, len(c.Levels))
	for i, g := range c.Group {
		if g < 0 || g >= len(c.Levels) {
			return stats.Errorf(stats.BadInput, c.Response, "row %d is of no level", i+1)
		}
		counts[g]++
	}
	for g, n := range counts {
		if n == 0 {
			return stats.Errorf(stats.EmptyCell, c.Response+" "+c.Levels[g], "has no row")
		}
	}
	return nil
}

// MultinomialFit is a fitted multinomial model. Beta holds the coefficients of each level but the first; Covariance is the
// inverse of the information, coefficient j of level k at (k-1)p + j.
type MultinomialFit struct {
	Beta       [][]float64
	Covariance *mat.SymDense
	LogLik     float64
	Iterations int

	data  Classes
	basis *basis.Basis
	q     []float64
}

// NewMultinomial fits the baseline-category logit model, log P(level k)/P(first level) = x'b_k, by Newton's method to
// rounding level in an orthonormal basis of the columns (Agresti 2013, Categorical Data Analysis, third edition, section
// 8.1). With two levels it is logistic regression. See docs/methods/logistic.md.
func NewMultinomial(data Classes) (*MultinomialFit, error) {
	if err := data.Check(); err != nil {
		return nil, err
	}
	b, err := basis.Of(data.Names, data.X, len(data.Group))
	if err != nil {
		return nil, err
	}
	m, p := len(data.Levels)-1, b.P
	if len(data.Group) <= m*p {
		return nil, stats.Errorf(stats.TooFew, "rows", "%d complete rows are too few for %d coefficients", len(data.Group), m*p)
	}
	f := &MultinomialFit{data: data, basis: b, q: make([]float64, m*p)}
	at, err := f.climb()
	if err != nil {
		return nil, err
	}
	inverse := mat.NewSymDense(m*p, nil)
	if at.chol.InverseTo(inverse) != nil {
		return nil, stats.Errorf(stats.Collinear, "columns", "cannot be told apart under the fitted probabilities")
	}
	f.LogLik = at.logLik
	f.Covariance = mat.NewSymDense(m*p, nil)
	for k := range m {
		f.Beta = append(f.Beta, b.Coefficients(f.q[k*p:(k+1)*p]))
	}
	f.toColumns(inverse)
	return f, nil
}

// toColumns takes the covariance from the basis to the columns: S V S' with S the inverse of R for each level.
func (f *MultinomialFit) toColumns(v *mat.SymDense) {
	m, p := len(f.Beta), f.basis.P
	s := mat.NewDense(m*p, m*p, nil)
	for j := range p {
		for k, x := range f.basis.Direction(j) {
			for l := range m {
				s.Set(l*p+j, l*p+k, x)
			}
		}
	}
	var half, whole mat.Dense
	half.Mul(s, v)
	whole.Mul(&half, s.T())
	f.Covariance = basis.Symmetric(&whole)
}

// climb goes from equal odds to the maximum of the likelihood, which is concave.
func (f *MultinomialFit) climb() (point, error) {
	at, last := f.evaluate(f.q), math.Inf(1)
	for f.Iterations = 1; f.Iterations <= maxIterations; f.Iterations++ {
		var step mat.VecDense
		if !at.chol.Factorize(at.info) || at.chol.SolveVecTo(&step, mat.NewVecDense(len(at.score), at.score)) != nil {
			return at, f.runaway(at)
		}
		size := basis.Dot(step.RawVector().Data, at.score)
		if size < 1e-22 || size < 1e-12 && size >= last/4 {
			return at, nil
		}
		last = size
		share, moved, next := 1.0, f.q, at
		for range 30 {
			moved = append([]float64(nil), f.q...)
			basis.Add(moved, share, step.RawVector().Data)
			next = f.evaluate(moved)
			if next.logLik >= at.logLik-1e-12*(1+math.Abs(at.logLik)) {
				break
			}
			share /= 2
		}
		f.q, at = moved, next
		if at.maxEta > separatedEta && f.Iterations > 20 {
			return at, f.runaway(at)
		}
	}
	return at, f.runaway(at)
}

func (f *MultinomialFit) evaluate(q []float64) point {
	m, p := len(f.data.Levels)-1, f.basis.P
	out := point{score: make([]float64, m*p), info: mat.NewSymDense(m*p, nil)}
	eta, shares := make([]float64, m), make([]float64, m+1)
	for i, g := range f.data.Group {
		row := f.basis.Row(i)
		for k := range eta {
			eta[k] = basis.Dot(row, q[k*p:(k+1)*p])
			out.maxEta = math.Max(out.maxEta, math.Abs(eta[k]))
		}
		out.logLik += softmax(eta, shares, g)
		for k := range m {
			residual := -shares[k+1]
			if g == k+1 {
				residual++
			}
			basis.Add(out.score[k*p:(k+1)*p], residual, row)
			for l := k; l < m; l++ {
				weight := -shares[k+1] * shares[l+1]
				if l == k {
					weight = shares[k+1] * (1 - shares[k+1])
				}
				f.outer(out.info, k*p, l*p, weight, row)
			}
		}
	}
	return out
}

// outer adds weight times the outer product of a row to the upper triangle of a block of the information.
func (f *MultinomialFit) outer(info *mat.SymDense, top, left int, weight float64, row []float64) {
	raw := info.RawSymmetric()
	for a, x := range row {
		first := 0
		if top == left {
			first = a
		}
		basis.Add(raw.Data[(top+a)*raw.Stride+left+first:(top+a)*raw.Stride+left+len(row)], weight*x, row[first:])
	}
}

// softmax fills the probabilities of the levels, the first level's predictor being 0, and gives the log of that of level g.
func softmax(eta, shares []float64, g int) float64 {
	largest := 0.0
	for _, e := range eta {
		largest = math.Max(largest, e)
	}
	shares[0] = math.Exp(-largest)
	total, own := shares[0], -largest
	for k, e := range eta {
		shares[k+1] = math.Exp(e - largest)
		total += shares[k+1]
		if g == k+1 {
			own = e - largest
		}
	}
	for k := range shares {
		shares[k] /= total
	}
	return own - math.Log(total)
}

// Probabilities are those of the levels in row i.
func (f *MultinomialFit) Probabilities(i int) []float64 {
	m, p := len(f.Beta), f.basis.P
	eta, shares := make([]float64, m), make([]float64, m+1)
	for k := range eta {
		eta[k] = basis.Dot(f.basis.Row(i), f.q[k*p:(k+1)*p])
	}
	softmax(eta, shares, 0)
	return shares
}

// runaway names the column and level that contribute most to the largest linear predictor.
func (f *MultinomialFit) runaway(at point) error {
	p := f.basis.P
	if at.maxEta < separatedEta {
		return stats.Errorf(stats.NotConverged, f.data.Response, "no optimum after %d iterations", f.Iterations)
	}
	column, level, most := "", "", 0.0
	for k := range len(f.data.Levels) - 1 {
		for j, b := range f.basis.Coefficients(f.q[k*p : (k+1)*p]) {
			if reach := reach(f.data.X, j, p, b); reach > most || column == "" {
				column, level, most = f.data.Names[j], f.data.Levels[k+1], reach
			}
		}
	}
	return stats.Errorf(stats.Separation, column, "separates rows with %s = %s from rows with %s, alone or together with other columns: its coefficient has no finite estimate",
		f.data.Response, level, f.data.Levels[0])
}

// reach is how far the share of column j in the linear predictor runs over the rows.
func reach(x []float64, j, p int, beta float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for i := j; i < len(x); i += p {
		low, high = math.Min(low, x[i]*beta), math.Max(high, x[i]*beta)
	}
	return high - low
}

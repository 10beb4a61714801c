package mixed

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
	"afterglow/internal/stats/formula"
)

// RandomModel is a linear mixed model y = X b + Z u + e with random effects u of one grouping column, in lme4's
// notation: "y ~ x + (1 + x | group)"; u of a group is normal with covariance G, e with variance sigma squared.
type RandomModel struct {
	Formula string
	Factors map[string][]string
	Method  Method
	Level   float64
	// MaxIterations bounds the Newton steps; 0 means 200.
	MaxIterations int
}

// RandomFit is a fitted RandomModel.
type RandomFit struct {
	Convergence Convergence

	approximation
	model    RandomModel
	design   formula.Design
	factors  map[string][]string
	frame    formula.Frame
	data     *groups
	best     *randomPoint
	deviance float64
	natural  [][2]int // the covariance parameters: an element of G, or -1 for sigma squared, which is the last
}

// rotateAfter is after how many steps without an optimum the random columns are turned to the axes of G.
const rotateAfter = 12

// maxRandom bounds the random effects of a group; the work of a step grows with their fourth power.
const maxRandom = 8

// FitRandom fits the model to the complete rows of a frame, whose grouping column must be among its texts. The
// likelihood touches the data through one set of cross-products a group (Bates & others 2015, J Stat Softw 67(1),
// section 3, written with Woodbury's identity); it is climbed by Newton steps on its exact Hessian in the relative
// Cholesky factor of G and log sigma squared, so a variance of zero is an inner point. See docs/methods/lmm.md.
func FitRandom(model RandomModel, frame formula.Frame) (*RandomFit, error) {
	if err := (Options{Method: model.Method, Level: model.Level, MaxIterations: model.MaxIterations}).Validate(); err != nil {
		return nil, err
	}
	parsed, err := formula.Parse(model.Formula)
	if err != nil {
		return nil, stats.Errorf(stats.BadInput, "formula", "%v", err)
	}
	design, err := parsed.Design(model.Factors)
	if err != nil {
		return nil, err
	}
	random, err := randomPart(parsed, model.Factors)
	if err != nil {
		return nil, err
	}
	data, err := newGroups(parsed, design, random, model.Factors, frame)
	if err != nil {
		return nil, err
	}
	f := &RandomFit{model: model, design: design, factors: model.Factors, frame: frame, data: data}
	if err := f.climb(); err != nil {
		return nil, err
	}
	return f, f.finish()
}

// randomEffects are the random part's columns; free[i] tells, in the lower triangle by rows, which elements of
// the Cholesky factor are parameters.
type randomEffects struct {
	group   string
	columns []formula.Column
	free    [][]bool
}

func randomPart(f formula.Formula, levels map[string][]string) (randomEffects, error) {
	out := randomEffects{}
	if len(f.Random) == 0 {
		return out, stats.Errorf(stats.BadInput, "formula", "has no random part such as (1 | group)")
	}
	out.group = f.Random[0].Group
	for _, part := range f.Random {
		if part.Group != out.group {
			return out, stats.Errorf(stats.BadInput, part.Group, "a second grouping column; random effects of one are fitted")
		}
		design, err := formula.Formula{Intercept: part.Intercept, Terms: part.Terms}.Design(levels)
		if err != nil {
			return out, err
		}
		first := len(out.columns)
		out.columns = append(out.columns, design.Columns...)
		for i := first; i < len(out.columns); i++ {
			row := make([]bool, i+1)
			for j := first; j <= i; j++ {
				row[j] = part.Correlated || j == i
			}
			out.free = append(out.free, row)
		}
	}
	names := map[string]bool{}
	for _, c := range out.columns {
		if names[c.Name] {
			return out, stats.Errorf(stats.Collinear, c.Name, "is twice among the random effects")
		}
		names[c.Name] = true
	}
	if n := len(out.columns); n == 0 || n > maxRandom {
		return out, stats.Errorf(stats.BadInput, "formula", "%d random effects; from 1 to %d are fitted", n, maxRandom)
	}
	return out, nil
}

// climb runs the Newton steps to rounding level.
func (f *RandomFit) climb() error {
	limit := f.model.MaxIterations
	if limit == 0 {
		limit = 200
	}
	best := f.data.point(f.data.start(), f.model.Method == REML)
	if best == nil {
		return stats.Errorf(stats.NotFinite, f.data.response, "the likelihood overflows; change the unit")
	}
	nudged := false
	for iteration := 1; iteration <= limit; iteration++ {
		f.Convergence = best.convergence
		f.Convergence.Iterations = iteration
		if iteration%rotateAfter == 0 && best.convergence.Decrement > roundingDecrement && f.data.random.correlated() {
			if best = f.data.point(f.data.rotateTo(best.theta), f.model.Method == REML); best == nil {
				return stats.Errorf(stats.NotFinite, f.data.response, "the likelihood overflows; change the unit")
			}
		}
		if best.convergence.Decrement <= roundingDecrement {
			// exactly on the ridge of a variance of zero the gradient is flat by symmetry, also where the likelihood rises
			// on both sides
			if !best.convergence.PositiveDefinite && !nudged && best.upward != nil {
				nudged = true
				if next := f.data.point(added(best.theta, best.upward, 0.1), f.model.Method == REML); next != nil && next.deviance < best.deviance {
					best = next
					continue
				}
			}
			break
		}
		next := f.data.search(best)
		if next == nil || best.convergence.Decrement < convergedDecrement && next.convergence.Decrement >= best.convergence.Decrement {
			break
		}
		best = next
	}
	f.best = best
	if f.Convergence.Decrement > convergedDecrement || !f.Convergence.PositiveDefinite {
		return stats.Errorf(stats.NotConverged, "random effects", "no optimum after %d iterations (gradient %.3g, positive definite %t): "+
			"the data may not tell these random effects apart", f.Convergence.Iterations, f.Convergence.Gradient, f.Convergence.PositiveDefinite)
	}
	return nil
}

// search halves the step until the deviance falls; near the minimum, where rounding hides the fall, the whole step
// is taken and the gradient decides.
func (g *groups) search(from *randomPoint) *randomPoint {
	slope := 0.0
	for i, d := range from.gradient {
		slope += d * from.step[i]
	}
	size := 1.0
	for range 40 {
		next := g.point(added(from.theta, from.step, size), from.reml)
		if next != nil && (next.deviance <= from.deviance+1e-4*size*slope || from.convergence.Decrement < 1e-8*(1+math.Abs(from.deviance)*1e-4)) {
			return next
		}
		size /= 2
	}
	return nil
}

func added(theta, step []float64, size float64) []float64 {
	out := slices.Clone(theta)
	for i := range out {
		out[i] += size * step[i]
	}
	return out
}

// finish prepares inference in the raw scale.
func (f *RandomFit) finish() error {
	g, best := f.data, f.best
	f.approximation = approximation{names: g.names, r: g.r, unit: g.unit, level: f.model.Level, phi: best.phi}
	var natural []int // the covariances that the model leaves free, and sigma squared
	for i, row := range g.random.free {
		for j, free := range row {
			if free {
				natural = append(natural, pair(i, j))
				f.natural = append(f.natural, [2]int{i, j})
			}
		}
	}
	natural = append(natural, len(best.u)-1)
	f.natural = append(f.natural, [2]int{-1, -1})
	for _, k := range natural {
		f.p = append(f.p, negated(g.fixedPart(best.u[k])))
	}
	inverse := mat.NewSymDense(len(best.theta), nil)
	var chol mat.Cholesky
	if !chol.Factorize(best.hessian) || chol.InverseTo(inverse) != nil {
		return stats.Errorf(stats.NotConverged, "random effects", "the information about the variances is singular")
	}
	inverse.ScaleSym(2, inverse)
	var half, whole mat.Dense
	half.Mul(best.jacobian, inverse)
	whole.Mul(&half, best.jacobian.T())
	f.information = sub(basis.Symmetric(&whole), natural)
	if best.reml {
		var w mat.SymDense
		if chol.Factorize(sub(best.expected, natural)) && chol.InverseTo(&w) == nil {
			w.ScaleSym(2, &w)
			f.kr = f.adjust(&w, natural)
		}
	}
	f.beta = mat.NewVecDense(len(g.names), nil)
	for c := range g.names {
		f.beta.SetVec(c, g.unit*best.beta.AtVec(c)+g.offset[c])
	}
	f.deviance = g.raw(best)
	return nil
}

// raw takes a deviance to the raw scale, with its constants.
func (g *groups) raw(pt *randomPoint) float64 {
	free := float64(g.rows)
	deviance := pt.deviance + 2*free*math.Log(g.unit)
	if pt.reml {
		free -= float64(len(g.names))
		for c := range g.names {
			deviance += 2 * math.Log(g.r.At(c, c)/g.unit)
		}
	}
	return deviance + free*math.Log(2*math.Pi)
}

// adjust is the Kenward-Roger covariance from the fit's own sums; V is linear in the parameters, so there are no
// second derivatives to leave out.
func (f *RandomFit) adjust(w *mat.SymDense, natural []int) *adjusted {
	n := len(f.p)
	p := len(f.names)
	inner := mat.NewDense(p, p, nil)
	for i := range n {
		for j := range n {
			var left, product, term mat.Dense
			left.Mul(f.p[i], f.phi)
			product.Mul(&left, f.p[j])
			term.Sub(f.best.q[natural[i]][natural[j]].Slice(0, p, 0, p), &product)
			term.Scale(w.At(i, j), &term)
			inner.Add(inner, &term)
		}
	}
	return corrected(f.phi, inner, w)
}

func negated(m *mat.SymDense) *mat.SymDense {
	out := mat.NewSymDense(m.SymmetricDim(), nil)
	out.ScaleSym(-1, m)
	return out
}

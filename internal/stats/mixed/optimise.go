package mixed

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Convergence says how the iteration ended, in terms of the deviance and the free parameters.
type Convergence struct {
	Iterations int `json:"iterations"`
	// Gradient is the largest element of the deviance's gradient.
	Gradient float64 `json:"gradient"`
	// Decrement is g' H^-1 g: twice the fall of the deviance that a further Newton step promises.
	Decrement float64 `json:"decrement"`
	// PositiveDefinite tells whether the Hessian is, so that the point is a maximum of the likelihood.
	PositiveDefinite bool `json:"positive_definite"`
}

// Tolerances of the iteration: a deviance this close to its minimum is converged; beyond it Newton
// steps go on as long as they shrink the gradient, to rounding level.
const (
	convergedDecrement = 1e-10
	roundingDecrement  = 1e-24
	maxStep            = 2.0   // in the free parameters, which are logarithms or alike
	flatEigenvalue     = 1e-10 // relative to the largest: no information about a parameter
)

// optimum is the end of the iteration.
type optimum struct {
	theta       []float64
	s           *mat.SymDense
	evaluation  *evaluation
	derivatives derivatives
	Convergence
}

// minimise runs Newton steps on the exact Hessian, its negative eigenvalues turned round, with
// halving until the deviance falls.
func (p *problem) minimise(c covariance, theta []float64, maxIterations int) (*optimum, error) {
	best := p.point(c, theta)
	if best == nil {
		return nil, stats.Errorf(stats.NotConverged, "covariance", "the start is not positive definite")
	}
	for iteration := 1; iteration <= maxIterations; iteration++ {
		best.Iterations = iteration
		step := best.newtonStep()
		if best.Decrement <= roundingDecrement {
			break
		}
		next := p.search(c, best, step)
		if next == nil {
			break
		}
		next.newtonStep()
		if best.Decrement < convergedDecrement && best.PositiveDefinite && next.Decrement >= best.Decrement {
			break
		}
		next.Iterations = iteration
		best = next
	}
	if best.Decrement > convergedDecrement || !best.PositiveDefinite {
		return best, stats.Errorf(stats.NotConverged, "covariance",
			"no optimum after %d iterations (gradient %.3g, positive definite %t)", best.Iterations, best.Gradient, best.PositiveDefinite)
	}
	return best, nil
}

// point evaluates deviance and derivatives; nil where the deviance is not defined.
func (p *problem) point(c covariance, theta []float64) *optimum {
	s, _ := c.at(theta)
	if !finite(s.RawSymmetric().Data...) {
		return nil
	}
	return p.pointOf(c, theta, p.evaluate(s))
}

// pointOf adds the derivatives to an evaluation at theta.
func (p *problem) pointOf(c covariance, theta []float64, e *evaluation) *optimum {
	if !e.defined {
		return nil
	}
	d, ok := e.derive(c, theta)
	if !ok || !finite(d.gradient...) || !finite(d.hessian.RawSymmetric().Data...) {
		return nil
	}
	return &optimum{theta: theta, s: e.s, evaluation: e, derivatives: d}
}

// newtonStep gives the step and fills the convergence figures.
func (o *optimum) newtonStep() []float64 {
	step, c := direction(o.derivatives.gradient, o.derivatives.hessian)
	o.Gradient, o.Decrement, o.PositiveDefinite = c.Gradient, c.Decrement, c.PositiveDefinite
	return step
}

// direction is Newton's step, the Hessian's negative eigenvalues turned round, no longer than maxStep in any parameter.
func direction(gradient []float64, hessian *mat.SymDense) ([]float64, Convergence) {
	n := len(gradient)
	c := Convergence{}
	var eigen mat.EigenSym
	if !eigen.Factorize(hessian, true) {
		c.Decrement = math.Inf(1)
		return make([]float64, n), c
	}
	values := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	largest := math.Max(math.Abs(values[0]), math.Abs(values[n-1]))
	c.PositiveDefinite = values[0] > flatEigenvalue*largest
	step := make([]float64, n)
	for k, value := range values {
		along := 0.0
		for i, g := range gradient {
			along += g * vectors.At(i, k)
			c.Gradient = math.Max(c.Gradient, math.Abs(g))
		}
		curvature := math.Max(math.Abs(value), flatEigenvalue*largest)
		c.Decrement += along * along / curvature
		for i := range step {
			step[i] -= along / curvature * vectors.At(i, k)
		}
	}
	longest := 0.0
	for _, x := range step {
		longest = math.Max(longest, math.Abs(x))
	}
	if longest > maxStep {
		for i := range step {
			step[i] *= maxStep / longest
		}
	}
	return step, c
}

// search halves the step until the deviance falls; near the minimum, where rounding hides the fall, the
// whole step is taken and the gradient decides.
func (p *problem) search(c covariance, from *optimum, step []float64) *optimum {
	slope := 0.0
	for i, g := range from.derivatives.gradient {
		slope += g * step[i]
	}
	size := 1.0
	for range 40 {
		theta := make([]float64, len(step))
		for i := range theta {
			theta[i] = from.theta[i] + size*step[i]
		}
		if from.Decrement < 1e-8*(1+math.Abs(from.evaluation.deviance)*1e-4) {
			return p.point(c, theta)
		}
		s, _ := c.at(theta)
		if finite(s.RawSymmetric().Data...) {
			if e := p.evaluate(s); e.defined && e.deviance <= from.evaluation.deviance+1e-4*size*slope {
				return p.pointOf(c, theta, e)
			}
		}
		size /= 2
	}
	return nil
}

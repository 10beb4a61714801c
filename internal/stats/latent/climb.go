package latent

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Tolerances of the iteration, in the log-likelihood: EM hands over to Newton's method once a step gains less than handOver, or
// after maxEM steps; a promise of less than converged is the end.
const (
	handOver     = 1e-2
	maxEM        = 500
	maxNewton    = 60
	converged    = 1e-10
	rounding     = 1e-20
	flat         = 1e-9 // of the largest eigenvalue: no information about a direction
	longest      = 1.0  // step in any parameter
	smallest     = 2.0  // subjects in a class
	collapsed    = 1e-6 // residual variance of a class in units of the whole's
	differential = 1e-4 // of a parameter, for the Hessian by differences of the score
)

// fate is how a start ended.
type fate int

const (
	reached fate = iota
	degenerate
	stuck
)

// end is where a start ended.
type end struct {
	*point
	fate       fate
	iterations int // EM steps
	newton     int
	gradient   float64
	decrement  float64
	hessian    *mat.SymDense // of minus the log-likelihood
}

// climb runs EM and then Newton steps from a start.
func (d *data) climb(theta []float64) end {
	e := end{point: d.at(theta, false)}
	for e.iterations = 1; e.iterations <= maxEM; e.iterations++ {
		next := d.step(e.point)
		if next == nil || d.degenerate(e.point) {
			e.fate = degenerate
			return e
		}
		p := d.at(next, false)
		gain := p.logLik - e.logLik
		e.point = p
		if gain < handOver {
			break
		}
	}
	d.newton(&e)
	if d.degenerate(e.point) {
		e.fate = degenerate
	}
	return e
}

// degenerate tells whether a class has emptied, or closed in on values that it fits without error: there the likelihood of
// variances by class has no bound.
func (d *data) degenerate(p *point) bool {
	if !stats.Finite(p.logLik) {
		return true
	}
	for k := range d.classes {
		size := 0.0
		for _, post := range p.posterior {
			size += post[k]
		}
		if size < smallest || p.theta[d.varianceAt(k)] < math.Log(collapsed) {
			return true
		}
	}
	return false
}

// newton steps on the Hessian by central differences of the exact score, its wrong eigenvalues turned round, until the gain
// promised is at rounding level.
func (d *data) newton(e *end) {
	for e.newton = 1; e.newton <= maxNewton; e.newton++ {
		e.hessian = d.curvature(e.theta)
		step, decrement, definite := direction(e.score, e.hessian)
		e.decrement, e.fate = decrement, stuck
		e.gradient = 0
		for _, g := range e.score {
			e.gradient = math.Max(e.gradient, math.Abs(g))
		}
		if definite && decrement < converged {
			e.fate = reached
		}
		if decrement < rounding {
			return
		}
		next := d.search(e.point, step, decrement)
		if next == nil {
			return
		}
		if e.fate == reached {
			// one more step to rounding level; a Hessian at this distance is the same to its own error
			if _, again, _ := direction(next.score, e.hessian); again >= decrement {
				return
			}
		}
		e.point = next
	}
}

// search halves the step until the log-likelihood rises; near the top, where rounding hides the rise, the whole step is taken.
func (d *data) search(from *point, step []float64, decrement float64) *point {
	size := 1.0
	for range 40 {
		theta := make([]float64, len(step))
		for i := range theta {
			theta[i] = from.theta[i] + size*step[i]
		}
		next := d.at(theta, false)
		if stats.Finite(next.logLik) && (next.logLik >= from.logLik+1e-4*size*decrement || decrement < 1e-9*(1+math.Abs(from.logLik)*1e-4)) {
			return next
		}
		size /= 2
	}
	return nil
}

// curvature is the Hessian of minus the log-likelihood.
func (d *data) curvature(theta []float64) *mat.SymDense {
	n := len(theta)
	raw := mat.NewDense(n, n, nil)
	moved := make([]float64, n)
	for j := range n {
		h := differential * math.Max(1, math.Abs(theta[j]))
		copy(moved, theta)
		moved[j] = theta[j] + h
		up := d.at(moved, false)
		moved[j] = theta[j] - h
		down := d.at(moved, false)
		for i := range n {
			raw.Set(i, j, -(up.score[i]-down.score[i])/(2*h))
		}
	}
	out := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			out.SetSym(i, j, (raw.At(i, j)+raw.At(j, i))/2)
		}
	}
	return out
}

// direction is Newton's step up, the promise g'H^-1 g, and whether the point is a maximum.
func direction(score []float64, hessian *mat.SymDense) (step []float64, decrement float64, definite bool) {
	n := len(score)
	step = make([]float64, n)
	for _, x := range hessian.RawSymmetric().Data {
		if !stats.Finite(x) {
			return step, math.Inf(1), false
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(hessian, true) {
		return step, math.Inf(1), false
	}
	values := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	top := math.Max(math.Abs(values[0]), math.Abs(values[n-1]))
	definite = values[0] > flat*top
	for k, value := range values {
		along := 0.0
		for i, g := range score {
			along += g * vectors.At(i, k)
		}
		curvature := math.Max(math.Abs(value), flat*top)
		decrement += along * along / curvature
		for i := range step {
			step[i] += along / curvature * vectors.At(i, k)
		}
	}
	far := 0.0
	for _, x := range step {
		far = math.Max(far, math.Abs(x))
	}
	if far > longest {
		for i := range step {
			step[i] *= longest / far
		}
	}
	return step, decrement, definite
}

// choose gives the best end and how many ends are as good, or why there is none.
func (d *data) choose(ends []end) (best, same int, err error) {
	best = -1
	empty, unfinished := 0, -1
	for i, e := range ends {
		switch e.fate {
		case degenerate:
			empty++
		case stuck:
			if unfinished < 0 || e.logLik > ends[unfinished].logLik {
				unfinished = i
			}
		case reached:
			if best < 0 || e.logLik > ends[best].logLik {
				best = i
			}
		}
	}
	if empty == len(ends) {
		return best, 0, stats.Errorf(stats.EmptyCell, "class", "in every one of %d starts one of %d classes emptied or closed in on a few values; "+
			"fewer classes, or shared variances, can be fitted", len(ends), d.classes)
	}
	if unfinished >= 0 && (best < 0 || ends[unfinished].logLik > ends[best].logLik+sameEnd) {
		return best, 0, stats.Errorf(stats.NotConverged, d.culprit(ends[unfinished]), "the highest of %d starts ended where the data do not determine the parameters "+
			"(gradient %.3g after %d steps)", len(ends), ends[unfinished].gradient, ends[unfinished].iterations+ends[unfinished].newton)
	}
	for _, e := range ends {
		if e.fate == reached && e.logLik > ends[best].logLik-sameEnd {
			same++
		}
	}
	if same < 2 && len(ends) > 1 {
		return best, same, stats.Errorf(stats.NotConverged, "starts", "only one of %d starts reached the highest log-likelihood, which may be a local one: "+
			"ask for more starts or fewer classes", len(ends))
	}
	return best, same, nil
}

// sameEnd is how close in the log-likelihood two ends are the same one.
const sameEnd = 1e-5

// culprit names the part of the model in the direction about which there is least information.
func (d *data) culprit(e end) string {
	if e.hessian == nil {
		return "classes"
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(e.hessian, true) {
		return "classes"
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	largest, at := 0.0, 0
	for i := range len(e.theta) {
		if v := math.Abs(vectors.At(i, 0)); v > largest {
			largest, at = v, i
		}
	}
	if first := d.classes * d.p; at >= first && at < first+d.factors()*d.triangle() {
		return "random effects"
	}
	return "classes"
}

package glm

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// Data is what a model is fitted to: X holds the rows one after another.
type Data struct {
	Names    []string
	X        []float64
	Response string
	Y        []float64
	// Weights are prior weights; nil means 1.
	Weights []float64
}

// check refuses shapes that do not fit together, and weights that no likelihood has or that leave too few rows.
func (d Data) check() error {
	if len(d.X) != len(d.Y)*len(d.Names) {
		return stats.Errorf(stats.BadInput, "columns", "%d values are not %d rows of %d columns", len(d.X), len(d.Y), len(d.Names))
	}
	if d.Weights == nil {
		return nil
	}
	if len(d.Weights) != len(d.Y) {
		return stats.Errorf(stats.BadInput, "weights", "%d weights for %d rows", len(d.Weights), len(d.Y))
	}
	varies, first := false, -1
	for i, w := range d.Weights {
		if !(w >= 0) || math.IsInf(w, 0) {
			return stats.Errorf(stats.BadInput, "weights", "row %d has a weight that is negative or not finite", i+1)
		}
		if w > 0 && first < 0 {
			first = i
		}
		varies = varies || w > 0 && d.Y[i] != d.Y[first]
	}
	if n := d.weighted(); n <= len(d.Names) {
		return stats.Errorf(stats.TooFew, "weights", "%d rows with a weight are too few for %d coefficients", n, len(d.Names))
	}
	if !varies {
		return stats.Errorf(stats.Constant, d.Response, "has the same value in all rows with a weight")
	}
	return nil
}

// weighted is how many rows count.
func (d Data) weighted() int {
	n := len(d.Y)
	for _, w := range d.Weights {
		if w == 0 {
			n--
		}
	}
	return n
}

// Fit is a fitted model. Covariance is the inverse of the expected information, for the normal distribution times the
// residual variance over n - p.
type Fit struct {
	Family     Family
	Beta       []float64
	Covariance *mat.SymDense
	Eta        []float64
	LogLik     float64
	Iterations int

	data  Data
	basis *basis.Basis
	q     []float64
	at    point
	flat  *mat.SymDense // the information of the step after which the deviance no longer moved
}

const (
	maxIterations = 60
	// separatedEta is a linear predictor at which a probability is 0 or 1 but for 1e-7.
	separatedEta = 16
)

// New fits by Newton's method on the expected information (Fisher scoring), to rounding level, in an orthonormal basis of
// the columns. A column or several that tell the responses apart without exception are a failure that names the one that
// moves the linear predictor most. See docs/methods/logistic.md.
func New(family Family, data Data) (*Fit, error) {
	n := len(data.Y)
	if err := family.Check(data.Response, data.Y); err != nil {
		return nil, err
	}
	if err := data.check(); err != nil {
		return nil, err
	}
	b, err := basis.Of(data.Names, data.X, n)
	if err != nil {
		return nil, err
	}
	f := &Fit{Family: family, data: data, basis: b}
	start := f.first()
	if err := f.climb(start, f.evaluate(start), nil); err != nil {
		return nil, err
	}
	f.Beta = b.Coefficients(f.q)
	inverse := mat.NewSymDense(b.P, nil)
	var chol mat.Cholesky
	if !chol.Factorize(f.flat) || chol.InverseTo(inverse) != nil {
		return nil, stats.Errorf(stats.Collinear, "columns", "cannot be told apart under the fitted weights")
	}
	f.Covariance = b.Covariance(inverse)
	f.LogLik = f.at.logLik
	eta := mat.NewVecDense(n, nil)
	eta.MulVec(mat.NewDense(n, b.P, b.Q), mat.NewVecDense(b.P, f.q))
	f.Eta = eta.RawVector().Data
	if family == Gaussian {
		if err := f.normal(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// exact is the share of the squared response that rounding leaves when columns give it without error.
const exact = 1e-26

// normal finishes a fit with the normal distribution: its variance from the residuals.
func (f *Fit) normal() error {
	n, rss, total, logWeights := float64(f.data.weighted()), -2*f.at.logLik, 0.0, 0.0
	for i, y := range f.data.Y {
		w := 1.0
		if f.data.Weights != nil {
			w = f.data.Weights[i]
		}
		if w > 0 {
			total, logWeights = total+w*y*y, logWeights+math.Log(w)
		}
	}
	if !(rss > exact*total) {
		return stats.Errorf(stats.Constant, f.data.Response, "has no variation left after fitting the columns")
	}
	f.Covariance.ScaleSym(rss/(n-float64(f.basis.P)), f.Covariance)
	f.LogLik = -n/2*(math.Log(2*math.Pi*rss/n)+1) + logWeights/2
	return nil
}

// constraint holds c'q at a value while the rest is maximised.
type constraint struct {
	c     []float64
	value float64
}

// step is Newton's from a point with the given score, along the constraint where there is one.
func (c *constraint) step(chol *mat.Cholesky, q, score []float64) ([]float64, error) {
	var plain mat.VecDense
	if err := chol.SolveVecTo(&plain, mat.NewVecDense(len(score), score)); err != nil {
		return nil, err
	}
	if c == nil {
		return plain.RawVector().Data, nil
	}
	var along mat.VecDense
	direction := mat.NewVecDense(len(c.c), c.c)
	if err := chol.SolveVecTo(&along, direction); err != nil {
		return nil, err
	}
	excess := mat.Dot(direction, &plain) - (c.value - basis.Dot(c.c, q))
	plain.AddScaledVec(&plain, -excess/mat.Dot(direction, &along), &along)
	return plain.RawVector().Data, nil
}

// flatDeviance is the relative change of the deviance at which glm in R with its strictest useful setting stops; the
// covariance is that of the weights with which its last step was made, which differ from those at the optimum by 1e-7.
// Where the link is not canonical these steps shrink only by a constant share, so a fit that went on would leave R's
// coefficients by some 1e-7 standard errors: such a fit stops where R's does.
const flatDeviance = 1e-14

// climb maximises the likelihood, under a constraint where there is one, and leaves q and the point there.
func (f *Fit) climb(q []float64, at point, hold *constraint) error {
	f.flat = nil
	last := math.Inf(1)
	for iteration := 1; iteration <= maxIterations; iteration++ {
		f.Iterations = iteration
		if !at.chol.Factorize(at.info) {
			return f.runaway(q, at)
		}
		step, err := hold.step(&at.chol, q, at.score)
		if err != nil {
			return f.runaway(q, at)
		}
		size := 0.0
		for i := range step {
			for j := range step {
				size += step[i] * at.info.At(i, j) * step[j]
			}
		}
		if size < 1e-22 || size < 1e-12 && size >= last/4 {
			f.q, f.at = q, at
			if f.flat == nil {
				f.flat = at.info
			}
			return nil
		}
		last = size
		held := hold == nil || math.Abs(basis.Dot(hold.c, q)-hold.value) < 1e-9*(1+math.Abs(hold.value))
		share, moved, next := 1.0, q, at
		for range 30 {
			moved = append([]float64(nil), q...)
			basis.Add(moved, share, step)
			next = f.evaluate(moved)
			if !math.IsNaN(next.logLik) && (!held || next.logLik >= at.logLik-1e-12*(1+math.Abs(at.logLik))) {
				break
			}
			share /= 2
		}
		if f.flat == nil && math.Abs(next.logLik-at.logLik) < flatDeviance*(0.05+math.Abs(next.logLik)) {
			f.flat = at.info
			if f.Family == CLogLog && hold == nil && next.chol.Factorize(next.info) {
				f.q, f.at = moved, next
				return nil
			}
		}
		q, at = moved, next
		if f.Family.Binary() && hold == nil && at.maxEta > separatedEta && iteration > 20 {
			return f.runaway(q, at)
		}
	}
	return f.runaway(q, at)
}

// first is the weighted least squares step from a mean halfway between each response and one half.
func (f *Fit) first() []float64 {
	start := f.sum(make([]float64, f.basis.P), func(i int, _ float64) term {
		eta := f.data.Y[i]
		if f.Family.Binary() {
			eta = f.Family.link((f.data.Y[i] + 0.5) / 2)
		}
		mean, slope, variance := f.Family.Mean(eta)
		weight := slope * slope / variance
		if f.data.Weights != nil {
			weight *= f.data.Weights[i]
		}
		return term{weight * (eta + (f.data.Y[i]-mean)/slope), weight, 0}
	})
	var q mat.VecDense
	if !start.chol.Factorize(start.info) || start.chol.SolveVecTo(&q, mat.NewVecDense(f.basis.P, start.score)) != nil {
		return make([]float64, f.basis.P)
	}
	return q.RawVector().Data
}

// runaway names what did not converge: the column that contributes most to the largest linear predictor.
func (f *Fit) runaway(q []float64, at point) error {
	if !f.Family.Binary() || at.maxEta < separatedEta {
		return stats.Errorf(stats.NotConverged, f.data.Response, "no optimum after %d iterations", f.Iterations)
	}
	beta := f.basis.Coefficients(q)
	worst, most := "", 0.0
	for j, name := range f.data.Names {
		if reach := reach(f.data.X, j, f.basis.P, beta[j]); reach > most || worst == "" {
			worst, most = name, reach
		}
	}
	return stats.Errorf(stats.Separation, worst, "separates rows with %s = 1 from rows with 0, alone or together with other columns: its coefficient has no finite estimate", f.data.Response)
}

// SE is the standard error of coefficient j.
func (f *Fit) SE(j int) float64 { return math.Sqrt(f.Covariance.At(j, j)) }

// Fitted is the fitted mean of row i.
func (f *Fit) Fitted(i int) float64 {
	mean, _, _ := f.Family.Mean(f.Eta[i])
	return mean
}

// HC0 is the sandwich covariance A^-1 (sum s s') A^-1 with A the expected information and s a row's score (White 1982,
// Econometrica 50:1).
func (f *Fit) HC0() *mat.SymDense {
	p := f.basis.P
	meat := f.sum(f.q, func(i int, eta float64) term {
		s := f.likelihood(i, eta).residual
		return term{0, s * s, 0}
	}).info
	inverse := mat.NewSymDense(p, nil)
	if err := f.at.chol.InverseTo(inverse); err != nil {
		return inverse
	}
	var half, whole mat.Dense
	half.Mul(inverse, meat)
	whole.Mul(&half, inverse)
	return f.basis.Covariance(basis.Symmetric(&whole))
}

package mixed

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Method is the likelihood that is maximised.
type Method string

const (
	// REML is the restricted likelihood, of what the fixed effects leave; ML is the likelihood itself.
	REML Method = "REML"
	ML   Method = "ML"
)

// Options say how the model is fitted and reported.
type Options struct {
	Covariance Structure
	Method     Method
	// Times are the nominal times of the visits; SpatialExponential reads them, in any unit.
	Times []float64
	// Level is the confidence level, such as 0.95.
	Level float64
	// At fixes numeric covariates for LS-means; the others stand at their mean over the analysed rows.
	At map[string]float64
	// MaxIterations bounds the Newton steps; 0 means 200.
	MaxIterations int

	start []float64 // parameters near the optimum, where a fit to like data is known
}

// Validate refuses options that mean nothing.
func (o Options) Validate() error {
	if o.Method != REML && o.Method != ML {
		return stats.Errorf(stats.BadInput, "method", "no method %q; there are REML and ML", o.Method)
	}
	if o.MaxIterations < 0 {
		return stats.Errorf(stats.BadInput, "iterations", "a negative number")
	}
	for column, value := range o.At {
		if !finite(value) {
			return stats.Errorf(stats.NotFinite, column, "the value for LS-means is not finite")
		}
	}
	return stats.CheckLevel(o.Level)
}

// Fit is a fitted model. Its methods give inference about linear combinations of the coefficients.
type Fit struct {
	Convergence Convergence

	design  *Design
	sums    *Sums
	options Options
	problem *problem
	best    *optimum

	approximation
	deviance float64            // minus twice the log-likelihood in the raw scale, with its constants
	means    map[string]float64 // of the numeric covariates over the analysed rows
}

// FitSums fits the model to sums. The work does not depend on the number of patients. Errors are
// *stats.Failure: what cannot be estimated is named by column, cell or visit. See docs/methods/mmrm.md.
func FitSums(d *Design, s *Sums, o Options) (*Fit, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := d.checkSums(s); err != nil {
		return nil, err
	}
	structure, err := newCovariance(o.Covariance, len(s.Visits), o.Times)
	if err != nil {
		return nil, err
	}
	p, err := newProblem(d, s, o.Method == REML)
	if err != nil {
		return nil, err
	}
	moments, err := p.moments(s, o.Covariance)
	if err != nil {
		return nil, err
	}
	f := &Fit{design: d, sums: s, options: o, problem: p}
	if err := f.climb(structure, o.start, structure.start(moments)); err != nil {
		return nil, err
	}
	if err := f.finish(structure); err != nil {
		return nil, err
	}
	return f, nil
}

// climb goes to the optimum from the first of the starts that leads there; a nil start is passed over.
func (f *Fit) climb(structure covariance, starts ...[]float64) error {
	limit := f.options.MaxIterations
	if limit == 0 {
		limit = 200
	}
	var err error
	for _, start := range starts {
		if start == nil {
			continue
		}
		if f.best, err = f.problem.minimise(structure, start, limit); err == nil {
			f.Convergence = f.best.Convergence
			return nil
		}
	}
	return f.problem.explain(err, f.best)
}

func (d *Design) checkSums(s *Sums) error {
	if len(s.Columns) != len(d.Columns) || len(s.Visits) != len(d.Model.Visits) {
		return stats.Errorf(stats.BadInput, "sums", "%d columns and %d visits, the design has %d and %d",
			len(s.Columns), len(s.Visits), len(d.Columns), len(d.Model.Visits))
	}
	for j, c := range d.Columns {
		if c.Name != s.Columns[j] {
			return stats.Errorf(stats.BadInput, c.Name, "the sums hold %q in this place", s.Columns[j])
		}
	}
	for v, visit := range d.Model.Visits {
		if visit != s.Visits[v] {
			return stats.Errorf(stats.BadInput, visit, "the sums hold visit %q in this place", s.Visits[v])
		}
	}
	return nil
}

// moments is a positive definite matrix near the residuals' covariance after least squares.
func (p *problem) moments(s *Sums, structure Structure) (*mat.SymDense, error) {
	h := p.cohort.(*held)
	e := p.evaluate(identity(p.visits))
	if !e.defined {
		return nil, stats.Errorf(stats.NotFinite, "covariance", "least squares overflow; change the unit")
	}
	states, _ := h.states(flat(identity(p.visits)), e.beta.RawVector().Data, nil)
	sum, total, n := mat.NewSymDense(p.visits, nil), make([]float64, p.visits), mat.NewSymDense(p.visits, nil)
	for i, pattern := range h.patterns {
		for k, u := range pattern.visits {
			o := len(pattern.visits)
			total[u] += pattern.c[k*o+k]
			for l := k; l < o; l++ {
				v := pattern.visits[l]
				sum.SetSym(u, v, sum.At(u, v)+states[i].r[k*o+l])
				n.SetSym(u, v, n.At(u, v)+pattern.n)
			}
		}
	}
	for u := range p.visits {
		if !(sum.At(u, u) > 1e-13*total[u]) {
			return nil, stats.Errorf(stats.Constant, s.Visits[u], "no variation of the outcome is left at this visit")
		}
		for v := u; v < p.visits; v++ {
			if n.At(u, v) > 0 {
				sum.SetSym(u, v, sum.At(u, v)/n.At(u, v))
			} else if structure == Unstructured {
				return nil, stats.Errorf(stats.TooFew, s.Visits[u]+", "+s.Visits[v],
					"no patient was observed at both visits; their covariance cannot be estimated without a structure")
			}
		}
	}
	var chol mat.Cholesky
	for !chol.Factorize(sum) || chol.Cond() > 1e8 {
		for u := range p.visits {
			for v := u + 1; v < p.visits; v++ {
				sum.SetSym(u, v, 0.8*sum.At(u, v))
			}
		}
		if mat.Norm(sum, 2) > 1e12 || diagonalOnly(sum) {
			break
		}
	}
	return sum, nil
}

func diagonalOnly(s *mat.SymDense) bool {
	for u := range s.SymmetricDim() {
		for v := u + 1; v < s.SymmetricDim(); v++ {
			if math.Abs(s.At(u, v)) > 1e-12*math.Sqrt(s.At(u, u)*s.At(v, v)) {
				return false
			}
		}
	}
	return true
}

// explain says of a failed iteration whether the data are too few for the structure.
func (p *problem) explain(err error, last *optimum) error {
	parameters := 0
	if last != nil {
		parameters = len(last.theta)
	}
	if p.totals.subjects <= p.visits+p.columns || p.totals.observations-len(p.offset) <= parameters {
		return stats.Errorf(stats.TooFew, "covariance", "%d patients are too few for this covariance over %d visits",
			p.totals.subjects, p.visits)
	}
	return err
}

// finish prepares inference: covariances, the raw scale and the covariates' means.
func (f *Fit) finish(structure covariance) error {
	p, best := f.problem, f.best
	f.approximation = approximation{names: f.design.Coefficients, r: p.r, unit: p.responseUnit, level: f.options.Level,
		phi: best.evaluation.phi, p: best.derivatives.p}
	n := len(best.theta)
	f.information = mat.NewSymDense(n, nil)
	var chol mat.Cholesky
	if !chol.Factorize(best.derivatives.hessian) || chol.InverseTo(f.information) != nil {
		return stats.Errorf(stats.NotConverged, "covariance", "the information about the covariance is singular")
	}
	f.information.ScaleSym(2, f.information)
	if p.reml {
		if f.krObserved = f.adjust(structure, f.information); f.krObserved == nil {
			return stats.Errorf(stats.NotConverged, "covariance", "the covariance of the coefficients is not defined")
		}
		expected := mat.NewSymDense(n, nil)
		if chol.Factorize(best.derivatives.expected) && chol.InverseTo(expected) == nil {
			expected.ScaleSym(2, expected)
			f.kr = f.adjust(structure, expected)
		}
	}
	coefficients := len(p.offset)
	f.beta = mat.NewVecDense(coefficients, nil)
	for c := range coefficients {
		f.beta.SetVec(c, f.unit*best.evaluation.beta.AtVec(c)+p.offset[c])
	}
	f.deviance = p.raw(best.evaluation.deviance)
	f.means = p.totals.means()
	if !finite(f.deviance) {
		return stats.Errorf(stats.NotFinite, f.design.Response, "the likelihood overflows; change the unit")
	}
	return nil
}

// raw takes a deviance from the basis and unit of the problem to those of the data, with its constants:
// (n - q) log 2 pi under REML, n log 2 pi under ML, and no term in log |X'X|.
func (p *problem) raw(deviance float64) float64 {
	free := p.totals.rows
	deviance += 2 * free * math.Log(p.responseUnit)
	if p.reml {
		free -= float64(len(p.offset))
		for c := range p.offset {
			deviance += 2 * math.Log(p.r.At(c, c)/p.responseUnit)
		}
	}
	return deviance + free*math.Log(2*math.Pi)
}

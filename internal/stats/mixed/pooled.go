package mixed

import (
	"fmt"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// FitSites fits the model over patients whose rows stay at several sites: round by round each answers with
// log-likelihood, score and information, summed over its patients, at the coordinator's parameters. The optimum, and all
// that is read off it, are those of the patients' rows in one place; only the scan for robust errors is not had. Sites must
// have summed by the same design in the same origin. See docs/methods/pooled-sites.md.
func FitSites(d *Design, sites []Respondent, o Options) (*Fit, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	structure, err := newCovariance(o.Covariance, len(d.Model.Visits), o.Times)
	if err != nil {
		return nil, err
	}
	pool := &pooled{sites: sites, visits: len(d.Model.Visits), coefficients: len(d.Coefficients)}
	p, err := pool.open(d, o.Method == REML)
	if err != nil {
		return nil, err
	}
	f := &Fit{design: d, options: o, problem: p}
	start, err := pool.start(p, d)
	if err == nil {
		err = f.climb(structure, structure.start(start))
	}
	if err == nil {
		err = f.finish(structure)
	}
	if pool.err != nil { // what a site could not answer is the reason for whatever followed
		return nil, pool.err
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// pooled is the cohort of several sites. After a site's first error nothing is defined any more.
type pooled struct {
	sites                []Respondent
	visits, coefficients int
	round                int
	err                  error
}

// ask puts a question to all sites at once and gives their answers in the sites' order; ok is false after an error and
// where a site finds S not positive definite.
func (c *pooled) ask(q Question) (answers []Answer, ok bool) {
	if c.err != nil {
		return nil, false
	}
	c.round++
	q.Round = c.round
	answers = make([]Answer, len(c.sites))
	failures := make([]error, len(c.sites))
	var all sync.WaitGroup
	for i, site := range c.sites {
		all.Go(func() { answers[i], failures[i] = site.Answer(q) })
	}
	all.Wait()
	ok = true
	for i, failure := range failures {
		if failure == nil && !answers[i].Undefined {
			failure = c.check(q, answers[i])
		}
		ok = ok && !answers[i].Undefined
		if failure != nil {
			c.err = stats.Errorf(stats.BadInput, fmt.Sprintf("site %d", i+1), "round %d: %v", c.round, failure)
			return nil, false
		}
	}
	return answers, ok
}

// check refuses an answer of another round, of other shapes or with numbers that are not finite.
func (c *pooled) check(q Question, a Answer) error {
	n, k, v := len(q.Directions), c.coefficients, c.visits
	lengths := map[int][][]float64{}
	switch q.Ask {
	case AskOpening:
		if a.Opening == nil || !finite(a.Opening.Weight, a.Opening.Rows) || a.Opening.Subjects < 0 {
			return stats.Errorf(stats.BadInput, "answer", "no opening")
		}
	case AskLevel:
		if !finite(a.Minus2LogLik) {
			return stats.Errorf(stats.NotFinite, "answer", "the likelihood is not finite")
		}
		lengths = map[int][][]float64{k: {a.Score}, k * k: {a.Information}}
		if k == 1 {
			lengths[1] = [][]float64{a.Score, a.Information}
		}
	case AskSlopes:
		if len(a.ByCovariance) != v*v || len(a.Hessian) != n*n || len(a.Expected) != n*n || len(a.P) != n || len(a.U) != n ||
			!finite(slices.Concat(a.ByCovariance, a.Hessian, a.Expected)...) {
			return stats.Errorf(stats.BadInput, "answer", "does not fit the question, or is not finite")
		}
		lengths[k*k] = slices.Clone(a.P)
		lengths[k] = append(lengths[k], a.U...)
	case AskAdjust:
		lengths[k*k] = [][]float64{a.Middle}
	}
	for length, vectors := range lengths {
		for _, values := range vectors {
			if len(values) != length || !finite(values...) {
				return stats.Errorf(stats.BadInput, "answer", "does not fit the question, or is not finite")
			}
		}
	}
	if a.Round != q.Round {
		return stats.Errorf(stats.BadInput, "answer", "is to round %d", a.Round)
	}
	return nil
}

// open gathers the sites' counts and makes the problem that they answer about.
func (c *pooled) open(d *Design, reml bool) (*problem, error) {
	if len(c.sites) == 0 {
		return nil, stats.Errorf(stats.TooFew, "sites", "there is no site")
	}
	answers, ok := c.ask(Question{Ask: AskOpening})
	if !ok {
		return nil, c.err
	}
	first := answers[0].Opening
	plan := &Sums{Visits: first.Visits, Columns: first.Columns, Origin: first.Origin}
	if err := d.checkSums(plan); err != nil {
		return nil, err
	}
	if _, err := d.NewSums(plan.Origin); err != nil {
		return nil, err
	}
	p := &problem{visits: c.visits, columns: len(d.Columns), responseUnit: plan.ResponseScale, reml: reml, cohort: c,
		totals: totals{covariates: map[string]float64{}}}
	for i, a := range answers {
		o := a.Opening
		empty := &Sums{Visits: o.Visits, Columns: o.Columns, Origin: o.Origin}
		if err := plan.Add(empty); err != nil {
			return nil, stats.Errorf(stats.BadInput, fmt.Sprintf("site %d", i+1), "sums by another plan than site 1: %v", err)
		}
		p.totals.add(o)
	}
	if err := p.totals.carry(d, reml); err != nil {
		return nil, err
	}
	if err := p.setBasis(d, plan); err != nil {
		return nil, err
	}
	p.unshift = p.setOffset(plan)
	err := p.checkCollinear(d, plan)
	if c.err != nil {
		err = c.err
	}
	return p, err
}

func (t *totals) add(o *Opening) {
	t.subjects += o.Subjects
	t.without += o.WithoutVisit
	t.observations += o.Observations
	t.excludedSubjects += o.ExcludedSubjects
	t.excludedRows += o.ExcludedRows
	t.weight += o.Weight
	t.rows += o.Rows
	for name, total := range o.Covariates {
		t.covariates[name] += total
	}
}

// start is the residual variance after least squares at every visit; later rounds are asked near that b.
func (c *pooled) start(p *problem, d *Design) (*mat.SymDense, error) {
	e := p.evaluate(identity(p.visits))
	if !e.defined {
		return nil, stats.Errorf(stats.NotFinite, d.Response, "least squares overflow; change the unit")
	}
	p.near = slices.Clone(e.beta.RawVector().Data)
	answer, ok := c.level(flat(identity(p.visits)), p.near)
	before, _ := c.level(flat(identity(p.visits)), nil)
	if !ok || !(answer.deviance > 1e-13*before.deviance) {
		return nil, stats.Errorf(stats.Constant, d.Response, "no variation of the outcome is left after fitting the fixed effects")
	}
	s := identity(p.visits)
	s.ScaleSym(answer.deviance/p.totals.rows, s)
	return s, nil
}

func (c *pooled) level(s, beta []float64) (level, bool) {
	answers, ok := c.ask(Question{Ask: AskLevel, Covariance: s, Beta: beta})
	if !ok {
		return level{}, false
	}
	out := level{score: make([]float64, c.coefficients), information: make([]float64, c.coefficients*c.coefficients)}
	for _, a := range answers {
		out.deviance += a.Minus2LogLik
		addTo(out.score, a.Score, 1)
		addTo(out.information, a.Information, 1)
	}
	return out, true
}

func (c *pooled) slopes(s []float64, directions [][]float64, beta, phi []float64) (slopes, bool) {
	answers, ok := c.ask(Question{Ask: AskSlopes, Covariance: s, Directions: directions, Beta: beta, Phi: phi})
	if !ok {
		return slopes{}, false
	}
	n, k := len(directions), c.coefficients
	out := slopes{g: make([]float64, c.visits*c.visits), hessian: make([]float64, n*n), expected: make([]float64, n*n),
		p: make([][]float64, n), u: make([][]float64, n)}
	for i := range n {
		out.p[i], out.u[i] = make([]float64, k*k), make([]float64, k)
	}
	for _, a := range answers {
		addTo(out.g, a.ByCovariance, 1)
		addTo(out.hessian, a.Hessian, 1)
		addTo(out.expected, a.Expected, 1)
		for i := range n {
			addTo(out.p[i], a.P[i], 1)
			addTo(out.u[i], a.U[i], 1)
		}
	}
	return out, true
}

func (c *pooled) contract(s []float64, directions [][]float64, w []float64) ([]float64, bool) {
	answers, ok := c.ask(Question{Ask: AskAdjust, Covariance: s, Directions: directions, Weights: w})
	if !ok {
		return nil, false
	}
	out := make([]float64, c.coefficients*c.coefficients)
	for _, a := range answers {
		addTo(out, a.Middle, 1)
	}
	return out, true
}

package mixed

import (
	"slices"
	"sync"

	"afterglow/internal/stats"
)

// Ask says what a Question wants.
type Ask string

const (
	// AskOpening wants the counts and what the sums are of.
	AskOpening Ask = "opening"
	// AskLevel wants log-likelihood, score and information of the coefficients at S and b.
	AskLevel Ask = "level"
	// AskSlopes wants score and information of the covariance parameters at S and b.
	AskSlopes Ask = "slopes"
	// AskAdjust wants the middle of Kenward and Roger's covariance.
	AskAdjust Ask = "adjust"
)

// Question goes from the coordinator of a pooled fit to every site; it holds parameters only. Matrices are row by row in
// the orthonormal basis and scale that the plan (design, origin) gives both sides.
type Question struct {
	Round      int         `json:"round"`
	Ask        Ask         `json:"ask"`
	Covariance []float64   `json:"covariance,omitempty"` // S, visits x visits
	Directions [][]float64 `json:"directions,omitempty"` // dS by every covariance parameter
	Beta       []float64   `json:"beta,omitempty"`
	Phi        []float64   `json:"phi,omitempty"`     // of all sites together; empty under ML
	Weights    []float64   `json:"weights,omitempty"` // of the covariance parameters, AskAdjust
}

// Answer is a site's: every number in it is a sum over all of the site's patients, none is of a pattern.
type Answer struct {
	Round   int      `json:"round"`
	Opening *Opening `json:"opening,omitempty"`
	// Undefined says that S is not positive definite at the question's parameters; the answer is empty then.
	Undefined bool `json:"undefined,omitempty"`
	// AskLevel: n log |S| + tr(S^-1 sum r r'), X'V^-1 (y - X b) and X'V^-1 X.
	Minus2LogLik float64   `json:"minus2loglik,omitempty"`
	Score        []float64 `json:"score,omitempty"`
	Information  []float64 `json:"information,omitempty"`
	// AskSlopes: the derivative by S, second derivatives observed and expected, P_i and u_i.
	ByCovariance []float64   `json:"by_covariance,omitempty"`
	Hessian      []float64   `json:"hessian,omitempty"`
	Expected     []float64   `json:"expected,omitempty"`
	P            [][]float64 `json:"p,omitempty"`
	U            [][]float64 `json:"u,omitempty"`
	// AskAdjust: sum of w_ij Q_ij.
	Middle []float64 `json:"middle,omitempty"`
}

// Opening is what a site says before the first round.
type Opening struct {
	Visits  []string `json:"visits"`
	Columns []string `json:"columns"`
	Origin
	Subjects         int                `json:"subjects"`
	WithoutVisit     int                `json:"without_visit"`
	Observations     int                `json:"observations"`
	ExcludedSubjects int                `json:"excluded_subjects"`
	ExcludedRows     int                `json:"excluded_rows"`
	Weight           float64            `json:"weight"`
	Rows             float64            `json:"rows"`
	Covariates       map[string]float64 `json:"covariates"`
}

// Respondent answers for a site: a Site in this process, or whoever carries questions to one elsewhere.
type Respondent interface {
	Answer(Question) (Answer, error)
}

// SitePolicy bounds what a site tells: each answer is a sum, and enough sums at chosen parameters would tell patients apart.
type SitePolicy struct {
	// MinPatients is the smallest count of patients, other than 0, that may stand behind the site, a visit, a level of a
	// factor or both together; 0 means 11, so that 1 to 10 are refused.
	MinPatients int
	// MaxRounds is how many questions it answers; 0 means 500. A fit takes some twenty.
	MaxRounds int
}

// Site answers a coordinator from sums that never leave it. See docs/methods/pooled-sites.md.
type Site struct {
	held    *held
	opening Opening
	limit   int

	lock   sync.Mutex
	rounds int
}

// NewSite refuses sums with too few patients behind the site, a visit, a level or a level at a visit, and names it.
func NewSite(d *Design, s *Sums, policy SitePolicy) (*Site, error) {
	if err := d.checkSums(s); err != nil {
		return nil, err
	}
	if policy.MinPatients == 0 {
		policy.MinPatients = 11
	}
	if policy.MaxRounds == 0 {
		policy.MaxRounds = 500
	}
	t := d.totals(s)
	if t.subjects < policy.MinPatients {
		return nil, stats.Errorf(stats.TooFew, "site", "%d patients are too few to answer for", t.subjects)
	}
	if cell := d.smallCell(s, policy.MinPatients); cell != "" {
		return nil, stats.Errorf(stats.TooFew, cell, "fewer than %d patients: the site does not answer for so few", policy.MinPatients)
	}
	p := &problem{visits: len(s.Visits), columns: len(s.Columns), responseUnit: s.ResponseScale}
	if err := p.setBasis(d, s); err != nil {
		return nil, err
	}
	return &Site{held: p.hold(s), limit: policy.MaxRounds, opening: Opening{Visits: s.Visits, Columns: s.Columns, Origin: s.Origin,
		Subjects: t.subjects, WithoutVisit: t.without, Observations: t.observations, ExcludedSubjects: t.excludedSubjects,
		ExcludedRows: t.excludedRows, Weight: t.weight, Rows: t.rows, Covariates: t.covariates}}, nil
}

// Answer gives the sums over all patterns at the question's parameters.
func (s *Site) Answer(q Question) (Answer, error) {
	s.lock.Lock()
	s.rounds++
	over := s.rounds > s.limit
	s.lock.Unlock()
	if over {
		return Answer{}, stats.Errorf(stats.BadInput, "site", "more than %d questions: the site answers no more", s.limit)
	}
	out := Answer{Round: q.Round}
	if q.Ask == AskOpening {
		out.Opening = &s.opening
		return out, nil
	}
	if err := s.check(q); err != nil {
		return Answer{}, err
	}
	ok := false
	switch q.Ask {
	case AskLevel:
		var l level
		l, ok = s.held.level(q.Covariance, emptyAsNil(q.Beta))
		out.Minus2LogLik, out.Score, out.Information = l.deviance, l.score, l.information
	case AskSlopes:
		var l slopes
		l, ok = s.held.slopes(q.Covariance, q.Directions, q.Beta, emptyAsNil(q.Phi))
		out.ByCovariance, out.Hessian, out.Expected, out.P, out.U = l.g, l.hessian, l.expected, l.p, l.u
	case AskAdjust:
		out.Middle, ok = s.held.contract(q.Covariance, q.Directions, q.Weights)
	default:
		return Answer{}, stats.Errorf(stats.BadInput, "ask", "no question %q", q.Ask)
	}
	if !ok {
		return Answer{Round: q.Round, Undefined: true}, nil
	}
	return out, nil
}

// emptyAsNil is nil where JSON lost the difference.
func emptyAsNil(v []float64) []float64 {
	if len(v) == 0 {
		return nil
	}
	return v
}

// check refuses a question of other shapes or with numbers that are not finite.
func (s *Site) check(q Question) error {
	v, c, n := s.held.visits, s.held.coefficients, len(q.Directions)
	shapes := len(q.Covariance) == v*v && (len(q.Beta) == c || len(q.Beta) == 0 && q.Ask != AskSlopes) && (len(q.Phi) == 0 || len(q.Phi) == c*c)
	for _, d := range q.Directions {
		shapes = shapes && len(d) == v*v && finite(d...)
	}
	if q.Ask == AskAdjust {
		shapes = shapes && len(q.Weights) == n*n
	}
	if !shapes || !finite(slices.Concat(q.Covariance, q.Beta, q.Phi, q.Weights)...) {
		return stats.Errorf(stats.BadInput, "question", "does not fit a plan of %d visits and %d coefficients, or is not finite", v, c)
	}
	return nil
}

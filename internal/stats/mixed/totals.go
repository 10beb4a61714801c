package mixed

import (
	"math"

	"afterglow/internal/stats"
)

// totals are the counts and covariate sums of all patterns together.
type totals struct {
	subjects, without, observations int // patients with a visit, patients without, observed visits
	excludedSubjects, excludedRows  int
	weight                          float64            // of the patients with a visit: their number where there are no weights
	rows                            float64            // weights over observed visits: their number where there are none
	covariates                      map[string]float64 // of numeric covariates, a patient once per visit
	squares                         []float64          // of the responses by visit, raw scale; nil where sites keep them
}

func (d *Design) totals(s *Sums) totals {
	t := totals{excludedSubjects: s.ExcludedSubjects, excludedRows: s.ExcludedRows, covariates: d.covariateTotals(s)}
	n := len(s.Visits)
	t.squares = make([]float64, n)
	for _, p := range s.Patterns {
		if p.Observed == 0 {
			t.without += p.N
			continue
		}
		visits := len(visitsOf(p.Observed))
		for _, v := range visitsOf(p.Observed) {
			square, total := p.YY[v*n-v*(v-1)/2], p.XY[v]
			t.squares[v] += s.ResponseScale*(s.ResponseScale*square+2*s.ResponseShift*total) + s.ResponseShift*s.ResponseShift*p.Weight()
		}
		t.subjects += p.N
		t.observations += p.N * visits
		t.weight += p.Weight()
		t.rows += p.Weight() * float64(visits)
	}
	return t
}

// carry refuses fewer observations than coefficients; REML takes the coefficients off the weights, so these must add up to more.
func (t totals) carry(d *Design, reml bool) error {
	q := len(d.Coefficients)
	switch {
	case t.subjects == 0:
		return stats.Errorf(stats.TooFew, d.Response, "no observation")
	case t.observations <= q:
		return stats.Errorf(stats.TooFew, d.Response, "%d observations for %d coefficients", t.observations, q)
	case reml && !(t.rows > float64(q)):
		return stats.Errorf(stats.TooFew, "weights", "they add up to %.3g over the observed visits, for %d coefficients: scale them to a mean of 1, or fit by ML", t.rows, q)
	}
	return nil
}

// same tells whether two fits can be of the same rows: counts, weights and, where known, responses agree.
func (t totals) same(o totals) bool {
	if t.subjects != o.subjects || t.observations != o.observations || math.Abs(t.rows-o.rows) > 1e-9*o.rows {
		return false
	}
	for v := range min(len(t.squares), len(o.squares)) {
		if math.Abs(t.squares[v]-o.squares[v]) > 1e-8*math.Abs(o.squares[v]) {
			return false
		}
	}
	return true
}

// weighted tells whether the patients carry weights other than 1.
func (t totals) weighted() bool {
	return math.Abs(t.weight-float64(t.subjects)) > 1e-9*t.weight || math.Abs(t.rows-float64(t.observations)) > 1e-9*t.rows
}

// means averages every numeric covariate over the analysed rows.
func (t totals) means() map[string]float64 {
	out := map[string]float64{}
	for name, total := range t.covariates {
		out[name] = total / t.rows
	}
	return out
}

// covariateTotals sums every numeric covariate over the analysed rows: a patient counts once per visit.
func (d *Design) covariateTotals(s *Sums) map[string]float64 {
	rows := func(observed uint64) float64 { return float64(len(visitsOf(observed))) }
	out := map[string]float64{}
	for j, c := range d.Columns {
		if len(c.Factors) != 1 || c.Factors[0].Indicator() || c.Factors[0].Power != 1 {
			continue
		}
		name := c.Factors[0].Column
		if c.Visit == "" {
			out[name] = s.columnTotal(j, rows)
		} else {
			out[name] += s.columnTotal(j, func(uint64) float64 { return 1 })
		}
	}
	for name, values := range d.Model.VisitValues {
		for v, value := range values {
			out[name] += value * s.columnTotal(0, func(observed uint64) float64 { return float64(observed >> v & 1) })
		}
	}
	return out
}

package mixed

import "math"

// totals are the counts and covariate sums of all patterns together.
type totals struct {
	subjects, without, observations int // patients with a visit, patients without, observed visits
	excludedSubjects, excludedRows  int
	weight                          float64            // of the patients with a visit: their number where there are no weights
	rows                            float64            // weights over observed visits: their number where there are none
	covariates                      map[string]float64 // of numeric covariates, a patient once per visit
}

func (d *Design) totals(s *Sums) totals {
	t := totals{excludedSubjects: s.ExcludedSubjects, excludedRows: s.ExcludedRows, covariates: d.covariateTotals(s)}
	for _, p := range s.Patterns {
		if p.Observed == 0 {
			t.without += p.N
			continue
		}
		visits := len(visitsOf(p.Observed))
		t.subjects += p.N
		t.observations += p.N * visits
		t.weight += p.Weight()
		t.rows += p.Weight() * float64(visits)
	}
	return t
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

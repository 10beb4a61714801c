package mixed

import (
	"math"
	"slices"
	"sort"

	"afterglow/internal/stats"
)

// Origin is the shift and scale in which cross-products are summed: (x - shift) / scale. Any known
// numbers give the same fit; means and standard deviations keep the digits. The intercept, the first
// column, has shift 0 and scale 1.
type Origin struct {
	Shift         []float64 `json:"shift"`
	Scale         []float64 `json:"scale"`
	ResponseShift float64   `json:"response_shift"`
	ResponseScale float64   `json:"response_scale"`
}

// PlainOrigin sums p columns as they are.
func PlainOrigin(p int) Origin {
	o := Origin{Shift: make([]float64, p), Scale: make([]float64, p), ResponseScale: 1}
	for i := range o.Scale {
		o.Scale[i] = 1
	}
	return o
}

// Pattern holds the sums over the patients who were observed at exactly the visits of Observed (bit v:
// visit v, from 0). With x of p columns and y of V visits, both shifted and scaled, and y = 0 where not
// observed: XX is the upper triangle of sum x x' row by row, p(p+1)/2 numbers; XY is sum x y' row by
// row, p*V numbers; YY is the upper triangle of sum y y' row by row, V(V+1)/2 numbers. A pattern without
// any visit counts its patients, its other sums are not read and may be empty.
//
// Patients with weights w enter as sum w x x', sum w x y' and sum w y y'. N counts the patients all the same;
// the sum of their weights is XX[0], the intercept with itself, so weights of 1 are the sums without weights.
type Pattern struct {
	Observed uint64    `json:"observed"`
	N        int       `json:"n"`
	XX       []float64 `json:"xx"`
	XY       []float64 `json:"xy"`
	YY       []float64 `json:"yy"`
}

// Weight is the sum of the patients' weights: their number where there are none.
func (p Pattern) Weight() float64 {
	if len(p.XX) == 0 {
		return float64(p.N)
	}
	return p.XX[0]
}

// Sums are the sufficient statistics of the model, by pattern. They are for one site's own use: a
// small pattern is a person.
type Sums struct {
	Visits  []string `json:"visits"`
	Columns []string `json:"columns"`
	Origin
	Patterns []Pattern `json:"patterns"`
	// ExcludedSubjects counts patients left out because a covariate is missing or outside its levels,
	// ExcludedRows observed visits left out for the same reason or because the visit is not one of Visits.
	ExcludedSubjects int `json:"excluded_subjects"`
	ExcludedRows     int `json:"excluded_rows"`
}

// NewSums starts empty sums for the design in the given origin.
func (d *Design) NewSums(origin Origin) (*Sums, error) {
	p := len(d.Columns)
	if len(origin.Shift) != p || len(origin.Scale) != p {
		return nil, stats.Errorf(stats.BadInput, "origin", "%d shifts and %d scales for %d columns",
			len(origin.Shift), len(origin.Scale), p)
	}
	if origin.Shift[0] != 0 || origin.Scale[0] != 1 {
		return nil, stats.Errorf(stats.BadInput, "origin", "the intercept has shift 0 and scale 1")
	}
	if !finite(origin.Shift...) || !finite(origin.ResponseShift) {
		return nil, stats.Errorf(stats.NotFinite, "origin", "a shift is not finite")
	}
	for _, s := range append(slices.Clone(origin.Scale), origin.ResponseScale) {
		if !(s > 0) || math.IsInf(s, 0) {
			return nil, stats.Errorf(stats.BadInput, "origin", "a scale is not a positive number")
		}
	}
	s := &Sums{Visits: slices.Clone(d.Model.Visits), Origin: origin}
	for _, c := range d.Columns {
		s.Columns = append(s.Columns, c.Name)
	}
	return s, nil
}

// Put adds a pattern, or adds to it where it is there already. The failure names what is wrong.
func (s *Sums) Put(p Pattern) error { return s.put(p, 1) }

// put adds a pattern so many times.
func (s *Sums) put(p Pattern, times int) error {
	v, k := len(s.Visits), len(s.Columns)
	if p.Observed>>v != 0 {
		return stats.Errorf(stats.BadInput, "pattern", "a bit beyond the %d visits", v)
	}
	if p.N <= 0 {
		return stats.Errorf(stats.BadInput, "pattern", "%d patients", p.N)
	}
	if p.Observed == 0 {
		p.XX, p.XY, p.YY = nil, nil, nil
	} else {
		if len(p.XX) != k*(k+1)/2 || len(p.XY) != k*v || len(p.YY) != v*(v+1)/2 {
			return stats.Errorf(stats.BadInput, "pattern", "%d, %d and %d sums, expected %d, %d and %d",
				len(p.XX), len(p.XY), len(p.YY), k*(k+1)/2, k*v, v*(v+1)/2)
		}
		if !finite(p.XX...) || !finite(p.XY...) || !finite(p.YY...) {
			return stats.Errorf(stats.NotFinite, "pattern", "a sum is not finite")
		}
		if !(p.XX[0] > 0) {
			return stats.Errorf(stats.BadInput, "pattern", "the weights, the sum of the intercept with itself, must add up to more than 0")
		}
	}
	i := sort.Search(len(s.Patterns), func(i int) bool { return s.Patterns[i].Observed >= p.Observed })
	if i == len(s.Patterns) || s.Patterns[i].Observed != p.Observed {
		fresh := Pattern{Observed: p.Observed, XX: make([]float64, len(p.XX)), XY: make([]float64, len(p.XY)), YY: make([]float64, len(p.YY))}
		s.Patterns = slices.Insert(s.Patterns, i, fresh)
	}
	to := &s.Patterns[i]
	to.N += times * p.N
	addTo(to.XX, p.XX, float64(times))
	addTo(to.XY, p.XY, float64(times))
	addTo(to.YY, p.YY, float64(times))
	return nil
}

// Add merges the sums of other patients. Visits, columns and origin must be the same.
func (s *Sums) Add(other *Sums) error { return s.add(other, 1) }

// add merges other sums so many times.
func (s *Sums) add(other *Sums, times int) error {
	if !slices.Equal(s.Visits, other.Visits) || !slices.Equal(s.Columns, other.Columns) {
		return stats.Errorf(stats.BadInput, "sums", "the visits or columns differ")
	}
	if !slices.Equal(s.Shift, other.Shift) || !slices.Equal(s.Scale, other.Scale) ||
		s.ResponseShift != other.ResponseShift || s.ResponseScale != other.ResponseScale {
		return stats.Errorf(stats.BadInput, "sums", "the shifts or scales differ")
	}
	for _, p := range other.Patterns {
		if err := s.put(p, times); err != nil {
			return err
		}
	}
	s.ExcludedSubjects += times * other.ExcludedSubjects
	s.ExcludedRows += times * other.ExcludedRows
	return nil
}

// columnTotal sums column j of x, in its own scale, over patients, each pattern weighted.
func (s *Sums) columnTotal(j int, weight func(observed uint64) float64) float64 {
	total := 0.0
	for _, p := range s.Patterns {
		if p.Observed != 0 {
			total += weight(p.Observed) * (s.Scale[j]*p.XX[j] + s.Shift[j]*p.Weight())
		}
	}
	return total
}

// visitsOf lists the visits of a mask.
func visitsOf(mask uint64) []int {
	var out []int
	for v := 0; mask != 0; v, mask = v+1, mask>>1 {
		if mask&1 != 0 {
			out = append(out, v)
		}
	}
	return out
}

func addTo(to, from []float64, times float64) {
	for i, v := range from {
		to[i] += times * v
	}
}

func finite(values ...float64) bool {
	for _, v := range values {
		if !stats.Finite(v) {
			return false
		}
	}
	return true
}

package mixed

import (
	"math"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
)

// Classify finds, in a data set with one row per patient and visit, which of the formula's columns
// change within a patient, and fills VisitValues and Varying; a model that has them already is
// returned with those added.
func (m Model) Classify(data formula.Frame, subject string) (Model, error) {
	parsed, err := formula.Parse(m.Formula)
	if err != nil {
		return m, err
	}
	subjects, visits := data.Texts[subject], data.Texts[m.Visit]
	for _, column := range parsed.Columns() {
		if column == m.Visit || m.VisitValues[column] != nil || slices.Contains(m.Varying, column) {
			continue
		}
		if texts, ok := data.Texts[column]; ok && m.Factors[column] != nil {
			if !constantBy(subjects, texts, "") {
				m.Varying = append(slices.Clone(m.Varying), column)
			}
			continue
		}
		numbers := data.Numbers[column]
		if constantBy(subjects, numbers, stats.Number{}) {
			continue
		}
		if !constantBy(visits, numbers, stats.Number{}) {
			m.Varying = append(slices.Clone(m.Varying), column)
			continue
		}
		values := make([]float64, len(m.Visits))
		for row, n := range numbers {
			if v := slices.Index(m.Visits, visits[row]); v >= 0 && n.Defined {
				values[v] = n.Value
			}
		}
		all := map[string][]float64{column: values}
		for name, known := range m.VisitValues {
			all[name] = known
		}
		m.VisitValues = all
	}
	return m, nil
}

// constantBy tells whether the values, apart from missing ones, are constant within each group.
func constantBy[T comparable](groups []string, values []T, missing T) bool {
	seen := map[string]T{}
	for row, value := range values {
		if value == missing || row >= len(groups) {
			continue
		}
		if first, ok := seen[groups[row]]; ok && first != value {
			return false
		}
		seen[groups[row]] = value
	}
	return true
}

// patient is one patient's row x and responses by visit.
type patient struct {
	x        []float64
	y        []float64
	observed uint64
}

// SumRows builds the sums from rows in memory, one per patient and visit: a first pass reads patients
// and finds mean and standard deviation of every column, a second adds the cross-products. A visit
// without a response is not observed; patients with a missing covariate are left out and counted.
func (d *Design) SumRows(data formula.Frame, subject string) (*Sums, error) {
	patients, excluded, err := d.patients(data, subject)
	if err != nil {
		return nil, err
	}
	s, err := d.NewSums(originOf(patients, len(d.Columns)))
	if err != nil {
		return nil, err
	}
	s.ExcludedSubjects, s.ExcludedRows = excluded.subjects, excluded.rows
	byMask := map[uint64]*Pattern{}
	for _, one := range patients {
		p := byMask[one.observed]
		if p == nil {
			k, v := len(s.Columns), len(s.Visits)
			p = &Pattern{Observed: one.observed, XX: make([]float64, k*(k+1)/2), XY: make([]float64, k*v), YY: make([]float64, v*(v+1)/2)}
			byMask[one.observed] = p
		}
		s.accumulate(p, one)
	}
	for _, p := range byMask {
		if err := s.Put(*p); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Sums) accumulate(p *Pattern, one patient) {
	p.N++
	x, y := make([]float64, len(one.x)), make([]float64, len(one.y))
	for i := range x {
		x[i] = (one.x[i] - s.Shift[i]) / s.Scale[i]
	}
	for v := range y {
		if one.observed>>v&1 != 0 {
			y[v] = (one.y[v] - s.ResponseShift) / s.ResponseScale
		}
	}
	at := 0
	for i := range x {
		for j := i; j < len(x); j++ {
			p.XX[at] += x[i] * x[j]
			at++
		}
		for v := range y {
			p.XY[i*len(y)+v] += x[i] * y[v]
		}
	}
	at = 0
	for u := range y {
		for v := u; v < len(y); v++ {
			p.YY[at] += y[u] * y[v]
			at++
		}
	}
}

type exclusions struct{ subjects, rows int }

// patients gathers the rows of each patient, in order of first appearance.
func (d *Design) patients(data formula.Frame, subject string) ([]patient, exclusions, error) {
	var out exclusions
	ids, visits, responses := data.Texts[subject], data.Texts[d.Model.Visit], data.Numbers[d.Response]
	switch {
	case ids == nil:
		return nil, out, stats.Errorf(stats.BadInput, subject, "no such categorical column")
	case visits == nil || len(visits) != len(ids):
		return nil, out, stats.Errorf(stats.BadInput, d.Model.Visit, "no such categorical column, or of another length")
	case responses == nil || len(responses) != len(ids):
		return nil, out, stats.Errorf(stats.BadInput, d.Response, "no such numeric column, or of another length")
	}
	rowsOf, order := map[string][]int{}, []string{}
	for row, id := range ids {
		if id == "" {
			return nil, out, stats.Errorf(stats.BadInput, subject, "row %d names no patient", row+1)
		}
		if rowsOf[id] == nil {
			order = append(order, id)
		}
		rowsOf[id] = append(rowsOf[id], row)
	}
	var patients []patient
	for _, id := range order {
		one, complete, err := d.patient(data, rowsOf[id], &out)
		if err != nil {
			return nil, out, err
		}
		if complete {
			patients = append(patients, one)
		} else {
			out.subjects++
		}
	}
	return patients, out, nil
}

// patient reads one patient's rows; complete is false where a covariate that belongs to the patient is missing.
func (d *Design) patient(data formula.Frame, rows []int, out *exclusions) (one patient, complete bool, err error) {
	m := d.Model
	one = patient{x: make([]float64, len(d.Columns)), y: make([]float64, len(m.Visits))}
	rowAt := make([]int, len(m.Visits))
	for _, row := range rows {
		y, observed, err := data.Value(formula.Atom{Column: d.Response, Power: 1}, row)
		if err != nil {
			return one, false, err
		}
		v := slices.Index(m.Visits, data.Texts[m.Visit][row])
		if v < 0 {
			if observed {
				out.rows++
			}
			continue
		}
		if rowAt[v] > 0 {
			return one, false, stats.Errorf(stats.BadInput, m.Visits[v], "row %d is a second row of a patient at this visit", row+1)
		}
		rowAt[v] = row + 1
		if observed {
			one.y[v], one.observed = y, one.observed|1<<v
		}
	}
	for j, column := range d.Columns {
		if column.Visit != "" {
			continue
		}
		value, ok, err := d.product(data, column.Factors, rows[0])
		if err != nil || !ok {
			return one, false, err
		}
		one.x[j] = value
	}
	return one, true, d.varying(data, rowAt, &one, out)
}

// varying fills the columns bound to a visit; a visit where one is missing counts as not observed.
func (d *Design) varying(data formula.Frame, rowAt []int, one *patient, out *exclusions) error {
	for pass := range 2 { // the first pass settles which visits are observed
		for j, column := range d.Columns {
			v := slices.Index(d.Model.Visits, column.Visit)
			if v < 0 || one.observed>>v&1 == 0 {
				continue
			}
			value, ok, err := d.product(data, column.Factors, rowAt[v]-1)
			if err != nil {
				return err
			}
			if !ok {
				one.observed &^= 1 << v
				one.y[v] = 0
				out.rows++
			}
			if pass == 1 {
				one.x[j] = value
			}
		}
	}
	return nil
}

// product evaluates a column of x in a row; a level outside the factor's list is missing.
func (d *Design) product(data formula.Frame, factors []formula.Atom, row int) (float64, bool, error) {
	value := 1.0
	for _, a := range factors {
		x, ok, err := data.Value(a, row)
		if err != nil {
			return 0, false, err
		}
		if a.Indicator() {
			ok = slices.Contains(d.Model.Factors[a.Column], data.Texts[a.Column][row])
		}
		if !ok {
			return 0, false, nil
		}
		value *= x
	}
	if !finite(value) {
		return 0, false, stats.Errorf(stats.NotFinite, columnName(factors, ""), "row %d overflows", row+1)
	}
	return value, true, nil
}

// originOf takes mean and standard deviation of every column over the patients, and of all responses.
func originOf(patients []patient, p int) Origin {
	o := PlainOrigin(p)
	n := float64(len(patients))
	for j := 1; j < p && n > 0; j++ {
		mean, square := 0.0, 0.0
		for _, one := range patients {
			mean += one.x[j] / n
		}
		for _, one := range patients {
			square += (one.x[j] - mean) * (one.x[j] - mean) / n
		}
		o.Shift[j], o.Scale[j] = mean, scaleOf(square)
	}
	var responses []float64
	for _, one := range patients {
		for _, v := range visitsOf(one.observed) {
			responses = append(responses, one.y[v])
		}
	}
	mean, square := 0.0, 0.0
	for _, y := range responses {
		mean += y / float64(len(responses))
	}
	for _, y := range responses {
		square += (y - mean) * (y - mean) / float64(len(responses))
	}
	o.ResponseShift, o.ResponseScale = mean, scaleOf(square)
	return o
}

func scaleOf(square float64) float64 {
	if s := math.Sqrt(square); s > 0 && !math.IsInf(s, 0) && !math.IsInf(1/s, 0) {
		return s
	}
	return 1
}

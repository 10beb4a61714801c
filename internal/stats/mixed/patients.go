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
	for _, name := range []string{subject, m.Visit} {
		if _, there := data.Texts[name]; !there {
			return m, stats.Errorf(stats.BadInput, name, "no such categorical column")
		}
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

type exclusions struct{ subjects, rows int }

// patients gathers the rows of each patient, in order of first appearance.
func (d *Design) patients(from Rows) ([]patient, exclusions, error) {
	var out exclusions
	data, subject := from.Data, from.Subject
	ids, visits, responses := data.Texts[subject], data.Texts[d.Model.Visit], data.Numbers[d.Response]
	switch {
	case ids == nil:
		return nil, out, stats.Errorf(stats.BadInput, subject, "no such categorical column")
	case visits == nil || len(visits) != len(ids):
		return nil, out, stats.Errorf(stats.BadInput, d.Model.Visit, "no such categorical column, or of another length")
	case responses == nil || len(responses) != len(ids):
		return nil, out, stats.Errorf(stats.BadInput, d.Response, "no such numeric column, or of another length")
	}
	place, rowsOf := map[string]int{}, [][]int{}
	for row, id := range ids {
		if id == "" {
			return nil, out, stats.Errorf(stats.BadInput, subject, "row %d names no patient", row+1)
		}
		at, known := place[id]
		if !known {
			at = len(rowsOf)
			place[id] = at
			rowsOf = append(rowsOf, make([]int, 0, len(d.Model.Visits)))
		}
		rowsOf[at] = append(rowsOf[at], row)
	}
	patients := make([]patient, 0, len(rowsOf))
	for _, rows := range rowsOf {
		one, complete, err := d.patient(data, rows, &out)
		if err == nil && complete {
			one.id = ids[rows[0]]
			one.weight, complete, err = from.weight(rows)
		}
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

// weight reads a patient's weight; positive is false where it is missing or 0.
func (r Rows) weight(rows []int) (weight float64, positive bool, err error) {
	if r.Weight == "" {
		return 1, true, nil
	}
	column := r.Data.Numbers[r.Weight]
	for i, row := range rows {
		if row >= len(column) {
			return 0, false, stats.Errorf(stats.BadInput, r.Weight, "no such numeric column")
		}
		n := column[row]
		if !n.Defined {
			return 0, false, nil
		}
		if !(n.Value >= 0) || math.IsInf(n.Value, 0) {
			return 0, false, stats.Errorf(stats.BadInput, r.Weight, "row %d holds a weight that is negative or not finite", row+1)
		}
		if i > 0 && n.Value != weight {
			return 0, false, stats.Errorf(stats.BadInput, r.Weight, "row %d: the weight changes within a patient", row+1)
		}
		weight = n.Value
	}
	return weight, weight > 0, nil
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

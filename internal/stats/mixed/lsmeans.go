package mixed

import (
	"encoding/json"
	"slices"

	"afterglow/internal/stats"
)

// LSMean is a model mean of an arm at a visit: numeric covariates at their mean over the analysed rows
// (or where Options.At puts them), other factors with equal weights on their levels.
type LSMean struct {
	Arm   string
	Visit string
	Inference
	columns [2]string
}

// Difference compares two arms at a visit.
type Difference struct {
	Contrast string
	Visit    string
	Inference
	column string
}

// NamedContrast is a comparison with a name.
type NamedContrast struct {
	Name string `json:"name"`
	Inference
}

// MarshalJSON names arm and visit "treatment" and "visit", and also by their own columns where those
// have other names.
func (m LSMean) MarshalJSON() ([]byte, error) {
	labels := map[string]string{"visit": m.Visit, m.columns[1]: m.Visit}
	if m.columns[0] != "" {
		labels["treatment"], labels[m.columns[0]] = m.Arm, m.Arm
	}
	return labelled(labels, m.Inference)
}

// MarshalJSON names the visit as in LSMean.
func (d Difference) MarshalJSON() ([]byte, error) {
	return labelled(map[string]string{"contrast": d.Contrast, "visit": d.Visit, d.column: d.Visit}, d.Inference)
}

// labelled puts labels before the fields of an Inference.
func labelled(labels map[string]string, i Inference) ([]byte, error) {
	head, err := json.Marshal(labels)
	if err != nil {
		return nil, err
	}
	tail, err := json.Marshal(i)
	if err != nil {
		return nil, err
	}
	return append(append(head[:len(head)-1], ','), tail[1:]...), nil
}

// MeanVector is the combination of coefficients behind an LS-mean. arm is empty where the model has none.
func (f *Fit) MeanVector(arm, visit string) ([]float64, error) {
	m := f.design.Model
	v := slices.Index(m.Visits, visit)
	if v < 0 {
		return nil, stats.Errorf(stats.BadInput, m.Visit, "no visit %q", visit)
	}
	if m.Arm != "" && !slices.Contains(m.Factors[m.Arm], arm) {
		return nil, stats.Errorf(stats.BadInput, m.Arm, "no arm %q", arm)
	}
	l := make([]float64, len(f.design.fixed))
	for c, column := range f.design.fixed {
		l[c] = 1
		for _, a := range column.Factors {
			switch {
			case a.Column == m.Visit:
				l[c] *= boolean(a.Level == visit)
			case a.Column == m.Arm:
				l[c] *= boolean(a.Level == arm)
			case a.Indicator():
				l[c] /= float64(len(m.Factors[a.Column]))
			default:
				l[c] *= power(f.covariate(a.Column), a.Power)
			}
		}
	}
	return l, nil
}

// covariate is where a numeric covariate stands in LS-means.
func (f *Fit) covariate(column string) float64 {
	if value, ok := f.options.At[column]; ok {
		return value
	}
	return f.means[column]
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// arms lists the arms, a single empty one where the model has none.
func (f *Fit) arms() []string {
	if m := f.design.Model; m.Arm != "" {
		return m.Factors[m.Arm]
	}
	return []string{""}
}

// LSMeans gives the LS-mean of every arm at every visit, visits outermost.
func (f *Fit) LSMeans() ([]LSMean, error) {
	out := []LSMean{}
	m := f.design.Model
	for _, visit := range m.Visits {
		for _, arm := range f.arms() {
			l, err := f.MeanVector(arm, visit)
			if err != nil {
				return nil, err
			}
			i, err := f.Contrast(l)
			if err != nil {
				return nil, err
			}
			out = append(out, LSMean{arm, visit, i, [2]string{m.Arm, m.Visit}})
		}
	}
	return out, nil
}

// differenceRows gives, per visit, the combination arm minus reference.
func (f *Fit) differenceRows(arm, reference string) ([][]float64, error) {
	var rows [][]float64
	for _, visit := range f.design.Model.Visits {
		a, err := f.MeanVector(arm, visit)
		if err != nil {
			return nil, err
		}
		b, err := f.MeanVector(reference, visit)
		if err != nil {
			return nil, err
		}
		rows = append(rows, combine(a, 1, b, -1))
	}
	return rows, nil
}

// Differences compares every arm with the first at every visit, arms outermost.
func (f *Fit) Differences() ([]Difference, error) {
	out, m := []Difference{}, f.design.Model
	arms := f.arms()
	for _, arm := range arms[1:] {
		rows, err := f.differenceRows(arm, arms[0])
		if err != nil {
			return nil, err
		}
		for v, l := range rows {
			i, err := f.Contrast(l)
			if err != nil {
				return nil, err
			}
			out = append(out, Difference{arm + " - " + arms[0], m.Visits[v], i, m.Visit})
		}
	}
	return out, nil
}

// Contrasts compares the arms' differences over time: last minus first visit, the average over visits,
// and, from three visits on, last minus the average of the earlier visits.
func (f *Fit) Contrasts() ([]NamedContrast, error) {
	out := []NamedContrast{}
	visits, arms := f.design.Model.Visits, f.arms()
	n := len(visits)
	for _, arm := range arms[1:] {
		rows, err := f.differenceRows(arm, arms[0])
		if err != nil {
			return nil, err
		}
		name, first, last := arm+" - "+arms[0], rows[0], rows[n-1]
		average, earlier := make([]float64, len(first)), make([]float64, len(first))
		for v, row := range rows {
			average = combine(average, 1, row, 1/float64(n))
			if v < n-1 {
				earlier = combine(earlier, 1, row, 1/float64(n-1))
			}
		}
		asked := []NamedContrast{{Name: name + ", average over visits", Inference: Inference{L: average}}}
		if n > 1 {
			asked = []NamedContrast{
				{"(" + name + ") at " + visits[n-1] + " minus (" + name + ") at " + visits[0], Inference{L: combine(last, 1, first, -1)}},
				asked[0],
			}
		}
		if n > 2 { // with two the average of the earlier visits is the first one
			asked = append(asked, NamedContrast{name + " at " + visits[n-1] + " minus the average of the earlier visits", Inference{L: combine(last, 1, earlier, -1)}})
		}
		for _, c := range asked {
			i, err := f.Contrast(c.L)
			if err != nil {
				return nil, err
			}
			out = append(out, NamedContrast{c.Name, i})
		}
	}
	return out, nil
}

// FTests tests the coefficients of every term, that the arms' differences are equal at all visits, and
// that they are zero at all visits.
func (f *Fit) FTests() ([]FTest, error) {
	out := []FTest{}
	add := func(term string, rows [][]float64) error {
		if len(rows) == 0 || allZero(rows) {
			return nil
		}
		test, err := f.FTest(term, rows)
		if err == nil {
			out = append(out, test)
		}
		return err
	}
	for _, t := range f.design.Terms {
		var rows [][]float64
		for c := t.First; c < t.First+t.Count; c++ {
			row := make([]float64, len(f.design.Coefficients))
			row[c] = 1
			rows = append(rows, row)
		}
		if err := add("coefficients of "+t.Label, rows); err != nil {
			return nil, err
		}
	}
	var equal, zero [][]float64
	arms := f.arms()
	for _, arm := range arms[1:] {
		rows, err := f.differenceRows(arm, arms[0])
		if err != nil {
			return nil, err
		}
		for _, row := range rows[1:] {
			equal = append(equal, combine(row, 1, rows[0], -1))
		}
		zero = append(zero, rows...)
	}
	if err := add("arm difference equal at all visits", equal); err != nil {
		return nil, err
	}
	err := add("arm difference zero at all visits", zero)
	return out, err
}

func combine(a []float64, ca float64, b []float64, cb float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = ca*a[i] + cb*b[i]
	}
	return out
}

func allZero(rows [][]float64) bool {
	for _, row := range rows {
		for _, x := range row {
			if x != 0 {
				return false
			}
		}
	}
	return true
}

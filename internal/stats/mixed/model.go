package mixed

import (
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
)

// maxVisits is set by the bit mask of a pattern; maxColumns bounds the size of the sums.
const (
	maxVisits  = 62
	maxColumns = 400
)

// Model says which mean is fitted.
type Model struct {
	// Formula is the response and the fixed effects in R's notation.
	Formula string
	// Visit is the column of the visit, Visits its levels in order of time.
	Visit  string
	Visits []string
	// Arm is the column of the groups compared; empty where there are none.
	Arm string
	// Factors gives the levels of each categorical column, reference first, the arm included.
	Factors map[string][]string
	// VisitValues gives, for a numeric column that depends on nothing but the visit, its value at each visit.
	VisitValues map[string][]float64
	// Varying names the columns that change within a patient in any other way.
	Varying []string
}

// Column is one entry of the row x that a patient brings into the fixed effects: the product of its
// factors. Where Visit is not empty the product is taken at that visit, and is 0 where the patient was
// not observed then. The first column is the intercept, without factors.
type Column struct {
	Name    string         `json:"name"`
	Factors []formula.Atom `json:"factors"`
	Visit   string         `json:"visit,omitempty"`
}

// Design is a Model as data: the columns of x, and the constant matrix K with X_i = (I (x) x') K, whose
// rows are visit by column of x and whose columns are the coefficients in R's model.matrix order.
type Design struct {
	Model        Model
	Response     string
	Columns      []Column
	Coefficients []string
	Terms        []formula.TermColumns
	fixed        []formula.Column
	k            *mat.Dense
}

// Design derives the columns of x and K from the model. Its errors are *formula.SyntaxError and
// *stats.Failure with the column they lie in.
func (m Model) Design() (*Design, error) {
	parsed, err := formula.Parse(m.Formula)
	if err != nil {
		return nil, err
	}
	if err := m.check(parsed); err != nil {
		return nil, err
	}
	fixed, err := parsed.Design(m.levels())
	if err != nil {
		return nil, err
	}
	d := &Design{Model: m, Response: parsed.Response, Terms: fixed.Terms, fixed: fixed.Columns}
	d.Columns = []Column{{Name: "(Intercept)"}}
	type entry struct {
		visit, x, coefficient int
		value                 float64
	}
	var entries []entry
	for c, column := range fixed.Columns {
		d.Coefficients = append(d.Coefficients, column.Name)
		level, values, rest := m.split(column.Factors)
		for v, visit := range m.Visits {
			if level != "" && level != visit {
				continue
			}
			at := ""
			if m.varies(rest) {
				at = visit
			}
			entries = append(entries, entry{v, d.column(rest, at), c, values[v]})
		}
	}
	d.addCovariates(parsed.Columns())
	p := len(d.Columns)
	if p > maxColumns || len(d.Coefficients) > maxColumns || len(d.Coefficients) == 0 {
		return nil, stats.Errorf(stats.BadInput, "formula", "%d coefficients over %d columns; 1 to %d are possible",
			len(d.Coefficients), p, maxColumns)
	}
	d.k = mat.NewDense(len(m.Visits)*p, len(d.Coefficients), nil)
	for _, e := range entries {
		d.k.Set(e.visit*p+e.x, e.coefficient, e.value)
	}
	return d, nil
}

func (m Model) check(f formula.Formula) error {
	switch {
	case f.Response == "":
		return stats.Errorf(stats.BadInput, "formula", "no response on the left of ~")
	case len(f.Random) > 0:
		return stats.Errorf(stats.BadInput, "formula", "a random part; the covariance among visits takes its place")
	case len(m.Visits) == 0 || len(m.Visits) > maxVisits:
		return stats.Errorf(stats.BadInput, m.Visit, "%d visits; 1 to %d are possible", len(m.Visits), maxVisits)
	case m.Visit == "" || m.Visit == m.Arm:
		return stats.Errorf(stats.BadInput, "visit", "the visit needs a column of its own")
	case m.Arm != "" && len(m.Factors[m.Arm]) < 2:
		return stats.Errorf(stats.OneLevel, m.Arm, "the arms need at least two levels")
	case slices.Contains(f.Columns(), f.Response):
		return stats.Errorf(stats.BadInput, f.Response, "the response is among the fixed effects")
	}
	for column, levels := range m.levels() {
		for i, level := range levels {
			if level == "" || slices.Contains(levels[:i], level) {
				return stats.Errorf(stats.BadInput, column, "levels must be different and not empty")
			}
		}
	}
	for column, values := range m.VisitValues {
		if len(values) != len(m.Visits) {
			return stats.Errorf(stats.BadInput, column, "%d values for %d visits", len(values), len(m.Visits))
		}
		if !finite(values...) {
			return stats.Errorf(stats.NotFinite, column, "a value of a visit is not finite")
		}
	}
	return nil
}

// levels are those of the factors and of the visit.
func (m Model) levels() map[string][]string {
	out := map[string][]string{m.Visit: m.Visits}
	for column, levels := range m.Factors {
		if column != m.Visit {
			out[column] = levels
		}
	}
	return out
}

// split takes a product apart: the visit it is bound to (empty: every visit), its value per visit, and
// the factors that belong to the patient.
func (m Model) split(factors []formula.Atom) (level string, values []float64, rest []formula.Atom) {
	values = make([]float64, len(m.Visits))
	for v := range values {
		values[v] = 1
	}
	for _, a := range factors {
		perVisit, known := m.VisitValues[a.Column]
		switch {
		case a.Column == m.Visit:
			level = a.Level
		case known && !a.Indicator():
			for v := range values {
				values[v] *= power(perVisit[v], a.Power)
			}
		default:
			rest = append(rest, a)
		}
	}
	return level, values, rest
}

func (m Model) varies(factors []formula.Atom) bool {
	return slices.ContainsFunc(factors, func(a formula.Atom) bool { return slices.Contains(m.Varying, a.Column) })
}

// column finds or adds a column of x.
func (d *Design) column(factors []formula.Atom, visit string) int {
	name := columnName(factors, visit)
	if i := slices.IndexFunc(d.Columns, func(c Column) bool { return c.Name == name }); i >= 0 {
		return i
	}
	d.Columns = append(d.Columns, Column{Name: name, Factors: slices.Clone(factors), Visit: visit})
	return len(d.Columns) - 1
}

// columnName does not depend on the order of the factors, so that a:b and b:a share a column.
func columnName(factors []formula.Atom, visit string) string {
	if len(factors) == 0 {
		return "(Intercept)"
	}
	names := make([]string, len(factors))
	for i, a := range factors {
		names[i] = a.Column + a.Level
		if !a.Indicator() {
			names[i] = formula.Variable{Column: a.Column, Power: a.Power}.Name()
		}
	}
	slices.Sort(names)
	name := strings.Join(names, ":")
	if visit != "" {
		name += "@" + visit
	}
	return name
}

// addCovariates sees that every numeric covariate has a column of its own, since LS-means stand at
// its mean, and every arm its indicator, since empty cells are named by it.
func (d *Design) addCovariates(columns []string) {
	m := d.Model
	for _, name := range columns {
		if _, factor := m.levels()[name]; factor || m.VisitValues[name] != nil {
			continue
		}
		linear := []formula.Atom{{Column: name, Power: 1}}
		if !slices.Contains(m.Varying, name) {
			d.column(linear, "")
			continue
		}
		for _, visit := range m.Visits {
			d.column(linear, visit)
		}
	}
	if m.Arm != "" && !slices.Contains(m.Varying, m.Arm) {
		for _, level := range m.Factors[m.Arm][1:] {
			d.column([]formula.Atom{{Column: m.Arm, Level: level}}, "")
		}
	}
}

func power(x float64, k int) float64 {
	out := 1.0
	for range max(k, 1) {
		out *= x
	}
	return out
}

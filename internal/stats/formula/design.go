package formula

import (
	"slices"
	"strings"

	"afterglow/internal/stats"
)

// maxColumns bounds the columns a formula may unfold to.
const maxColumns = 10_000

// Atom is one simple factor of a column: a numeric column to a power, or, where Level is not
// empty, the indicator that a categorical column has that level.
type Atom struct {
	Column string `json:"column"`
	Level  string `json:"level,omitempty"`
	Power  int    `json:"power,omitempty"`
}

// Indicator tells whether the atom is an indicator of a level.
func (a Atom) Indicator() bool { return a.Level != "" }

// Column is a column of the model matrix: the product of its factors, 1 where there are none.
type Column struct {
	Name    string
	Factors []Atom
}

// TermColumns says which columns a term stands for: Count columns from First on.
type TermColumns struct {
	Label string
	First int
	Count int
}

// Design is the model matrix of a formula as data: its columns in R's model.matrix order.
type Design struct {
	Columns []Column
	Terms   []TermColumns
}

// Design gives the columns for the factor levels of input, with treatment coding: the first level
// is the reference. As in R, a factor of a term is coded by contrasts where the rest of the term is
// part of an earlier term, by indicators of all its levels otherwise; without an intercept the first
// factor of the model takes all its levels.
func (f Formula) Design(levels map[string][]string) (Design, error) {
	d := Design{}
	if f.Intercept {
		d.Columns = append(d.Columns, Column{Name: "(Intercept)"})
	}
	for column, names := range levels {
		if slices.Contains(names, "") {
			return d, stats.Errorf(stats.BadInput, column, "a level is the empty text, which means missing")
		}
	}
	full := !f.Intercept
	for i, t := range f.Terms {
		columns := []Column{{}}
		for _, v := range t.Variables {
			names, factor := levels[v.Column]
			if factor && v.Power != 1 {
				return d, stats.Errorf(stats.BadInput, v.Name(), "a power of a factor")
			}
			choices := []Atom{{Column: v.Column, Power: v.Power}}
			if factor {
				choices = choices[:0]
				all := !f.marginal(i, v)
				if full {
					all, full = true, false
				}
				for j, level := range names {
					if j > 0 || all {
						choices = append(choices, Atom{Column: v.Column, Level: level})
					}
				}
				if len(choices) == 0 {
					return d, stats.Errorf(stats.OneLevel, v.Column, "a factor needs at least two levels, has %d", len(names))
				}
			}
			if len(columns)*len(choices) > maxColumns {
				return d, stats.Errorf(stats.BadInput, t.Label(), "more than %d columns", maxColumns)
			}
			columns = products(columns, choices)
		}
		d.Terms = append(d.Terms, TermColumns{Label: t.Label(), First: len(d.Columns), Count: len(columns)})
		d.Columns = append(d.Columns, columns...)
		if len(d.Columns) > maxColumns {
			return d, stats.Errorf(stats.BadInput, t.Label(), "more than %d columns", maxColumns)
		}
	}
	return d, nil
}

// marginal tells whether term i without variable v is empty or part of an earlier term.
func (f Formula) marginal(i int, v Variable) bool {
	var rest []Variable
	for _, w := range f.Terms[i].Variables {
		if w != v {
			rest = append(rest, w)
		}
	}
	if len(rest) == 0 {
		return true
	}
	for _, t := range f.Terms[:i] {
		if !slices.ContainsFunc(rest, func(w Variable) bool { return !slices.Contains(t.Variables, w) }) {
			return true
		}
	}
	return false
}

// products crosses columns with the choices of the next variable; the earlier variables vary fastest.
func products(columns []Column, choices []Atom) []Column {
	out := make([]Column, 0, len(columns)*len(choices))
	for _, a := range choices {
		name := Variable{Column: a.Column, Power: a.Power}.Name()
		if a.Indicator() {
			name = a.Column + a.Level
		}
		for _, c := range columns {
			out = append(out, Column{
				Name:    strings.TrimPrefix(c.Name+":"+name, ":"),
				Factors: append(slices.Clone(c.Factors), a),
			})
		}
	}
	return out
}

// Frame is a data set in memory: named columns of equal length, numeric or categorical. An undefined
// number and an empty text are missing values.
type Frame struct {
	Numbers map[string][]stats.Number
	Texts   map[string][]string
}

// Value evaluates the atom in a row. ok is false where the value is missing; the error names a column
// that is absent, of the wrong type, or not finite.
func (d Frame) Value(a Atom, row int) (value float64, ok bool, err error) {
	if a.Indicator() {
		column, found := d.Texts[a.Column]
		if !found || row >= len(column) {
			return 0, false, stats.Errorf(stats.BadInput, a.Column, "no such categorical column")
		}
		if column[row] == a.Level {
			return 1, true, nil
		}
		return 0, column[row] != "", nil
	}
	column, found := d.Numbers[a.Column]
	if !found || row >= len(column) {
		return 0, false, stats.Errorf(stats.BadInput, a.Column, "no such numeric column")
	}
	n := column[row]
	if n.Defined && !stats.Finite(n.Value) {
		return 0, false, stats.Errorf(stats.NotFinite, a.Column, "row %d is not a finite number", row+1)
	}
	value = 1
	for range max(a.Power, 1) {
		value *= n.Value
	}
	return value, n.Defined, nil
}

package formula

import (
	"maps"
	"slices"
	"strings"

	"afterglow/internal/stats"
)

// Matrix is a design evaluated in the rows of a frame in which nothing is missing.
type Matrix struct {
	Names []string
	// X holds the rows one after another, a value for each name.
	X []float64
	// Rows are the places of the kept rows in the frame.
	Rows []int
}

// N is the number of rows, P that of columns.
func (m Matrix) N() int { return len(m.Rows) }

// P is the number of columns.
func (m Matrix) P() int { return len(m.Names) }

// Row gives one row of X.
func (m Matrix) Row(i int) []float64 { return m.X[i*m.P() : (i+1)*m.P()] }

// Column gives one column of X.
func (m Matrix) Column(j int) []float64 {
	out := make([]float64, m.N())
	for i := range out {
		out[i] = m.X[i*m.P()+j]
	}
	return out
}

// Length is how many rows the frame has.
func (d Frame) Length() int {
	for _, c := range d.Numbers {
		return len(c)
	}
	for _, c := range d.Texts {
		return len(c)
	}
	return 0
}

// Evaluate evaluates a design. A row leaves where a value that the design or one of the further columns needs is
// missing, or where a factor has a level that is not among those given: as in R's model.frame.
func (d Frame) Evaluate(design Design, levels map[string][]string, further ...string) (Matrix, error) {
	m := Matrix{}
	for _, c := range design.Columns {
		m.Names = append(m.Names, c.Name)
	}
	factors := map[string][]string{}
	for _, c := range design.Columns {
		for _, a := range c.Factors {
			if a.Indicator() {
				factors[a.Column] = levels[a.Column]
			}
		}
	}
	for _, name := range further {
		_, number := d.Numbers[name]
		if _, text := d.Texts[name]; !number && !text {
			return m, stats.Errorf(stats.BadInput, name, "no such column")
		}
		if given, factor := levels[name]; factor {
			factors[name] = given
		}
	}
	row := make([]float64, len(design.Columns))
	for i := range d.Length() {
		if !d.there(i, factors, further) {
			continue
		}
		complete := true
		for j, c := range design.Columns {
			row[j] = 1
			for _, a := range c.Factors {
				value, ok, err := d.Value(a, i)
				if err != nil {
					return m, err
				}
				complete = complete && ok
				row[j] *= value
			}
		}
		if complete {
			m.X = append(m.X, row...)
			m.Rows = append(m.Rows, i)
		}
	}
	return m, nil
}

// CheckLevels refuses a level of a factor that none of the rows has, and levels of a column of the design that none has
// together: their coefficient would be of a column of zeros. The failure is EmptyCell, at the columns and the levels.
func (d Frame) CheckLevels(design Design, factors map[string][]string, rows []int) error {
	for _, name := range slices.Sorted(maps.Keys(factors)) {
		for _, level := range factors[name] {
			if cell := []Atom{{Column: name, Level: level}}; !d.any(cell, rows) {
				return stats.Errorf(stats.EmptyCell, cellName(cell), "no complete row has this level: leave it out of the factor's levels")
			}
		}
	}
	for _, c := range design.Columns {
		if len(c.Factors) < 2 || slices.ContainsFunc(c.Factors, func(a Atom) bool { return !a.Indicator() }) {
			continue
		}
		if !d.any(c.Factors, rows) {
			return stats.Errorf(stats.EmptyCell, cellName(c.Factors), "no complete row has these levels together, so that their interaction cannot be estimated")
		}
	}
	return nil
}

// any tells whether a row has all these levels.
func (d Frame) any(cell []Atom, rows []int) bool {
	return slices.ContainsFunc(rows, func(row int) bool {
		return !slices.ContainsFunc(cell, func(a Atom) bool { return d.Texts[a.Column][row] != a.Level })
	})
}

func cellName(cell []Atom) string {
	var names []string
	for _, a := range cell {
		names = append(names, a.Column+" "+a.Level)
	}
	return strings.Join(names, ", ")
}

func (d Frame) there(row int, factors map[string][]string, further []string) bool {
	for column, levels := range factors {
		if text, ok := d.Texts[column]; ok && !slices.Contains(levels, text[row]) {
			return false
		}
	}
	for _, name := range further {
		if number, ok := d.Numbers[name]; ok && !number[row].Defined {
			return false
		}
		if text, ok := d.Texts[name]; ok && text[row] == "" {
			return false
		}
	}
	return true
}

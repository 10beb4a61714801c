package reference

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strconv"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
)

// Filter keeps the rows where a column stands in a relation to a value; rows without the column drop out.
type Filter struct {
	Column string          `json:"column"`
	Op     string          `json:"op"`
	Value  json.RawMessage `json:"value"`
}

// Data is a data set as text; an empty cell is missing.
type Data struct {
	names []string
	rows  [][]string
}

// Length is how many rows there are.
func (d Data) Length() int { return len(d.rows) }

// ReadCSV reads a data set with a header row.
func ReadCSV(file []byte) (Data, error) {
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\ufeff")))).ReadAll()
	if err != nil {
		return Data{}, stats.Errorf(stats.BadInput, "dataset", "is not a table of comma-separated values: %v", err)
	}
	if len(rows) == 0 {
		return Data{}, stats.Errorf(stats.BadInput, "dataset", "no header row")
	}
	for i, name := range rows[0] {
		if slices.Contains(rows[0][:i], name) {
			return Data{}, stats.Errorf(stats.BadInput, name, "two columns have this name")
		}
	}
	return Data{rows[0], rows[1:]}, nil
}

// Keep gives the rows that pass all filters.
func (d Data) Keep(filters []Filter) (Data, error) {
	out := Data{names: d.names}
	for _, f := range filters {
		if err := f.check(); err != nil {
			return out, err
		}
		if !slices.Contains(d.names, f.Column) {
			return out, stats.Errorf(stats.BadInput, f.Column, "no such column")
		}
	}
	for _, row := range d.rows {
		keep := true
		for _, f := range filters {
			keep = keep && f.passes(row[slices.Index(d.names, f.Column)])
		}
		if keep {
			out.rows = append(out.rows, row)
		}
	}
	return out, nil
}

// check refuses a relation that there is not, and a value that it cannot take.
func (f Filter) check() error {
	value := f.value()
	switch f.Op {
	case "not_missing":
		return nil
	case "in":
		if _, ok := value.([]any); !ok {
			return stats.Errorf(stats.BadInput, f.Column, "the filter in takes a list of values")
		}
		return nil
	case "==", "!=", "<", "<=", ">", ">=":
		switch value.(type) {
		case float64, string:
			return nil
		}
		return stats.Errorf(stats.BadInput, f.Column, "the filter %s takes a number or a text", f.Op)
	}
	return stats.Errorf(stats.BadInput, f.Column, "no filter %q; there are ==, !=, <, <=, >, >=, in and not_missing", f.Op)
}

// value is the filter's value, nil where it is none.
func (f Filter) value() any {
	var value any
	if json.Unmarshal(f.Value, &value) != nil {
		return nil
	}
	return value
}

// passes tells whether a cell stands in the relation; a missing cell stands in none.
func (f Filter) passes(cell string) bool {
	if cell == "" {
		return false
	}
	if f.Op == "not_missing" {
		return true
	}
	value := f.value()
	if f.Op == "in" {
		list, _ := value.([]any)
		return slices.ContainsFunc(list, func(v any) bool { c, ok := compare(cell, v); return ok && c == 0 })
	}
	c, ok := compare(cell, value)
	if !ok { // a number and a text are different and not ordered
		return f.Op == "!="
	}
	switch f.Op {
	case "==":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// compare orders a cell against a number or a text.
func compare(cell string, value any) (int, bool) {
	switch v := value.(type) {
	case float64:
		x, err := strconv.ParseFloat(cell, 64)
		switch {
		case err != nil:
			return 0, false
		case x < v:
			return -1, true
		case x > v:
			return 1, true
		}
		return 0, true
	case string:
		return slices.Compare([]byte(cell), []byte(v)), true
	}
	return 0, false
}

// Frame types the columns: those named as texts stay text, and so does a column with a cell that is no
// number; the rest are numbers.
func (d Data) Frame(texts ...string) formula.Frame {
	out := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
	for i, name := range d.names {
		column := make([]string, len(d.rows))
		numbers, numeric := make([]stats.Number, len(d.rows)), !slices.Contains(texts, name)
		for r, row := range d.rows {
			column[r] = row[i]
			if row[i] == "" || !numeric {
				continue
			}
			x, err := strconv.ParseFloat(row[i], 64)
			numeric = err == nil
			numbers[r] = stats.Number{Value: x, Defined: true}
		}
		if numeric {
			out.Numbers[name] = numbers
		} else {
			out.Texts[name] = column
		}
	}
	return out
}

// Integers gives all cells as whole numbers.
func (d Data) Integers() ([][]int, error) {
	out := make([][]int, len(d.rows))
	for i, row := range d.rows {
		for c, cell := range row {
			v, err := strconv.Atoi(cell)
			if err != nil {
				return nil, stats.Errorf(stats.BadInput, d.names[c], "row %d is not a whole number", i+1)
			}
			out[i] = append(out[i], v)
		}
	}
	return out, nil
}

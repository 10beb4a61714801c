package analyze

import (
	"errors"
	"slices"
	"strconv"

	"afterglow/internal/stats"
)

// placed gives a failure the places as the case names them: a room knows only its arguments.
func placed(err error, places map[string]string) error {
	var failure *stats.Failure
	if errors.As(err, &failure) && places[failure.Where] != "" {
		return stats.Errorf(failure.Kind, places[failure.Where], "%s", failure.Message)
	}
	return err
}

// eachOnce refuses a name that stands twice, or is empty, where each must be another one; where is the field of the input.
func eachOnce(where string, names []string) error {
	for i, name := range names {
		if name == "" {
			return stats.Errorf(stats.BadInput, where, "an empty name, which means missing")
		}
		if slices.Contains(names[:i], name) {
			return stats.Errorf(stats.BadInput, where, "%q is named twice", name)
		}
	}
	return nil
}

// numbers gives columns of numbers, each of them finite or missing.
func (j job) numbers(names ...string) ([][]stats.Number, error) {
	frame := j.data.Frame()
	columns := make([][]stats.Number, len(names))
	for i, name := range names {
		if name == "" {
			return nil, stats.Errorf(stats.BadInput, "input", "a column that is needed is not named")
		}
		column, ok := frame.Numbers[name]
		if !ok {
			if text, found := frame.Texts[name]; found {
				row := slices.IndexFunc(text, func(cell string) bool {
					_, err := strconv.ParseFloat(cell, 64)
					return cell != "" && err != nil
				})
				return nil, stats.Errorf(stats.BadInput, name, "is not a column of numbers: row %d of those that are left holds text; a missing value is an empty cell", row+1)
			}
			return nil, stats.Errorf(stats.BadInput, name, "no such column")
		}
		for row, v := range column {
			if !stats.Finite(v.Value) {
				return nil, stats.Errorf(stats.NotFinite, name, "row %d of those that are left is not a finite number", row+1)
			}
		}
		columns[i] = column
	}
	return columns, nil
}

// complete gives the rows in which every one of the columns is there, column by column.
func (j job) complete(names ...string) ([][]float64, error) {
	columns, err := j.numbers(names...)
	if err != nil {
		return nil, err
	}
	out := make([][]float64, len(names))
	if len(names) == 0 {
		return nil, stats.Errorf(stats.BadInput, "columns", "none are named")
	}
	for row := range columns[0] {
		if slices.ContainsFunc(columns, func(c []stats.Number) bool { return !c[row].Defined }) {
			continue
		}
		for i := range columns {
			out[i] = append(out[i], columns[i][row].Value)
		}
	}
	return out, nil
}

// text gives a column as text, also where its cells look like numbers.
func (j job) text(name string) ([]string, error) {
	if name == "" {
		return nil, stats.Errorf(stats.BadInput, "input", "a column that is needed is not named")
	}
	column, ok := j.data.Frame(name).Texts[name]
	if !ok {
		return nil, stats.Errorf(stats.BadInput, name, "no such column")
	}
	return column, nil
}

// groups gives a response by the levels of a group, rows without a response left out.
func (j job) groups(response, group string, levels ...string) ([][]float64, error) {
	if err := eachOnce("levels of "+group, levels); err != nil {
		return nil, err
	}
	columns, err := j.numbers(response)
	if err != nil {
		return nil, err
	}
	group1, err := j.text(group)
	if err != nil {
		return nil, err
	}
	out := make([][]float64, len(levels))
	for row, value := range columns[0] {
		if i := slices.Index(levels, group1[row]); i >= 0 && value.Defined {
			out[i] = append(out[i], value.Value)
		}
	}
	for i, values := range out {
		if len(values) == 0 {
			return nil, stats.Errorf(stats.EmptyCell, group+" "+levels[i], "has no value of %s", response)
		}
	}
	return out, nil
}

// open counts the rows in which one of the columns is missing: those that complete leaves out.
func (j job) open(names ...string) int {
	count := 0
	columns, _ := j.numbers(names...)
	for row := 0; len(columns) > 0 && row < len(columns[0]); row++ {
		if slices.ContainsFunc(columns, func(c []stats.Number) bool { return !c[row].Defined }) {
			count++
		}
	}
	return count
}

// unanswered counts the rows of the levels that have no response, and those without a level: what groups leaves out, other
// levels apart.
func (j job) unanswered(response, group string, levels ...string) int {
	count := 0
	columns, _ := j.numbers(response)
	belongs, _ := j.text(group)
	for row, level := range belongs {
		if level == "" || slices.Contains(levels, level) && !columns[0][row].Defined {
			count++
		}
	}
	return count
}

// levels gives every row's place among the levels, -1 where it has none of them; without a group all are in one.
func (j job) levels(group string, levels []string, n int) ([]string, []int, error) {
	place := make([]int, n)
	switch {
	case group == "" && len(levels) > 0:
		return nil, nil, stats.Errorf(stats.BadInput, "group", "levels are named, but not the column that holds them")
	case group == "":
		return []string{"all"}, place, nil
	case len(levels) == 0:
		return nil, nil, stats.Errorf(stats.BadInput, "levels", "name the levels of %s that are compared, in their order", group)
	}
	if err := eachOnce("levels", levels); err != nil {
		return nil, nil, err
	}
	column, err := j.text(group)
	if err != nil {
		return nil, nil, err
	}
	for i, value := range column {
		place[i] = slices.Index(levels, value)
	}
	return levels, place, nil
}

// optional reads a column, or gives one value in all rows where none is named.
func (j job) optional(name string, n int, value stats.Number) ([]stats.Number, error) {
	if name == "" {
		return slices.Repeat([]stats.Number{value}, n), nil
	}
	columns, err := j.numbers(name)
	if err != nil {
		return nil, err
	}
	return columns[0], nil
}

// numbered numbers the distinct values of a column as they come up.
func numbered(column []string) []int {
	place := map[string]int{}
	out := make([]int, len(column))
	for i, value := range column {
		if _, known := place[value]; !known {
			place[value] = len(place)
		}
		out[i] = place[value]
	}
	return out
}

// distinct gives the values of a column sorted, the missing one left out.
func distinct(column []string) []string {
	out := slices.Clone(column)
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return s == "" })
}

// coded numbers the values of a column by their place among the levels.
func coded(name string, column, levels []string, rows []int) ([]int, error) {
	place := map[string]int{}
	for i, level := range levels {
		place[level] = i
	}
	out := make([]int, len(rows))
	for i, row := range rows {
		at, known := place[column[row]]
		if !known {
			return nil, stats.Errorf(stats.BadInput, name, "row %d of those that are left is of none of the levels", row+1)
		}
		out[i] = at
	}
	return out, nil
}

package analyze

import (
	"slices"

	"afterglow/internal/stats"
)

// numbers gives columns of numbers.
func (j job) numbers(names ...string) ([][]stats.Number, error) {
	frame := j.data.Frame()
	columns := make([][]stats.Number, len(names))
	for i, name := range names {
		column, ok := frame.Numbers[name]
		if !ok {
			if _, text := frame.Texts[name]; text {
				return nil, stats.Errorf(stats.BadInput, name, "is not a column of numbers")
			}
			return nil, stats.Errorf(stats.BadInput, name, "no such column")
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
	column, ok := j.data.Frame(name).Texts[name]
	if !ok {
		return nil, stats.Errorf(stats.BadInput, name, "no such column")
	}
	return column, nil
}

// groups gives a response by the levels of a group, rows without a response left out.
func (j job) groups(response, group string, levels ...string) ([][]float64, error) {
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

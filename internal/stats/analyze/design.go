package analyze

import (
	"maps"
	"slices"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/glm"
)

// family gives the family that a case names in a field of its input.
func family(field, name string) (glm.Family, error) {
	switch name {
	case "binomial":
		return glm.Logit, nil
	case "gaussian":
		return glm.Gaussian, nil
	}
	return "", stats.Errorf(stats.BadInput, field, "no family %q; there are binomial and gaussian", name)
}

// named is a list of the column, or of none where none is named.
func named(column string) []string {
	if column == "" {
		return nil
	}
	return []string{column}
}

// numeric gives a column of numbers of a frame.
func numeric(frame formula.Frame, name string) ([]stats.Number, error) {
	column, ok := frame.Numbers[name]
	if !ok {
		return nil, stats.Errorf(stats.BadInput, name, "is not a column of numbers")
	}
	return column, nil
}

// numberOf gives a column of numbers in rows in which it is there.
func numberOf(frame formula.Frame, name string, rows []int) ([]float64, error) {
	column, err := numeric(frame, name)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(rows))
	for i, row := range rows {
		out[i] = column[row].Value
	}
	return out, nil
}

// inRows gives a column of text in some rows.
func inRows(column []string, rows []int) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = column[row]
	}
	return out
}

// parsed reads a formula.
func parsed(text string) (formula.Formula, error) {
	f, err := formula.Parse(text)
	if err != nil {
		return f, stats.Errorf(stats.BadInput, "formula", "%v", err)
	}
	return f, nil
}

// responseName is responseOf for a formula that was read before.
func responseName(text, named string) string {
	f, err := formula.Parse(text)
	if err != nil || named != "" {
		return named
	}
	return f.Response
}

// responseOf gives the response of a formula, or the one named where the formula has none; they may not differ.
func responseOf(f formula.Formula, named string) (string, error) {
	switch {
	case named == "":
		return f.Response, nil
	case f.Response != "" && f.Response != named:
		return "", stats.Errorf(stats.BadInput, "response", "is %s, but the formula's is %s", named, f.Response)
	}
	return named, nil
}

// factorsOf gives the columns of a formula that have levels, by name and with their levels.
func factorsOf(f formula.Formula, levels map[string][]string) (names []string, factors map[string][]string) {
	factors = map[string][]string{}
	for _, name := range f.Columns() {
		if known, ok := levels[name]; ok {
			names, factors[name] = append(names, name), known
		}
	}
	return names, factors
}

// frame types the columns; those that a formula takes as numbers are numbers also where they are among the texts, such as a
// covariate whose values are the clusters too.
func (j job) frame(texts []string, factors map[string][]string, formulas ...formula.Formula) formula.Frame {
	frame, plain := j.data.Frame(texts...), j.data.Frame()
	for _, f := range formulas {
		for _, name := range slices.Concat(f.Columns(), randomColumns(f)) {
			if _, factor := factors[name]; factor || !slices.Contains(texts, name) {
				continue
			}
			if numbers, ok := plain.Numbers[name]; ok {
				frame.Numbers[name] = numbers
			}
		}
	}
	return frame
}

// model evaluates a formula with its intercept, and its response, in the rows in which these and the needed columns are
// there. texts are the further columns that hold names also where they look like numbers.
func (j job) model(text, response string, levels map[string][]string, texts []string, needed ...string) (formula.Matrix, []float64, formula.Frame, error) {
	f, err := parsed(text)
	if err != nil {
		return formula.Matrix{}, nil, formula.Frame{}, err
	}
	if response, err = responseOf(f, response); err != nil {
		return formula.Matrix{}, nil, formula.Frame{}, err
	}
	names, factors := factorsOf(f, levels)
	design, err := f.Design(factors)
	if err != nil {
		return formula.Matrix{}, nil, formula.Frame{}, err
	}
	frame := j.frame(slices.Concat(texts, names), factors, f)
	if _, ok := frame.Numbers[response]; !ok {
		return formula.Matrix{}, nil, frame, stats.Errorf(stats.BadInput, response, "the response is not a column of numbers")
	}
	m, err := frame.Evaluate(design, factors, slices.Concat(needed, []string{response})...)
	if err != nil {
		return m, nil, frame, err
	}
	if err := levelsThere(frame, design, factors, m.Rows); err != nil {
		return m, nil, frame, err
	}
	y, err := numberOf(frame, response, m.Rows)
	return m, y, frame, err
}

// covariates evaluates the right side of a formula, its intercept left out, in the rows where the needed columns are there.
func (j job) covariates(right string, levels map[string][]string, texts []string, needed ...string) (formula.Matrix, formula.Frame, error) {
	f, err := parsed("~ " + right)
	if err != nil {
		return formula.Matrix{}, formula.Frame{}, err
	}
	names, factors := factorsOf(f, levels)
	levelled := maps.Clone(factors)
	texts = slices.Concat(texts, names)
	for _, name := range needed {
		if known, ok := levels[name]; ok && slices.Contains(texts, name) {
			factors[name] = known
		}
	}
	f.Intercept = true
	design, err := f.Design(factors)
	if err != nil {
		return formula.Matrix{}, formula.Frame{}, err
	}
	design.Columns = design.Columns[1:]
	frame := j.frame(texts, levelled, f)
	m, err := frame.Evaluate(design, factors, needed...)
	if err != nil {
		return m, frame, err
	}
	return m, frame, levelsThere(frame, design, levelled, m.Rows)
}

// levelsThere refuses levels that no row has; without a row it is the method that says so.
func levelsThere(frame formula.Frame, design formula.Design, factors map[string][]string, rows []int) error {
	if len(rows) == 0 {
		return nil
	}
	return frame.CheckLevels(design, factors, rows)
}

// covariatesOrNone is covariates where a formula may be left out.
func (j job) covariatesOrNone(right string, levels map[string][]string, needed ...string) (formula.Matrix, error) {
	if right == "" {
		right = "1"
	}
	m, _, err := j.covariates(right, levels, nil, needed...)
	return m, err
}

// designs are formulas evaluated in the same complete rows, with each row's group, columns of numbers and cluster.
type designs struct {
	names   [][]string
	x       [][]float64
	group   []int
	numbers [][]float64
	cluster []int
	// excluded counts the rows in which something is missing or no level fits
	excluded int
}

// grouped evaluates formulas in the rows in which nothing that any of them or the further columns need is missing. A row
// whose group is none of the levels leaves; the caller's levels say which.
func (j job) grouped(group string, levels []string, factors map[string][]string, numbers, cluster []string, formulas ...string) (designs, error) {
	texts := append([]string{group}, cluster...)
	used := map[string][]string{group: levels}
	var models []formula.Formula
	needed := append([]string{group}, append(slices.Clone(numbers), cluster...)...)
	for _, text := range formulas {
		f, err := parsed(text)
		if err != nil {
			return designs{}, err
		}
		if slices.Contains(f.Columns(), group) {
			return designs{}, stats.Errorf(stats.BadInput, group, "is the group itself and cannot stand on the right of its model")
		}
		names, levelled := factorsOf(f, factors)
		maps.Copy(used, levelled)
		texts, needed = append(texts, names...), append(needed, f.Columns()...)
		models = append(models, f)
	}
	frame := j.frame(texts, used, models...)
	for _, name := range numbers {
		if _, err := numeric(frame, name); err != nil {
			return designs{}, err
		}
	}
	if err := inLevels(frame, used); err != nil {
		return designs{}, err
	}
	out := designs{}
	var rows []int
	var all formula.Design
	for _, f := range models {
		design, err := f.Design(used)
		if err != nil {
			return designs{}, err
		}
		m, err := frame.Evaluate(design, used, needed...)
		if err != nil {
			return designs{}, err
		}
		out.names, out.x, rows = append(out.names, m.Names), append(out.x, m.X), m.Rows
		all.Columns = append(all.Columns, design.Columns...)
	}
	delete(used, group) // an empty group is the method's to name
	if err := levelsThere(frame, all, used, rows); err != nil {
		return designs{}, err
	}
	out.excluded = frame.Length() - len(rows)
	return out.fill(frame, group, levels, numbers, cluster, rows)
}

func (d designs) fill(frame formula.Frame, group string, levels, numbers, cluster []string, rows []int) (designs, error) {
	var err error
	if d.group, err = coded(group, frame.Texts[group], levels, rows); err != nil {
		return d, err
	}
	for _, name := range numbers {
		values, err := numberOf(frame, name, rows)
		if err != nil {
			return d, err
		}
		d.numbers = append(d.numbers, values)
	}
	for _, name := range cluster {
		d.cluster = numbered(inRows(frame.Texts[name], rows))
	}
	return d, nil
}

// inLevels empties, so that the row counts as incomplete, what is none of its column's levels.
func inLevels(frame formula.Frame, levels map[string][]string) error {
	for name, known := range levels {
		column, ok := frame.Texts[name]
		if !ok {
			return stats.Errorf(stats.BadInput, name, "no such column")
		}
		kept := make([]string, len(column))
		for i, v := range column {
			if slices.Contains(known, v) {
				kept[i] = v
			}
		}
		frame.Texts[name] = kept
	}
	return nil
}

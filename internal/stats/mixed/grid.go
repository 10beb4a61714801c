package mixed

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
)

// Grid asks for model means over the combinations of the columns Over (varying fastest) and By: factors at their
// levels, numeric columns at the values in At or, without such, at their mean over the analysed rows; other factors with
// equal weights. Method names a comparison within each combination of By: revpairwise, pairwise, trt.vs.ctrl or consec.
type Grid struct {
	Spec   string               `json:"-"`
	Over   []string             `json:"over"`
	By     []string             `json:"by"`
	At     map[string][]float64 `json:"at"`
	Method string               `json:"method"`
}

// GridResult is an answer to a Grid.
type GridResult struct {
	Spec string    `json:"spec"`
	Rows []GridRow `json:"rows"`
}

// GridRow is a mean, or a comparison with its name; Place holds the columns' values: text for factors, numbers else.
type GridRow struct {
	Contrast string
	Place    []PlaceOf
	Inference
}

// PlaceOf is the value of a column in a grid.
type PlaceOf struct {
	Column string
	Level  string // of a factor
	Value  float64
	Factor bool
}

// MarshalJSON writes the place's columns by their own names together with the inference.
func (r GridRow) MarshalJSON() ([]byte, error) {
	labels := map[string]any{}
	for _, p := range r.Place {
		if p.Factor {
			labels[p.Column] = p.Level
		} else {
			labels[p.Column] = p.Value
		}
	}
	if r.Contrast != "" {
		labels["contrast"] = r.Contrast
	}
	head, err := json.Marshal(labels)
	if err != nil {
		return nil, err
	}
	tail, err := json.Marshal(r.Inference)
	if err != nil || len(labels) == 0 {
		return tail, err
	}
	return append(append(head[:len(head)-1], ','), tail[1:]...), nil
}

func (f *RandomFit) choices(g Grid, column string) ([]PlaceOf, error) {
	var out []PlaceOf
	if levels, factor := f.factors[column]; factor {
		for _, level := range levels {
			out = append(out, PlaceOf{Column: column, Level: level, Factor: true})
		}
		return out, nil
	}
	numbers, ok := f.frame.Numbers[column]
	if !ok {
		return nil, stats.Errorf(stats.BadInput, column, "no such column to take means over")
	}
	values := g.At[column]
	if len(values) == 0 {
		values = []float64{f.meanOf(numbers)}
	}
	for _, v := range values {
		out = append(out, PlaceOf{Column: column, Value: v})
	}
	return out, nil
}

func (f *RandomFit) meanOf(column []stats.Number) float64 {
	sum := 0.0
	for _, row := range f.data.kept {
		sum += column[row].Value
	}
	return sum / float64(len(f.data.kept))
}

// places lists the combinations of columns, the first varying fastest.
func (f *RandomFit) places(g Grid, columns []string) ([][]PlaceOf, error) {
	out := [][]PlaceOf{nil}
	for _, column := range columns {
		choices, err := f.choices(g, column)
		if err != nil {
			return nil, err
		}
		var next [][]PlaceOf
		for _, c := range choices {
			for _, place := range out {
				next = append(next, append(slices.Clone(place), c))
			}
		}
		out = next
	}
	return out, nil
}

// meanAt is the combination of coefficients that is the model's mean at a place.
func (f *RandomFit) meanAt(g Grid, place []PlaceOf) []float64 {
	at := map[string]PlaceOf{}
	for _, p := range place {
		at[p.Column] = p
	}
	l := make([]float64, len(f.design.Columns))
	for c, column := range f.design.Columns {
		l[c] = 1
		for _, a := range column.Factors {
			p, fixed := at[a.Column]
			switch {
			case !a.Indicator():
				value := p.Value
				if values := g.At[a.Column]; !fixed && len(values) > 0 {
					value = values[0]
				} else if !fixed {
					value = f.meanOf(f.frame.Numbers[a.Column])
				}
				l[c] *= math.Pow(value, float64(max(a.Power, 1)))
			case !fixed:
				l[c] /= float64(len(f.factors[a.Column]))
			case p.Level != a.Level:
				l[c] = 0
			}
		}
	}
	return l
}

func (f *RandomFit) grid(g Grid) (GridResult, error) {
	out := GridResult{Spec: g.Spec, Rows: []GridRow{}}
	places, err := f.places(g, slices.Concat(g.Over, g.By))
	if err != nil {
		return out, err
	}
	for _, place := range places {
		i, err := f.Contrast(f.meanAt(g, place))
		if err != nil {
			return out, err
		}
		out.Rows = append(out.Rows, GridRow{Place: place, Inference: i})
	}
	return out, nil
}

// unseen notes the places of grids whose factors' levels no analysed row has together: what is given there rests on the model.
func (f *RandomFit) unseen(grids []Grid) ([]string, error) {
	var notes []string
	for _, g := range grids {
		places, err := f.places(g, slices.Concat(g.Over, g.By))
		if err != nil {
			return nil, err
		}
		for _, place := range places {
			var names []string
			for _, p := range place {
				if p.Factor {
					names = append(names, p.Column+" "+p.Level)
				}
			}
			seen := slices.ContainsFunc(f.data.kept, func(row int) bool {
				return !slices.ContainsFunc(place, func(p PlaceOf) bool { return p.Factor && f.frame.Texts[p.Column][row] != p.Level })
			})
			note := fmt.Sprintf("no analysed row has %s: the model's mean there, and what is compared with it, depends only on the other rows and on the form of the model", strings.Join(names, ", "))
			if !seen && !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	return notes, nil
}

// gridContrasts compares the places of Over within each place of By; p-values are not adjusted for their number.
func (f *RandomFit) gridContrasts(g Grid) (GridResult, error) {
	out := GridResult{Spec: g.Spec, Rows: []GridRow{}}
	over, err := f.places(g, g.Over)
	if err != nil {
		return out, err
	}
	by, err := f.places(g, g.By)
	if err != nil {
		return out, err
	}
	pairs, err := compared(g.Method, len(over))
	if err != nil {
		return out, err
	}
	for _, within := range by {
		for _, both := range pairs {
			first := f.meanAt(g, slices.Concat(over[both[0]], within))
			second := f.meanAt(g, slices.Concat(over[both[1]], within))
			i, err := f.Contrast(combine(first, 1, second, -1))
			if err != nil {
				return out, err
			}
			out.Rows = append(out.Rows, GridRow{Contrast: f.placeName(over[both[0]]) + " - " + f.placeName(over[both[1]]), Place: within, Inference: i})
		}
	}
	return out, nil
}

// compared lists the comparisons of a method among n places: of the first with the second number.
func compared(method string, n int) ([][2]int, error) {
	var out [][2]int
	for i := range n {
		for j := range i {
			switch method {
			case "revpairwise":
				out = append(out, [2]int{i, j})
			case "pairwise":
				out = append(out, [2]int{j, i})
			case "trt.vs.ctrl":
				if j == 0 {
					out = append(out, [2]int{i, j})
				}
			case "consec":
				if j == i-1 {
					out = append(out, [2]int{i, j})
				}
			default:
				return nil, stats.Errorf(stats.BadInput, "method", "no comparison %q; there are revpairwise, pairwise, trt.vs.ctrl and consec", method)
			}
		}
	}
	if method == "pairwise" { // the first place against all others, then the second, and so on
		slices.SortStableFunc(out, func(a, b [2]int) int { return a[0] - b[0] })
	}
	return out, nil
}

// placeName names a place as emmeans does: values that are numbers, and levels that all look like numbers, are led by
// their column; a name that could be read as a sum or a ratio stands in parentheses.
func (f *RandomFit) placeName(place []PlaceOf) string {
	var names []string
	for _, p := range place {
		switch {
		case !p.Factor:
			names = append(names, p.Column+strconv.FormatFloat(p.Value, 'g', -1, 64))
		case slices.ContainsFunc(f.factors[p.Column], isNoNumber):
			names = append(names, p.Level)
		default:
			names = append(names, p.Column+p.Level)
		}
	}
	name := strings.Join(names, " ")
	if strings.ContainsAny(name, "-+/*") {
		return "(" + name + ")"
	}
	return name
}

func isNoNumber(level string) bool {
	_, err := strconv.ParseFloat(level, 64)
	return err != nil
}

// hypothesis gives the rows of a term's test as lmerTest states them: of type III, which for a model's only term is what
// its columns add to those before them.
func (f *RandomFit) hypothesis(term formula.TermColumns) [][]float64 {
	if len(f.design.Terms) > 1 {
		return marginal(f.design, f.factors, term)
	}
	const negligible = 1e-6
	rows := make([][]float64, term.Count)
	for i := range rows {
		c := term.First + i
		rows[i] = make([]float64, len(f.names))
		for other := c; other < len(f.names); other++ {
			if share := f.r.At(c, other) / f.r.At(c, c); math.Abs(share) >= negligible {
				rows[i][other] = share
			}
		}
	}
	return rows
}

// marginal gives the rows of a term's hypothesis of type III under treatment coding: its coefficients, averaged with
// equal weights over the levels of the further factors of the terms that contain it and have the same numeric part.
func marginal(d formula.Design, levels map[string][]string, term formula.TermColumns) [][]float64 {
	var rows [][]float64
	for c := term.First; c < term.First+term.Count; c++ {
		row := make([]float64, len(d.Columns))
		for other := range d.Columns {
			row[other] = share(d.Columns[c], d.Columns[other], levels)
		}
		rows = append(rows, row)
	}
	return rows
}

// share is the weight of the coefficient of other in the marginal effect of column: 0 where other is not an
// interaction of it with further factors only.
func share(column, other formula.Column, levels map[string][]string) float64 {
	for _, a := range column.Factors {
		if !slices.Contains(other.Factors, a) {
			return 0
		}
	}
	weight := 1.0
	for _, a := range other.Factors {
		if slices.Contains(column.Factors, a) {
			continue
		}
		if !a.Indicator() {
			return 0
		}
		weight /= float64(len(levels[a.Column]))
	}
	return weight
}

package chart

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"afterglow/internal/finding"
)

// line is one curve with its band. label stands at its end, with value after it; a
// point that is not defined interrupts it.
type line struct {
	label  string
	value  string // what the curve ends at, if a reader needs it
	step   bool
	bare   bool // no symbols at the points
	points []point
	// ticks are marks across the curve, such as censored times.
	ticks []point
	zero  bool // draw a line at zero under this curve
	half  bool // draw a line at 50 under this curve
	// unlabelled curves have no name at their end.
	unlabelled bool
	level      bool // a level to compare with, not a group: thin, in ink
}

type point struct {
	x            float64
	y            *float64
	lower, upper *float64
	words        string // what the tooltip says
}

// datum is a point as ECharts reads it.
type datum struct {
	Name  string `json:"name,omitempty"`
	Value [2]any `json:"value"`
}

// series gives the band (a clear line at the lower bound and, stacked on it, an
// area as high as the band), the curve and its ticks.
func (l line) series(t theme, i int) []charts.SingleSeries {
	colour := t.groups[i%len(t.groups)]
	if l.level {
		return []charts.SingleSeries{{
			Name: l.end(), Type: "line", Data: l.data(), Symbol: "none",
			LineStyle: &opts.LineStyle{Color: t.ink, Width: 1, Type: "dotted"}, ItemStyle: &opts.ItemStyle{Color: t.ink},
			LabelLayout: &opts.LabelLayout{MoveOverlap: "shiftY"},
		}}
	}
	var out []charts.SingleSeries
	if lower, height, ok := l.band(); ok {
		stack := fmt.Sprint("band ", i)
		under := charts.SingleSeries{Name: l.end(), Type: "line", Stack: stack, Symbol: "none", Data: lower,
			LineStyle: &opts.LineStyle{Opacity: opts.Float(0)}, ItemStyle: &opts.ItemStyle{Color: colour}}
		filled := under
		filled.Data = height
		filled.AreaStyle = &opts.AreaStyle{Color: colour, Opacity: opts.Float(0.16)}
		if l.step {
			under.Step, filled.Step = "end", "end"
		}
		out = append(out, under, filled)
	}
	curve := charts.SingleSeries{
		Name: wrapped(l.end()), Type: "line", Data: l.data(),
		Symbol: symbols[i%len(symbols)], SymbolSize: 8, ShowSymbol: opts.Bool(true),
		LineStyle:   &opts.LineStyle{Color: colour, Width: 2, Type: dashes[i%len(dashes)]},
		ItemStyle:   &opts.ItemStyle{Color: colour},
		LabelLayout: &opts.LabelLayout{MoveOverlap: "shiftY"},
	}
	if l.unlabelled {
		curve.Name = ""
	}
	if l.step {
		curve.Step = "end"
	}
	if l.bare { // the pointer still finds the points
		curve.ItemStyle.Opacity = opts.Float(0)
	}
	if l.zero {
		curve.MarkLines = across(t, 0, "solid", "")
	}
	if l.half {
		curve.MarkLines = across(t, 50, "dotted", "half is left")
	}
	out = append(out, curve)
	if len(l.ticks) > 0 {
		out = append(out, charts.SingleSeries{
			Name: l.label, Type: "scatter", Data: tickData(l.ticks), Symbol: "rect", SymbolSize: []int{2, 11},
			ItemStyle: &opts.ItemStyle{Color: colour},
		})
	}
	return out
}

// across is a level line over the whole width, with words above its start.
func across(t theme, level float64, dash, words string) *opts.MarkLines {
	return &opts.MarkLines{
		Data: []any{opts.MarkLineNameYAxisItem{YAxis: level}},
		MarkLineStyle: opts.MarkLineStyle{
			Symbol:    []string{"none", "none"},
			Label:     &opts.Label{Show: opts.Bool(words != ""), Formatter: words, Position: "insideStartTop", Color: t.ink},
			LineStyle: &opts.LineStyle{Color: t.ink, Width: 1, Type: dash},
		},
	}
}

// end is what stands at the end of the curve.
func (l line) end() string {
	return strings.TrimSpace(l.label + " " + l.value)
}

// keyed takes the names of groups away from the ends of the curves if one of them is
// too long to stand there, and gives them in the curves' order: a key above the
// picture names them, and the ends keep their values.
func keyed(lines []line) ([]line, []string) {
	var names []string
	long := false
	for _, l := range lines {
		if l.level || l.unlabelled {
			continue
		}
		names = append(names, l.label)
		long = long || strings.Count(wrapped(l.label), "\n") >= labelLines
	}
	if !long {
		return lines, nil
	}
	ends := slices.Clone(lines)
	for i := range ends {
		if !ends[i].level {
			ends[i].label = ""
		}
	}
	return ends, names
}

// labelLines is how many lines of a label fit at the end of a curve.
const labelLines = 2

// labelLetters is how many letters of a label fit on one of its lines.
const labelLetters = 13

// wrapped breaks a label at spaces and after hyphens: left to itself, the drawing
// breaks a word such as sublingual-home wherever the line ends.
func wrapped(label string) string {
	var lines []string
	for _, part := range strings.SplitAfter(strings.ReplaceAll(label, "-", "-\x00"), "\x00") {
		for _, word := range strings.SplitAfter(strings.TrimSuffix(part, "\x00"), " ") {
			last := len(lines) - 1
			if last >= 0 && len([]rune(strings.TrimRight(lines[last]+word, " "))) <= labelLetters {
				lines[last] += word
			} else if word != "" {
				lines = append(lines, word)
			}
		}
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// band gives nulls where a bound is not defined, so the band breaks there; ok is
// false when no point has bounds.
func (l line) band() (lower, height []datum, ok bool) {
	for _, p := range l.points {
		low := datum{Value: [2]any{p.x, nil}}
		high := low
		if p.lower != nil && p.upper != nil {
			low.Value[1] = tidy(*p.lower)
			high.Value[1] = tidy(*p.upper - *p.lower)
			ok = true
		}
		lower = append(lower, low)
		height = append(height, high)
	}
	return lower, height, ok
}

func (l line) data() []datum {
	data := make([]datum, 0, len(l.points))
	for _, p := range l.points {
		d := datum{Name: p.words, Value: [2]any{p.x, nil}}
		if p.y != nil {
			d.Value[1] = tidy(*p.y)
		}
		data = append(data, d)
	}
	return data
}

func tickData(ticks []point) []datum {
	data := make([]datum, 0, len(ticks))
	for _, p := range ticks {
		data = append(data, datum{Name: p.words, Value: [2]any{p.x, tidy(*p.y)}})
	}
	return data
}

// tidy drops digits that no screen shows, so an option set stays small and does
// not change with the last bit of a fit.
func tidy(v float64) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return math.Round(v*1e4) / 1e4
}

// reader reads a table's cells by column name.
type reader struct {
	table finding.Table
	row   []finding.Cell
}

func (r reader) text(column string) string {
	if i := r.table.Column(column); i >= 0 {
		return r.row[i].Text
	}
	return ""
}

func (r reader) number(column string) *float64 {
	if i := r.table.Column(column); i >= 0 {
		return r.row[i].Number
	}
	return nil
}

// words writes a column's value as its table does.
func (r reader) words(column string) string {
	if i := r.table.Column(column); i >= 0 {
		return r.table.Columns[i].Words(r.row[i])
	}
	return ""
}

// rowsOf lists the readers of one group's rows.
func rowsOf(t finding.Table, column, group string) []reader {
	i := t.Column(column)
	var rows []reader
	for _, row := range t.Rows {
		if i >= 0 && row[i].Text == group {
			rows = append(rows, reader{table: t, row: row})
		}
	}
	return rows
}

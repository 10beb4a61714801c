package research

import (
	"strings"

	"afterglow/internal/chart"
	"afterglow/internal/finding"
)

// Table is a finding's table as a page shows it: both bounds of an interval in
// one column, texts as row headers, numbers aligned right.
type Table struct {
	Caption string
	Columns []Column
	Rows    [][]Cell
	Notes   []string
	// Folded tables stand behind a summary.
	Folded bool
}

// Column is a table's column.
type Column struct {
	Label   string
	Numeric bool
}

// Cell is one value in words.
type Cell struct {
	Text    string
	Numeric bool
	Header  bool
}

// boundNames are the pairs of columns that make one interval.
var boundNames = []struct{ lower, upper string }{
	{"ci_lower", "ci_upper"}, {"change_ci_lower", "change_ci_upper"}, {"lower", "upper"},
	{"adjusted_ci_lower", "adjusted_ci_upper"}, {"unadjusted_ci_lower", "unadjusted_ci_upper"},
}

func upperOf(lower string) string {
	for _, b := range boundNames {
		if b.lower == lower {
			return b.upper
		}
	}
	return ""
}

// showTable puts a finding's table into words, without the columns named; false
// where it is absent or has no rows.
func showTable(f finding.Finding, name string, without ...string) (Table, bool) {
	source, ok := f.Table(name)
	if !ok || len(source.Rows) == 0 {
		return Table{}, false
	}
	t := Table{Caption: source.Caption, Notes: source.Notes}
	skip := map[int]bool{}
	for _, column := range without {
		skip[source.Column(column)] = true
	}
	for i, c := range source.Columns {
		if skip[i] {
			continue
		}
		numeric := isNumeric(source, i)
		if upper := source.Column(upperOf(c.Name)); upper >= 0 {
			skip[upper] = true
			t.Columns = append(t.Columns, Column{Label: intervalLabel(f), Numeric: true})
			continue
		}
		t.Columns = append(t.Columns, Column{Label: heading(c.Label), Numeric: numeric})
	}
	names := labels(f)
	for _, cells := range source.Rows {
		var shown []Cell
		for i, c := range source.Columns {
			if skip[i] {
				continue
			}
			text := c.Words(cells[i])
			if c.Name == "note" {
				text = cells[i].Text
			}
			if upper := source.Column(upperOf(c.Name)); upper >= 0 && !cells[i].Empty() && !cells[upper].Empty() {
				text += to + source.Columns[upper].Words(cells[upper])
			}
			switch c.Name {
			case "contrast", "group":
				text = names.of(cells[i].Text)
			case "visit":
				text = chart.VisitWords(text)
			}
			shown = append(shown, Cell{Text: text, Numeric: t.Columns[len(shown)].Numeric, Header: i == 0})
		}
		t.Rows = append(t.Rows, shown)
	}
	return t, true
}

// heading begins a column's label with a capital, unless it is a symbol like p
// or df.
func heading(label string) string {
	if len(label) < 3 {
		return label
	}
	return capital(label)
}

// isNumeric looks at the rows: a column of numbers may have gaps.
func isNumeric(t finding.Table, column int) bool {
	for _, cells := range t.Rows {
		if cells[column].Number != nil {
			return true
		}
	}
	return false
}

func intervalLabel(f finding.Finding) string {
	for _, e := range f.Estimates {
		if e.Level > 0 {
			return levelWords(e.Level)
		}
	}
	return "interval"
}

// riskTable turns the numbers at risk so that days run across, as they stand in the
// chart.
func riskTable(f finding.Finding) (Table, bool) {
	source, ok := f.Table("at_risk")
	if !ok || len(source.Rows) == 0 {
		return Table{}, false
	}
	var groups, days []string
	number := map[[2]string]string{}
	for _, r := range rows(f, "at_risk") {
		group, day := r.words("group"), r.words("day")
		if !has(groups, group) {
			groups = append(groups, group)
		}
		if !has(days, day) {
			days = append(days, day)
		}
		number[[2]string{group, day}] = r.words("n_risk")
	}
	t := Table{Caption: source.Caption, Columns: []Column{{Label: "Group"}}, Notes: source.Notes}
	for _, day := range days {
		t.Columns = append(t.Columns, Column{Label: "Day " + day, Numeric: true})
	}
	for _, group := range groups {
		shown := []Cell{{Text: labels(f).of(group), Header: true}}
		for _, day := range days {
			text := number[[2]string{group, day}]
			if text == "" {
				text = "0"
			}
			shown = append(shown, Cell{Text: text, Numeric: true})
		}
		t.Rows = append(t.Rows, shown)
	}
	return t, true
}

func has(list []string, s string) bool {
	for _, other := range list {
		if other == s {
			return true
		}
	}
	return false
}

// timeQuantities are the summaries of the time in response, in the order of
// their table.
var timeQuantities = []struct{ name, label, short string }{
	{"restricted_mean", "Mean of responders, days", "mean of responders"},
	{"restricted_mean_difference", "Difference of these means, days", "difference of responders"},
	{"restricted_mean_assessed", "Mean of everyone assessed, days", "mean of everyone assessed"},
	{"restricted_mean_assessed_difference", "Difference of these means, days", "difference of everyone assessed"},
	{"restricted_mean_treated", "Mean of everyone treated, days", "mean of everyone treated"},
	{"restricted_mean_treated_difference", "Difference of these means, days", "difference of everyone treated"},
}

// timeTable lists the summaries of the time in response. What the estimates note
// stands below it, once for all groups that share it.
func timeTable(f finding.Finding) (Table, bool) {
	t := Table{
		Caption: "How long the response lasted",
		Columns: []Column{{Label: "Group"}, {Label: "Quantity"}, {Label: "Estimate", Numeric: true}, {Label: intervalLabel(f), Numeric: true}, {Label: "Patients", Numeric: true}},
	}
	for _, q := range timeQuantities {
		var notes []string
		groups := map[string][]string{}
		for _, e := range f.Named(q.name) {
			group := labels(f).of(e.Group)
			t.Rows = append(t.Rows, []Cell{
				{Text: group, Header: true}, {Text: q.label},
				{Text: optional(e.Estimate), Numeric: true}, {Text: bounds(e), Numeric: true},
				{Text: finding.NumberWords(float64(e.N), 0), Numeric: true},
			})
			if note := strings.TrimSuffix(e.Note, "."); note != "" {
				if groups[note] == nil {
					notes = append(notes, note)
				}
				groups[note] = append(groups[note], group)
			}
		}
		for _, note := range notes {
			t.Notes = append(t.Notes, sentence(q.short+" ("+join(groups[note])+"): "+note))
		}
	}
	return t, len(t.Rows) > 0
}

func optional(v *float64) string {
	if v == nil {
		return "\u2013"
	}
	return finding.NumberWords(*v, 0)
}

// bounds writes an interval; one that is known on one side only has one bound.
func bounds(e finding.Estimate) string {
	switch {
	case e.CILower != nil && e.CIUpper != nil:
		return optional(e.CILower) + to + optional(e.CIUpper)
	case e.CILower != nil:
		return "from " + optional(e.CILower)
	case e.CIUpper != nil:
		return "up to " + optional(e.CIUpper)
	default:
		return "\u2013"
	}
}

package research

import (
	"strings"

	"afterglow/internal/chart"
	"afterglow/internal/finding"
)

// undefined is how a cell without a value is written.
const undefined = "\u2013"

// pivot turns a table of one row a group and visit into one row a group, with
// the visits across. cell writes the value of a group at a visit.
func pivot(f finding.Finding, name, by string, cell func(row) string) (Table, bool) {
	source, ok := f.Table(name)
	if !ok || len(source.Rows) == 0 {
		return Table{}, false
	}
	t := Table{Caption: source.Caption, Notes: source.Notes, Columns: []Column{{Label: map[string]string{"group": "Group", "contrast": "Difference"}[by]}}}
	var visits, groups []string
	values := map[[2]string]string{}
	for _, r := range rows(f, name) {
		group, visit := r.text(by), r.text("visit")
		if !has(groups, group) {
			groups = append(groups, group)
		}
		if !has(visits, visit) {
			visits = append(visits, visit)
			t.Columns = append(t.Columns, Column{Label: chart.VisitWords(visit), Numeric: true})
		}
		values[[2]string{group, visit}] = cell(r)
	}
	names := labels(f)
	for _, group := range groups {
		shown := []Cell{{Text: names.of(group), Header: true}}
		for _, visit := range visits {
			text, there := values[[2]string{group, visit}]
			if !there {
				text = undefined
			}
			shown = append(shown, Cell{Text: text, Numeric: true})
		}
		t.Rows = append(t.Rows, shown)
	}
	return t, true
}

// changes are the changes from baseline, where the model has one.
func changes(f finding.Finding) (Table, bool) {
	some := false
	t, ok := pivot(f, "visits", "group", func(r row) string {
		if r.value("change") == nil {
			return undefined
		}
		some = true
		return r.words("change") + between(r, "change_ci_lower", "change_ci_upper")
	})
	t.Caption = "Change from baseline, points"
	return t, ok && some
}

// inBrackets writes the interval of an estimate.
// to stands between the limits of an interval in a table: no cell breaks there.
const to = "\u00a0to\u00a0"

func inBrackets(r row) string { return between(r, "ci_lower", "ci_upper") }

func between(r row, lower, upper string) string {
	if r.value(lower) == nil || r.value(upper) == nil {
		return ""
	}
	return " (" + r.words(lower) + to + r.words(upper) + ")"
}

// names are what the clinic calls the groups of a finding.
type names map[string]string

func labels(f finding.Finding) names {
	n := names{}
	for _, g := range f.Groups {
		n[g.Name] = g.Label
	}
	return n
}

// of names a group, or both groups of a contrast "A - B", at the head of a row.
func (n names) of(group string) string { return capital(n.within(group)) }

// within is of in the middle of a sentence.
func (n names) within(group string) string {
	if label := n[group]; label != "" {
		return label
	}
	for at := strings.Index(group, " - "); at >= 0; {
		first, second := n[group[:at]], n[group[at+3:]]
		if first != "" && second != "" {
			return first + " \u2212 " + second
		}
		next := strings.Index(group[at+3:], " - ")
		if next < 0 {
			break
		}
		at += 3 + next
	}
	return chart.ContrastWords(group)
}

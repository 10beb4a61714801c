package durability

import (
	"fmt"

	"afterglow/internal/finding"
)

// visitTable lists every group and visit that was asked about, also what the model
// leaves out, with who answered.
func (r *retained) visitTable() finding.Table {
	f := r.whole
	caption := fmt.Sprintf("Model means of %s by %s and visit, with who answered", f.scale(), f.grouping())
	if f.ungrouped {
		caption = fmt.Sprintf("Model means of %s by visit, with who answered", f.scale())
	}
	t := finding.Table{Name: "visits", Caption: caption,
		Columns: []finding.Column{
			{Name: "group", Label: f.grouping()}, {Name: "visit", Label: "visit"}, {Name: "day", Label: "day"},
			{Name: "n_expected", Label: "patients"}, {Name: "n_answered", Label: "answered"}, {Name: "n_missing", Label: "not answered"},
			{Name: "ls_mean", Label: "model mean", Unit: "points", Digits: 1},
			{Name: "ci_lower", Label: "from", Unit: "points", Digits: 1}, {Name: "ci_upper", Label: "to", Unit: "points", Digits: 1},
			{Name: "change", Label: "change from baseline", Unit: "points", Digits: 1},
			{Name: "change_ci_lower", Label: "from", Unit: "points", Digits: 1}, {Name: "change_ci_upper", Label: "to", Unit: "points", Digits: 1},
		}}
	if r.baseline != nil {
		note := fmt.Sprintf("At a baseline of %s points, the mean over the analysed visits, taken as a constant in the intervals.", signed(*r.baseline, 1))
		if r.shared != nil {
			note = fmt.Sprintf("From a baseline of %s points, the same for everyone analysed.", signed(*r.baseline, 1))
		}
		t.Notes = append(t.Notes, note)
	}
	for _, g := range f.groups {
		for _, visit := range f.study.Visits {
			expected, answered := f.completion.at(g.Name, visit.Name)
			row := []finding.Cell{finding.Text(g.Name), finding.Text(visit.Name), finding.Count(visit.Day), finding.Count(expected),
				finding.Count(answered), finding.Count(expected - answered)}
			mean, ok := r.means[[2]string{g.Name, visit.Name}]
			row = append(row, cells(mean, ok)...)
			change, ok := r.change(g.Name, visit.Name)
			t.Rows = append(t.Rows, append(row, cells(change, ok)...))
		}
	}
	return t
}

// cells are an estimate and its interval; empty where there is none.
func cells(i inference, ok bool) []finding.Cell {
	if !ok {
		return make([]finding.Cell, 3)
	}
	return []finding.Cell{finding.Optional(defined(i.estimate)), finding.Optional(i.lower), finding.Optional(i.upper)}
}

func (r *retained) differenceTable() finding.Table {
	t := finding.Table{Name: "differences", Caption: fmt.Sprintf("Differences between groups of %s at each visit", r.f.study.Arm.Name),
		Columns: []finding.Column{
			{Name: "contrast", Label: "comparison"}, {Name: "visit", Label: "visit"}, {Name: "day", Label: "day"},
			{Name: "estimate", Label: "difference", Unit: "points", Digits: 1}, {Name: "se", Label: "standard error", Digits: 2}, {Name: "df", Label: "df", Digits: 1},
			{Name: "ci_lower", Label: "from", Unit: "points", Digits: 1}, {Name: "ci_upper", Label: "to", Unit: "points", Digits: 1},
			{Name: "p_value", Label: "p", Digits: 4},
		}}
	for _, d := range r.result.Differences {
		i := choose(d.Inference, r.q.df)
		t.Rows = append(t.Rows, []finding.Cell{finding.Text(d.Contrast), finding.Text(d.Visit), finding.Count(r.f.visit(d.Visit).Day),
			finding.Number(i.estimate), finding.Optional(i.se), finding.Optional(i.df), finding.Optional(i.lower), finding.Optional(i.upper), finding.Optional(i.p)})
	}
	return t
}

// retainedTable is in per cent, as its picture and the sentences are. It begins with
// t*, which is 100 % where there is a benefit.
func (r *retained) retainedTable() finding.Table {
	first, way := r.f.first(), "fall"
	if !r.f.lowerIsBetter() {
		way = "rise"
	}
	t := finding.Table{Name: "retained", Caption: fmt.Sprintf("Share of the benefit at %s that is left at each later visit", first.Name),
		Columns: []finding.Column{
			{Name: "group", Label: r.f.grouping()}, {Name: "visit", Label: "visit"}, {Name: "day", Label: "day"},
			{Name: "estimate", Label: "share left, %", Unit: "%"}, {Name: "ci_lower", Label: "from", Unit: "%"}, {Name: "ci_upper", Label: "to", Unit: "%"},
			{Name: "n_answered", Label: "answered"}, {Name: "note", Label: "note"},
		},
		Notes: []string{fmt.Sprintf("Benefit is the %s from baseline; 100 %% is as much as at %s. Intervals are Fieller's.", way, first.Name)}}
	for _, g := range r.f.groups {
		if r.benefits[g.Name].state == benefitHad {
			_, answered := r.f.completion.at(g.Name, first.Name)
			t.Rows = append(t.Rows, []finding.Cell{finding.Text(g.Name), finding.Text(first.Name), finding.Count(first.Day),
				finding.Number(100), {}, {}, finding.Count(answered), finding.Text("what later visits are compared with")})
		}
		for _, s := range r.shares {
			if s.group != g.Name {
				continue
			}
			_, answered := r.f.completion.at(g.Name, s.visit.Name)
			t.Rows = append(t.Rows, []finding.Cell{finding.Text(g.Name), finding.Text(s.visit.Name), finding.Count(s.visit.Day),
				hundredfold(s.value), hundredfold(s.lower), hundredfold(s.upper), finding.Count(answered), finding.Text(s.note)})
		}
	}
	return t
}

// hundredfold writes a share in per cent.
func hundredfold(share *float64) finding.Cell {
	if share == nil {
		return finding.Cell{}
	}
	return finding.Number(100 * *share)
}

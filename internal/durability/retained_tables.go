package durability

import (
	"fmt"

	"afterglow/internal/finding"
)

func (r *retained) visitTable() finding.Table {
	f := r.f
	t := finding.Table{Name: "visits", Caption: fmt.Sprintf("Model means of %s by %s and visit, with who answered", f.scale(), f.study.Arm.Name),
		Columns: []finding.Column{
			{Name: "group", Label: f.study.Arm.Name}, {Name: "visit", Label: "visit"}, {Name: "day", Label: "day"},
			{Name: "n_expected", Label: "patients"}, {Name: "n_answered", Label: "answered"}, {Name: "n_missing", Label: "not answered"},
			{Name: "ls_mean", Label: "model mean", Unit: "points", Digits: 1},
			{Name: "ci_lower", Label: "from", Unit: "points", Digits: 1}, {Name: "ci_upper", Label: "to", Unit: "points", Digits: 1},
			{Name: "change", Label: "change from baseline", Unit: "points", Digits: 1},
			{Name: "change_ci_lower", Label: "from", Unit: "points", Digits: 1}, {Name: "change_ci_upper", Label: "to", Unit: "points", Digits: 1},
		}}
	if r.baseline != nil {
		t.Notes = append(t.Notes, fmt.Sprintf("At a baseline of %s points, the mean over the analysed visits, taken as a constant in the intervals.", signed(*r.baseline, 1)))
	}
	for _, arm := range f.study.Arm.Levels {
		for _, visit := range f.study.Visits {
			expected, answered := f.completion.at(arm, visit.Name)
			mean := r.means[[2]string{arm, visit.Name}]
			row := []finding.Cell{finding.Text(arm), finding.Text(visit.Name), finding.Count(visit.Day), finding.Count(expected),
				finding.Count(answered), finding.Count(expected - answered), finding.Number(mean.estimate), finding.Optional(mean.lower), finding.Optional(mean.upper)}
			if r.baseline == nil {
				row = append(row, finding.Cell{}, finding.Cell{}, finding.Cell{})
			} else {
				change := mean.shifted(-*r.baseline)
				row = append(row, finding.Number(change.estimate), finding.Optional(change.lower), finding.Optional(change.upper))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
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

func (r *retained) retainedTable() finding.Table {
	first := r.f.first()
	t := finding.Table{Name: "retained", Caption: fmt.Sprintf("Share of the benefit at %s that is left at each later visit", first.Name),
		Columns: []finding.Column{
			{Name: "group", Label: r.f.study.Arm.Name}, {Name: "visit", Label: "visit"}, {Name: "day", Label: "day"},
			{Name: "estimate", Label: "share left", Digits: 2}, {Name: "ci_lower", Label: "from", Digits: 2}, {Name: "ci_upper", Label: "to", Digits: 2},
			{Name: "note", Label: "note"},
		},
		Notes: []string{"Benefit is the fall from baseline; 1.00 means as much as at " + first.Name + ". Intervals are Fieller's."}}
	for _, s := range r.shares {
		t.Rows = append(t.Rows, []finding.Cell{finding.Text(s.arm), finding.Text(s.visit.Name), finding.Count(s.visit.Day),
			finding.Optional(s.value), finding.Optional(s.lower), finding.Optional(s.upper), finding.Text(s.note)})
	}
	return t
}

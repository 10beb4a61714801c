package durability

import (
	"fmt"
	"slices"

	"afterglow/internal/finding"
	"afterglow/internal/stats"
	"afterglow/internal/warehouse"
)

func (q *timeToLoss) estimates() []finding.Estimate {
	f, out := q.f, []finding.Estimate{}
	for i, curve := range q.visits {
		group := q.drawn[i].group
		out = append(out, q.medianEstimates(i)...)
		for k, point := range curve.Points {
			visit := q.planned()[k]
			e := estimate("in_response", group, point.Surv, point.SE, point.Lower, point.Upper, f.level, point.NRisk)
			day := float64(visit.Day)
			e.Visit, e.Day, e.Note = visit.Name, &day, q.pointNote(i, k)
			out = append(out, e)
		}
	}
	for _, m := range q.means() {
		out = append(out, q.meanEstimates(m)...)
	}
	return append(out, q.hazardEstimates()...)
}

// pointNote says why a point of a curve, or its interval, is not known.
func (q *timeToLoss) pointNote(drawn, k int) string {
	point := q.visits[drawn].Points[k]
	switch {
	case k == 0:
		return "1 by definition: these are the patients in response there"
	case !point.Surv.Defined && k > q.lastKnown(drawn):
		return "not known: nobody was followed for so long"
	case !point.Surv.Defined:
		return "not known: no assessment there tells what was lost before it from what was lost after"
	case !point.Lower.Defined && point.Surv.Value == 1:
		return "no interval: no loss is known to lie before"
	case !point.Lower.Defined:
		return "no interval: everybody still followed had lost the response"
	}
	return ""
}

// medianEstimates are the two visits between which half of a group had lost the
// response, in days from t*: after the one and by the other. The interval of both is
// where the limits of the curve pass one half.
func (q *timeToLoss) medianEstimates(drawn int) []finding.Estimate {
	curve, group := q.visits[drawn], q.drawn[drawn].group
	note := q.medianWords(drawn)
	if !curve.Median.Upper.Defined {
		note = q.notReached(drawn)
	}
	out := []finding.Estimate{}
	for _, end := range []struct {
		name  string
		value stats.Number
	}{{"median_after", curve.Median.Lower}, {"median_by", curve.Median.Upper}} {
		e := estimate(end.name, group, end.value, stats.Number{}, curve.MedianLower.Lower, curve.MedianUpper.Upper, q.f.level, curve.N)
		e.Note = note
		out = append(out, e)
	}
	return out
}

// hazardEstimates are the ratios of each group to the first; the error and the
// interval are of the logarithm.
func (q *timeToLoss) hazardEstimates() []finding.Estimate {
	var out []finding.Estimate
	if q.comparison == nil {
		return out
	}
	add := func(name string, ratios []hazardRatio) {
		first := q.comparison.groups[0]
		for i, g := range q.comparison.groups[1:] {
			r := ratios[i+1]
			out = append(out, finding.Estimate{Name: name, Group: g.group + " / " + first.group, Estimate: r.value, CILower: r.lower, CIUpper: r.upper,
				Level: q.f.level, P: r.p, N: first.n + g.n, Note: r.note})
		}
	}
	if q.adjusted {
		add("hazard_ratio_adjusted", q.comparison.adjusted)
	}
	add("hazard_ratio_unadjusted", q.comparison.unadjusted)
	return out
}

func estimate(name, group string, value, se, lower, upper stats.Number, level float64, n int) finding.Estimate {
	return finding.Estimate{Name: name, Group: group, Estimate: pointer(value), SE: pointer(se), CILower: pointer(lower), CIUpper: pointer(upper), Level: level, N: n}
}

func (q *timeToLoss) responderTable() finding.Table {
	first := q.f.first().Name
	t := finding.Table{Name: "responders", Caption: fmt.Sprintf("Who was in response at %s", first),
		Columns: []finding.Column{{Name: "group", Label: q.f.grouping()}, {Name: "n_treated", Label: "patients"},
			{Name: "n_with_baseline", Label: "with a score before treatment"}, {Name: "n_assessed", Label: "assessed at " + first}, {Name: "n_responders", Label: "in response"},
			{Name: "n_worse", Label: "worse than before treatment"}, {Name: "change", Label: "mean change of those assessed", Unit: "points", Digits: 1}},
		Notes: []string{"In response: " + q.definitionWords() + "."}}
	if q.response.Percent != nil {
		t.Columns[2].Label = "with a score above 0 before treatment"
	}
	for _, g := range q.counts {
		change := finding.Cell{}
		if g.assessed() > 0 {
			change = finding.Number(g.meanChange())
		}
		t.Rows = append(t.Rows, []finding.Cell{finding.Text(g.group), finding.Count(g.treated()),
			finding.Count(g.treated() - g.byStatus[warehouse.LossNoBaseline]), finding.Count(g.assessed()), finding.Count(g.inResponse()), finding.Count(g.worse), change})
	}
	return t
}

func (q *timeToLoss) medianTable() finding.Table {
	t := finding.Table{Name: "medians", Caption: "When half of the responders had lost their response",
		Columns: []finding.Column{{Name: "group", Label: q.f.grouping()}, {Name: "n", Label: "responders"}, {Name: "half", Label: "half lost it"}, {Name: "interval", Label: levelWords(q.f.level)}},
		Notes:   []string{"Known only up to the visits between which it lies; the interval is where the limits of the curve pass one half."}}
	for i, curve := range q.visits {
		words := q.medianWords(i)
		if !curve.Median.Upper.Defined {
			words = q.notReached(i)
		}
		t.Rows = append(t.Rows, []finding.Cell{finding.Text(q.drawn[i].group), finding.Count(curve.N), finding.Text(words), finding.Text(q.medianLimits(i))})
	}
	return t
}

func (q *timeToLoss) survivalTable() finding.Table {
	first := q.f.first().Name
	t := finding.Table{Name: "survival", Caption: "Share still in response, by visit",
		Columns: []finding.Column{{Name: "group", Label: q.f.grouping()}, {Name: "visit", Label: "visit"}, {Name: "day", Label: "day"}, {Name: "time", Label: "days since " + first}, {Name: "n_risk", Label: "at risk"},
			{Name: "n_event", Label: "loss found here"}, {Name: "n_censor", Label: "last seen here, in response"}, {Name: "surv", Label: "still in response", Digits: 2},
			{Name: "lower", Label: "from", Digits: 2}, {Name: "upper", Label: "to", Digits: 2}},
		Notes: []string{"Turnbull's estimate, read at the visits; pointwise intervals on the complementary log-log scale. Between two visits the curve is not known."}}
	for i, curve := range q.visits {
		for k, p := range curve.Points {
			t.Rows = append(t.Rows, []finding.Cell{finding.Text(q.drawn[i].group), finding.Text(q.planned()[k].Name), finding.Count(q.planned()[k].Day), finding.Number(p.Time), finding.Count(p.NRisk), finding.Count(p.NEvent),
				finding.Count(p.NCensor), finding.Optional(pointer(p.Surv)), finding.Optional(pointer(p.Lower)), finding.Optional(pointer(p.Upper))})
		}
	}
	return t
}

func (q *timeToLoss) atRiskTable() finding.Table {
	t := finding.Table{Name: "at_risk", Caption: "Numbers at risk",
		Columns: []finding.Column{{Name: "group", Label: q.f.grouping()}, {Name: "visit", Label: "visit"}, {Name: "day", Label: "day"}, {Name: "time", Label: "days since " + q.f.first().Name}, {Name: "n_risk", Label: "at risk"}}}
	for i, curve := range q.visits {
		for k, p := range curve.Points {
			t.Rows = append(t.Rows, []finding.Cell{finding.Text(q.drawn[i].group), finding.Text(q.planned()[k].Name), finding.Count(q.planned()[k].Day), finding.Number(p.Time), finding.Count(p.NRisk)})
		}
	}
	return t
}

func (q *timeToLoss) hazardTable() finding.Table {
	c := q.comparison
	t := finding.Table{Name: "hazards", Caption: "Hazard of losing the response",
		Columns: []finding.Column{{Name: "group", Label: q.f.grouping()}},
		Notes: []string{fmt.Sprintf("Each group compared with %s; above 1 the response is lost sooner. Wald intervals of the logarithm; a loss is taken to lie anywhere between two assessments.",
			q.f.labelOf(c.groups[0].group))}}
	shown := [][]hazardRatio{c.unadjusted}
	if q.adjusted {
		t.Columns = append(t.Columns, ratioColumns("adjusted", "hazard ratio, adjusted by baseline", c.adjusted)...)
		shown = [][]hazardRatio{c.adjusted, c.unadjusted}
	}
	t.Columns = append(t.Columns, ratioColumns("unadjusted", "hazard ratio, unadjusted", c.unadjusted)...)
	t.Columns = append(t.Columns, finding.Column{Name: "n", Label: "responders assessed again"}, finding.Column{Name: "n_lost", Label: "lost"},
		finding.Column{Name: "baseline", Label: "mean baseline", Unit: "points", Digits: 1})
	for i, g := range c.groups {
		row := []finding.Cell{finding.Text(g.group)}
		for _, ratios := range shown {
			r := ratios[i]
			if i == 0 {
				r.value = pointer(stats.Of(1)) // the reference
			}
			row = append(row, finding.Optional(r.value), finding.Optional(r.lower), finding.Optional(r.upper), finding.Optional(r.p))
			if note := capital(r.note) + "."; r.note != "" && !slices.Contains(t.Notes, note) {
				t.Notes = append(t.Notes, note)
			}
		}
		row = append(row, finding.Count(g.n), finding.Count(g.lost), finding.Cell{})
		if g.n > 0 {
			row[len(row)-1] = finding.Number(g.baseline)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// ratioColumns have as many decimals as the narrowest interval supports.
func ratioColumns(name, label string, ratios []hazardRatio) []finding.Column {
	digits := 1
	for _, r := range ratios {
		if r.lower != nil && r.upper != nil {
			digits = max(digits, r.digits())
		}
	}
	return []finding.Column{{Name: name, Label: label, Digits: digits}, {Name: name + "_ci_lower", Label: "from", Digits: digits},
		{Name: name + "_ci_upper", Label: "to", Digits: digits}, {Name: name + "_p_value", Label: "p", Digits: 3}}
}

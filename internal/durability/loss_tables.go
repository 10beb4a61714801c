package durability

import (
	"fmt"
	"slices"

	"afterglow/internal/finding"
	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
	"afterglow/internal/warehouse"
)

func (q *timeToLoss) estimates() []finding.Estimate {
	f, out := q.f, []finding.Estimate{}
	for i, curve := range q.curves.Groups {
		group, n := q.drawn[i].group, curve.N
		for _, quantile := range curve.Quantiles {
			if quantile.P == 0.5 {
				e := estimate("median_time", group, quantile.Estimate, stats.Number{}, quantile.LowerLogLog, quantile.UpperLogLog, f.level, n)
				if e.Estimate == nil {
					e.Note = "not reached: fewer than half lost their response while they were followed"
				}
				out = append(out, e)
			}
		}
		for j, point := range curve.At {
			visit := f.study.Visits[f.firstVisit+j]
			e := estimate("in_response", group, point.Surv, point.SE, point.LowerLogLog, point.UpperLogLog, f.level, point.NRisk)
			day := float64(visit.Day)
			e.Visit, e.Day = visit.Name, &day
			out = append(out, e)
		}
	}
	for _, m := range q.means() {
		out = appendRMST(out, m.name, m.note, m.result, f.level)
	}
	return append(out, q.hazardEstimates()...)
}

// mean is one way to average the days in response: of whom, and what is to be known
// about it.
type mean struct {
	name, caption, note string
	result              survival.Result
}

// means are of responders; of everyone assessed; and of everyone treated. The last
// two do not select after treatment.
func (q *timeToLoss) means() []mean {
	first := q.f.first()
	within := fmt.Sprintf("days in response within %g days of %s", q.tau, first.Name)
	everyone := fmt.Sprintf("%s, which is day %g from %s: nobody counts as in response before %s, and who was not in response there has 0 days",
		within, float64(first.Day)+q.tau, anchorWords(q.f.study.Anchor), first.Name)
	return []mean{
		{name: "restricted_mean", note: within, result: q.curves},
		{name: "restricted_mean_assessed", caption: "Days in response of everyone assessed at " + first.Name, note: everyone, result: q.assessed},
		{name: "restricted_mean_treated", caption: "Days in response of everyone treated", result: q.treated,
			note: everyone + ", as has who was not assessed there, so that each mean is the least it can be"},
	}
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

// appendRMST adds the restricted mean of each group, then each one's difference to
// the first.
func appendRMST(out []finding.Estimate, name, note string, result survival.Result, level float64) []finding.Estimate {
	if len(result.Groups) == 0 || result.Groups[0].RMST == nil {
		return out
	}
	for _, c := range result.Groups {
		e := estimate(name, c.Level, c.RMST.Estimate, c.RMST.SE, c.RMST.Lower, c.RMST.Upper, level, c.N)
		e.Note = note
		out = append(out, e)
	}
	first := result.Groups[0]
	for _, c := range result.Groups[1:] {
		d, _ := survival.CompareRMST(first, c, level)
		e := estimate(name+"_difference", d.Contrast, d.Estimate, d.SE, d.Lower, d.Upper, level, first.N+c.N)
		e.P = pointer(d.PValue)
		out = append(out, e)
	}
	return out
}

func (q *timeToLoss) responderTable() finding.Table {
	t := finding.Table{Name: "responders", Caption: fmt.Sprintf("Who was in response at %s", q.f.first().Name),
		Columns: []finding.Column{{Name: "group", Label: q.f.study.Arm.Name}, {Name: "n_treated", Label: "patients"},
			{Name: "n_with_baseline", Label: "with a baseline above 0"}, {Name: "n_assessed", Label: "assessed at " + q.f.first().Name}, {Name: "n_responders", Label: "in response"}},
		Notes: []string{"In response: " + q.responseWords() + "."}}
	for _, g := range q.counts {
		treated := g.treated()
		t.Rows = append(t.Rows, []finding.Cell{finding.Text(g.group), finding.Count(treated),
			finding.Count(treated - g.byStatus[warehouse.LossNoBaseline]), finding.Count(g.assessed()), finding.Count(g.inResponse())})
	}
	return t
}

func (q *timeToLoss) survivalTable() finding.Table {
	t := finding.Table{Name: "survival", Caption: "Share still in response, by days since " + q.f.first().Name,
		Columns: []finding.Column{{Name: "group", Label: q.f.study.Arm.Name}, {Name: "time", Label: "days"}, {Name: "n_risk", Label: "at risk"},
			{Name: "n_event", Label: "lost"}, {Name: "n_censor", Label: "last seen in response"}, {Name: "surv", Label: "still in response", Digits: 3},
			{Name: "lower", Label: "from", Digits: 3}, {Name: "upper", Label: "to", Digits: 3}},
		Notes: []string{"Pointwise intervals on the complementary log-log scale."}}
	for i, curve := range q.curves.Groups {
		for _, row := range curve.Table {
			t.Rows = append(t.Rows, []finding.Cell{finding.Text(q.drawn[i].group), finding.Number(row.Time), finding.Count(row.NRisk), finding.Count(row.NEvent),
				finding.Count(row.NCensor), finding.Number(row.Surv), finding.Optional(pointer(row.LowerLogLog)), finding.Optional(pointer(row.UpperLogLog))})
		}
	}
	return t
}

func (q *timeToLoss) atRiskTable() finding.Table {
	t := finding.Table{Name: "at_risk", Caption: "Numbers at risk",
		Columns: []finding.Column{{Name: "group", Label: q.f.study.Arm.Name}, {Name: "time", Label: "days"}, {Name: "n_risk", Label: "at risk"}}}
	for i, curve := range q.curves.Groups {
		for _, point := range curve.At {
			t.Rows = append(t.Rows, []finding.Cell{finding.Text(q.drawn[i].group), finding.Number(point.Time), finding.Count(point.NRisk)})
		}
	}
	return t
}

// meanTables set everyone beside responders: what a comparison of those who were
// selected after treatment is held against.
func (q *timeToLoss) meanTables() []finding.Table {
	var out []finding.Table
	for _, m := range q.means()[1:] {
		if m.result.Groups[0].RMST != nil {
			out = append(out, q.meanTable(m))
		}
	}
	return out
}

func (q *timeToLoss) meanTable(m mean) finding.Table {
	first := m.result.Groups[0]
	t := finding.Table{Name: m.name, Caption: m.caption, Notes: []string{capital(m.note) + "."},
		Columns: []finding.Column{{Name: "group", Label: q.f.study.Arm.Name}, {Name: "n", Label: "patients"},
			{Name: "mean", Label: "mean days in response", Digits: 1}, {Name: "mean_ci_lower", Label: "from", Digits: 1}, {Name: "mean_ci_upper", Label: "to", Digits: 1},
			{Name: "difference", Label: "difference to " + first.Level, Digits: 1}, {Name: "difference_ci_lower", Label: "from", Digits: 1},
			{Name: "difference_ci_upper", Label: "to", Digits: 1}, {Name: "p_value", Label: "p", Digits: 4}}}
	for i, c := range m.result.Groups {
		row := []finding.Cell{finding.Text(c.Level), finding.Count(c.N), finding.Optional(pointer(c.RMST.Estimate)), finding.Optional(pointer(c.RMST.Lower)), finding.Optional(pointer(c.RMST.Upper))}
		d := survival.RMSTDifference{}
		if i > 0 {
			d, _ = survival.CompareRMST(first, c, q.f.level)
		}
		t.Rows = append(t.Rows, append(row, finding.Optional(pointer(d.Estimate)), finding.Optional(pointer(d.Lower)), finding.Optional(pointer(d.Upper)), finding.Optional(pointer(d.PValue))))
	}
	if len(t.Rows) == 1 {
		t.Columns, t.Rows[0] = t.Columns[:5], t.Rows[0][:5]
	}
	return t
}

func (q *timeToLoss) hazardTable() finding.Table {
	c := q.comparison
	t := finding.Table{Name: "hazards", Caption: "Hazard of losing the response",
		Columns: []finding.Column{{Name: "group", Label: q.f.study.Arm.Name}},
		Notes:   []string{fmt.Sprintf("Each group against %s; above 1 the response is lost sooner. Wald intervals of the logarithm; a loss is taken to lie anywhere between two assessments.", c.groups[0].group)}}
	shown := [][]hazardRatio{c.unadjusted}
	if q.adjusted {
		t.Columns = append(t.Columns, ratioColumns("adjusted", "hazard ratio, adjusted by baseline")...)
		shown = [][]hazardRatio{c.adjusted, c.unadjusted}
	}
	t.Columns = append(t.Columns, ratioColumns("unadjusted", "hazard ratio, unadjusted")...)
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
	if c.leftOut > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d assessments after rare distances between visits are left out.", c.leftOut))
	}
	return t
}

func ratioColumns(name, label string) []finding.Column {
	return []finding.Column{{Name: name, Label: label, Digits: 2}, {Name: name + "_ci_lower", Label: "from", Digits: 2},
		{Name: name + "_ci_upper", Label: "to", Digits: 2}, {Name: name + "_p_value", Label: "p", Digits: 4}}
}

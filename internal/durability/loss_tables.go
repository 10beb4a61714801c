package durability

import (
	"fmt"

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
		out = appendRMST(out, "restricted_mean", group, curve, f.level)
		out = appendRMST(out, "restricted_mean_treated", group, q.treated.Groups[i], f.level)
	}
	out = appendDifference(out, "restricted_mean_difference", q.curves, f.level)
	return appendDifference(out, "restricted_mean_treated_difference", q.treated, f.level)
}

func estimate(name, group string, value, se, lower, upper stats.Number, level float64, n int) finding.Estimate {
	return finding.Estimate{Name: name, Group: group, Estimate: pointer(value), SE: pointer(se), CILower: pointer(lower), CIUpper: pointer(upper), Level: level, N: n}
}

func appendRMST(out []finding.Estimate, name, group string, curve survival.Curve, level float64) []finding.Estimate {
	if curve.RMST == nil {
		return out
	}
	e := estimate(name, group, curve.RMST.Estimate, curve.RMST.SE, curve.RMST.Lower, curve.RMST.Upper, level, curve.N)
	e.Note = fmt.Sprintf("days in response within %g days", curve.RMST.Tau)
	return append(out, e)
}

func appendDifference(out []finding.Estimate, name string, result survival.Result, level float64) []finding.Estimate {
	d := result.RMSTDifference
	if d == nil {
		return out
	}
	e := estimate(name, d.Contrast, d.Estimate, d.SE, d.Lower, d.Upper, level, result.Groups[0].N+result.Groups[1].N)
	e.P = pointer(d.PValue)
	return append(out, e)
}

func (q *timeToLoss) responderTable() finding.Table {
	t := finding.Table{Name: "responders", Caption: fmt.Sprintf("Who was in response at %s", q.f.first().Name),
		Columns: []finding.Column{{Name: "group", Label: q.f.study.Arm.Name}, {Name: "n_treated", Label: "patients"},
			{Name: "n_with_baseline", Label: "with a baseline above 0"}, {Name: "n_assessed", Label: "assessed at " + q.f.first().Name}, {Name: "n_responders", Label: "in response"}},
		Notes: []string{"In response: " + q.responseWords() + "."}}
	for _, g := range q.counts {
		treated := 0
		for _, n := range g.byStatus {
			treated += n
		}
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

package durability

import (
	"fmt"

	"afterglow/internal/finding"
	"afterglow/internal/stats/survival"
)

// mean is one way to average the days in response: for which patients, and what is to be known
// about it.
type mean struct {
	name, caption, note string
	result              survival.Result
}

// means are of responders; of everyone assessed; and of everyone treated. The last
// two do not select after treatment.
func (q *timeToLoss) means() []mean {
	if q.tau == 0 {
		return nil
	}
	first := q.f.first()
	within := fmt.Sprintf("days in response within %g days of %s", q.tau, first.Name)
	all := fmt.Sprintf("%s, which is day %g from %s: nobody counts as in response before %s, and anyone not in response there has 0 days",
		within, float64(first.Day)+q.tau, anchorWords(q.f.study.Anchor), first.Name)
	return []mean{
		{name: "restricted_mean", note: within, result: q.curves},
		{name: "restricted_mean_assessed", caption: "Days in response of everyone assessed at " + first.Name, note: all, result: q.assessed},
		{name: "restricted_mean_treated", caption: "Days in response of everyone treated", result: q.treated,
			note: all + ", as has anyone who was not assessed there, so each mean is the smallest possible"},
	}
}

// noError tells whether a group's mean has no error, because all have the same days.
func noError(c survival.Curve) bool {
	return c.RMST != nil && c.RMST.Estimate.Defined && !(c.RMST.SE.Value > 0)
}

// tooSure is what is to be said of a mean without an error; empty for others.
func (q *timeToLoss) tooSure(c survival.Curve, compared bool) string {
	if !noError(c) {
		return ""
	}
	words := "no interval: the mean " + q.f.among(c.Level) + " has no error, because no loss was found before its end or all were found on one day"
	if compared {
		words += "; the interval of a difference to it counts the error of the other group only and is too narrow"
	}
	return words
}

// meanEstimates are the restricted mean of each group, with limits that stay between
// 0 and tau, then each one's difference to the first.
func (q *timeToLoss) meanEstimates(m mean) []finding.Estimate {
	var out []finding.Estimate
	several := len(m.result.Groups) > 1
	for _, c := range m.result.Groups {
		lower, upper := survival.RestrictedMeanLimits(*c.RMST, q.f.level)
		e := estimate(m.name, c.Level, c.RMST.Estimate, c.RMST.SE, lower, upper, q.f.level, c.N)
		e.Note = m.note
		if !c.RMST.Estimate.Defined {
			e.Note = "not known: the group was not followed for so long"
		}
		if sure := q.tooSure(c, several); sure != "" {
			e.Note += "; " + sure
		}
		out = append(out, e)
	}
	if !several {
		return out
	}
	first := m.result.Groups[0]
	for _, c := range m.result.Groups[1:] {
		d, _ := survival.CompareRMST(first, c, q.f.level)
		e := estimate(m.name+"_difference", d.Contrast, d.Estimate, d.SE, d.Lower, d.Upper, q.f.level, first.N+c.N)
		e.P = pointer(d.PValue)
		for _, one := range []survival.Curve{first, c} {
			if sure := q.tooSure(one, true); sure != "" && e.Note == "" {
				e.Note = sure
			}
		}
		out = append(out, e)
	}
	return out
}

// meanTables set everyone beside responders: what a comparison of those who were
// selected after treatment is read with.
func (q *timeToLoss) meanTables() []finding.Table {
	var out []finding.Table
	for _, m := range q.means() {
		if m.caption != "" {
			out = append(out, q.meanTable(m))
		}
	}
	return out
}

func (q *timeToLoss) meanTable(m mean) finding.Table {
	first := m.result.Groups[0]
	t := finding.Table{Name: m.name, Caption: m.caption,
		Notes: []string{capital(m.note) + ".", fmt.Sprintf("Intervals of means are those of the logit of their share of the %g days, so they stay between 0 and %g; those of differences are normal ones.", q.tau, q.tau)}}
	rows := make([][]finding.Cell, len(m.result.Groups))
	digits := 0
	for i, c := range m.result.Groups {
		lower, upper := survival.RestrictedMeanLimits(*c.RMST, q.f.level)
		if lower.Defined {
			digits = max(digits, min(1, digitsFor(upper.Value-lower.Value)))
		}
		d := survival.RMSTDifference{}
		if i > 0 {
			d, _ = survival.CompareRMST(first, c, q.f.level)
		}
		rows[i] = []finding.Cell{finding.Text(c.Level), finding.Count(c.N), finding.Optional(pointer(c.RMST.Estimate)), finding.Optional(pointer(lower)), finding.Optional(pointer(upper)),
			finding.Optional(pointer(d.Estimate)), finding.Optional(pointer(d.Lower)), finding.Optional(pointer(d.Upper)), finding.Optional(pointer(d.PValue))}
		if sure := q.tooSure(c, len(rows) > 1); sure != "" {
			t.Notes = append(t.Notes, capital(sure)+".")
		}
	}
	t.Columns = []finding.Column{{Name: "group", Label: q.f.grouping()}, {Name: "n", Label: "patients"},
		{Name: "mean", Label: "mean days in response", Digits: digits}, {Name: "mean_ci_lower", Label: "from", Digits: digits}, {Name: "mean_ci_upper", Label: "to", Digits: digits},
		{Name: "difference", Label: "difference to " + q.f.labelOf(first.Level), Digits: digits}, {Name: "difference_ci_lower", Label: "from", Digits: digits},
		{Name: "difference_ci_upper", Label: "to", Digits: digits}, {Name: "p_value", Label: "p", Digits: 3}}
	t.Rows = rows
	if len(rows) == 1 {
		t.Columns, t.Rows[0] = t.Columns[:5], t.Rows[0][:5]
	}
	return t
}

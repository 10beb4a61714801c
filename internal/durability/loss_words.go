package durability

import (
	"fmt"

	"afterglow/internal/finding"
	"afterglow/internal/stats/survival"
	"afterglow/internal/warehouse"
)

// answer is the one sentence above the chart.
func (q *timeToLoss) answer() string {
	f := q.f
	last := len(q.laterDays()) - 1
	parts := []string{}
	for i, curve := range q.curves.Groups {
		point := curve.At[last]
		words := q.groupWords(i) + " this cannot be said, because nobody was followed so long,"
		if point.Surv.Defined {
			words = percent(point.Surv.Value) + " were still in response " + q.groupWords(i)
			if point.LowerLogLog.Defined && point.UpperLogLog.Defined {
				words += fmt.Sprintf(" (%s %s to %s)", levelWords(f.level), signed(100*point.LowerLogLog.Value, 0), signed(100*point.UpperLogLog.Value, 0))
			}
		}
		parts = append(parts, words)
	}
	responders, treated, unknown := 0, 0, 0
	for _, g := range q.counts {
		responders += g.inResponse()
		treated += g.assessed()
		unknown += g.byStatus[warehouse.LossNoBaseline] + g.byStatus[warehouse.LossNotAssessed]
	}
	return fmt.Sprintf("Of %s in response at %s, %s at %s, %g days later. %s were assessed at %s; %d were not, and are not counted as anything.",
		patients(responders), f.first().Name, list(parts), f.last().Name, q.laterDays()[last],
		capital(patients(treated)), f.first().Name, unknown)
}

func (q *timeToLoss) groupWords(i int) string {
	if !q.byArm {
		return "overall"
	}
	return "in " + q.drawn[i].group
}

func (q *timeToLoss) method() string {
	return fmt.Sprintf("Kaplan-Meier estimate from counts by day that ClickHouse made, with complementary log-log intervals at %s. "+
		"The clock starts at %s and stops at the first later assessment no longer in response, or is censored at the last assessment. "+
		"Response is %s. Restricted means are areas under the curve to day %g; among everyone assessed, a patient not in response at %s has 0 days.",
		levelPercent(q.f.level), q.f.first().Name, q.responseWords(), q.tau, q.f.first().Name)
}

func (q *timeToLoss) caveats() []finding.Caveat {
	out := []finding.Caveat{
		{Code: "selected-after-treatment", Text: "Responders are selected after treatment, so the groups compared here need not be alike; the restricted mean among everyone assessed stands beside it for that reason."},
		{Code: "known-only-at-visits", Text: "The loss is dated to the visit that found it. It happened at some time since the visit before, so the true times are earlier than drawn."},
		{Code: "censoring", Text: "Patients who stopped answering are taken to be like those who went on answering. If the worse ones leave, the curve is too high."},
	}
	if !q.response.Confirmed {
		out = append(out, finding.Caveat{Code: "definition-unconfirmed", Text: "The definition of response used here is unconfirmed for this instrument; a site can set its own."})
	}
	for _, g := range q.counts {
		if g.inResponse() == 0 {
			out = append(out, finding.Caveat{Code: "no-responders", Text: fmt.Sprintf("Nobody of group %s was in response at %s, so it has no curve.", g.group, q.f.first().Name)})
			continue
		}
		if g.inResponse() < 30 {
			out = append(out, finding.Caveat{Code: "few-patients", Text: fmt.Sprintf("Only %s in response in group %s: read the interval, not the line.", patients(g.inResponse()), g.group)})
		}
	}
	if last := shortest(q.curves); last < q.laterDays()[len(q.laterDays())-1] {
		out = append(out, finding.Caveat{Code: "follow-up", Text: fmt.Sprintf("One group was followed for %g days only; nothing is said beyond.", last)})
	}
	return append(out, q.f.sharedCaveats()...)
}

// shortest is the last time to which every group was followed.
func shortest(r survival.Result) float64 {
	out := -1.0
	for _, c := range r.Groups {
		if last := c.Table[len(c.Table)-1].Time; out < 0 || last < out {
			out = last
		}
	}
	return out
}

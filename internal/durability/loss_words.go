package durability

import (
	"fmt"
	"strings"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/stats/survival"
	"afterglow/internal/warehouse"
)

// answer is what stands above the chart: the share still in response by group, each
// of its own number, then how the hazards compare, then who was assessed.
func (q *timeToLoss) answer() string {
	f := q.f
	last := len(q.laterDays()) - 1
	known, unknown := []string{}, []string{}
	for i, curve := range q.curves.Groups {
		point := curve.At[last]
		if !point.Surv.Defined {
			unknown = append(unknown, q.groupWords(i))
			continue
		}
		words := fmt.Sprintf("%s of %s", percent(point.Surv.Value), q.groupWords(i))
		if point.LowerLogLog.Defined && point.UpperLogLog.Defined {
			words += fmt.Sprintf(" (%s %s to %s)", levelWords(f.level), signed(100*point.LowerLogLog.Value, 0), signed(100*point.UpperLogLog.Value, 0))
		}
		known = append(known, words)
	}
	sentences := []string{}
	if len(known) > 0 {
		sentences = append(sentences, fmt.Sprintf("Of those in response at %s, an estimated %s were still in response at %s, %g days later.",
			f.first().Name, list(known), f.last().Name, q.laterDays()[last]))
	}
	if len(unknown) > 0 {
		sentences = append(sentences, fmt.Sprintf("Of %s in response at %s it cannot be said how many were still so at %s, because nobody was followed so long.",
			list(unknown), f.first().Name, f.last().Name))
	}
	if words := q.hazardWords(); words != "" {
		sentences = append(sentences, words)
	}
	treated, missing := 0, 0
	for _, g := range q.counts {
		treated += g.assessed()
		missing += g.byStatus[warehouse.LossNoBaseline] + g.byStatus[warehouse.LossNotAssessed]
	}
	return strings.Join(append(sentences, fmt.Sprintf("Assessed at %s: %s; not assessed there, and not counted as anything: %d.",
		f.first().Name, patients(treated), missing)), " ")
}

// groupWords is a group's number of responders with its name.
func (q *timeToLoss) groupWords(i int) string {
	n := q.drawn[i].inResponse()
	if !q.byArm {
		return patients(n)
	}
	return fmt.Sprintf("%d in %s", n, q.drawn[i].group)
}

// hazardWords is the sentence of the hazards: at the same baseline where it
// adjusts, otherwise of the groups as they came.
func (q *timeToLoss) hazardWords() string {
	if q.comparison == nil {
		return ""
	}
	ratios, how := q.comparison.unadjusted, "Unadjusted"
	if q.adjusted {
		ratios, how = q.comparison.adjusted, "At the same baseline"
	}
	parts, apart := []string{}, false
	for i, g := range q.comparison.groups {
		r := ratios[i]
		if r.value == nil || r.lower == nil || r.upper == nil {
			continue
		}
		apart = apart || *r.lower > 1 || *r.upper < 1
		parts = append(parts, fmt.Sprintf("%s in %s (%s %s to %s)", signed(*r.value, 2), g.group, levelWords(q.f.level), signed(*r.lower, 2), signed(*r.upper, 2)))
	}
	if len(parts) == 0 {
		return ""
	}
	verdict := ""
	if !apart {
		verdict = ", so the data do not tell these groups apart"
	}
	return fmt.Sprintf("%s, the hazard of losing the response was, as a multiple of that in %s, %s%s.", how, q.comparison.groups[0].group, list(parts), verdict)
}

func (q *timeToLoss) summaryWords() string {
	words := "Kaplan-Meier curve, its median, and the restricted mean time in response among responders, everyone assessed and everyone treated"
	if !q.byArm {
		return words
	}
	words += ", with each group's difference to the first; the ratio of each group's hazard of losing the response to the first's, unadjusted"
	if q.adjusted {
		words += " and at the same baseline"
	}
	return words
}

func (q *timeToLoss) method() string {
	f := q.f
	words := fmt.Sprintf("Kaplan-Meier estimate from counts by day that ClickHouse made, with complementary log-log intervals at %s. "+
		"The clock starts at %s and stops at the first later assessment no longer in response, or is censored at the last assessment; the curve steps at the assessment that found the loss, "+
		"which is known only to lie in (last assessment in response, first no longer in response]. "+
		"Response is %s. Restricted means are areas under the curve to day %g after %s; among everyone assessed, a patient not in response at %s has 0 days, and among everyone treated also one who was not assessed there.",
		levelPercent(f.level), f.first().Name, q.responseWords(), q.tau, f.first().Name, f.first().Name)
	if q.comparison == nil {
		return words
	}
	words += " Hazard ratios are of a grouped proportional hazards model (binomial, complementary log-log link) for each assessment after one in response, with an intercept for each pair of visits that followed each other"
	if q.adjusted {
		words += "; adjusted, with the baseline score as a covariate, straight on the logarithm of the hazard"
	}
	return words + "; fitted to counts by group, pair of visits and baseline point that ClickHouse made; Wald intervals."
}

func (q *timeToLoss) caveats() []finding.Caveat {
	out := []finding.Caveat{
		{Code: "selected-after-treatment", Text: "Responders are selected after treatment, so the groups compared here need not be alike; the restricted means among everyone assessed and everyone treated stand beside it for that reason."},
		{Code: "known-only-at-visits", Text: "A loss is known only to lie in (last assessment in response, first no longer in response]. The curve and the restricted means date it to the assessment that found it, so the true times are earlier than drawn; the hazard ratios take it as lying anywhere between the two."},
		{Code: "censoring", Text: "Patients who stopped answering are taken to be like those who went on answering. If the worse ones leave, the curve is too high."},
	}
	out = append(out, q.comparisonCaveats()...)
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

// comparisonCaveats are those of groups held against each other.
func (q *timeToLoss) comparisonCaveats() []finding.Caveat {
	c, factor := q.comparison, q.f.study.Arm
	if c == nil {
		return nil
	}
	baselines := []string{}
	for _, g := range c.groups {
		if g.n > 0 {
			baselines = append(baselines, fmt.Sprintf("%s points in %s", signed(g.baseline, 1), g.group))
		}
	}
	text := fmt.Sprintf("The curves, medians and restricted means compare groups as they came. Before treatment the responders compared had a mean of %s.", list(baselines))
	if factor.Assignment != care.AssignmentRandomised {
		text += fmt.Sprintf(" If severity decided who got which %s, it shows in the curves as if it were the %s's doing.", factor.Name, factor.Name)
	}
	if q.adjusted {
		text += " Only the adjusted hazard ratio compares patients of the same baseline, and of nothing else: whatever else decided stays in it."
	} else {
		text += " The hazard ratios, unadjusted as asked here, do the same."
	}
	out := []finding.Caveat{{Code: "curves-unadjusted", Text: text},
		{Code: "proportional-hazards", Text: "One hazard ratio stands for the whole follow-up. Where the curves cross, it is an average that holds at no time."}}
	if n := len(c.groups) - 1; n > 1 {
		out = append(out, finding.Caveat{Code: "several-comparisons", Text: fmt.Sprintf("Each of %d groups is compared with %s, at %s; the comparisons are not corrected for being several.",
			n, c.groups[0].group, levelPercent(q.f.level))})
	}
	return out
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

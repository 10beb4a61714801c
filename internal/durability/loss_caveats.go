package durability

import (
	"fmt"

	"afterglow/internal/care"
	"afterglow/internal/finding"
)

func (q *timeToLoss) caveats() []finding.Caveat {
	out := []finding.Caveat{}
	add := func(code, format string, args ...any) {
		out = append(out, finding.Caveat{Code: code, Text: fmt.Sprintf(format, args...)})
	}
	text := "Responders are selected after treatment: how long a response lasts says nothing about those who had none. The restricted means among everyone assessed and everyone treated count them."
	if q.f.compares() {
		text = "Responders are selected after treatment, so the groups compared here need not be alike; the restricted means among everyone assessed and everyone treated are given for that reason."
	}
	add("selected-after-treatment", "%s", text)
	add("known-only-at-visits", "A loss is known only to lie in (last assessment in response, first no longer in response]. The shares are estimated from these intervals and stand at the visits; lines between visits only join them. "+
		"The restricted means date a loss to the assessment that found it, so they are longer than the true ones.")
	add("censoring", "Patients who stopped answering are taken to be like those who went on answering. If the worse ones leave, the curve is too high.")
	if e := q.f.event(eventBooster); q.untilBooster && e.Recorded && *e.Courses > 0 {
		add("ended-at-booster", "Follow-up ends at a booster as if those who got one were like those who did not. If boosters went to those whose response was fading, the curve is too high.")
	}
	out = append(out, q.comparisonCaveats()...)
	if !q.response.Confirmed {
		add("definition-unconfirmed", "The definition of response used here is unconfirmed for this instrument; a site can set its own.")
	}
	for _, g := range q.counts {
		switch {
		case g.assessed() > 0 && g.inResponse() == 0:
			add("no-responders", "Nobody %s was in response at %s (%s assessed), so there is no curve.", q.f.among(g.group), q.f.when(q.f.first()), patients(g.assessed()))
		case g.inResponse() == 0:
			add("no-responders", "Nobody %s was assessed at %s with a score before treatment, so there is no curve.", q.f.among(g.group), q.f.when(q.f.first()))
		case g.inResponse() < 30:
			add("few-patients", "Only %s in response %s: read the interval, not the line.", patients(g.inResponse()), q.f.among(g.group))
		}
	}
	out = append(out, q.reachCaveats()...)
	for _, m := range q.means() {
		for _, c := range m.result.Groups {
			if m.caption != "" && len(m.result.Groups) > 1 && noError(c) {
				add("mean-without-error", "%s: %s.", m.caption, q.tooSure(c, true))
			}
		}
	}
	return append(out, q.f.sharedCaveats()...)
}

// reachCaveats say which visits nobody has reached, and which groups were followed
// less far than others.
func (q *timeToLoss) reachCaveats() []finding.Caveat {
	out := []finding.Caveat{}
	far := 0
	for i := range q.drawn {
		far = max(far, q.lastKnown(i))
	}
	for _, v := range q.planned()[far+1:] {
		out = append(out, finding.Caveat{Code: "visit-left-out", Text: fmt.Sprintf("%s is left out of the answer: no responder was followed for so long (%d of %s answered there).",
			v.Name, q.f.completion.answered(v.Name), patients(q.f.completion.subjects()))})
	}
	for i, g := range q.drawn {
		if last := q.lastKnown(i); last < far {
			out = append(out, finding.Caveat{Code: "follow-up", Text: fmt.Sprintf("Responders %s were followed to %s only; nothing is said about them after that.", q.f.among(g.group), q.f.when(q.planned()[last]))})
		}
	}
	return out
}

// comparisonCaveats are those of groups compared with each other.
func (q *timeToLoss) comparisonCaveats() []finding.Caveat {
	c, factor := q.comparison, q.f.study.Arm
	if c == nil {
		return nil
	}
	baselines := []string{}
	for _, g := range c.groups {
		if g.n > 0 {
			baselines = append(baselines, fmt.Sprintf("%s points %s", signed(g.baseline, 1), q.f.among(g.group)))
		}
	}
	text := "The curves and restricted means compare the groups without adjustment."
	if len(baselines) > 0 {
		text += fmt.Sprintf(" Before treatment the responders compared had a mean of %s.", list(baselines))
	}
	if factor.Assignment != care.AssignmentRandomised {
		text += fmt.Sprintf(" If severity influenced who got which %s, the curves show it as if it were an effect of the %s.", factor.Name, factor.Name)
	}
	if q.adjusted {
		text += " Only the adjusted hazard ratio compares patients with the same baseline. It adjusts for nothing else, so any other difference between the groups remains in it."
	} else {
		text += " The hazard ratios, unadjusted as asked here, do the same."
	}
	out := []finding.Caveat{{Code: "curves-unadjusted", Text: text},
		{Code: "proportional-hazards", Text: "One hazard ratio stands for the whole follow-up. Where the curves cross, it is an average that holds at no time."}}
	if n := len(c.groups) - 1; n > 1 {
		out = append(out, finding.Caveat{Code: "several-comparisons", Text: fmt.Sprintf("Each of %d groups is compared with the one %s, at %s; the comparisons are not corrected for multiplicity.",
			n, q.f.among(c.groups[0].group), levelPercent(q.f.level))})
	}
	return out
}

package durability

import (
	"fmt"
	"strings"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/warehouse"
)

// refusal is why there is no curve, the sentence that says so with what happened,
// and the numbers that decided it.
type refusal struct {
	reason, answer string
	numbers        map[string]any
}

// refuse is the finding without an estimate.
func (q *timeToLoss) refuse(a *Asker, why refusal) finding.Finding {
	if why.numbers == nil {
		why.numbers = map[string]any{}
	}
	out := q.f.refuse(a, timeToLossName, timeToLossTitle, q.estimand(), why.reason, why.numbers)
	out.Answer, out.Events = why.answer, q.events()
	if q.counts != nil {
		out.N, out.NMissing = 0, 0
		for _, g := range q.counts {
			out.N += g.inResponse()
			out.NMissing += g.unknown()
		}
		out.Tables = []finding.Table{q.responderTable()}
	}
	return out
}

// undefinedResponse: the question needs a definition that somebody published.
func (q *timeToLoss) undefinedResponse() refusal {
	return refusal{
		reason: fmt.Sprintf("this instrument's file names no published definition of a response on %s", q.f.scale()),
		answer: fmt.Sprintf("This is not answered: no published definition says how large an improvement on %s is a response, so there is no response to lose.", q.f.scale()),
		numbers: map[string]any{"patients": q.f.completion.subjects(), "baselines": q.f.completion.answered(care.BaselineVisit),
			"assessed": q.f.completion.answered(q.f.first().Name)},
	}
}

// nothing says why there is no curve, with what happened instead; its reason is
// empty where there is one.
func (q *timeToLoss) nothing() refusal {
	var all groupCounts
	again := 0
	for _, g := range q.counts {
		for status, n := range g.byStatus {
			all.byStatus[status] += n
		}
		all.change += g.change
		all.worse += g.worse
		again += g.assessedAgain()
	}
	out := refusal{numbers: map[string]any{"patients": all.treated(), "without_baseline": all.byStatus[warehouse.LossNoBaseline],
		"assessed": all.assessed(), "in_response": all.inResponse(), "assessed_again": again}}
	first := q.f.when(q.f.first())
	switch {
	case all.treated() > 0 && all.byStatus[warehouse.LossNoBaseline] == all.treated():
		out.reason = "without a score before treatment there is no response to lose"
		out.answer = fmt.Sprintf("This cannot be said: none of %s has a score before treatment, and without it there is no response to lose.", patients(all.treated()))
		if n := q.f.completion.answered(care.BaselineVisit); n > 0 {
			out.reason = "no score before treatment is above 0, and a share of 0 is not defined"
			out.answer = fmt.Sprintf("This cannot be said: the scores before treatment, of %s, are all 0, and an improvement by a share of 0 is not defined.", patients(n))
		}
	case all.assessed() == 0:
		out.reason = fmt.Sprintf("nobody with a score before treatment was assessed at %s%s", first, q.beforeBooster())
		out.answer = fmt.Sprintf("This cannot be said: of %s nobody with a score before treatment was assessed at %s%s, so it is not known who was in response.", patients(all.treated()), first, q.beforeBooster())
	case all.inResponse() == 0:
		out.reason = fmt.Sprintf("nobody was in response at %s", first)
		out.answer = fmt.Sprintf("There was no response to lose: at %s none of the %s assessed was in response (%s). %s", first, patients(all.assessed()), q.definitionWords(), q.changeWords(q.counts))
	case len(q.later()) == 0:
		out.reason = fmt.Sprintf("no visit is planned after %s", first)
		out.answer = fmt.Sprintf("It cannot be said how long a response lasts, because no visit is planned after %s: %d of the %s assessed there were in response.", first, all.inResponse(), patients(all.assessed()))
	case again == 0:
		out.reason = fmt.Sprintf("nobody in response at %s has been assessed since%s", first, q.beforeBooster())
		out.answer = fmt.Sprintf("It cannot be said yet how long a response lasts: of the %s assessed at %s, %d were in response, and none of them has been assessed since%s.",
			patients(all.assessed()), first, all.inResponse(), q.beforeBooster())
	}
	return out
}

// beforeBooster is said where follow-up ends at a booster.
func (q *timeToLoss) beforeBooster() string {
	if q.untilBooster && q.f.recordsSessions() {
		return " before a booster"
	}
	return ""
}

// changeWords say how the scores of groups had changed at t*: by how much, and how
// many were worse than before treatment.
func (q *timeToLoss) changeWords(groups []groupCounts) string {
	parts := []string{}
	for _, g := range groups {
		if g.assessed() == 0 {
			continue
		}
		mean := signed(g.meanChange(), 1)
		if g.meanChange() > 0 && mean != signed(0, 1) {
			mean = "+" + mean
		}
		where := ""
		if !q.f.ungrouped {
			where = " " + q.f.among(g.group)
		}
		parts = append(parts, fmt.Sprintf("%s points%s (%d of %d worse than before treatment)", mean, where, g.worse, g.assessed()))
	}
	if len(parts) == 0 {
		return ""
	}
	better := "a fall is better"
	if q.higherIsBetter() {
		better = "a rise is better"
	}
	return fmt.Sprintf("The mean change from before treatment was %s; %s.", list(parts), better)
}

// verdicts are the groups with the answer for each in a few words.
func (q *timeToLoss) verdicts() []finding.Group {
	out := append([]finding.Group(nil), q.f.groups...)
	for i := range out {
		out[i].Verdict = q.verdict(out[i].Name)
	}
	return out
}

func (q *timeToLoss) verdict(group string) string {
	for _, g := range q.counts {
		if g.group == group && g.assessed() > 0 && g.inResponse() == 0 {
			return "nobody in response"
		}
	}
	for i, g := range q.drawn {
		if g.group != group || q.lastKnown(i) == 0 {
			continue
		}
		if q.visits[i].Median.Upper.Defined {
			return "half lost it " + q.medianWords(i)
		}
		return strings.TrimSuffix(fmt.Sprintf("fewer than half lost it by %s", q.f.when(q.planned()[q.lastKnown(i)])), " ")
	}
	return verdictUnknown
}

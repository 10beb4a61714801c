package durability

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/stats"
)

// when says where a visit stands, in weeks or days from the anchor, with the
// study's own name for it unless that says the same.
func (f *frame) when(v care.Visit) string {
	words, number := fmt.Sprintf("day %d", v.Day), v.Day
	if v.Day > 0 && v.Day%7 == 0 {
		words, number = fmt.Sprintf("week %d", v.Day/7), v.Day/7
	}
	digits := strings.FieldsFunc(v.Name, func(r rune) bool { return r < '0' || r > '9' })
	if slices.Contains(digits, fmt.Sprint(v.Day)) || slices.Contains(digits, fmt.Sprint(number)) {
		return words
	}
	return fmt.Sprintf("%s (%s)", v.Name, words)
}

// at is the visit that is so many days after t*.
func (q *timeToLoss) at(days stats.Number) string {
	for _, v := range q.planned() {
		if float64(v.Day-q.f.first().Day) == days.Value {
			return q.f.when(v)
		}
	}
	return fmt.Sprintf("day %g", float64(q.f.first().Day)+days.Value)
}

// definitionWords say what a response is, by the instrument's direction.
func (q *timeToLoss) definitionWords() string {
	side := "below"
	if q.higherIsBetter() {
		side = "above"
	}
	if q.response.Percent != nil {
		return fmt.Sprintf("at least %s %% %s the score before treatment", q.response.Percent, side)
	}
	return fmt.Sprintf("at least %s points %s the score before treatment", q.response.Points, side)
}

// medianWords say between which visits half of a group had lost the response; the
// curve must have come down so far.
func (q *timeToLoss) medianWords(drawn int) string {
	m := q.visits[drawn].Median
	return fmt.Sprintf("between %s and %s", q.at(m.Lower), q.at(m.Upper))
}

func (q *timeToLoss) notReached(drawn int) string {
	last := q.lastKnown(drawn)
	if last == 0 {
		return "not known: nobody was assessed again"
	}
	return "not reached: fewer than half had lost it by " + q.f.when(q.planned()[last])
}

// medianLimits are the visits between which the limits of the curve pass one half.
func (q *timeToLoss) medianLimits(drawn int) string {
	lower, upper := q.visits[drawn].MedianLower.Lower, q.visits[drawn].MedianUpper.Upper
	switch {
	case lower.Defined && upper.Defined:
		return fmt.Sprintf("between %s and %s", q.at(lower), q.at(upper))
	case lower.Defined:
		return "from " + q.at(lower) + " on"
	case upper.Defined:
		return "by " + q.at(upper)
	}
	return ""
}

// answer is what stands above the chart: when half had lost their response, by
// group, how many still had it at the last visit, how the hazards compare, who was
// assessed, and what is not known.
func (q *timeToLoss) answer() string {
	f := q.f
	assessed, responders, unknown := 0, 0, 0
	for _, g := range q.counts {
		assessed, responders, unknown = assessed+g.assessed(), responders+g.inResponse(), unknown+g.unknown()
	}
	sentences := append(q.halfWords(), q.shareWords()...)
	known := fmt.Sprintf("%d of the %s assessed at %s were in response", responders, patients(assessed), f.when(f.first()))
	if unknown > 0 {
		known += fmt.Sprintf("; of %d others this is not known", unknown)
	}
	sentences = append(sentences, q.withoutResponders(), q.hazardWords(), known+".")
	sentences = append(sentences, q.boosterWords(), f.assigned())
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
}

// shared is a thing that several groups have in common.
type shared struct {
	thing  string
	groups []string
}

// together gathers the groups that have the same thing, in the order in which they
// come.
func together(things, groups []string) []shared {
	var out []shared
	for i, thing := range things {
		at := slices.IndexFunc(out, func(o shared) bool { return o.thing == thing })
		if at < 0 {
			at = len(out)
			out = append(out, shared{thing: thing})
		}
		out[at].groups = append(out[at].groups, groups[i])
	}
	return out
}

// behind puts the groups behind a statement, each as among words it; everyone
// together has none.
func (q *timeToLoss) behind(groups []string) string {
	if q.f.ungrouped {
		return ""
	}
	return " " + alike(groups)
}

// alike lists phrases without repeating the words that all begin with: 'where the
// setting was rated middle or high', 'in TAU and BtheB'.
func alike(phrases []string) string {
	if len(phrases) < 2 {
		return list(phrases)
	}
	words := make([][]string, len(phrases))
	common := math.MaxInt
	for i, p := range phrases {
		words[i] = strings.Split(p, " ")
		n := 0
		for n < len(words[i])-1 && n < len(words[0])-1 && words[i][n] == words[0][n] && !strings.ContainsRune(words[i][n], '\u2018') {
			n++
		}
		common = min(common, n)
	}
	rest := make([]string, len(phrases))
	for i, w := range words {
		rest[i] = strings.Join(w[common:], " ")
	}
	joined := list(rest)
	if words[0][0] == "where" && common > 0 {
		joined = strings.Join(rest[:len(rest)-1], ", ") + " or " + rest[len(rest)-1]
	}
	return strings.TrimSpace(strings.Join(words[0][:common], " ") + " " + joined)
}

// halfWords say when half of the responders had lost their response.
func (q *timeToLoss) halfWords() []string {
	var reached, reachedBy, below, belowBy, unseen []string
	for i, curve := range q.visits {
		among := q.f.among(q.drawn[i].group)
		switch {
		case curve.Median.Upper.Defined:
			reached, reachedBy = append(reached, q.medianWords(i)), append(reachedBy, among)
		case q.lastKnown(i) > 0:
			below, belowBy = append(below, q.f.when(q.planned()[q.lastKnown(i)])), append(belowBy, among)
		default:
			unseen = append(unseen, among)
		}
	}
	var out, parts []string
	for _, p := range together(reached, reachedBy) {
		parts = append(parts, p.thing+q.behind(p.groups))
	}
	if len(parts) > 0 {
		out = append(out, fmt.Sprintf("Half of those who responded had lost their response %s.", strings.Join(parts, ", and ")))
	}
	for _, p := range together(below, belowBy) {
		out = append(out, fmt.Sprintf("Fewer than half of those who responded%s had lost their response by %s.", q.behind(p.groups), p.thing))
	}
	if len(unseen) > 0 {
		out = append(out, fmt.Sprintf("Of those who responded %s it cannot be said, because nobody was assessed again.", alike(unseen)))
	}
	return out
}

// shareWords say how many are still in response at the last visit to which their
// group was followed.
func (q *timeToLoss) shareWords() []string {
	var at, shares []string
	named := false
	for i, curve := range q.visits {
		last := q.lastKnown(i)
		if last == 0 {
			continue
		}
		p := curve.Points[last]
		words := percent(p.Surv.Value)
		if p.Lower.Defined {
			level := ""
			if !named {
				level, named = levelWords(q.f.level)+" ", true
			}
			words += fmt.Sprintf(" (%s%s to %s)", level, signed(100*p.Lower.Value, 0), signed(100*p.Upper.Value, 0))
		}
		at, shares = append(at, q.f.when(q.planned()[last])), append(shares, fmt.Sprintf("%s of %d%s", words, curve.N, q.behind([]string{q.f.among(q.drawn[i].group)})))
	}
	var out []string
	for _, p := range together(at, shares) {
		out = append(out, fmt.Sprintf("Still in response at %s, as estimated: %s.", p.thing, list(p.groups)))
	}
	return out
}

// withoutResponders say what happened in groups that had no response to lose.
func (q *timeToLoss) withoutResponders() string {
	var none []groupCounts
	var words []string
	for _, g := range q.counts {
		if g.inResponse() == 0 && g.assessed() > 0 {
			none = append(none, g)
			words = append(words, q.f.among(g.group))
		}
	}
	if len(none) == 0 {
		return ""
	}
	return fmt.Sprintf("Nobody was in response %s. %s", alike(words), q.changeWords(none))
}

// boosterWords say where follow-up ended, if that was asked for.
func (q *timeToLoss) boosterWords() string {
	if !q.untilBooster {
		return ""
	}
	e := q.f.event(eventBooster)
	if !e.Recorded {
		return "Follow-up was to end at the first booster, but this study records no session."
	}
	return fmt.Sprintf("Follow-up ends with the last assessment up to the first booster; %d of %s had one.", *e.Courses, courses(q.f.completion.subjects()))
}

// hazardWords is the sentence of the hazards: at the same baseline where it
// adjusts, otherwise of the groups as they came.
func (q *timeToLoss) hazardWords() string {
	if q.comparison == nil {
		return ""
	}
	ratios, how := q.comparison.unadjusted, "unadjusted"
	if q.adjusted {
		ratios, how = q.comparison.adjusted, "at the same score before treatment"
	}
	parts, apart := []string{}, false
	for i, g := range q.comparison.groups {
		r := ratios[i]
		if r.value == nil || r.lower == nil || r.upper == nil {
			continue
		}
		apart = apart || *r.lower > 1 || *r.upper < 1
		level := ""
		if len(parts) == 0 {
			level = levelWords(q.f.level) + " "
		}
		d := r.digits()
		parts = append(parts, fmt.Sprintf("%s times as high %s (%s%s to %s)", ratioWords(*r.value, d), q.f.among(g.group), level, ratioWords(*r.lower, d), ratioWords(*r.upper, d)))
	}
	if len(parts) == 0 {
		return ""
	}
	verdict := ""
	if !apart {
		verdict = "; the data do not tell these groups apart"
	}
	return fmt.Sprintf("The hazard of losing the response, %s, was %s as %s%s.", how, list(parts), q.f.among(q.comparison.groups[0].group), verdict)
}

// digits are the decimals that a ratio's interval supports: what matters below 1 is
// its distance from 0.
func (r hazardRatio) digits() int {
	if *r.upper < 2 {
		return 2
	}
	return digitsFor(*r.upper - *r.lower)
}

// ratioWords writes a ratio with as many decimals, and more where it would be 0.
func ratioWords(v float64, digits int) string {
	if v > 0 && v < 1 {
		digits = max(digits, int(math.Ceil(-math.Log10(v))))
	}
	return signed(v, min(digits, 6))
}

func (q *timeToLoss) estimand() finding.Estimand {
	f := q.f
	out := finding.Estimand{
		Population: fmt.Sprintf("patients in response at %s", f.when(f.first())),
		Treatment:  f.treatment(),
		Variable: fmt.Sprintf("days from %s to the loss of response: the event is the first later assessment of %s no longer in response, "+
			"and is known only to lie in (last assessment in response, first no longer in response]", f.first().Name, f.scale()),
		Time:               f.timeWords(),
		IntercurrentEvents: append(q.eventWords(), "a patient who stops answering is censored at the last assessment"),
		Summary:            q.summaryWords(),
	}
	if q.response.Percent != nil || q.response.Points != nil {
		out.Population += fmt.Sprintf(" (%s: %s)", q.definitionWords(), q.response.Citation)
	}
	return out
}

// hypothetical is the strategy of follow-up that ends at the first booster.
const hypothetical = "hypothetical"

// events are those counted, with what this question does about them.
func (q *timeToLoss) events() []finding.Event {
	out := q.f.eventsAs(treatmentPolicy)
	for i := range out {
		if out[i].Kind == eventBooster && out[i].Recorded && q.untilBooster {
			out[i].Strategy = hypothetical
		}
	}
	return out
}

func (q *timeToLoss) eventWords() []string {
	const observed = "assessments count as observed (treatment policy)"
	if !q.untilBooster {
		return q.f.eventWords(observed)
	}
	rest := *q.f
	rest.events = slices.DeleteFunc(slices.Clone(q.f.events), func(e finding.Event) bool { return e.Kind == eventBooster && e.Recorded })
	words := rest.eventWords(observed)
	if e := q.f.event(eventBooster); e.Recorded {
		words = append([]string{fmt.Sprintf("%s in %d of %s; follow-up ends with the last assessment up to a course's first, as if none had been given (hypothetical)",
			counted(*e.Events, "booster"), *e.Courses, courses(q.f.completion.subjects()))}, words...)
	}
	return words
}

func (q *timeToLoss) summaryWords() string {
	words := "share still in response at each visit, the visits between which half had lost it, and the restricted mean time in response among responders, everyone assessed and everyone treated"
	if !q.f.compares() {
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
	words := fmt.Sprintf("Turnbull's estimate from counts, made by ClickHouse, of the visits between which a response was lost, read at the visits, with complementary log-log intervals at %s from the observed information. "+
		"Time starts at %s; a loss is known only to lie in (last assessment in response, first no longer in response], and a patient without one is censored at the last assessment. Visits stand at their planned days. "+
		"Response is %s: %s. ", levelPercent(f.level), f.first().Name, q.definitionWords(), q.response.Citation)
	if q.tau > 0 {
		words += fmt.Sprintf("Restricted means are areas under the Kaplan-Meier curve, which dates a loss to the assessment that found it, to day %g after %s; "+
			"among everyone assessed, a patient not in response at %s has 0 days, and among everyone treated also one who was not assessed there.", q.tau, f.first().Name, f.first().Name)
	}
	if q.comparison == nil {
		return strings.TrimSpace(words)
	}
	words += " Hazard ratios are of a grouped proportional hazards model with an intercept for each interval between visits, in which a loss may lie anywhere between two assessments"
	if q.adjusted {
		words += "; adjusted, with the baseline score as a covariate, linear on the logarithm of the hazard"
	}
	return words + "; Wald intervals from the observed information."
}

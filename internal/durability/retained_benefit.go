package durability

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/instrument"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
)

const (
	retainedName  = "retained-benefit"
	retainedTitle = "How much of the benefit remains, and for how long?"
)

// retainedBenefit is the question's settings. See docs/methods/retained-benefit.md.
type retainedBenefit struct {
	// fixed is the model's right side; empty for the one that the groups and visits
	// analysed ask for.
	fixed    string
	adjusted bool
	// covariance; chosen says that a person asked for it, so that no other is fitted.
	covariance mixed.Structure
	chosen     bool
	method     mixed.Method
	df         string
	// sharedBaseline says that everyone analysed has the same baseline, so that it is
	// no term of the model.
	sharedBaseline bool
	// times are where all visits stand for a covariance that decays with time; nil
	// means the visits' days.
	times []float64
}

// defaultFixed is the model that is fitted when none is given. Adjusted, the
// baseline may act differently at each visit; unadjusted, groups are compared as
// they came, whoever was put into them. A visit or a group alone has no term.
func (f *frame) defaultFixed(adjusted bool) string {
	byVisit := ""
	if len(f.study.Visits) > 1 {
		byVisit = "*" + f.study.VisitName
	}
	terms := []string{}
	if f.measure.Baseline != "" && adjusted {
		terms = append(terms, f.measure.Baseline+byVisit)
	}
	switch {
	case f.compares():
		terms = append(terms, f.study.Arm.Name+byVisit)
	case len(terms) == 0 && byVisit != "":
		terms = append(terms, f.study.VisitName)
	case len(terms) == 0:
		terms = append(terms, "1")
	}
	return strings.Join(terms, "+")
}

// fixedIn is the model's right side for what is analysed.
func (q retainedBenefit) fixedIn(f *frame) string {
	if q.fixed != "" {
		return q.fixed
	}
	return f.defaultFixed(q.adjusted && !q.sharedBaseline)
}

// answerRetainedBenefit fits the MMRM on ClickHouse's sums and reads from it the
// model means over time, the groups' differences, and the share of the benefit at
// t* that is left at each later visit.
func answerRetainedBenefit(ctx context.Context, a *Asker, f *frame, s *settings) (finding.Finding, error) {
	q, err := readRetained(f, s)
	if err != nil {
		return finding.Finding{}, err
	}
	fitted, err := a.fitWhatCanBe(ctx, f, q)
	if err != nil {
		return finding.Finding{}, err
	}
	if fitted.fit == nil {
		out := f.refuse(a, retainedName, retainedTitle, q.estimand(f), fitted.reason, fitted.reach.numbers())
		out.Events = f.eventsAs(treatmentPolicy)
		out.Caveats = append(out.Caveats, fitted.reach.caveats()...)
		return out, nil
	}
	last := fitted.frame.last()
	if last.Name != f.lastReached().Name {
		if err := a.countEvents(ctx, fitted.frame, last); err != nil {
			return finding.Finding{}, err
		}
	}
	r, err := newRetained(f, fitted)
	if err != nil {
		return finding.Finding{}, err
	}
	return r.finding(a)
}

func readRetained(f *frame, s *settings) (retainedBenefit, error) {
	structures := []string{}
	for _, structure := range mixed.Structures() {
		structures = append(structures, string(structure))
	}
	_, chosen := s.given["covariance"]
	_, adjust := s.given["adjust"]
	q := retainedBenefit{
		// Where nobody has a score before treatment, the rest is answered without it
		// unless a person asked for it.
		adjusted:   s.choice("adjust", "baseline", "none") == "baseline" && (adjust || f.completion.answered(care.BaselineVisit) > 0),
		fixed:      s.text("fixed", ""),
		covariance: mixed.Structure(s.choice("covariance", structures...)),
		chosen:     chosen,
		method:     mixed.Method(s.choice("method", string(mixed.REML), string(mixed.ML))),
		df:         s.choice("df", dfMethods...),
		times:      s.numbers("times", len(f.study.Visits)),
	}
	if q.method == mixed.ML && q.df != dfMethods[0] {
		s.fail("df", "Kenward-Roger needs REML; with ML choose %s", dfMethods[0])
	}
	if q.fixed != "" && f.compares() {
		if parsed, err := formula.Parse(f.measure.Total + "~" + q.fixed); err == nil && !slices.Contains(parsed.Columns(), f.study.Arm.Name) {
			s.fail("fixed", "leaves %s out, so its groups cannot be compared; add %s*%s", f.study.Arm.Name, f.study.Arm.Name, f.study.VisitName)
		}
	}
	return q, s.done()
}

// needsBaseline says whether the model leaves out who has no score before treatment.
func (q retainedBenefit) needsBaseline(f *frame) bool {
	if q.fixed == "" {
		return q.adjusted && f.measure.Baseline != ""
	}
	parsed, err := formula.Parse(f.measure.Total + "~" + q.fixed)
	return err == nil && f.measure.Baseline != "" && slices.Contains(parsed.Columns(), f.measure.Baseline)
}

func (q retainedBenefit) estimand(f *frame) finding.Estimand {
	summary := "model means by visit"
	if f.compares() {
		summary = "model means by " + f.study.Arm.Name + " and visit"
	}
	if q.needsBaseline(f) {
		summary += " at the mean baseline"
	}
	if f.compares() {
		summary += ", their differences"
	}
	if q.needsBaseline(f) {
		summary += ", and the share of the benefit at " + f.first().Name + " that is left"
	}
	return finding.Estimand{
		Population: fmt.Sprintf("those of the %s of %s who have a score at one visit or more and no covariate of the model missing",
			patients(f.completion.subjects()), f.studyName()),
		Treatment:          f.treatment(),
		Variable:           f.scale() + " total score",
		Time:               f.timeWords(),
		IntercurrentEvents: f.eventWords("scores count as observed (" + treatmentPolicy + ")"),
		Summary:            summary,
	}
}

// retained is a fit on its way to a finding. f is the frame of what the model
// takes, whole that of everything that was asked about.
type retained struct {
	f, whole *frame
	fitted
	result   mixed.Result
	baseline *float64 // b0; nil where the model has no baseline
	means    map[[2]string]inference
	benefits map[string]benefit
	shares   []share
}

func newRetained(whole *frame, from fitted) (*retained, error) {
	result, err := from.fit.Result()
	if err != nil {
		return nil, fmt.Errorf("report the mixed model: %w", err)
	}
	r := &retained{f: from.frame, whole: whole, fitted: from, result: result, means: map[[2]string]inference{}, benefits: map[string]benefit{}}
	r.baseline = from.shared
	if b, ok := result.CovariatesAt[r.f.measure.Baseline]; ok {
		r.baseline = &b
	}
	for _, m := range result.LSMeans {
		group := m.Arm
		if !r.f.compares() {
			group = r.f.groups[0].Name
		}
		r.means[[2]string{group, m.Visit}] = choose(m.Inference, r.q.df)
	}
	if r.baseline != nil {
		for _, g := range r.f.groups {
			r.benefits[g.Name] = r.benefitOf(g.Name)
		}
		if r.shares, err = r.shareAll(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// lowerIsBetter is the instrument's direction.
func (f *frame) lowerIsBetter() bool {
	return f.definition.Direction != instrument.DirectionHigherIsBetter
}

// change is the model mean's change from baseline.
func (r *retained) change(group, visit string) (inference, bool) {
	mean, ok := r.means[[2]string{group, visit}]
	if !ok || r.baseline == nil {
		return inference{}, false
	}
	change := mean.shifted(-*r.baseline)
	change.p = nil // the model tests the mean against 0, which is not this question
	return change, true
}

func (r *retained) finding(a *Asker) (finding.Finding, error) {
	out := r.f.finding(a, retainedName, retainedTitle)
	out.Estimand = r.q.estimand(r.f)
	out.N = r.result.NSubjects
	out.NMissing = r.whole.completion.subjects() - r.result.NSubjects
	out.Groups = r.verdicts()
	out.Events = r.f.eventsAs(treatmentPolicy)
	out.Estimates = r.estimates()
	out.Tables = []finding.Table{r.visitTable()}
	if len(r.result.Differences) > 0 {
		out.Tables = append(out.Tables, r.differenceTable())
	}
	if len(r.shares) > 0 {
		out.Tables = append(out.Tables, r.retainedTable())
	}
	out.Answer = r.answer()
	out.Method = r.method()
	out.Caveats = r.caveats()
	raw, err := json.Marshal(r.result)
	if err != nil {
		return finding.Finding{}, fmt.Errorf("encode the mixed model: %w", err)
	}
	out.MMRM = raw
	return out, nil
}

// sides are the two groups of a difference of the model.
func (r *retained) sides(d mixed.Difference) (of, minus string) {
	for _, a := range r.f.groups {
		for _, b := range r.f.groups {
			if d.Contrast == a.Name+" - "+b.Name {
				return a.Name, b.Name
			}
		}
	}
	return d.Contrast, ""
}

// answeredInContrast counts the scores of the two groups of a difference.
func (r *retained) answeredInContrast(d mixed.Difference) int {
	of, minus := r.sides(d)
	_, n := r.f.completion.at(of, d.Visit)
	_, m := r.f.completion.at(minus, d.Visit)
	return n + m
}

func (r *retained) estimates() []finding.Estimate {
	f, out := r.f, []finding.Estimate{}
	each := func(add func(group string, v int)) {
		for _, g := range f.groups {
			for v := range f.study.Visits {
				add(g.Name, v)
			}
		}
	}
	each(func(group string, v int) {
		visit := f.study.Visits[v]
		_, n := f.completion.at(group, visit.Name)
		out = append(out, r.means[[2]string{group, visit.Name}].at("ls_mean", group, visit.Name, visit.Day, f.level, n))
	})
	each(func(group string, v int) {
		visit := f.study.Visits[v]
		_, n := f.completion.at(group, visit.Name)
		if change, ok := r.change(group, visit.Name); ok {
			out = append(out, change.at("change", group, visit.Name, visit.Day, f.level, n))
		}
	})
	for _, d := range r.result.Differences {
		visit := f.visit(d.Visit)
		out = append(out, choose(d.Inference, r.q.df).at("difference", d.Contrast, d.Visit, visit.Day, f.level, r.answeredInContrast(d)))
	}
	for _, s := range r.shares {
		out = append(out, s.estimate(f))
	}
	return out
}

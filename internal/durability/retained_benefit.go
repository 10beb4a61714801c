package durability

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"afterglow/internal/finding"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
)

const retainedTitle = "How much of the benefit remains, and for how long?"

// retainedBenefit is the question's settings.
type retainedBenefit struct {
	fixed      string
	covariance mixed.Structure
	method     mixed.Method
	df         string
	// times are where the visits stand for a covariance that decays with time;
	// nil means the visits' days.
	times []float64
}

// defaultFixed is the model that is fitted when none is given. Adjusted, the
// baseline may act differently at each visit; unadjusted, groups are compared as
// they came, whoever was put into them.
func (f *frame) defaultFixed(adjusted bool) string {
	arm := f.study.Arm.Name + "*" + f.study.VisitName
	if f.measure.Baseline == "" || !adjusted {
		return arm
	}
	return f.measure.Baseline + "*" + f.study.VisitName + "+" + arm
}

// answerRetainedBenefit fits the MMRM on ClickHouse's sums and reads from it the
// model means over time, the arms' differences, and the share of the benefit at
// t* that is left at each later visit.
func answerRetainedBenefit(ctx context.Context, a *Asker, f *frame, s *settings) (finding.Finding, error) {
	structures := []string{}
	for _, structure := range mixed.Structures() {
		structures = append(structures, string(structure))
	}
	if f.ungrouped {
		s.fail("group", "this question compares groups; name a factor of the study")
	}
	adjusted := s.choice("adjust", "baseline", "none") == "baseline"
	q := retainedBenefit{
		fixed:      s.text("fixed", f.defaultFixed(adjusted)),
		covariance: mixed.Structure(s.choice("covariance", structures...)),
		method:     mixed.Method(s.choice("method", string(mixed.REML), string(mixed.ML))),
		df:         s.choice("df", dfMethods...),
		times:      s.numbers("times", len(f.study.Visits)),
	}
	if q.method == mixed.ML && q.df != dfMethods[0] {
		s.fail("df", "Kenward-Roger needs REML; with ML choose %s", dfMethods[0])
	}
	if parsed, err := formula.Parse(f.measure.Total + "~" + q.fixed); err == nil && !slices.Contains(parsed.Columns(), f.study.Arm.Name) {
		s.fail("fixed", "leaves %s out, so its groups cannot be compared; add %s*%s", f.study.Arm.Name, f.study.Arm.Name, f.study.VisitName)
	}
	if err := s.done(); err != nil {
		return finding.Finding{}, err
	}
	fit, err := a.fit(ctx, f, q)
	if err != nil {
		reason, err := unfit(err)
		if err != nil {
			return finding.Finding{}, err
		}
		return f.notEstimable(a, "retained-benefit", retainedTitle, q.estimand(f), reason), nil
	}
	r, err := newRetained(f, q, fit)
	if err != nil {
		return finding.Finding{}, err
	}
	return r.finding(a)
}

func (a *Asker) fit(ctx context.Context, f *frame, q retainedBenefit) (*mixed.Fit, error) {
	design, err := f.model(f.measure.Total + "~" + q.fixed).Design()
	if err != nil {
		return nil, err
	}
	sums, err := a.sums(ctx, f, design)
	if err != nil {
		return nil, err
	}
	if q.times == nil {
		for _, v := range f.study.Visits {
			q.times = append(q.times, float64(v.Day))
		}
	}
	return mixed.FitSums(design, sums, mixed.Options{Covariance: q.covariance, Method: q.method, Times: q.times, Level: f.level})
}

func (q retainedBenefit) estimand(f *frame) finding.Estimand {
	return finding.Estimand{
		Population: fmt.Sprintf("all %s of study %s with a score at one visit or more and no covariate of the model missing",
			patients(f.completion.subjects(f.study)), f.study.ID),
		Treatment:          f.study.Arm.Name + ": " + list(f.study.Arm.Levels),
		Variable:           f.scale() + " total score",
		Time:               f.timeWords(),
		IntercurrentEvents: []string{"none were recorded; scores count as observed, whatever happened before (treatment policy)"},
		Summary:            "model means by " + f.study.Arm.Name + " and visit at the mean baseline, their differences, and the share of the benefit at " + f.first().Name + " that is left",
	}
}

// retained is a fit on its way to a finding.
type retained struct {
	f        *frame
	q        retainedBenefit
	fit      *mixed.Fit
	result   mixed.Result
	baseline *float64 // b0; nil where the model has no baseline
	means    map[[2]string]inference
	shares   []share
}

func newRetained(f *frame, q retainedBenefit, fit *mixed.Fit) (*retained, error) {
	result, err := fit.Result()
	if err != nil {
		return nil, fmt.Errorf("report the mixed model: %w", err)
	}
	r := &retained{f: f, q: q, fit: fit, result: result, means: map[[2]string]inference{}}
	if b, ok := result.CovariatesAt[f.measure.Baseline]; ok {
		r.baseline = &b
	}
	for _, m := range result.LSMeans {
		r.means[[2]string{m.Arm, m.Visit}] = choose(m.Inference, q.df)
	}
	if r.baseline != nil {
		if r.shares, err = r.shareAll(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *retained) finding(a *Asker) (finding.Finding, error) {
	out := r.f.finding(a, "retained-benefit", retainedTitle)
	out.Estimand = r.q.estimand(r.f)
	out.N = r.result.NSubjects
	out.NMissing = r.f.completion.subjects(r.f.study) - r.result.NSubjects
	out.Estimates = r.estimates()
	out.Tables = []finding.Table{r.visitTable(), r.differenceTable(), r.retainedTable()}
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

// answeredInContrast counts the scores of the two arms of a difference.
func (f *frame) answeredInContrast(d mixed.Difference) int {
	n := 0
	for _, arm := range f.study.Arm.Levels {
		if strings.HasPrefix(d.Contrast, arm+" - ") || strings.HasSuffix(d.Contrast, " - "+arm) {
			_, answered := f.completion.at(arm, d.Visit)
			n += answered
		}
	}
	return n
}

func (r *retained) estimates() []finding.Estimate {
	f, out := r.f, []finding.Estimate{}
	each := func(add func(arm string, v int)) {
		for _, arm := range f.study.Arm.Levels {
			for v := range f.study.Visits {
				add(arm, v)
			}
		}
	}
	each(func(arm string, v int) {
		visit := f.study.Visits[v]
		_, n := f.completion.at(arm, visit.Name)
		out = append(out, r.means[[2]string{arm, visit.Name}].at("ls_mean", arm, visit.Name, visit.Day, f.level, n))
	})
	if r.baseline != nil {
		each(func(arm string, v int) {
			visit := f.study.Visits[v]
			_, n := f.completion.at(arm, visit.Name)
			change := r.means[[2]string{arm, visit.Name}].shifted(-*r.baseline)
			change.p = nil // the model tests the mean against 0, which is not this question
			out = append(out, change.at("change", arm, visit.Name, visit.Day, f.level, n))
		})
	}
	for _, d := range r.result.Differences {
		visit := f.visit(d.Visit)
		out = append(out, choose(d.Inference, r.q.df).at("difference", d.Contrast, d.Visit, visit.Day, f.level, f.answeredInContrast(d)))
	}
	for _, s := range r.shares {
		out = append(out, s.estimate(f))
	}
	return out
}

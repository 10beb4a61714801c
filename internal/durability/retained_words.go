package durability

import (
	"fmt"
	"slices"
	"strings"

	"afterglow/internal/finding"
	"afterglow/internal/stats/mixed"
)

// answer is what stands above the chart, in words: whether the benefit lasted, how
// the groups differ at the last visit, who answered, and how the groups came about.
func (r *retained) answer() string {
	f := r.f
	sentences := append(r.lastingWords(), r.differenceWords())
	sentences = append(sentences, fmt.Sprintf("%d of %s answered then.", f.completion.answered(f.last().Name), patients(f.completion.subjects())), f.assigned())
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
}

// lastingWords say what is left of the benefit, or why that cannot be said.
func (r *retained) lastingWords() []string {
	first, last := r.f.first(), r.f.last()
	had, worse, unclear := r.groupsWith(benefitHad), r.groupsWith(benefitWorse), r.groupsWith(benefitUnclear)
	switch {
	case r.baseline == nil:
		return []string{"It cannot be said what is left of a benefit: the model has no score before treatment.", r.meanWords(last.Name)}
	case len(r.groupsWith(benefitUnseen)) > 0:
		return []string{fmt.Sprintf("It cannot be said what is left of the benefit at %s, because that visit is left out.", first.Name), r.changeSentence(last.Name)}
	case last.Day <= first.Day && len(had) > 0:
		return []string{fmt.Sprintf("It cannot be said yet what is left: no visit after %s can be analysed.", first.Name), r.changeSentence(first.Name)}
	}
	sentences := []string{}
	if len(had) > 0 {
		sentences = append(sentences, r.leftWords(had)...)
	}
	if len(worse) > 0 {
		sentences = append(sentences, fmt.Sprintf("%satients were worse than before treatment at %s: %s.",
			map[bool]string{true: "There is no benefit to keep: p", false: "P"}[len(had) == 0], first.Name, r.changeWords(worse, first.Name)))
	}
	if len(unclear) > 0 {
		lead := "No benefit is shown"
		if len(had)+len(worse) == 0 {
			lead = "It cannot be said, because no benefit is shown"
		}
		sentences = append(sentences, fmt.Sprintf("%s at %s: the change from before treatment was %s.", lead, first.Name, r.changeWords(unclear, first.Name)))
	}
	if len(had) == 0 && last.Name != first.Name {
		sentences = append(sentences, r.changeSentence(last.Name))
	}
	return sentences
}

func (r *retained) groupsWith(state benefitState) []string {
	var out []string
	for _, g := range r.f.groups {
		if r.baseline != nil && r.benefits[g.Name].state == state {
			out = append(out, g.Name)
		}
	}
	return out
}

// leftWords say what is left at the last visit of each group that had a benefit,
// most first, with the verdict.
func (r *retained) leftWords(groups []string) []string {
	f := r.f
	shares, open := []share{}, []string{}
	verdicts := map[string]bool{}
	for _, g := range groups {
		s, _ := r.lastShare(g)
		if s.value == nil {
			open = append(open, fmt.Sprintf("%s this cannot be said (%s)", f.among(g), s.note))
			continue
		}
		shares = append(shares, s)
		verdicts[verdictOf(s.lower, s.upper)] = true
	}
	slices.SortStableFunc(shares, func(a, b share) int {
		switch {
		case *a.value > *b.value:
			return -1
		case *a.value < *b.value:
			return 1
		}
		return 0
	})
	byGroup := len(verdicts) > 1 || len(shares) < len(f.groups)
	sentences, parts := []string{}, []string{}
	above, below := false, false
	for i, s := range shares {
		level, of, verdict := "", "", ""
		if i == 0 {
			level, of = levelWords(f.level)+" ", fmt.Sprintf(" of the day-%d benefit is left", f.first().Day)
		}
		if byGroup {
			verdict = "; " + verdictOf(s.lower, s.upper)
		}
		parts = append(parts, fmt.Sprintf("%s (%s%s to %s%s)%s %s", percent(*s.value), level, signed(100**s.lower, 0), signed(100**s.upper, 0), verdict, of, f.among(s.group)))
		above, below = above || *s.value > 1, below || *s.value < 0
	}
	if len(parts) > 0 {
		lead := "By group"
		if !byGroup {
			lead = capital(verdictOf(shares[0].lower, shares[0].upper))
			if verdicts[verdictUnknown] {
				lead = "It cannot be said"
			}
		}
		tail := ""
		if above {
			tail += fmt.Sprintf("; above 100 %% the benefit grew after day %d", f.first().Day)
		}
		if below {
			tail += "; below 0 % patients were worse than before treatment"
		}
		sentences = append(sentences, fmt.Sprintf("%s: %s after %s %s%s.", lead, span(f.last().Day), anchorWords(f.study.Anchor), list(parts), tail))
	}
	if len(open) > 0 {
		sentences = append(sentences, capital(list(open))+".")
	}
	return sentences
}

// changeWords lists the changes from baseline of some groups at a visit, with the
// sign of each.
func (r *retained) changeWords(groups []string, visit string) string {
	parts := []string{}
	for _, g := range groups {
		change, ok := r.change(g, visit)
		if !ok {
			continue
		}
		parts = append(parts, change.signedWords("points", r.f.level, len(parts) == 0)+" "+r.f.among(g))
	}
	return list(parts)
}

func (r *retained) changeSentence(visit string) string {
	words := r.changeWords(r.f.names(), visit)
	if words == "" {
		return ""
	}
	return fmt.Sprintf("At %s the change from before treatment was %s.", visit, words)
}

func (r *retained) meanWords(visit string) string {
	parts := []string{}
	for _, g := range r.f.groups {
		if mean, ok := r.means[[2]string{g.Name, visit}]; ok {
			parts = append(parts, mean.words("points", r.f.level)+" "+r.f.among(g.Name))
		}
	}
	return fmt.Sprintf("At %s the model mean was %s.", visit, list(parts))
}

// differenceWords say how the groups differ at the last visit, and which the data
// tell apart.
func (r *retained) differenceWords() string {
	f, last := r.f, r.f.last()
	var differences, apart []string
	for _, d := range r.result.Differences {
		if d.Visit != last.Name {
			continue
		}
		i, of, minus := choose(d.Inference, r.q.df), "", ""
		of, minus = r.sides(d)
		differences = append(differences, fmt.Sprintf("%s was %s", f.contrast(of, minus), i.words("points", f.level)))
		if i.lower != nil && i.upper != nil && (*i.lower > 0 || *i.upper < 0) {
			apart = append(apart, f.quoted(of)+" and "+f.quoted(minus))
		}
	}
	if len(differences) == 0 {
		return ""
	}
	verdict := "so the data do not tell these groups apart"
	switch {
	case len(differences) == 1 && len(apart) == 0:
		verdict = "so the data do not tell the two apart"
	case len(differences) == 1:
		verdict = "so the data tell the two apart"
	case len(apart) > 0:
		verdict = "so the data tell apart " + strings.Join(apart, ", and ")
	}
	when := last.Name + " "
	if len(r.groupsWith(benefitHad)) == 0 { // no sentence before has said when that is
		when = fmt.Sprintf("%s, %s after %s, ", last.Name, span(last.Day), anchorWords(f.study.Anchor))
	}
	return fmt.Sprintf("At %sthe difference %s, %s.", when, list(differences), verdict)
}

func (r *retained) method() string {
	names := map[string]string{"satterthwaite": "Satterthwaite degrees of freedom", "kenward-roger": "Kenward-Roger errors and degrees of freedom (expected information)",
		"kenward-roger-observed": "Kenward-Roger errors and degrees of freedom (observed information)"}
	words := fmt.Sprintf("Mixed model for repeated measures, %s ~ %s, %s covariance among visits, fitted by %s to cross-products that ClickHouse summed (%s, %d scores); %s, %s intervals. "+
		"Log-likelihood %s; converged after %d steps.",
		r.f.measure.Total, r.q.fixedIn(r.f), covarianceWords(r.q.covariance), r.q.method, patients(r.result.NSubjects), r.result.NObs, names[r.q.df], levelPercent(r.f.level),
		signed(r.result.LogLik, 3), r.result.Convergence.Iterations)
	if slices.ContainsFunc(r.shares, func(s share) bool { return s.value != nil }) {
		words += " Shares left are ratios of model means' changes from the mean baseline, with Fieller intervals on the smaller degrees of freedom. " + verdictMethod
	}
	return words
}

// verdictMethod says what the verdict words mean.
var verdictMethod = fmt.Sprintf("\u2018Yes\u2019: the whole interval is %.0f %% or more; \u2018no\u2019: it is %.0f %% or less; \u2018partly\u2019: it lies between 0 and 100 %%; "+
	"\u2018at least partly\u2019 and \u2018at most partly\u2019: only its lower or upper limit does; \u2018cannot be said\u2019: neither does.", 100*mostIsLeft, 100*noneIsLeft)

func covarianceWords(s mixed.Structure) string {
	words := map[mixed.Structure]string{mixed.Unstructured: "unstructured", mixed.CompoundSymmetry: "compound-symmetric", mixed.HeterogeneousCompoundSymmetry: "heterogeneous compound-symmetric",
		mixed.AutoRegressive: "first-order autoregressive", mixed.HeterogeneousAutoRegressive: "heterogeneous first-order autoregressive",
		mixed.Toeplitz: "Toeplitz", mixed.HeterogeneousToeplitz: "heterogeneous Toeplitz", mixed.SpatialExponential: "spatial exponential"}
	return words[s]
}

func (r *retained) caveats() []finding.Caveat {
	f, out := r.f, r.reach.caveats()
	total := f.completion.subjects()
	if missing := total - f.completion.answered(f.last().Name); missing > 0 {
		like := "the same earlier scores"
		if f.compares() {
			like += ", " + f.study.Arm.Name
		}
		if r.baseline != nil {
			like += " and baseline"
		}
		out = append(out, finding.Caveat{Code: "missing-at-random", Text: fmt.Sprintf(
			"%d of %s did not answer at %s. The model takes them to be like patients with %s; if they left because they were worse for another reason, the means are too good.",
			missing, patients(total), f.last().Name, like)})
	}
	switch {
	case r.baseline == nil && f.compares():
		out = append(out, finding.Caveat{Code: "no-baseline", Text: "The model has no baseline, so no change and no share left can be given, and groups that started differently are compared as if they had not."})
	case r.baseline == nil:
		out = append(out, finding.Caveat{Code: "no-baseline", Text: "The model has no baseline, so no change and no share left can be given."})
	default:
		out = append(out, finding.Caveat{Code: "baseline-constant", Text: fmt.Sprintf(
			"Change is counted from a baseline of %s points, the mean over the analysed visits, which the intervals take as known.", signed(*r.baseline, 1))})
		if len(r.groupsWith(benefitHad)) > 0 {
			out = append(out, f.regressionCaveat())
		}
	}
	if r.simplified != "" {
		out = append(out, finding.Caveat{Code: "covariance-simplified", Text: fmt.Sprintf(
			"With an unstructured covariance the model could not be fitted (%s), so a %s one was used, which takes all visits to be alike and equally related.", r.simplified, covarianceWords(r.q.covariance))})
	}
	if n := len(r.result.Differences); n > 1 {
		out = append(out, finding.Caveat{Code: "several-comparisons", Text: fmt.Sprintf("%d comparisons are shown, each at %s; they are not corrected for multiplicity.", n, levelPercent(f.level))})
	}
	if r.result.NExcludedSubjects > 0 {
		out = append(out, finding.Caveat{Code: "covariate-missing", Text: fmt.Sprintf("%s left the model because a covariate is missing.", capital(patients(r.result.NExcludedSubjects)))})
	}
	return append(out, f.sharedCaveats()...)
}

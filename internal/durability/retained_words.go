package durability

import (
	"fmt"
	"strings"

	"afterglow/internal/care"
	"afterglow/internal/finding"
	"afterglow/internal/instrument"
	"afterglow/internal/stats/mixed"
)

// answer is what stands above the chart, in words: how the arms differ at the
// last visit, what is left of the benefit, and who answered.
func (r *retained) answer() string {
	f, last := r.f, r.f.last()
	var sentences, differences []string
	apart := false
	for _, d := range r.result.Differences {
		if d.Visit != last.Name {
			continue
		}
		i := choose(d.Inference, r.q.df)
		apart = apart || i.lower != nil && i.upper != nil && (*i.lower > 0 || *i.upper < 0)
		differences = append(differences, fmt.Sprintf("%s was %s", strings.ReplaceAll(d.Contrast, " - ", " minus "), i.words("points", f.level)))
	}
	if len(differences) > 0 {
		verdict := "."
		switch {
		case !apart && len(differences) == 1:
			verdict = ", so the data do not tell the two apart."
		case !apart:
			verdict = ", so the data do not tell these groups apart."
		}
		sentences = append(sentences, fmt.Sprintf("At %s, %d days after %s, the difference %s%s", last.Name, last.Day, anchorWords(f.study.Anchor), list(differences), verdict))
	}
	parts := []string{}
	for _, s := range r.shares {
		if s.visit.Name != last.Name {
			continue
		}
		if s.value == nil {
			parts = append(parts, "in "+s.arm+" this cannot be said, because its change at "+f.first().Name+" does not differ from 0")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s in %s (%s %s to %s)", percent(*s.value), s.arm, levelWords(f.level), signed(100**s.lower, 0), signed(100**s.upper, 0)))
	}
	if len(parts) > 0 {
		grew := ""
		for _, s := range r.shares {
			if s.visit.Name == last.Name && s.value != nil && *s.value > 1 {
				grew = "; above 100 % the benefit grew after " + f.first().Name
			}
		}
		sentences = append(sentences, fmt.Sprintf("Of the benefit at %s there remained %s%s.", f.first().Name, list(parts), grew))
	}
	return strings.Join(append(sentences, fmt.Sprintf("%d of %s answered then.", f.completion.answered(last.Name), patients(f.completion.subjects(f.study)))), " ")
}

func (r *retained) method() string {
	names := map[string]string{"satterthwaite": "Satterthwaite degrees of freedom", "kenward-roger": "Kenward-Roger errors and degrees of freedom (expected information)",
		"kenward-roger-observed": "Kenward-Roger errors and degrees of freedom (observed information)"}
	return fmt.Sprintf("Mixed model for repeated measures, %s ~ %s, %s covariance among visits, fitted by %s to cross-products that ClickHouse summed (%s, %d scores); %s, %s intervals. "+
		"Log-likelihood %s; converged after %d steps. Shares left are ratios of model means' falls from the mean baseline, with Fieller intervals on the smaller degrees of freedom.",
		r.f.measure.Total, r.q.fixed, covarianceWords(r.q.covariance), r.q.method, patients(r.result.NSubjects), r.result.NObs, names[r.q.df], levelPercent(r.f.level),
		signed(r.result.LogLik, 3), r.result.Convergence.Iterations)
}

func covarianceWords(s mixed.Structure) string {
	words := map[mixed.Structure]string{mixed.Unstructured: "unstructured", mixed.CompoundSymmetry: "compound-symmetric", mixed.HeterogeneousCompoundSymmetry: "heterogeneous compound-symmetric",
		mixed.AutoRegressive: "first-order autoregressive", mixed.HeterogeneousAutoRegressive: "heterogeneous first-order autoregressive",
		mixed.Toeplitz: "Toeplitz", mixed.HeterogeneousToeplitz: "heterogeneous Toeplitz", mixed.SpatialExponential: "spatial exponential"}
	return words[s]
}

func (r *retained) caveats() []finding.Caveat {
	f, out := r.f, []finding.Caveat{}
	total := f.completion.subjects(f.study)
	missing := total - f.completion.answered(f.last().Name)
	out = append(out, finding.Caveat{Code: "missing-at-random", Text: fmt.Sprintf(
		"%d of %s did not answer at %s. The model takes them to be like patients with the same earlier scores, %s and baseline; if they left because they were worse for another reason, the means are too good.",
		missing, patients(total), f.last().Name, f.study.Arm.Name)})
	if r.baseline == nil {
		out = append(out, finding.Caveat{Code: "no-baseline", Text: "The model has no baseline, so no change and no share left can be given, and groups that started differently are compared as if they had not."})
	} else {
		out = append(out, finding.Caveat{Code: "baseline-constant", Text: fmt.Sprintf(
			"Change is counted from a baseline of %s points, the mean over the analysed visits, which the intervals take as known.", signed(*r.baseline, 1))})
		out = append(out, f.regressionCaveat())
	}
	if n := len(r.result.Differences); n > 1 {
		out = append(out, finding.Caveat{Code: "several-comparisons", Text: fmt.Sprintf("%d comparisons are shown, each at %s; they are not corrected for being several.", n, levelPercent(f.level))})
	}
	if r.result.NExcludedSubjects > 0 {
		out = append(out, finding.Caveat{Code: "covariate-missing", Text: fmt.Sprintf("%s left the model because a covariate is missing.", capital(patients(r.result.NExcludedSubjects)))})
	}
	return append(out, f.sharedCaveats()...)
}

// regressionCaveat: patients who enter at their worst get better anyway. Groups
// drawn at random do so alike; others need not, and here the more ill may have got
// another level.
func (f *frame) regressionCaveat() finding.Caveat {
	text := "A fall within one group is not all effect: patients enter when they are worst, and some of it would have come without treatment. "
	if f.study.Arm.Assignment == care.AssignmentRandomised {
		text += "The difference between the groups does not have this fault, because " + f.study.Arm.Name + " was drawn at random."
	} else {
		text += "Groups that started differently regress differently, so the difference between them can have this fault too."
	}
	return finding.Caveat{Code: "regression-to-the-mean", Text: text}
}

// assignmentCaveat says what a difference between groups can mean, by how patients
// came to their group.
func (f *frame) assignmentCaveat() finding.Caveat {
	name := f.study.Arm.Name
	text := fmt.Sprintf("How patients came to their %s is not recorded with this study: a difference between the groups is the effect of %s only where it was drawn at random and kept.", name, name)
	switch f.study.Arm.Assignment {
	case care.AssignmentRandomised:
		text = fmt.Sprintf("The study's map says that %s was drawn at random: a difference between the groups is its effect as far as what was drawn was kept and those who did not answer are like those who did.", name)
	case care.AssignmentNotRandomised:
		text = fmt.Sprintf("The study's map says that %s was not drawn at random: what decided who got which can make a difference between the groups without any effect of %s.", name, name)
	}
	return finding.Caveat{Code: "assignment", Text: text}
}

// sharedCaveats are those of every question about this study.
func (f *frame) sharedCaveats() []finding.Caveat {
	out := []finding.Caveat{}
	if !f.ungrouped {
		out = append(out, f.assignmentCaveat())
	}
	if len(f.unusedArms) > 0 {
		out = append(out, finding.Caveat{Code: "empty-arm", Text: fmt.Sprintf("No patient is in %s, so it is left out.", list(f.unusedArms))})
	}
	if f.study.Anchor == care.AnchorCourseStart {
		out = append(out, finding.Caveat{Code: "no-sessions", Text: "This study records no sessions, so days count from the start of the course and the first follow-up stands in for 'after the last session'."})
	}
	if f.definition.Entry == instrument.EntryTotal {
		out = append(out, finding.Caveat{Code: "totals-only", Text: "Only total scores were entered, so the scoring of single items cannot be checked here."})
	}
	if f.study.Simulated || f.completion.simulated() {
		out = append(out, finding.Caveat{Code: "simulated", Text: "These patients were simulated. Nothing here says anything about people."})
	}
	return out
}

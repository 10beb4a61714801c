package durability

import (
	"fmt"

	"afterglow/internal/care"
	"afterglow/internal/finding"
)

// regressionCaveat: patients who enter at their worst get better anyway. Groups
// drawn at random do so alike; others need not, and here the more ill may have got
// another level.
func (f *frame) regressionCaveat() finding.Caveat {
	text := "Not all of an improvement within one group is an effect of treatment: patients enter when they are worst, and some of it would have come without treatment."
	switch {
	case !f.compares():
	case f.study.Arm.Assignment == care.AssignmentRandomised:
		text += " The difference between the groups does not have this problem, because " + f.study.Arm.Name + " was randomised."
	default:
		text += " Groups that started differently regress differently, so the difference between them can have this problem too."
	}
	return finding.Caveat{Code: "regression-to-the-mean", Text: text}
}

// assignmentCaveat says what a difference between groups can mean, by how patients
// came to their group.
func (f *frame) assignmentCaveat() finding.Caveat {
	name := f.study.Arm.Name
	text := fmt.Sprintf("How patients were assigned to their %s is not recorded with this study: a difference between the groups is the effect of %s only if it was randomised and patients kept to it.", name, name)
	switch f.study.Arm.Assignment {
	case care.AssignmentRandomised:
		text = fmt.Sprintf("The study's definition says that %s was randomised: a difference between the groups is its effect to the extent that patients kept to their assignment and those who did not answer are like those who did.", name)
	case care.AssignmentNotRandomised:
		text = fmt.Sprintf("The study's definition says that %s was not randomised: the reasons why patients got one or the other can make the groups differ without any effect of %s.", name, name)
	}
	return finding.Caveat{Code: "assignment", Text: text}
}

// sharedCaveats are those of every question about this study.
func (f *frame) sharedCaveats() []finding.Caveat {
	out := []finding.Caveat{}
	add := func(code, format string, args ...any) {
		out = append(out, finding.Caveat{Code: code, Text: fmt.Sprintf(format, args...)})
	}
	switch {
	case f.compares():
		out = append(out, f.assignmentCaveat())
	case len(f.groups) == 1 && !f.ungrouped:
		add("one-group", "Only %s can be analysed, so nothing is compared and the answer is for everyone in it together.", f.groups[0].Label)
	default:
		add("no-comparison", "Everyone is analysed together and nothing is compared, so this does not show how patients would have fared without the treatment.")
	}
	if len(f.unusedArms) > 0 {
		labels := make([]string, len(f.unusedArms))
		for i, level := range f.unusedArms {
			labels[i] = f.labelOf(level)
		}
		add("empty-arm", "No patient is in %s, so it is left out.", list(labels))
	}
	if n := f.withoutGroup; n > 0 {
		add("no-group", "%s of %d left out: they have no %s on record that the study defines.", capital(patients(n)), f.completion.subjects(), f.study.Arm.Name)
	}
	if usual := usualFirst(f.whole); !f.firstAsked && usual.Name != f.first().Name {
		add("first-visit", "Few answered this measure at %s (%d of %s), so later visits are compared with %s.",
			usual.Name, f.completion.answered(usual.Name), patients(f.completion.subjects()), f.first().Name)
	}
	switch {
	case f.study.Anchor != care.AnchorCourseStart:
	case f.recordsSessions():
		add("from-course-start", "Days count from the start of the course, as the study's definition says, and not from a session.")
	default:
		add("no-sessions", "This study records no sessions, so days count from the start of the course and the first follow-up visit is what later ones are compared with unless another is asked for.")
	}
	if !f.hasItems && f.completion.anyAnswered() {
		add("totals-only", "Only total scores are on record for this measure, so the scoring of single items cannot be checked here.")
	}
	if f.study.Simulated || f.completion.simulated() {
		add("simulated", "These patients were simulated. Nothing here says anything about people.")
	}
	return out
}

package durability

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"afterglow/internal/care"
	"afterglow/internal/finding"
)

// describeGroups says who is compared, in the clinic's own words.
func (f *frame) describeGroups() {
	if f.ungrouped {
		n := f.completion.subjects()
		f.groups = []finding.Group{{Name: everyone, Label: "everyone", Definition: "Everyone: every course of the study, however it was treated.", N: n}}
		return
	}
	f.groups = nil
	for _, level := range f.study.Arm.Levels {
		expected, _ := f.completion.at(level, care.BaselineVisit)
		f.groups = append(f.groups, finding.Group{Name: level, Label: f.labelOf(level), Definition: f.definitionOf(level), N: expected})
	}
}

// derived says whether the compared factor follows from the sessions on record, as
// care.CourseFactors makes it, rather than from a column of the study's data.
func (f *frame) derived(factor string, levels []string) bool {
	return f.study.Arm.Name == factor && f.recordsSessions() && !slices.ContainsFunc(f.study.Arm.Levels, func(l string) bool { return !slices.Contains(levels, l) })
}

func (f *frame) bySetting() bool { return f.derived(care.FactorSetting, care.SettingLevels) }

func (f *frame) byPreparation() bool {
	return f.derived(care.FactorPreparation, care.PreparationLevels)
}

func (f *frame) byMode() bool { return f.derived(care.FactorMode, care.ModeLevels) }

// protocolTitle is the clinic's name of the protocol that is a level of the
// compared factor.
func (f *frame) protocolTitle(level string) (string, bool) {
	if f.study.Arm.Name != care.FactorProtocol {
		return "", false
	}
	title := f.protocols.title[level]
	return title, title != ""
}

// labelOf is what the clinic calls a level of the compared factor.
func (f *frame) labelOf(level string) string {
	if title, ok := f.protocolTitle(level); ok {
		return title
	}
	name := f.study.Arm.Name
	switch {
	case f.byMode():
		return modeWords[care.Mode(level)]
	case f.bySetting(), f.byPreparation(), name != f.ownArm, !saysWhat(level):
		return name + " " + level
	}
	return level
}

var modeWords = map[care.Mode]string{care.ModeInPerson: "sessions in person", care.ModeRemoteSupported: "remote sessions with support"}

// saysWhat is false for a level that means nothing without its factor, such as 0,
// f or yes.
func saysWhat(level string) bool {
	letters := 0
	for _, r := range level {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	return letters > 1 && !slices.Contains([]string{"yes", "no", "true", "false"}, strings.ToLower(level))
}

// definitionOf says in a sentence who is in the group. The cuts are care's.
func (f *frame) definitionOf(level string) string {
	if title, ok := f.protocolTitle(level); ok {
		return fmt.Sprintf("%s: the course followed this protocol.", title)
	}
	switch {
	case f.bySetting():
		cut := map[string]string{
			care.SettingLow:    fmt.Sprintf("below %g", care.SettingMiddleFrom),
			care.SettingMiddle: fmt.Sprintf("%g or more and below %g", care.SettingMiddleFrom, care.SettingHighFrom),
			care.SettingHigh:   fmt.Sprintf("%g or more", care.SettingHighFrom),
		}
		return fmt.Sprintf("Setting %s: the mean of the %d-item inventory of the setting (0 to 100) over the sessions of the series is %s.", level, len(care.SettingItems), cut[level])
	case f.byPreparation():
		return map[string]string{
			care.PreparationFull:   "Preparation full: it was done before every session of the series of which this is recorded.",
			care.PreparationPartly: "Preparation partly: it was left out before at least one session of the series.",
		}[level]
	case f.byMode():
		return map[care.Mode]string{
			care.ModeInPerson:        "Sessions in person: most sessions of the series were held in person.",
			care.ModeRemoteSupported: "Remote sessions with support: most sessions of the series were held at a distance, with support.",
		}[care.Mode(level)]
	}
	return fmt.Sprintf("Patients whose %s is %s in the study's data.", f.study.Arm.Name, level)
}

// group is a group of the answer by its name.
func (f *frame) group(name string) finding.Group {
	i := slices.IndexFunc(f.groups, func(g finding.Group) bool { return g.Name == name })
	if i < 0 {
		return finding.Group{Name: name, Label: name}
	}
	return f.groups[i]
}

// names lists the groups of the answer as estimates and tables carry them.
func (f *frame) names() []string {
	out := make([]string, len(f.groups))
	for i, g := range f.groups {
		out[i] = g.Name
	}
	return out
}

// labels lists the groups of the answer as the clinic calls them.
func (f *frame) labels() []string {
	out := make([]string, len(f.groups))
	for i, g := range f.groups {
		out[i] = g.Label
	}
	return out
}

// among puts a group into a sentence: 'where the setting was rated high', 'in TAU'.
func (f *frame) among(level string) string {
	if _, ok := f.protocolTitle(level); ok {
		return "under " + f.quoted(level)
	}
	switch {
	case f.ungrouped:
		return "among everyone"
	case f.bySetting():
		return "where the setting was rated " + level
	case f.byPreparation():
		return map[string]string{care.PreparationFull: "where preparation was complete", care.PreparationPartly: "where preparation was partly left out"}[level]
	case f.byMode():
		return "with " + f.labelOf(level)
	}
	return "in " + f.labelOf(level)
}

// contrast writes a difference of two levels with the groups' labels.
func (f *frame) contrast(of, minus string) string { return f.quoted(of) + " minus " + f.quoted(minus) }

// quoted is a label that stands in a sentence: a title of several words in marks.
func (f *frame) quoted(level string) string {
	if _, ok := f.protocolTitle(level); ok {
		return "\u2018" + f.labelOf(level) + "\u2019"
	}
	return f.labelOf(level)
}

// grouping names the factor that is compared, for captions and columns.
func (f *frame) grouping() string {
	if f.ungrouped {
		return "group"
	}
	return f.study.Arm.Name
}

// treatment is the estimand's line about what is compared.
func (f *frame) treatment() string {
	if f.ungrouped {
		return "everyone together, however they were treated"
	}
	return f.study.Arm.Name + ": " + list(f.labels())
}

// assigned says in a sentence how patients came to their group; empty where
// nothing is compared.
func (f *frame) assigned() string {
	if len(f.groups) < 2 {
		return ""
	}
	switch f.study.Arm.Assignment {
	case care.AssignmentRandomised:
		return "The groups were randomised, as the study's definition says."
	case care.AssignmentNotRandomised:
		return "The groups were not randomised, so they can differ in more than this."
	}
	return "How patients were assigned to their group is not recorded."
}

// studyName is the study's title; without one, a plain word in place of its id.
func (f *frame) studyName() string {
	if f.study.Title != "" {
		return "the study \u2018" + f.study.Title + "\u2019"
	}
	return "this study"
}

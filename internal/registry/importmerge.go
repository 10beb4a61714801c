package registry

import (
	"fmt"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// mergeStudy gives a stored study's definition as it is after a further import:
// title and assignments as they are given now; visits, levels, covariates and
// measures of both, so that nothing stored loses its name. changes says in words
// what is new and what the given definition no longer has. What results rest on
// already does not change: another anchor, day, arm, instrument or version is a
// fault.Conflict.
func mergeStudy(stored, given care.Study) (merged care.Study, changes []string, err error) {
	m := merger{merged: stored}
	m.fixed("visit.anchor", string(stored.Anchor), string(given.Anchor))
	m.fixed("visit.column", stored.VisitName, given.VisitName)
	if stored.Simulated != given.Simulated {
		m.fault("simulated", "is stored as %t", stored.Simulated)
	}
	if stored.Title != given.Title {
		m.merged.Title = given.Title
		m.say("the title changes")
	}
	m.visits(stored.Visits, given.Visits)
	m.arm(stored, given)
	m.covariates(stored.Covariates, given.Covariates)
	m.measures(stored.Measures, given.Measures)
	if len(m.faults) == 0 {
		if invalid := m.merged.Validate(); invalid != nil {
			return stored, nil, invalid
		}
		return m.merged, m.changes, nil
	}
	return stored, nil, &fault.Error{
		Kind: fault.KindConflict, Where: "study " + stored.ID, Details: m.faults,
		Message: "is stored with a different definition, and results depend on it; give the changed study another id",
	}
}

type merger struct {
	merged  care.Study
	changes []string
	faults  []fault.Detail
}

func (m *merger) say(format string, args ...any) {
	m.changes = append(m.changes, fmt.Sprintf(format, args...))
}

func (m *merger) fault(item, format string, args ...any) {
	m.faults = append(m.faults, fault.Detail{Item: item, Message: fmt.Sprintf(format, args...)})
}

func (m *merger) fixed(item, stored, given string) {
	if stored != given {
		m.fault(item, "is stored as %q", stored)
	}
}

func (m *merger) visits(stored, given []care.Visit) {
	all := slices.Clone(stored)
	for _, v := range given {
		at := slices.IndexFunc(stored, func(s care.Visit) bool { return s.Name == v.Name })
		switch {
		case at < 0:
			all = append(all, v)
			m.say("visit %q on day %d is new", v.Name, v.Day)
		case stored[at].Day != v.Day:
			m.fault("visit.levels", "visit %q is stored on day %d", v.Name, stored[at].Day)
		}
	}
	for _, s := range stored {
		if !slices.ContainsFunc(given, func(v care.Visit) bool { return v.Name == s.Name }) {
			m.say("visit %q is stored and the map does not have it; it stays", s.Name)
		}
	}
	slices.SortStableFunc(all, func(a, b care.Visit) int { return a.Day - b.Day })
	m.merged.Visits = all
}

func (m *merger) arm(stored, given care.Study) {
	switch {
	case !stored.HasArms() && !given.HasArms():
	case !given.HasArms():
		m.fault("arm", "is stored as %q; name it in the map", stored.Arm.Name)
	case !stored.HasArms():
		m.merged.Arm = given.Arm
		m.say("the arm %q is new", given.Arm.Name)
	case stored.Arm.Name != given.Arm.Name:
		m.fault("arm", "is stored as %q", stored.Arm.Name)
	default:
		m.merged.Arm = m.factor(stored.Arm, given.Arm)
	}
}

func (m *merger) covariates(stored, given []care.Factor) {
	m.merged.Covariates = nil
	for _, f := range given {
		at := slices.IndexFunc(stored, func(s care.Factor) bool { return s.Name == f.Name })
		if at < 0 {
			m.say("covariate %q is new", f.Name)
			m.merged.Covariates = append(m.merged.Covariates, f)
			continue
		}
		m.merged.Covariates = append(m.merged.Covariates, m.factor(stored[at], f))
	}
	for _, s := range stored {
		if !slices.ContainsFunc(given, func(f care.Factor) bool { return f.Name == s.Name }) {
			m.say("covariate %q is stored and the map does not have it; it stays", s.Name)
			m.merged.Covariates = append(m.merged.Covariates, s)
		}
	}
}

// factor takes the given order of levels, stored ones that it lacks behind.
func (m *merger) factor(stored, given care.Factor) care.Factor {
	merged := given
	merged.Levels = slices.Clone(given.Levels)
	for _, level := range given.Levels {
		if !slices.Contains(stored.Levels, level) {
			m.say("level %q of %s is new", level, given.Name)
		}
	}
	for _, level := range stored.Levels {
		if !slices.Contains(given.Levels, level) {
			m.say("level %q of %s is stored and the map does not have it; it stays", level, given.Name)
			merged.Levels = append(merged.Levels, level)
		}
	}
	if merged.Levels[0] != stored.Levels[0] {
		m.say("the reference of %s is %q now and was %q", given.Name, merged.Levels[0], stored.Levels[0])
	}
	if stored.Assignment != given.Assignment {
		m.say("how subjects were assigned to their level of %s is %q now and was %q", given.Name, assignmentWord(given.Assignment), assignmentWord(stored.Assignment))
	}
	return merged
}

func assignmentWord(a care.Assignment) care.Assignment {
	if a == "" {
		return "not said"
	}
	return a
}

func (m *merger) measures(stored, given []care.Measure) {
	all := slices.Clone(stored)
	for _, g := range given {
		at := slices.IndexFunc(stored, func(s care.Measure) bool { return s.Instrument == g.Instrument })
		if at < 0 {
			all = append(all, g)
			m.say("measure %q is new", g.Total)
			continue
		}
		s := stored[at]
		item := "measures/" + g.Instrument
		m.fixed(item+"/total", s.Total, g.Total)
		if s.Version != g.Version {
			m.fault(item+"/version", "is stored as %q; name that version in the map", s.Version)
		}
		switch {
		case s.Baseline == g.Baseline:
		case s.Baseline == "":
			all[at].Baseline = g.Baseline
			m.say("measure %q has a baseline now", g.Total)
		case g.Baseline == "":
			m.say("the baseline of %q is stored and the map does not have it; it stays", g.Total)
		default:
			m.fault(item+"/baseline", "is stored as %q", s.Baseline)
		}
	}
	for _, s := range stored {
		if !slices.ContainsFunc(given, func(g care.Measure) bool { return g.Instrument == s.Instrument }) {
			m.say("measure %q is stored and the map does not have it; it stays", s.Total)
		}
	}
	m.merged.Measures = all
}

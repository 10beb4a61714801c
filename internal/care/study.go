package care

import (
	"fmt"
	"regexp"

	"afterglow/internal/fault"
)

// BaselineVisit names the occasion of the measurement before treatment; it is
// reserved, so no study may call one of its visits so.
const BaselineVisit = "baseline"

// Study says what a study's variables mean: which factor is the arm, which
// visits were planned on which day, and which instrument each measure is. It is
// the frame in which a formula like `bdi_pre*visit + treatment*visit` has a
// meaning.
type Study struct {
	ID        string  `json:"id"`
	Title     string  `json:"title,omitempty"`
	Anchor    Anchor  `json:"anchor"`
	VisitName string  `json:"visit_name"`
	Visits    []Visit `json:"visits"`
	// Arm is the factor that the study compares; its zero value says that
	// everybody had the same treatment (HasArms).
	Arm        Factor    `json:"arm"`
	Covariates []Factor  `json:"covariates,omitempty"`
	Measures   []Measure `json:"measures"`
	Simulated  bool      `json:"simulated,omitempty"`
}

// Visit is a planned occasion of a study: its level in the data and its day
// since the anchor.
type Visit struct {
	Name string `json:"name"`
	Day  int    `json:"day"`
}

// Factor is a categorical variable of a subject with its levels in order; the
// first is the reference.
type Factor struct {
	Name   string   `json:"name"`
	Levels []string `json:"levels"`
	// Assignment is how subjects came to their level; empty where nothing is claimed.
	Assignment Assignment `json:"assignment,omitempty"`
}

// Assignment says how subjects came to a level of a factor. It decides what a
// difference between the levels may be taken for.
type Assignment string

// The ways to come to a level.
const (
	AssignmentRandomised    Assignment = "randomised"
	AssignmentNotRandomised Assignment = "not-randomised"
	AssignmentUnknown       Assignment = "unknown"
)

// known also takes the empty one.
func (a Assignment) known() bool {
	return a == "" || a == AssignmentRandomised || a == AssignmentNotRandomised || a == AssignmentUnknown
}

// Measure ties a variable of the study to an instrument's total score.
type Measure struct {
	Instrument string `json:"instrument"`
	Version    string `json:"version"`
	Total      string `json:"total"`
	Baseline   string `json:"baseline,omitempty"`
}

var (
	studyIDPattern  = regexp.MustCompile(`^[a-z][a-z0-9-]{0,47}$`)
	variablePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._]{0,63}$`)
)

// HasArms reports whether the study compares arms. Without them everybody had
// the same treatment, and questions answer for all together.
func (s Study) HasArms() bool { return s.Arm.Name != "" || len(s.Arm.Levels) > 0 }

// Validate gathers every fault of the definition.
func (s Study) Validate() error {
	var faults []fault.Detail
	add := func(item, format string, args ...any) {
		faults = append(faults, fault.Detail{Item: item, Message: fmt.Sprintf(format, args...)})
	}
	if !studyIDPattern.MatchString(s.ID) {
		add("study", "an id must be 1 to 48 lowercase letters, digits and hyphens, starting with a letter")
	}
	if s.Anchor != AnchorCourseStart && s.Anchor != AnchorLastSession {
		add("visit.anchor", "must be %s or %s", AnchorCourseStart, AnchorLastSession)
	}
	used := map[string]string{}
	name := func(item, variable string) {
		switch other, taken := used[variable]; {
		case !variablePattern.MatchString(variable):
			add(item, "%q is not a variable name (a letter, then letters, digits, dots and underscores)", variable)
		case taken:
			add(item, "%q is already the name of %s", variable, other)
		default:
			used[variable] = item
		}
	}
	name("visit.column", s.VisitName)
	if len(s.Visits) == 0 {
		add("visit.levels", "at least one visit is needed")
	}
	seen := map[string]bool{BaselineVisit: true}
	for i, v := range s.Visits {
		item := fmt.Sprintf("visit.levels[%d]", i)
		if v.Name == "" || seen[v.Name] {
			add(item, "visit %q is empty, reserved or given twice", v.Name)
		}
		seen[v.Name] = true
		if v.Day < 0 || i > 0 && v.Day <= s.Visits[i-1].Day {
			add(item, "days must be 0 or more and rise from visit to visit")
		}
	}
	for i, f := range append([]Factor{s.Arm}, s.Covariates...) {
		item := "arm"
		if i == 0 && !s.HasArms() {
			continue
		}
		if i > 0 {
			item = fmt.Sprintf("covariates[%d]", i-1)
		}
		name(item, f.Name)
		if len(f.Levels) == 0 {
			add(item, "needs its levels, the reference first")
		}
		if !f.Assignment.known() {
			add(item, "assignment is %s, %s or %s", AssignmentRandomised, AssignmentNotRandomised, AssignmentUnknown)
		}
		levels := map[string]bool{}
		for _, l := range f.Levels {
			if l == "" || levels[l] {
				add(item, "level %q is empty or given twice", l)
			}
			levels[l] = true
		}
	}
	if len(s.Measures) == 0 {
		add("measures", "at least one measure is needed")
	}
	for i, m := range s.Measures {
		item := fmt.Sprintf("measures[%d]", i)
		if m.Instrument == "" {
			add(item, "names no instrument")
		}
		name(item+".total", m.Total)
		if m.Baseline != "" {
			name(item+".baseline", m.Baseline)
		}
	}
	if len(faults) > 0 {
		return fault.InvalidDetails("study", faults)
	}
	return nil
}

// Factors gives the arm and then the covariates.
func (s Study) Factors() []Factor {
	if !s.HasArms() {
		return append([]Factor(nil), s.Covariates...)
	}
	return append([]Factor{s.Arm}, s.Covariates...)
}

// GroupedBy gives the study with another of its factors as the one that is
// compared; its own arm then is a covariate like the others. An unknown name
// gives false.
func (s Study) GroupedBy(factor string) (Study, bool) {
	factors := s.Factors()
	s.Covariates = nil
	found := false
	for _, f := range factors {
		if f.Name == factor {
			s.Arm, found = f, true
		} else {
			s.Covariates = append(s.Covariates, f)
		}
	}
	return s, found
}

// Measure finds a measure by its total's variable name or else by its instrument's
// id, of which a study has one form each.
func (s Study) Measure(name string) (Measure, bool) {
	for _, of := range []func(Measure) string{func(m Measure) string { return m.Total }, func(m Measure) string { return m.Instrument }} {
		for _, m := range s.Measures {
			if of(m) == name {
				return m, true
			}
		}
	}
	return Measure{}, false
}

// VisitNames lists the visits in order.
func (s Study) VisitNames() []string {
	names := make([]string, len(s.Visits))
	for i, v := range s.Visits {
		names[i] = v.Name
	}
	return names
}

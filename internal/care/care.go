// Package care holds the record in the clinic's words: pseudonyms, studies,
// courses, occasions and their windows. Floor: ground.
//
// It must not read a clock, know an identity or a store: it is quoted in tests,
// maps and exports.
package care

import (
	"regexp"

	"afterglow/internal/fault"
)

// Pseudonym is the random name that everything except the identity room uses
// for a patient: 32 hexadecimal digits, derived from nothing.
type Pseudonym string

var pseudonymPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ParsePseudonym accepts only the form that the registry draws.
func ParsePseudonym(s string) (Pseudonym, error) {
	if !pseudonymPattern.MatchString(s) {
		return "", fault.Invalid("pseudonym", "must be 32 hexadecimal digits")
	}
	return Pseudonym(s), nil
}

// Anchor is the event that an occasion counts its days from.
type Anchor string

// The anchors of the record.
const (
	AnchorCourseStart Anchor = "course-start"
	AnchorSession     Anchor = "session"
	AnchorLastSession Anchor = "last-session"
)

// Source says how a response came in.
type Source string

// The ways in.
const (
	SourceForm       Source = "form"
	SourceImport     Source = "import"
	SourceSimulation Source = "simulation"
)

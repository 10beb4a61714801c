package registry

import (
	"fmt"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/instrument"
)

// StudyImport is a whole study's data, checked and scored, to store or to refuse
// as one.
type StudyImport struct {
	Study care.Study
	// Source is SourceImport or SourceSimulation.
	Source care.Source
	// SourceHash is the SHA-256 of the file, in hex, for the audit trail.
	SourceHash string
	// Protocols are the versions that the subjects follow and are not stored yet.
	Protocols []care.Protocol
	Subjects  []ImportedSubject
	// Correct is the reason for which values that differ from the stored ones, or are
	// empty now, are stored as corrections; "" refuses them.
	Correct string
}

// ImportedSubject is a subject under the study's own code, which is kept
// encrypted; everything else knows a random pseudonym.
type ImportedSubject struct {
	Code string
	// Row is the subject's first line in the file, or 0.
	Row int
	// Factors are levels by factor name; one that was not recorded is absent.
	// Those that follow from the protocol and the sessions are filled in when the
	// study has them and they are not given: see care.CourseFactors.
	Factors map[string]string
	// EmptyFactors are factors that the source has and gives no level of, Empty the
	// places of scores that it has and leaves empty: a stored value there is called
	// back, where what the source does not speak of just stays.
	EmptyFactors []string
	Empty        []EmptyPlace
	// StartedOn is written as 2006-01-02, or "" when it is not known.
	StartedOn string
	// Protocol is what the course follows; its ID is "" when none is known.
	Protocol  care.ProtocolRef
	Sessions  []care.Session
	Responses []ImportedResponse
	// Unanswered are the occasions without an answer: still open, or missed.
	Unanswered []ImportedOccasion
}

// EmptyPlace is a score's place in a file that is empty. Row is its line, or 0.
type EmptyPlace struct {
	Instrument string
	Visit      string
	Row        int
}

// ImportedOccasion is an occasion without an answer.
type ImportedOccasion struct {
	Visit      string
	Day        int
	Instrument string
	Version    string
	// Anchor is the study's when "". Session is the number of the session that is
	// the anchor, or 0.
	Anchor   care.Anchor
	Session  int
	OpensAt  *time.Time
	TargetAt *time.Time
	ClosesAt *time.Time
	// Missed occasions take no answer any more.
	Missed bool
}

// ImportedResponse is one scored response. Row is its line in the file for
// reports, or 0.
type ImportedResponse struct {
	Row   int
	Visit string
	Day   int
	// Anchor is the study's when "". Session is the number of the session that is
	// the anchor, or 0.
	Anchor  care.Anchor
	Session int
	// AnsweredAt is when the source says that the answer was given, or nil.
	AnsweredAt     *time.Time
	Instrument     string
	Version        string
	DefinitionHash string
	Answers        instrument.Answers
	Score          instrument.Score
}

// ImportReport counts what an import added and what was there already.
type ImportReport struct {
	Study          string `json:"study"`
	StudyAdded     bool   `json:"study_added"`
	SubjectsAdded  int    `json:"subjects_added"`
	SubjectsKnown  int    `json:"subjects_known"`
	ResponsesAdded int    `json:"responses_added"`
	ResponsesKnown int    `json:"responses_known"`
	ProtocolsAdded int    `json:"protocols_added,omitempty"`
	SessionsAdded  int    `json:"sessions_added,omitempty"`
	SessionsKnown  int    `json:"sessions_known,omitempty"`
	// OccasionsAdded counts those without an answer.
	OccasionsAdded int `json:"occasions_added,omitempty"`
	// Corrected and Retracted count scores stored as a further revision, with a
	// value and without one; FactorsChanged counts levels that were changed or taken
	// back, FactorsAdded those that became known.
	Corrected      int `json:"corrected,omitempty"`
	Retracted      int `json:"retracted,omitempty"`
	FactorsChanged int `json:"factors_changed,omitempty"`
	FactorsAdded   int `json:"factors_added,omitempty"`
	// StudyChanges say in words what changed in the study's definition, and what is
	// stored that the map does not have.
	StudyChanges []string `json:"study_changes,omitempty"`
	// Differences are values that differ from the stored ones or are empty now, up to
	// MaxNamed of DifferenceCount.
	Differences     []Difference `json:"differences,omitempty"`
	DifferenceCount int          `json:"difference_count,omitempty"`
	// Absent are stored scores that the file does not speak of; they stay. Subjects of
	// whom it has no row are named in AbsentSubjects. Both are bounded like Differences.
	Absent              []AbsentScore `json:"absent,omitempty"`
	AbsentCount         int           `json:"absent_count,omitempty"`
	AbsentSubjects      []string      `json:"absent_subjects,omitempty"`
	AbsentSubjectsCount int           `json:"absent_subjects_count,omitempty"`
	// Alike are codes of the file and of the registry that differ in case, spaces or
	// leading zeros only.
	Alike []AlikeCodes `json:"alike,omitempty"`
	// Kept counts the stored scores that count together with those of the file.
	Kept []KeptScores `json:"kept,omitempty"`
	// KeptSubjects counts the absent subjects by arm.
	KeptSubjects map[string]int `json:"kept_subjects,omitempty"`
}

// MaxNamed is how many differences and absences a report names; all are counted.
const MaxNamed = 200

// Difference is a value of the file that is not the stored one. Visit and
// Instrument are "" for a factor, Factor is "" for a score. Given is "" where the
// file is empty now, Stored is "" where the value was retracted. The subject is
// named by its code, which is for whoever has the file, not for a log.
type Difference struct {
	Row        int    `json:"row"`
	Subject    string `json:"subject"`
	Visit      string `json:"visit,omitempty"`
	Instrument string `json:"instrument,omitempty"`
	Factor     string `json:"factor,omitempty"`
	Stored     string `json:"stored"`
	Given      string `json:"given"`
}

// Words say the difference for people.
func (d Difference) Words() string {
	what := fmt.Sprintf("subject %s, visit %s: %s", d.Subject, d.Visit, d.Instrument)
	if d.Factor != "" {
		what = fmt.Sprintf("subject %s: %s", d.Subject, d.Factor)
	}
	switch {
	case d.Given == "":
		return fmt.Sprintf("%s is stored as %s and is empty now", what, d.Stored)
	case d.Stored == "":
		return fmt.Sprintf("%s was retracted and is %s now", what, d.Given)
	}
	return fmt.Sprintf("%s is stored as %s and is %s now", what, d.Stored, d.Given)
}

// AbsentScore is a stored score that the file does not speak of.
type AbsentScore struct {
	Subject    string `json:"subject"`
	Visit      string `json:"visit"`
	Instrument string `json:"instrument"`
}

// AlikeCodes are two codes that people take for one; Row is where Given stands.
type AlikeCodes struct {
	Row    int    `json:"row"`
	Given  string `json:"given"`
	Stored string `json:"stored"`
}

// KeptScores counts stored scores that the file does not have, by arm.
type KeptScores struct {
	Instrument string `json:"instrument"`
	Visit      string `json:"visit"`
	Arm        string `json:"arm"`
	Scores     int    `json:"scores"`
}

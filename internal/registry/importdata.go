package registry

import (
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
}

// ImportedSubject is a subject under the study's own code, which is kept
// encrypted; everything else knows a random pseudonym.
type ImportedSubject struct {
	Code string
	// Factors are levels by factor name; one that was not recorded is absent.
	// Those that follow from the protocol and the sessions are filled in when the
	// study has them and they are not given: see care.CourseFactors.
	Factors map[string]string
	// StartedOn is written as 2006-01-02, or "" when it is not known.
	StartedOn string
	// Protocol is what the course follows; its ID is "" when none is known.
	Protocol  care.ProtocolRef
	Sessions  []care.Session
	Responses []ImportedResponse
	// Unanswered are the occasions without an answer: still open, or missed.
	Unanswered []ImportedOccasion
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
}

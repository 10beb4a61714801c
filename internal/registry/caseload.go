package registry

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// CaseloadFilter narrows the caseload; the zero value takes every course of the
// clinic. Courses of an imported trial, which follow no protocol of the clinic,
// are not part of it.
type CaseloadFilter struct {
	// Study takes only a study's courses, Protocol only those that follow a
	// protocol, CodePrefix only patients whose pseudonym begins so.
	Study      string
	Protocol   string
	CodePrefix string
	// Course takes only one course; 0 takes all.
	Course int64
	// Due takes courses with an occasion that is open now, Overdue those with
	// one whose window passed without an answer, Alerting those with an open
	// alert.
	Due      bool
	Overdue  bool
	Alerting bool
	// Standing takes only the courses that stand so; "" takes all. QuietSince
	// belongs to it: a course with an answer or a session after it has not ended.
	Standing   Standing
	QuietSince time.Time
	// Instruments are the primary ones, whose scores each row carries.
	Instruments []string
	// Limit bounds the rows: 1 to 1000, 0 means 100; Offset leaves out the first.
	Limit  int
	Offset int
}

// Standing says whether a course is still somebody's work.
type Standing string

// The standings. A course has ended when its series is over, every occasion is
// answered or closed, every alert is closed and it has been quiet for a while, so
// that its last answer was to be seen.
const (
	StandingInCare Standing = "in-care"
	StandingEnded  Standing = "ended"
)

const (
	usualCaseload   = 100
	longestCaseload = 1000
)

// CaseloadRow is a course as a line of the clinic's list: nothing that
// identifies.
type CaseloadRow struct {
	Course    int64
	Patient   care.Pseudonym
	Code      string // the first 8 digits of the pseudonym, for a screen
	Simulated bool
	Study     string
	// Protocol is the zero value, and SessionsPlanned 0, when none is known.
	Protocol        care.ProtocolRef
	ProtocolTitle   string
	StartedOn       string
	SessionsPlanned int
	// SessionsDone does not count boosters.
	SessionsDone int
	Boosters     int
	LastSession  *LastSession
	Due          *DueOccasion
	// OverdueOccasions counts all whose window passed without an answer.
	OverdueOccasions int
	LastAnsweredAt   *time.Time
	// Scores are in the order of the filter's instruments; one that was never
	// answered is absent.
	Scores []CourseScore
	// OpenAlerts are those that nobody has taken on, TakenAlerts those that somebody
	// has and that are not closed; TakenBy is the account that took on the newest.
	OpenAlerts  int
	TakenAlerts int
	TakenBy     string
}

// LastSession is the latest session of a course, boosters too.
type LastSession struct {
	Number    int
	Day       int
	StartedAt time.Time
	Route     care.Route
}

// DueOccasion is the next thing a patient is asked: the open occasion whose
// window closes first among those that still can be answered, else the oldest
// overdue one.
type DueOccasion struct {
	Occasion   int64
	Instrument string
	Visit      string
	OpensAt    *time.Time
	TargetAt   *time.Time
	ClosesAt   *time.Time
	// Overdue says that the window passed without an answer.
	Overdue bool
}

// CourseScore is how an instrument's total stands. Newest revisions count; an
// answer without a valid total is passed over.
type CourseScore struct {
	Instrument string
	Baseline   *float64
	Last       *float64
	LastVisit  string
	LastDay    int
	LastAt     *time.Time
	// Series are all totals in the order in which they were given; the baseline is
	// among them.
	Series []ScoredAnswer
}

// ScoredAnswer is one total of a course. At is when it was given, or was meant to
// be; the zero value where neither is known.
type ScoredAnswer struct {
	Visit string
	Score float64
	At    time.Time
}

// Caseload lists courses, those first that need a person: open alerts, then
// overdue occasions, then by what closes next, then the newest; those that have
// ended by their last contact, the latest first.
func (s *Store) Caseload(ctx context.Context, f CaseloadFilter) ([]CaseloadRow, error) {
	if f.Limit == 0 {
		f.Limit = usualCaseload
	}
	if f.Limit < 1 || f.Limit > longestCaseload || f.Offset < 0 {
		return nil, fault.Invalid("caseload", "a page has 1 to %d rows and does not begin before the first", longestCaseload)
	}
	list := []CaseloadRow{}
	place := map[int64]int{}
	now := timeText(s.Now())
	err := each(ctx, s, func(rows *sql.Rows) error {
		r, err := scanCaseload(rows, now)
		place[r.Course] = len(list)
		list = append(list, r)
		return err
	}, caseloadQuery, caseloadArguments(f, now)...)
	if err != nil {
		return nil, fmt.Errorf("read the caseload: %w", err)
	}
	if err := s.addScores(ctx, f.Instruments, list, place); err != nil {
		return nil, fmt.Errorf("read the caseload's scores: %w", err)
	}
	return list, nil
}

// Package caseload reads what a clinician sees first: who is in care, who is due,
// late or worse, and one patient's course over time. Floor: service.
//
// It must not act on what it reads, and it needs the registry alone: its pages
// stand while the warehouse is down. Looking at one patient is an audit event.
package caseload

import (
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// Service reads the caseload.
type Service struct{ Config }

// Config is what the service reads.
type Config struct {
	Store       *registry.Store
	Instruments *instrument.Library
	// Zone is the clinic's: calendar days are counted in it.
	Zone *time.Location
}

// New makes a Service.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Instruments == nil || c.Zone == nil {
		return nil, fault.Invalid("caseload", "needs the registry, the instruments and a time zone")
	}
	return &Service{c}, nil
}

// Choice narrows the list; the zero value takes every course.
type Choice struct {
	// CodePrefix takes only patients whose pseudonym begins so, Protocol only courses
	// that follow the protocol.
	CodePrefix, Protocol string
}

// Line is one course of the caseload. Patient is a pseudonym; nothing here says
// who it is. LastContact is the newest answer or session, zero when there was
// none.
type Line struct {
	Patient   care.Pseudonym
	Course    int64
	Simulated bool
	Plan      Plan
	Last      *Reading
	Next      *Next
	// Worse lists the scales whose newest score is reliably worse than baseline.
	Worse []string
	// Going lists the scales on which a benefit was had and is going or gone.
	Going       []Going
	LastContact time.Time
	// OpenAlerts are those that nobody has taken on; TakenAlerts those that somebody
	// has and that are not closed. TakenBy is the account that took on the newest.
	OpenAlerts, TakenAlerts int
	TakenBy                 string
	// Course over time of the scale of Last, the baseline among it.
	Series []float64
}

// Going is a scale whose benefit is going or gone.
type Going struct {
	Short   string
	Benefit care.Benefit
}

// Plan is how a course was planned and how far it is. Title is "" and Planned 0
// where no protocol is known.
type Plan struct {
	Title          string
	Protocol       care.ProtocolRef
	Route          care.Route
	Mode           care.Mode
	Given, Planned int
	Boosters       int
}

// Reading is a scored answer, with its change from baseline where there is one.
type Reading struct {
	Instrument, Short string
	Score             float64
	Minimum, Maximum  float64
	Band              string
	LowerIsBetter     bool
	Day               int
	// At is when the answer was given or was meant to be; zero where neither is known.
	At     time.Time
	Change *instrument.Change
	// Benefit is what was gained and what is left; nil where nothing was.
	Benefit *care.Benefit
}

// Next is the occasion that the patient is asked next; where none is left that
// still takes an answer, the oldest whose window has passed.
type Next struct {
	Short string
	Visit string
	// On is when it is meant to be answered, zero where no day was set.
	On    time.Time
	State NextState
}

// ScaleReadings are a scale's newest score, nil where there is none, and the
// change from baseline of each of its points, nil where it cannot be told.
type ScaleReadings struct {
	Newest  *Reading
	Changes []*instrument.Change
}

// NextState says where an occasion stands.
type NextState string

// The states: its time has not come; answers are taken and its day has not
// passed; its day has passed.
const (
	NextPlanned NextState = "planned"
	NextDue     NextState = "due"
	NextLate    NextState = "late"
)

// IsDue reports whether the patient can answer something now whose day has not
// passed.
func (l Line) IsDue() bool { return l.Next != nil && l.Next.State == NextDue }

// IsLate reports whether the day of something open has passed.
func (l Line) IsLate() bool { return l.Next != nil && l.Next.State == NextLate }

// IsWorse reports whether a scale is reliably worse than at baseline.
func (l Line) IsWorse() bool { return len(l.Worse) > 0 }

// IsGoing reports whether a benefit that was had is going or gone.
func (l Line) IsGoing() bool { return len(l.Going) > 0 }

// IsTakenOn reports whether an alert of the course is with somebody and not closed.
func (l Line) IsTakenOn() bool { return l.TakenAlerts > 0 }

// NeedsSomeoneToday reports whether an alert waits that nobody has taken on.
func (l Line) NeedsSomeoneToday() bool { return l.OpenAlerts > 0 }

// Record is one patient's course.
type Record struct {
	Line Line
	// Started is the course's first day, nil when it is not known; Today is
	// today's day of the course.
	Started *care.Date
	Today   int
	Trend   care.Trend
	// Scales goes with the trend's scales, in their order.
	Scales []ScaleReadings
	// NextSession is when the protocol's interval puts the next session; nil when
	// none is left or none was given yet.
	NextSession *time.Time
	// Ended is when the course ended, its last contact; nil while it is in care.
	Ended *time.Time
	// Safety are the answers to the questions that safety rules watch.
	Safety []SafetyHistory
	// Others are the patient's other courses.
	Others []int64
}

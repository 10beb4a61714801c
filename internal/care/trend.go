package care

import "time"

// Trend is one course over time: its sessions and, for each scale that was
// asked, every occasion that has passed. Days count from the start of the course.
type Trend struct {
	// LastDay is where the time that is shown ends: today, or, in a course that has
	// been quiet for long, the last day that holds anything.
	LastDay int
	// Today is today's day; nil where the time that is shown ends before it.
	Today    *int
	Sessions []Session
	Scales   []ScaleTrend
}

// ScaleTrend is one scale's part of a trend, with what is needed to read it.
type ScaleTrend struct {
	Instrument string
	// Name is the instrument's title, Short its usual short form.
	Name, Short      string
	Minimum, Maximum float64
	LowerIsBetter    bool
	// Bands rise from the lowest score; none where the instrument has none.
	Bands []ScoreBand
	// ReliableChange is the change in points that measurement error does not
	// explain; nil where the instrument has no such threshold.
	ReliableChange *float64
	// ReliableRule says in a few words where that threshold comes from: rules for
	// one scale differ.
	ReliableRule string
	// Baseline is the score that changes count from; nil without a scored answer
	// before treatment.
	Baseline *float64
	// Benefit is what was gained since the baseline and what is left of it; nil where
	// nothing was gained reliably.
	Benefit *Benefit
	Points  []TrendPoint
}

// ScoreBand is a named stretch of a scale, from From up to the next band.
type ScoreBand struct {
	Name string
	From float64
}

// PointState says what became of an occasion.
type PointState string

// The states: answered with a score; answered with too few items for a score;
// passed without an answer; still open.
const (
	PointScored   PointState = "scored"
	PointUnscored PointState = "unscored"
	PointMissed   PointState = "missed"
	PointOpen     PointState = "open"
)

// TrendPoint is one occasion of a trend. Score is nil unless the state is
// PointScored. ClosesAt is set while the occasion is open, where it closes.
type TrendPoint struct {
	// Occasion is what was asked, by its number in the record.
	Occasion   int64
	Day        int
	Visit      string
	State      PointState
	Score      *float64
	Band       string
	AnsweredAt time.Time
	ClosesAt   *time.Time
	// Late says that the form was begun in its window and finished after it.
	Late bool
	// Corrections are the revisions after the first, the newest last.
	Corrections []Correction
}

// Correction is a revision of an answer: what the score was before, why it was
// changed, who changed it and when. Before is nil where there was no score.
type Correction struct {
	At     time.Time
	Before *float64
	Reason string
	Author string
}

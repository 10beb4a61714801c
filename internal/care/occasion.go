package care

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"afterglow/internal/fault"
)

// Date is a day of the calendar, the same wherever it is read.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads 2006-01-02.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fault.Invalid("date", "is written like 2026-02-28 and names a day that exists")
	}
	return DateOf(t, time.UTC), nil
}

// DateOf is the day that a calendar in the zone shows at the instant.
func DateOf(t time.Time, zone *time.Location) Date {
	year, month, day := t.In(zone).Date()
	return Date{year, month, day}
}

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// AddDays counts days of the calendar, whatever their length in hours.
func (d Date) AddDays(n int) Date {
	return DateOf(time.Date(d.Year, d.Month, d.Day+n, 0, 0, 0, 0, time.UTC), time.UTC)
}

// DaysSince counts the days of the calendar from another date to this one.
func (d Date) DaysSince(other Date) int {
	midnight := func(d Date) time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }
	return int(midnight(d).Sub(midnight(other)) / (24 * time.Hour))
}

// At is the instant at which clocks in the zone show a time of this day. A time
// that comes twice, when clocks go back, is its first coming; one that does not
// come, when they go forward, is the instant of the change.
func (d Date) At(hour, minute int, zone *time.Location) time.Time {
	shown := time.Date(d.Year, d.Month, d.Day, hour, minute, 0, 0, time.UTC)
	// No zone is further than 14 hours from UTC, so the offsets a day and a half
	// to either side are those before and after any change near the time shown.
	before := shown.Add(-offset(shown.Add(-36*time.Hour), zone))
	after := shown.Add(-offset(shown.Add(36*time.Hour), zone))
	first, second := before, after
	if after.Before(before) {
		first, second = after, before
	}
	for _, t := range []time.Time{first, second} {
		if t.Add(offset(t, zone)).Equal(shown) {
			return t.In(zone)
		}
	}
	// With the offset from before the change, a missing time falls after it.
	change, _ := before.In(zone).ZoneBounds()
	return change
}

func offset(t time.Time, zone *time.Location) time.Duration {
	_, seconds := t.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

// targetHour is when an occasion's own day begins for people: our own choice,
// late enough not to wake anybody.
const targetHour = 9

// Window is when an occasion can be answered, in days and in instants. The day of
// Closes is the last one; ClosesAt is the first instant that is too late.
type Window struct {
	Opens  Date
	Target Date
	Closes Date
	// OpensAt is the start of the first day and TargetAt nine o'clock of the
	// target day, both by the patient's clock.
	OpensAt  time.Time
	TargetAt time.Time
	ClosesAt time.Time
}

// Window counts the occasion's days from its anchor's day and lays them into the
// patient's zone. A patient who moves keeps the days; their instants are those of
// the new zone.
func (o PlannedOccasion) Window(anchor Date, zone *time.Location) Window {
	target := anchor.AddDays(o.Day)
	opens, closes := target.AddDays(-o.OpensBefore), target.AddDays(o.ClosesAfter)
	return Window{
		Opens: opens, Target: target, Closes: closes,
		OpensAt: opens.At(0, 0, zone), TargetAt: target.At(targetHour, 0, zone), ClosesAt: closes.AddDays(1).At(0, 0, zone),
	}
}

// VisitName tells the occasion from all others of its course: an occasion that is
// anchored on sessions comes once for each.
func (o PlannedOccasion) VisitName(session int) string {
	if o.Anchor == AnchorSession {
		return fmt.Sprintf("session %d, %s", session, o.Name)
	}
	return o.Name
}

// CourseDays are the days that occasions count from. LastSession is nil until the
// series is over.
type CourseDays struct {
	Start       Date
	Sessions    map[int]Date
	LastSession *Date
}

// Occasion is a planned occasion of one course, with its window. Session is the
// number of the session that it counts from, or 0.
type Occasion struct {
	Planned PlannedOccasion
	Visit   string
	Session int
	Window  Window
}

// Occasions lays out what can be told of a protocol's schedule: an occasion whose
// anchor has not come yet is left out. They are in the order of the schedule, and
// of the sessions within it.
func (p Protocol) Occasions(days CourseDays, zone *time.Location) []Occasion {
	var list []Occasion
	add := func(o PlannedOccasion, session int, anchor Date) {
		list = append(list, Occasion{Planned: o, Visit: o.VisitName(session), Session: session, Window: o.Window(anchor, zone)})
	}
	for _, o := range p.Schedule {
		switch o.Anchor {
		case AnchorCourseStart:
			add(o, 0, days.Start)
		case AnchorLastSession:
			if days.LastSession != nil {
				add(o, 0, *days.LastSession)
			}
		case AnchorSession:
			for _, number := range slices.Sorted(maps.Keys(days.Sessions)) {
				add(o, number, days.Sessions[number])
			}
		}
	}
	return list
}

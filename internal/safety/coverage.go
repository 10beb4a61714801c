package safety

import (
	"context"
	"fmt"
	"time"

	"afterglow/internal/registry"
)

const minutesADay = 24 * 60

// Gap is a stretch of a weekday, in minutes from the site's midnight, in which
// nobody confirmed is on call.
type Gap struct {
	Day        time.Weekday
	FromMinute int
	ToMinute   int
}

// String is such as "Sunday 18:00 to 24:00".
func (g Gap) String() string {
	return fmt.Sprintf("%s %02d:%02d to %02d:%02d", g.Day, g.FromMinute/60, g.FromMinute%60, g.ToMinute/60, g.ToMinute%60)
}

// Gaps lists when in the week no confirmed line of the roster covers, Monday
// first; a line of any duty covers.
func Gaps(lines []registry.RosterLine) []Gap {
	var gaps []Gap
	for day := range 7 {
		var covered [minutesADay]bool
		for _, l := range lines {
			if l.ConfirmedAt == nil || l.Days&(1<<day) == 0 {
				continue
			}
			for m := max(l.FromMinute, 0); m < min(l.ToMinute, minutesADay); m++ {
				covered[m] = true
			}
		}
		weekday := time.Weekday((day + 1) % 7)
		for m := 0; m < minutesADay; m++ {
			if covered[m] {
				continue
			}
			from := m
			for m < minutesADay && !covered[m] {
				m++
			}
			gaps = append(gaps, Gap{Day: weekday, FromMinute: from, ToMinute: m})
		}
	}
	return gaps
}

// Cover is whether somebody confirmed is on call at a moment, and until when.
type Cover struct {
	// Known is false where no confirmed line is in the roster.
	Known bool
	// Now says that somebody is on call.
	Now bool
	// Changes is when that ends or, while nobody is on call, begins; nil where
	// somebody always is.
	Changes *time.Time
}

// CoverAt reads the confirmed lines of the roster at a moment, by the clock of the
// zone.
func CoverAt(lines []registry.RosterLine, now time.Time, zone *time.Location) Cover {
	var covered [7 * minutesADay]bool
	known, all := false, true
	for _, l := range lines {
		if l.ConfirmedAt == nil {
			continue
		}
		known = true
		for day := range 7 {
			if l.Days&(1<<day) == 0 {
				continue
			}
			for m := max(l.FromMinute, 0); m < min(l.ToMinute, minutesADay); m++ {
				covered[day*minutesADay+m] = true
			}
		}
	}
	for _, c := range covered {
		all = all && c
	}
	if !known {
		return Cover{}
	}
	local := now.In(zone)
	monday := (int(local.Weekday()) + 6) % 7
	at := monday*minutesADay + local.Hour()*60 + local.Minute()
	cover := Cover{Known: true, Now: covered[at]}
	if all {
		return cover
	}
	ahead := 1
	for covered[(at+ahead)%len(covered)] == cover.Now {
		ahead++
	}
	minute := at%minutesADay + ahead
	changes := time.Date(local.Year(), local.Month(), local.Day(), 0, minute, 0, 0, zone)
	cover.Changes = &changes
	return cover
}

// CoverAt reads the roster at a moment, by the clock of the zone.
func (s *Service) CoverAt(ctx context.Context, now time.Time, zone *time.Location) (Cover, error) {
	lines, err := s.store.Roster(ctx)
	if err != nil {
		return Cover{}, fmt.Errorf("read who is on call: %w", err)
	}
	return CoverAt(lines, now, zone), nil
}

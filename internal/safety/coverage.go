package safety

import (
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

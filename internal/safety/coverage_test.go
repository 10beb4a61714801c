package safety_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/registry"
	"afterglow/internal/safety"
)

func TestGapsOfTheRoster(t *testing.T) {
	confirmed := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	line := func(days, from, to int) registry.RosterLine {
		return registry.RosterLine{Days: days, FromMinute: from, ToMinute: to, ConfirmedAt: &confirmed}
	}
	const weekdays, saturday, sunday = 31, 32, 64
	unconfirmed := line(registry.AllDays, 0, 1440)
	unconfirmed.ConfirmedAt = nil
	for _, c := range []struct {
		name  string
		lines []registry.RosterLine
		want  []string
	}{
		{"all week", []registry.RosterLine{line(registry.AllDays, 0, 1440)}, nil},
		{"two people share a day", []registry.RosterLine{line(registry.AllDays, 0, 720), line(registry.AllDays, 720, 1440)}, nil},
		{"no Sunday", []registry.RosterLine{line(weekdays|saturday, 0, 1440)}, []string{"Sunday 00:00 to 24:00"}},
		{"Saturday's lunch", []registry.RosterLine{line(weekdays|sunday, 0, 1440), line(saturday, 0, 720), line(saturday, 780, 1440)}, []string{"Saturday 12:00 to 13:00"}},
		{"a line nobody confirmed does not count", []registry.RosterLine{line(weekdays|saturday, 0, 1440), unconfirmed}, []string{"Sunday 00:00 to 24:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, g := range safety.Gaps(c.lines) {
				got = append(got, g.String())
			}
			require.Equal(t, c.want, got)
		})
	}
	require.Len(t, safety.Gaps(nil), 7)
}

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

func TestWhoIsOnCallNowAndUntilWhen(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	confirmed := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	line := func(days, from, to int) registry.RosterLine {
		return registry.RosterLine{Days: days, FromMinute: from, ToMinute: to, ConfirmedAt: &confirmed}
	}
	const weekdays, monday = 31, 1
	office := []registry.RosterLine{line(weekdays, 9*60, 17*60)}
	unconfirmed := line(registry.AllDays, 0, 1440)
	unconfirmed.ConfirmedAt = nil
	local := func(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour, minute, 0, 0, berlin) }
	at := func(t time.Time) *time.Time { return &t }
	for _, c := range []struct {
		name  string
		lines []registry.RosterLine
		now   time.Time
		want  safety.Cover
	}{
		{"nobody is in the roster", nil, local(4, 10, 0), safety.Cover{}},
		{"a line nobody confirmed does not count", []registry.RosterLine{unconfirmed}, local(4, 10, 0), safety.Cover{}},
		{"all week", []registry.RosterLine{line(registry.AllDays, 0, 1440)}, local(4, 3, 0), safety.Cover{Known: true, Now: true}},
		{"in the office", office, local(4, 16, 59), safety.Cover{Known: true, Now: true, Changes: at(local(4, 17, 0))}},
		{"just after", office, local(4, 17, 0), safety.Cover{Known: true, Changes: at(local(5, 9, 0))}},
		{"over the weekend", office, local(6, 17, 0), safety.Cover{Known: true, Changes: at(local(9, 9, 0))}},
		{"over the night that loses an hour", []registry.RosterLine{line(monday, 0, 60)}, local(28, 12, 0), safety.Cover{Known: true, Changes: at(local(30, 0, 0))}},
		{"one person after the other", []registry.RosterLine{line(weekdays, 9*60, 12*60), line(weekdays, 12*60, 20*60)}, local(4, 10, 0), safety.Cover{Known: true, Now: true, Changes: at(local(4, 20, 0))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := safety.CoverAt(c.lines, c.now.UTC(), berlin)
			require.Equal(t, c.want.Known, got.Known)
			require.Equal(t, c.want.Now, got.Now)
			if c.want.Changes == nil {
				require.Nil(t, got.Changes)
				return
			}
			require.True(t, c.want.Changes.Equal(*got.Changes), "%v", got.Changes)
		})
	}
}

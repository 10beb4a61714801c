package care_test

import (
	"testing"
	"time"
	_ "time/tzdata" // the zones are the test's own, whatever machine it runs on

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/care"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func date(t testing.TB, s string) care.Date {
	t.Helper()
	d, err := care.ParseDate(s)
	require.NoError(t, err)
	return d
}

// TestSR17_ATimeOfDayInAnyZone pins the missing and the doubled hour.
func TestSR17_ATimeOfDayInAnyZone(t *testing.T) {
	for _, c := range []struct {
		name, zone, date string
		hour, minute     int
		want             string
	}{
		{"an ordinary day", "America/New_York", "2026-01-15", 9, 0, "2026-01-15T14:00:00Z"},
		{"New York, the missing hour", "America/New_York", "2026-03-08", 2, 30, "2026-03-08T07:00:00Z"},
		{"New York, after the change", "America/New_York", "2026-03-08", 9, 0, "2026-03-08T13:00:00Z"},
		{"New York, the doubled hour", "America/New_York", "2026-11-01", 1, 30, "2026-11-01T05:30:00Z"},
		{"New York, midnight after the change", "America/New_York", "2026-11-02", 0, 0, "2026-11-02T05:00:00Z"},
		{"Berlin, the missing hour", "Europe/Berlin", "2026-03-29", 2, 15, "2026-03-29T01:00:00Z"},
		{"Berlin, the doubled hour", "Europe/Berlin", "2026-10-25", 2, 15, "2026-10-25T00:15:00Z"},
		{"Berlin, 29 February", "Europe/Berlin", "2028-02-29", 9, 0, "2028-02-29T08:00:00Z"},
		{"Lord Howe, the missing half hour", "Australia/Lord_Howe", "2026-10-04", 2, 10, "2026-10-03T15:30:00Z"},
		{"Lord Howe, the doubled half hour", "Australia/Lord_Howe", "2026-04-05", 1, 45, "2026-04-04T14:45:00Z"},
		{"Kathmandu, five and three quarter hours", "Asia/Kathmandu", "2026-06-01", 9, 0, "2026-06-01T03:15:00Z"},
		{"Kathmandu, the quarter hour that it skipped in 1986", "Asia/Kathmandu", "1986-01-01", 0, 5, "1985-12-31T18:30:00Z"},
		{"Kiritimati, fourteen hours ahead", "Pacific/Kiritimati", "2026-06-01", 9, 0, "2026-05-31T19:00:00Z"},
		{"Kiritimati, the day that it skipped in 1994", "Pacific/Kiritimati", "1994-12-31", 12, 0, "1994-12-31T10:00:00Z"},
		{"Havana, where midnight is missing", "America/Havana", "2026-03-08", 0, 0, "2026-03-08T05:00:00Z"},
		{"Havana, where midnight comes twice", "America/Havana", "2026-11-01", 0, 0, "2026-11-01T04:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := date(t, c.date).At(c.hour, c.minute, zone(t, c.zone))
			require.Equal(t, c.want, got.UTC().Format(time.RFC3339))
		})
	}
}

func TestSR17_WindowsCountDaysOfTheCalendar(t *testing.T) {
	day14 := care.PlannedOccasion{Name: "+14 d", Anchor: care.AnchorLastSession, Day: 14, OpensBefore: 2, ClosesAfter: 3, Instruments: []string{"phq-9"}}
	for _, c := range []struct {
		name, zone, anchor              string
		opens, target, closes           string
		opensAt, targetAt, firstTooLate string
	}{
		{"over the change to summer time", "America/New_York", "2026-02-22", "2026-03-06", "2026-03-08", "2026-03-11",
			"2026-03-06T05:00:00Z", "2026-03-08T13:00:00Z", "2026-03-12T04:00:00Z"},
		{"over the change to winter time", "Europe/Berlin", "2026-10-11", "2026-10-23", "2026-10-25", "2026-10-28",
			"2026-10-22T22:00:00Z", "2026-10-25T08:00:00Z", "2026-10-28T23:00:00Z"},
		{"over half an hour", "Australia/Lord_Howe", "2026-03-22", "2026-04-03", "2026-04-05", "2026-04-08",
			"2026-04-02T13:00:00Z", "2026-04-04T22:30:00Z", "2026-04-08T13:30:00Z"},
		{"to 29 February", "Asia/Kathmandu", "2028-02-15", "2028-02-27", "2028-02-29", "2028-03-03",
			"2028-02-26T18:15:00Z", "2028-02-29T03:15:00Z", "2028-03-03T18:15:00Z"},
		{"past 28 February of a common year", "Pacific/Kiritimati", "2027-02-15", "2027-02-27", "2027-03-01", "2027-03-04",
			"2027-02-26T10:00:00Z", "2027-02-28T19:00:00Z", "2027-03-04T10:00:00Z"},
		{"over the new year", "Europe/Berlin", "2026-12-20", "2027-01-01", "2027-01-03", "2027-01-06",
			"2026-12-31T23:00:00Z", "2027-01-03T08:00:00Z", "2027-01-06T23:00:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := day14.Window(date(t, c.anchor), zone(t, c.zone))
			require.Equal(t, []string{c.opens, c.target, c.closes}, []string{w.Opens.String(), w.Target.String(), w.Closes.String()})
			require.Equal(t, []string{c.opensAt, c.targetAt, c.firstTooLate}, []string{
				w.OpensAt.UTC().Format(time.RFC3339), w.TargetAt.UTC().Format(time.RFC3339), w.ClosesAt.UTC().Format(time.RFC3339)})
		})
	}
}

func TestSR17_APatientWhoTravelsKeepsTheDays(t *testing.T) {
	late := time.Date(2026, 6, 1, 23, 30, 0, 0, zone(t, "America/New_York"))
	anchor := care.DateOf(late, zone(t, "America/New_York"))
	require.Equal(t, "2026-06-01", anchor.String())
	require.Equal(t, "2026-06-02", care.DateOf(late, zone(t, "Europe/Berlin")).String(), "why the zone of the session decides, once")
	o := care.PlannedOccasion{Day: 7}
	home, away := o.Window(anchor, zone(t, "America/New_York")), o.Window(anchor, zone(t, "Europe/Berlin"))
	require.Equal(t, home.Target, away.Target)
	require.Equal(t, 6*time.Hour, home.TargetAt.Sub(away.TargetAt), "nine o'clock where the patient is")
}

func TestAProtocolsOccasionsWaitForTheirAnchors(t *testing.T) {
	p := care.Protocol{Schedule: []care.PlannedOccasion{
		{Name: care.BaselineVisit, Anchor: care.AnchorCourseStart, Day: -3},
		{Name: "+1 d", Anchor: care.AnchorSession, Day: 1},
		{Name: "+28 d", Anchor: care.AnchorLastSession, Day: 28},
	}}
	berlin := zone(t, "Europe/Berlin")
	days := care.CourseDays{Start: date(t, "2026-03-01"), Sessions: map[int]care.Date{2: date(t, "2026-03-08"), 1: date(t, "2026-03-01")}}
	seen := func() (list []string) {
		for _, o := range p.Occasions(days, berlin) {
			list = append(list, o.Visit+" "+o.Window.Target.String())
		}
		return list
	}
	before := []string{"baseline 2026-02-26", "session 1, +1 d 2026-03-02", "session 2, +1 d 2026-03-09"}
	require.Equal(t, before, seen())
	last := date(t, "2026-03-08")
	days.LastSession = &last
	require.Equal(t, append(before, "+28 d 2026-04-05"), seen())
}

func TestDatesAddAndSubtract(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(-40_000, 40_000).Draw(t, "days")
		start := care.Date{Year: 2000, Month: time.January, Day: 1}
		require.Equal(t, n, start.AddDays(n).DaysSince(start))
	})
	for _, wrong := range []string{"", "2026-02-29", "2026-2-3", "2026-02-03T00:00:00Z", "tomorrow"} {
		_, err := care.ParseDate(wrong)
		require.Error(t, err, wrong)
	}
}

func TestAWindowIsNeverInsideOut(t *testing.T) {
	zones := []string{"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Kiritimati", "America/Havana", "Pacific/Apia"}
	rapid.Check(t, func(rt *rapid.T) {
		loc := zone(t, rapid.SampledFrom(zones).Draw(rt, "zone"))
		anchor := care.Date{Year: 1985, Month: time.January, Day: 1}.AddDays(rapid.IntRange(0, 20_000).Draw(rt, "anchor"))
		o := care.PlannedOccasion{Day: rapid.IntRange(0, 730).Draw(rt, "day"), OpensBefore: rapid.IntRange(0, 14).Draw(rt, "before"), ClosesAfter: rapid.IntRange(1, 14).Draw(rt, "after")}
		w := o.Window(anchor, loc)
		require.False(rt, w.TargetAt.Before(w.OpensAt))
		require.True(rt, w.TargetAt.Before(w.ClosesAt))
	})
}

package clinic_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/instrument"
	"afterglow/internal/web/clinic"
)

var seen = clinic.Seen{Now: time.Date(2026, 3, 14, 10, 42, 0, 0, time.UTC), Zone: time.UTC}

func line(code string, change func(*caseload.Line)) caseload.Line {
	l := caseload.Line{Patient: care.Pseudonym(code + strings.Repeat("0", 32-len(code))), Course: 1}
	if change != nil {
		change(&l)
	}
	return l
}

func reading(score, improvement float64, class instrument.ChangeClass) *caseload.Reading {
	return &caseload.Reading{Short: "PHQ-9", Score: score, Maximum: 27, LowerIsBetter: true, Change: &instrument.Change{Improvement: improvement, Reliable: class}}
}

func codes(p *clinic.CaseloadPage) []string {
	var list []string
	for _, row := range p.Rows {
		list = append(list, row.Code)
	}
	return list
}

func TestTheListPutsFirstWhoNeedsSomeone(t *testing.T) {
	lines := []caseload.Line{
		line("aaaa0001", nil),
		line("aaaa0002", func(l *caseload.Line) { l.Next = &caseload.Next{On: seen.Now, State: caseload.NextDue} }),
		line("aaaa0003", func(l *caseload.Line) {
			l.Next = &caseload.Next{On: seen.Now.AddDate(0, 0, -1), State: caseload.NextLate}
		}),
		line("aaaa0004", func(l *caseload.Line) { l.Worse = []string{"PHQ-9"} }),
		line("aaaa0005", func(l *caseload.Line) { l.OpenAlerts = 2 }),
	}
	all := clinic.NewCaseloadPage(clinic.Courses{InCare: lines}, clinic.CaseloadQuery{}, seen)
	require.Equal(t, []string{"aaaa-0005", "aaaa-0004", "aaaa-0003", "aaaa-0002", "aaaa-0001"}, codes(all))
	require.Equal(t, "5 courses in care. One needs a person today.", all.Words)
	var chips []string
	for _, c := range all.Filters {
		chips = append(chips, fmt.Sprintf("%s %d %s", c.Label, c.Count, c.Path))
	}
	require.Equal(t, []string{"In care 5 /patients", "Alerts 1 /patients?show=alerts", "Worse 1 /patients?show=worse", "Late 1 /patients?show=late", "Due 1 /patients?show=due", "Ended 0 /patients?show=ended"}, chips)
	require.True(t, all.Rows[0].Urgent)
	for _, row := range all.Rows[1:] {
		require.False(t, row.Urgent, "red is only for what needs a person today")
	}
	require.Equal(t, []string{"aaaa-0003"}, codes(clinic.NewCaseloadPage(clinic.Courses{InCare: lines}, clinic.CaseloadQuery{Show: "late"}, seen)))
}

func TestSortingIsKeptInTheAddress(t *testing.T) {
	lines := []caseload.Line{
		line("aaaa0001", func(l *caseload.Line) { l.Last = reading(9, 2, instrument.ChangeUnchanged) }),
		line("aaaa0002", nil),
		line("aaaa0003", func(l *caseload.Line) { l.Last = reading(20, -8, instrument.ChangeDeteriorated) }),
	}
	query, err := clinic.ReadCaseloadQuery(url.Values{"sort": {"score"}, "show": {""}})
	require.NoError(t, err)
	page := clinic.NewCaseloadPage(clinic.Courses{InCare: lines}, query, seen)
	require.Equal(t, []string{"aaaa-0003", "aaaa-0001", "aaaa-0002"}, codes(page), "the highest first, without a score last")
	for _, c := range page.Columns {
		if c.Label == "Last score" {
			require.Equal(t, clinic.SortColumn{Label: "Last score", Path: "/patients?sort=-score", Order: "ascending"}, c, "again turns it round")
		} else {
			require.Empty(t, c.Order)
		}
	}
	require.Equal(t, "/patients?show=late&sort=score", page.Filters[3].Path, "a filter keeps the order")
	for _, bad := range []url.Values{{"sort": {"name"}}, {"sort": {"-"}}, {"show": {"x"}}, {"page": {"0"}}, {"page": {"1e3"}}, {"page": {"9999999999999999999"}}} {
		_, err := clinic.ReadCaseloadQuery(bad)
		require.Error(t, err, bad)
	}
}

func TestManyRowsComeInPages(t *testing.T) {
	var lines []caseload.Line
	for i := range 120 {
		lines = append(lines, line(fmt.Sprintf("%08x", i), nil))
	}
	for _, tt := range []struct {
		page          int
		shown         string
		before, after string
	}{
		{1, "1 to 50 of 120", "", "/patients?page=2&sort=code"},
		{2, "51 to 100 of 120", "/patients?sort=code", "/patients?page=3&sort=code"},
		{3, "101 to 120 of 120", "/patients?page=2&sort=code", ""},
		{999, "101 to 120 of 120", "/patients?page=2&sort=code", ""},
	} {
		page := clinic.NewCaseloadPage(clinic.Courses{InCare: lines}, clinic.CaseloadQuery{Sort: "code", Page: tt.page}, seen)
		require.Equal(t, []string{tt.shown, tt.before, tt.after}, []string{page.Shown, page.Before, page.After})
	}
}

func TestWhatHasEndedIsCountedAndListedApart(t *testing.T) {
	courses := clinic.Courses{InCare: []caseload.Line{line("aaaa0001", nil)}, Ended: 120}
	all := clinic.NewCaseloadPage(courses, clinic.CaseloadQuery{}, seen)
	require.Equal(t, "1 course in care. Nobody has an alert that waits.", all.Words)
	require.Equal(t, []string{"aaaa-0001"}, codes(all))
	require.Equal(t, clinic.Chip{Label: "Ended", Count: 120, Path: "/patients?show=ended"}, all.Filters[5])

	courses.EndedShown = []caseload.Line{line("bbbb0002", nil), line("bbbb0001", nil)}
	ended := clinic.NewCaseloadPage(courses, clinic.CaseloadQuery{Show: "ended", Sort: "code", Page: 2}, seen)
	require.Equal(t, []string{"bbbb-0002", "bbbb-0001"}, codes(ended), "in the order that they were read")
	require.Equal(t, "51 to 100 of 120", ended.Shown)
	require.Equal(t, "/patients?page=3&show=ended&sort=code", ended.After)
	require.Equal(t, all.Words, ended.Words)
	for _, c := range ended.Columns {
		require.Empty(t, c.Path, "a page of them cannot be sorted")
	}
	require.Contains(t, clinic.NewCaseloadPage(clinic.Courses{}, clinic.CaseloadQuery{Show: "ended"}, seen).Nothing, "No course has ended")
}

func TestARowSaysWhatAChangeMeans(t *testing.T) {
	for _, tt := range []struct {
		name          string
		reading       *caseload.Reading
		arrow, change string
	}{
		{"better", reading(8, 10, instrument.ChangeRecovered), "↓", "better by 10, reliable"},
		{"worse", reading(20, -8, instrument.ChangeDeteriorated), "↑", "worse by 8, reliable"},
		{"within error", reading(9, 2, instrument.ChangeUnchanged), "→", "better by 2"},
		{"no change", reading(9, 0, instrument.ChangeUnchanged), "→", "the same"},
		{"higher is better", &caseload.Reading{Score: 8, Maximum: 10, Change: &instrument.Change{Improvement: 5, Reliable: instrument.ChangeImproved}}, "↑", "better by 5, reliable"},
		{"no baseline", &caseload.Reading{Score: 8}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			page := clinic.NewCaseloadPage(clinic.Courses{InCare: []caseload.Line{line("aaaa", func(l *caseload.Line) { l.Last = tt.reading })}}, clinic.CaseloadQuery{}, seen)
			require.Equal(t, []string{tt.arrow, tt.change}, []string{page.Rows[0].Arrow, page.Rows[0].Change})
		})
	}
}

// Boosters come after the series and are no part of its number.
func TestSessionsAreCountedWithoutBoosters(t *testing.T) {
	record := caseload.Record{Line: line("aaaa", func(l *caseload.Line) { l.Plan = caseload.Plan{Given: 4, Planned: 4, Boosters: 3} })}
	for number := range 7 {
		record.Trend.Sessions = append(record.Trend.Sessions, care.Session{Number: number + 1, Day: 7 * number, Booster: number >= 4, Route: care.RouteIntramuscular})
	}
	sentence := func() string { return clinic.NewPatientPage(record, nil, seen).Sessions.Sentence }
	require.Equal(t, "4 of 4 sessions and 3 boosters given, the last on day 42: intramuscular, dose not recorded.", sentence())
	record.Line.Plan, record.Trend.Sessions = caseload.Plan{Given: 1, Boosters: 1}, record.Trend.Sessions[3:5]
	require.Equal(t, "1 session and 1 booster given, the last on day 28: intramuscular, dose not recorded.", sentence())
}

func TestWordsComeBeforeThePicture(t *testing.T) {
	eighteen, eight, six, before := 18.0, 8.0, 6.0, 11.0
	scale := care.ScaleTrend{Instrument: "phq-9", Name: "Patient Health Questionnaire (PHQ-9)", Short: "PHQ-9", Maximum: 27, LowerIsBetter: true, Baseline: &eighteen,
		ReliableChange: &six, ReliableRule: "Bischoff 2020",
		Points: []care.TrendPoint{
			{Day: 0, Visit: care.BaselineVisit, State: care.PointScored, Score: &eighteen, Band: "Moderately severe"},
			{Day: 14, Visit: "+14 d", State: care.PointMissed},
			{Day: 28, Visit: "+28 d", State: care.PointScored, Score: &eight, Band: "Mild", AnsweredAt: seen.Now,
				Corrections: []care.Correction{{At: seen.Now, Before: &before, Reason: "entered-wrongly", Author: "1"}, {At: seen.Now, Reason: "patient-asked", Author: "9"}}},
		}}
	change := instrument.Change{Improvement: 10, Reliable: instrument.ChangeRecovered}
	newest := *reading(8, 10, instrument.ChangeRecovered)
	newest.Day, newest.Band = 28, "Mild"
	page := clinic.NewPatientPage(caseload.Record{
		Line:   line("4be109c7", nil),
		Trend:  care.Trend{LastDay: 28, Scales: []care.ScaleTrend{scale}},
		Scales: []caseload.ScaleReadings{{Newest: &newest, Changes: []*instrument.Change{nil, nil, &change}}},
	}, map[string]string{"1": "anna"}, seen)
	panel := page.Scales[0]
	require.Equal(t, "PHQ-9: 8 on day 28, mild; better by 10 points since baseline (reliable: 6 or more, Bischoff 2020); 1 of 3 without a score.", panel.Sentence)
	require.Equal(t, panel.Sentence, panel.Chart.Sentence)
	require.Equal(t, []clinic.AnswerRow{
		{Day: "Day 0", Visit: "baseline", Answered: "–", Score: "18", Band: "Moderately severe", Change: "–"},
		{Day: "Day 14", Visit: "+14\u00a0d", Answered: "–", Score: "not answered", Band: "–", Change: "–"},
		{Day: "Day 28", Visit: "+28\u00a0d", Answered: "14 Mar 2026", Score: "8", Band: "Mild", Change: "better by 10, reliable", History: []string{
			"11 until 14 Mar 2026: entered wrongly (anna)", "no score until 14 Mar 2026: patient asked (a member of staff)"}},
	}, panel.Rows)
	require.Contains(t, page.Key, clinic.KeyEntry{Mark: "zone", Text: "no reliable change: under PHQ-9 6"})
	require.Equal(t, "Patient", page.Title, "the browser's history names nobody")
}

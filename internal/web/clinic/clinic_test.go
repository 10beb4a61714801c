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
		line("aaaa0006", func(l *caseload.Line) { l.TakenAlerts, l.TakenBy = 1, "1" }),
		line("aaaa0007", func(l *caseload.Line) { l.Going = []caseload.Going{{Short: "PHQ-9"}} }),
	}
	all := clinic.NewCaseloadPage(clinic.Courses{InCare: lines, Names: map[string]string{"1": "anna"}}, clinic.CaseloadQuery{}, seen)
	require.Equal(t, []string{"aaaa-0005", "aaaa-0006", "aaaa-0007", "aaaa-0004", "aaaa-0003", "aaaa-0002", "aaaa-0001"}, codes(all))
	require.Equal(t, "7 courses in care. 1 needs a person, 1 taken on. The most urgent come first.", all.Words)
	var chips []string
	for _, c := range all.Filters {
		chips = append(chips, fmt.Sprintf("%s %d %s", c.Label, c.Count, c.Path))
	}
	require.Equal(t, []string{"In care 7 /patients", "Alerts 2 /patients?show=alerts", "Losing it 1 /patients?show=losing", "Worse 1 /patients?show=worse", "Late 1 /patients?show=late", "Due 1 /patients?show=due", "Ended 0 /patients?show=ended"}, chips)
	require.True(t, all.Rows[0].Urgent)
	require.Equal(t, "2\u00a0open", all.Rows[0].Alerts)
	require.True(t, all.Rows[1].Taken)
	require.Equal(t, "taken on by anna", all.Rows[1].Alerts, "whoever is being called stays in sight")
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
	require.Equal(t, "/patients?show=late&sort=score", page.Filters[4].Path, "a filter keeps the order")
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
	require.Equal(t, "1 course in care. Nobody has an open alert.", all.Words)
	require.Equal(t, []string{"aaaa-0001"}, codes(all))
	require.Equal(t, clinic.Chip{Label: "Ended", Count: 120, Path: "/patients?show=ended"}, all.Filters[6])

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
	sentence := func() string { return clinic.NewPatientPage(record, nil, nil, seen).Sessions.Sentence }
	require.Equal(t, "4 of 4 sessions and 3 boosters given, the last on day 42: intramuscular, dose not recorded.", sentence())
	record.Line.Plan, record.Trend.Sessions = caseload.Plan{Given: 1, Boosters: 1}, record.Trend.Sessions[3:5]
	require.Equal(t, "1 session and 1 booster given, the last on day 28: intramuscular, dose not recorded.", sentence())
}

func TestWordsComeBeforeThePicture(t *testing.T) {
	eighteen, eight, six, before := 18.0, 8.0, 6.0, 11.0
	scale := care.ScaleTrend{Instrument: "phq-9", Name: "Patient Health Questionnaire (PHQ-9)", Short: "PHQ-9", Maximum: 27, LowerIsBetter: true, Baseline: &eighteen,
		ReliableChange: &six, ReliableRule: "Bischoff 2020",
		Points: []care.TrendPoint{
			{Occasion: 4, Day: 0, Visit: care.BaselineVisit, State: care.PointScored, Score: &eighteen, Band: "Moderately severe"},
			{Day: 14, Visit: "+14 d", State: care.PointMissed},
			{Occasion: 6, Day: 28, Visit: "+28 d", State: care.PointScored, Score: &eight, Band: "Mild", AnsweredAt: seen.Now,
				Corrections: []care.Correction{{At: seen.Now, Before: &before, Reason: "entered-wrongly", Author: "1"}, {At: seen.Now, Reason: "patient-asked", Author: "9"}}},
		}}
	change := instrument.Change{Improvement: 10, Reliable: instrument.ChangeRecovered}
	newest := *reading(8, 10, instrument.ChangeRecovered)
	newest.Day, newest.Band = 28, "Mild"
	page := clinic.NewPatientPage(caseload.Record{
		Line:   line("4be109c7", nil),
		Trend:  care.Trend{LastDay: 28, Scales: []care.ScaleTrend{scale}},
		Scales: []caseload.ScaleReadings{{Newest: &newest, Changes: []*instrument.Change{nil, nil, &change}}},
	}, nil, map[string]string{"1": "anna"}, seen)
	panel := page.Scales[0]
	require.Equal(t, "PHQ-9: 8 on day 28, mild; better by 10 points since baseline, reliable; 1 of 3 without a score.", panel.Sentence)
	require.Equal(t, panel.Sentence, panel.Chart.Sentence)
	require.Equal(t, []clinic.AnswerRow{
		{Day: "Day 0", Visit: "baseline", Answered: "–", Score: "18", Band: "Moderately severe", Change: "–", Path: "/patients/4be109c7000000000000000000000000/answers/4"},
		{Day: "Day 14", Visit: "+14\u00a0d", Answered: "–", Score: "not answered", Band: "–", Change: "–"},
		{Day: "Day 28", Visit: "+28\u00a0d", Answered: "14 Mar 2026", Score: "8", Band: "Mild", Change: "better by 10, reliable", Path: "/patients/4be109c7000000000000000000000000/answers/6", History: []string{
			"11 until 14 Mar 2026: entered wrongly (anna)", "no score until 14 Mar 2026: patient asked (a member of staff)"}},
	}, panel.Rows)
	require.Contains(t, page.Key, clinic.KeyEntry{Mark: "zone", Text: "from here a change from baseline is reliable"})
	require.Equal(t, []string{"PHQ-9: a change of 6 points or more is reliable (Bischoff 2020)."}, page.Rules, "where a rule comes from stands in a note")
	require.Equal(t, "Patient", page.Title, "the browser's history names nobody")
}

func TestABenefitThatIsGoingIsSaidEverywhere(t *testing.T) {
	lost := care.Benefit{State: care.BenefitLost, Best: 0, BestDay: 75, Gained: 24, Left: 11, Since: 105}
	r := reading(13, 11, instrument.ChangeImproved)
	r.Benefit, r.Day = &lost, 194
	l := line("4d98fd9e", func(l *caseload.Line) {
		l.Last, l.Going, l.Series = r, []caseload.Going{{Short: "PHQ-9", Benefit: lost}}, []float64{24, 0, 0, 13, 13}
	})
	row := clinic.NewCaseloadPage(clinic.Courses{InCare: []caseload.Line{l}}, clinic.CaseloadQuery{Show: "losing"}, seen).Rows[0]
	require.Equal(t, []string{"lost", "", "46\u00a0% left"}, []string{row.Going, row.Arrow, row.Change}, "not 'better by 11, reliable'")
	require.Equal(t, "0,0 16,16 32,16 48,7.3 64,7.3", row.Spark)

	other := l
	other.Last = reading(4, 5, instrument.ChangeUnchanged)
	other.Going = []caseload.Going{{Short: "GAD-7", Benefit: lost}}
	row = clinic.NewCaseloadPage(clinic.Courses{InCare: []caseload.Line{other}}, clinic.CaseloadQuery{}, seen).Rows[0]
	require.Equal(t, "better by 5; GAD-7 lost", row.Change)

	baseline, points := 24.0, 6.0
	thirteen := 13.0
	scale := care.ScaleTrend{Instrument: "phq-9", Short: "PHQ-9", Maximum: 27, LowerIsBetter: true, Baseline: &baseline, ReliableChange: &points, Benefit: &lost,
		Points: []care.TrendPoint{{Day: 194, Visit: "+168 d", State: care.PointScored, Score: &thirteen}}}
	page := clinic.NewPatientPage(caseload.Record{Line: l, Trend: care.Trend{LastDay: 194, Scales: []care.ScaleTrend{scale}},
		Scales: []caseload.ScaleReadings{{Newest: r, Changes: []*instrument.Change{r.Change}}}}, nil, nil, seen)
	require.Equal(t, "PHQ-9: 13 on day 194; better by 11 points since baseline, reliable. Best 0 on day 75; 11 of 24 points of benefit are left (46\u00a0%). Lost reliably since day 105.", page.Scales[0].Sentence)
	require.Contains(t, page.Flags, clinic.Flag{Going: true, Text: "PHQ-9: benefit lost since day 105, 46\u00a0% left"})

	for _, tt := range []struct {
		benefit care.Benefit
		words   string
	}{
		{care.Benefit{State: care.BenefitKept, Best: 3, BestDay: 20, Gained: 12, Left: 12}, "This is the best so far."},
		{care.Benefit{State: care.BenefitKept, Best: 3, BestDay: 20, Gained: 12, Left: 10}, "10 of 12 points of benefit are left (83\u00a0%)."},
		{care.Benefit{State: care.BenefitLosing, Best: 3, BestDay: 20, Gained: 12, Left: 0, Since: 40}, "nothing of the benefit of 12 points is left. Reliably worse than the best on day 40; the next answer will show whether it stays so."},
		{care.Benefit{State: care.BenefitLost, Best: 3, BestDay: 20, Gained: 12, Left: -4, Since: 40}, "nothing of the benefit of 12 points is left. Lost reliably since day 40."},
	} {
		scale.Benefit = &tt.benefit
		page := clinic.NewPatientPage(caseload.Record{Line: l, Trend: care.Trend{Scales: []care.ScaleTrend{scale}},
			Scales: []caseload.ScaleReadings{{Newest: r, Changes: []*instrument.Change{r.Change}}}}, nil, nil, seen)
		require.Contains(t, page.Scales[0].Sentence, tt.words)
	}
}

func TestACodeIsFoundAsItIsTyped(t *testing.T) {
	for typed, want := range map[string]string{"4D98-fd": "4d98fd", " 4d98 ": "4d98", "4d98\u2013fd9e": "4d98fd9e", "": ""} {
		q, err := clinic.ReadCaseloadQuery(url.Values{"code": {typed}})
		require.NoError(t, err)
		require.Equal(t, want, q.Code)
	}
	_, err := clinic.ReadCaseloadQuery(url.Values{"code": {strings.Repeat("a", 33)}})
	require.Error(t, err)
	q := clinic.CaseloadQuery{Show: "late", Sort: "-due", Code: "4d98", Protocol: "im"}
	require.Equal(t, "/patients?code=4d98&protocol=im&show=late&sort=-due", q.Path(), "everything that narrows and sorts is in the address")
	read, err := clinic.ReadCaseloadQuery(url.Values{"code": {"4d98"}, "protocol": {"im"}, "show": {"late"}, "sort": {"-due"}})
	require.NoError(t, err)
	require.Equal(t, q.Path(), read.Path())
}

func TestASearchWithoutAHitSaysWhereThereIsOne(t *testing.T) {
	none := clinic.NewCaseloadPage(clinic.Courses{}, clinic.CaseloadQuery{Code: "4d98fd"}, seen)
	require.Equal(t, "There is no course whose code begins with 4d98fd.", none.Nothing)
	require.Equal(t, "/patients", none.Search.Clear)
	ended := clinic.NewCaseloadPage(clinic.Courses{Ended: 2}, clinic.CaseloadQuery{Code: "4d98"}, seen)
	require.Equal(t, "No course whose code begins with 4d98 is shown under \u201cIn care\u201d.", ended.Nothing)
	require.Equal(t, "/patients?code=4d98&show=ended", ended.Elsewhere.Path)
}

func TestAnOldScoreIsMarked(t *testing.T) {
	at := func(days int, q clinic.CaseloadQuery) clinic.CaseloadRow {
		r := reading(9, 2, instrument.ChangeUnchanged)
		r.At = seen.Now.AddDate(0, 0, -days)
		l := []caseload.Line{line("aaaa", func(l *caseload.Line) { l.Last = r })}
		return clinic.NewCaseloadPage(clinic.Courses{InCare: l, Ended: 1, EndedShown: l}, q, seen).Rows[0]
	}
	require.Equal(t, "28\u00a0d\u00a0ago", at(28, clinic.CaseloadQuery{}).ScoreDay)
	require.False(t, at(28, clinic.CaseloadQuery{}).Stale)
	require.Equal(t, "29\u00a0d old", at(29, clinic.CaseloadQuery{}).ScoreDay)
	require.True(t, at(29, clinic.CaseloadQuery{}).Stale)
	require.False(t, at(200, clinic.CaseloadQuery{Show: "ended"}).Stale, "nobody is asked after the end")
}

func TestAnEndedCourseSaysSo(t *testing.T) {
	ended, started := seen.Now.AddDate(0, 0, -60), care.DateOf(seen.Now.AddDate(0, 0, -260), time.UTC)
	fact := func(r caseload.Record) string {
		for _, f := range clinic.NewPatientPage(r, nil, nil, seen).Facts {
			if f.Name == "Ended" {
				return f.Value
			}
			require.NotContains(t, f.Value, "today")
		}
		return ""
	}
	r := caseload.Record{Line: line("aaaa", func(l *caseload.Line) { l.Plan = caseload.Plan{Given: 4, Planned: 4} }), Started: &started, Today: 260, Ended: &ended}
	require.Equal(t, "last contact 13 Jan 2026, day 200; the series was complete", fact(r))
	r.Line.Plan.Given = 3
	require.Equal(t, "last contact 13 Jan 2026, day 200; the series ended after 3 of 4 sessions; the reason is not recorded", fact(r))
}

func TestTheContainerSaysWhatFailed(t *testing.T) {
	setting := care.Setting{}
	for _, item := range care.SettingItems {
		if item.Group != "re-entry" {
			setting[item.Code] = item.Code != "sound-tested"
		}
	}
	record := caseload.Record{Line: line("aaaa", nil)}
	record.Trend.Sessions = []care.Session{{Number: 1, Day: 2, Route: care.RouteIntravenous, Setting: setting},
		{Number: 2, Day: 60, Booster: true, Route: care.RouteIntravenous, AdverseEvents: []care.AdverseEvent{{Term: "nausea", Grade: 1}}}}
	page := clinic.NewPatientPage(record, nil, nil, seen)
	c := page.Sessions.Container
	require.Equal(t, []string{"1"}, c.Sessions, "a booster has no inventory")
	require.Equal(t, []string{"Session 1, sound: not so \u2013 sound was tested"}, c.Failed)
	require.True(t, c.Unknown)
	for _, g := range c.Groups {
		switch g.Name {
		case "Sound":
			require.Equal(t, clinic.ContainerCell{Text: "2/3", Words: "2 of 3; not so: sound was tested"}, g.Cells[0])
		case "Re-entry":
			require.Equal(t, clinic.ContainerCell{Text: "?", Words: "not checked", Open: true}, g.Cells[0])
		}
	}
	require.Equal(t, "Booster 1", page.Sessions.Rows[1].Number)
	require.Equal(t, []string{"Booster 1: nausea, grade 1 of 5, told without being asked"}, page.Sessions.Events)
	require.Contains(t, page.Key, clinic.KeyEntry{Mark: "booster", Text: "booster"})
}

func TestAnswersStandBesideThoseOfTheTimeBefore(t *testing.T) {
	phq9, err := twoVersions(t).Get("phq-9", "1.0.0")
	require.NoError(t, err)
	form := func(day int, score float64, answers instrument.Answers) caseload.Form {
		return caseload.Form{Definition: phq9, Visit: "+14 d", Day: day, AnsweredAt: seen.Now, Score: &score, Answers: answers}
	}
	before := form(-1, 5, instrument.Answers{"1": instrument.Answer(3), "2": instrument.Answer(1), "9": instrument.Answer(0)})
	page := clinic.NewAnswersPage(caseload.Answers{Patient: "4be109c7000000000000000000000000", Course: 3, Before: &before,
		Form: form(15, 13, instrument.Answers{"1": instrument.Answer(1), "2": instrument.Answer(1), "3": instrument.Answer(2), "9": instrument.Answer(2)})}, nil, seen)
	require.Equal(t, "+14\u00a0d, day 15 (14 Mar 2026)", page.When)
	require.Equal(t, "+14\u00a0d, day \u22121 (14 Mar 2026)", page.WhenBefore)
	require.Equal(t, "13, moderate", page.Score)
	require.Equal(t, clinic.ItemRow{Number: "1", Text: "Little interest or pleasure in doing things", Answer: "Several days (1)", Before: "Nearly every day (3)", Change: "\u22122", Moved: true}, page.Rows[0])
	require.Equal(t, "same", page.Rows[1].Change)
	require.Equal(t, []string{"More than half the days (2)", "left open", "–"}, []string{page.Rows[2].Answer, page.Rows[2].Before, page.Rows[2].Change}, "nothing is no 0 to subtract from")
	require.Equal(t, "Red", page.Rows[8].Flag)
	require.Equal(t, "+2", page.Rows[8].Change)
	require.Equal(t, "/patients/4be109c7000000000000000000000000?course=3", page.PatientPath)
	require.Equal(t, "Answers", page.Title, "the browser's history names nobody")
}

package gallery

import (
	"fmt"
	"strings"
	"time"

	"afterglow/internal/access"
	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/instrument"
	"afterglow/internal/web/clinic"
)

var seen = clinic.Seen{Now: now, Zone: time.UTC}

// names are the accounts of the gallery's clinic, titles its protocols.
var (
	names  = map[string]string{"1": "anna", "2": "ben"}
	titles = map[string]string{"im": "In-clinic intramuscular sessions", "iv": "In-clinic intravenous series", "home": "At-home sublingual sessions with remote support"}
)

func caseloadStates() []State {
	const ended = 112
	state := func(name string, lines []caseload.Line, q clinic.CaseloadQuery) State {
		return State{Name: "clinic-patients" + name, Template: "clinic/patients", Role: access.RoleClinician,
			Page: clinic.NewCaseloadPage(clinic.Courses{InCare: lines, Ended: ended, Names: names, Protocols: titles}, q, seen)}
	}
	simulated := lines(7)
	for i := range simulated {
		simulated[i].Simulated = true
	}
	hostile := lines(3)
	hostile[0].Plan.Title, hostile[0].Last.Band, hostile[0].Next = Canary, Canary, &caseload.Next{Short: Canary, On: now, State: caseload.NextDue}
	noHit := clinic.Courses{Names: names, Protocols: titles}
	elsewhere := clinic.Courses{Names: names, Protocols: titles, Ended: 2}
	return []State{
		state("", lines(24), clinic.CaseloadQuery{}),
		state("-many", lines(173), clinic.CaseloadQuery{Sort: "-score", Page: 2}),
		state("-late", lines(24), clinic.CaseloadQuery{Show: "late", Sort: "due"}),
		state("-worse", lines(24), clinic.CaseloadQuery{Show: "worse"}),
		state("-losing", lines(24), clinic.CaseloadQuery{Show: "losing"}),
		state("-alerts-taken", lines(24), clinic.CaseloadQuery{Show: "alerts"}),
		{Name: "clinic-patients-ended", Template: "clinic/patients", Role: access.RoleClinician,
			Page: clinic.NewCaseloadPage(clinic.Courses{InCare: lines(24), Ended: ended, EndedShown: endedLines(50), Names: names, Protocols: titles}, clinic.CaseloadQuery{Show: "ended"}, seen)},
		state("-search", lines(1), clinic.CaseloadQuery{Code: "9e3779b1", Protocol: "im"}),
		{Name: "clinic-patients-search-no-hit", Template: "clinic/patients", Role: access.RoleClinician, Page: clinic.NewCaseloadPage(noHit, clinic.CaseloadQuery{Code: "4d98"}, seen)},
		{Name: "clinic-patients-search-elsewhere", Template: "clinic/patients", Role: access.RoleClinician, Page: clinic.NewCaseloadPage(elsewhere, clinic.CaseloadQuery{Code: "4d98"}, seen)},
		state("-few", lines(2), clinic.CaseloadQuery{}),
		state("-none-late", lines(1), clinic.CaseloadQuery{Show: "late"}),
		state("-empty", nil, clinic.CaseloadQuery{}),
		state("-simulated", simulated, clinic.CaseloadQuery{}),
		state("-some-simulated", append(simulated[:4:4], lines(4)...), clinic.CaseloadQuery{}),
		state("-hostile-name", hostile, clinic.CaseloadQuery{}),
	}
}

// endedLines are courses that nobody is asked anything in any more.
func endedLines(n int) []caseload.Line {
	list := lines(n)
	for i := range list {
		list[i].Next, list[i].OpenAlerts, list[i].LastContact = nil, 0, now.AddDate(0, 0, -40-3*i)
		list[i].Plan.Given = list[i].Plan.Planned
	}
	return list
}

// lines makes n courses that differ in everything that a row can show.
func lines(n int) []caseload.Line {
	plans := []caseload.Plan{
		{Title: titles["im"], Protocol: care.ProtocolRef{ID: "im", Version: 2}, Route: care.RouteIntramuscular, Planned: 6},
		{Title: titles["iv"], Protocol: care.ProtocolRef{ID: "iv", Version: 1}, Route: care.RouteIntravenous, Planned: 6},
		{Title: titles["home"], Protocol: care.ProtocolRef{ID: "home", Version: 1}, Route: care.RouteSublingual, Planned: 8},
	}
	var list []caseload.Line
	for i := range n {
		l := caseload.Line{
			Patient: care.Pseudonym(fmt.Sprintf("%08x%s", uint32(i+1)*2654435761, strings.Repeat("0", 24))), Course: int64(i + 1), Plan: plans[i%3],
			LastContact: now.AddDate(0, 0, -i%19),
		}
		l.Plan.Given = 1 + i*5%l.Plan.Planned
		score, change := 4+i*7%21, i*11%17-6
		l.Last = &caseload.Reading{Instrument: "phq-9", Short: "PHQ-9", Score: float64(score), Maximum: 27, LowerIsBetter: true,
			Band: [...]string{"None or minimal", "Mild", "Moderate", "Moderately severe", "Severe"}[score/5]}
		class := instrument.ChangeUnchanged
		switch {
		case change >= 6:
			class = instrument.ChangeImproved
		case change <= -6:
			class = instrument.ChangeDeteriorated
			l.Worse = []string{"PHQ-9"}
		}
		l.Last.Change = &instrument.Change{Improvement: float64(change), Reliable: class}
		l.Last.At = now.AddDate(0, 0, -i*7%41)
		l.Series = series(float64(score), float64(change))
		if i%6 == 1 {
			lose(&l, i%4 == 1)
		}
		day := i%9 - 3
		l.Next = &caseload.Next{Short: "PHQ-9", Visit: "+14 d", On: now.AddDate(0, 0, day), State: caseload.NextPlanned}
		if day <= 0 {
			l.Next.State = caseload.NextDue
		}
		if day < 0 {
			l.Next.State = caseload.NextLate
		}
		switch i % 11 {
		case 4:
			l.OpenAlerts = 1 + i%2
		case 8:
			l.TakenAlerts, l.TakenBy = 1, "1"
		}
		if i%13 == 12 {
			l.Last, l.Series, l.Next, l.Worse, l.LastContact, l.Plan.Given = nil, nil, nil, nil, time.Time{}, 0
		}
		list = append(list, l)
	}
	return list
}

// series ends at a score that is so many points better than where it began.
func series(score, change float64) []float64 {
	list := []float64{score + change}
	for i := range 6 {
		list = append(list, max(0, score+change*float64(5-i)/6+float64(i%2)))
	}
	return append(list, score)
}

// lose makes the course one whose benefit is going, or gone.
func lose(l *caseload.Line, lost bool) {
	l.Last.Score, l.Last.Band, l.Worse = 13, "Moderate", nil
	l.Last.Change = &instrument.Change{Improvement: 11, Reliable: instrument.ChangeImproved}
	l.Last.Benefit = &care.Benefit{State: care.BenefitLosing, Best: 0, BestDay: 30, Gained: 24, Left: 11, Since: 58}
	l.Series = []float64{24, 20, 9, 0, 0, 1, 13}
	if lost {
		l.Last.Benefit.State = care.BenefitLost
		l.Series = append(l.Series, 13)
	}
	l.Going = []caseload.Going{{Short: l.Last.Short, Benefit: *l.Last.Benefit}}
}

func patientPageStates() []State {
	with := func(name string, alerts []clinic.AlertLine, change func(*caseload.Record)) State {
		r := record()
		change(&r)
		shown := clinic.NewPatientPage(r, alerts, names, seen)
		shown.Place = clinic.Place{List: "Late", Path: "/clinic-patients-late", Number: "2 of 3", Before: "/clinic-patient-losing", After: "/clinic-patient-lost"}
		return State{Name: "clinic-patient" + name, Template: "clinic/patient", Role: access.RoleClinician, Page: shown}
	}
	state := func(name string, change func(*caseload.Record)) State { return with(name, nil, change) }
	return []State{
		state("", func(*caseload.Record) {}),
		with("-worse", shownAlerts()[:1], func(r *caseload.Record) {
			r.Line.OpenAlerts, r.Line.Worse = 1, []string{"PHQ-9"}
			r.Line.Next.State, r.Line.Next.On = caseload.NextLate, now.AddDate(0, 0, -4)
			rescore(r, 0, 14, 15, 17, 19, 22)
		}),
		state("-losing", func(r *caseload.Record) { rescore(r, 0, 24, 3, 1, 2, 13) }),
		with("-lost", takenAlerts(), func(r *caseload.Record) {
			rescore(r, 0, 24, 1, 2, 13, 14)
			rescore(r, 1, 15, 4, 3, 4, 5)
		}),
		state("-ended", func(r *caseload.Record) { end(r) }),
		state("-all-missed", func(r *caseload.Record) {
			for i := range r.Trend.Scales[1].Points {
				r.Trend.Scales[1].Points[i] = care.TrendPoint{Day: r.Trend.Scales[1].Points[i].Day, Visit: r.Trend.Scales[1].Points[i].Visit, State: care.PointMissed}
			}
			r.Trend.Scales[1].Points[2].State = care.PointUnscored
			r.Trend.Scales[1].Baseline = nil
			r.Trend.Scales[1].Benefit = nil
			r.Scales[1] = caseload.ScaleReadings{Changes: make([]*instrument.Change, len(r.Trend.Scales[1].Points))}
		}),
		state("-five-scales", func(r *caseload.Record) {
			r.Trend.Scales = append(r.Trend.Scales, rating("nrs-mood", "Mood, 0 to 10 (NRS mood)", false), rating("nrs-anxiety", "Anxiety, 0 to 10 (NRS anxiety)", true))
			rescore(r, 3, 3, 5, 6, 7, 7)
			rescore(r, 4, 8, 6, 5, 5, 4)
		}),
		state("-start", func(r *caseload.Record) {
			r.Trend.Scales, r.Scales = r.Trend.Scales[:1], r.Scales[:1]
			r.Trend.Scales[0].Points = r.Trend.Scales[0].Points[:1]
			r.Safety = nil
			rescore(r, 0, 18)
			r.Trend.Sessions, r.Trend.LastDay, r.Line.Plan.Given, r.NextSession = nil, 0, 0, nil
			r.Started, r.Today = daysAgo(0), 0
		}),
		state("-no-scores", func(r *caseload.Record) {
			r.Trend.Scales, r.Scales, r.Line.Next, r.Safety = nil, nil, nil, nil
		}),
		state("-bare", func(r *caseload.Record) {
			*r = caseload.Record{Line: caseload.Line{Patient: r.Line.Patient, Course: 1}, Others: []int64{2}}
		}),
		state("-simulated", func(r *caseload.Record) { r.Line.Simulated = true }),
		state("-hostile-name", func(r *caseload.Record) {
			r.Line.Plan.Title = Canary
			for i := range r.Trend.Scales {
				r.Trend.Scales[i].Name, r.Trend.Scales[i].Short = Canary+r.Trend.Scales[i].Instrument, Canary
				r.Trend.Scales[i].Bands = append([]care.ScoreBand{{Name: Canary}}, r.Trend.Scales[i].Bands...)
				r.Trend.Scales[i].Points[0].Visit, r.Trend.Scales[i].Points[0].Band = Canary, Canary
			}
			r.Trend.Sessions[0].AdverseEvents = []care.AdverseEvent{{Term: Canary, Grade: 1}}
		}),
	}
}

const recordStarted = 40 // days before now

func record() caseload.Record {
	r := caseload.Record{
		Line: caseload.Line{Patient: "4be109c7000000000000000000000000", Course: 12,
			Plan: caseload.Plan{Title: "In-clinic IM", Protocol: care.ProtocolRef{ID: "im", Version: 2}, Route: care.RouteIntramuscular, Given: 4, Planned: 6},
			Next: &caseload.Next{Short: "PHQ-9", Visit: "+14 d", On: now.AddDate(0, 0, 3), State: caseload.NextPlanned}},
		Started: daysAgo(recordStarted), Today: recordStarted,
		Trend: care.Trend{LastDay: recordStarted},
	}
	today := recordStarted
	r.Trend.Today = &today
	r.Safety = []caseload.SafetyHistory{{Definition: shipped("phq-9"), Item: "9", Answers: []caseload.SafetyAnswer{
		{Occasion: 1, Day: 0, Visit: care.BaselineVisit, Value: pointer(1), Flag: &instrument.Flag{Level: instrument.LevelAmber}},
		{Occasion: 2, Day: 9, Visit: "session 1, +7 d", Value: pointer(0)}, {Occasion: 3, Day: 16, Visit: "session 2, +7 d"},
		{Occasion: 5, Day: 38, Visit: "session 5, +7 d", Value: pointer(0)}}}}
	next := now.AddDate(0, 0, 4)
	r.NextSession = &next
	for i, day := range []int{2, 9, 17, 30} {
		r.Trend.Sessions = append(r.Trend.Sessions, session(i+1, day))
	}
	r.Trend.Sessions[2].Depth, r.Trend.Sessions[2].DoseMgPerKg = nil, nil
	r.Trend.Sessions[1].AdverseEvents = []care.AdverseEvent{{Term: "nausea", Grade: 1, Elicited: true}}
	r.Trend.Scales = []care.ScaleTrend{
		scale("phq-9", "Patient Health Questionnaire (PHQ-9)", 27, 6, "None or minimal", "Mild", "Moderate", "Moderately severe", "Severe"),
		scale("gad-7", "Generalized Anxiety Disorder scale (GAD-7)", 21, 6, "Minimal", "Mild", "Moderate", "Severe"),
		scale("pcl-5", "PTSD Checklist for DSM-5 (PCL-5)", 80, 15),
	}
	rescore(&r, 0, 18, 17, 12, 9, 8)
	rescore(&r, 1, 14, 12, 11, 8, 9)
	rescore(&r, 2, 52, 47, 40, 33, 35)
	first := &r.Trend.Scales[0]
	before := 15.0
	first.Points[4].Late = true
	first.Points[1].Corrections = []care.Correction{{At: now.AddDate(0, 0, -20), Before: &before, Reason: "entered-wrongly", Author: "1"}}
	return r
}

func daysAgo(n int) *care.Date {
	d := care.DateOf(now, time.UTC).AddDays(-n)
	return &d
}

func session(number, day int) care.Session {
	dose, perKg, depth := 40+5*float64(number), 0.5+0.07*float64(number), number%4+1
	inventory := care.Setting{}
	for i, item := range care.SettingItems {
		if (i+number)%7 != 0 {
			inventory[item.Code] = (i*number)%5 != 1
		}
	}
	return care.Session{Number: number, Protocol: care.ProtocolRef{ID: "im", Version: 2}, StartedAt: now.AddDate(0, 0, day-recordStarted), Day: day,
		Route: care.RouteIntramuscular, DoseMg: &dose, DoseMgPerKg: &perKg, Depth: &depth, Mode: care.ModeInPerson, Setting: inventory}
}

func scale(id, name string, maximum, reliable float64, bands ...string) care.ScaleTrend {
	s := care.ScaleTrend{Instrument: id, Name: name, Short: strings.ToUpper(id), Maximum: maximum, LowerIsBetter: true, ReliableChange: &reliable}
	s.ReliableRule = map[string]string{"phq-9": "NHS Talking Therapies", "gad-7": "Bischoff 2020", "pcl-5": "Marx 2022"}[id]
	for i, b := range bands {
		s.Bands = append(s.Bands, care.ScoreBand{Name: b, From: float64(5 * i)})
	}
	for i, day := range []int{0, 9, 16, 23, 30, 38} {
		visit := care.BaselineVisit
		if i > 0 {
			visit = fmt.Sprintf("session %d, +7 d", i)
		}
		s.Points = append(s.Points, care.TrendPoint{Day: day, Visit: visit, Occasion: int64(i + 1), State: care.PointScored, AnsweredAt: now.AddDate(0, 0, day-recordStarted)})
	}
	s.Points[3].State, s.Points[3].AnsweredAt = care.PointMissed, time.Time{}
	return s
}

func rating(id, name string, lowerIsBetter bool) care.ScaleTrend {
	s := scale(id, name, 10, 0)
	s.ReliableChange, s.LowerIsBetter = nil, lowerIsBetter
	s.Short = map[string]string{"nrs-mood": "Mood", "nrs-anxiety": "Anxiety"}[id]
	return s
}

// rescore gives a scale new scores, its changes and its newest reading.
func rescore(r *caseload.Record, scale int, scores ...float64) {
	s := &r.Trend.Scales[scale]
	readings := caseload.ScaleReadings{Changes: make([]*instrument.Change, len(s.Points))}
	for i := range s.Points {
		p := &s.Points[i]
		if p.State != care.PointScored {
			continue
		}
		score := scores[0]
		scores = scores[1:]
		p.Score = &score
		for _, b := range s.Bands {
			if b.From <= score {
				p.Band = b.Name
			}
		}
		readings.Newest = &caseload.Reading{Instrument: s.Instrument, Short: s.Short, Score: score, Maximum: s.Maximum, Band: p.Band, LowerIsBetter: s.LowerIsBetter, Day: p.Day}
		if i == 0 {
			s.Baseline = &score
			continue
		}
		readings.Changes[i] = change(*s, score)
		readings.Newest.Change = readings.Changes[i]
	}
	for len(r.Scales) <= scale {
		r.Scales = append(r.Scales, caseload.ScaleReadings{})
	}
	r.Scales[scale] = readings
	addBenefit(r, scale)
}

// addBenefit tells the benefit by the scale's own definition, as the service does.
func addBenefit(r *caseload.Record, scale int) {
	s := &r.Trend.Scales[scale]
	if s.Baseline == nil || s.ReliableChange == nil {
		return
	}
	var scores []caseload.Scored
	for _, p := range s.Points[1:] {
		if p.Score != nil {
			scores = append(scores, caseload.Scored{Day: p.Day, Score: *p.Score})
		}
	}
	s.Benefit = caseload.BenefitOf(shipped(s.Instrument), *s.Baseline, scores)
	if s.Benefit.IsGoing() {
		r.Line.Going = append(r.Line.Going, caseload.Going{Short: s.Short, Benefit: *s.Benefit})
	}
}

// end makes a course that ended long ago, after boosters.
func end(r *caseload.Record) {
	last := now.AddDate(0, 0, -60)
	r.Ended, r.NextSession, r.Line.Next = &last, nil, nil
	r.Started, r.Today, r.Trend.Today = daysAgo(260), 260, nil
	r.Line.Plan.Given, r.Line.Plan.Planned, r.Line.Plan.Boosters = 4, 4, 2
	for i := range r.Trend.Sessions {
		r.Trend.Sessions[i].StartedAt = now.AddDate(0, 0, r.Trend.Sessions[i].Day-260)
	}
	for i, day := range []int{58, 86} {
		booster := session(5+i, day)
		booster.Booster, booster.Setting, booster.StartedAt = true, nil, now.AddDate(0, 0, day-260)
		r.Trend.Sessions = append(r.Trend.Sessions, booster)
	}
	r.Trend.LastDay = 200
	for s := range r.Trend.Scales {
		points := r.Trend.Scales[s].Points
		for i, day := range []int{0, 37, 72, 114, 156, 200} {
			points[i].Day, points[i].AnsweredAt = day, now.AddDate(0, 0, day-260)
		}
		points[3].AnsweredAt = time.Time{}
	}
	rescore(r, 0, 24, 2, 0, 12, 14)
}

func pointer[T any](v T) *T { return &v }

func change(s care.ScaleTrend, score float64) *instrument.Change {
	improvement := *s.Baseline - score
	if !s.LowerIsBetter {
		improvement = -improvement
	}
	c := instrument.Change{Improvement: improvement}
	if s.ReliableChange == nil {
		return &c
	}
	c.Reliable = instrument.ChangeUnchanged
	switch {
	case improvement >= *s.ReliableChange:
		c.Reliable = instrument.ChangeImproved
	case improvement <= -*s.ReliableChange:
		c.Reliable = instrument.ChangeDeteriorated
	}
	return &c
}

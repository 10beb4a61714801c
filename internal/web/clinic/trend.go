package clinic

import (
	"fmt"
	"strings"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/chart"
	"afterglow/internal/instrument"
	"afterglow/internal/web/page"
)

// ScalePanel is one scale of the trend: the words, the picture, the table.
type ScalePanel struct {
	ID, Name string
	Sentence string
	Chart    *page.Chart
	Rows     []AnswerRow
}

// AnswerRow is one occasion of a scale. History lists its corrections in words.
type AnswerRow struct {
	Day, Visit, Answered string
	Score, Band, Change  string
	History              []string
}

// SessionsPanel is the sessions of a course: the words, the picture, the table,
// and what was found of the container.
type SessionsPanel struct {
	Sentence  string
	Chart     *page.Chart
	Rows      []SessionRow
	Container Container
	Events    []string
}

// SessionRow is one session as it was given.
type SessionRow struct {
	Number, When, Given, Depth, Setting string
}

// Container is the setting inventory as a small matrix: yes of known by group
// and session.
type Container struct {
	Sessions []string
	Groups   []ContainerGroup
}

// ContainerGroup is one group's row.
type ContainerGroup struct {
	Name  string
	Cells []ContainerCell
}

// ContainerCell is "3/4"; Full when all that is known is yes, Open when nothing
// is known.
type ContainerCell struct {
	Text       string
	Full, Open bool
}

func scalePanel(t care.Trend, s care.ScaleTrend, readings caseload.ScaleReadings, w writer) ScalePanel {
	sentence := scaleSentence(s, readings.Newest)
	figure, ok := chart.ScaleTrend(t, s)
	panel := ScalePanel{ID: "scale-" + s.Instrument, Name: s.Name, Sentence: sentence, Chart: chartOf(sentence, figure, ok)}
	for i, p := range s.Points {
		panel.Rows = append(panel.Rows, answerRow(p, readings.Changes[i], w))
	}
	return panel
}

// scaleSentence says first where the person is and whether that differs from
// before treatment, then what is missing.
func scaleSentence(s care.ScaleTrend, r *caseload.Reading) string {
	words := s.Short + ": no score yet"
	if r != nil {
		words = fmt.Sprintf("%s: %s on day %d", s.Short, chart.ScoreWords(r.Score), r.Day)
		if r.Band != "" {
			words += ", " + strings.ToLower(r.Band)
		}
		switch {
		case r.Change != nil:
			words += "; " + changeWords(*r.Change, s)
		case s.Baseline == nil:
			words += "; no baseline to compare with"
		default:
			words += "; this is the baseline"
		}
	}
	missed, passed := 0, 0
	for _, p := range s.Points {
		if p.State == care.PointOpen {
			continue
		}
		passed++
		if p.Score == nil {
			missed++
		}
	}
	if missed > 0 {
		words += fmt.Sprintf("; %d of %d without a score", missed, passed)
	}
	return words + "."
}

func answerRow(p care.TrendPoint, change *instrument.Change, w writer) AnswerRow {
	row := AnswerRow{Day: fmt.Sprintf("Day %s", strings.Replace(fmt.Sprint(p.Day), "-", "\u2212", 1)), Visit: chart.VisitWords(p.Visit), Answered: dash, Score: dash, Band: dash, Change: dash}
	switch p.State {
	case care.PointMissed:
		row.Score = "not answered"
	case care.PointUnscored:
		row.Score = "too few items"
	case care.PointOpen:
		row.Score = "open"
		if p.ClosesAt != nil {
			row.Score = "open until " + dateWords(*p.ClosesAt, w.seen.Zone)
		}
	}
	if !p.AnsweredAt.IsZero() {
		row.Answered = dateWords(p.AnsweredAt, w.seen.Zone)
		if p.Late {
			row.Answered += ", after its window"
		}
	}
	if p.Score != nil {
		row.Score = chart.ScoreWords(*p.Score)
		if p.Band != "" {
			row.Band = p.Band
		}
		if change != nil {
			row.Change = shortChange(*change)
		}
	}
	for _, c := range p.Corrections {
		before := "no score"
		if c.Before != nil {
			before = chart.ScoreWords(*c.Before)
		}
		row.History = append(row.History, fmt.Sprintf("%s until %s: %s (%s)", before, dateWords(c.At, w.seen.Zone), reasonWords(c.Reason), w.author(c.Author)))
	}
	return row
}

// reasonWords reads a reason code.
func reasonWords(code string) string { return strings.ReplaceAll(code, "-", " ") }

func sessionsPanel(r caseload.Record, seen Seen) SessionsPanel {
	panel := SessionsPanel{Sentence: sessionsSentence(r)}
	figure, ok := chart.SessionTicks(r.Trend)
	panel.Chart = chartOf(panel.Sentence, figure, ok)
	for _, s := range r.Trend.Sessions {
		panel.Rows = append(panel.Rows, sessionRow(s, seen.Zone))
		for _, e := range s.AdverseEvents {
			how := "told unasked"
			if e.Elicited {
				how = "asked for"
			}
			panel.Events = append(panel.Events, fmt.Sprintf("Session %d: %s, grade %d, %s", s.Number, reasonWords(e.Term), e.Grade, how))
		}
	}
	panel.Container = container(r.Trend.Sessions)
	return panel
}

func sessionsSentence(r caseload.Record) string {
	n := len(r.Trend.Sessions)
	if n == 0 {
		return "No session has been recorded."
	}
	plan := r.Line.Plan
	given := fmt.Sprintf("%d %s", plan.Given, plural(plan.Given == 1, "session", "sessions"))
	if plan.Planned > 0 {
		given = fmt.Sprintf("%d of %d sessions", plan.Given, plan.Planned)
	}
	if plan.Boosters > 0 {
		given += fmt.Sprintf(" and %d %s", plan.Boosters, plural(plan.Boosters == 1, "booster", "boosters"))
	}
	last := r.Trend.Sessions[n-1]
	return fmt.Sprintf("%s given, the last on day %d: %s, %s.", given, last.Day, last.Route, chart.DoseWords(last))
}

func sessionRow(s care.Session, zone *time.Location) SessionRow {
	row := SessionRow{
		Number: fmt.Sprint(s.Number), When: fmt.Sprintf("Day %d", s.Day), Given: routeShort(s.Route) + ", " + chart.DoseWords(s), Depth: "not recorded", Setting: dash,
	}
	if !s.StartedAt.IsZero() {
		row.When = fmt.Sprintf("%s, day %d", dateWords(s.StartedAt, zone), s.Day)
	}
	if s.Depth != nil {
		row.Depth = fmt.Sprint(*s.Depth)
	}
	if index, ok := s.Setting.Index(); ok {
		row.Setting = fmt.Sprintf("%.0f", index)
	}
	return row
}

func container(sessions []care.Session) Container {
	var c Container
	known := false
	for _, s := range sessions {
		c.Sessions = append(c.Sessions, fmt.Sprint(s.Number))
		known = known || len(s.Setting) > 0
	}
	if !known {
		return Container{}
	}
	for _, group := range settingGroups() {
		row := ContainerGroup{Name: capital(group)}
		for _, s := range sessions {
			row.Cells = append(row.Cells, containerCell(s.Setting, group))
		}
		c.Groups = append(c.Groups, row)
	}
	return c
}

func settingGroups() []string {
	var groups []string
	for _, item := range care.SettingItems {
		if len(groups) == 0 || groups[len(groups)-1] != item.Group {
			groups = append(groups, item.Group)
		}
	}
	return groups
}

func containerCell(s care.Setting, group string) ContainerCell {
	yes, known := 0, 0
	for _, item := range care.SettingItems {
		ok, asked := s[item.Code]
		if item.Group != group || !asked {
			continue
		}
		known++
		if ok {
			yes++
		}
	}
	if known == 0 {
		return ContainerCell{Text: "?", Open: true}
	}
	return ContainerCell{Text: fmt.Sprintf("%d/%d", yes, known), Full: yes == known}
}

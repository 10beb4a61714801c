package clinic

import (
	"fmt"
	"strings"

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

// AnswerRow is one occasion of a scale. Path leads to its answers, "" where there
// are none. History lists its corrections in words.
type AnswerRow struct {
	Day, Visit, Answered string
	Score, Band, Change  string
	Path                 string
	History              []string
}

// SessionsPanel is the sessions of a course: the words, the picture, the table,
// and what was found of the container.
type SessionsPanel struct {
	Sentence string
	Chart    *page.Chart
	Rows     []SessionRow
	// Meaning says what the columns are measured on.
	Meaning   []string
	Container Container
	Events    []string
}

// SessionRow is one session as it was given.
type SessionRow struct {
	Number, When, Given, Depth, Setting string
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
		words = fmt.Sprintf("%s: %s on day %s", s.Short, chart.ScoreWords(r.Score), chart.DayWords(r.Day))
		if r.Band != "" {
			words += ", " + strings.ToLower(r.Band)
		}
		switch {
		case r.Change != nil:
			words += "; " + changeWords(*r.Change)
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
	words += "."
	if s.Benefit != nil {
		words += benefitWords(*s.Benefit)
	}
	return words
}

func answerRow(p care.TrendPoint, change *instrument.Change, w writer) AnswerRow {
	row := AnswerRow{Day: "Day " + chart.DayWords(p.Day), Visit: chart.VisitWords(p.Visit), Answered: dash, Score: dash, Band: dash, Change: dash}
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
	if p.State == care.PointScored || p.State == care.PointUnscored {
		row.Path = answersPath(w.patient, p.Occasion)
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
		row.History = append(row.History, correctionWords(c, w))
	}
	return row
}

func correctionWords(c care.Correction, w writer) string {
	before := "no score"
	if c.Before != nil {
		before = chart.ScoreWords(*c.Before)
	}
	return fmt.Sprintf("%s until %s: %s (%s)", before, dateWords(c.At, w.seen.Zone), reasonWords(c.Reason), w.author(c.Author))
}

// reasonWords reads a reason code.
func reasonWords(code string) string { return strings.ReplaceAll(code, "-", " ") }

package clinic

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/chart"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/web/middleware"
	"afterglow/internal/web/page"
)

// AnswersPage is one filled-in form item by item, with that of the time before.
type AnswersPage struct {
	page.Frame
	Code, PatientPath string
	// Name is the instrument's; Credit is what its licence asks to be shown.
	Name, Credit string
	// When and WhenBefore name the two forms; WhenBefore is "" for the first.
	When, WhenBefore   string
	Score, ScoreBefore string
	Rows               []ItemRow
	History            []string
}

// ItemRow is one item. Change is how its value went, "" where it cannot be told;
// Moved marks a change. Flag is what a safety rule says of the answer.
type ItemRow struct {
	Number, Text   string
	Answer, Before string
	Change         string
	Moved          bool
	Flag           string
}

// Answers shows what a patient answered at an occasion; looking leaves an audit
// event.
func (p Pages) Answers(c echo.Context) error {
	pseudonym, err := care.ParsePseudonym(c.Param("patient"))
	if err != nil {
		return fault.NotFound("patient", "there is no such patient")
	}
	occasion, err := strconv.ParseInt(c.Param("occasion"), 10, 64)
	if err != nil || occasion < 1 {
		return fault.NotFound("occasion", "the patient has no answers with that number")
	}
	found, err := p.Caseload.Answers(c.Request().Context(), middleware.Caller(c).Actor(), pseudonym, occasion)
	if err != nil {
		return err
	}
	authors, err := p.Access.AccountNames(c.Request().Context())
	if err != nil {
		return err
	}
	return p.Renderer.HTML(c, http.StatusOK, "clinic/answers", NewAnswersPage(found, authors, Seen{Now: p.Now(), Zone: p.Zone}))
}

func answersPath(patient string, occasion int64) string {
	return fmt.Sprintf("/patients/%s/answers/%d", patient, occasion)
}

// NewAnswersPage puts a form and the one before it into words.
func NewAnswersPage(a caseload.Answers, authors map[string]string, seen Seen) *AnswersPage {
	d := a.Form.Definition
	shown := &AnswersPage{
		Frame: page.Frame{Title: "Answers", Wide: true, Simulated: a.Simulated},
		Code:  shortCode(string(a.Patient)), PatientPath: coursePath(caseload.Line{Patient: a.Patient, Course: a.Course}),
		Name: d.Titles.In("en"), Credit: d.Licence.Credit, When: formWords(a.Form, seen), Score: totalWords(a.Form),
	}
	if a.Before != nil {
		shown.WhenBefore, shown.ScoreBefore = formWords(*a.Before, seen), totalWords(*a.Before)
	}
	flagged := map[string]string{}
	for _, f := range d.Flags(a.Form.Answers) {
		flagged[f.Item] = levelWord(f.Level)
	}
	for i := range d.Items {
		shown.Rows = append(shown.Rows, itemRow(a, &d.Items[i], flagged))
	}
	w := writer{authors: authors, seen: seen}
	for _, c := range a.Form.Corrections {
		shown.History = append(shown.History, correctionWords(c, w))
	}
	return shown
}

func itemRow(a caseload.Answers, item *instrument.Item, flagged map[string]string) ItemRow {
	d, now := a.Form.Definition, a.Form.Answers[item.ID]
	row := ItemRow{Number: item.ID, Text: itemText(d, item.ID), Answer: itemAnswerWords(d, item.ID, now), Before: dash, Change: dash, Flag: flagged[item.ID]}
	if row.Text == "" {
		row.Text = "wording not included by its licence"
	}
	if a.Before == nil {
		return row
	}
	before := a.Before.Answers[item.ID]
	row.Before = itemAnswerWords(a.Before.Definition, item.ID, before)
	if now == nil || before == nil {
		return row
	}
	switch change := *now - *before; {
	case change == 0:
		row.Change = "same"
	case change > 0:
		row.Change, row.Moved = fmt.Sprintf("+%d", change), true
	default:
		row.Change, row.Moved = fmt.Sprintf("\u2212%d", -change), true
	}
	return row
}

// formWords are "+14 d, day 36 (12 Mar 2026)".
func formWords(f caseload.Form, seen Seen) string {
	return fmt.Sprintf("%s, day %s (%s)", chart.VisitWords(f.Visit), chart.DayWords(f.Day), dateWords(f.AnsweredAt, seen.Zone))
}

func totalWords(f caseload.Form) string {
	if f.Score == nil {
		return "too few items for a score"
	}
	words := chart.ScoreWords(*f.Score)
	if band, ok := f.Definition.BandOf(*f.Score); ok {
		words += ", " + lowerFirst(band.Labels.In("en"))
	}
	return words
}

// SafetyPanel is a question that a safety rule watches, with its answers over the
// course, the newest first.
type SafetyPanel struct {
	Name, Question string
	// Answers are the newest few, Earlier those before them.
	Answers, Earlier []SafetyLine
}

const newestAnswers = 3

// SafetyLine is one answer to such a question; Flag is the level that it raises, or "".
type SafetyLine struct{ When, Answer, Path, Flag string }

func safetyPanel(h caseload.SafetyHistory, patient string) SafetyPanel {
	panel := SafetyPanel{Name: fmt.Sprintf("%s, item %s", h.Definition.ShortTitle("en"), h.Item), Question: itemText(h.Definition, h.Item)}
	for i := len(h.Answers) - 1; i >= 0; i-- {
		a := h.Answers[i]
		line := SafetyLine{When: "Day " + chart.DayWords(a.Day), Answer: itemAnswerWords(h.Definition, h.Item, a.Value), Path: answersPath(patient, a.Occasion)}
		if a.Flag != nil && a.Value != nil {
			line.Flag = levelWord(a.Flag.Level)
		}
		if len(panel.Answers) < newestAnswers {
			panel.Answers = append(panel.Answers, line)
		} else {
			panel.Earlier = append(panel.Earlier, line)
		}
	}
	return panel
}

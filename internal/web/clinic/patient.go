package clinic

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/chart"
	"afterglow/internal/fault"
	"afterglow/internal/web/middleware"
	"afterglow/internal/web/page"
)

// PatientPage is one patient's course: who in pseudonyms, where the course is,
// and the trend of every scale.
type PatientPage struct {
	page.Frame
	Code  string
	Facts []Fact
	Flags []Flag
	// Others are the patient's other courses.
	Others   []CourseLink
	Sessions SessionsPanel
	Scales   []ScalePanel
	// Nothing says why there is no trend yet, or "".
	Nothing string
	// Key lists the marks that the pictures of this page use.
	Key []KeyEntry
}

// Fact is a line of the header.
type Fact struct{ Name, Value string }

// Flag is something to know before reading on. Urgent ones need a person today.
type Flag struct {
	Text, Path string
	Urgent     bool
}

// CourseLink leads to another course of the same patient.
type CourseLink struct{ Label, Path string }

// KeyEntry explains a mark; Mark names its drawing in the stylesheet.
type KeyEntry struct{ Mark, Text string }

// Patient shows one patient's course; looking leaves an audit event.
func (p Pages) Patient(c echo.Context) error {
	pseudonym, err := care.ParsePseudonym(c.Param("patient"))
	if err != nil {
		return fault.NotFound("patient", "there is no such patient")
	}
	var course int64
	if text := c.QueryParam("course"); text != "" {
		if course, err = strconv.ParseInt(text, 10, 64); err != nil || course < 1 {
			return fault.NotFound("course", "the patient has no such course")
		}
	}
	record, err := p.Caseload.Record(c.Request().Context(), middleware.Caller(c).Actor(), pseudonym, course)
	if err != nil {
		return err
	}
	authors, err := p.Access.AccountNames(c.Request().Context())
	if err != nil {
		return err
	}
	return p.Renderer.HTML(c, http.StatusOK, "clinic/patient", NewPatientPage(record, authors, Seen{Now: p.Now(), Zone: p.Zone}))
}

// NewPatientPage puts a record into words and pictures; authors are the names of
// accounts by their id.
func NewPatientPage(r caseload.Record, authors map[string]string, seen Seen) *PatientPage {
	code := shortCode(string(r.Line.Patient))
	shown := &PatientPage{
		// The title stands in the browser's history, so it names nobody.
		Frame: page.Frame{Title: "Patient", Wide: true, Simulated: r.Line.Simulated, Scripts: page.ChartScripts},
		Code:  code, Facts: facts(r, seen), Flags: flags(r, seen),
	}
	for _, other := range r.Others {
		shown.Others = append(shown.Others, CourseLink{
			Label: fmt.Sprintf("Course %d", other), Path: coursePath(caseload.Line{Patient: r.Line.Patient, Course: other})})
	}
	shown.Sessions = sessionsPanel(r, seen)
	for i, s := range r.Trend.Scales {
		shown.Scales = append(shown.Scales, scalePanel(r.Trend, s, r.Scales[i], writer{authors: authors, seen: seen}))
	}
	if len(shown.Scales) == 0 {
		shown.Nothing = "No questionnaire of this course has been answered or missed yet. The trend starts with the first."
	}
	shown.Key = key(r)
	return shown
}

func facts(r caseload.Record, seen Seen) []Fact {
	plan := r.Line.Plan
	protocol := "none recorded"
	if plan.Title != "" {
		protocol = fmt.Sprintf("%s, version %d", plan.Title, plan.Protocol.Version)
	}
	list := []Fact{{"Protocol", protocol}, {"Session", sessionWords(plan)}}
	if r.Started != nil {
		list = append(list, Fact{"Started", fmt.Sprintf("%s, day %d today", dateWords(r.Started.At(12, 0, time.UTC), time.UTC), r.Today)})
	}
	if r.NextSession != nil {
		list = append(list, Fact{"Next session", fmt.Sprintf("%s (%s)", dateWords(*r.NextSession, seen.Zone), dayWords(*r.NextSession, seen.Now, seen.Zone))})
	}
	if n := r.Line.Next; n != nil {
		value := n.Short + ", " + nextWords(*n, seen)
		if !n.On.IsZero() {
			value = fmt.Sprintf("%s, %s (%s)", n.Short, dateWords(n.On, seen.Zone), nextWords(*n, seen))
		}
		list = append(list, Fact{"Next answer", value})
	} else {
		list = append(list, Fact{"Next answer", "nothing is planned"})
	}
	return list
}

func flags(r caseload.Record, seen Seen) []Flag {
	l := r.Line
	var list []Flag
	if l.OpenAlerts > 0 {
		list = append(list, Flag{Urgent: true, Path: "/alerts",
			Text: fmt.Sprintf("%d %s for someone", l.OpenAlerts, plural(l.OpenAlerts == 1, "alert waits", "alerts wait"))})
	}
	if r.TakenAlerts > 0 {
		list = append(list, Flag{Path: "/alerts", Text: fmt.Sprintf("%d %s taken on, not closed", r.TakenAlerts, plural(r.TakenAlerts == 1, "alert", "alerts"))})
	}
	if l.IsWorse() {
		list = append(list, Flag{Text: "Reliably worse than at baseline: " + strings.Join(l.Worse, ", ")})
	}
	if l.IsLate() {
		list = append(list, Flag{Text: capital(nextWords(*l.Next, seen)) + ": " + l.Next.Short})
	}
	return list
}

// key lists only the marks that are there to be explained.
func key(r caseload.Record) []KeyEntry {
	var missed, corrected, bands, answered bool
	var zones []string
	for _, s := range r.Trend.Scales {
		if s.Baseline != nil && s.ReliableChange != nil {
			zones = append(zones, s.Short+" "+chart.ScoreWords(*s.ReliableChange))
		}
		bands = bands || len(s.Bands) > 0
		for _, p := range s.Points {
			answered = answered || p.Score != nil
			missed = missed || p.State == care.PointMissed || p.State == care.PointUnscored
			corrected = corrected || len(p.Corrections) > 0
		}
	}
	var list []KeyEntry
	for _, e := range []struct {
		shown bool
		KeyEntry
	}{
		{answered, KeyEntry{"answered", "score"}},
		{missed, KeyEntry{"missed", "no score"}},
		{corrected, KeyEntry{"corrected", "corrected"}},
		{len(zones) > 0, KeyEntry{"zone", "no reliable change: under " + strings.Join(zones, ", ")}},
		{bands, KeyEntry{"bands", "severity"}},
		{len(r.Trend.Sessions) > 0, KeyEntry{"session", "session"}},
	} {
		if e.shown {
			list = append(list, e.KeyEntry)
		}
	}
	return list
}

// writer knows what a table of answers needs besides the answers.
type writer struct {
	authors map[string]string
	seen    Seen
}

func (w writer) author(id string) string {
	if name, ok := w.authors[id]; ok {
		return name
	}
	return "a member of staff"
}

// chartOf pairs a sentence with its drawing; nil where nothing can be drawn.
func chartOf(sentence string, figure chart.Figure, ok bool) *page.Chart {
	if !ok {
		return nil
	}
	return &page.Chart{Sentence: sentence, Options: figure}
}

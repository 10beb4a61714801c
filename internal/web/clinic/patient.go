package clinic

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/chart"
	"afterglow/internal/fault"
	"afterglow/internal/safety"
	"afterglow/internal/web/middleware"
	"afterglow/internal/web/page"
)

// PatientPage is one patient's course: who in pseudonyms, where the course is,
// and the trend of every scale.
type PatientPage struct {
	page.Frame
	Code string
	// Place is where the patient stands in the list that led here.
	Place Place
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
	// Safety are the answers to questions that a safety rule watches.
	Safety []SafetyPanel
	// Rules say by which rules changes are judged, and from where those come.
	Rules []string
}

// Place is a patient's place in a list: what the list is called and where it is,
// the neighbours' paths ("" at the ends), and "3 of 24".
type Place struct {
	List, Path    string
	Before, After string
	Number        string
}

// Fact is a line of the header.
type Fact struct{ Name, Value string }

// Flag is something to know before reading on. Urgent ones need a person today;
// Going ones say that a benefit is going.
type Flag struct {
	Text, Path    string
	Urgent, Going bool
}

// CourseLink leads to another course of the same patient.
type CourseLink struct{ Label, Path string }

// KeyEntry explains a mark; Mark names its drawing in the stylesheet, Sign is the
// mark itself where it is a letter.
type KeyEntry struct{ Mark, Sign, Text string }

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
	query, err := ReadCaseloadQuery(c.QueryParams())
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	record, err := p.Caseload.Record(ctx, middleware.Caller(c).Actor(), pseudonym, course)
	if err != nil {
		return err
	}
	courses, err := p.courses(c, query)
	if err != nil {
		return err
	}
	alerts, err := p.Safety.PatientAlerts(ctx, pseudonym)
	if err != nil {
		return err
	}
	seen := Seen{Now: p.Now(), Zone: p.Zone}
	safety.SortByUrgency(alerts)
	var lines []AlertLine
	for _, a := range alerts {
		if a.State != safety.StateClosed {
			lines = append(lines, NewAlertLine(a, p.Instruments, Behind{Names: courses.Names}, seen.Now))
		}
	}
	shown := NewPatientPage(record, lines, courses.Names, seen)
	shown.Place = place(courses, query, record.Line)
	return p.Renderer.HTML(c, http.StatusOK, "clinic/patient", shown)
}

// place finds a course in the list of a query; the list is named by its chip.
func place(courses Courses, q CaseloadQuery, l caseload.Line) Place {
	f, _ := q.filter()
	at := Place{List: f.label, Path: q.Path()}
	kept, first, total := q.choose(courses.InCare), 0, 0
	total = len(kept)
	if q.Show == showEnded {
		first, _ = q.rows(courses.Ended)
		kept, total = courses.EndedShown, courses.Ended
	}
	i := slices.IndexFunc(kept, func(other caseload.Line) bool { return other.Course == l.Course })
	if i < 0 {
		return at
	}
	at.Number = fmt.Sprintf("%d of %d", first+i+1, total)
	if i > 0 {
		at.Before = q.patientPath(kept[i-1])
	}
	if i+1 < len(kept) {
		at.After = q.patientPath(kept[i+1])
	}
	return at
}

// NewPatientPage puts a record into words and pictures, with the alerts of the
// patient that are not closed, the most urgent first; authors are the names of
// accounts by their id.
func NewPatientPage(r caseload.Record, alerts []AlertLine, authors map[string]string, seen Seen) *PatientPage {
	code := shortCode(string(r.Line.Patient))
	shown := &PatientPage{
		// The title stands in the browser's history, so it names nobody.
		Frame: page.Frame{Title: "Patient", Wide: true, Simulated: r.Line.Simulated, Scripts: page.ChartScripts},
		Code:  code, Place: Place{List: "Patients", Path: "/patients"}, Facts: facts(r, seen), Flags: flags(r, alerts, seen),
	}
	for _, other := range r.Others {
		shown.Others = append(shown.Others, CourseLink{
			Label: fmt.Sprintf("Course %d", other), Path: coursePath(caseload.Line{Patient: r.Line.Patient, Course: other})})
	}
	shown.Sessions = sessionsPanel(r, seen)
	w := writer{authors: authors, seen: seen, patient: string(r.Line.Patient)}
	for i, s := range r.Trend.Scales {
		shown.Scales = append(shown.Scales, scalePanel(r.Trend, s, r.Scales[i], w))
		if s.ReliableChange != nil {
			shown.Rules = append(shown.Rules, fmt.Sprintf("%s: a change of %s or more is reliable (%s).", s.Short, pointsWords(*s.ReliableChange), s.ReliableRule))
		}
	}
	for _, h := range r.Safety {
		shown.Safety = append(shown.Safety, safetyPanel(h, string(r.Line.Patient)))
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
		started := dateWords(r.Started.At(12, 0, time.UTC), time.UTC)
		if r.Ended == nil {
			started += ", day " + chart.DayWords(r.Today) + " today"
		}
		list = append(list, Fact{"Started", started})
	}
	if r.Ended != nil {
		return append(list, Fact{"Ended", endWords(r, seen)})
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

// endWords say when a course ended and how far it had come: why is nowhere recorded,
// so nothing is said of it but that.
func endWords(r caseload.Record, seen Seen) string {
	words := "last contact " + dateWords(*r.Ended, seen.Zone)
	if r.Started != nil {
		words += ", day " + chart.DayWords(daysBetween(r.Started.At(12, 0, seen.Zone), *r.Ended, seen.Zone))
	}
	plan := r.Line.Plan
	switch {
	case plan.Planned > 0 && plan.Given >= plan.Planned:
		return words + "; the series was complete"
	case plan.Planned > 0:
		return words + fmt.Sprintf("; the series ended after %d of %d sessions; the reason is not recorded", plan.Given, plan.Planned)
	}
	return words
}

func flags(r caseload.Record, alerts []AlertLine, seen Seen) []Flag {
	l := r.Line
	var list []Flag
	for _, a := range alerts {
		f := Flag{Path: fmt.Sprintf("/alerts#alert-%d", a.ID), Text: fmt.Sprintf("%s: %s, %s", a.LevelWord, a.Rule, a.Age), Urgent: a.Owner == ""}
		if a.Given != "" {
			f.Text = fmt.Sprintf("%s: %s, %s, %s", a.LevelWord, a.Rule, lowerFirst(a.Given), a.Age)
		}
		if a.Owner != "" {
			f.Text += "; taken on by " + a.Owner
		}
		list = append(list, f)
	}
	for _, g := range l.Going {
		list = append(list, Flag{Going: true, Text: goingWords(g)})
	}
	if l.IsWorse() {
		list = append(list, Flag{Text: "Reliably worse than at baseline: " + strings.Join(l.Worse, ", ")})
	}
	if l.IsLate() {
		list = append(list, Flag{Text: capital(nextWords(*l.Next, seen)) + ": " + l.Next.Short})
	}
	return list
}

// goingWords are "PHQ-9: losing its benefit since day 21, 46 % left".
func goingWords(g caseload.Going) string {
	verb := "losing its benefit"
	if g.Benefit.State == care.BenefitLost {
		verb = "benefit lost"
	}
	return fmt.Sprintf("%s: %s since day %s, %s", g.Short, verb, chart.DayWords(g.Benefit.Since), leftWords(g.Benefit))
}

// routeSigns are the shapes that the pictures draw for routes.
var routeSigns = []struct {
	route care.Route
	sign  string
}{
	{care.RouteIntravenous, "\u25cf"}, {care.RouteIntramuscular, "\u25b2"}, {care.RouteSubcutaneous, "\u25a0"},
	{care.RouteIntranasal, "\u25c6"}, {care.RouteSublingual, "\u25a2"}, {care.RouteOral, "\u27a4"},
}

// key lists only the marks that are there to be explained.
func key(r caseload.Record) []KeyEntry {
	var missed, unscored, corrected, bands, answered, zones, best, going bool
	for _, s := range r.Trend.Scales {
		zones = zones || s.Baseline != nil && s.ReliableChange != nil
		bands = bands || len(s.Bands) > 0
		best = best || s.Benefit != nil
		going = going || s.Benefit != nil && s.Benefit.ReturnLine != nil
		for _, p := range s.Points {
			answered = answered || p.Score != nil
			missed = missed || p.State == care.PointMissed
			unscored = unscored || p.State == care.PointUnscored
			corrected = corrected || len(p.Corrections) > 0
		}
	}
	var boosters bool
	routes := map[care.Route]bool{}
	for _, s := range r.Trend.Sessions {
		boosters = boosters || s.Booster
		routes[s.Route] = true
	}
	type entry struct {
		shown bool
		KeyEntry
	}
	var all []entry
	for _, r := range routeSigns {
		all = append(all, entry{routes[r.route], KeyEntry{Sign: r.sign, Text: routeShort(r.route) + " session, as high as its depth"}})
	}
	all = append(all, []entry{
		{boosters, KeyEntry{Mark: "booster", Text: "booster"}},
		{answered, KeyEntry{Mark: "answered", Text: "score"}},
		{best, KeyEntry{Mark: "best", Text: "confirmed best"}},
		{missed, KeyEntry{Mark: "missed", Text: "not answered"}},
		{unscored, KeyEntry{Mark: "unscored", Text: "too few items"}},
		{corrected, KeyEntry{Mark: "corrected", Text: "corrected"}},
		{zones, KeyEntry{Mark: "zone", Text: "from here a change from baseline is reliable"}},
		{going, KeyEntry{Mark: "going", Text: "from here the benefit is going"}},
		{bands, KeyEntry{Mark: "bands", Text: "severity"}},
		{len(r.Trend.Sessions) > 0, KeyEntry{Mark: "session", Text: "session"}},
	}...)
	var list []KeyEntry
	for _, e := range all {
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
	patient string
}

func (w writer) author(id string) string {
	if name, ok := w.authors[id]; ok {
		return name
	}
	return someone
}

// chartOf pairs a sentence with its drawing; nil where nothing can be drawn.
func chartOf(sentence string, figure chart.Figure, ok bool) *page.Chart {
	if !ok {
		return nil
	}
	return &page.Chart{Sentence: sentence, Options: figure}
}

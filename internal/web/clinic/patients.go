package clinic

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/caseload"
	"afterglow/internal/chart"
	"afterglow/internal/web/page"
)

// linesPerPage is how many courses one page of the caseload shows.
const linesPerPage = 50

// CaseloadPage is the list of patients, one row a course.
type CaseloadPage struct {
	page.Frame
	// Words say how many there are and how many need a person today.
	Words   string
	Filters []Chip
	Columns []SortColumn
	Rows    []CaseloadRow
	// Ended says that the rows are courses that have ended, which come by their
	// last contact and are not sorted otherwise.
	Ended bool
	// Nothing stands in the table's place when no row is shown.
	Nothing string
	// Shown says which rows these are when there are more than one page's.
	Shown string
	// Before and After are the paths of the neighbouring pages, or "".
	Before, After string
}

// Chip is a filter with the number of courses that it shows.
type Chip struct {
	Label   string
	Count   int
	Path    string
	Current bool
}

// SortColumn is a column's heading; its link, where it has one, sorts by it. Order is the value of
// aria-sort, or "".
type SortColumn struct {
	Label, Path, Order string
}

// CaseloadRow is one course in words.
type CaseloadRow struct {
	Code, Path string
	// Simulated marks the row; where every row is, the page says so once.
	Simulated       bool
	Course, Session string
	Score, Band     string
	Arrow, Change   string
	Worse           bool
	Due, DueDetail  string
	Late            bool
	Contact         string
	Alerts          string
	Urgent          bool
}

// Seen is when and where a page is looked at.
type Seen struct {
	Now  time.Time
	Zone *time.Location
}

// Patients lists who is in care.
func (p Pages) Patients(c echo.Context) error {
	query, err := ReadCaseloadQuery(c.QueryParams())
	if err != nil {
		return err
	}
	courses := Courses{}
	if courses.InCare, courses.Ended, err = p.Caseload.List(c.Request().Context()); err != nil {
		return err
	}
	if query.Show == showEnded {
		from, _ := query.rows(courses.Ended)
		if courses.EndedShown, err = p.Caseload.Ended(c.Request().Context(), from, linesPerPage); err != nil {
			return err
		}
	}
	return p.Renderer.HTML(c, http.StatusOK, "clinic/patients", NewCaseloadPage(courses, query, Seen{Now: p.Now(), Zone: p.Zone}))
}

// Courses are what the page chooses from: every course in care, how many have
// ended and, where those are asked for, the ones of the page.
type Courses struct {
	InCare     []caseload.Line
	Ended      int
	EndedShown []caseload.Line
}

// NewCaseloadPage puts the lines that the query asks for into words.
func NewCaseloadPage(courses Courses, q CaseloadQuery, seen Seen) *CaseloadPage {
	shown := &CaseloadPage{Frame: page.Frame{Title: "Patients", Wide: true}, Words: caseloadWords(courses.InCare), Ended: q.Show == showEnded}
	all := slices.Concat(courses.InCare, courses.EndedShown)
	shown.Simulated = len(all) > 0 && !slices.ContainsFunc(all, func(l caseload.Line) bool { return !l.Simulated })
	var kept []caseload.Line
	chosen, _ := q.filter()
	for _, f := range filters {
		chip := Chip{Label: f.label, Path: CaseloadQuery{Show: f.name, Sort: q.Sort}.Path(), Current: f.name == q.Show}
		for _, l := range courses.InCare {
			if !f.has(l) {
				continue
			}
			chip.Count++
			if chip.Current {
				kept = append(kept, l)
			}
		}
		if f.name == showEnded {
			chip.Count = courses.Ended
		}
		shown.Filters = append(shown.Filters, chip)
	}
	shown.Columns = sortColumns(q)
	total := len(kept)
	if shown.Ended {
		total = courses.Ended
	}
	if total == 0 {
		shown.Nothing = chosen.nothing
		return shown
	}
	from, to := q.rows(total)
	number := from/linesPerPage + 1
	if from > 0 {
		shown.Before = CaseloadQuery{Show: q.Show, Sort: q.Sort, Page: number - 1}.Path()
	}
	if to < total {
		shown.After = CaseloadQuery{Show: q.Show, Sort: q.Sort, Page: number + 1}.Path()
	}
	if total > linesPerPage {
		shown.Shown = fmt.Sprintf("%d to %d of %d", from+1, to, total)
	}
	lines := courses.EndedShown
	if !shown.Ended {
		q.sort(kept)
		lines = kept[from:to]
	}
	for _, l := range lines {
		row := caseloadRow(l, seen)
		row.Simulated = l.Simulated && !shown.Simulated
		shown.Rows = append(shown.Rows, row)
	}
	return shown
}

// rows are the first and the one after the last row of the page that is asked for,
// the last page where there is no such page.
func (q CaseloadQuery) rows(total int) (from, to int) {
	from = min((max(q.Page, 1)-1)*linesPerPage, max(total-1, 0)/linesPerPage*linesPerPage)
	return from, min(from+linesPerPage, total)
}

func sortColumns(q CaseloadQuery) []SortColumn {
	current, turned, sorted := q.column()
	var shown []SortColumn
	for _, c := range columns {
		s := SortColumn{Label: c.label}
		if q.Show == showEnded {
			shown = append(shown, s)
			continue
		}
		next := c.name
		if sorted && c.name == current.name {
			s.Order = "ascending"
			if turned {
				s.Order = "descending"
			} else {
				next = "-" + c.name
			}
		}
		s.Path = CaseloadQuery{Show: q.Show, Sort: next}.Path()
		shown = append(shown, s)
	}
	return shown
}

func caseloadWords(lines []caseload.Line) string {
	if len(lines) == 0 {
		return ""
	}
	urgent := 0
	for _, l := range lines {
		if l.NeedsSomeoneToday() {
			urgent++
		}
	}
	words := fmt.Sprintf("%d %s in care.", len(lines), plural(len(lines) == 1, "course", "courses"))
	switch urgent {
	case 0:
		return words + " Nobody has an alert that waits."
	case 1:
		return words + " One needs a person today."
	}
	return fmt.Sprintf("%s %d need a person today.", words, urgent)
}

func caseloadRow(l caseload.Line, seen Seen) CaseloadRow {
	row := CaseloadRow{
		Code: shortCode(string(l.Patient)), Path: coursePath(l),
		Course: l.Plan.Title, Session: sessionWords(l.Plan), Worse: l.IsWorse(), Late: l.IsLate(),
		Contact: dash, Urgent: l.NeedsSomeoneToday(), Alerts: alertWords(l), Due: dash, Score: "no score yet",
	}
	if row.Course == "" {
		row.Course = "No protocol"
	}
	if r := l.Last; r != nil {
		row.Score, row.Band = r.Short+" "+chart.ScoreWords(r.Score), r.Band
		if r.Change != nil {
			row.Arrow, row.Change = arrow(*r), shortChange(*r.Change)
		}
		if len(l.Worse) > 0 && !slices.Contains(l.Worse, r.Short) {
			row.Change += "; " + l.Worse[0] + " worse"
		}
	}
	if n := l.Next; n != nil {
		row.Due, row.DueDetail = nextWords(*n, seen), n.Short
	}
	if !l.LastContact.IsZero() {
		row.Contact = dayWords(l.LastContact, seen.Now, seen.Zone)
	}
	return row
}

func coursePath(l caseload.Line) string {
	return fmt.Sprintf("/patients/%s?course=%d", l.Patient, l.Course)
}

// nextWords say when an answer is due in the words of a diary.
func nextWords(n caseload.Next, seen Seen) string {
	if n.On.IsZero() {
		return "open"
	}
	switch n.State {
	case caseload.NextLate:
		late := daysBetween(n.On, seen.Now, seen.Zone)
		return fmt.Sprintf("late by %d %s", late, plural(late == 1, "day", "days"))
	case caseload.NextDue:
		if day := dayWords(n.On, seen.Now, seen.Zone); day != "today" {
			return "open, " + day
		}
		return "today"
	}
	return dayWords(n.On, seen.Now, seen.Zone)
}

func alertWords(l caseload.Line) string {
	if l.OpenAlerts == 0 {
		return dash
	}
	return fmt.Sprintf("%d open", l.OpenAlerts)
}

package clinic

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/caseload"
	"afterglow/internal/fault"
	"afterglow/internal/web/page"
)

// linesPerPage is how many courses one page of the caseload shows.
const linesPerPage = 50

// CaseloadPage is the list of patients, one row a course.
type CaseloadPage struct {
	page.Frame
	// Mark changes whenever something happens to any alert.
	Mark int64
	// Words say how many there are and how many need a person today.
	Words   string
	Filters []Chip
	Search  CaseloadSearch
	Columns []SortColumn
	Rows    []CaseloadRow
	// Ended says that the rows are courses that have ended, which come by their
	// last contact and are not sorted otherwise.
	Ended bool
	// Nothing stands in the table's place when no row is shown; Elsewhere leads to
	// rows that the same search has under another chip.
	Nothing   string
	Elsewhere *Chip
	// Shown says which rows these are when there are more than one page's.
	Shown string
	// Before and After are the paths of the neighbouring pages, or "".
	Before, After string
}

// CaseloadSearch is the form that narrows the list. Show and Sort are carried on.
type CaseloadSearch struct {
	Code, Show, Sort string
	// Protocols are offered where there is more than one.
	Protocols []ProtocolOption
	// Clear is the path of the list without the search, "" where nothing narrows it.
	Clear string
}

// ProtocolOption is a protocol to choose.
type ProtocolOption struct {
	ID, Title string
	Current   bool
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
	courses, err := p.courses(c, query)
	if err != nil {
		return err
	}
	counts, err := p.Safety.Counts(c.Request().Context())
	if err != nil {
		return err
	}
	shown := NewCaseloadPage(courses, query, Seen{Now: p.Now(), Zone: p.Zone})
	shown.Mark = counts.Mark
	return p.Renderer.HTML(c, http.StatusOK, "clinic/patients", shown)
}

// courses reads what a query needs.
func (p Pages) courses(c echo.Context, query CaseloadQuery) (Courses, error) {
	ctx := c.Request().Context()
	var courses Courses
	var err error
	if courses.Protocols, err = p.Caseload.Protocols(ctx); err != nil {
		return Courses{}, err
	}
	if _, known := courses.Protocols[query.Protocol]; query.Protocol != "" && !known {
		return Courses{}, fault.Invalid("protocol", "is not one of the protocols")
	}
	if courses.Names, err = p.Access.AccountNames(ctx); err != nil {
		return Courses{}, err
	}
	if courses.InCare, courses.Ended, err = p.Caseload.List(ctx, query.choice()); err != nil {
		return Courses{}, err
	}
	if query.Show == showEnded {
		from, _ := query.rows(courses.Ended)
		courses.EndedShown, err = p.Caseload.Ended(ctx, query.choice(), from, linesPerPage)
	}
	return courses, err
}

// Courses are what the page chooses from: every course in care, how many have
// ended and, where those are asked for, the ones of the page; the accounts' names
// and the protocols' titles by their id.
type Courses struct {
	InCare           []caseload.Line
	Ended            int
	EndedShown       []caseload.Line
	Names, Protocols map[string]string
}

// NewCaseloadPage puts the lines that the query asks for into words.
func NewCaseloadPage(courses Courses, q CaseloadQuery, seen Seen) *CaseloadPage {
	shown := &CaseloadPage{Frame: page.Frame{Title: "Patients", Wide: true, Scripts: []string{waitingScript}},
		Words: caseloadWords(courses.InCare, q) + orderWords(courses.InCare, q), Ended: q.Show == showEnded, Search: search(courses, q)}
	all := slices.Concat(courses.InCare, courses.EndedShown)
	shown.Simulated = len(all) > 0 && !slices.ContainsFunc(all, func(l caseload.Line) bool { return !l.Simulated })
	chosen, _ := q.filter()
	shown.Filters = chips(courses, q)
	shown.Columns = sortColumns(q)
	kept := q.choose(courses.InCare)
	total := len(kept)
	if shown.Ended {
		total = courses.Ended
	}
	if total == 0 {
		shown.Nothing, shown.Elsewhere = nothing(courses, q, chosen, shown.Filters)
		return shown
	}
	from, to := q.rows(total)
	number := from/linesPerPage + 1
	at := func(page int) string { q := q; q.Page = page; return q.Path() }
	if from > 0 {
		shown.Before = at(number - 1)
	}
	if to < total {
		shown.After = at(number + 1)
	}
	if total > linesPerPage {
		shown.Shown = fmt.Sprintf("%d to %d of %d", from+1, to, total)
	}
	lines := courses.EndedShown
	if !shown.Ended {
		lines = kept[from:to]
	}
	for _, l := range lines {
		row := caseloadRow(l, q, courses.Names, seen)
		row.Simulated = l.Simulated && !shown.Simulated
		shown.Rows = append(shown.Rows, row)
	}
	return shown
}

func chips(courses Courses, q CaseloadQuery) []Chip {
	var list []Chip
	for _, f := range filters {
		to := q
		to.Show, to.Page = f.name, 1
		chip := Chip{Label: f.label, Path: to.Path(), Current: f.name == q.Show}
		for _, l := range courses.InCare {
			if f.has(l) {
				chip.Count++
			}
		}
		if f.name == showEnded {
			chip.Count = courses.Ended
		}
		list = append(list, chip)
	}
	return list
}

func search(courses Courses, q CaseloadQuery) CaseloadSearch {
	s := CaseloadSearch{Code: q.Code, Show: q.Show, Sort: q.Sort}
	if q.isNarrowed() {
		s.Clear = CaseloadQuery{Show: q.Show, Sort: q.Sort}.Path()
	}
	if len(courses.Protocols) < 2 {
		return s
	}
	for id, title := range courses.Protocols {
		s.Protocols = append(s.Protocols, ProtocolOption{ID: id, Title: title, Current: id == q.Protocol})
	}
	slices.SortFunc(s.Protocols, func(a, b ProtocolOption) int { return strings.Compare(a.Title+a.ID, b.Title+b.ID) })
	return s
}

// nothing says why no row is shown, and where the search has one.
func nothing(courses Courses, q CaseloadQuery, chosen filter, chips []Chip) (string, *Chip) {
	if !q.isNarrowed() {
		return chosen.nothing, nil
	}
	words := "No course" + searchWords(courses, q) + " is shown under \u201c" + chosen.label + "\u201d."
	for _, c := range chips {
		if !c.Current && c.Count > 0 {
			return words, &c
		}
	}
	return "There is no course" + searchWords(courses, q) + ".", nil
}

func searchWords(courses Courses, q CaseloadQuery) string {
	words := ""
	if q.Code != "" {
		words += " whose code begins with " + shortCode(q.Code)
	}
	if q.Protocol != "" {
		words += " of the protocol " + courses.Protocols[q.Protocol]
	}
	return words
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
		next := q
		next.Sort, next.Page = c.name, 1
		if sorted && c.name == current.name {
			s.Order = "ascending"
			if turned {
				s.Order = "descending"
			} else {
				next.Sort = "-" + c.name
			}
		}
		s.Path = next.Path()
		shown = append(shown, s)
	}
	return shown
}

// orderWords say the order that no column shows.
func orderWords(lines []caseload.Line, q CaseloadQuery) string {
	if q.Sort != "" || q.Show == showEnded || len(lines) < 2 {
		return ""
	}
	return " The most urgent come first."
}

// caseloadWords count the patients who need a person and those that somebody has taken on: a course with both
// kinds of alert needs one.
func caseloadWords(lines []caseload.Line, q CaseloadQuery) string {
	if len(lines) == 0 {
		return ""
	}
	urgent, taken := 0, 0
	for _, l := range lines {
		switch {
		case l.NeedsSomeoneToday():
			urgent++
		case l.IsTakenOn():
			taken++
		}
	}
	words := fmt.Sprintf("%d %s in care", len(lines), plural(len(lines) == 1, "course", "courses"))
	if q.isNarrowed() {
		words += " fit the search"
		if len(lines) == 1 {
			words = "1 course in care fits the search"
		}
	}
	switch {
	case urgent == 0 && taken == 0:
		return words + ". Nobody has an open alert."
	case urgent == 0:
		return fmt.Sprintf("%s. Nobody needs a person; %d %s taken on.", words, taken, plural(taken == 1, "is", "are"))
	case taken == 0:
		return fmt.Sprintf("%s. %d %s a person.", words, urgent, plural(urgent == 1, "needs", "need"))
	}
	return fmt.Sprintf("%s. %d %s a person, %d taken on.", words, urgent, plural(urgent == 1, "needs", "need"), taken)
}

func coursePath(l caseload.Line) string {
	return fmt.Sprintf("/patients/%s?course=%d", l.Patient, l.Course)
}

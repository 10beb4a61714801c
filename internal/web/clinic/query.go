package clinic

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"afterglow/internal/caseload"
	"afterglow/internal/fault"
)

// CaseloadQuery is what the address of the list says: which courses, in which
// order, which page of them. The zero value is all of them, whoever needs
// someone first.
type CaseloadQuery struct {
	Show string
	// Sort is a column's name, after a hyphen when it is turned round.
	Sort string
	Page int
	// Code is how a patient's code begins, in lowercase letters and without hyphens;
	// Protocol is a protocol's id.
	Code, Protocol string
}

type filter struct {
	name, label, nothing string
	has                  func(caseload.Line) bool
}

// showEnded asks for the courses that have ended; every other filter chooses among
// those in care.
const showEnded = "ended"

var filters = []filter{
	{"", "In care", "Nobody is in care yet. A patient appears here with the first course of treatment.", func(caseload.Line) bool { return true }},
	{"alerts", "Alerts", "No alert is open.", hasAlert},
	{"losing", "Losing it", "Nobody whose benefit was reliable is losing it.", caseload.Line.IsGoing},
	{"worse", "Worse", "Nobody's newest score is reliably worse than at baseline.", caseload.Line.IsWorse},
	{"late", "Late", "Nobody is late with an answer.", caseload.Line.IsLate},
	{"due", "Due", "Nobody has an answer due.", caseload.Line.IsDue},
	{showEnded, "Ended", "No course has ended yet. A course ends when its series is over, nothing more is asked and every alert is closed.", func(caseload.Line) bool { return false }},
}

type column struct {
	name, label string
	compare     func(a, b caseload.Line) int
}

// columns start with the order that is looked for most; a line without a value
// comes last in it.
var columns = []column{
	{"code", "Patient", func(a, b caseload.Line) int { return cmp.Compare(a.Patient, b.Patient) }},
	{"course", "Course and session", func(a, b caseload.Line) int {
		return cmp.Or(cmp.Compare(a.Plan.Title, b.Plan.Title), cmp.Compare(b.Plan.Given, a.Plan.Given))
	}},
	{"score", "Last score", func(a, b caseload.Line) int { return byReading(a, b, severity) }},
	{"change", "Since baseline", func(a, b caseload.Line) int { return byReading(a, b, worsening) }},
	{"due", "Next due", func(a, b caseload.Line) int { return byDay(dueOn(a), dueOn(b)) }},
	{"contact", "Contact", func(a, b caseload.Line) int { return byDay(a.LastContact, b.LastContact) }},
	{"alerts", "Alerts", func(a, b caseload.Line) int {
		return cmp.Or(cmp.Compare(b.OpenAlerts, a.OpenAlerts), cmp.Compare(b.TakenAlerts, a.TakenAlerts))
	}},
}

func hasAlert(l caseload.Line) bool { return l.NeedsSomeoneToday() || l.IsTakenOn() }

// ReadCaseloadQuery reads the query string; what it does not know is refused.
func ReadCaseloadQuery(q url.Values) (CaseloadQuery, error) {
	query := CaseloadQuery{Show: q.Get("show"), Sort: q.Get("sort"), Page: 1, Code: codeOf(q.Get("code")), Protocol: q.Get("protocol")}
	if len(query.Code) > codeDigits {
		return query, fault.Invalid("code", "has at most %d digits", codeDigits)
	}
	if len(query.Protocol) > longestProtocol {
		return query, fault.Invalid("protocol", "is not one of the protocols")
	}
	if _, ok := query.filter(); !ok {
		return query, fault.Invalid("show", "is not one of the filters")
	}
	if _, _, ok := query.column(); query.Sort != "" && !ok {
		return query, fault.Invalid("sort", "is not one of the columns")
	}
	if text := q.Get("page"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1_000_000 {
			return query, fault.Invalid("page", "is a whole number from 1")
		}
		query.Page = n
	}
	return query, nil
}

const (
	codeDigits      = 32
	longestProtocol = 200
)

// codeOf reads a code as somebody types it: 4D98-FD9E is 4d98fd9e.
func codeOf(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '\u2013' || unicode.IsSpace(r):
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}

// choice is what the list is asked for; the rest of the query picks from it.
func (q CaseloadQuery) choice() caseload.Choice {
	return caseload.Choice{CodePrefix: q.Code, Protocol: q.Protocol}
}

func (q CaseloadQuery) isNarrowed() bool { return q.Code != "" || q.Protocol != "" }

// choose gives the lines in care that the query shows, in its order.
func (q CaseloadQuery) choose(inCare []caseload.Line) []caseload.Line {
	f, _ := q.filter()
	var kept []caseload.Line
	for _, l := range inCare {
		if f.has(l) {
			kept = append(kept, l)
		}
	}
	q.sort(kept)
	return kept
}

func (q CaseloadQuery) filter() (filter, bool) {
	for _, f := range filters {
		if f.name == q.Show {
			return f, true
		}
	}
	return filter{}, false
}

func (q CaseloadQuery) column() (c column, turned, ok bool) {
	name, turned := strings.CutPrefix(q.Sort, "-")
	for _, c := range columns {
		if c.name == name {
			return c, turned, true
		}
	}
	return column{}, false, false
}

// Path is the address of the list with this query.
func (q CaseloadQuery) Path() string {
	values := q.values()
	if len(values) == 0 {
		return "/patients"
	}
	return "/patients?" + values.Encode()
}

func (q CaseloadQuery) values() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{"show": q.Show, "sort": q.Sort, "code": q.Code, "protocol": q.Protocol} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Page > 1 {
		values.Set("page", strconv.Itoa(q.Page))
	}
	return values
}

// patientPath is the address of a course's page; it carries the query, so that the
// page leads back to this list and to its next patient.
func (q CaseloadQuery) patientPath(l caseload.Line) string {
	values := q.values()
	values.Set("course", strconv.FormatInt(l.Course, 10))
	return "/patients/" + string(l.Patient) + "?" + values.Encode()
}

// sort orders lines; those that compare equal stay as the caseload gave them.
func (q CaseloadQuery) sort(lines []caseload.Line) {
	compare := urgency
	if c, turned, ok := q.column(); ok {
		compare = c.compare
		if turned {
			compare = func(a, b caseload.Line) int { return c.compare(b, a) }
		}
	}
	slices.SortStableFunc(lines, compare)
}

// urgency puts first who needs a person today, then whose alert somebody has, then
// who is losing a benefit, worse, late, due.
func urgency(a, b caseload.Line) int {
	rank := func(l caseload.Line) int {
		if l.NeedsSomeoneToday() {
			return -1
		}
		for i, f := range filters[1:] {
			if f.has(l) {
				return i
			}
		}
		return len(filters)
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), byDay(dueOn(a), dueOn(b)), cmp.Compare(a.Patient, b.Patient))
}

// severity is a score's place between its scale's best and worst, so that
// different scales sort together.
func severity(r caseload.Reading) (float64, bool) {
	if r.Maximum <= r.Minimum {
		return 0, false
	}
	share := (r.Score - r.Minimum) / (r.Maximum - r.Minimum)
	if !r.LowerIsBetter {
		share = 1 - share
	}
	return share, true
}

func worsening(r caseload.Reading) (float64, bool) {
	if r.Change == nil {
		return 0, false
	}
	return -r.Change.Improvement, true
}

// byReading sorts the highest value first and lines without one last.
func byReading(a, b caseload.Line, value func(caseload.Reading) (float64, bool)) int {
	of := func(l caseload.Line) (float64, bool) {
		if l.Last == nil {
			return 0, false
		}
		return value(*l.Last)
	}
	x, hasX := of(a)
	y, hasY := of(b)
	switch {
	case hasX && hasY:
		return cmp.Compare(y, x)
	case hasX:
		return -1
	case hasY:
		return 1
	}
	return 0
}

func dueOn(l caseload.Line) time.Time {
	if l.Next == nil {
		return time.Time{}
	}
	return l.Next.On
}

// byDay sorts the earliest first and the zero time last.
func byDay(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

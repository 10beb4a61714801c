package clinic

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/chart"
)

// CaseloadRow is one course in words.
type CaseloadRow struct {
	Code, Path string
	// Simulated marks the row; where every row is, the page says so once.
	Simulated       bool
	Course, Session string
	Score, Band     string
	// ScoreDay says how old the score is; Stale marks one that says little of today.
	ScoreDay string
	Stale    bool
	// Spark is the scale over time as points of a line, "" with fewer than two.
	Spark         string
	Arrow, Change string
	// Going is "losing" or "lost" where a benefit is going or gone.
	Going          string
	Worse          bool
	Due, DueDetail string
	Late           bool
	Contact        string
	Alerts         string
	// Urgent needs a person; Taken is with somebody.
	Urgent, Taken bool
}

// staleAfterDays is when the last score of a course in care says little of today:
// the longest time between two questions of a usual follow-up.
const staleAfterDays = 28

func caseloadRow(l caseload.Line, q CaseloadQuery, names map[string]string, seen Seen) CaseloadRow {
	row := CaseloadRow{
		Code: shortCode(string(l.Patient)), Path: q.patientPath(l),
		Course: l.Plan.Title, Session: sessionWords(l.Plan), Worse: l.IsWorse(), Late: l.IsLate(),
		Contact: dash, Urgent: l.NeedsSomeoneToday(), Taken: l.IsTakenOn() && !l.NeedsSomeoneToday(), Alerts: alertWords(l, names), Due: dash, Score: "no score yet",
		Spark: spark(l.Series),
	}
	if row.Course == "" {
		row.Course = "No protocol"
	} else {
		row.Session = givenWords(l.Plan) // the title says the route
	}
	if r := l.Last; r != nil {
		row.Score, row.Band = r.Short+" "+chart.ScoreWords(r.Score), r.Band
		if !r.At.IsZero() {
			old := daysBetween(r.At, seen.Now, seen.Zone)
			row.Stale = old > staleAfterDays && q.Show != showEnded
			row.ScoreDay = shortDay(r.At, seen)
			if row.Stale {
				row.ScoreDay = fmt.Sprintf("%d\u00a0d old", old)
			}
		}
		row.Arrow, row.Change, row.Going = sinceBaseline(l, *r)
	}
	if n := l.Next; n != nil {
		row.Due = nextWords(*n, seen)
		if l.Last == nil || l.Last.Short != n.Short {
			row.DueDetail = n.Short
		}
	}
	if !l.LastContact.IsZero() {
		row.Contact = shortDay(l.LastContact, seen)
	}
	return row
}

// sinceBaseline says what became of the scale that is shown: what is left of a
// benefit that is going, else the change; and in a few words that another scale got
// worse or lost a benefit.
func sinceBaseline(l caseload.Line, r caseload.Reading) (direction, words, going string) {
	if r.Change != nil {
		direction, words = arrow(r), shortChange(*r.Change)
	}
	if r.Benefit.IsGoing() {
		direction, words, going = "", leftWords(*r.Benefit), string(r.Benefit.State)
	}
	for _, g := range l.Going {
		if g.Short != r.Short {
			return direction, words + "; " + g.Short + " " + string(g.Benefit.State), goingOr(going, g.Benefit)
		}
	}
	if len(l.Worse) > 0 && !slices.Contains(l.Worse, r.Short) {
		words += "; " + l.Worse[0] + " worse"
	}
	return direction, words, going
}

func goingOr(going string, b care.Benefit) string {
	if going != "" {
		return going
	}
	return string(b.State)
}

// leftWords are "46 % left".
func leftWords(b care.Benefit) string {
	if b.Left <= 0 {
		return "nothing left"
	}
	return fmt.Sprintf("%.0f\u00a0%% left", b.ShareLeft())
}

const sparkWidth, sparkHeight = 64, 16

// spark draws scores as the points of a line between the lowest and the highest.
func spark(scores []float64) string {
	if len(scores) < 2 {
		return ""
	}
	low, high := slices.Min(scores), slices.Max(scores)
	var points []string
	for i, s := range scores {
		x := float64(i) * sparkWidth / float64(len(scores)-1)
		y := float64(sparkHeight) / 2
		if high > low {
			y = sparkHeight * (high - s) / (high - low)
		}
		points = append(points, fmt.Sprintf("%g,%g", math.Round(10*x)/10, math.Round(10*y)/10))
	}
	return strings.Join(points, " ")
}

// shortDay is dayWords where a column has little room.
func shortDay(at time.Time, seen Seen) string {
	words := strings.Replace(dayWords(at, seen.Now, seen.Zone), " days ago", " d ago", 1)
	return strings.ReplaceAll(words, " ", "\u00a0")
}

// nextWords say when an answer is due in the words of a diary.
func nextWords(n caseload.Next, seen Seen) string {
	if n.On.IsZero() {
		return "open"
	}
	switch n.State {
	case caseload.NextLate:
		late := daysBetween(n.On, seen.Now, seen.Zone)
		return fmt.Sprintf("%d %s late", late, plural(late == 1, "day", "days"))
	case caseload.NextDue:
		if day := dayWords(n.On, seen.Now, seen.Zone); day != "today" {
			return "open, " + day
		}
		return "today"
	}
	return dayWords(n.On, seen.Now, seen.Zone)
}

func alertWords(l caseload.Line, names map[string]string) string {
	var words []string
	if l.OpenAlerts > 0 {
		words = append(words, fmt.Sprintf("%d\u00a0open", l.OpenAlerts))
	}
	if l.TakenAlerts > 0 {
		who := names[l.TakenBy]
		if who == "" {
			who = someone
		}
		words = append(words, "taken on by "+who)
	}
	if len(words) == 0 {
		return dash
	}
	return strings.Join(words, ", ")
}

package clinic

import (
	"fmt"
	"math"
	"strings"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/chart"
	"afterglow/internal/instrument"
)

const dash = "\u2013"

// arrow shows which way a score went where the change is reliable; otherwise it
// stays level. The word beside it says whether that is better.
func arrow(r caseload.Reading) string {
	switch {
	case r.Change == nil:
		return ""
	case !reliable(*r.Change):
		return "→"
	case (r.Change.Improvement > 0) == r.LowerIsBetter:
		return "↓"
	}
	return "↑"
}

func reliable(c instrument.Change) bool {
	return c.Reliable == instrument.ChangeImproved || c.Reliable == instrument.ChangeRecovered || c.Reliable == instrument.ChangeDeteriorated
}

// changeWords says what a change means for the person, not what was subtracted.
func changeWords(c instrument.Change) string {
	var words string
	switch {
	case c.Improvement > 0:
		words = "better by " + pointsWords(math.Abs(c.Improvement))
	case c.Improvement < 0:
		words = "worse by " + pointsWords(math.Abs(c.Improvement))
	default:
		return "the same as at baseline"
	}
	words += " since baseline"
	switch {
	case c.Reliable == "":
		return words
	case reliable(c):
		return words + ", reliable"
	}
	return words + ", not reliable"
}

func pointsWords(points float64) string {
	return chart.ScoreWords(points) + " " + plural(points == 1, "point", "points")
}

// benefitWords say the best, what is left of it and since when it is going.
func benefitWords(b care.Benefit) string {
	if b.State == care.BenefitKept && b.Left >= b.Gained {
		return " This is the best so far."
	}
	words := fmt.Sprintf(" Best %s on day %s; ", chart.ScoreWords(b.Best), chart.DayWords(b.BestDay))
	if b.Left <= 0 {
		words += fmt.Sprintf("nothing of the benefit of %s is left.", pointsWords(b.Gained))
	} else {
		words += fmt.Sprintf("%s of %s of benefit %s left (%.0f\u00a0%%).", chart.ScoreWords(b.Left), pointsWords(b.Gained), plural(b.Left == 1, "is", "are"), b.ShareLeft())
	}
	switch b.State {
	case care.BenefitLosing:
		words += fmt.Sprintf(" Reliably worse than the best on day %s; the next answer will show whether it stays so.", chart.DayWords(b.Since))
	case care.BenefitLost:
		words += fmt.Sprintf(" Lost reliably since day %s.", chart.DayWords(b.Since))
	}
	return words
}

// shortChange is changeWords for a table whose column says since when.
func shortChange(c instrument.Change) string {
	points := chart.ScoreWords(math.Abs(c.Improvement))
	reliability := ""
	if reliable(c) {
		reliability = ", reliable"
	}
	switch {
	case c.Improvement > 0:
		return "better by " + points + reliability
	case c.Improvement < 0:
		return "worse by " + points + reliability
	}
	return "the same"
}

func plural(one bool, singular, more string) string {
	if one {
		return singular
	}
	return more
}

// routeShort is the usual short form of a route.
func routeShort(r care.Route) string {
	switch r {
	case care.RouteIntravenous:
		return "IV"
	case care.RouteIntramuscular:
		return "IM"
	case care.RouteSubcutaneous:
		return "SC"
	case care.RouteIntranasal:
		return "IN"
	case care.RouteSublingual:
		return "SL"
	case care.RouteOral:
		return "PO"
	}
	return string(r)
}

// givenWords are "3 of 6".
func givenWords(p caseload.Plan) string {
	switch {
	case p.Given == 0 && p.Planned == 0:
		return "no session yet"
	case p.Planned == 0:
		return fmt.Sprintf("%d %s", p.Given, plural(p.Given == 1, "session", "sessions"))
	}
	return fmt.Sprintf("%d of %d", p.Given, p.Planned)
}

// sessionWords are "3 of 6, IM".
func sessionWords(p caseload.Plan) string {
	words := givenWords(p)
	if p.Route != "" && p.Given+p.Planned > 0 {
		words += ", " + routeShort(p.Route)
	}
	return words
}

// dayWords names a day beside today: "today", "in 3 days", "4 days ago".
func dayWords(day, today time.Time, zone *time.Location) string {
	switch n := daysBetween(today, day, zone); {
	case n == 0:
		return "today"
	case n == 1:
		return "tomorrow"
	case n == -1:
		return "yesterday"
	case n > 0:
		return fmt.Sprintf("in %d days", n)
	default:
		return fmt.Sprintf("%d days ago", -n)
	}
}

// daysBetween counts calendar days of the zone.
func daysBetween(from, to time.Time, zone *time.Location) int {
	return care.DateOf(to, zone).DaysSince(care.DateOf(from, zone))
}

func dateWords(t time.Time, zone *time.Location) string { return t.In(zone).Format("2 Jan 2006") }

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

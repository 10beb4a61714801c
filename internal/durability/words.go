package durability

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"afterglow/internal/care"
)

// signed writes a number with a real minus sign and the given decimals.
func signed(v float64, digits int) string {
	s := fmt.Sprintf("%.*f", digits, math.Abs(v))
	if v < 0 && strings.Trim(s, "0.") != "" {
		return "\u2212" + s
	}
	return s
}

// digitsFor gives as many decimals as an interval of this width supports: an
// interval of 7 points carries one decimal, one of 40 none.
func digitsFor(width float64) int {
	switch {
	case !(width > 0) || width >= 20:
		return 0
	case width >= 0.5:
		return 1
	default:
		return 2
	}
}

func percent(share float64) string { return signed(100*share, 0) + " %" }

func levelWords(level float64) string { return levelPercent(level) + " CI" }

// levelPercent writes 0.95 as '95 %' and 0.575 as '57.5 %'.
func levelPercent(level float64) string {
	return strconv.FormatFloat(math.Round(1e6*level)/1e4, 'f', -1, 64) + " %"
}

// patients writes a count with its word.
func patients(n int) string {
	if n == 1 {
		return "1 patient"
	}
	return fmt.Sprintf("%d patients", n)
}

// anchorWords says what days are counted from.
func anchorWords(a care.Anchor) string {
	if a == care.AnchorLastSession {
		return "the last session of the series"
	}
	return "the start of the course"
}

// capital makes a sentence's first letter large.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// list joins with commas and 'and'.
func list(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}

// courses writes a count of courses with its word.
func courses(n int) string { return counted(n, "course") }

// counted writes a count with a word that takes an s.
func counted(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// span writes a number of days, in weeks where they are whole weeks.
func span(days int) string {
	if days > 0 && days%7 == 0 {
		return counted(days/7, "week")
	}
	return counted(days, "day")
}

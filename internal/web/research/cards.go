package research

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"afterglow/internal/care"
	"afterglow/internal/chart"
	"afterglow/internal/finding"
)

// Card is the answer for one group: what is left of the benefit at the last visit
// that tells, as a number and as a bar.
type Card struct {
	Label      string
	Definition string
	Verdict    string
	// Share, Interval and When are empty where there is no share; Note then says
	// why.
	Share    string
	Interval string
	When     string
	People   string
	Note     string
	Bar      *Bar
	share    float64 // orders the cards
}

// Bar is where the share and its interval stand on a line from 0 to 120 %, in
// units of a drawing 240 wide.
type Bar struct {
	Lower, Upper, Point float64
	// Beyond says that the share lies beyond the end of the line.
	Beyond bool
}

// barUnits is how wide a percent is in the drawing, and barEnd where it ends.
const (
	barUnits = 2.0
	barEnd   = 120.0
)

// cards gives each group its card: the most that is left first, as the sentence
// above names them, then the groups without a share. Where nothing was estimated the
// sentence says so alone.
func cards(study care.Study, f finding.Finding) []Card {
	if len(rows(f, "retained")) == 0 {
		return nil
	}
	var out []Card
	for _, g := range f.Groups {
		c := Card{Label: capital(g.Label), Definition: g.Definition, Verdict: g.Verdict, People: people(g.N), share: math.Inf(-1)}
		var last *row
		for _, r := range rows(f, "retained") {
			if r.text("group") != g.Name {
				continue
			}
			if r.value("estimate") == nil {
				c.Note = r.text("note")
				continue
			}
			if r.value("ci_lower") != nil && r.value("ci_upper") != nil {
				last = &r
			}
		}
		if last != nil {
			c.show(*last, study, f)
			c.share = *last.value("estimate")
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b Card) int { return cmp.Compare(b.share, a.share) })
	return out
}

// show puts the share of one visit on the card.
func (c *Card) show(r row, study care.Study, f finding.Finding) {
	c.Note = ""
	c.Share = r.words("estimate") + "\u00a0%"
	c.Interval = intervalLabel(f) + " " + r.words("ci_lower") + " to " + r.words("ci_upper")
	c.When = timeWords(r.count("day")) + " after " + anchorWords(study.Anchor)
	c.People = fmt.Sprintf("%s of %s answered then", r.words("n_answered"), c.People)
	place := func(column string) float64 { return barUnits * min(max(*r.value(column), 0), barEnd) }
	c.Bar = &Bar{Lower: place("ci_lower"), Upper: place("ci_upper"), Point: place("estimate"), Beyond: *r.value("estimate") > barEnd}
}

// Width is how long the interval is in the drawing.
func (b Bar) Width() float64 { return b.Upper - b.Lower }

// timeWords counts whole weeks as weeks and other days as days.
func timeWords(day int) string {
	if day > 0 && day%7 == 0 {
		return fmt.Sprintf("%d %s", day/7, plural(day/7, "week", "weeks"))
	}
	return fmt.Sprintf("%d %s", day, plural(day, "day", "days"))
}

// Phrase is a part of a sentence; soft ones are the intervals, which the eye may
// pass over.
type Phrase struct {
	Text string
	Soft bool
}

var intervals = regexp.MustCompile(`\([^()]*\d to [^()]*\)`)

// firstSentence ends where the next begins: a stop, a space and a capital.
var firstSentence = regexp.MustCompile(`^.*?[.] (?:\p{Lu})`)

// parted gives the first sentence of an answer and what follows it.
func parted(answer string) (first, further string) {
	end := len(firstSentence.FindString(answer)) - 2
	if end < 0 {
		return answer, ""
	}
	return answer[:end], answer[end+1:]
}

// phrases parts a sentence at its intervals.
func phrases(text string) []Phrase {
	text = chart.VisitWords(strings.ReplaceAll(text, " %", "\u00a0%"))
	var out []Phrase
	at := 0
	for _, found := range intervals.FindAllStringIndex(text, -1) {
		out = append(out, Phrase{Text: text[at:found[0]]}, Phrase{Text: text[found[0]:found[1]], Soft: true})
		at = found[1]
	}
	if at < len(text) {
		out = append(out, Phrase{Text: text[at:]})
	}
	return out
}

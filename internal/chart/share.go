package chart

import (
	"fmt"
	"math"

	"afterglow/internal/finding"
)

// RetainedShare draws the share of the benefit that is left of each group over
// days: 100 % at the reference visit, intervals at the later ones, and a line at
// the half. It needs the table `retained` of the question retained-benefit; false
// where no group has a share.
func RetainedShare(f finding.Finding, scale Scale) (Figure, bool) {
	table, ok := f.Table("retained")
	if !ok {
		return Figure{}, false
	}
	var lines []line
	var days []float64
	y := shareAxis{low: 0, high: 100}
	for _, group := range groupsOf(table, "group") {
		label := labelOf(f, group)
		l := line{label: shortLabel(label, group)}
		later := 0
		for _, r := range rowsOf(table, "group", group) {
			day := r.number("day")
			if day == nil {
				continue
			}
			p := point{x: *day, y: r.number("estimate"), lower: r.number("ci_lower"), upper: r.number("ci_upper")}
			p.words = fmt.Sprintf("%s, day %s (%s)\n%s", label, finding.NumberWords(*day, 0), r.text("visit"), shareWords(r))
			if p.y != nil && p.lower != nil && p.upper != nil {
				y.hold(*p.lower, *p.y, *p.upper)
				l.value = r.words("estimate") + "\u00a0%"
				later++
			} else if p.y != nil { // the reference itself has no interval
				p.lower, p.upper = p.y, p.y
			}
			days = append(days, *day)
			l.points = append(l.points, p)
		}
		if later > 0 {
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		return Figure{}, false
	}
	lines[0].half = true
	x := axis{name: scale.days(), min: at(0), max: lastDay(days), ticks: distinct(days)}
	return figure(x, axis{name: "benefit that is left", min: at(y.low), max: at(y.high), percent: true}, lines), true
}

func shareWords(r reader) string {
	switch lower, upper := r.number("ci_lower"), r.number("ci_upper"); {
	case r.number("estimate") == nil:
		return r.text("note")
	case lower == nil || upper == nil:
		return r.words("estimate") + " %, " + r.text("note")
	}
	return fmt.Sprintf("%s %% left (%s to %s)\n%s answered", r.words("estimate"), r.words("ci_lower"), r.words("ci_upper"), r.words("n_answered"))
}

// shareAxis spans the shares in quarters, from -100 % to 400 % at most, and their
// intervals from -50 % to 200 %: one wide interval must not flatten the picture. What
// lies outside is in the table.
type shareAxis struct{ low, high float64 }

func (a *shareAxis) hold(lower, share, upper float64) {
	low := math.Min(math.Max(lower, -50), math.Max(share, -100))
	high := math.Max(math.Min(upper, 200), math.Min(share, 400))
	a.low = math.Min(a.low, 25*math.Floor(low/25))
	a.high = math.Max(a.high, 25*math.Ceil(high/25))
}

// labelOf is what the clinic calls a group of the finding.
func labelOf(f finding.Finding, group string) string {
	for _, g := range f.Groups {
		if g.Name == group && g.Label != "" {
			return g.Label
		}
	}
	return group
}

package chart

import (
	"fmt"
	"strings"

	"afterglow/internal/finding"
)

// RetainedBenefit draws the adjusted means of each group over days with their
// bands, in the scale's own points. It needs the table `visits` of the question
// retained-benefit.
func RetainedBenefit(f finding.Finding, scale Scale) (Figure, bool) {
	table, ok := f.Table("visits")
	if !ok || len(table.Rows) == 0 {
		return Figure{}, false
	}
	var lines []line
	var days []float64
	for _, group := range groupsOf(table, "group") {
		label := labelOf(f, group)
		l := line{label: shortLabel(label, group)}
		for _, r := range rowsOf(table, "group", group) {
			day := r.number("day")
			if day == nil {
				continue
			}
			days = append(days, *day)
			l.points = append(l.points, point{
				x: *day, y: r.number("ls_mean"), lower: r.number("ci_lower"), upper: r.number("ci_upper"),
				words: fmt.Sprintf("%s, day %s (%s)\n%s points (%s to %s)\n%s of %s answered",
					label, finding.NumberWords(*day, 0), r.text("visit"), r.words("ls_mean"), r.words("ci_lower"), r.words("ci_upper"),
					r.words("n_answered"), r.words("n_expected")),
			})
		}
		lines = append(lines, l)
	}
	end := lastDay(days)
	if b := baseline(table); b != nil {
		lines = append(lines, line{label: "baseline", level: true, points: []point{{x: 0, y: b}, {x: *end, y: b}}})
	}
	x := axis{name: scale.days(), min: at(0), max: end, ticks: distinct(days)}
	y := axis{name: scale.axis(), min: at(scale.Minimum)}
	return figure(x, y, lines), true
}

// baseline is the score that every change of the table counts from: what is
// left of a mean when its change is taken off.
func baseline(t finding.Table) *float64 {
	for _, row := range t.Rows {
		r := reader{table: t, row: row}
		if mean, change := r.number("ls_mean"), r.number("change"); mean != nil && change != nil {
			return at(*mean - *change)
		}
	}
	return nil
}

// Differences draws the differences between groups over days with their bands
// and a line at zero. It needs the table `differences`.
func Differences(f finding.Finding, scale Scale) (Figure, bool) {
	table, ok := f.Table("differences")
	if !ok || len(table.Rows) == 0 {
		return Figure{}, false
	}
	var lines []line
	var days []float64
	for i, contrast := range groupsOf(table, "contrast") {
		label := contrastOf(f, contrast, false)
		l := line{label: contrastOf(f, contrast, true), zero: i == 0}
		for _, r := range rowsOf(table, "contrast", contrast) {
			day := r.number("day")
			if day == nil {
				continue
			}
			days = append(days, *day)
			l.points = append(l.points, point{
				x: *day, y: r.number("estimate"), lower: r.number("ci_lower"), upper: r.number("ci_upper"),
				words: fmt.Sprintf("%s, day %s (%s)\n%s points (%s to %s)",
					label, finding.NumberWords(*day, 0), r.text("visit"), r.words("estimate"), r.words("ci_lower"), r.words("ci_upper")),
			})
		}
		lines = append(lines, l)
	}
	side := "above"
	if scale.LowerIsBetter {
		side = "below"
	}
	x := axis{name: scale.days(), min: at(0), max: lastDay(days), ticks: distinct(days)}
	y := axis{name: fmt.Sprintf("difference, points; %s 0 is better", side)}
	if len(lines) == 1 { // the axis names the only comparison, and the curve gets the room
		y.name = fmt.Sprintf("%s, points; %s 0 is better", contrastOf(f, groupsOf(table, "contrast")[0], false), side)
		lines[0].unlabelled = true
	}
	return figure(x, y, lines), true
}

// Completion draws the share of each group that answered, by day: who is
// missing. It needs the table `visits`.
func Completion(f finding.Finding, scale Scale) (Figure, bool) {
	table, ok := f.Table("visits")
	if !ok || len(table.Rows) == 0 {
		return Figure{}, false
	}
	var lines []line
	var days []float64
	for _, group := range groupsOf(table, "group") {
		label := labelOf(f, group)
		l := line{label: shortLabel(label, group)}
		for _, r := range rowsOf(table, "group", group) {
			day, expected, answered := r.number("day"), r.number("n_expected"), r.number("n_answered")
			if day == nil || expected == nil || answered == nil {
				continue
			}
			days = append(days, *day)
			p := point{x: *day, words: fmt.Sprintf("%s, day %s (%s)\n%s of %s answered",
				label, finding.NumberWords(*day, 0), r.text("visit"), r.words("n_answered"), r.words("n_expected"))}
			if *expected > 0 {
				p.y = at(100 * *answered / *expected)
			}
			l.points = append(l.points, p)
		}
		lines = append(lines, l)
	}
	x := axis{name: scale.days(), min: at(0), max: lastDay(days), ticks: distinct(days)}
	y := axis{name: "answered, of all who started", min: at(0), max: at(100), percent: true}
	return figure(x, y, lines), true
}

// contrastOf is a contrast with the groups' labels, or with the short ones.
func contrastOf(f finding.Finding, contrast string, short bool) string {
	name := func(g finding.Group) string {
		label := labelOf(f, g.Name)
		if short {
			label = shortLabel(label, g.Name)
		}
		return label
	}
	for _, a := range f.Groups {
		for _, b := range f.Groups {
			if contrast == a.Name+" - "+b.Name {
				return ContrastWords(name(a) + " - " + name(b))
			}
		}
	}
	return ContrastWords(contrast)
}

// ContrastWords writes a contrast as "A − B" with a real minus sign.
func ContrastWords(contrast string) string {
	return strings.ReplaceAll(contrast, " - ", " \u2212 ")
}

func distinct(days []float64) []float64 {
	seen := map[float64]bool{}
	var out []float64
	for _, d := range days {
		if !seen[d] {
			seen[d] = true
			out = append(out, d)
		}
	}
	return out
}

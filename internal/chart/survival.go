package chart

import (
	"fmt"
	"strings"

	"afterglow/internal/finding"
)

// TimeToLoss draws the share of each group still in response at the visits, joined
// by straight lines since between two visits the curve is not known, with its band,
// the share at the last visit at the end of the line, and the numbers at risk under
// the axis. The axis ends a tenth beyond the last visit, so that the last fall can be
// seen. It needs the table `survival` of the question time-to-loss.
func TimeToLoss(f finding.Finding, scale Scale) (Figure, bool) {
	table, ok := f.Table("survival")
	if !ok || len(table.Rows) == 0 {
		return Figure{}, false
	}
	var lines []line
	var days []float64
	var risk []riskRow
	for _, group := range groupsOf(table, "group") {
		label := labelOf(f, group)
		l, numbers := line{label: shortLabel(label, group)}, riskRow{label: label}
		for _, r := range rowsOf(table, "group", group) {
			day, surv := r.number("day"), r.number("surv")
			if day == nil || surv == nil {
				continue
			}
			days = append(days, *day)
			p := point{x: *day, y: percentage(surv), lower: percentage(r.number("lower")), upper: percentage(r.number("upper")),
				words: fmt.Sprintf("%s, day %s (%s)\n%s still in response%s\n%s at risk; %s found to have lost it, %s last seen here",
					label, finding.NumberWords(*day, 0), r.text("visit"), percentWords(surv), intervalWords(r), r.words("n_risk"), r.words("n_event"), r.words("n_censor"))}
			if len(l.points) == 0 { // everybody is in response where the curve begins
				p.lower, p.upper = p.y, p.y
			}
			l.points = append(l.points, p)
			numbers.at = append(numbers.at, riskNumber{day: *day, n: r.words("n_risk")})
			l.value = strings.ReplaceAll(percentWords(surv), " ", "\u00a0")
		}
		if len(l.points) > 0 {
			lines, risk = append(lines, l), append(risk, numbers)
		}
	}
	if len(lines) == 0 {
		return Figure{}, false
	}
	end := at(1.1 * *lastDay(days))
	x := axis{name: scale.days(), min: at(0), max: end, ticks: distinct(days)}
	y := axis{name: "still in response", min: at(0), max: at(100), percent: true}
	drawn := figure(x, y, lines)
	return Figure{Light: withRisk(drawn.Light, light, risk, *end), Dark: withRisk(drawn.Dark, dark, risk, *end), Key: drawn.Key}, true
}

// shortLabel is the level alone where the label is the factor's name and the level:
// the end of a line has little room.
func shortLabel(label, group string) string {
	if strings.HasSuffix(label, " "+group) {
		return group
	}
	return label
}

func intervalWords(r reader) string {
	lower, upper := r.number("lower"), r.number("upper")
	if lower == nil || upper == nil {
		return ""
	}
	return fmt.Sprintf(" (%s to %s)", percentWords(lower), percentWords(upper))
}

func percentage(share *float64) *float64 {
	if share == nil {
		return nil
	}
	return at(100 * *share)
}

func percentWords(share *float64) string {
	if share == nil {
		return "not defined"
	}
	return finding.NumberWords(100**share, 0) + " %"
}

package chart

import (
	"fmt"

	"afterglow/internal/finding"
)

// TimeToLoss draws the Kaplan-Meier curve of each group with its band and a
// tick where a patient was censored. Every curve starts at 100 % on day 0, as
// the estimator does. It needs the table `survival` of the question
// time-to-loss.
func TimeToLoss(f finding.Finding) (Figure, bool) {
	table, ok := f.Table("survival")
	if !ok || len(table.Rows) == 0 {
		return Figure{}, false
	}
	var lines []line
	var days []float64
	for _, group := range groupsOf(table, "group") {
		l := line{label: group, step: true, bare: true}
		for _, r := range rowsOf(table, "group", group) {
			time := r.number("time")
			if time == nil {
				continue
			}
			if len(l.points) == 0 && *time > 0 {
				l.points = append(l.points, point{x: 0, y: at(100), lower: at(100), upper: at(100)})
			}
			days = append(days, *time)
			p := point{
				x: *time, y: percentage(r.number("surv")), lower: percentage(r.number("lower")), upper: percentage(r.number("upper")),
				words: fmt.Sprintf("%s, day %s\n%s still in response\n%s at risk, %s lost, %s censored",
					group, finding.NumberWords(*time, 0), percentWords(r.number("surv")), r.words("n_risk"), r.words("n_event"), r.words("n_censor")),
			}
			l.points = append(l.points, p)
			if censored := r.number("n_censor"); censored != nil && *censored > 0 && p.y != nil {
				l.ticks = append(l.ticks, p)
			}
		}
		lines = append(lines, l)
	}
	x := axis{name: "days since the response was first seen", min: at(0), max: lastDay(days), ticks: riskTimes(f)}
	y := axis{name: "still in response", min: at(0), max: at(100), percent: true}
	return figure(x, y, lines), true
}

// riskTimes are the days of the numbers at risk, so that the table below the
// chart and its axis name the same days.
func riskTimes(f finding.Finding) []float64 {
	table, _ := f.Table("at_risk")
	var times []float64
	for _, row := range table.Rows {
		if t := (reader{table: table, row: row}).number("time"); t != nil {
			times = append(times, *t)
		}
	}
	return distinct(times)
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

package chart

import (
	"math"

	"afterglow/internal/care"
)

// weeksFrom is the length of a course, in days, from which its axis counts weeks.
const weeksFrom = 56

// scaled is a trend with the unit that its axis counts in.
type scaled struct{ care.Trend }

func (t scaled) lastShown() int { return max(t.LastDay, shortestTrend) }

func (t scaled) inWeeks() bool { return t.lastShown() >= weeksFrom }

// x is a day's place on the axis.
func (t scaled) x(day int) float64 {
	if t.inWeeks() {
		return math.Round(float64(day)/7*1000) / 1000
	}
	return float64(day)
}

func (t scaled) unit() string {
	if t.inWeeks() {
		return "week"
	}
	return "day"
}

// interval is the step between labels: days by the week, weeks so that a dozen
// labels fit at most.
func (t scaled) interval() float64 {
	if !t.inWeeks() {
		return 7
	}
	weeks := float64(t.lastShown()) / 7
	for _, step := range []float64{1, 2, 4, 8, 13, 26} {
		if weeks/step <= 12 {
			return step
		}
	}
	return 52
}

// firstDay is the start of the course, or the earlier day of an answer before it.
func firstDay(t care.Trend) int {
	first := 0
	for _, s := range t.Scales {
		for _, p := range s.Points {
			first = min(first, p.Day)
		}
	}
	return first
}

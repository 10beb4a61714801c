package chart

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"afterglow/internal/care"
	"afterglow/internal/finding"
)

// The panels of a trend stand under each other, so they share their margins and
// their days: a session is at the same place in each.
const (
	trendLeft  = 40
	trendRight = 116
	bandWidth  = trendRight - 10
)

// shortestTrend is how many days a trend shows at least, so that a course's
// first week does not look like a long time.
const shortestTrend = 14

// CorrectionSign stands above a point that was corrected.
const CorrectionSign = "*"

// routeSymbols tell the routes apart by shape.
var routeSymbols = map[care.Route]string{
	care.RouteIntravenous: "circle", care.RouteIntramuscular: "triangle", care.RouteSubcutaneous: "rect",
	care.RouteIntranasal: "diamond", care.RouteSublingual: "roundRect", care.RouteOral: "arrow",
}

// SessionTicks draws a course's sessions on the days of its trend: a bar as high
// as the depth with the route's shape on top, dashed for a booster. Where no depth
// was recorded the shape is hollow and stands on the axis; it is not a depth of 0.
func SessionTicks(trend care.Trend) (Figure, bool) {
	t := scaled{trend}
	if len(t.Sessions) == 0 {
		return Figure{}, false
	}
	draw := func(theme theme) Options {
		o := trendOptions(theme, t, 0, care.DeepestDepth, 0)
		o.axis("yAxis")["name"] = fmt.Sprintf("depth, 0 to %d", care.DeepestDepth)
		o.axis("yAxis")["interval"] = 2
		colour := theme.groups[0]
		bars, glyphs := []any{}, []any{}
		for _, s := range t.Sessions {
			depth, style, line := 0, map[string]any{"color": theme.background, "borderColor": colour, "borderWidth": 2}, map[string]any{"type": "solid", "width": 4}
			if s.Depth != nil {
				depth, style = *s.Depth, map[string]any{"color": colour}
			}
			if s.Booster {
				line = map[string]any{"type": "dashed", "width": 2}
			}
			x := t.x(s.Day)
			bars = append(bars, []any{map[string]any{"coord": [2]any{x, 0}, "lineStyle": line}, map[string]any{"coord": [2]any{x, depth}}})
			glyphs = append(glyphs, map[string]any{
				"name": sessionWords(t.Sessions, s), "value": [2]any{x, depth}, "symbol": routeSymbols[s.Route], "itemStyle": style,
			})
		}
		o["series"] = []any{
			// Not a bar series: that would widen the axis of days by half a bar.
			map[string]any{"type": "line", "data": []any{}, "silent": true, "markLine": map[string]any{
				"silent": true, "data": bars, "symbol": []string{"none", "none"}, "label": map[string]any{"show": false},
				"lineStyle": map[string]any{"color": colour}}},
			map[string]any{"type": "scatter", "data": glyphs, "symbolSize": 11, "clip": false, "z": 4},
			named(theme, t, true),
		}
		return o
	}
	return Figure{Light: draw(light), Dark: draw(dark)}, true
}

// ScaleTrend draws one scale of a trend over the days of the course. What was not
// answered interrupts the line and is a mark in a lane under the axis, at no score;
// nothing is drawn between. It needs an occasion that was answered or missed.
func ScaleTrend(trend care.Trend, s care.ScaleTrend) (Figure, bool) {
	t := scaled{trend}
	if !hasPassed(s) {
		return Figure{}, false
	}
	draw := func(theme theme) Options {
		gaps := missed(theme, t, s)
		lane := 0
		if gaps != nil {
			lane = laneHeight
		}
		o := trendOptions(theme, t, s.Minimum, s.Maximum, lane)
		o.axis("yAxis")["name"] = pointsAxis(s)
		if s.Maximum-s.Minimum <= 10 {
			o.axis("yAxis")["interval"] = 5
		}
		series := append(backgrounds(theme, t, s), answers(theme, t, s), sameDay(theme, t, s), named(theme, t, false))
		if gaps != nil {
			o.addLane()
			series = append(series, gaps)
		}
		o["series"] = series
		return o
	}
	return Figure{Light: draw(light), Dark: draw(dark)}, true
}

func hasPassed(s care.ScaleTrend) bool {
	for _, p := range s.Points {
		if p.State != care.PointOpen {
			return true
		}
	}
	return false
}

func pointsAxis(s care.ScaleTrend) string {
	better := "\u2191 higher is better"
	if s.LowerIsBetter {
		better = "\u2193 lower is better"
	}
	return fmt.Sprintf("%s, %s to %s points, %s", s.Short, finding.NumberWords(s.Minimum, 0), finding.NumberWords(s.Maximum, 0), better)
}

// trendOptions is the frame of a panel: its axes and nothing in them. Lane is the
// height that is kept free between the scores and the days.
func trendOptions(theme theme, t scaled, minimum, maximum float64, lane int) Options {
	text := func(extra ...any) map[string]any {
		m := map[string]any{"color": theme.ink, "fontSize": 12}
		for i := 0; i < len(extra); i += 2 {
			m[extra[i].(string)] = extra[i+1]
		}
		return m
	}
	ink := map[string]any{"color": theme.ink}
	first := t.x(firstDay(t.Trend))
	return Options{
		"animation": false,
		"textStyle": map[string]any{"fontFamily": fontFamily, "color": theme.ink, "fontSize": 12},
		"grid":      map[string]any{"left": trendLeft, "right": trendRight, "top": 24, "bottom": daysHeight + lane},
		"tooltip": map[string]any{"trigger": "item", "formatter": "{b}", "renderMode": "richText", "confine": true,
			"backgroundColor": theme.background, "borderColor": theme.faint, "textStyle": text()},
		"xAxis": map[string]any{"type": "value", "min": first, "max": t.x(t.lastShown()), "interval": t.interval(), "name": t.unit(), "nameLocation": "end", "nameGap": 8,
			"nameTextStyle": text("verticalAlign", "top", "padding", []int{8, 0, 0, 0}),
			"axisLabel":     text("hideOverlap", true, "showMinLabel", first == 0, "showMaxLabel", false), "axisLine": map[string]any{"onZero": false, "lineStyle": ink},
			"axisTick": map[string]any{"show": true, "lineStyle": ink}, "splitLine": map[string]any{"show": false}},
		"yAxis": map[string]any{"type": "value", "min": minimum, "max": maximum, "splitNumber": 3, "nameLocation": "end", "nameGap": 10,
			"nameTextStyle": text("align", "left", "padding", []int{0, 0, 0, -30}), "axisLabel": text("showMaxLabel", true),
			"axisLine": map[string]any{"show": true, "onZero": false, "lineStyle": map[string]any{"color": theme.faint}}, "axisTick": map[string]any{"show": false},
			"splitLine": map[string]any{"show": false}},
	}
}

const (
	daysHeight = 22 // of the days under a panel
	laneHeight = 16 // of the lane of what was not answered
)

// addLane puts a second, low grid between the scores and the days: the days stand
// under it, and the line of the score 0 stays above.
func (o Options) addLane() {
	days, scores := o.axis("xAxis"), o.axis("yAxis")
	top := map[string]any{}
	for name, value := range days {
		top[name] = value
	}
	top["axisLabel"], top["name"], top["axisTick"] = map[string]any{"show": false}, "", map[string]any{"show": false}
	below := map[string]any{}
	for name, value := range days {
		below[name] = value
	}
	below["gridIndex"] = 1
	main := o.axis("grid")
	o["grid"] = []any{main, map[string]any{"left": trendLeft, "right": trendRight, "height": laneHeight, "bottom": daysHeight}}
	o["xAxis"] = []any{top, below}
	o["yAxis"] = []any{scores, map[string]any{"type": "value", "gridIndex": 1, "min": 0, "max": 1, "show": false}}
}

func (o Options) axis(name string) map[string]any { return o[name].(map[string]any) }

// VisitWords keep a visit such as "+14 d" on one line.
func VisitWords(visit string) string { return dayUnit.ReplaceAllString(visit, "$1\u00a0d") }

var dayUnit = regexp.MustCompile(`([0-9]) d\b`)

// ScoreWords writes a score with a decimal only where it has one.
func ScoreWords(v float64) string {
	if v == math.Trunc(v) {
		return finding.NumberWords(v, 0)
	}
	return finding.NumberWords(v, 1)
}

func sessionWords(all []care.Session, s care.Session) string {
	words := []string{SessionName(all, s) + ", day " + DayWords(s.Day), string(s.Route) + ", " + DoseWords(s)}
	if s.Depth == nil {
		return strings.Join(append(words, "depth not recorded"), "\n")
	}
	return strings.Join(append(words, fmt.Sprintf("depth %d of %d", *s.Depth, care.DeepestDepth)), "\n")
}

// SessionName is "session 3", or "booster 1" for one that came after the series:
// boosters are counted by themselves.
func SessionName(all []care.Session, s care.Session) string {
	if !s.Booster {
		return fmt.Sprintf("session %d", s.Number)
	}
	n := 0
	for _, other := range all {
		if other.Booster && other.Number <= s.Number {
			n++
		}
	}
	return fmt.Sprintf("booster %d", n)
}

// DayWords writes a day of a course with a minus sign where it lies before its
// start.
func DayWords(day int) string { return finding.NumberWords(float64(day), 0) }

// DoseWords writes a session's dose as it was recorded.
func DoseWords(s care.Session) string {
	var doses []string
	if s.DoseMg != nil {
		doses = append(doses, finding.NumberWords(*s.DoseMg, 0)+" mg")
	}
	if s.DoseMgPerKg != nil {
		doses = append(doses, finding.NumberWords(*s.DoseMgPerKg, 2)+" mg/kg")
	}
	if len(doses) == 0 {
		return "dose not recorded"
	}
	return strings.Join(doses, ", ")
}

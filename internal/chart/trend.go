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
// as the depth with the route's shape on top. Where no depth was recorded the
// shape is hollow and stands on the axis; it is not a depth of 0.
func SessionTicks(t care.Trend) (Figure, bool) {
	if len(t.Sessions) == 0 {
		return Figure{}, false
	}
	draw := func(theme theme) Options {
		o := trendOptions(theme, t, 0, care.DeepestDepth)
		o.axis("yAxis")["name"] = fmt.Sprintf("depth, 0 to %d", care.DeepestDepth)
		o.axis("yAxis")["interval"] = 2
		o.axis("yAxis")["splitLine"] = map[string]any{"show": false}
		colour := theme.groups[0]
		bars, glyphs := []any{}, []any{}
		for _, s := range t.Sessions {
			depth, style := 0, map[string]any{"color": theme.background, "borderColor": colour, "borderWidth": 2}
			if s.Depth != nil {
				depth, style = *s.Depth, map[string]any{"color": colour}
			}
			bars = append(bars, []any{map[string]any{"coord": [2]any{s.Day, 0}}, map[string]any{"coord": [2]any{s.Day, depth}}})
			glyphs = append(glyphs, map[string]any{
				"name": sessionWords(s), "value": [2]any{s.Day, depth}, "symbol": routeSymbols[s.Route], "itemStyle": style,
			})
		}
		o["series"] = []any{
			// Not a bar series: that would widen the axis of days by half a bar.
			map[string]any{"type": "line", "data": []any{}, "silent": true, "markLine": map[string]any{
				"silent": true, "data": bars, "symbol": []string{"none", "none"}, "label": map[string]any{"show": false},
				"lineStyle": map[string]any{"color": colour, "width": 4, "type": "solid"}}},
			map[string]any{"type": "scatter", "data": glyphs, "symbolSize": 11, "clip": false, "z": 4},
		}
		return o
	}
	return Figure{Light: draw(light), Dark: draw(dark)}, true
}

// ScaleTrend draws one scale of a trend over the days of the course. What was
// not answered interrupts the line and is a hollow mark on the axis; nothing is
// drawn between. It needs an occasion that was answered or missed.
func ScaleTrend(t care.Trend, s care.ScaleTrend) (Figure, bool) {
	if !hasPassed(s) {
		return Figure{}, false
	}
	draw := func(theme theme) Options {
		o := trendOptions(theme, t, s.Minimum, s.Maximum)
		o.axis("yAxis")["name"] = pointsAxis(s)
		if s.Maximum-s.Minimum <= 10 {
			o.axis("yAxis")["interval"] = 5
		}
		o.axis("yAxis")["splitLine"] = map[string]any{"show": false}
		o["series"] = append(backgrounds(theme, t, s), answers(theme, s), missed(theme, s))
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
	better := "higher is better"
	if s.LowerIsBetter {
		better = "lower is better"
	}
	return fmt.Sprintf("%s, %s to %s points, %s", s.Short, finding.NumberWords(s.Minimum, 0), finding.NumberWords(s.Maximum, 0), better)
}

// trendOptions is the frame of a panel: its axes and nothing in them.
func trendOptions(theme theme, t care.Trend, minimum, maximum float64) Options {
	text := func(extra ...any) map[string]any {
		m := map[string]any{"color": theme.ink, "fontSize": 12}
		for i := 0; i < len(extra); i += 2 {
			m[extra[i].(string)] = extra[i+1]
		}
		return m
	}
	ink := map[string]any{"color": theme.ink}
	return Options{
		"animation": false,
		"textStyle": map[string]any{"fontFamily": fontFamily, "color": theme.ink, "fontSize": 12},
		"grid":      map[string]any{"left": trendLeft, "right": trendRight, "top": 24, "bottom": 22},
		"tooltip": map[string]any{"trigger": "item", "formatter": "{b}", "renderMode": "richText", "confine": true,
			"backgroundColor": theme.background, "borderColor": theme.faint, "textStyle": text()},
		"xAxis": map[string]any{"type": "value", "min": firstDay(t), "max": max(t.LastDay, shortestTrend), "minInterval": 7, "name": "day", "nameLocation": "end", "nameGap": 8,
			"nameTextStyle": text("verticalAlign", "top", "padding", []int{8, 0, 0, 0}),
			"axisLabel":     text("hideOverlap", true, "showMaxLabel", true), "axisLine": map[string]any{"onZero": false, "lineStyle": ink},
			"axisTick": map[string]any{"show": true, "lineStyle": ink}, "splitLine": map[string]any{"show": false}},
		"yAxis": map[string]any{"type": "value", "min": minimum, "max": maximum, "splitNumber": 3, "nameLocation": "end", "nameGap": 10,
			"nameTextStyle": text("align", "left", "padding", []int{0, 0, 0, -30}), "axisLabel": text("showMaxLabel", true)},
	}
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

func (o Options) axis(name string) map[string]any { return o[name].(map[string]any) }

// backgrounds are the severity bands as steps of grey, named at the right edge,
// over them the zone around the baseline in which a change is not reliable, and
// a thin line for each session.
func backgrounds(theme theme, t care.Trend, s care.ScaleTrend) []any {
	var steps []any
	for i, band := range s.Bands {
		end := s.Maximum
		if i+1 < len(s.Bands) {
			end = s.Bands[i+1].From
		}
		step := i
		if !s.LowerIsBetter {
			step = len(s.Bands) - 1 - i
		}
		steps = append(steps, []any{
			map[string]any{"name": band.Name, "yAxis": tidy(band.From), "itemStyle": map[string]any{"color": theme.ink, "opacity": 0.035 * float64(step)}},
			map[string]any{"yAxis": tidy(end)},
		})
	}
	var zone []any
	if s.Baseline != nil && s.ReliableChange != nil {
		low, high := max(s.Minimum, *s.Baseline-*s.ReliableChange), min(s.Maximum, *s.Baseline+*s.ReliableChange)
		zone = append(zone, []any{map[string]any{"yAxis": tidy(low)}, map[string]any{"yAxis": tidy(high)}})
	}
	var lines []any
	for _, session := range t.Sessions {
		lines = append(lines, map[string]any{"xAxis": session.Day})
	}
	under := func(z int) map[string]any {
		return map[string]any{"type": "line", "data": []any{}, "silent": true, "z": z}
	}
	bands, sessions, reliable := under(0), under(2), under(1)
	bands["markArea"] = map[string]any{"silent": true, "data": steps, "label": map[string]any{
		"show": true, "position": "right", "distance": 6, "color": theme.ink, "fontSize": 11, "lineHeight": 12, "width": bandWidth, "overflow": "break"}}
	reliable["markArea"] = map[string]any{"silent": true, "data": zone, "label": map[string]any{"show": false},
		"itemStyle": map[string]any{"color": theme.groups[0], "opacity": 0.16}}
	sessions["markLine"] = map[string]any{"silent": true, "data": lines, "symbol": []string{"none", "none"}, "label": map[string]any{"show": false},
		"lineStyle": map[string]any{"color": theme.ink, "width": 1, "type": "dotted", "opacity": 0.5}}
	return []any{bands, reliable, sessions}
}

// answers is the curve; a corrected point carries a sign.
func answers(theme theme, s care.ScaleTrend) any {
	var data []any
	for _, p := range s.Points {
		if p.State == care.PointOpen {
			continue
		}
		d := map[string]any{"value": [2]any{p.Day, nil}}
		if p.Score != nil {
			d["value"] = [2]any{p.Day, tidy(*p.Score)}
			d["name"] = pointWords(s, p)
		}
		if len(p.Corrections) > 0 {
			d["label"] = map[string]any{"show": true, "formatter": CorrectionSign, "position": "top", "distance": 1, "fontSize": 18, "fontWeight": "bold", "lineHeight": 14, "color": theme.ink}
		}
		data = append(data, d)
	}
	return map[string]any{
		"type": "line", "data": data, "symbol": "circle", "symbolSize": 8, "showSymbol": true, "connectNulls": false, "clip": false, "z": 4,
		"lineStyle": map[string]any{"color": theme.groups[0], "width": 2}, "itemStyle": map[string]any{"color": theme.groups[0], "opacity": 1},
	}
}

// missed are the hollow marks on the axis.
func missed(theme theme, s care.ScaleTrend) any {
	data := []any{}
	for _, p := range s.Points {
		if p.State != care.PointOpen && p.Score == nil {
			data = append(data, map[string]any{"name": pointWords(s, p), "value": [2]any{p.Day, tidy(s.Minimum)}})
		}
	}
	return map[string]any{
		"type": "scatter", "data": data, "symbol": "circle", "symbolSize": 9, "clip": false, "z": 5,
		"itemStyle": map[string]any{"color": theme.background, "borderColor": theme.ink, "borderWidth": 1.5},
	}
}

func pointWords(s care.ScaleTrend, p care.TrendPoint) string {
	words := []string{fmt.Sprintf("day %d (%s)", p.Day, p.Visit)}
	switch {
	case p.State == care.PointMissed:
		words = append(words, s.Short+": not answered")
	case p.Score == nil:
		words = append(words, s.Short+": too few items answered for a score")
	default:
		line := fmt.Sprintf("%s: %s points", s.Short, ScoreWords(*p.Score))
		if p.Band != "" {
			line += ", " + strings.ToLower(p.Band)
		}
		words = append(words, line)
	}
	if n := len(p.Corrections); n > 0 {
		words = append(words, "corrected: see the table")
	}
	return strings.Join(words, "\n")
}

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

func sessionWords(s care.Session) string {
	words := []string{fmt.Sprintf("session %d, day %d", s.Number, s.Day), string(s.Route) + ", " + DoseWords(s)}
	if s.Depth == nil {
		return strings.Join(append(words, "depth not recorded"), "\n")
	}
	return strings.Join(append(words, fmt.Sprintf("depth %d of %d", *s.Depth, care.DeepestDepth)), "\n")
}

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

package chart

import (
	"fmt"
	"strings"

	"afterglow/internal/care"
)

// backgrounds are the severity bands, every second one with a breath of grey and
// all named at the right edge; over them, thin and dashed, where a change from the
// baseline becomes reliable, and where the benefit is going; and a thin line for
// each session.
func backgrounds(theme theme, t scaled, s care.ScaleTrend) []any {
	var steps []any
	for i, band := range s.Bands {
		end := s.Maximum
		if i+1 < len(s.Bands) {
			end = s.Bands[i+1].From
		}
		steps = append(steps, []any{
			map[string]any{"name": band.Name, "yAxis": tidy(band.From), "itemStyle": map[string]any{"color": theme.ink, "opacity": 0.04 * float64(i%2)}},
			map[string]any{"yAxis": tidy(end)},
		})
	}
	var lines []any
	for _, session := range t.Sessions {
		lines = append(lines, map[string]any{"xAxis": t.x(session.Day)})
	}
	under := func(z int) map[string]any {
		return map[string]any{"type": "line", "data": []any{}, "silent": true, "z": z}
	}
	bands, sessions, levels := under(0), under(2), under(1)
	bands["markArea"] = map[string]any{"silent": true, "data": steps, "label": map[string]any{
		"show": true, "position": "right", "distance": 6, "color": theme.ink, "fontSize": 11, "lineHeight": 12, "width": bandWidth, "overflow": "break"}}
	levels["markLine"] = map[string]any{"silent": true, "data": thresholds(theme, s), "symbol": []string{"none", "none"}}
	sessions["markLine"] = map[string]any{"silent": true, "data": lines, "symbol": []string{"none", "none"}, "label": map[string]any{"show": false},
		"lineStyle": map[string]any{"color": theme.ink, "width": 1, "type": "dotted", "opacity": 0.4}}
	return []any{bands, levels, sessions}
}

// thresholds are the levels that decide: a reliable change from the baseline to
// either side and, once there is a benefit, the level from which it is going.
func thresholds(theme theme, s care.ScaleTrend) []any {
	var lines []any
	add := func(at float64, words, side, colour string, dash []int) {
		if at < s.Minimum || at > s.Maximum {
			return
		}
		lines = append(lines, map[string]any{"yAxis": tidy(at), "lineStyle": map[string]any{"color": colour, "width": 1, "type": dash},
			"label": map[string]any{"show": true, "formatter": words, "position": side, "fontSize": 10, "color": colour, "distance": 1}})
	}
	if b := s.Benefit; b != nil && b.ReturnLine != nil {
		add(*b.ReturnLine, "benefit going", "insideEndTop", theme.groups[1], []int{6, 3})
	}
	if s.Baseline == nil || s.ReliableChange == nil {
		return lines
	}
	low, high := *s.Baseline-*s.ReliableChange, *s.Baseline+*s.ReliableChange
	better, worse := low, high
	if !s.LowerIsBetter {
		better, worse = high, low
	}
	add(better, "reliably better", "insideMiddleTop", theme.groups[0], []int{4, 4})
	add(worse, "reliably worse", "insideMiddleTop", theme.groups[0], []int{4, 4})
	return lines
}

// answers is the curve: one point a day, the last of it. A corrected point carries a
// sign, the best a ring and the newest its score.
func answers(theme theme, t scaled, s care.ScaleTrend) any {
	colour := theme.groups[0]
	var data []any
	newest := newestScored(s)
	best := bestPoint(s)
	for i, p := range s.Points {
		if p.State == care.PointOpen || i+1 < len(s.Points) && shadowed(p, s.Points[i+1]) {
			continue
		}
		d := map[string]any{"value": [2]any{t.x(p.Day), nil}}
		var words []string
		if p.Score != nil {
			d["value"] = [2]any{t.x(p.Day), tidy(*p.Score)}
			d["name"] = pointWords(s, p)
		}
		if i == best {
			words = append(words, "best "+ScoreWords(*p.Score))
			d["symbolSize"] = 14
			d["itemStyle"] = map[string]any{"color": theme.background, "borderColor": colour, "borderWidth": 3}
		} else if i == newest {
			words = append(words, ScoreWords(*p.Score))
		}
		if len(p.Corrections) > 0 {
			words = append(words, CorrectionSign)
		}
		if len(words) > 0 {
			d["label"] = map[string]any{"show": true, "formatter": strings.Join(words, " "), "position": labelSide(s, p, i == best), "distance": 4,
				"fontSize": 12, "fontWeight": "bold", "lineHeight": 14, "color": theme.ink}
			if 20*(t.lastShown()-p.Day) < t.lastShown() { // the names of the bands begin there
				d["label"].(map[string]any)["align"] = "right"
			}
		}
		data = append(data, d)
	}
	return map[string]any{
		"type": "line", "data": data, "symbol": "circle", "symbolSize": 8, "showSymbol": true, "connectNulls": false, "clip": false, "z": 4,
		"lineStyle": map[string]any{"color": colour, "width": 2}, "itemStyle": map[string]any{"color": colour, "opacity": 1},
	}
}

// labelSide keeps a label inside the panel, and that of the best away from the line
// of its return.
func labelSide(s care.ScaleTrend, p care.TrendPoint, best bool) string {
	if p.Score == nil {
		return "top"
	}
	height := (*p.Score - s.Minimum) / (s.Maximum - s.Minimum)
	if height > 0.75 || best && s.LowerIsBetter && height > 0.3 {
		return "bottom"
	}
	return "top"
}

// shadowed reports whether a later answer of the same day takes the place in the
// curve, which would run straight up otherwise.
func shadowed(p, next care.TrendPoint) bool {
	return p.Day == next.Day && p.Score != nil && next.Score != nil
}

// sameDay are the answers that have a later one on their day: points beside the
// curve.
func sameDay(theme theme, t scaled, s care.ScaleTrend) any {
	data := []any{}
	for i, p := range s.Points {
		if i+1 < len(s.Points) && shadowed(p, s.Points[i+1]) {
			data = append(data, map[string]any{"name": pointWords(s, p), "value": [2]any{t.x(p.Day), tidy(*p.Score)}})
		}
	}
	return map[string]any{"type": "scatter", "data": data, "symbol": "circle", "symbolSize": 8, "clip": false, "z": 3,
		"itemStyle": map[string]any{"color": theme.groups[0], "opacity": 0.6}}
}

func newestScored(s care.ScaleTrend) int {
	for i := len(s.Points) - 1; i >= 0; i-- {
		if s.Points[i].Score != nil {
			return i
		}
	}
	return -1
}

// bestPoint is the point of the benefit's best, -1 where there is none.
func bestPoint(s care.ScaleTrend) int {
	if s.Benefit == nil {
		return -1
	}
	for i, p := range s.Points {
		if p.Visit != care.BaselineVisit && p.Score != nil && p.Day == s.Benefit.BestDay && *p.Score == s.Benefit.Best {
			return i
		}
	}
	return -1
}

// named are the two days that a reader looks for: the last session of the series and
// today. Their names stand in the uppermost panel only.
func named(theme theme, t scaled, words bool) any {
	var lines []any
	add := func(day int, name, kind string) {
		lines = append(lines, map[string]any{"xAxis": t.x(day), "lineStyle": map[string]any{"type": kind},
			"label": map[string]any{"show": words, "formatter": name, "position": "end", "distance": 2, "fontSize": 11, "color": theme.ink}})
	}
	last := -1
	for _, s := range t.Sessions {
		if !s.Booster {
			last = max(last, s.Day)
		}
	}
	if last >= 0 {
		add(last, "last session", "dashed")
	}
	// Two names on one place cannot be read.
	if t.Today != nil && (last < 0 || t.x(*t.Today)-t.x(last) > (t.x(t.lastShown())-t.x(firstDay(t.Trend)))/6) {
		add(*t.Today, "today", "solid")
	}
	return map[string]any{"type": "line", "data": []any{}, "silent": true, "z": 2, "markLine": map[string]any{"silent": true, "data": lines,
		"symbol": []string{"none", "none"}, "lineStyle": map[string]any{"color": theme.ink, "width": 1, "opacity": 0.7}}}
}

// missed are the marks of the lane under the axis, nil where nothing was missed.
func missed(theme theme, t scaled, s care.ScaleTrend) any {
	data := []any{}
	for _, p := range s.Points {
		if p.State != care.PointOpen && p.Score == nil {
			symbol := "circle"
			if p.State == care.PointUnscored {
				symbol = "diamond"
			}
			data = append(data, map[string]any{"name": pointWords(s, p), "value": [2]any{t.x(p.Day), 0.5}, "symbol": symbol})
		}
	}
	if len(data) == 0 {
		return nil
	}
	return map[string]any{
		"type": "scatter", "data": data, "symbolSize": 9, "clip": false, "z": 5, "xAxisIndex": 1, "yAxisIndex": 1,
		"itemStyle": map[string]any{"color": theme.background, "borderColor": theme.ink, "borderWidth": 1.5},
	}
}

func pointWords(s care.ScaleTrend, p care.TrendPoint) string {
	words := []string{fmt.Sprintf("day %s (%s)", DayWords(p.Day), p.Visit)}
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

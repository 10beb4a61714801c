package chart

import (
	"fmt"

	"github.com/go-echarts/go-echarts/v2/opts"
)

// riskRow is a group's numbers at risk under the axis.
type riskRow struct {
	label string
	at    []riskNumber
}

type riskNumber struct {
	day float64
	n   string
}

// The table under the axis: a line of text, and the room between the axis and it.
const (
	riskLine = 17
	axisRoom = 56
)

// withRisk puts the numbers at risk under a figure's axis of days, in a second grid
// of the same width, so that each number stands under its visit: a heading, then a
// line with the group's name and one with its numbers.
func withRisk(o Options, t theme, rows []riskRow, end float64) Options {
	places := []string{"heading"}
	text := func(place, words string, day float64, centred bool, colour string) map[string]any {
		label := map[string]any{"show": true, "formatter": "{b}", "color": colour, "fontSize": 12, "position": "inside", "padding": []int{0, 3}}
		if !centred {
			label["position"], label["distance"], label["padding"] = "right", 0, 0
		}
		return map[string]any{"name": words, "value": [2]any{day, place}, "label": label}
	}
	data := []any{text("heading", "Numbers at risk", 0, false, t.ink)}
	for i, row := range rows {
		name, numbers := fmt.Sprintf("name %d", i), fmt.Sprintf("numbers %d", i)
		places = append(places, name, numbers)
		data = append(data, text(name, row.label, 0, false, t.ink))
		for _, number := range row.at {
			data = append(data, text(numbers, number.n, number.day, true, t.ink))
		}
	}
	main := o["grid"].([]opts.Grid)[0]
	height := riskLine * len(places)
	main.Bottom = fmt.Sprint(height + axisRoom)
	under := map[string]any{"left": main.Left, "right": main.Right, "height": height, "bottom": 4}
	hidden := map[string]any{"show": false}
	x := map[string]any{"type": "value", "gridIndex": 1, "min": 0, "max": end, "show": false}
	y := map[string]any{"type": "category", "gridIndex": 1, "inverse": true, "data": places,
		"axisLine": hidden, "axisTick": hidden, "axisLabel": hidden, "splitLine": hidden}
	table := map[string]any{"type": "scatter", "xAxisIndex": 1, "yAxisIndex": 1, "symbolSize": 1, "silent": true, "clip": false,
		"itemStyle": map[string]any{"color": "transparent", "opacity": 1}, "labelLayout": map[string]any{"hideOverlap": true}, "data": data}
	o["grid"] = []any{main, under}
	o["xAxis"], o["yAxis"] = []any{o["xAxis"], x}, []any{o["yAxis"], y}
	all := []any{}
	for _, s := range o["series"].([]series) {
		all = append(all, s)
	}
	o["series"] = append(all, table)
	return o
}

package chart

import (
	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

const fontFamily = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

// extension adds the ECharts options that go-echarts has no field for.
type extension struct {
	charts.BaseConfigurationVisitor
	theme    theme
	ticks    []float64
	interval float64
}

// Visit takes away the empty components and sets the font of all text.
func (e extension) Visit(chart map[string]any) {
	delete(chart, "title")
	delete(chart, "legend")
	delete(chart, "toolbox")
	delete(chart, "color")
	chart["textStyle"] = map[string]any{"fontFamily": fontFamily, "color": e.theme.ink, "fontSize": 13}
}

// tooltip is drawn as text, never as HTML, and stays inside the chart.
type tooltip struct {
	opts.Tooltip
	RenderMode string         `json:"renderMode"`
	Confine    bool           `json:"confine"`
	TextStyle  map[string]any `json:"textStyle"`
}

// VisitTooltipOpt makes the tooltip plain text.
func (e extension) VisitTooltipOpt(t opts.Tooltip) any {
	return tooltip{Tooltip: t, RenderMode: "richText", Confine: true,
		TextStyle: map[string]any{"color": e.theme.ink, "fontSize": 13}}
}

// series adds that bands stack below zero too and do not answer the pointer,
// and that a curve is named at its end.
type series struct {
	charts.SingleSeries
	StackStrategy string    `json:"stackStrategy,omitempty"`
	Silent        bool      `json:"silent,omitempty"`
	Z             int       `json:"z"`
	EndLabel      *endLabel `json:"endLabel,omitempty"`
}

type endLabel struct {
	Show       bool   `json:"show"`
	Formatter  string `json:"formatter"`
	Color      string `json:"color"`
	FontSize   int    `json:"fontSize"`
	LineHeight int    `json:"lineHeight"`
	Distance   int    `json:"distance"`
	Width      int    `json:"width"`
	Overflow   string `json:"overflow"`
}

// VisitSeriesOpt puts bands under curves under ticks.
func (e extension) VisitSeriesOpt(all charts.MultiSeries) any {
	out := make([]series, 0, len(all))
	for _, s := range all {
		next := series{SingleSeries: s, Z: 3}
		switch {
		case s.Stack != "":
			next.StackStrategy, next.Silent, next.Z = "all", true, 2
		case s.Type == "scatter":
			next.Z = 4
		case s.Name != "":
			next.EndLabel = &endLabel{Show: true, Formatter: "{a}", Color: e.theme.ink, FontSize: 13, LineHeight: 19, Distance: 8, Width: 96, Overflow: "break"}
		}
		out = append(out, next)
	}
	return out
}

type valueTicks struct {
	CustomValues []float64 `json:"customValues,omitempty"`
}

type axisLabel struct {
	*opts.AxisLabel
	valueTicks
	FontSize int `json:"fontSize"`
}

type xAxis struct {
	opts.XAxis
	AxisLabel     axisLabel      `json:"axisLabel"`
	AxisTick      valueTicks     `json:"axisTick"`
	NameTextStyle map[string]any `json:"nameTextStyle"`
}

// VisitXAxis puts the ticks where the study's visits are.
func (e extension) VisitXAxis(axes []opts.XAxis) any {
	a := axes[0]
	a.Data = nil
	return xAxis{
		XAxis: a, AxisLabel: axisLabel{AxisLabel: a.AxisLabel, valueTicks: valueTicks{e.ticks}, FontSize: 13},
		AxisTick:      valueTicks{e.ticks},
		NameTextStyle: map[string]any{"color": e.theme.ink, "fontSize": 13},
	}
}

type yAxis struct {
	opts.YAxis
	AxisLabel     axisLabel      `json:"axisLabel"`
	NameTextStyle map[string]any `json:"nameTextStyle"`
	Interval      float64        `json:"interval,omitempty"`
}

// VisitYAxis lets the name run to the right from the axis.
func (e extension) VisitYAxis(axes []opts.YAxis) any {
	a := axes[0]
	return yAxis{
		YAxis: a, AxisLabel: axisLabel{AxisLabel: a.AxisLabel, FontSize: 13}, Interval: e.interval,
		NameTextStyle: map[string]any{"color": e.theme.ink, "fontSize": 13, "align": "left", "padding": []int{0, 0, 0, -44}},
	}
}

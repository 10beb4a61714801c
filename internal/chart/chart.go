// Package chart turns findings into ECharts options. Floor: face.
//
// It must not compute a statistic, render a page or write JSON by hand: an
// option set leaves as JSON by encoding/json, which escapes '<', and a static
// script hands it to ECharts.
package chart

import (
	"fmt"
	"math"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/go-echarts/go-echarts/v2/types"

	"afterglow/internal/care"
	"afterglow/internal/finding"
)

// Options is what ECharts is given.
type Options map[string]any

// Figure is one chart for light and for dark surroundings; paper is light. It
// goes to the page through encoding/json, as html/template does in a
// <script type="application/json">, so no text of a study can end the element.
type Figure struct {
	Light Options `json:"light"`
	Dark  Options `json:"dark"`
	// Key names the curves in their order, where the names are too long to stand at
	// the ends of the curves; nil elsewhere. The page draws it above the picture.
	Key []string `json:"-"`
}

// Scale names what a score is measured on, its range, which way is better, and
// what days are counted from.
type Scale struct {
	// Name may end with a short form in brackets, which an axis then uses.
	Name             string
	Minimum, Maximum float64
	LowerIsBetter    bool
	Anchor           care.Anchor
}

// axis names the scale in one line that a phone has room for.
func (s Scale) axis() string {
	name, better := s.Name, "higher is better"
	if open := strings.LastIndexByte(name, '('); open > 0 && strings.HasSuffix(name, ")") {
		name = name[open+1 : len(name)-1]
	}
	if s.LowerIsBetter {
		better = "lower is better"
	}
	return fmt.Sprintf("%s, %s to %s points, %s", name, finding.NumberWords(s.Minimum, 0), finding.NumberWords(s.Maximum, 0), better)
}

// days names the axis of days since the anchor.
func (s Scale) days() string {
	if s.Anchor == care.AnchorLastSession {
		return "days since the last session of the series"
	}
	return "days since the start of the course"
}

// theme holds the colours of one surrounding, the same as the stylesheet's ink,
// line and paper. groups are Okabe and Ito's
// colours that stand out from the background.
type theme struct {
	ink, faint string
	background string
	groups     []string
}

var (
	light = theme{
		ink: "#1b1f24", faint: "#c9d0d8", background: "#ffffff",
		groups: []string{"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"},
	}
	dark = theme{
		ink: "#e6e9ed", faint: "#3d4650", background: "#15191e",
		groups: []string{"#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#FFFFFF"},
	}
)

// Line styles and symbols change with the colour, so a group can be told on a
// grey print.
var (
	dashes  = []string{"solid", "dashed", "dotted"}
	symbols = []string{"circle", "triangle", "rect", "diamond"}
)

// axis is a value axis. Ticks, where given, are the only ones: a study's
// visits. Max nil lets ECharts choose.
type axis struct {
	name     string
	min, max *float64
	ticks    []float64
	percent  bool
}

// figure draws the same series in both themes.
func figure(x, y axis, lines []line) Figure {
	lines, key := keyed(lines)
	draw := func(t theme) Options {
		c := charts.NewLine()
		c.SetGlobalOptions(
			charts.WithAnimation(false),
			charts.WithGridOpts(opts.Grid{Left: "54", Right: fmt.Sprint(rightMargin(lines)), Top: "34", Bottom: "52"}),
			charts.WithTooltipOpts(opts.Tooltip{
				Trigger: "item", Formatter: "{b}",
				BackgroundColor: t.background, BorderColor: t.faint,
			}),
			charts.WithXAxisOpts(opts.XAxis{
				Type: "value", Name: x.name, NameLocation: "middle", NameGap: 32, Min: bound(x.min), Max: bound(x.max),
				AxisLabel: &opts.AxisLabel{Color: t.ink, HideOverlap: opts.Bool(true)},
				AxisLine:  &opts.AxisLine{LineStyle: &opts.LineStyle{Color: t.ink}, OnZero: opts.Bool(false)},
				SplitLine: &opts.SplitLine{Show: opts.Bool(false)},
			}),
			charts.WithYAxisOpts(opts.YAxis{
				Type: "value", Name: y.name, NameLocation: "end", NameGap: 14, Min: bound(y.min), Max: bound(y.max), SplitNumber: 4,
				AxisLabel: &opts.AxisLabel{Color: t.ink, Formatter: types.FuncStr(y.labelFormat())},
				SplitLine: &opts.SplitLine{LineStyle: &opts.LineStyle{Color: t.faint}},
			}),
		)
		for i, l := range lines {
			for _, s := range l.series(t, i) {
				c.MultiSeries = append(c.MultiSeries, s)
			}
		}
		c.Accept(extension{theme: t, ticks: x.ticks, interval: y.interval()})
		c.Validate()
		return Options(c.JSON())
	}
	return Figure{Light: draw(light), Dark: draw(dark), Key: key}
}

// interval puts grid lines at quarters of a percent axis; 0 lets ECharts choose.
func (a axis) interval() float64 {
	if a.percent {
		return 25
	}
	return 0
}

func (a axis) labelFormat() string {
	if a.percent {
		return "{value} %"
	}
	return ""
}

// bound gives an untyped nil for an absent bound, which JSON then leaves out; a
// nil pointer inside the interface would be written as null.
func bound(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

// rightMargin leaves room for the longest direct label, about 7 pixels a
// letter, and never takes more than a third of a phone's width.
func rightMargin(lines []line) int {
	longest := 0
	for _, l := range lines {
		if !l.unlabelled {
			longest = max(longest, len([]rune(l.end())))
		}
	}
	return min(24+7*longest, 120)
}

func at(v float64) *float64 { return &v }

// lastDay is where an axis over days ends.
func lastDay(days []float64) *float64 {
	end := 1.0
	for _, d := range days {
		end = math.Max(end, d)
	}
	return &end
}

// groupsOf lists the groups of a table's rows in their order.
func groupsOf(t finding.Table, column string) []string {
	i := t.Column(column)
	seen := map[string]bool{}
	var groups []string
	for _, row := range t.Rows {
		if i < 0 || seen[row[i].Text] {
			continue
		}
		seen[row[i].Text] = true
		groups = append(groups, row[i].Text)
	}
	return groups
}

package page

// ChartScripts are the assets that a page with charts runs.
var ChartScripts = []string{"echarts.min.js", "chart.js"}

// Chart is a figure for the partial "chart": the one-sentence finding, which is
// also the text for those who do not see the picture, and the chart's options,
// which the template writes as JSON with HTML's characters escaped.
type Chart struct {
	Sentence string
	Options  any
	// Key names the curves in their order, if they are not named in the picture.
	Key []string
}

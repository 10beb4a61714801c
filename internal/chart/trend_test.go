package chart_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/chart"
)

func pointer[T any](v T) *T { return &v }

// trend has one of everything that a panel can show: a score, a correction, a
// miss, an answer without a score and an occasion that is still open.
func trend() care.Trend {
	return care.Trend{
		LastDay: 40,
		Sessions: []care.Session{
			{Number: 1, Day: 2, Route: care.RouteIntramuscular, DoseMg: pointer(45.0), DoseMgPerKg: pointer(0.6), Depth: pointer(2)},
			{Number: 2, Day: 9, Route: care.RouteIntravenous, Depth: pointer(0)},
			{Number: 3, Day: 17, Route: care.RouteSublingual, DoseMg: pointer(100.0)},
		},
		Scales: []care.ScaleTrend{{
			Instrument: "phq-9", Name: "Patient Health Questionnaire (PHQ-9)", Short: "PHQ-9", Maximum: 27, LowerIsBetter: true,
			Bands:          []care.ScoreBand{{Name: "None or minimal"}, {Name: "Mild", From: 5}, {Name: "Moderate", From: 10}},
			ReliableChange: pointer(6.0), Baseline: pointer(18.0),
			Points: []care.TrendPoint{
				{Day: -3, Visit: "screening", State: care.PointScored, Score: pointer(19.0), Band: "Moderate"},
				{Day: 0, Visit: care.BaselineVisit, State: care.PointScored, Score: pointer(18.0), Band: "Moderate"},
				{Day: 9, Visit: "+7 d", State: care.PointScored, Score: pointer(11.5), Band: "Moderate", Corrections: []care.Correction{{Reason: "entered-wrongly"}}},
				{Day: 16, Visit: "+14 d", State: care.PointMissed},
				{Day: 23, Visit: "+21 d", State: care.PointUnscored},
				{Day: 30, Visit: "+28 d", State: care.PointScored, Score: pointer(4.0), Band: "None or minimal"},
				{Day: 40, Visit: "+38 d", State: care.PointOpen},
			},
		}},
	}
}

func trendDrawings(t care.Trend) map[string]func() (chart.Figure, bool) {
	return map[string]func() (chart.Figure, bool){
		"session-ticks": func() (chart.Figure, bool) { return chart.SessionTicks(t) },
		"scale-trend":   func() (chart.Figure, bool) { return chart.ScaleTrend(t, t.Scales[0]) },
	}
}

func TestTrendsAreAsKept(t *testing.T) {
	for name, draw := range trendDrawings(trend()) {
		t.Run(name, func(t *testing.T) {
			figure, ok := draw()
			require.True(t, ok)
			got, err := json.MarshalIndent(figure, "", " ")
			require.NoError(t, err)
			golden := filepath.Join("testdata", name+".golden.json")
			if os.Getenv("AFTERGLOW_GOLDEN") == "rewrite" {
				require.NoError(t, os.WriteFile(golden, append(got, '\n'), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got)+"\n")
		})
	}
}

// drawnSeries are the series that hold data of their own, by type.
func drawnSeries(t *testing.T, figure chart.Figure) map[string][]any {
	t.Helper()
	b, err := json.Marshal(figure.Light["series"])
	require.NoError(t, err)
	var all []struct {
		Type string
		Data []any
	}
	require.NoError(t, json.Unmarshal(b, &all))
	found := map[string][]any{}
	for _, s := range all {
		if len(s.Data) > 0 {
			found[s.Type] = s.Data
		}
	}
	return found
}

func TestAMissedOccasionIsAGapAndAMarkInALaneOfItsOwn(t *testing.T) {
	figure, ok := chart.ScaleTrend(trend(), trend().Scales[0])
	require.True(t, ok)
	series := drawnSeries(t, figure)
	var values []any
	for _, d := range series["line"] {
		values = append(values, d.(map[string]any)["value"].([]any)[1])
	}
	require.Equal(t, []any{19.0, 18.0, 11.5, nil, nil, 4.0}, values, "what is open is not drawn, what is missing is not bridged")
	require.Len(t, series["scatter"], 2)
	b, err := json.Marshal(figure.Light)
	require.NoError(t, err)
	var drawn struct {
		Grid, XAxis, YAxis []map[string]any
		Series             []struct {
			Type       string
			Data       []map[string]any
			YAxisIndex int
		}
	}
	require.NoError(t, json.Unmarshal(b, &drawn))
	require.Len(t, drawn.Grid, 2)
	require.Len(t, drawn.YAxis, 2)
	require.Equal(t, false, drawn.YAxis[1]["show"], "the lane has no scores")
	lane := drawn.Series[len(drawn.Series)-1]
	require.Equal(t, 1, lane.YAxisIndex)
	require.Len(t, lane.Data, 2)
	require.Equal(t, -3.0, drawn.XAxis[0]["min"], "an answer before the course is not cut off")
	require.Equal(t, drawn.XAxis[0]["max"], drawn.XAxis[1]["max"], "the lane has the days of its panel")

	answered := trend().Scales[0]
	answered.Points = answered.Points[:3]
	figure, _ = chart.ScaleTrend(trend(), answered)
	require.IsType(t, map[string]any{}, figure.Light["grid"], "no lane where nothing was missed")
	require.Contains(t, string(b), `"connectNulls":false`)
	require.Equal(t, 1, strings.Count(string(b), `"formatter":"`+chart.CorrectionSign+`"`))
}

func TestPanelsShareTheirDaysAndMargins(t *testing.T) {
	var grids, axes []any
	for _, draw := range trendDrawings(trend()) {
		figure, ok := draw()
		require.True(t, ok)
		first := func(name string) map[string]any {
			if list, several := figure.Light[name].([]any); several {
				return list[0].(map[string]any)
			}
			return figure.Light[name].(map[string]any)
		}
		x, grid := first("xAxis"), first("grid")
		grids, axes = append(grids, [2]any{grid["left"], grid["right"]}), append(axes, [2]any{x["min"], x["max"]})
	}
	require.Equal(t, grids[0], grids[1])
	require.Equal(t, axes[0], axes[1])
}

// labels are what is written into a drawing, in both themes once.
func labels(t *testing.T, figure chart.Figure) string {
	t.Helper()
	b, err := json.Marshal(figure.Light)
	require.NoError(t, err)
	return string(b)
}

func TestABenefitIsDrawnWithItsBestAndWhereItIsGoing(t *testing.T) {
	with := trend()
	s := &with.Scales[0]
	s.Points = append(s.Points, care.TrendPoint{Day: 38, Visit: "+36 d", State: care.PointScored, Score: pointer(13.0)})
	figure, _ := chart.ScaleTrend(with, *s)
	require.NotContains(t, labels(t, figure), "benefit going")
	require.NotContains(t, labels(t, figure), `"best `)
	s.Benefit = &care.Benefit{State: care.BenefitLosing, Best: 4, BestDay: 30, Gained: 14, Left: 5, ReturnLine: pointer(10.0), Since: 38}
	figure, _ = chart.ScaleTrend(with, *s)
	drawn := labels(t, figure)
	for _, words := range []string{`"formatter":"best 4"`, `"formatter":"13"`, "benefit going", "reliably better", "reliably worse"} {
		require.Contains(t, drawn, words)
	}
	s.Benefit.ReturnLine = nil
	figure, _ = chart.ScaleTrend(with, *s)
	require.NotContains(t, labels(t, figure), "benefit going", "the scale ends before it")
}

func TestLongCoursesCountWeeks(t *testing.T) {
	long := trend()
	long.LastDay = 196
	long.Today = pointer(196)
	figure, _ := chart.SessionTicks(long)
	x := figure.Light["xAxis"].(map[string]any)
	require.Equal(t, []any{"week", 28.0, 4.0}, []any{x["name"], x["max"], x["interval"]})
	drawn := labels(t, figure)
	require.Contains(t, drawn, `"formatter":"today"`)
	require.Contains(t, drawn, `"formatter":"last session"`)
	figure, _ = chart.SessionTicks(trend())
	x = figure.Light["xAxis"].(map[string]any)
	require.Equal(t, []any{"day", 40.0, 7.0}, []any{x["name"], x["max"], x["interval"]})
	require.NotContains(t, labels(t, figure), `"today"`, "a course that has long been quiet ends before today")
}

func TestTwoAnswersOfOneDayAreNoStroke(t *testing.T) {
	twice := trend()
	s := &twice.Scales[0]
	s.Points = append([]care.TrendPoint{{Day: 0, Visit: "session 1, before", State: care.PointScored, Score: pointer(12.0)}}, s.Points[1:3]...)
	figure, _ := chart.ScaleTrend(twice, *s)
	series := drawnSeries(t, figure)
	require.Len(t, series["line"], 2, "the curve takes the last answer of a day")
	require.Len(t, series["scatter"], 1, "the other stands beside it")
	require.Contains(t, series["scatter"][0].(map[string]any)["name"], "session 1, before")
}

func TestABoosterIsNoSessionOfTheSeries(t *testing.T) {
	with := trend()
	with.Sessions = append(with.Sessions, care.Session{Number: 4, Day: 30, Booster: true, Route: care.RouteIntramuscular, Depth: pointer(3)},
		care.Session{Number: 5, Day: 37, Booster: true, Route: care.RouteIntramuscular, Depth: pointer(3)})
	figure, _ := chart.SessionTicks(with)
	drawn := labels(t, figure)
	require.Contains(t, drawn, "booster 2, day 37")
	require.Equal(t, 2, strings.Count(drawn, `"type":"dashed","width":2`))
	require.Contains(t, drawn, `"xAxis":17`, "the last session is the last of the series")
}

func TestADepthThatWasNotRecordedIsNotADepthOfZero(t *testing.T) {
	figure, _ := chart.SessionTicks(trend())
	glyphs := drawnSeries(t, figure)["scatter"]
	require.Len(t, glyphs, 3)
	style := func(i int) any { return glyphs[i].(map[string]any)["itemStyle"].(map[string]any)["borderColor"] }
	require.Nil(t, style(1), "depth 0 is filled")
	require.NotNil(t, style(2), "unknown is hollow")
	require.Equal(t, "session 3, day 17\nsublingual, 100 mg\ndepth not recorded", glyphs[2].(map[string]any)["name"])
	require.Equal(t, "session 1, day 2\nintramuscular, 45 mg, 0.60 mg/kg\ndepth 2 of 4", glyphs[0].(map[string]any)["name"])
}

func TestNothingToDrawNoTrend(t *testing.T) {
	_, ok := chart.SessionTicks(care.Trend{})
	require.False(t, ok)
	_, ok = chart.ScaleTrend(care.Trend{}, care.ScaleTrend{Points: []care.TrendPoint{{State: care.PointOpen}}})
	require.False(t, ok)
	_, ok = chart.ScaleTrend(care.Trend{}, care.ScaleTrend{Points: []care.TrendPoint{{State: care.PointScored}}})
	require.True(t, ok, "a scored point without its score is drawn as missing, not a panic")
}

// SR-63 for the clinician's pictures: see TestSR63_NoTextOfAStudyLeavesItsString.
func TestSR63_NoTextOfACourseLeavesItsString(t *testing.T) {
	const canary = `</script><script>alert(1)</script><!--&<img src=x onerror=alert(1)>`
	poisoned := trend()
	s := &poisoned.Scales[0]
	s.Name, s.Short, s.Bands[0].Name, s.Points[0].Visit, s.Points[0].Band = canary, canary, canary, canary, canary
	poisoned.Sessions[0].Route = canary
	for name, draw := range trendDrawings(poisoned) {
		t.Run(name, func(t *testing.T) {
			figure, ok := draw()
			require.True(t, ok)
			b, err := json.Marshal(figure)
			require.NoError(t, err)
			for _, mark := range []string{"<", ">", "&", "function", "__f__"} {
				require.NotContains(t, string(b), mark)
			}
			require.Contains(t, string(b), `"renderMode":"richText"`)
		})
	}
}

package chart_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/chart"
	"afterglow/internal/finding"
)

var bdi = chart.Scale{Name: "Beck Depression Inventory II (BDI-II)", Maximum: 63, LowerIsBetter: true, Anchor: care.AnchorCourseStart}

func read(t testing.TB, name string) finding.Finding {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../web/gallery/findings", name+".json"))
	require.NoError(t, err)
	var f finding.Finding
	require.NoError(t, json.Unmarshal(b, &f))
	return f
}

// drawings are every chart by name, from the two findings.
func drawings(retained, loss finding.Finding, scale chart.Scale) map[string]func() (chart.Figure, bool) {
	return map[string]func() (chart.Figure, bool){
		"retained-benefit": func() (chart.Figure, bool) { return chart.RetainedBenefit(retained, scale) },
		"retained-share":   func() (chart.Figure, bool) { return chart.RetainedShare(retained, scale) },
		"differences":      func() (chart.Figure, bool) { return chart.Differences(retained, scale) },
		"completion":       func() (chart.Figure, bool) { return chart.Completion(retained, scale) },
		"time-to-loss":     func() (chart.Figure, bool) { return chart.TimeToLoss(loss, scale) },
	}
}

func TestChartsAreAsKept(t *testing.T) {
	for name, draw := range drawings(read(t, "retained-benefit"), read(t, "time-to-loss"), bdi) {
		t.Run(name, func(t *testing.T) {
			figure, ok := draw()
			require.True(t, ok)
			got, err := json.MarshalIndent(figure, "", " ")
			require.NoError(t, err)
			golden := filepath.Join("testdata", name+".golden.json")
			if os.Getenv("AFTERGLOW_GOLDEN") == "rewrite" {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, append(got, '\n'), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got)+"\n")
		})
	}
}

// SR-63: whatever a study calls its groups, visits and scale, the JSON cannot
// end the page's script element, and no option is a function or HTML.
func TestSR63_NoTextOfAStudyLeavesItsString(t *testing.T) {
	const canary = `</script><script>alert(1)</script><!--&<img src=x onerror=alert(1)>`
	poison := func(f finding.Finding) finding.Finding {
		b, err := json.Marshal(f)
		require.NoError(t, err)
		escaped, err := json.Marshal(canary)
		require.NoError(t, err)
		for _, name := range []string{`"TAU"`, `"BtheB"`, `"2m"`, `"BtheB - TAU"`} {
			b = bytes.ReplaceAll(b, []byte(name), escaped)
		}
		var out finding.Finding
		require.NoError(t, json.Unmarshal(b, &out))
		return out
	}
	scale := chart.Scale{Name: canary, Anchor: care.AnchorLastSession}
	for name, draw := range drawings(poison(read(t, "retained-benefit")), poison(read(t, "time-to-loss")), scale) {
		t.Run(name, func(t *testing.T) {
			figure, ok := draw()
			require.True(t, ok)
			b, err := json.Marshal(figure)
			require.NoError(t, err)
			require.NotContains(t, string(b), "<")
			require.NotContains(t, string(b), ">")
			require.NotContains(t, string(b), "&")
			require.NotContains(t, string(b), "function")
			require.NotContains(t, string(b), "__f__", "go-echarts' mark of a script")
			require.Contains(t, string(b), `"renderMode":"richText"`)

			var back chart.Figure
			require.NoError(t, json.Unmarshal(b, &back))
			require.Contains(t, strings.Join(texts(back.Light["series"]), "\n"), "</script>", "the name arrives whole, as text")
		})
	}
}

func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, texts(e)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, e := range v {
			all = append(all, texts(e)...)
		}
		return all
	}
	return nil
}

func TestWhatIsNotDefinedInterruptsTheLine(t *testing.T) {
	f := read(t, "retained-benefit")
	table, _ := f.Table("visits")
	i := table.Column("ls_mean")
	for _, column := range []int{i, i + 1, i + 2} {
		table.Rows[1][column] = finding.Optional(nil)
	}
	figure, ok := chart.RetainedBenefit(f, bdi)
	require.True(t, ok)
	b, err := json.Marshal(figure.Light["series"])
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(b), "[91,null]"), "clear line, band and curve")
}

func TestNoTableNoChart(t *testing.T) {
	for name, draw := range drawings(finding.Finding{}, finding.Finding{}, bdi) {
		t.Run(name, func(t *testing.T) {
			_, ok := draw()
			require.False(t, ok)
		})
	}
}

// The share left is drawn from 100 % at the reference visit, with the half, the
// clinic's names and the last value; a group without a benefit has no line.
func TestTheShareLeftIsDrawnFromTheWhole(t *testing.T) {
	f := read(t, "retained-benefit-by-setting")
	figure, ok := chart.RetainedShare(f, bdi)
	require.True(t, ok)
	b, err := json.Marshal(figure.Light)
	require.NoError(t, err)
	for _, words := range []string{`[14,100]`, "half is left", "high 59\u00a0%", "59 % left (45 to 74)", "answered"} {
		require.Contains(t, string(b), words)
	}
	var drawn struct {
		YAxis struct{ Min, Max float64 }
	}
	require.NoError(t, json.Unmarshal(b, &drawn))
	require.Equal(t, 0.0, drawn.YAxis.Min)
	require.Equal(t, 125.0, drawn.YAxis.Max)

	table, _ := f.Table("retained")
	for _, row := range table.Rows {
		for _, column := range []string{"estimate", "ci_lower", "ci_upper"} {
			if row[0].Text == "low" {
				row[table.Column(column)] = finding.Cell{}
			}
		}
	}
	figure, ok = chart.RetainedShare(f, bdi)
	require.True(t, ok)
	b, err = json.Marshal(figure.Light["series"])
	require.NoError(t, err)
	require.NotContains(t, string(b), "setting low")

	for _, row := range table.Rows {
		row[table.Column("estimate")] = finding.Cell{}
	}
	_, ok = chart.RetainedShare(f, bdi)
	require.False(t, ok, "without a benefit there is nothing to draw")
}

func TestGroupsCanBeToldWithoutColour(t *testing.T) {
	figure, _ := chart.RetainedBenefit(read(t, "retained-benefit"), bdi)
	b, err := json.Marshal(figure.Light["series"])
	require.NoError(t, err)
	var series []struct {
		Stack     string
		Symbol    string
		LineStyle struct{ Type string }
		EndLabel  struct{ Formatter string }
	}
	require.NoError(t, json.Unmarshal(b, &series))
	told := map[string]bool{}
	for _, s := range series {
		if s.Stack != "" {
			continue
		}
		told[s.Symbol+" "+s.LineStyle.Type] = true
		require.Equal(t, "{a}", s.EndLabel.Formatter, "the end carries the group's name")
	}
	require.Equal(t, map[string]bool{"circle solid": true, "triangle dashed": true, "none dotted": true}, told)
}

// named is a finding whose first group is called something else.
func named(t *testing.T, name string) finding.Finding {
	t.Helper()
	b, err := json.Marshal(read(t, "retained-benefit"))
	require.NoError(t, err)
	var f finding.Finding
	require.NoError(t, json.Unmarshal(bytes.ReplaceAll(b, []byte(`"TAU"`), []byte(`"`+name+`"`)), &f))
	return f
}

// A label breaks where a reader would break it: the drawing itself would write
// "sublingual-ho" and "me".
func TestALabelBreaksBetweenItsWords(t *testing.T) {
	for name, label := range map[string]string{
		"sublingual-home": `sublingual-\nhome`, "iv-series": "iv-series", "the usual care": `the usual\ncare`, "incomprehensibilities": "incomprehensibilities",
	} {
		figure, ok := chart.RetainedBenefit(named(t, name), bdi)
		require.True(t, ok)
		drawn, err := json.Marshal(figure.Light["series"])
		require.NoError(t, err)
		require.Contains(t, string(drawn), `"name":"`+label+`","type":"line","showSymbol":true`)
		require.Empty(t, figure.Key)
	}
}

// A name that needs more than two lines would run into the next one: a key names the
// curves in their order, and their ends keep the numbers.
func TestLongNamesStandInAKey(t *testing.T) {
	long := "the usual care of this clinic"
	f := named(t, long)
	figure, ok := chart.RetainedBenefit(f, bdi)
	require.True(t, ok)
	require.Equal(t, []string{long, "BtheB"}, figure.Key, "every curve, and not the level to compare with")
	require.Equal(t, []string{"baseline"}, ends(t, figure))

	figure, ok = chart.RetainedShare(f, bdi)
	require.True(t, ok)
	require.Equal(t, []string{long, "BtheB"}, figure.Key)
	require.Equal(t, []string{"239\u00a0%", "140\u00a0%"}, ends(t, figure))
}

// ends are the words at the ends of the curves.
func ends(t *testing.T, figure chart.Figure) []string {
	t.Helper()
	b, err := json.Marshal(figure.Light["series"])
	require.NoError(t, err)
	var series []struct {
		Name     string
		EndLabel *struct{ Formatter string }
	}
	require.NoError(t, json.Unmarshal(b, &series))
	var words []string
	for _, s := range series {
		if s.EndLabel != nil {
			words = append(words, s.Name)
		}
	}
	return words
}

// A share beyond every interval is in the picture all the same.
func TestEveryShareIsInThePicture(t *testing.T) {
	figure, ok := chart.RetainedShare(read(t, "retained-benefit"), bdi)
	require.True(t, ok)
	b, err := json.Marshal(figure.Light)
	require.NoError(t, err)
	var drawn struct{ YAxis struct{ Min, Max float64 } }
	require.NoError(t, json.Unmarshal(b, &drawn))
	require.Equal(t, 250.0, drawn.YAxis.Max, "a share of 239 %, whose interval ends at 540 %")
}

// The last fall is seen, the end of a line says what the sentence says, and each
// number at risk stands under its visit.
func TestTheSurvivalPictureAgreesWithItsSentence(t *testing.T) {
	f := read(t, "time-to-loss-by-setting")
	figure, ok := chart.TimeToLoss(f, chart.Scale{Anchor: care.AnchorLastSession})
	require.True(t, ok)
	b, err := json.Marshal(figure.Light)
	require.NoError(t, err)
	var drawn struct {
		XAxis []struct {
			Max       float64
			AxisLabel struct{ CustomValues []float64 }
		}
		Series []struct {
			Name, Type, Step string
			Stack            string
			XAxisIndex       int
			Data             []struct {
				Name  string
				Value []any
			}
		}
	}
	require.NoError(t, json.Unmarshal(b, &drawn))
	require.InDelta(t, 1.1*168, drawn.XAxis[0].Max, 1e-9)
	require.InDelta(t, drawn.XAxis[0].Max, drawn.XAxis[1].Max, 1e-9, "both grids have the same days")
	require.Equal(t, []float64{14, 28, 56, 84, 168}, drawn.XAxis[0].AxisLabel.CustomValues)
	ends := []string{}
	for _, s := range drawn.Series {
		require.Empty(t, s.Step, "nothing says that a loss happened on the day of a visit")
		switch {
		case s.XAxisIndex == 1:
			require.Equal(t, "Numbers at risk", s.Data[0].Name)
			numbers := map[any]bool{}
			for _, d := range s.Data {
				numbers[d.Value[0]] = true
			}
			for _, day := range drawn.XAxis[0].AxisLabel.CustomValues {
				require.True(t, numbers[day], "day %v", day)
			}
		case s.Stack == "":
			ends = append(ends, s.Name)
			last := s.Data[len(s.Data)-1]
			require.EqualValues(t, 168, last.Value[0])
			share := strings.ReplaceAll(s.Name[strings.LastIndex(s.Name, " ")+1:], "\u00a0", " ")
			require.Contains(t, f.Answer, share+" (", "the sentence has the same number")
			require.Contains(t, last.Name, share+" still in response")
		}
	}
	require.Equal(t, []string{"low 7\u00a0%", "middle 16\u00a0%", "high 23\u00a0%"}, ends)
}

func TestAVisitStaysOnOneLine(t *testing.T) {
	for visit, words := range map[string]string{"+14 d": "+14\u00a0d", "session 2, +7 d": "session 2, +7\u00a0d", "baseline": "baseline", "3 days": "3 days", "8m": "8m"} {
		require.Equal(t, words, chart.VisitWords(visit))
	}
}

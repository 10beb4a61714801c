package mixed

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
)

// twoVisits are made-up rows of some people at two visits, with an arm and a
// covariate c.
func twoVisits(t testing.TB, f string, y, c []float64) (*Design, Rows) {
	frame := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
	n := len(y) / 2
	for i := range y {
		frame.Texts["id"] = append(frame.Texts["id"], fmt.Sprint(i%n))
		frame.Texts["arm"] = append(frame.Texts["arm"], []string{"a", "b"}[i%2])
		frame.Texts["visit"] = append(frame.Texts["visit"], []string{"v1", "v2"}[i/n])
		frame.Numbers["y"] = append(frame.Numbers["y"], stats.Of(y[i]))
		frame.Numbers["c"] = append(frame.Numbers["c"], stats.Of(c[i]))
	}
	m := Model{Formula: f, Visit: "visit", Visits: []string{"v1", "v2"}, Arm: "arm", Factors: map[string][]string{"arm": {"a", "b"}}}
	d, err := m.Design()
	require.NoError(t, err)
	return d, Rows{Data: frame, Subject: "id"}
}

// Sums without a column are the sums that a design without it asks for.
func TestSumsWithoutAColumn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		numbers := rapid.SliceOfN(rapid.Float64Range(-9, 9), 12, 12)
		y, c := numbers.Draw(rt, "y"), numbers.Draw(rt, "c")
		copy(c[6:], c[:6]) // a covariate of the person, not of the visit
		withC, rows := twoVisits(t, "y ~ c*visit + arm*visit", y, c)
		without, _ := twoVisits(t, "y ~ arm*visit", y, c)
		all, err := withC.Sum(rows)
		require.NoError(t, err)
		want, err := without.Sum(rows)
		require.NoError(t, err)
		got, err := all.Without("c")
		require.NoError(t, err)
		require.Equal(t, want.Columns, got.Columns)
		require.Len(t, got.Patterns, len(want.Patterns))
		require.InDeltaSlice(t, want.Shift, got.Shift, 1e-12)
		for i, p := range got.Patterns {
			require.Equal(t, want.Patterns[i].Observed, p.Observed)
			require.InDeltaSlice(t, want.Patterns[i].XX, p.XX, 1e-9)
			require.InDeltaSlice(t, want.Patterns[i].XY, p.XY, 1e-9)
			require.InDeltaSlice(t, want.Patterns[i].YY, p.YY, 1e-9)
		}
	})
}

func TestASharedValueIsFoundInItsOwnUnit(t *testing.T) {
	y := []float64{1, 5, 3, 8, 2, 9, 4, 4, 7, 6, 5, 1}
	for name, c := range map[string]struct {
		values []float64
		shared bool
	}{
		"all alike":    {[]float64{7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}, true},
		"all 0":        {make([]float64, 12), true},
		"one differs":  {[]float64{7, 7, 7, 7, 7, 6, 7, 7, 7, 7, 7, 6}, false},
		"large, close": {[]float64{1000, 1000, 1000, 1000, 1000, 1001, 1000, 1000, 1000, 1000, 1000, 1001}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d, rows := twoVisits(t, "y ~ c*visit + arm*visit", y, c.values)
			sums, err := d.Sum(rows)
			require.NoError(t, err)
			value, shared := sums.Shared("c")
			require.Equal(t, c.shared, shared)
			if shared {
				require.InDelta(t, c.values[0], value, 1e-12)
			}
			_, there := sums.Shared("nothing")
			require.False(t, there)
			_, err = sums.Without("(Intercept)")
			require.ErrorContains(t, err, "no column but the intercept")
			var failure *stats.Failure
			require.ErrorAs(t, err, &failure)
		})
	}
}

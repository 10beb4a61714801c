package survival_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats/glm"
	"afterglow/internal/stats/survival"
	"afterglow/internal/testkit/statstest"
)

// Two groups in one interval are the ratio of their cumulative hazards.
func TestOneIntervalIsTheRatioOfCumulativeHazards(t *testing.T) {
	got, err := survival.CompareHazards([]survival.IntervalCounts{{Group: "a", Interval: "i", N: 40, Events: 10}, {Group: "b", Interval: "i", N: 50, Events: 30}},
		[]string{"a", "b"}, "", 0.95)
	require.NoError(t, err)
	require.Equal(t, survival.HazardRatio{Group: "a"}, got[0])
	require.InEpsilon(t, math.Log(1-0.6)/math.Log(1-0.25), got[1].Ratio.Value, 1e-9)
}

// drawn are counts over three intervals, groups of unlike covariates.
func drawn(seed uint64, groups int) []survival.IntervalCounts {
	source := rand.New(rand.NewPCG(seed, 9))
	var out []survival.IntervalCounts
	for g := range groups {
		for _, interval := range []string{"1 to 2", "2 to 3", "1 to 3"} {
			for x := range 4 {
				n := 1 + source.IntN(30)
				events := 0
				for range n {
					if source.Float64() < 0.2+0.05*float64(x+g) {
						events++
					}
				}
				out = append(out, survival.IntervalCounts{Group: string(rune('a' + g)), Interval: interval, Covariate: float64(10 + x), N: n, Events: events})
			}
		}
	}
	return out
}

// Counts are the binomial model of one row a subject and interval, and their order does not matter.
func TestCountsAreTheModelOfOneRowASubject(t *testing.T) {
	counts := drawn(1, 3)
	data := glm.Data{Response: "event", Names: []string{"b", "c", "i1", "i2", "i3", "x"}}
	for _, c := range counts {
		for k := range c.N {
			x := make([]float64, 6)
			x[5] = c.Covariate
			if i := slices.Index([]string{"b", "c"}, c.Group); i >= 0 {
				x[i] = 1
			}
			x[2+slices.Index([]string{"1 to 2", "2 to 3", "1 to 3"}, c.Interval)] = 1
			y := 0.0
			if k < c.Events {
				y = 1
			}
			data.X, data.Y = append(data.X, x...), append(data.Y, y)
		}
	}
	rows, err := glm.New(glm.CLogLog, data)
	require.NoError(t, err)
	backwards := slices.Clone(counts)
	slices.Reverse(backwards)
	for _, given := range [][]survival.IntervalCounts{counts, backwards} {
		got, err := survival.CompareHazards(given, []string{"a", "b", "c"}, "x", 0.95)
		require.NoError(t, err)
		for j, r := range got[1:] {
			require.InEpsilon(t, math.Exp(rows.Beta[j]), r.Ratio.Value, 1e-7)
			require.InEpsilon(t, rows.SE(j), r.LogSE.Value, 1e-7)
			require.Less(t, r.Lower.Value, r.Ratio.Value)
			require.Greater(t, r.Upper.Value, r.Ratio.Value)
		}
	}
}

// A group or an interval in which all or none had the event changes nothing but its own line.
func TestWhatSaysNothingAboutOthersLeavesTheFit(t *testing.T) {
	counts := drawn(2, 2)
	plain, err := survival.CompareHazards(counts, []string{"a", "b"}, "", 0.95)
	require.NoError(t, err)
	more := append(slices.Clone(counts), survival.IntervalCounts{Group: "c", Interval: "1 to 2", N: 9}, survival.IntervalCounts{Group: "b", Interval: "3 to 4", N: 5, Events: 5})
	got, err := survival.CompareHazards(more, []string{"a", "b", "c"}, "", 0.95)
	require.NoError(t, err)
	require.InEpsilon(t, plain[1].Ratio.Value, got[1].Ratio.Value, 1e-9)
	require.Equal(t, survival.HazardRatio{Group: "c", Extreme: "c"}, got[2])
	got, err = survival.CompareHazards(more, []string{"c", "a"}, "", 0.95)
	require.NoError(t, err)
	require.Equal(t, "c", got[1].Extreme, "nothing can be held against it")
	_, err = survival.CompareHazards([]survival.IntervalCounts{{Group: "a", Interval: "i", Covariate: 20, N: 9, Events: 4}, {Group: "b", Interval: "i", Covariate: 20, N: 9, Events: 5}},
		[]string{"a", "b"}, "baseline", 0.95)
	require.ErrorContains(t, err, "baseline")
}

func FuzzCompareHazards(f *testing.F) {
	f.Add([]byte{0, 1, 3, 9, 4, 1, 1, 2, 8, 3, 0, 0, 2, 7, 7})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var counts []survival.IntervalCounts
		for ; len(raw) >= 5; raw = raw[5:] {
			n := int(raw[3] % 20)
			counts = append(counts, survival.IntervalCounts{Group: string(rune('a' + raw[0]%3)), Interval: string(rune('i' + raw[1]%4)),
				Covariate: float64(raw[2]), N: n, Events: int(raw[4]) % (n + 1)})
		}
		got, err := survival.CompareHazards(counts, []string{"a", "b", "c"}, "x", 0.95)
		statstest.RequireAnswer(t, got, err)
	})
}

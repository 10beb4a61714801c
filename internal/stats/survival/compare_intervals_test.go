package survival_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
	"afterglow/internal/stats/survival"
	"afterglow/internal/testkit/statstest"
)

var never = math.Inf(1)

// responders are 24 times in two groups, with visits missed and a covariate.
func responders() []survival.GroupedTime {
	lower := []float64{0, 28, 56, 84, 0, 28, 84, 0, 56, 84, 28, 84, 0, 0, 28, 28, 0, 56, 84, 0, 28, 0, 56, 84}
	upper := []float64{28, 84, 84, never, 84, 56, never, 56, never, never, 84, never, 28, 28, 56, 84, 56, 84, never, 84, 56, 28, never, never}
	x := []float64{20, 22, 25, 19, 30, 28, 21, 24, 26, 18, 27, 23, 29, 31, 22, 26, 33, 25, 20, 28, 24, 30, 27, 21}
	out := []survival.GroupedTime{}
	for i := range lower {
		group := "a"
		if i >= 12 {
			group = "b"
		}
		out = append(out, survival.GroupedTime{Censored: survival.Censored{Lower: lower[i], Upper: upper[i]}, Group: group, Covariate: x[i]})
	}
	return out
}

var fourVisits = []float64{0, 28, 56, 84}

// R 4.2.2: the likelihood written out and maximised by optim (BFGS), errors from optimHess.
func TestRatiosWithMissedVisitsAreThoseOfALikelihoodInR(t *testing.T) {
	plain, err := survival.CompareIntervals(responders(), []string{"a", "b"}, fourVisits, "", 0.95)
	require.NoError(t, err)
	require.InDelta(t, 0.575450032731, math.Log(plain[1].Ratio.Value), 2e-5, "optim's accuracy")
	require.InEpsilon(t, 0.518093907821, plain[1].LogSE.Value, 1e-4)
	adjusted, err := survival.CompareIntervals(responders(), []string{"a", "b"}, fourVisits, "baseline", 0.95)
	require.NoError(t, err)
	require.InDelta(t, 0.293497100594, math.Log(adjusted[1].Ratio.Value), 2e-5)
	require.InEpsilon(t, 0.621152861611, adjusted[1].LogSE.Value, 1e-4)
	require.InEpsilon(t, math.Exp(math.Log(adjusted[1].Ratio.Value)+1.959963984540054*adjusted[1].LogSE.Value), adjusted[1].Upper.Value, 1e-9)
}

// Two groups in one interval are the ratio of their cumulative hazards.
func TestOneIntervalIsTheRatioOfCumulativeHazards(t *testing.T) {
	got, err := survival.CompareIntervals([]survival.GroupedTime{
		{Censored: survival.Censored{Upper: 28, Count: 10}, Group: "a"}, {Censored: survival.Censored{Lower: 28, Upper: never, Count: 30}, Group: "a"},
		{Censored: survival.Censored{Upper: 28, Count: 30}, Group: "b"}, {Censored: survival.Censored{Lower: 28, Upper: never, Count: 20}, Group: "b"},
	}, []string{"a", "b"}, []float64{0, 28}, "", 0.95)
	require.NoError(t, err)
	require.Equal(t, survival.HazardRatio{Group: "a"}, got[0])
	require.InEpsilon(t, math.Log(1-0.6)/math.Log(1-0.25), got[1].Ratio.Value, 1e-9)
}

// drawn are times of groups of unlike covariates, seen at four visits of which a share is missed.
func drawn(seed uint64, n int, missed, logRatio float64) []survival.GroupedTime {
	random := rand.New(rand.NewPCG(seed, 9))
	var out []survival.GroupedTime
	for i := range n {
		g := survival.GroupedTime{Group: []string{"a", "b"}[i%2], Covariate: 20 + 3*random.NormFloat64()}
		time := 90 * random.ExpFloat64() * math.Exp(-logRatio*float64(i%2)-0.1*(g.Covariate-20))
		g.Upper = never
		for _, visit := range fourVisits[1:] {
			if random.Float64() < missed {
				continue
			}
			if time <= visit {
				g.Upper = visit
				break
			}
			g.Lower = visit
		}
		out = append(out, g)
	}
	return out
}

// Where nobody misses a visit it is the complementary log-log model of one row a subject and interval, as R's glm fits it.
func TestWithoutMissedVisitsItIsTheBinomialModel(t *testing.T) {
	times := drawn(1, 120, 0, 0.5)
	data := glm.Data{Response: "event", Names: []string{"b", "i1", "i2", "i3", "x"}}
	for _, g := range times {
		for k := 1; k < len(fourVisits); k++ {
			if g.Lower < fourVisits[k-1] {
				break
			}
			x := []float64{0, 0, 0, 0, g.Covariate}
			if g.Group == "b" {
				x[0] = 1
			}
			x[k] = 1
			y := 0.0
			if g.Upper == fourVisits[k] {
				y = 1
			}
			if g.Upper == never && g.Lower < fourVisits[k] {
				break
			}
			data.X, data.Y = append(data.X, x...), append(data.Y, y)
		}
	}
	rows, err := glm.New(glm.CLogLog, data)
	require.NoError(t, err)
	backwards := slices.Clone(times)
	slices.Reverse(backwards)
	for _, given := range [][]survival.GroupedTime{times, backwards} {
		got, err := survival.CompareIntervals(given, []string{"a", "b"}, fourVisits, "x", 0.95)
		require.NoError(t, err)
		require.InEpsilon(t, math.Exp(rows.Beta[0]), got[1].Ratio.Value, 1e-7)
		require.InEpsilon(t, rows.SE(0), got[1].LogSE.Value, 0.05, "observed against expected information")
	}
}

// A group in which none or all had the event, an interval in which nobody can have had it, one whose end nobody is known to
// have reached without it, and a visit that nobody made change nothing else.
func TestWhatSaysNothingAboutOthersLeavesTheFit(t *testing.T) {
	times := drawn(2, 80, 0.2, 0.5)
	plain, err := survival.CompareIntervals(times, []string{"a", "b"}, fourVisits, "x", 0.95)
	require.NoError(t, err)
	one := func(group string, lower, upper float64) survival.GroupedTime {
		return survival.GroupedTime{Censored: survival.Censored{Lower: lower, Upper: upper, Count: 9}, Group: group, Covariate: 21}
	}
	for name, c := range map[string]struct {
		more []survival.GroupedTime
		cuts []float64
	}{
		"a group without an event":         {[]survival.GroupedTime{one("c", 84, never)}, fourVisits},
		"a group that had it at once":      {[]survival.GroupedTime{one("c", 0, 28)}, fourVisits},
		"a visit that nobody made":         {nil, []float64{0, 28, 40, 56, 84}},
		"visits that nobody has reached":   {nil, []float64{0, 28, 56, 84, 168, 300}},
		"a subject never seen again":       {[]survival.GroupedTime{one("a", 0, never)}, fourVisits},
		"an end between two visits widens": {nil, fourVisits},
	} {
		given := slices.Clone(append(slices.Clone(times), c.more...))
		if name == "an end between two visits widens" {
			for i := range given {
				if given[i].Upper == 56 {
					given[i].Upper = 40
				}
			}
		}
		got, err := survival.CompareIntervals(given, []string{"a", "b", "c"}, c.cuts, "x", 0.95)
		require.NoError(t, err, name)
		require.InEpsilon(t, plain[1].Ratio.Value, got[1].Ratio.Value, 1e-7, name)
		require.InEpsilon(t, plain[1].LogSE.Value, got[1].LogSE.Value, 1e-6, name)
		require.Equal(t, "c", got[2].Extreme, name)
		got, err = survival.CompareIntervals(given, []string{"c", "a", "b"}, c.cuts, "x", 0.95)
		require.NoError(t, err)
		require.Equal(t, "c", got[1].Extreme, "nothing can be compared with it")
	}
}

// Who was seen without the event to a visit, and had it by a later one that nobody reached without it, says no more than the
// former.
func TestAnIntervalWhoseEndNobodyReachedIsTakenAtItsLimit(t *testing.T) {
	times := []survival.GroupedTime{}
	for _, g := range drawn(3, 80, 0, 0.5) {
		if g.Upper != 84 && g.Lower < 84 {
			times = append(times, g)
		}
	}
	censored := slices.Clone(times)
	for i := range 8 {
		late := survival.GroupedTime{Censored: survival.Censored{Lower: 56, Upper: 84}, Group: []string{"a", "b"}[i%2], Covariate: 19}
		times = append(times, late)
		late.Upper = never
		censored = append(censored, late)
	}
	got, err := survival.CompareIntervals(times, []string{"a", "b"}, fourVisits, "", 0.95)
	require.NoError(t, err)
	want, err := survival.CompareIntervals(censored, []string{"a", "b"}, fourVisits, "", 0.95)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestWhatCannotBeComparedIsNamed(t *testing.T) {
	seen := func(group string, lower, upper, x float64, n int) survival.GroupedTime {
		return survival.GroupedTime{Censored: survival.Censored{Lower: lower, Upper: upper, Count: n}, Group: group, Covariate: x}
	}
	alike := []survival.GroupedTime{seen("a", 0, 28, 20, 4), seen("a", 28, never, 20, 5), seen("b", 0, 28, 20, 5), seen("b", 28, never, 20, 4)}
	_, err := survival.CompareIntervals(alike, []string{"a", "b"}, fourVisits, "baseline", 0.95)
	require.ErrorContains(t, err, "baseline")
	_, err = survival.CompareIntervals(alike, []string{"a"}, fourVisits, "", 0.95)
	require.ErrorContains(t, err, `"b" is not one of the groups`)
	_, err = survival.CompareIntervals(alike, []string{"a", "b"}, []float64{0, 28, 28}, "", 0.95)
	require.ErrorContains(t, err, "cuts")
	_, err = survival.CompareIntervals(alike, []string{"a", "b"}, fourVisits, "", 2)
	require.Error(t, err)
	_, err = survival.CompareIntervals([]survival.GroupedTime{seen("a", 5, 2, 20, 1)}, []string{"a", "b"}, fourVisits, "", 0.95)
	require.ErrorContains(t, err, "of group a cannot be")
	nobody, err := survival.CompareIntervals(nil, []string{"a", "b"}, fourVisits, "", 0.95)
	require.NoError(t, err)
	require.Equal(t, "a", nobody[1].Extreme)
}

// 300 studies of 80 with three visits in ten missed: the ratio's interval holds the truth as often as it says, and the ratio is
// near it.
func TestTheRatioRecoversTheTruthWhereVisitsAreMissed(t *testing.T) {
	const studies, truth = 300, 0.6931471805599453
	covered, fitted, mean := 0, 0, 0.0
	for seed := range uint64(studies) {
		got, err := survival.CompareIntervals(drawn(seed+100, 80, 0.3, truth), []string{"a", "b"}, fourVisits, "x", 0.95)
		if err != nil || !got[1].Ratio.Defined {
			continue
		}
		fitted++
		mean += math.Log(got[1].Ratio.Value)
		if got[1].Lower.Value <= 2 && 2 <= got[1].Upper.Value {
			covered++
		}
	}
	mean /= float64(fitted)
	t.Logf("%d of %d studies fitted; mean log ratio %.3f, coverage %.3f", fitted, studies, mean, float64(covered)/float64(fitted))
	require.Greater(t, fitted, studies*98/100)
	require.InDelta(t, truth, mean, 0.07)
	require.InDelta(t, 0.95, float64(covered)/float64(fitted), 0.035)
}

// Property: a table of times, whatever was missed, has an answer or a reason; a curve lies between 0 and 1 and never rises.
func TestPropertyAnyPatternOfVisitsHasAnAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		visits := fourVisits
		times := []survival.GroupedTime{}
		for range rapid.IntRange(1, 25).Draw(t, "n") {
			a := rapid.IntRange(0, 3).Draw(t, "seen to")
			g := survival.GroupedTime{Censored: survival.Censored{Lower: visits[a], Upper: never, Count: rapid.IntRange(0, 3).Draw(t, "count")},
				Group: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "group"), Covariate: float64(rapid.IntRange(10, 14).Draw(t, "x"))}
			if b := rapid.IntRange(a, 3).Draw(t, "without by"); b > a {
				g.Upper = visits[b]
			}
			times = append(times, g)
		}
		ratios, err := survival.CompareIntervals(times, []string{"a", "b", "c"}, visits, "x", 0.95)
		requireAnswer(t, ratios, err)
		plain := []survival.Censored{}
		for _, g := range times {
			plain = append(plain, g.Censored)
		}
		curve, err := survival.FitVisitCurve("all", plain, visits, 0.95)
		require.NoError(t, err)
		requireCurve(t, curve)
	})
}

func requireAnswer(t require.TestingT, ratios []survival.HazardRatio, err error) {
	if err != nil {
		var failure *stats.Failure
		require.ErrorAs(t, err, &failure)
		return
	}
	for _, r := range ratios {
		require.True(t, !r.Ratio.Defined || r.Ratio.Value > 0 && stats.Finite(r.Ratio.Value))
	}
}

func requireCurve(t require.TestingT, curve survival.VisitCurve) {
	above := 1.0
	require.Equal(t, 1.0, curve.Points[0].Surv.Value)
	left := curve.N
	for _, p := range curve.Points {
		require.Equal(t, left, p.NRisk)
		left -= p.NEvent + p.NCensor
		if !p.Surv.Defined {
			continue
		}
		require.True(t, p.Surv.Value >= 0 && p.Surv.Value <= above+1e-12, "%v", curve.Points)
		above = p.Surv.Value
		if p.Lower.Defined {
			require.True(t, 0 <= p.Lower.Value && p.Lower.Value <= p.Surv.Value && p.Surv.Value <= p.Upper.Value && p.Upper.Value <= 1)
		}
	}
	require.Zero(t, left)
}

func FuzzCompareIntervals(f *testing.F) {
	f.Add([]byte{0, 1, 3, 9, 4, 1, 1, 2, 8, 3, 0, 0, 2, 7, 7})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var times []survival.GroupedTime
		for ; len(raw) >= 5; raw = raw[5:] {
			g := survival.GroupedTime{Group: string(rune('a' + raw[0]%3)), Covariate: float64(raw[2])}
			g.Lower, g.Upper, g.Count = float64(raw[1]), float64(raw[1])+float64(raw[3]), int(raw[4])
			if raw[3] > 200 {
				g.Upper = never
			}
			times = append(times, g)
		}
		got, err := survival.CompareIntervals(times, []string{"a", "b", "c"}, fourVisits, "x", 0.95)
		statstest.RequireAnswer(t, got, err)
	})
}

package survival_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
	"afterglow/internal/testkit/statstest"
)

// Identity: with everyone followed to the end, the restricted mean is that of min(time, tau), and its variance the sum of
// squared deviations over n^2.
func TestWithoutCensoringRestrictedMeansAreMeans(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	var all []survival.Observation
	for i := range 60 {
		all = append(all, survival.Observation{Time: math.Ceil(20 * random.ExpFloat64()), Event: true, Group: []string{"a", "b", "c"}[i%3]})
	}
	const tau = 25.0
	moments := func(group string) (mean, variance float64) {
		var values []float64
		for _, s := range all {
			if s.Group == group {
				values = append(values, math.Min(s.Time, tau))
			}
		}
		for _, v := range values {
			mean += v / float64(len(values))
		}
		for _, v := range values {
			variance += (v - mean) * (v - mean) / float64(len(values)*len(values))
		}
		return mean, variance
	}
	groups, err := survival.Tally(all, []string{"a", "b", "c"})
	require.NoError(t, err)
	got, err := survival.CompareRestrictedMeans(groups, tau, 0.95)
	require.NoError(t, err)
	require.False(t, got.TauMax.Defined, "everyone had the event: any tau will do")
	a, va := moments("a")
	for i, level := range []string{"b", "c"} {
		b, vb := moments(level)
		d := got.Differences[i]
		require.InDelta(t, b-a, d.Estimate.Value, 1e-12)
		require.InDelta(t, math.Sqrt(va+vb), d.SE.Value, 1e-12)
		require.InDelta(t, stats.TwoSidedNormal((b-a)/math.Sqrt(va+vb)), d.PValue.Value, 1e-12)
		require.InDelta(t, b/a, got.Ratios[i].Estimate.Value, 1e-12)
		require.InDelta(t, math.Sqrt(va/(a*a)+vb/(b*b)), got.Ratios[i].LogSE.Value, 1e-12)
	}
}

// Those who never had the state count with 0: the mean over all is the share of the rest times their own.
func TestTheMeanOverAllCountsThoseWithoutTimeAsZero(t *testing.T) {
	groups := []survival.Group{
		{Level: "all", Counts: []survival.Count{{Time: 0, Events: 6}, {Time: 2, Events: 1, Censored: 1}, {Time: 5, Events: 2}}},
		{Level: "entered", Counts: []survival.Count{{Time: 2, Events: 1, Censored: 1}, {Time: 5, Events: 2}}},
	}
	got, err := survival.CompareRestrictedMeans(groups, 4, 0.95)
	require.NoError(t, err)
	require.InDelta(t, 0.4*got.Groups[1].Estimate.Value, got.Groups[0].Estimate.Value, 1e-12)
}

func stay(enter, leave float64, group string) survival.Stay {
	return survival.Stay{Enter: enter, Leave: leave, Entered: true, Left: true, Group: group}
}

// Identity: with nobody censored, the time in the state is the mean of min(leave, tau) - min(enter, tau), its error the
// sample's.
func TestWithoutCensoringTheTimeInAStateIsAMean(t *testing.T) {
	stays := []survival.Stay{stay(1, 9, "a"), stay(2, 2, "a"), stay(3, 5, "a"), stay(7, 7, "a"), stay(6, 20, "a"), stay(12, 30, "a"), stay(0, 4, "b"), stay(1, 3, "b")}
	got, err := survival.TimeInState(stays, []string{"a", "b"}, 10, 0.95)
	require.NoError(t, err)
	values, mean, squares := []float64{8, 0, 2, 0, 4, 0}, 14.0/6, 0.0
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	require.InDelta(t, mean, got.Groups[0].Estimate.Value, 1e-12)
	require.InDelta(t, math.Sqrt(squares)/6, got.Groups[0].SE.Value, 1e-12)
	require.InDelta(t, 3-mean, got.Differences[0].Estimate.Value, 1e-12)
}

// Recovery: a share of 0.6 enters within 8 days and stays for exponential times, censored at random from day 4 on; the mean over
// repetitions is the true one, and the error reported is the spread seen.
func TestTheTimeInAStateIsRecoveredUnderCensoring(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	const tau, repetitions = 30.0, 300
	sum, squares, errors, truth, draws := 0.0, 0.0, 0.0, 0.0, 0
	for range repetitions {
		var stays []survival.Stay
		for range 150 {
			enter := 8 * random.Float64()
			leave := enter
			if random.Float64() < 0.6 {
				leave += 20 * random.ExpFloat64()
			}
			truth += math.Min(leave, tau) - math.Min(enter, tau)
			draws++
			end := 4 + 66*random.Float64()
			stays = append(stays, survival.Stay{Enter: math.Min(enter, end), Leave: math.Min(leave, end), Entered: enter <= end, Left: leave <= end, Group: "a"})
		}
		got, err := survival.TimeInState(stays, []string{"a"}, tau, 0.95)
		require.NoError(t, err)
		require.True(t, got.Groups[0].Estimate.Defined)
		sum += got.Groups[0].Estimate.Value
		squares += got.Groups[0].Estimate.Value * got.Groups[0].Estimate.Value
		errors += got.Groups[0].SE.Value
	}
	mean := sum / repetitions
	spread := math.Sqrt(squares/repetitions - mean*mean)
	require.InDelta(t, truth/float64(draws), mean, 4*spread/math.Sqrt(repetitions))
	require.InDelta(t, spread, errors/repetitions, 0.15*spread)
}

// Without an event before tau the formula's error is 0, and a comparison's is the other group's alone: that is said.
func TestAGroupWithoutAnEventIsNamedBesideItsComparison(t *testing.T) {
	group := func(level string, last float64, events ...float64) survival.Group {
		g := survival.Group{Level: level, Counts: []survival.Count{{Time: last, Censored: 5}}}
		for _, time := range events {
			g.Counts = append(g.Counts, survival.Count{Time: time, Events: 1})
		}
		return g
	}
	got, err := survival.CompareRestrictedMeans([]survival.Group{group("a", 9, 8), group("b", 9, 2, 4)}, 5, 0.95)
	require.NoError(t, err)
	require.Len(t, got.Notes, 1)
	require.Contains(t, got.Notes[0], "a has no event before 5")
	require.Equal(t, got.Groups[1].SE, got.Differences[0].SE)
	got, err = survival.CompareRestrictedMeans([]survival.Group{group("a", 9, 3), group("b", 9, 2, 4)}, 5, 0.95)
	require.NoError(t, err)
	require.Empty(t, got.Notes)
}

func TestBesideATestStandRestrictedMeans(t *testing.T) {
	strata := []survival.Stratum{}
	for range 2 {
		strata = append(strata, survival.Stratum{Groups: []survival.Group{
			{Level: "a", Counts: []survival.Count{{Time: 1, Events: 2}, {Time: 4, Events: 3, Censored: 2}}},
			{Level: "b", Counts: []survival.Count{{Time: 2, Events: 2}, {Time: 6, Events: 3, Censored: 2}}}}})
	}
	test, err := survival.LogRank(strata, 0)
	require.NoError(t, err)
	require.NoError(t, test.Beside(strata, 3, 0.95))
	require.Equal(t, 14, test.RMST.Groups[0].N)
	require.True(t, test.RMST.Differences[0].PValue.Defined)
}

// SR-121: what has no restricted mean is named; past the last observation it is undefined, and tau_max says to where it is not.
func TestSR121_RestrictedMeansThatCannotBeAreNamed(t *testing.T) {
	short := []survival.Group{{Level: "a", Counts: []survival.Count{{Time: 3, Events: 1, Censored: 2}}}, {Level: "b", Counts: []survival.Count{{Time: 5, Events: 1, Censored: 2}}}}
	got, err := survival.CompareRestrictedMeans(short, 4, 0.95)
	require.NoError(t, err)
	require.Equal(t, stats.Of(3), got.TauMax)
	require.False(t, got.Groups[0].Estimate.Defined)
	require.True(t, got.Groups[1].Estimate.Defined)
	require.False(t, got.Differences[0].Estimate.Defined)

	for name, c := range map[string]struct {
		stays []survival.Stay
		tau   float64
		where string
	}{
		"nobody in a group":    {[]survival.Stay{stay(1, 2, "a")}, 3, "b"},
		"an unknown group":     {[]survival.Stay{stay(1, 2, "c")}, 3, "group"},
		"leaving before":       {[]survival.Stay{stay(3, 2, "a"), stay(1, 2, "b")}, 3, "leave"},
		"left but not entered": {[]survival.Stay{{Enter: 1, Leave: 1, Left: true, Group: "a"}, stay(1, 2, "b")}, 3, "enter"},
		"no number":            {[]survival.Stay{stay(math.NaN(), 2, "a"), stay(1, 2, "b")}, 3, "time"},
		"a tau of 0":           {[]survival.Stay{stay(1, 2, "a"), stay(1, 2, "b")}, 0, "tau"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := survival.TimeInState(c.stays, []string{"a", "b"}, c.tau, 0.95)
			var failure *stats.Failure
			require.ErrorAs(t, err, &failure)
			require.Equal(t, c.where, failure.Where)
		})
	}
}

func FuzzTimeInState(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 0, 9, 7}, 3.0)
	f.Fuzz(func(t *testing.T, data []byte, tau float64) {
		var stays []survival.Stay
		for i := 0; i+2 < len(data); i += 3 {
			enter := float64(data[i]) / 8
			s := survival.Stay{Enter: enter, Leave: enter + float64(data[i+1])/8, Entered: data[i+2]&1 > 0, Left: data[i+2]&2 > 0, Group: "ab"[data[i+2]&4/4 : data[i+2]&4/4+1]}
			stays = append(stays, s)
		}
		result, err := survival.TimeInState(stays, []string{"a", "b"}, tau, 0.9)
		statstest.RequireAnswer(t, result, err)
	})
}

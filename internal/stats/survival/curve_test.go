package survival_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
)

func plain() survival.Options { return survival.Options{Level: 0.95, Tau: stats.Of(3)} }

func estimate(t testing.TB, o survival.Options, counts ...survival.Count) survival.Curve {
	result, err := survival.KaplanMeier([]survival.Group{{Level: "all", Counts: counts}}, o)
	require.NoError(t, err)
	return result.Groups[0]
}

func TestWithoutCensoringTheCurveIsTheShareLeft(t *testing.T) {
	c := estimate(t, plain(), survival.Count{Time: 1, Events: 1}, survival.Count{Time: 2, Events: 2}, survival.Count{Time: 4, Events: 1})
	require.InDelta(t, 0.75, c.Table[0].Surv, 1e-15)
	require.InDelta(t, 0.25, c.Table[1].Surv, 1e-15)
	require.InDelta(t, math.Sqrt(0.25*0.75/4), c.Table[1].SE.Value, 1e-15, "Greenwood is then the binomial error")
	require.InDelta(t, 1+0.75+0.25, c.RMST.Estimate.Value, 1e-15)
}

func TestWhereTheCurveReachesZeroErrorAndLimitsAreUndefined(t *testing.T) {
	c := estimate(t, plain(), survival.Count{Time: 1, Events: 1}, survival.Count{Time: 2, Events: 1})
	last := c.Table[1]
	require.Zero(t, last.Surv)
	for _, n := range []stats.Number{last.SE, last.LowerLogLog, last.UpperPlain, last.UpperLog} {
		require.False(t, n.Defined)
	}
	require.Equal(t, stats.Of(1.5), c.RMST.Estimate, "followed to the end: everyone had the event before tau")
	text, err := json.Marshal(c)
	require.NoError(t, err)
	require.Contains(t, string(text), `"se":null`)
}

func TestBeforeAnyEventTheLogLogLimitsAreUndefined(t *testing.T) {
	c := estimate(t, plain(), survival.Count{Time: 1, Censored: 2}, survival.Count{Time: 4, Censored: 3})
	require.Equal(t, stats.Of(1), c.Table[0].LowerPlain)
	require.Equal(t, stats.Of(1), c.Table[0].UpperLog)
	require.False(t, c.Table[0].LowerLogLog.Defined)
	require.Equal(t, stats.Of(3), c.RMST.Estimate)
	require.False(t, c.RMST.Lower.Defined, "no event: no error to build an interval from")
}

// The expected limits are those of summary(survfit(Surv(time, status) ~ 1, conf.type = "log-log"), times = 0.5) in R.
func TestReadBeforeTheFirstTimeTheCurveAndItsLimitsAreOne(t *testing.T) {
	o := plain()
	o.At = []float64{0.5, 1}
	c := estimate(t, o, survival.Count{Time: 1, Censored: 1}, survival.Count{Time: 2, Events: 1}, survival.Count{Time: 3, Censored: 1})
	require.Equal(t, survival.Point{Time: 0.5, NRisk: 3, Surv: stats.Of(1), SE: stats.Of(0), LowerLogLog: stats.Of(1), UpperLogLog: stats.Of(1)}, c.At[0])
	require.False(t, c.At[1].LowerLogLog.Defined)
}

func TestAFlatStretchGivesItsMiddle(t *testing.T) {
	c := estimate(t, plain(), survival.Count{Time: 1, Events: 2}, survival.Count{Time: 2, Censored: 1}, survival.Count{Time: 5, Events: 1})
	require.Equal(t, stats.Of(3), c.Quantiles[1].Estimate, "S is 0.5 from 1 to 5")
	c = estimate(t, plain(), survival.Count{Time: 1, Events: 2}, survival.Count{Time: 7, Censored: 2})
	require.Equal(t, stats.Of(4), c.Quantiles[1].Estimate, "it stays there to the last time, 7")
	require.False(t, c.Quantiles[2].Estimate.Defined)
}

func TestNothingIsReadPastTheLastObservation(t *testing.T) {
	o := plain()
	o.At, o.Tau = []float64{0, 1, 2, 9}, stats.Of(9)
	c := estimate(t, o, survival.Count{Time: 1, Events: 1}, survival.Count{Time: 2, Censored: 3})
	require.Equal(t, []int{4, 4, 3, 0}, []int{c.At[0].NRisk, c.At[1].NRisk, c.At[2].NRisk, c.At[3].NRisk})
	require.Equal(t, stats.Of(1), c.At[0].Surv)
	require.Equal(t, stats.Of(0.75), c.At[1].Surv)
	require.False(t, c.At[3].Surv.Defined)
	require.False(t, c.RMST.Estimate.Defined)
}

func TestTimesEqualButForRoundingAreTied(t *testing.T) {
	c := estimate(t, plain(), survival.Count{Time: 0.3, Events: 1}, survival.Count{Time: 0.1 + 0.2, Events: 1}, survival.Count{Time: 4, Censored: 2})
	require.Len(t, c.Table, 2)
	require.Equal(t, 2, c.Table[0].NEvent)
}

func subjects(t *rapid.T) []survival.Observation {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) survival.Observation {
		return survival.Observation{
			Time:  float64(rapid.IntRange(1, 30).Draw(t, "day")),
			Event: rapid.Bool().Draw(t, "event"),
			Group: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "group"),
		}
	}), 2, 60).Draw(t, "subjects")
}

// Counting in parts and in any order, as a column store does, changes nothing.
func TestCountsMayComeInPartsAndInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := subjects(t)
		whole, err := survival.Tally(all, []string{"a", "b"})
		require.NoError(t, err)
		parts := []survival.Group{{Level: "a"}, {Level: "b"}}
		for _, s := range slices.Backward(all) {
			one, err := survival.Tally([]survival.Observation{s}, []string{"a", "b"})
			require.NoError(t, err)
			for g := range parts {
				parts[g].Counts = append(parts[g].Counts, one[g].Counts...)
			}
		}
		x, errX := survival.KaplanMeier(whole, plain())
		y, errY := survival.KaplanMeier(parts, plain())
		require.Equal(t, errX, errY)
		require.Equal(t, x, y)
	})
}

func TestCurvesFallAndLimitsHoldThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups, err := survival.Tally(subjects(t), []string{"a", "b"})
		require.NoError(t, err)
		result, err := survival.KaplanMeier(groups, plain())
		if err != nil {
			return // a group without a subject
		}
		for _, c := range result.Groups {
			before, left := 1.0, c.N
			for _, r := range c.Table {
				require.LessOrEqual(t, r.Surv, before)
				require.Equal(t, left, r.NRisk)
				before, left = r.Surv, left-r.NEvent-r.NCensor
				if r.LowerLogLog.Defined {
					require.True(t, r.LowerLogLog.Value <= r.Surv && r.Surv <= r.UpperLogLog.Value)
				}
				if r.LowerPlain.Defined {
					require.True(t, r.LowerPlain.Value <= r.Surv && r.Surv <= r.UpperPlain.Value)
				}
			}
			require.Zero(t, left)
		}
	})
}

// The chi-square does not depend on the order of the groups or the unit of time.
func TestTheLogRankTestIsInvariant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := subjects(t)
		groups, err := survival.Tally(all, []string{"a", "b"})
		require.NoError(t, err)
		first, errFirst := survival.LogRank([]survival.Stratum{{Groups: groups}}, 0)
		for i := range all {
			all[i].Time *= 1000
		}
		turned, err := survival.Tally(all, []string{"b", "a"})
		require.NoError(t, err)
		second, errSecond := survival.LogRank([]survival.Stratum{{Groups: turned}}, 0)
		require.Equal(t, errFirst == nil, errSecond == nil)
		if errFirst == nil {
			require.InDelta(t, first.ChiSq.Value, second.ChiSq.Value, 1e-9*(1+first.ChiSq.Value))
			require.InDelta(t, first.Observed[0]+first.Observed[1], first.Expected[0]+first.Expected[1], 1e-9)
		}
	})
}

// SR-121: degenerate data are named.
func TestSR121_DegenerateCountsAreNamed(t *testing.T) {
	one := survival.Group{Level: "a", Counts: []survival.Count{{Time: 1, Events: 1}}}
	censored := func(level string) survival.Group {
		return survival.Group{Level: level, Counts: []survival.Count{{Time: 1, Censored: 4}}}
	}
	km := func(groups ...survival.Group) error {
		_, err := survival.KaplanMeier(groups, plain())
		return err
	}
	logRank := func(groups ...survival.Group) error {
		_, err := survival.LogRank([]survival.Stratum{{Groups: groups}}, 0)
		return err
	}
	weighted := func(rho float64) error {
		_, err := survival.LogRank([]survival.Stratum{{Groups: []survival.Group{one, {Level: "b", Counts: one.Counts}}}}, rho)
		return err
	}
	_, outside := survival.Tally([]survival.Observation{{Time: 1, Group: "c"}}, []string{"a"})
	_, notFinite := survival.Tally([]survival.Observation{{Time: math.NaN(), Group: "a"}}, []string{"a"})
	cases := map[string]struct {
		err   error
		kind  stats.Kind
		where string
	}{
		"no group":                    {km(), stats.TooFew, "groups"},
		"a group without a subject":   {km(one, survival.Group{Level: "b"}), stats.EmptyCell, "b"},
		"an infinite time":            {km(survival.Group{Level: "b", Counts: []survival.Count{{Time: math.Inf(1), Events: 1}}}), stats.NotFinite, "b"},
		"a negative time":             {km(survival.Group{Level: "b", Counts: []survival.Count{{Time: -1, Events: 1}}}), stats.BadInput, "b"},
		"a time without a subject":    {km(survival.Group{Level: "b", Counts: []survival.Count{{Time: 1}}}), stats.BadInput, "b"},
		"a subject of no group":       {outside, stats.BadInput, "group"},
		"a time that is no number":    {notFinite, stats.NotFinite, "time"},
		"a comparison with one group": {logRank(one), stats.OneLevel, "group"},
		"a comparison without events": {logRank(censored("a"), censored("b")), stats.NoEvents, "event"},
		"never two groups at risk":    {logRank(one, survival.Group{Level: "b", Counts: []survival.Count{{Time: 0.5, Censored: 1}}}), stats.TooFew, "group"},
		"an enormous power":           {weighted(1e300), stats.BadInput, "rho"},
		"a power that is no number":   {weighted(math.NaN()), stats.NotFinite, "rho"},
		"an empty group compared":     {logRank(one, survival.Group{Level: "b"}), stats.EmptyCell, "b"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var failure *stats.Failure
			require.ErrorAs(t, c.err, &failure)
			require.Equal(t, c.kind, failure.Kind)
			require.Equal(t, c.where, failure.Where)
		})
	}
	require.Error(t, survival.Options{Level: 2}.Validate())
	require.Error(t, survival.Options{Level: 0.9, Tau: stats.Of(-1)}.Validate())
	require.Error(t, survival.Options{Level: 0.9, At: []float64{math.NaN()}}.Validate())
}

// Any counts give either a failure with a kind or a result that JSON can hold.
func FuzzCounts(f *testing.F) {
	f.Add([]byte{1, 1, 0, 2, 0, 1, 3, 2, 2}, 2.5)
	f.Add([]byte{0, 0, 0}, math.Inf(1))
	f.Fuzz(func(t *testing.T, data []byte, tau float64) {
		groups := []survival.Group{{Level: "a"}, {Level: "b"}}
		for i := 0; i+2 < len(data); i += 3 {
			g := &groups[i/3%2]
			g.Counts = append(g.Counts, survival.Count{Time: float64(data[i]) / 8, Events: int(data[i+1] % 4), Censored: int(data[i+2] % 4)})
		}
		result, err := survival.KaplanMeier(groups, survival.Options{Level: 0.9, Tau: stats.Number{Value: tau, Defined: true}, At: []float64{1, 8}})
		test, errTest := survival.LogRank([]survival.Stratum{{Groups: groups}}, 1)
		for _, err := range []error{err, errTest} {
			var failure *stats.Failure
			require.True(t, err == nil || errors.As(err, &failure))
		}
		for _, r := range []any{result, test} {
			_, err := json.Marshal(r)
			require.NoError(t, err)
		}
	})
}

func BenchmarkKaplanMeier(b *testing.B) {
	groups := []survival.Group{{Level: "a"}, {Level: "b"}}
	for g := range groups {
		for day := range 365 {
			groups[g].Counts = append(groups[g].Counts, survival.Count{Time: float64(day), Events: 7000 - 10*day, Censored: 6000})
		}
	}
	for b.Loop() {
		_, err := survival.KaplanMeier(groups, plain())
		require.NoError(b, err)
	}
}

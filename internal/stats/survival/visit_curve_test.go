package survival_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
)

func timesOf(times []survival.GroupedTime) []survival.Censored {
	out := []survival.Censored{}
	for _, g := range times {
		out = append(out, g.Censored)
	}
	return out
}

// completed are the 24 responders where every visit was made: the event was found by the visit of this number, 0 for never.
func completed() []survival.GroupedTime {
	out := responders()
	for i, k := range []int{1, 2, 3, 0, 1, 2, 0, 3, 0, 0, 2, 0, 1, 1, 2, 2, 1, 3, 0, 1, 2, 1, 0, 0} {
		out[i].Censored = survival.Censored{Lower: 84, Upper: never}
		if k > 0 {
			out[i].Censored = survival.Censored{Lower: fourVisits[k-1], Upper: fourVisits[k]}
		}
	}
	return out
}

func requirePoints(t *testing.T, curve survival.VisitCurve, tolerance float64, want ...[4]float64) {
	t.Helper()
	for k, w := range want {
		p := curve.Points[k+1]
		for i, got := range []stats.Number{p.Surv, p.SE, p.Lower, p.Upper} {
			require.InEpsilon(t, w[i], got.Value, tolerance, "visit %d, field %d", k+1, i)
		}
	}
}

// R 4.2.2: survfit with log-log limits, and glm with the complementary log-log link.
func TestWhereNoVisitIsMissedBothAreThoseOfR(t *testing.T) {
	curve, err := survival.FitVisitCurve("all", timesOf(completed()), fourVisits, 0.95)
	require.NoError(t, err)
	requirePoints(t, curve, 1e-8, [4]float64{0.708333333333, 0.0927804806659, 0.483838855372, 0.848916921892},
		[4]float64{0.458333333333, 0.1017070730269, 0.256052058900, 0.639700730708}, [4]float64{0.333333333333, 0.0962250448649, 0.159025225020, 0.518706538804})
	require.Equal(t, 16, curve.Events)
	for covariate, want := range map[string][2]float64{"": {0.595952202499, 0.510597353803}, "baseline": {0.224485078639, 0.540686529151}} {
		got, err := survival.CompareIntervals(completed(), []string{"a", "b"}, fourVisits, covariate, 0.95)
		require.NoError(t, err)
		require.InEpsilon(t, want[0], math.Log(got[1].Ratio.Value), 1e-8)
		require.InEpsilon(t, want[1], got[1].LogSE.Value, 0.05, "observed against expected information")
	}
}

// R 4.2.2: the multinomial likelihood of the four stretches, maximised by optim, errors from optimHess.
func TestTheCurveWithMissedVisitsIsThatOfALikelihoodInR(t *testing.T) {
	curve, err := survival.FitVisitCurve("all", timesOf(responders()), fourVisits, 0.95)
	require.NoError(t, err)
	requirePoints(t, curve, 1e-5, [4]float64{0.7677008221, 0.09845746712, 0.5045267814, 0.9028949853},
		[4]float64{0.4895935317, 0.11714234946, 0.2522999160, 0.6904775086}, [4]float64{0.3012807564, 0.09906783063, 0.1283558285, 0.4960422467})
	require.Equal(t, survival.TimeRange{Lower: stats.Of(28), Upper: stats.Of(56)}, curve.Median)
	require.Equal(t, survival.TimeRange{Lower: stats.Of(28), Upper: stats.Of(56)}, curve.MedianLower)
	require.Equal(t, survival.TimeRange{Lower: stats.Of(56), Upper: stats.Of(84)}, curve.MedianUpper)
}

// Property: seen at every visit, the curve at the visits is Kaplan and Meier's with its limits, and Turnbull's.
func TestPropertyEveryVisitMadeIsKaplanMeier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times, counts := []survival.Censored{}, []survival.Count{}
		for k := range 4 {
			n, d := rapid.IntRange(0, 20).Draw(t, "censored"), 0
			if k > 0 {
				d = rapid.IntRange(0, 20).Draw(t, "events")
			}
			if n+d > 0 {
				counts = append(counts, survival.Count{Time: fourVisits[k], Events: d, Censored: n})
			}
			if n > 0 {
				times = append(times, survival.Censored{Lower: fourVisits[k], Upper: never, Count: n})
			}
			if d > 0 {
				times = append(times, survival.Censored{Lower: fourVisits[k-1], Upper: fourVisits[k], Count: d})
			}
		}
		if len(times) == 0 {
			return
		}
		curve, err := survival.FitVisitCurve("all", times, fourVisits, 0.9)
		require.NoError(t, err)
		km, err := survival.KaplanMeier([]survival.Group{{Level: "all", Counts: counts}}, survival.Options{At: fourVisits, Level: 0.9})
		require.NoError(t, err)
		turnbull, err := survival.FitTurnbull("all", times, stats.Number{})
		require.NoError(t, err)
		for k, want := range km.Groups[0].At {
			got := curve.Points[k]
			require.Equal(t, want.Surv.Defined, got.Surv.Defined, "visit %d", k)
			if !want.Surv.Defined {
				continue
			}
			require.Equal(t, want.NRisk, got.NRisk)
			require.InDelta(t, want.Surv.Value, got.Surv.Value, 1e-8)
			left := 1.0
			for _, m := range turnbull.Masses {
				if m.Upper.Defined && m.Upper.Value <= fourVisits[k] {
					left -= m.Mass
				}
			}
			require.InDelta(t, left, got.Surv.Value, 1e-8)
			if got.Lower.Defined {
				require.InEpsilon(t, want.SE.Value, got.SE.Value, 1e-5)
				require.InDelta(t, want.LowerLogLog.Value, got.Lower.Value, 1e-6)
				require.InDelta(t, want.UpperLogLog.Value, got.Upper.Value, 1e-6)
			}
		}
	})
}

// Nobody was seen at day 56, and nobody was followed beyond day 84: nothing is said there.
func TestWhatTheVisitsDoNotTellIsUndefined(t *testing.T) {
	curve, err := survival.FitVisitCurve("all", []survival.Censored{{Upper: 28, Count: 3}, {Lower: 28, Upper: 84, Count: 3}, {Lower: 84, Upper: never, Count: 2}},
		[]float64{0, 28, 56, 84, 168}, 0.95)
	require.NoError(t, err)
	defined := []bool{}
	for _, p := range curve.Points {
		defined = append(defined, p.Surv.Defined)
	}
	require.Equal(t, []bool{true, true, false, true, false}, defined)
	require.InDelta(t, 0.25, curve.Points[3].Surv.Value, 1e-9)
	require.Equal(t, survival.TimeRange{Lower: stats.Of(28), Upper: stats.Of(84)}, curve.Median)
	never, err := survival.FitVisitCurve("all", []survival.Censored{{Lower: 84, Upper: never, Count: 5}}, fourVisits, 0.95)
	require.NoError(t, err)
	require.Equal(t, survival.TimeRange{}, never.Median)
	require.Equal(t, 1.0, never.Points[3].Surv.Value)
	require.False(t, never.Points[3].Lower.Defined)
	all, err := survival.FitVisitCurve("all", []survival.Censored{{Upper: 28, Count: 5}}, fourVisits, 0.95)
	require.NoError(t, err)
	require.Equal(t, survival.TimeRange{Lower: stats.Of(0), Upper: stats.Of(28)}, all.Median)
	require.Zero(t, all.Points[3].Surv.Value)
	_, err = survival.FitVisitCurve("all", nil, fourVisits, 0.95)
	require.ErrorContains(t, err, "no subject")
	_, err = survival.FitVisitCurve("all", []survival.Censored{{Upper: 28}}, []float64{0}, 0.95)
	require.Error(t, err)
}

// survivalOfDrawn is the share without the event at the later visits among those that drawn draws in group a: the
// exponential curve averaged over the covariate.
var survivalOfDrawn = []float64{0.7257169, 0.5314869, 0.3925118}

// 300 groups of 60 with three visits in ten missed: the limits hold the truth as often as they say.
func TestTheLimitsOfTheCurveHoldTheTruthWhereVisitsAreMissed(t *testing.T) {
	const groups = 300
	held, all := 0, 0
	for seed := range uint64(groups) {
		curve, err := survival.FitVisitCurve("a", timesOf(drawn(seed+500, 60, 0.3, 0)), fourVisits, 0.95)
		require.NoError(t, err)
		for k, truth := range survivalOfDrawn {
			if p := curve.Points[k+1]; p.Lower.Defined {
				all++
				if p.Lower.Value <= truth && truth <= p.Upper.Value {
					held++
				}
			}
		}
	}
	t.Logf("%d of %d", held, all)
	require.Greater(t, all, 3*groups*95/100)
	require.InDelta(t, 0.95, float64(held)/float64(all), 0.03)
}

// Property: limits of a restricted mean lie in 0 to tau, around it.
func TestPropertyLimitsOfARestrictedMeanStayWhereItCanBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tau := rapid.Float64Range(1, 400).Draw(t, "tau")
		mean := tau * rapid.Float64Range(0.001, 0.999).Draw(t, "share")
		m := survival.RMST{Tau: tau, Estimate: stats.Of(mean), SE: stats.Of(tau * rapid.Float64Range(0.001, 0.5).Draw(t, "se"))}
		lower, upper := survival.RestrictedMeanLimits(m, 0.95)
		require.True(t, 0 <= lower.Value && lower.Value <= mean && mean <= upper.Value && upper.Value <= tau)
	})
	lower, upper := survival.RestrictedMeanLimits(survival.RMST{Tau: 100, Estimate: stats.Of(20), SE: stats.Of(4)}, 0.95)
	require.InDelta(t, 13.2816, lower.Value, 1e-3, "by hand: logit 0.2 = -1.38629, half width 1.95996 * 0.04 / 0.16 = 0.48999")
	require.InDelta(t, 28.9811, upper.Value, 1e-3)
	for _, m := range []survival.RMST{{Tau: 100}, {Tau: 100, Estimate: stats.Of(0), SE: stats.Of(0)}, {Tau: 100, Estimate: stats.Of(100), SE: stats.Of(0)}} {
		lower, upper = survival.RestrictedMeanLimits(m, 0.95)
		require.False(t, lower.Defined || upper.Defined)
	}
}

package survival_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
	"afterglow/internal/testkit/statstest"
)

// radiotherapy are the 46 intervals in months of Finkelstein & Wolfe (1985, Biometrics 41:933), as printed in Klein &
// Moeschberger (2003, section 1.18).
func radiotherapy() []survival.Censored {
	var out []survival.Censored
	for _, v := range [][2]float64{{0, 7}, {0, 8}, {0, 5}, {4, 11}, {5, 12}, {5, 11}, {6, 10}, {7, 16}, {7, 14}, {11, 15}, {11, 18}, {17, 25},
		{17, 25}, {19, 35}, {18, 26}, {25, 37}, {26, 40}, {27, 34}, {36, 44}, {36, 48}, {37, 44}} {
		out = append(out, survival.Censored{Lower: v[0], Upper: v[1]})
	}
	for _, lower := range []float64{15, 17, 18, 22, 24, 24, 32, 33, 34, 36, 36, 37, 37, 37, 38, 40, 45} {
		out = append(out, survival.Censored{Lower: lower, Upper: math.Inf(1)})
	}
	return append(out, survival.Censored{Lower: 46, Upper: math.Inf(1), Count: 8})
}

// Published: the masses of Turnbull's estimate as printed for these data by Fay & Shaw (2010, J Stat Softw 36(2)), to 4 digits; the
// curve is that of Klein & Moeschberger (2003, section 5.2).
func TestTurnbullsEstimateOfPublishedIntervals(t *testing.T) {
	fit, err := survival.FitTurnbull("radiotherapy", radiotherapy(), stats.Of(48))
	require.NoError(t, err)
	want := [][3]float64{{4, 5, 0.0463}, {6, 7, 0.0334}, {7, 8, 0.0887}, {11, 12, 0.0708}, {24, 25, 0.0926}, {33, 34, 0.0818}, {38, 40, 0.1209}, {46, 48, 0.4656}}
	require.Len(t, fit.Masses, len(want))
	for i, m := range fit.Masses {
		require.Equal(t, want[i][0], m.Lower)
		require.Equal(t, stats.Of(want[i][1]), m.Upper)
		require.InDelta(t, want[i][2], m.Mass, 0.5e-4)
	}
	require.Less(t, fit.Gradient.Value, 1e-9)
	require.Equal(t, survival.TimeRange{Lower: stats.Of(38), Upper: stats.Of(40)}, fit.Median)
	require.Equal(t, []int{46, 0, 3, 25, 18}, []int{fit.N, fit.NExact, fit.NLeft, fit.NRight, fit.NInterval})
	require.Less(t, fit.RMST.Lower, fit.RMST.Upper)
}

// R: survfit(Surv(lower, upper, type = "interval2") ~ 1), which stops when its EM steps are small: the curve after each mass.
func TestTurnbullsEstimateIsNearThatOfR(t *testing.T) {
	fit, err := survival.FitTurnbull("radiotherapy", radiotherapy(), stats.Number{})
	require.NoError(t, err)
	for i, surv := range []float64{0.9536619913, 0.9202687489, 0.8316232119, 0.7608773657, 0.6682287266, 0.5864170552, 0.4655388217, 0} {
		require.InDelta(t, surv, fit.Masses[i].Surv, 5e-5)
	}
}

// random intervals on a grid of half days, of every kind.
func intervals(t *rapid.T) []survival.Censored {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) survival.Censored {
		lower := float64(rapid.IntRange(0, 20).Draw(t, "lower")) / 2
		width := rapid.SampledFrom([]float64{0, 0.5, 1, 2, 5, math.Inf(1)}).Draw(t, "width")
		return survival.Censored{Lower: lower, Upper: lower + width, Count: rapid.IntRange(1, 3).Draw(t, "count")}
	}), 1, 40).Draw(t, "intervals")
}

// The conditions of Karush, Kuhn and Tucker, from the definition: with these masses, the mean over subjects of 1/P(own
// interval) over the intervals that hold a cell is 1 for cells with mass, and at most 1 anywhere else.
func TestTheConditionsOfAMaximumHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := intervals(t)
		fit, err := survival.FitTurnbull("all", times, stats.Number{})
		require.NoError(t, err)
		holds := func(c survival.Censored, lower, upper float64) bool {
			if c.Lower == c.Upper {
				return lower == upper && lower == c.Lower
			}
			return c.Lower <= lower && upper <= c.Upper && !(lower == upper && lower == c.Lower)
		}
		end := func(m survival.Mass) float64 {
			if m.Upper.Defined {
				return m.Upper.Value
			}
			return math.Inf(1)
		}
		total, logLik := 0.0, 0.0
		slope := func(lower, upper float64) float64 {
			sum := 0.0
			for _, c := range times {
				p := 0.0
				for _, m := range fit.Masses {
					if holds(c, m.Lower, end(m)) {
						p += m.Mass
					}
				}
				if holds(c, lower, upper) {
					sum += float64(c.Count) / p
				}
			}
			return sum / float64(fit.N)
		}
		for _, m := range fit.Masses {
			total += m.Mass
			require.InDelta(t, 1, slope(m.Lower, end(m)), 1e-7)
		}
		require.InDelta(t, 1, total, 1e-9)
		for half := range 60 {
			at := float64(half) / 2
			require.LessOrEqual(t, slope(at, at), 1+1e-7)
			require.LessOrEqual(t, slope(at, at+0.5), 1+1e-7)
		}
		for _, c := range times {
			p := 0.0
			for _, m := range fit.Masses {
				if holds(c, m.Lower, end(m)) {
					p += m.Mass
				}
			}
			logLik += float64(c.Count) * math.Log(p)
		}
		require.InDelta(t, logLik, fit.LogLik.Value, 1e-7*(1+math.Abs(logLik)))
	})
}

// Identity: exact and right-censored times give Kaplan and Meier's curve.
func TestTurnbullOnExactTimesIsKaplanMeier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := subjects(t)
		var times []survival.Censored
		for i := range all {
			all[i].Group = "all"
			upper := all[i].Time
			if !all[i].Event {
				upper = math.Inf(1)
			}
			times = append(times, survival.Censored{Lower: all[i].Time, Upper: upper})
		}
		groups, err := survival.Tally(all, []string{"all"})
		require.NoError(t, err)
		plain, err := survival.KaplanMeier(groups, survival.Options{Level: 0.95})
		require.NoError(t, err)
		fit, err := survival.FitTurnbull("all", times, stats.Number{})
		require.NoError(t, err)
		at := 0
		for _, row := range plain.Groups[0].Table {
			if row.NEvent == 0 {
				continue
			}
			require.Equal(t, stats.Of(row.Time), fit.Masses[at].Upper)
			require.InDelta(t, row.Surv, fit.Masses[at].Surv, 1e-8)
			at++
		}
	})
}

func TestTheUnitOfTimeAndTheOrderOfSubjectsLeaveTheMasses(t *testing.T) {
	times := radiotherapy()
	first, err := survival.FitTurnbull("all", times, stats.Number{})
	require.NoError(t, err)
	for i, j := 0, len(times)-1; i < j; i, j = i+1, j-1 {
		times[i], times[j] = times[j], times[i]
	}
	for i := range times {
		times[i].Lower, times[i].Upper = times[i].Lower*30.4375, times[i].Upper*30.4375
	}
	second, err := survival.FitTurnbull("all", times, stats.Number{})
	require.NoError(t, err)
	for i, m := range first.Masses {
		require.InDelta(t, m.Mass, second.Masses[i].Mass, 1e-9)
	}
}

// The observation that ends a cell ties the sum of masses up to there to an earlier one: all sums are told apart.
func TestCellsThatFewObservationsCoverAreStillToldApart(t *testing.T) {
	times := []survival.Censored{{Lower: 1, Upper: 4}, {Lower: 3, Upper: 6}, {Lower: 0, Upper: 2}, {Lower: 5, Upper: 7}, {Lower: 0, Upper: 7}}
	fit, err := survival.FitTurnbull("all", times, stats.Number{})
	require.NoError(t, err)
	require.Less(t, fit.Gradient.Value, 1e-9)
	require.Len(t, fit.Masses, 2)
	for _, m := range fit.Masses {
		require.InDelta(t, 0.5, m.Mass, 1e-9)
	}
}

func TestAMedianOnAFlatStretchIsTheWholeStretch(t *testing.T) {
	fit, err := survival.FitTurnbull("all", []survival.Censored{{Lower: 1, Upper: 2}, {Lower: 5, Upper: 6}}, stats.Of(4))
	require.NoError(t, err)
	require.Equal(t, survival.TimeRange{Lower: stats.Of(2), Upper: stats.Of(5)}, fit.Median)
	require.InDelta(t, 2.5, fit.RMST.Lower, 1e-12)
	require.InDelta(t, 3, fit.RMST.Upper, 1e-12)
	fit, err = survival.FitTurnbull("all", []survival.Censored{{Lower: 3, Upper: math.Inf(1)}}, stats.Number{})
	require.NoError(t, err)
	require.Equal(t, survival.TimeRange{Lower: stats.Of(3)}, fit.Median, "no end")
}

// Recovery: visits every 10 days see exponential times of mean 60 only up to the interval; the curve at the visits is the
// true one but for sampling.
func TestTurnbullRecoversACurveSeenAtVisits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var times []survival.Censored
	for range 4000 {
		time, first := 60*random.ExpFloat64(), 10*random.Float64()
		c := survival.Censored{Upper: first}
		for visit := 0; c.Upper < time; visit++ {
			c.Lower, c.Upper = c.Upper, c.Upper+10
			if random.Float64() < 0.02 {
				c.Upper = math.Inf(1)
			}
		}
		c.Lower, c.Upper = math.Floor(c.Lower), math.Ceil(c.Upper)
		times = append(times, c)
	}
	fit, err := survival.FitTurnbull("all", times, stats.Of(60))
	require.NoError(t, err)
	for _, m := range fit.Masses {
		if m.Upper.Defined && m.Upper.Value < 120 {
			require.InDelta(t, math.Exp(-(m.Lower+m.Upper.Value)/120), m.Surv, 0.05)
		}
	}
	require.InDelta(t, 60*(1-math.Exp(-1)), (fit.RMST.Lower+fit.RMST.Upper)/2, 1.5)
}

// SR-121: intervals that cannot be are named.
func TestSR121_IntervalsThatCannotBeAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		times []survival.Censored
		tau   stats.Number
		kind  stats.Kind
		where string
	}{
		"nobody":                 {nil, stats.Number{}, stats.EmptyCell, "a"},
		"no number":              {[]survival.Censored{{Lower: math.NaN(), Upper: 1}}, stats.Number{}, stats.NotFinite, "time"},
		"an infinite lower":      {[]survival.Censored{{Lower: math.Inf(1), Upper: math.Inf(1)}}, stats.Number{}, stats.NotFinite, "time"},
		"a negative time":        {[]survival.Censored{{Lower: -1, Upper: 1}}, stats.Number{}, stats.BadInput, "time"},
		"an end before a start":  {[]survival.Censored{{Lower: 2, Upper: 1}}, stats.Number{}, stats.BadInput, "time"},
		"a negative count":       {[]survival.Censored{{Lower: 1, Upper: 2, Count: -1}}, stats.Number{}, stats.BadInput, "time"},
		"a restricted mean to 0": {radiotherapy(), stats.Of(0), stats.BadInput, "tau"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := survival.FitTurnbull("a", c.times, c.tau)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

func FuzzTurnbull(f *testing.F) {
	f.Add([]byte{1, 2, 1, 5, 0, 2, 3, 255, 1}, 2.0)
	f.Fuzz(func(t *testing.T, data []byte, tau float64) {
		var times []survival.Censored
		for i := 0; i+2 < len(data) && i < 300; i += 3 {
			c := survival.Censored{Lower: float64(data[i]) / 4, Upper: (float64(data[i]) + float64(data[i+1])) / 4, Count: int(data[i+2] % 3)}
			if data[i+1] == 255 {
				c.Upper = math.Inf(1)
			}
			times = append(times, c)
		}
		result, err := survival.FitTurnbull("a", times, stats.Number{Value: tau, Defined: true})
		statstest.RequireAnswer(t, result, err)
	})
}

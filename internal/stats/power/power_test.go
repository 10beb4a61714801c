package power_test

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/mixed"
	"afterglow/internal/stats/power"
	"afterglow/internal/testkit/statstest"
)

func options(replicates int) power.Options {
	return power.Options{Replicates: replicates, Alpha: 0.05, Seed: 7, Level: 0.999}
}

// closed is the power of the two-sided t test at noncentrality delta, both tails.
func closed(df, delta, alpha float64) float64 {
	t := stats.TQuantile(1-alpha/2, df)
	return 1 - stats.NoncentralT(t, df, delta) + stats.NoncentralT(-t, df, delta)
}

// R 4.2.2: power.t.test(n = 20, delta = 1), (n = 64, delta = .5), (n = 40, delta = 5, sd = 8, sig.level = .01) and
// (n = 25, delta = .6, type = "one.sample"), all with sd = 1 where not said and strict = TRUE: both tails.
func TestTheClosedFormIsR(t *testing.T) {
	require.InDelta(t, 0.868953027724586, closed(38, math.Sqrt(10), 0.05), 1e-9)
	require.InDelta(t, 0.801459557922328, closed(126, 0.5*math.Sqrt(32), 0.05), 1e-9)
	require.InDelta(t, 0.563477455475095, closed(78, 5.0/8*math.Sqrt(20), 0.01), 1e-9)
	require.InDelta(t, 0.820721913135464, closed(24, 3, 0.05), 1e-9)
}

// covers asks that the simulation's interval of level 0.999 holds the value.
func covers(t testing.TB, want float64, p power.Power) {
	t.Helper()
	require.Zero(t, p.Failed, p.Failure)
	require.LessOrEqual(t, p.Lower.Value, want)
	require.GreaterOrEqual(t, p.Upper.Value, want)
	require.InDelta(t, want, p.Power, 0.05)
}

func simulate(t testing.TB, d power.Design, n, replicates int) power.Power {
	t.Helper()
	p, err := power.Simulate(d, n, options(replicates))
	require.NoError(t, err)
	return p
}

func TestTheSimulatedTTestHasTheNoncentralTsPower(t *testing.T) {
	covers(t, closed(38, math.Sqrt(10), 0.05), simulate(t, power.Means{Test: power.Student, Difference: 1, SD: 1}, 20, 4000))
	covers(t, closed(126, 0.5*math.Sqrt(32), 0.05), simulate(t, power.Means{Test: power.Student, Difference: -4, SD: 8}, 64, 4000))
	covers(t, closed(24, 3, 0.05), simulate(t, power.Means{Test: power.Paired, Difference: 6, SD: 10}, 25, 4000))
	// arms of 20 and 40: 1/20 + 1/40 = 0.075
	covers(t, closed(58, 0.8/math.Sqrt(0.075), 0.05), simulate(t, power.Means{Test: power.Student, Difference: 0.8, SD: 1, Ratio: 2}, 20, 4000))
}

// Adjusting for a baseline of correlation r leaves the variance times 1 - r^2. The chance difference of the arms' baselines
// adds (x1 - x2)^2/Sxx, a chi-square over an independent one on N - 2: (2/n)/(N - 4) on average, N = 2 n.
func TestAnAdjustedComparisonNeedsLess(t *testing.T) {
	n, r := 30.0, 0.7
	delta := 0.6 / math.Sqrt((1-r*r)*2/n*(1+1/(2*n-4)))
	covers(t, closed(2*n-3, delta, 0.05), simulate(t, power.Means{Test: power.Ancova, Difference: 0.6, SD: 1, BaselineCorrelation: r}, 30, 4000))
}

var visits = power.Repeated{
	Means:      [][]float64{{20, 19, 18}, {20, 16, 13}},
	Covariance: [][]float64{{64, 40, 30}, {40, 70, 45}, {30, 45, 81}},
}

// With everyone seen at every visit and no covariate, the mixed model's test of a visit is the t test at that visit
// (generalised least squares is least squares where all visits have the same columns).
func TestTheMixedModelOfCompleteVisitsHasTheTTestsPower(t *testing.T) {
	for _, adjustment := range []power.Adjustment{power.Satterthwaite, power.KenwardRoger} {
		d := visits
		d.Adjustment = adjustment
		covers(t, closed(58, 5.0/9*math.Sqrt(15), 0.05), simulate(t, d, 30, 600))
	}
	d := visits
	d.Visit = 2
	covers(t, closed(58, 3/math.Sqrt(70)*math.Sqrt(15), 0.05), simulate(t, d, 30, 600))
}

// Schoenfeld (1981, Biometrika 68:316; 1983, Biometrics 39:499): with d events in equal arms the log-rank statistic is
// normal with mean log(HR) sqrt(d/4).
func TestTheLogRankTestHasSchoenfeldsPower(t *testing.T) {
	for _, test := range []power.SurvivalTest{power.LogRank, power.Cox} {
		d := power.Survival{Test: test, ControlSurvival: 0.4, At: 180, HazardRatio: 0.6, Accrual: 100, FollowUp: 150, Dropout: 0.1}
		p := simulate(t, d, 100, 1500)
		z := math.Abs(math.Log(0.6))*math.Sqrt(p.EventsMean.Value/4) - stats.NormalQuantile(0.975)
		require.InDelta(t, 1-stats.TwoSidedNormal(z)/2, p.Power, 0.04)
		require.InDelta(t, math.Log(0.6), p.EstimateMean.Value, 0.03)
		require.InDelta(t, p.EstimateSD.Value, p.SEMean.Value, 0.02)
	}
}

// Without an effect the test rejects at its level.
func TestWithoutAnEffectTheLevelIsKept(t *testing.T) {
	still := visits
	still.Means = [][]float64{{20, 19, 18}, {20, 19, 18}}
	still.Dropout = [][]float64{{0.05, 0.15, 0.3}, {0, 0.1, 0.2}}
	still.Baseline = true
	still.Covariance = [][]float64{{50, 30, 25, 20}, {30, 64, 40, 30}, {25, 40, 70, 45}, {20, 30, 45, 81}}
	still.Adjustment = power.KenwardRoger
	for name, one := range map[string]struct {
		design     power.Design
		replicates int
	}{
		"student":  {power.Means{Test: power.Student, SD: 3, Dropout: 0.2}, 4000},
		"welch":    {power.Means{Test: power.Welch, SD: 3}, 4000},
		"ancova":   {power.Means{Test: power.Ancova, SD: 3, BaselineCorrelation: -0.5}, 4000},
		"paired":   {power.Means{Test: power.Paired, SD: 3}, 4000},
		"repeated": {still, 600},
		"logrank":  {power.Survival{Test: power.LogRank, ControlSurvival: 0.5, At: 1, HazardRatio: 1, FollowUp: 1}, 2000},
		"cox":      {power.Survival{Test: power.Cox, ControlSurvival: 0.5, At: 1, HazardRatio: 1, FollowUp: 1, Shape: 1.5}, 2000},
	} {
		t.Run(name, func(t *testing.T) { covers(t, 0.05, simulate(t, one.design, 40, one.replicates)) })
	}
}

func TestDropOutCostsPower(t *testing.T) {
	leaving := visits
	leaving.Dropout = [][]float64{{0.1, 0.3, 0.5}}
	require.Less(t, simulate(t, leaving, 30, 300).Power, simulate(t, visits, 30, 300).Power-0.05)
}

// R 4.2.2: power.t.test(power = .9, delta = .5)$n is 85.03 per arm.
func TestTheSizeFoundIsThatOfTheClosedForm(t *testing.T) {
	o := options(3000)
	o.Level = 0.99
	s, err := power.Find(power.Means{Test: power.Student, Difference: 0.5, SD: 1}, 0.9, 4, 500, o)
	require.NoError(t, err)
	require.LessOrEqual(t, s.Low.Value, 85.03)
	require.GreaterOrEqual(t, s.High.Value, 86.0)
	require.InDelta(t, 86, s.N[0], 6)
	require.Equal(t, s.N, s.At.N)
	require.GreaterOrEqual(t, s.At.Power, 0.9)
	require.Len(t, s.Notes, 1)
	for _, tried := range s.Tried { // everything tried is there; nothing smaller than the size found that would do
		require.False(t, tried.N[0] < s.N[0] && tried.Power >= 0.9, "%d", tried.N[0])
	}
	s, err = power.Find(power.Means{Test: power.Student, Difference: 3, SD: 1}, 0.8, 30, 500, o)
	require.NoError(t, err)
	require.Equal(t, []int{30, 30}, s.N)
	require.Len(t, s.Notes, 2)
	_, err = power.Find(power.Means{Test: power.Student, Difference: 0.01, SD: 1}, 0.8, 4, 50, options(50))
	statstest.RequireFailure(t, err, stats.TooFew, "high")
}

// A small second arm needs a first one of some size before there is anyone in it: the search starts there.
func TestTheSizeIsFoundWhereTheSecondArmIsSmall(t *testing.T) {
	d := power.Means{Test: power.Student, Difference: 1, SD: 1, Ratio: 0.1}
	found, err := power.Find(d, 0.8, 4, 2000, options(400))
	require.NoError(t, err)
	require.GreaterOrEqual(t, slices.Min(found.Tried[0].N), 2)
	require.InDelta(t, 90, found.N[0], 15) // noncentrality sqrt(n/11), 2.8 for 80 %, and a little for t
}

func TestTheSeedDecidesAndNothingElse(t *testing.T) {
	d := power.Means{Test: power.Student, Difference: 0.5, SD: 1}
	before := runtime.GOMAXPROCS(1)
	alone := simulate(t, d, 30, 400)
	runtime.GOMAXPROCS(before)
	require.Equal(t, alone, simulate(t, d, 30, 400))
	o := options(400)
	o.Seed = 8
	other, err := power.Simulate(d, 30, o)
	require.NoError(t, err)
	require.NotEqual(t, alone.EstimateMean, other.EstimateMean)
	curve, err := power.Curve(d, []int{10, 30, 90}, options(400))
	require.NoError(t, err)
	require.Equal(t, alone, curve[1])
	require.Less(t, curve[0].Power, curve[1].Power)
	require.Less(t, curve[1].Power, curve[2].Power)
}

// The unit of the outcome and of time leaves the power.
func TestTheUnitDoesNotMatter(t *testing.T) {
	scaled := visits
	scaled.Means, scaled.Covariance = nil, nil
	for _, row := range visits.Means {
		scaled.Means = append(scaled.Means, times(row, 10))
	}
	for _, row := range visits.Covariance {
		scaled.Covariance = append(scaled.Covariance, times(row, 100))
	}
	require.Equal(t, simulate(t, visits, 20, 100).Rejected, simulate(t, scaled, 20, 100).Rejected)
	days := power.Survival{Test: power.LogRank, ControlSurvival: 0.4, At: 365, HazardRatio: 0.5, Accrual: 73, FollowUp: 365}
	years := power.Survival{Test: power.LogRank, ControlSurvival: 0.4, At: 1, HazardRatio: 0.5, Accrual: 0.2, FollowUp: 1}
	require.Equal(t, simulate(t, days, 40, 200).Rejected, simulate(t, years, 40, 200).Rejected)
}

func times(row []float64, by float64) []float64 {
	var out []float64
	for _, v := range row {
		out = append(out, v*by)
	}
	return out
}

func TestCorrelationsByOneNumber(t *testing.T) {
	cs, err := power.Correlated([]float64{1, 2, 3}, 0.5, mixed.CompoundSymmetry)
	require.NoError(t, err)
	require.Equal(t, [][]float64{{1, 1, 1.5}, {1, 4, 3}, {1.5, 3, 9}}, cs)
	ar, err := power.Correlated([]float64{1, 2, 3}, 0.5, mixed.AutoRegressive)
	require.NoError(t, err)
	require.Equal(t, [][]float64{{1, 1, 0.75}, {1, 4, 3}, {0.75, 3, 9}}, ar)
	_, err = power.Correlated([]float64{1}, 0.5, mixed.Unstructured)
	statstest.RequireFailure(t, err, stats.BadInput, "correlation_structure")
}

func TestPlansThatAreNoPlansAreRefused(t *testing.T) {
	means := power.Means{Test: power.Student, Difference: 1, SD: 1}
	times := power.Survival{Test: power.LogRank, ControlSurvival: 0.5, At: 1, HazardRatio: 0.5, FollowUp: 1}
	for name, c := range map[string]struct {
		design power.Design
		n      int
		kind   stats.Kind
		where  string
	}{
		"no test":                {power.Means{SD: 1}, 20, stats.BadInput, "test"},
		"no spread":              {power.Means{Test: power.Student}, 20, stats.BadInput, "sd"},
		"no number":              {power.Means{Test: power.Student, SD: 1, Difference: math.NaN()}, 20, stats.NotFinite, "difference"},
		"correlation of 1":       {power.Means{Test: power.Ancova, SD: 1, BaselineCorrelation: 1}, 20, stats.BadInput, "baseline_correlation"},
		"everyone leaves":        {power.Means{Test: power.Student, SD: 1, Dropout: 1}, 20, stats.BadInput, "dropout"},
		"nearly everyone leaves": {power.Means{Test: power.Student, SD: 1, Dropout: 0.9999999}, 20, stats.TooFew, "group 1"},
		"a negative ratio":       {power.Means{Test: power.Student, SD: 1, Ratio: -1}, 20, stats.BadInput, "ratio"},
		"one subject":            {means, 1, stats.BadInput, "n"},
		"an arm":                 {power.Repeated{Means: [][]float64{{1}}}, 20, stats.BadInput, "means"},
		"another visit":          {change(func(d *power.Repeated) { d.Visit = 4 }), 20, stats.BadInput, "visit"},
		"no covariance":          {change(func(d *power.Repeated) { d.Covariance = [][]float64{{1, 2, 2}, {2, 1, 2}, {2, 2, 1}} }), 20, stats.BadInput, "covariance"},
		"a covariance too small": {change(func(d *power.Repeated) { d.Baseline = true }), 20, stats.BadInput, "covariance"},
		"returning":              {change(func(d *power.Repeated) { d.Dropout = [][]float64{{0.1, 0.05, 0.2}} }), 20, stats.BadInput, "dropout"},
		"too few for the visits": {visits, 2, stats.TooFew, ""},
		"no adjustment":          {change(func(d *power.Repeated) { d.Adjustment = "bonferroni" }), 20, stats.BadInput, "adjustment"},
		"no survival":            {power.Survival{Test: power.LogRank, At: 1, HazardRatio: 1, FollowUp: 1}, 20, stats.BadInput, "control_survival"},
		"no follow-up":           {power.Survival{Test: power.Cox, ControlSurvival: 0.5, At: 1, HazardRatio: 1}, 20, stats.BadInput, "follow_up"},
		"no hazard":              {power.Survival{Test: power.Cox, ControlSurvival: 0.5, At: 1, FollowUp: 1}, 20, stats.BadInput, "hazard_ratio"},
		"no events":              {power.Survival{Test: power.LogRank, ControlSurvival: 0.999999999, At: 1, HazardRatio: 1, FollowUp: 0.01}, 20, stats.NoEvents, "event"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := power.Simulate(c.design, c.n, options(20))
			if c.where == "" {
				var failure *stats.Failure
				require.ErrorAs(t, err, &failure)
				require.NotEmpty(t, failure.Where)
				return
			}
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
	for name, o := range map[string]power.Options{
		"replicates": {Replicates: 1, Alpha: 0.05, Level: 0.95}, "alpha": {Replicates: 10, Level: 0.95}, "level": {Replicates: 10, Alpha: 0.05},
	} {
		_, err := power.Simulate(times, 20, o)
		statstest.RequireFailure(t, err, stats.BadInput, name)
	}
	_, err := power.Curve(means, nil, options(20))
	statstest.RequireFailure(t, err, stats.BadInput, "n")
	_, err = power.Find(means, 0.01, 4, 100, options(20))
	statstest.RequireFailure(t, err, stats.BadInput, "target")
	_, err = power.Find(means, 0.8, 100, 4, options(20))
	statstest.RequireFailure(t, err, stats.BadInput, "bounds")
}

func change(by func(*power.Repeated)) power.Repeated {
	d := visits
	by(&d)
	return d
}

func FuzzSimulate(f *testing.F) {
	f.Add([]byte{30, 20, 10, 40, 50, 60, 7, 8}, uint8(0), uint8(12))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0}, uint8(5), uint8(2))
	f.Add([]byte{200, 1, 90, 3, 120, 9, 255, 0}, uint8(6), uint8(9))
	f.Fuzz(func(t *testing.T, b []byte, choice, n uint8) {
		if len(b) < 8 {
			return
		}
		at := func(i int) float64 { return float64(b[i]) / 64 }
		var d power.Design
		switch choice % 7 {
		case 0, 1, 2, 3:
			d = power.Means{Test: []power.MeansTest{power.Student, power.Welch, power.Ancova, power.Paired}[choice%4], Difference: at(0) - 2, SD: at(1),
				BaselineCorrelation: at(2) - 2, Ratio: at(3), Dropout: at(4) / 4}
		case 4, 5:
			d = power.Survival{Test: []power.SurvivalTest{power.LogRank, power.Cox}[choice%2], ControlSurvival: at(0) / 4, At: at(1), HazardRatio: at(2),
				Shape: at(3), Accrual: at(4), FollowUp: at(5), Dropout: at(6) / 4, Ratio: at(7)}
		default:
			d = power.Repeated{Means: [][]float64{{at(0), at(1)}, {at(2), at(3)}}, Covariance: [][]float64{{at(4), at(5)}, {at(5), at(6)}},
				Dropout: [][]float64{{0, at(7) / 4}}}
		}
		p, err := power.Simulate(d, int(n)%40, power.Options{Replicates: 12, Alpha: 0.05, Level: 0.95})
		statstest.RequireAnswer(t, p, err)
	})
}

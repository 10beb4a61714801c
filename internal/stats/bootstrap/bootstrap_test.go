package bootstrap

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/descriptive"
	"afterglow/internal/testkit/statstest"
)

func one(n int) [][]int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return [][]int{rows}
}

func meanOf(x []float64) Statistic {
	return func(rows []int) float64 {
		sum := 0.0
		for _, r := range rows {
			sum += x[r]
		}
		return sum / float64(len(rows))
	}
}

// The mean of many normal values: the bootstrap error is s/sqrt(n), every interval is near the normal one, and the acceleration
// is near 0.
func TestTheBootstrapOfAMeanIsNormalTheory(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	x := make([]float64, 400)
	for i := range x {
		x[i] = 3 + 2*r.NormFloat64()
	}
	b, err := Run(len(x), meanOf(x), Draw(one(len(x)), 20_000, r), 0.95)
	require.NoError(t, err)
	test, err := descriptive.OneSampleT(x, descriptive.TOptions{Level: 0.95})
	require.NoError(t, err)
	require.InEpsilon(t, test.SE.Value, b.SE.Value, 0.02)
	require.InDelta(t, 0, b.Acceleration.Value, 0.01)
	require.InDelta(t, 0, b.Z0.Value, 0.05)
	for _, limits := range [][2]stats.Number{{b.PercentileLower, b.PercentileUpper}, {b.BasicLower, b.BasicUpper}, {b.NormalLower, b.NormalUpper}, {b.BCaLower, b.BCaUpper},
		{b.Type7Lower, b.Type7Upper}, {b.BCaType7Lower, b.BCaType7Upper}} {
		require.InDelta(t, test.Lower.Value, limits[0].Value, 0.02)
		require.InDelta(t, test.Upper.Value, limits[1].Value, 0.02)
	}
}

// With all resamples of a small sample the bootstrap is exact: the error of a mean is that of the plug-in variance, the bias 0.
func TestAllResamplesAreExact(t *testing.T) {
	x := []float64{1, 4, 9, 11}
	var all [][]int
	for code := range 256 {
		all = append(all, []int{code % 4, code / 4 % 4, code / 16 % 4, code / 64})
	}
	b, err := Run(4, meanOf(x), all, 0.9)
	require.NoError(t, err)
	_, variance := 0.0, 0.0
	for _, v := range x {
		variance += (v - 6.25) * (v - 6.25) / 4
	}
	require.InDelta(t, math.Sqrt(variance/4*256/255), b.SE.Value, 1e-12)
	require.InDelta(t, 0, b.Bias.Value, 1e-12)
	// Efron's acceleration of a mean is a sixth of the skewness over the root of n.
	cubes := 0.0
	for _, v := range x {
		cubes += math.Pow(v-6.25, 3) / 4
	}
	require.InDelta(t, cubes/math.Pow(variance, 1.5)/(6*math.Sqrt(4)), b.Acceleration.Value, 1e-12)
}

// BCa and percentile limits follow a rising change of scale; all intervals follow a shift and a unit.
func TestLimitsFollowTheScale(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	x := make([]float64, 25)
	for i := range x {
		x[i] = math.Exp(r.NormFloat64())
	}
	resamples := Draw(one(25), 999, r)
	plain, err := Run(25, meanOf(x), resamples, 0.9)
	require.NoError(t, err)
	moved, err := Run(25, func(rows []int) float64 { return 1e8 * meanOf(x)(rows) }, resamples, 0.9)
	require.NoError(t, err)
	for _, pair := range [][2]stats.Number{{plain.BCaLower, moved.BCaLower}, {plain.BasicUpper, moved.BasicUpper}, {plain.NormalLower, moved.NormalLower}, {plain.SE, moved.SE}} {
		require.InEpsilon(t, 1e8*pair[0].Value, pair[1].Value, 1e-9)
	}
	logged, err := Run(25, func(rows []int) float64 { return math.Log(meanOf(x)(rows)) }, resamples, 0.9)
	require.NoError(t, err)
	require.InDelta(t, plain.Type7Upper.Value, math.Exp(logged.Type7Upper.Value), 0.01)
	require.InDelta(t, plain.BCaType7Upper.Value, math.Exp(logged.BCaType7Upper.Value), 0.05, "but for the jackknife's own scale")
}

// Found by FuzzRun: the cubes of a jackknife in a unit of 1e-150 vanished, and so did the interval.
func TestATinyUnitKeepsItsAcceleration(t *testing.T) {
	x := []float64{1, 2, 4, 9, 3}
	resamples := Draw(one(5), 200, rand.New(rand.NewPCG(1, 1)))
	plain, err := Run(5, meanOf(x), resamples, 0.9)
	require.NoError(t, err)
	tiny, err := Run(5, func(rows []int) float64 { return 1e-140 * meanOf(x)(rows) }, resamples, 0.9)
	require.NoError(t, err)
	require.InDelta(t, plain.Acceleration.Value, tiny.Acceleration.Value, 1e-9)
}

func TestTheSameSeedDrawsTheSameRows(t *testing.T) {
	strata := [][]int{{0, 1, 2}, {3, 4}}
	a, b := Draw(strata, 50, rand.New(rand.NewPCG(3, 3))), Draw(strata, 50, rand.New(rand.NewPCG(3, 3)))
	require.Equal(t, a, b)
	for _, rows := range a {
		require.Len(t, rows, 5)
		for i, row := range rows {
			require.Equal(t, i < 3, row < 3, "a stratum keeps its size")
		}
	}
}

func TestNamedStatisticsAreThoseOfTheTests(t *testing.T) {
	x, y := []float64{3, 5, 9, 4, 8, 2}, []float64{1, 6, 4, 4, 5, 3}
	effect, err := descriptive.EffectPaired(x, y, 0.95)
	require.NoError(t, err)
	arms, err := descriptive.EffectIndependent(x[:3], x[3:], 0.95)
	require.NoError(t, err)
	all := one(6)[0]
	for name, want := range map[string]float64{"mean_diff_paired": effect.MeanDiff.Value, "median_diff_paired": 1, "d_z": effect.DZ.Value, "mean_diff_arms": arms.MeanDiff.Value, "hedges_g_arms": arms.G.Value} {
		s, err := Named(name, x, y, []bool{true, true, true, false, false, false})
		require.NoError(t, err)
		require.InDelta(t, want, s(all), 1e-12, name)
	}
}

func TestWhatCannotBeResampled(t *testing.T) {
	x := []float64{1, 2, 4, 7}
	ok := Draw(one(4), 30, rand.New(rand.NewPCG(1, 1)))
	undefined := func(rows []int) float64 { return math.NaN() }
	sometimes := func(rows []int) float64 {
		if rows[0] == rows[1] {
			return math.Inf(1)
		}
		return 1
	}
	for name, c := range map[string]struct {
		n         int
		statistic Statistic
		resamples [][]int
		level     float64
		kind      stats.Kind
		where     string
	}{
		"one row":                      {1, meanOf(x), ok, 0.9, stats.TooFew, "rows"},
		"one replicate":                {4, meanOf(x), ok[:1], 0.9, stats.TooFew, "replicates"},
		"no level":                     {4, meanOf(x), ok, 0, stats.BadInput, "level"},
		"a row that there is not":      {4, meanOf(x), [][]int{{0, 1, 2, 3}, {0, 1, 2, 4}}, 0.9, stats.BadInput, "replicates"},
		"a row too few":                {4, meanOf(x), [][]int{{0, 1, 2, 3}, {0, 1, 2}}, 0.9, stats.BadInput, "replicates"},
		"a statistic that is none":     {4, undefined, ok, 0.9, stats.Constant, "statistic"},
		"a statistic that is at times": {4, sometimes, ok, 0.9, stats.TooFew, "replicates"},
		"a statistic that stays":       {4, func([]int) float64 { return 0.1 }, ok, 0.9, stats.Constant, "statistic"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Run(c.n, c.statistic, c.resamples, c.level)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
	b, err := Run(4, meanOf(x), ok, 0.999)
	require.NoError(t, err)
	require.NotEmpty(t, b.Notes, "thirty replicates have no thousandth")
}

// Any rows have a result that JSON can hold or a failure that names the place.
func FuzzRun(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 9}, uint8(0), uint64(1))
	f.Add([]byte{7, 7, 7, 7}, uint8(3), uint64(2))
	f.Add([]byte{0, 255}, uint8(200), uint64(3))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8, seed uint64) {
		if len(data) < 2 || len(data) > 40 {
			return
		}
		x, y, first := make([]float64, len(data)), make([]float64, len(data)), make([]bool, len(data))
		strata := [][]int{nil, nil}
		for i, b := range data {
			x[i], y[i], first[i] = float64(b)*math.Pow(10, float64(choice%7)*50-150), float64(data[len(data)-1-i]), b%2 == 0
			strata[b%2] = append(strata[b%2], i)
		}
		names := []string{"mean_diff_paired", "median_diff_paired", "d_z", "mean_diff_arms", "hedges_g_arms"}
		statistic, err := Named(names[int(choice)%5], x, y, first)
		require.NoError(t, err)
		result, err := Run(len(data), statistic, Draw(strata, 2+int(choice)%60, rand.New(rand.NewPCG(seed, 1))), float64(choice)/255)
		statstest.RequireAnswer(t, result, err)
	})
}

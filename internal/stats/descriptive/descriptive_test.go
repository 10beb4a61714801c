package descriptive

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/testkit/statstest"
)

func sample(t *rapid.T, name string, least int) []float64 {
	return rapid.SliceOfN(rapid.Float64Range(-50, 50), least, 15).Draw(t, name)
}

func numbers(x []float64) []stats.Number {
	out := make([]stats.Number, len(x))
	for i, v := range x {
		out[i] = stats.Number{Value: v, Defined: true}
	}
	return out
}

func scaled(x []float64, by, shift float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v*by + shift
	}
	return out
}

// R 4.2.2: quantile(c(1, 2, 4, 8, 16, 32), c(0, .1, .25, .5, .62, .9, 1), type = 1:9).
func TestTheNineQuantilesAreRs(t *testing.T) {
	x, p := []float64{1, 2, 4, 8, 16, 32}, []float64{0, 0.1, 0.25, 0.5, 0.62, 0.9, 1}
	for definition, want := range map[int][]float64{
		1: {1, 1, 2, 4, 8, 32, 32},
		2: {1, 1, 2, 6, 8, 32, 32},
		3: {1, 1, 2, 4, 8, 16, 32},
		4: {1, 1, 1.5, 4, 6.88, 22.4, 32},
		5: {1, 1.1, 2, 6, 9.76, 30.4, 32},
		6: {1, 1, 1.75, 6, 10.72, 32, 32},
		7: {1, 1.5, 2.5, 6, 8.8, 24, 32},
		8: {1, 1, 1.9166666666666667, 6, 10.08, 32, 32},
		9: {1, 1, 1.9375, 6, 10, 32, 32},
	} {
		for i := range p {
			require.InDelta(t, want[i], Quantile(x, p[i], definition), 1e-12, "type %d, p %g", definition, p[i])
		}
	}
	require.True(t, math.IsNaN(Quantile(nil, 0.5, 7)) && math.IsNaN(Quantile(x, 0.5, 10)))
}

// A column in another unit, order or with missing values has the same description in that unit.
func TestADescriptionMovesWithTheUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := sample(t, "x", 2)
		by := rapid.SampledFrom([]float64{1e-8, 3, 1e8}).Draw(t, "unit")
		one, err := Describe(numbers(x), 0.9)
		require.NoError(t, err)
		moved := scaled(x, by, 0)
		slices.Reverse(moved)
		two, err := Describe(append(numbers(moved), stats.Number{}), 0.9)
		require.NoError(t, err)
		require.Equal(t, 1, two.Missing)
		near := func(a, b stats.Number) { require.InDelta(t, a.Value*by, b.Value, 1e-9*by) }
		near(one.Mean, two.Mean)
		near(one.SD, two.SD)
		near(one.MAD, two.MAD)
		near(one.Lower, two.Lower)
		for i := range one.Type6 {
			near(one.Type2[i], two.Type2[i])
			near(one.Type6[i], two.Type6[i])
			near(one.Type7[i], two.Type7[i])
		}
	})
}

func TestOneValueHasNoSpread(t *testing.T) {
	s, err := Describe(numbers([]float64{4}), 0.95)
	require.NoError(t, err)
	require.False(t, s.SD.Defined || s.Lower.Defined || s.SE.Defined)
	require.InDelta(t, 4, s.Median.Value, 0)
	s, err = Describe(numbers([]float64{0.1, 0.1, 0.1}), 0.95)
	require.NoError(t, err)
	require.Zero(t, s.SD.Value, "equal values have no spread, not that of rounding")
}

// Two constant groups with equal means left an error of pure rounding, and a p-value of it.
func TestGroupsThatDoNotVaryAreConstant(t *testing.T) {
	third := []float64{0.1, 0.1, 0.1}
	for _, pooled := range []bool{true, false} {
		_, err := TwoSampleT(third, third, pooled, TOptions{Level: 0.95})
		statstest.RequireFailure(t, err, stats.Constant, "values")
	}
	_, err := EffectIndependent(third, third, 0.95)
	statstest.RequireFailure(t, err, stats.Constant, "values")
	_, err = PairedT([]float64{1.1, 2.2, 3.3}, []float64{0.1, 1.2, 2.3}, TOptions{Level: 0.95})
	statstest.RequireFailure(t, err, stats.Constant, "values")
}

func TestTheFirstGroupIsNamedFirst(t *testing.T) {
	for range 20 {
		_, err := TwoSampleT(nil, nil, false, TOptions{Level: 0.95})
		statstest.RequireFailure(t, err, stats.TooFew, "group 1")
	}
}

// Both sides of a one-sided test sum to 1, the two-sided p is twice the smaller, and exchanging the samples mirrors it all.
func TestTheSidesOfATTestAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y, pooled := sample(t, "x", 2), sample(t, "y", 2), rapid.Bool().Draw(t, "pooled")
		run := func(x, y []float64, side Alternative) TTest {
			r, err := TwoSampleT(x, y, pooled, TOptions{Alternative: side, Level: 0.9})
			if err != nil {
				requireKind(t, err, stats.Constant)
				return TTest{}
			}
			return r
		}
		two, less, greater, mirrored := run(x, y, TwoSided), run(x, y, Less), run(x, y, Greater), run(y, x, Greater)
		if !two.PValue.Defined {
			return
		}
		require.InDelta(t, 1, less.PValue.Value+greater.PValue.Value, 1e-12)
		require.InDelta(t, two.PValue.Value, 2*math.Min(less.PValue.Value, greater.PValue.Value), 1e-12)
		require.InDelta(t, less.PValue.Value, mirrored.PValue.Value, 1e-12)
		require.InDelta(t, less.Upper.Value, -mirrored.Lower.Value, 1e-9*(1+math.Abs(less.Upper.Value)))
		require.False(t, less.Lower.Defined || greater.Upper.Defined)
	})
}

func requireKind(t *rapid.T, err error, kind stats.Kind) {
	var failure *stats.Failure
	require.ErrorAs(t, err, &failure)
	require.Equal(t, kind, failure.Kind, err)
}

// d_z is t over the root of n, d is t over the root of the harmonic sizes, and an interval of d excludes 0 where t is
// significant.
func TestEffectSizesAreTTestsRescaled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := sample(t, "x", 3), sample(t, "y", 3)
		n := min(len(x), len(y))
		if e, err := EffectPaired(x[:n], y[:n], 0.95); err == nil {
			test, err := PairedT(x[:n], y[:n], TOptions{Level: 0.95})
			require.NoError(t, err)
			require.InDelta(t, test.Statistic.Value/math.Sqrt(float64(n)), e.DZ.Value, 1e-9*(1+math.Abs(e.DZ.Value)))
			require.Equal(t, test.PValue.Value < 0.05, e.DZLower.Value > 0 || e.DZUpper.Value < 0)
		}
		if e, err := EffectIndependent(x, y, 0.95); err == nil {
			test, err := TwoSampleT(x, y, true, TOptions{Level: 0.95})
			require.NoError(t, err)
			require.InDelta(t, test.Statistic.Value*math.Sqrt(1/float64(len(x))+1/float64(len(y))), e.D.Value, 1e-9*(1+math.Abs(e.D.Value)))
			require.Equal(t, test.PValue.Value < 0.05, e.DLower.Value > 0 || e.DUpper.Value < 0)
		}
	})
}

func TestTwoPairsHaveNoSmallSampleFactor(t *testing.T) {
	e, err := EffectPaired([]float64{1, 4}, []float64{3, 3.5}, 0.95)
	require.NoError(t, err)
	require.True(t, e.DZ.Defined && e.DZLower.Defined)
	require.False(t, e.J.Defined || e.GZ.Defined, "with one degree of freedom the factor is not 0 but none")
}

// The sums that are never written out are those of the sorted list.
func TestTheMedianOfAllPairsIsThatOfTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.SampledFrom([]float64{-2, -0.3, -0.1, 0, 0.1, 0.2, 0.7, 3, 1e8}), 1, 9).Draw(t, "x")
		y := sample(t, "y", 1)
		var differences, averages []float64
		for i, a := range x {
			for _, b := range y {
				differences = append(differences, a-b)
			}
			for _, b := range x[i:] {
				averages = append(averages, (a+b)/2)
			}
		}
		for _, c := range []struct {
			list []float64
			sums sums
		}{{differences, differencesOf(x, y)}, {averages, walsh(x)}} {
			slices.Sort(c.list)
			require.Equal(t, len(c.list), c.sums.count())
			for k, v := range c.list {
				require.InDelta(t, v, c.sums.at(k+1), 0)
			}
			require.InDelta(t, Quantile(c.list, 0.5, 7), c.sums.median(), 1e-7)
		}
	})
}

// A quarter of a million pairs of values: the list of their differences would be 6 * 10^10 long.
func TestManyValuesNeedNoListOfPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x, y := make([]float64, 250_000), make([]float64, 250_000)
	for i := range x {
		x[i], y[i] = r.NormFloat64()+0.1, r.NormFloat64()
	}
	shifts := differencesOf(x, y)
	require.InDelta(t, 0.1, shifts.median(), 0.02)
}

// Ranks do not see a rising change of scale, and exchanging the samples mirrors the test.
func TestRankTestsSeeOnlyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := sample(t, "x", 1), sample(t, "y", 1)
		o := RankOptions{Exact: rapid.Bool().Draw(t, "exact"), Correct: rapid.Bool().Draw(t, "correct"), Level: 0.9}
		one, err := RankSumTest(x, y, o)
		if err != nil {
			requireKind(t, err, stats.Constant)
			return
		}
		cubed := func(x []float64) []float64 {
			out := make([]float64, len(x))
			for i, v := range x {
				out[i] = math.Cbrt(v)
			}
			return out
		}
		two, err := RankSumTest(cubed(x), cubed(y), o)
		require.NoError(t, err)
		require.Equal(t, one.PValue, two.PValue)
		swapped, err := RankSumTest(y, x, o)
		require.NoError(t, err)
		require.InDelta(t, one.PValue.Value, swapped.PValue.Value, 1e-12)
		require.InDelta(t, 1, one.Superiority.Value+swapped.Superiority.Value, 1e-12)
		require.InDelta(t, one.HodgesLehmann.Value, -swapped.HodgesLehmann.Value, 1e-9)
	})
}

// Of all orders of five and four values, and of all signs of nine, the exact tests count the share.
func TestExactDistributionsCountTheOrders(t *testing.T) {
	counts := make([]float64, 21)
	for mask := range 1 << 9 {
		u, size := 0, 0
		for i := range 9 {
			if mask>>i&1 == 1 {
				u += i - size
				size++
			}
		}
		if size == 5 {
			counts[u]++
		}
	}
	for u, p := range rankSumDistribution(5, 4) {
		require.InDelta(t, counts[u]/126, p, 1e-14)
	}
	signs := make([]float64, 46)
	for mask := range 1 << 9 {
		v := 0
		for i := range 9 {
			if mask>>i&1 == 1 {
				v += i + 1
			}
		}
		signs[v]++
	}
	for v, p := range signedRankDistribution(9) {
		require.InDelta(t, signs[v]/512, p, 1e-14)
	}
}

// The interval holds the shifts that the test does not reject.
func TestTheIntervalOfTheShiftInvertsTheTest(t *testing.T) {
	x, y := []float64{5, 4, 2, 1, 7, 3, 3, 9, 8, 12}, []float64{9, 4, 3, 1, 7.5, 5, 1, 2, 0, 3}
	for _, exact := range []bool{true, false} {
		o := RankOptions{Exact: exact, Correct: true, Level: 0.9}
		r, err := RankSumTest(x, y, o)
		require.NoError(t, err)
		for _, c := range []struct {
			shift    float64
			rejected bool
		}{{r.Lower.Value - 0.01, true}, {r.Lower.Value + 0.01, false}, {r.Upper.Value - 0.01, false}, {r.Upper.Value + 0.01, true}} {
			o.Mu = c.shift
			shifted, err := RankSumTest(x, y, o)
			require.NoError(t, err)
			require.Equal(t, c.rejected, shifted.PValue.Value < 0.1, "exact %t, shift %g, p %g", exact, c.shift, shifted.PValue.Value)
		}
	}
}

func TestTheLevelThatThreePairsReachIsSaid(t *testing.T) {
	r, err := SignedRankTest([]float64{3, 5, 9}, []float64{1, 2, 4}, RankOptions{Exact: true, Level: 0.95})
	require.NoError(t, err)
	require.InDelta(t, 0.75, r.Achieved.Value, 1e-12)
	require.InDelta(t, 0.25, r.PValue.Value, 1e-12)
}

// Any two small samples are tested or refused, never half.
func FuzzTwoSamples(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, uint8(3), uint8(0))
	f.Add([]byte{7, 7, 7, 7}, uint8(2), uint8(200))
	f.Add([]byte{}, uint8(0), uint8(77))
	f.Fuzz(func(t *testing.T, data []byte, split, choice uint8) {
		if len(data) > 60 {
			return
		}
		unit := math.Pow(10, float64(int(choice%41))-20)
		var x, y []float64
		for i, b := range data {
			v := (float64(b) - 100) * unit
			if b == 255 {
				v = math.Inf(1)
			}
			if i < int(split) {
				x = append(x, v)
			} else {
				y = append(y, v)
			}
		}
		side := []Alternative{TwoSided, Less, Greater}[choice%3]
		level := 1 - math.Pow(10, -float64(choice%13))/2
		o := RankOptions{Exact: choice%2 == 0, Correct: choice%5 > 1, Mu: unit * float64(choice%4), Alternative: side, Level: level}
		n := min(len(x), len(y))
		check(t, func() (any, error) { return Describe(numbers(x), level) })
		check(t, func() (any, error) { return TwoSampleT(x, y, choice%2 == 0, TOptions{o.Mu, side, level}) })
		check(t, func() (any, error) { return PairedT(x[:n], y[:n], TOptions{o.Mu, side, level}) })
		check(t, func() (any, error) { return SignedRankTest(x[:n], y[:n], o) })
		check(t, func() (any, error) { return RankSumTest(x, y, o) })
		check(t, func() (any, error) { return EffectIndependent(x, y, level) })
		check(t, func() (any, error) { return EffectPaired(x[:n], y[:n], level) })
	})
}

func check(t *testing.T, run func() (any, error)) {
	result, err := run()
	statstest.RequireAnswer(t, result, err)
}

package proportion

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/testkit/statstest"
)

// Newcombe (1998), Statistics in Medicine 17:857, Table I, and 17:873, example (a), to the digits printed there.
func TestNewcombesPrintedExamples(t *testing.T) {
	for _, c := range []struct {
		x, n                                                      int
		wilsonLow, wilsonHigh, ccLow, ccHigh, exactLow, exactHigh float64
	}{
		{81, 263, 0.2553, 0.3662, 0.2535, 0.3682, 0.2527, 0.3676},
		{15, 148, 0.0624, 0.1605, 0.0598, 0.1644, 0.0578, 0.1617},
		{0, 20, 0, 0.1611, 0, 0.2005, 0, 0.1684},
		{1, 29, 0.0061, 0.1718, 0.0018, 0.1963, 0.0009, 0.1776},
	} {
		one, err := Interval(c.x, c.n, 0.95)
		require.NoError(t, err)
		for name, pair := range map[string][2]float64{"wilson lower": {c.wilsonLow, one.WilsonLower.Value}, "wilson upper": {c.wilsonHigh, one.WilsonUpper.Value},
			"corrected lower": {c.ccLow, one.WilsonCCLower.Value}, "corrected upper": {c.ccHigh, one.WilsonCCUpper.Value},
			"exact lower": {c.exactLow, one.ClopperPearsonLower.Value}, "exact upper": {c.exactHigh, one.ClopperPearsonUpper.Value}} {
			require.InDelta(t, pair[0], pair[1], 5e-5, "%d of %d, %s", c.x, c.n, name)
		}
	}
	two, err := Compare(Table{56, 14, 48, 32}, 0.95)
	require.NoError(t, err)
	require.InDelta(t, 0.0524, two.NewcombeLower.Value, 5e-5)
	require.InDelta(t, 0.3339, two.NewcombeUpper.Value, 5e-5)
}

func table(t *rapid.T) Table {
	n := rapid.IntRange(0, 30)
	return Table{n.Draw(t, "a"), n.Draw(t, "b"), n.Draw(t, "c"), n.Draw(t, "d")}
}

// Events and non-events, or the two groups, exchanged give the mirrored result.
func TestATableMirrors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := table(t)
		if m.A+m.B == 0 || m.C+m.D == 0 {
			return
		}
		one, err := Compare(m, 0.9)
		require.NoError(t, err)
		groups, err := Compare(Table{m.C, m.D, m.A, m.B}, 0.9)
		require.NoError(t, err)
		events, err := Compare(Table{m.B, m.A, m.D, m.C}, 0.9)
		require.NoError(t, err)
		for _, other := range []Two{groups, events} {
			require.InDelta(t, one.NewcombeLower.Value, -other.NewcombeUpper.Value, 1e-12)
			require.InDelta(t, one.FisherP.Value, other.FisherP.Value, 1e-12)
			require.Equal(t, one.ChiSquare.Defined, other.ChiSquare.Defined)
			require.InDelta(t, one.ChiSquareP.Value, other.ChiSquareP.Value, 1e-12)
			if one.OddsRatio.Defined && one.OddsRatio.Value > 0 {
				require.InDelta(t, 1, one.OddsRatio.Value*other.OddsRatio.Value, 1e-9)
			}
		}
		require.LessOrEqual(t, one.NewcombeLower.Value, one.RiskDifference.Value)
		require.GreaterOrEqual(t, one.NewcombeUpper.Value, one.RiskDifference.Value)
	})
}

// The limits of the number needed to treat are reciprocals of Newcombe's; where the difference may be 0, they are the ends of
// two open ranges, and nothing calls them an interval.
func TestNumbersNeededToTreatThroughInfinity(t *testing.T) {
	two, err := Compare(Table{12, 38, 9, 41}, 0.95)
	require.NoError(t, err)
	require.True(t, two.NNTCrossesInfinity)
	require.Negative(t, two.NNTFromLower.Value)
	require.Positive(t, two.NNTFromUpper.Value)
	require.InDelta(t, 1/two.NewcombeUpper.Value, two.NNTFromUpper.Value, 1e-12)
	equal, err := Compare(Table{5, 5, 5, 5}, 0.95)
	require.NoError(t, err)
	require.False(t, equal.NNT.Defined, "no difference needs infinitely many")
	require.True(t, equal.NNTCrossesInfinity)
}

// Where everyone in both groups has the event, the log ratio's error would be 0 and its interval a point.
func TestARatioWithoutErrorHasNoInterval(t *testing.T) {
	two, err := Compare(Table{5, 0, 7, 0}, 0.95)
	require.NoError(t, err)
	require.InDelta(t, 1, two.RiskRatio.Value, 0)
	require.False(t, two.LogRRSE.Defined || two.RRLower.Defined || two.RRUpper.Defined)
	require.False(t, two.OddsRatio.Defined || two.ChiSquare.Defined)
	require.InDelta(t, 1, two.FisherP.Value, 0)
}

// An interval inverts its test: at Clopper and Pearson's limits the tails hold (1 - level)/2, at Wilson's the score is z.
func TestIntervalsInvertTheirTests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "n")
		x := rapid.IntRange(0, n).Draw(t, "x")
		level := rapid.SampledFrom([]float64{0.5, 0.95, 0.999}).Draw(t, "level")
		one, err := Interval(x, n, level)
		require.NoError(t, err)
		binomial := func(k int, p float64) float64 {
			return math.Exp(logChoose(n, k)) * math.Pow(p, float64(k)) * math.Pow(1-p, float64(n-k))
		}
		if x > 0 {
			above := 0.0
			for k := x; k <= n; k++ {
				above += binomial(k, one.ClopperPearsonLower.Value)
			}
			require.InDelta(t, (1-level)/2, above, 1e-9)
		}
		if x < n {
			p := one.WilsonUpper.Value
			require.InDelta(t, -stats.NormalQuantile(0.5+level/2), (float64(x)/float64(n)-p)/math.Sqrt(p*(1-p)/float64(n)), 1e-7)
		}
		half := 0.0
		for k := range n + 1 {
			if binomial(k, 0.5) <= binomial(x, 0.5)*likelier {
				half += binomial(k, 0.5)
			}
		}
		require.InDelta(t, half, one.ExactPHalf.Value, 1e-12)
	})
}

func TestCountsOfMillionsAreQuick(t *testing.T) {
	one, err := Interval(5_000_100_000, 10_000_000_000, 0.95)
	require.NoError(t, err)
	require.InDelta(t, stats.TwoSidedNormal(2), one.ExactPHalf.Value, 1e-5)
	two, err := Compare(Table{4_000_000, 6_000_000, 4_100_000, 5_900_000}, 0.95)
	require.NoError(t, err)
	require.False(t, two.FisherP.Defined)
	require.NotEmpty(t, two.Notes)
}

// Any counts have a result that JSON can hold or a failure that names the place.
func FuzzTable(f *testing.F) {
	f.Add(1, 2, 3, 4, 0.95)
	f.Add(0, 0, 5, 0, 0.5)
	f.Add(math.MaxInt, 1, math.MaxInt, 1, 0.95)
	f.Add(1000, 2, 0, 7, 1-1e-15)
	f.Fuzz(func(t *testing.T, a, b, c, d int, level float64) {
		if max(a, b, c, d) > 1e5 && max(a, b, c, d) <= mostCounted {
			a, b, c, d = a%1000, b%1000, c%1000, d%1000
		}
		one, err := Interval(a, b, level)
		statstest.RequireAnswer(t, one, err)
		two, err := Compare(Table{a, b, c, d}, level)
		statstest.RequireAnswer(t, two, err)
	})
}

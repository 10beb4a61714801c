package stats_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
)

func TestUndefinedNumbersAreNull(t *testing.T) {
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		text, err := json.Marshal(stats.Of(x))
		require.NoError(t, err)
		require.Equal(t, "null", string(text))
	}
	text, err := json.Marshal(stats.Number{Value: math.NaN(), Defined: true})
	require.NoError(t, err)
	require.Equal(t, "null", string(text))
	var back stats.Number
	require.NoError(t, json.Unmarshal([]byte("1.5"), &back))
	require.Equal(t, stats.Of(1.5), back)
	require.NoError(t, json.Unmarshal([]byte("null"), &back))
	require.False(t, back.Defined)
}

// Student's t has closed forms at 1 (Cauchy) and 2 degrees of freedom, chi-square at 2.
func TestDistributionsHaveTheirClosedForms(t *testing.T) {
	for _, p := range []float64{0.6, 0.9, 0.975, 0.9995, 1 - 1e-9} {
		require.InEpsilon(t, math.Tan(math.Pi*(p-0.5)), stats.TQuantile(p, 1), 1e-7)
		a := 2*p - 1
		require.InEpsilon(t, a*math.Sqrt(2/(1-a*a)), stats.TQuantile(p, 2), 1e-7)
		require.InEpsilon(t, stats.NormalQuantile(p), stats.TQuantile(p, 1e9), 1e-7)
		require.InDelta(t, -stats.TQuantile(p, 7.3), stats.TQuantile(1-p, 7.3), 1e-5)
	}
	require.InEpsilon(t, 14225.193011958556, stats.TQuantile(0.995, 0.43722933461124119), 1e-12, "qt(0.995, 0.43722933461124119) in R")
	require.InEpsilon(t, math.Exp(-3), stats.UpperChiSquare(6, 2), 1e-12)
	require.InEpsilon(t, 1.959963984540054, stats.NormalQuantile(0.975), 1e-14)
	require.InEpsilon(t, 2/math.Pi*1e-30, stats.TwoSidedT(1e30, 1), 1e-12) // the Cauchy tail
	for _, f := range []float64{0.1, 1, 3, 9} {
		require.InEpsilon(t, stats.UpperChiSquare(3*f, 3), stats.UpperF(f, 3, 1e8), 1e-5)
		require.InEpsilon(t, stats.TwoSidedT(f, 0.999e6), stats.TwoSidedT(f, 1.001e6), 1e-5)
	}
}

func TestTheQuantileInvertsTheTail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, df := rapid.Float64Range(0.5001, 0.99999).Draw(t, "p"), rapid.Float64Range(0.5, 5000).Draw(t, "df")
		require.InEpsilon(t, 2*(1-p), stats.TwoSidedT(stats.TQuantile(p, df), df), 1e-9)
	})
}

// F with one numerator degree of freedom is the square of t.
func TestFIsTSquared(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, df := rapid.Float64Range(0.01, 60).Draw(t, "t"), rapid.Float64Range(1, 500).Draw(t, "df")
		require.InEpsilon(t, stats.TwoSidedT(x, df), stats.UpperF(x*x, 1, df), 1e-7)
	})
}

func TestAnIntervalWithoutErrorIsUndefined(t *testing.T) {
	e := stats.TEstimate(1, 0, stats.Of(10), 0.95)
	require.False(t, e.Statistic.Defined || e.Lower.Defined)
	require.Error(t, stats.CheckLevel(math.NaN()))
}

func TestWhatIsNoProbabilityHasNoQuantile(t *testing.T) {
	for _, p := range []float64{-46, 1.5, math.NaN()} {
		require.True(t, math.IsNaN(stats.NormalQuantile(p)), "%g", p)
	}
}

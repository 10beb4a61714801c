package stats_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
)

// From Gamma(x + 1) = x Gamma(x): J(df) J(df + 1) = (df - 1) / sqrt(df (df + 1)). It holds to the last digits however many
// degrees of freedom there are.
func TestSmallSampleFactorsFollowTheGammaFunction(t *testing.T) {
	require.InEpsilon(t, 1/math.Sqrt(math.Pi), stats.SmallSampleFactor(2), 1e-15)
	for _, df := range []float64{1.5, 2, 3, 4.5, 10, 29, 30, 31, 32, 100, 1e4, 1e6, 1e9} {
		product := stats.SmallSampleFactor(df) * stats.SmallSampleFactor(df+1)
		require.InEpsilon(t, (df-1)/math.Sqrt(df*(df+1)), product, 1e-14, "%v degrees of freedom", df)
	}
	for _, df := range []float64{1, 0, -3, math.NaN()} {
		require.True(t, math.IsNaN(stats.SmallSampleFactor(df)), "%v degrees of freedom", df)
	}
}

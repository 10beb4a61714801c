package stats_test

import (
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
)

// R's values, made by scripts/reference/distributions.R (R 4.2.2: pnorm, qnorm, pt, qt, pchisq, pf, qf, qbeta).
func TestDistributionsAreRs(t *testing.T) {
	functions := map[string]func(x, a, b float64) float64{
		"two_sided_normal": func(x, _, _ float64) float64 { return stats.TwoSidedNormal(x) },
		"normal_quantile":  func(x, _, _ float64) float64 { return stats.NormalQuantile(x) },
		"two_sided_t":      func(x, a, _ float64) float64 { return stats.TwoSidedT(x, a) },
		"t_quantile":       func(x, a, _ float64) float64 { return stats.TQuantile(x, a) },
		"upper_chisq":      func(x, a, _ float64) float64 { return stats.UpperChiSquare(x, a) },
		"upper_f":          stats.UpperF,
		"f_quantile":       stats.FQuantile,
		"beta_quantile":    stats.BetaQuantile,
		"noncentral_t":     stats.NoncentralT,
	}
	file, err := os.Open("testdata/distributions.csv")
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(rows), 1500)
	seen := map[string]int{}
	for _, row := range rows[1:] {
		f, known := functions[row[0]]
		require.True(t, known, row[0])
		seen[row[0]]++
		var v [4]float64
		for i, cell := range row[1:] {
			if cell != "" {
				v[i], err = strconv.ParseFloat(cell, 64)
				require.NoError(t, err)
			}
		}
		got, want, absolute := f(v[0], v[1], v[2]), v[3], 0.0
		if row[0] == "noncentral_t" {
			absolute = 2e-12 // what R's own series is good for
		}
		if !(math.Abs(got-want) <= math.Max(absolute, 1e-10*math.Abs(want))) {
			t.Errorf("%s(%g; %s, %s): R %.17g, got %.17g, relative difference %.1e", row[0], v[0], row[2], row[3], want, got, math.Abs(got/want-1))
		}
	}
	require.Len(t, seen, len(functions))
}

// Any argument has a tail between 0 and 1, and a quantile is taken back to it; what is no argument gives NaN, and soon.
func FuzzDistributions(f *testing.F) {
	f.Add(0.3, 2.0, 7.5, 1.0)
	f.Add(1e-300, 1e300, math.Inf(1), -3.0)
	f.Add(math.NaN(), 1.0, 0.0, 1e9)
	f.Add(0.999999, 1e12, 3e-3, 40.0)
	f.Fuzz(func(t *testing.T, p, a, b, x float64) {
		for name, tail := range map[string]float64{"t": stats.TwoSidedT(x, a), "F": stats.UpperF(x, a, b), "chi-square": stats.UpperChiSquare(x, math.Min(a, 1e9)),
			"normal": stats.TwoSidedNormal(x), "noncentral t": stats.NoncentralT(math.Mod(x, 1000), math.Max(0.5, math.Min(math.Abs(a), 1e6)), math.Mod(b, 1000))} {
			require.True(t, math.IsNaN(tail) || tail >= 0 && tail <= 1, "%s: %g", name, tail)
		}
		if !(p > 1e-12 && p < 1-1e-12 && a > 0.2 && a < 1e6 && b > 0.2 && b < 1e6) {
			_ = stats.FQuantile(p, a, b) + stats.TQuantile(p, a) + stats.BetaQuantile(p, a, b)
			return
		}
		if q := stats.FQuantile(p, a, b); q > 1e-100 && q < 1e100 {
			require.InDelta(t, 1-p, stats.UpperF(q, a, b), 1e-9)
		}
		require.InEpsilon(t, 2*math.Min(p, 1-p), math.Min(1, stats.TwoSidedT(stats.TQuantile(p, a), a)), 1e-8)
	})
}

// Beyond the noncentrality to which R goes, the two integrals must meet each other and the series.
func TestTheNoncentralIntegralsMeetTheSeries(t *testing.T) {
	for _, df := range []float64{1, 3, 20, 400, 1e5} {
		for _, x := range []float64{20, 30, 37, 45, 80} {
			near := stats.NoncentralT(x, df, 37)
			beyond := stats.NoncentralT(x, df, 37*(1+1e-12))
			require.InDelta(t, near, beyond, 1e-10, "t %g, df %g", x, df)
		}
		edge := math.Sqrt(2 * df)
		for _, delta := range []float64{38, 60, 5000} {
			require.InDelta(t, stats.NoncentralT(edge*(1-1e-12), df, delta), stats.NoncentralT(edge*(1+1e-12), df, delta), 1e-10, "df %g, delta %g", df, delta)
		}
	}
	// A statistic of any size has an interval, and the limits are where the tails are.
	for _, x := range []float64{0, 1e-9, 3, 50, 1e4, 1e9, -1e4} {
		for _, df := range []float64{1, 2, 30, 1e6} {
			low, high := stats.NoncentralityInterval(x, df, 0.95)
			require.Less(t, low, high)
			require.InDelta(t, 0.975, stats.NoncentralT(x, df, low), 1e-9, "t %g, df %g", x, df)
			require.InDelta(t, 0.025, stats.NoncentralT(x, df, high), 1e-9, "t %g, df %g", x, df)
		}
	}
}

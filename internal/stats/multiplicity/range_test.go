package multiplicity

import (
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// R's values, made by scripts/reference/studentised-range.R (R 4.2.2: ptukey, qtukey, integrate).
func TestTheStudentisedRangeIsRs(t *testing.T) {
	file, err := os.Open("testdata/studentised-range.csv")
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(rows), 200)
	for _, row := range rows[1:] {
		var v [4]float64
		for i, cell := range row[1:] {
			v[i], err = strconv.ParseFloat(cell, 64)
			require.NoError(t, err)
		}
		tukey := Tukey(int(v[1]))
		got, allowed := tukey.P(v[0], v[2]), 1e-9
		if row[0] == "critical" {
			got, allowed = tukey.Critical(v[0], v[2]), 1e-4*v[3] // qtukey stops at 1e-4
		}
		if math.Abs(got-v[3]) > allowed {
			t.Errorf("%v: R %.12g, got %.12g (%.1e)", row, v[3], got, math.Abs(got-v[3]))
		}
	}
}

// Where p is alpha, the critical value is: at every level, from one degree of freedom on.
func TestTheCriticalValueIsWhereThePIs(t *testing.T) {
	for _, df := range []float64{1, 2, 7, 300, 1e7} {
		for _, level := range []float64{0.5, 0.95, 0.999, 1 - 1e-6} {
			require.InEpsilon(t, 1-level, Tukey(3).P(Tukey(3).Critical(level, df), df), 1e-8, "df %g, level %g", df, level)
		}
	}
}

// Between its points the curve is the distribution.
func TestTheCurveIsTheDistribution(t *testing.T) {
	for _, k := range []int{2, 3, 30} {
		c := newCurve(func(w float64) float64 { return rangeBelow(w, k) })
		for w := 0.013; w < 21; w += 0.0717 {
			require.InDelta(t, 1-rangeBelow(w, k), c.upper(w), 1e-11, "k %d, w %g", k, w)
		}
	}
}

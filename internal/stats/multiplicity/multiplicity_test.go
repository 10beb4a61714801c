package multiplicity

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
)

// Two means are compared by one t test, so Tukey and Dunnett must be that test.
func TestOneComparisonIsATTest(t *testing.T) {
	one := mat.NewSymDense(1, []float64{1})
	for _, df := range []float64{1, 2, 7, 60, 1e5} {
		for _, x := range []float64{0, 0.3, 1, 2.5, 6} {
			want := stats.TwoSidedT(x, df)
			require.InDelta(t, want, Tukey(2).P(x, df), 1e-9, "Tukey, t %g, df %g", x, df)
			dunnett, err := Dunnett(one)
			require.NoError(t, err)
			require.InDelta(t, want, dunnett.P(x, df), 1e-9, "Dunnett, t %g, df %g", x, df)
		}
	}
}

// Tables of the studentised range and of Dunnett's test, to the digits that they print: Harter (1960) and
// Dunnett (1964), both at 5 %.
func TestPrintedTables(t *testing.T) {
	require.InDelta(t, 3.877, Tukey(3).Critical(0.95, 10)*math.Sqrt2, 5e-4)
	require.InDelta(t, 4.232, Tukey(5).Critical(0.95, 20)*math.Sqrt2, 5e-4)
	half := mat.NewSymDense(2, []float64{1, 0.5, 0.5, 1})
	dunnett, err := Dunnett(half)
	require.NoError(t, err)
	require.InDelta(t, 2.38, dunnett.Critical(0.95, 20), 5e-3)
}

// The lattice must give what the double integral gives where both can be used.
func TestTheLatticeAgreesWithTheIntegral(t *testing.T) {
	for _, loadings := range [][]float64{{0.7, 0.7, 0.7}, {0.3, 0.6, 0.8, 0.5}, {0.9, 0.2, 0.5, 0.7, 0.6}} {
		r := mat.NewSymDense(len(loadings), nil)
		for i := range loadings {
			r.SetSym(i, i, 1)
			for j := range i {
				r.SetSym(i, j, loadings[i]*loadings[j])
			}
		}
		lattice, err := newRectangle(r)
		require.NoError(t, err)
		for _, w := range []float64{0.5, 1.5, 2.4, 4} {
			allowed := 1e-5
			if len(loadings) < 5 {
				allowed = 1e-9 // no lattice, but quadrature
			}
			require.InDelta(t, within(w, loadings), lattice.within(w), allowed, "%v, %g", loadings, w)
		}
	}
}

func TestCorrelationsThatAreNoCorrelations(t *testing.T) {
	r := mat.NewSymDense(3, []float64{1, 0.9, -0.9, 0.9, 1, 0.9, -0.9, 0.9, 1})
	_, err := Dunnett(r)
	var failure *stats.Failure
	require.ErrorAs(t, err, &failure)
	require.Equal(t, stats.Collinear, failure.Kind)
}

// A corrected p is never below the raw one; Hommel's never above Hochberg's, Hochberg's never above Holm's, Holm's
// never above Bonferroni's.
func TestTheOrderOfTheCorrections(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 12).Draw(t, "p")
		require.NoError(t, Check(numbers(p...)))
		a := Adjust(numbers(p...))
		for i, raw := range p {
			require.GreaterOrEqual(t, a.Hommel[i].Value, raw)
			require.GreaterOrEqual(t, a.BH[i].Value, raw)
			require.LessOrEqual(t, a.Hommel[i].Value, a.Hochberg[i].Value+1e-15)
			require.LessOrEqual(t, a.Hochberg[i].Value, a.Holm[i].Value+1e-15)
			require.LessOrEqual(t, a.Holm[i].Value, a.Bonferroni[i].Value+1e-15)
			require.LessOrEqual(t, a.BH[i].Value, a.BY[i].Value+1e-15)
		}
	})
}

func TestPValuesThatAreNone(t *testing.T) {
	for _, p := range [][]float64{nil, {1.1}, {-0.1}, {2}} {
		require.Error(t, Check(numbers(p...)))
	}
}

// Holm's p rises with the raw one, and a p that is not there is not counted: R, p.adjust(c(0.02, NA, 0.01, 0.03), "holm") is
// 0.04, NA, 0.03, 0.04.
func TestWhatIsMissingIsNotCounted(t *testing.T) {
	p := []stats.Number{stats.Of(0.02), {}, stats.Of(0.01), stats.Of(0.03)}
	a := Adjust(p)
	for i, want := range []float64{0.04, 0, 0.03, 0.04} {
		require.Equal(t, p[i].Defined, a.Holm[i].Defined)
		require.InDelta(t, want, a.Holm[i].Value, 1e-15)
	}
	require.Equal(t, p, a.None)
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Float64Range(0, 1), 2, 9).Draw(t, "p")
		a := Adjust(numbers(p...))
		for i := range p {
			for j := range p {
				if p[i] <= p[j] {
					require.LessOrEqual(t, a.Holm[i].Value, a.Holm[j].Value)
					require.LessOrEqual(t, a.BH[i].Value, a.BH[j].Value)
					require.LessOrEqual(t, a.Hommel[i].Value, a.Hommel[j].Value+1e-15)
				}
			}
		}
	})
}

// Any p-values are corrected to p-values, or refused.
func FuzzAdjust(f *testing.F) {
	f.Add([]byte{1, 200, 30, 30, 0, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 200 {
			return
		}
		var p []stats.Number
		for _, b := range data {
			p = append(p, stats.Number{Value: math.Pow(float64(b)/250, 9), Defined: b%7 > 0})
		}
		if err := Check(p); err != nil {
			var failure *stats.Failure
			require.ErrorAs(t, err, &failure)
			return
		}
		a := Adjust(p)
		for _, list := range [][]stats.Number{a.Bonferroni, a.Holm, a.Hochberg, a.Hommel, a.BH, a.BY, a.None} {
			require.Len(t, list, len(p))
			for i, v := range list {
				require.Equal(t, p[i].Defined, v.Defined)
				require.True(t, !v.Defined || v.Value >= p[i].Value*(1-1e-12) && v.Value <= 1)
			}
		}
	})
}

func numbers(p ...float64) []stats.Number {
	var out []stats.Number
	for _, v := range p {
		out = append(out, stats.Number{Value: v, Defined: true})
	}
	return out
}

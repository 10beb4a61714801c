package basis

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
)

func design(r *rand.Rand, n, p int) []float64 {
	x := make([]float64, n*p)
	for i := range n {
		x[i*p] = 1
		for j := 1; j < p; j++ {
			x[i*p+j] = math.Pow(10, float64(4*j-8)) * (r.NormFloat64() + 50)
		}
	}
	return x
}

var names = []string{"one", "a", "b", "c", "d"}

// Q has orthonormal columns, Q R is the design whatever the units of its columns, and R^-1 takes coefficients back.
func TestTheBasisIsOrthonormalInAnyUnits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		n, p := rapid.IntRange(6, 40).Draw(t, "n"), rapid.IntRange(1, 5).Draw(t, "p")
		x := design(r, n, p)
		b, err := Of(names[:p], x, n)
		require.NoError(t, err)
		for j := range p {
			for k := range p {
				sum, back := 0.0, 0.0
				for i := range n {
					sum += b.Row(i)[j] * b.Row(i)[k]
				}
				for l := range p {
					back += b.Direction(j)[l] * b.R.At(l, k) // R^-1 R
				}
				want := 0.0
				if j == k {
					want = 1
				}
				require.InDelta(t, want, sum, 1e-13)
				unit := x[k] / x[j]
				require.InDelta(t, want, back/unit, 1e-7)
			}
			for i := range n {
				sum := 0.0
				for k := 0; k <= j; k++ {
					sum += b.Row(i)[k] * b.R.At(k, j)
				}
				require.InEpsilon(t, x[i*p+j], sum, 1e-12)
			}
		}
		// The coefficients of a response that is a combination come back.
		truth, q := make([]float64, p), make([]float64, p)
		for j := range p {
			truth[j] = (float64(j) - 1.5) / x[j]
		}
		for i := range n {
			Add(q, Dot(x[i*p:(i+1)*p], truth), b.Row(i))
		}
		for j, v := range b.Coefficients(q) {
			require.InDelta(t, truth[j]*x[j], v*x[j], 1e-9)
		}
	})
}

// The covariance of the design's coefficients for uncorrelated ones of the basis is (X'X)^-1.
func TestTheCovarianceIsTheInverseOfTheProducts(t *testing.T) {
	x := []float64{1, 2, 1, 5, 1, 3, 1, 9}
	b, err := Of(names[:2], x, 4)
	require.NoError(t, err)
	v := b.Covariance(mat.NewDiagDense(2, []float64{1, 1}))
	// X'X = [[4, 19], [19, 119]], with determinant 115.
	require.InDelta(t, 119.0/115, v.At(0, 0), 1e-12)
	require.InDelta(t, -19.0/115, v.At(0, 1), 1e-12)
	require.InDelta(t, 4.0/115, v.At(1, 1), 1e-12)
}

func TestWhatHasNoBasisIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		names []string
		x     []float64
		n     int
		kind  stats.Kind
		where string
	}{
		"as many columns as rows": {names[:2], []float64{1, 2, 1, 3}, 2, stats.TooFew, "rows"},
		"no column":               {nil, nil, 3, stats.BadInput, "formula"},
		"a column of zeros":       {names[:2], []float64{1, 0, 1, 0, 1, 0}, 3, stats.Collinear, "a"},
		"a multiple":              {names[:2], []float64{1, 7, 1, 7, 1, 7}, 3, stats.Collinear, "a"},
		"a sum":                   {names[:3], []float64{1, 2, 3, 1, 5, 6, 1, 3, 4, 1, 9, 10}, 4, stats.Collinear, "b"},
		"NaN":                     {names[:2], []float64{1, 2, 1, math.NaN(), 1, 4}, 3, stats.NotFinite, "a"},
		"an infinity":             {names[:2], []float64{1, 2, 1, math.Inf(1), 1, 4}, 3, stats.NotFinite, "a"},
		"too large":               {names[:2], []float64{1, 2, 1, 1e300, 1, 4}, 3, stats.NotFinite, "a"},
	} {
		_, err := Of(c.names, c.x, c.n)
		var failure *stats.Failure
		require.ErrorAs(t, err, &failure, name)
		require.Equal(t, c.kind, failure.Kind, name)
		require.Equal(t, c.where, failure.Where, name)
	}
}

// Any design has an orthonormal basis or a failure that names the column.
func FuzzOf(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, uint8(2))
	f.Add([]byte{0, 0, 0, 0, 0, 0}, uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, width uint8) {
		p := int(width) % 6
		if len(data) > 100 || p > len(names) {
			return
		}
		n := len(data) / max(p, 1)
		x := make([]float64, n*p)
		for i := range x {
			x[i] = (float64(data[i]) - 100) * math.Pow(10, float64(width%31)*10-150)
		}
		b, err := Of(names[:p], x, n)
		if err != nil {
			var failure *stats.Failure
			require.True(t, errors.As(err, &failure), "%v", err)
			require.NotEmpty(t, failure.Where)
			return
		}
		for _, v := range b.Q {
			require.False(t, math.IsNaN(v) || math.IsInf(v, 0))
			require.LessOrEqual(t, math.Abs(v), 1+1e-9)
		}
	})
}

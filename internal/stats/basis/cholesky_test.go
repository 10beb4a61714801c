package basis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheFastWayGivesGramAndSchmidtsBasis: wherever the fast way is taken, both give the same columns and the same factor,
// orthonormal to rounding, whatever the columns' units.
func TestTheFastWayGivesGramAndSchmidtsBasis(t *testing.T) {
	for seed := range uint64(30) {
		source := rand.New(rand.NewPCG(seed, 1))
		n, p := 20+source.IntN(20000), 1+source.IntN(8)
		x, names := make([]float64, n*p), make([]string, p)
		before := 1.0
		for j := range p {
			names[j] = fmt.Sprint(j)
			unit, lean := math.Pow(10, float64(source.IntN(13)-6)), source.Float64()
			for i := range n {
				x[i*p+j] = unit * source.NormFloat64()
				if j > 0 {
					x[i*p+j] += lean * unit * x[i*p+j-1] / before
				}
			}
			before = unit
		}
		q, r, lengths, ok := cholesky(x, n, p)
		careful, factor, others, err := gramSchmidt(names, x, n, p)
		require.NoError(t, err)
		require.True(t, ok)
		require.InDeltaSlice(t, careful, q, 1e-12)
		require.InEpsilonSlice(t, others, lengths, 1e-12)
		for i := range p {
			for j := i; j < p; j++ {
				require.InDelta(t, factor.At(i, j), r.At(i, j), 1e-12)
			}
		}
		products := cross(q, n, p)
		for i := range p {
			for j := range i + 1 {
				want := 0.0
				if i == j {
					want = 1
				}
				require.InDelta(t, want, products.At(i, j), 1e-14*math.Sqrt(float64(n)))
			}
		}
	}
}

// TestNearlyCollinearColumnsGoTheCarefulWay: where digits would be lost, and where the column must be named.
func TestNearlyCollinearColumnsGoTheCarefulWay(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name  string
		apart float64
		fits  bool
	}{{"a thousandth apart", 1e-3, true}, {"a millionth apart", 1e-6, true}, {"the same", 0, false}} {
		x := make([]float64, 0, 300)
		for range 100 {
			a := source.NormFloat64()
			x = append(x, 1, a, a+c.apart*source.NormFloat64())
		}
		_, _, _, ok := cholesky(x, 100, 3)
		require.False(t, ok, c.name)
		_, err := Of([]string{"(Intercept)", "a", "b"}, x, 100)
		if c.fits {
			require.NoError(t, err, c.name)
			continue
		}
		require.ErrorContains(t, err, "b: ", c.name)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), 1e200} {
		_, err := Of([]string{"(Intercept)", "a"}, []float64{1, 1, 1, bad, 1, 2, 1, 3}, 4)
		require.ErrorContains(t, err, "a: ")
	}
}

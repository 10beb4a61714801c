package survival_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats/survival"
)

// simulated draws n exponential times with five covariates, a third of them censored, times in whole days of ten years so
// that many are tied.
func simulated(n int) survival.Spells {
	random := rand.New(rand.NewPCG(1, 2))
	s := survival.Spells{Names: []string{"a", "b", "c", "d", "e"}, X: make([]float64, 0, 5*n)}
	for range n {
		row := []float64{random.NormFloat64(), random.NormFloat64(), random.Float64(), float64(random.IntN(2)), float64(random.IntN(4))}
		s.X = append(s.X, row...)
		hazard := math.Exp(0.5*row[0]-0.3*row[1]+0.2*row[2]+0.4*row[3]-0.1*row[4]) / 900
		time, censored := random.ExpFloat64()/hazard, 3650*random.Float64()
		s.Stop = append(s.Stop, math.Ceil(math.Min(time, censored)))
		s.Event = append(s.Event, time <= censored)
	}
	return s
}

// BenchmarkCox fits five covariates by Efron's method.
func BenchmarkCox(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		s := simulated(n)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := survival.FitCox(s, survival.Efron)
				require.NoError(b, err)
			}
		})
	}
}

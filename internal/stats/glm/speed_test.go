package glm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// simulated gives rows of an intercept and normal covariates with a response whose log odds are linear in them.
func simulated(rows, covariates int, seed uint64) Data {
	random := rand.New(rand.NewPCG(seed, 11))
	d := Data{Names: []string{"(Intercept)"}, Response: "event"}
	for j := range covariates {
		d.Names = append(d.Names, fmt.Sprintf("x%d", j+1))
	}
	d.X, d.Y = make([]float64, 0, rows*(covariates+1)), make([]float64, 0, rows)
	for range rows {
		d.X = append(d.X, 1)
		eta := -0.5
		for j := range covariates {
			x := random.NormFloat64()
			d.X = append(d.X, x)
			eta += x * 0.4 * float64(j%3-1)
		}
		y := 0.0
		if random.Float64() < 1/(1+math.Exp(-eta)) {
			y = 1
		}
		d.Y = append(d.Y, y)
	}
	return d
}

// BenchmarkLogistic is the million rows of docs/methods/logistic.md, which says what R needs for them.
func BenchmarkLogistic(b *testing.B) {
	d := simulated(1_000_000, 10, 1)
	b.ReportAllocs()
	for b.Loop() {
		_, err := New(Logit, d)
		require.NoError(b, err)
	}
}

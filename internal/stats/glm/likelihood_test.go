package glm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// prepared is a fit before its first step, with prior weights, so that the likelihood can be read anywhere.
func prepared(t *testing.T, family Family, rows int) *Fit {
	d := simulated(rows, 3, 5)
	d.Weights = make([]float64, rows)
	random := rand.New(rand.NewPCG(3, 3))
	for i := range d.Weights {
		d.Weights[i] = 0.5 + random.Float64()
		if family == Gaussian {
			d.Y[i] += random.NormFloat64()
		}
	}
	d.Weights[0] = 0
	b, err := basis.Of(d.Names, d.X, rows)
	require.NoError(t, err)
	return &Fit{Family: family, data: d, basis: b}
}

var everyFamily = []Family{Logit, CLogLog, Gaussian}

// The score is the gradient of the log-likelihood at parameters far from the optimum, and the information of the canonical
// links is minus its Hessian.
func TestTheScoreAndInformationAreTheDerivativesOfTheLikelihood(t *testing.T) {
	for _, family := range everyFamily {
		t.Run(string(family), func(t *testing.T) {
			f := prepared(t, family, 60)
			q := []float64{0.7, -1.1, 0.4, 2}
			logLik := func(q []float64) float64 { return f.evaluate(q).logLik }
			at := f.evaluate(q)
			want := fd.Gradient(nil, logLik, q, &fd.Settings{Formula: fd.Central, Step: 1e-5})
			require.InDeltaSlice(t, want, at.score, 1e-7)
			if family == CLogLog {
				return // the information is the expected one there
			}
			for j := range q {
				score := func(x float64) float64 {
					moved := append([]float64(nil), q...)
					moved[j] = x
					return f.evaluate(moved).score[0]
				}
				slope := fd.Derivative(score, q[j], &fd.Settings{Formula: fd.Central, Step: 1e-5})
				require.InDelta(t, -slope, at.info.At(0, j), 1e-7)
			}
		})
	}
}

// The expected information is the mean of the squared score over responses drawn from the model, exactly: both responses
// of each row, weighted by their probabilities.
func TestTheInformationIsTheVarianceOfTheScore(t *testing.T) {
	for _, family := range []Family{Logit, CLogLog} {
		f := prepared(t, family, 50)
		f.data.Weights = nil
		q := []float64{0.3, 0.8, -0.9, 0.2}
		want := mat.NewSymDense(4, nil)
		for i := range f.basis.N {
			row := f.basis.Row(i)
			eta := basis.Dot(row, q)
			mean, _, _ := family.Mean(eta)
			for y, share := range []float64{1 - mean, mean} {
				f.data.Y[i] = float64(y)
				residual := f.likelihood(i, eta).residual
				want.SymRankOne(want, share*residual*residual, mat.NewVecDense(4, row))
			}
		}
		require.True(t, mat.EqualApprox(want, f.evaluate(q).info, 1e-12), family)
	}
}

// The sums by blocks, on several workers, are gonum's row by row; row counts lie on both sides of a block and a chunk.
func TestTheBlockedSumsAreThePlainOnes(t *testing.T) {
	for _, rows := range []int{5, blockOfRows, blockOfRows + 1, chunkOfRows, 2*chunkOfRows + 300} {
		for _, family := range everyFamily {
			f := prepared(t, family, rows)
			q := []float64{1, -2, 0.5, 0.25}
			at := f.evaluate(q)
			logLik, score, info := 0.0, mat.NewVecDense(4, nil), mat.NewSymDense(4, nil)
			for i := range rows {
				row := mat.NewVecDense(4, f.basis.Row(i))
				eta := mat.Dot(row, mat.NewVecDense(4, q))
				mean, slope, variance := family.Mean(eta)
				w := f.data.Weights[i]
				logLik += w * family.logLik(f.data.Y[i], eta)
				score.AddScaledVec(score, w*slope/variance*(f.data.Y[i]-mean), row)
				info.SymRankOne(info, w*slope*slope/variance, row)
			}
			require.InEpsilon(t, logLik, at.logLik, 1e-12)
			require.True(t, mat.EqualApprox(score, mat.NewVecDense(4, at.score), 1e-10))
			require.True(t, mat.EqualApprox(info, at.info, 1e-12))
		}
	}
}

// Rows in another order, a column in other units or shifted along the intercept, outcomes swapped: the same model.
func TestAFitDoesNotDependOnHowTheDataAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := simulated(80, 2, rapid.Uint64().Draw(t, "seed"))
		scale, shift := rapid.Float64Range(0.001, 1000).Draw(t, "scale"), rapid.Float64Range(-100, 100).Draw(t, "shift")
		plain, err := New(Logit, d)
		if err != nil {
			return // separated: nothing to compare
		}
		other := Data{Names: d.Names, Response: d.Response}
		for i := len(d.Y) - 1; i >= 0; i-- {
			other.X = append(other.X, 1, scale*d.X[i*3+1]+shift, d.X[i*3+2])
			other.Y = append(other.Y, 1-d.Y[i])
		}
		fit, err := New(Logit, other)
		require.NoError(t, err)
		require.InDelta(t, plain.Beta[1], -fit.Beta[1]*scale, 1e-7)
		require.InDelta(t, plain.Beta[0], -fit.Beta[0]-fit.Beta[1]*shift, 1e-6)
		require.InDelta(t, plain.Beta[2], -fit.Beta[2], 1e-8)
		require.InEpsilon(t, plain.SE(1), fit.SE(1)*scale, 1e-6)
		require.InEpsilon(t, plain.LogLik, fit.LogLik, 1e-10)
		require.InDelta(t, plain.Fitted(0), 1-fit.Fitted(len(d.Y)-1), 1e-9)
	})
}

// A weight of two is the row twice, a weight of none its absence, weights of one no weights.
func TestWeightsAreRepetitions(t *testing.T) {
	for _, family := range everyFamily {
		f := prepared(t, family, 60)
		weighted, long, once := f.data, Data{Names: f.data.Names, Response: "event"}, f.data
		weighted.Weights, once.Weights = make([]float64, 60), make([]float64, 60)
		for i := range 60 {
			weighted.Weights[i], once.Weights[i] = float64(i%3), 1
			for range i % 3 {
				long.X, long.Y = append(long.X, f.data.X[i*4:i*4+4]...), append(long.Y, f.data.Y[i])
			}
		}
		a, err := New(family, weighted)
		require.NoError(t, err)
		b, err := New(family, long)
		require.NoError(t, err)
		require.InDeltaSlice(t, b.Beta, a.Beta, 1e-9)
		if family.Binary() { // the normal distribution's variance counts rows, not weights
			require.InEpsilon(t, b.SE(1), a.SE(1), 1e-7)
			require.InEpsilon(t, b.LogLik, a.LogLik, 1e-12)
		}
		c, err := New(family, once)
		require.NoError(t, err)
		once.Weights = nil
		d, err := New(family, once)
		require.NoError(t, err)
		require.InDeltaSlice(t, d.Beta, c.Beta, 1e-12)
		require.InDelta(t, d.SE(1), c.SE(1), 1e-12)
	}
}

// With an indicator for each cell the fitted probabilities are the cells' shares, and standard errors follow from counts.
func TestASaturatedModelGivesTheCells(t *testing.T) {
	d := Data{Names: []string{"(Intercept)", "b"}, Response: "y"}
	for i, n := range []int{13, 7, 4, 16} { // 0 0, 0 1, 1 0, 1 1
		for range n {
			d.X, d.Y = append(d.X, 1, float64(i/2)), append(d.Y, float64(i%2))
		}
	}
	f, err := New(Logit, d)
	require.NoError(t, err)
	require.InDelta(t, math.Log(7.0/13), f.Beta[0], 1e-12)
	require.InDelta(t, math.Log(16.0/4)-math.Log(7.0/13), f.Beta[1], 1e-12)
	require.InDelta(t, math.Sqrt(1.0/13+1.0/7+1.0/4+1.0/16), f.SE(1), 1e-7)
	require.InDelta(t, 0.8, f.Fitted(39), 1e-12)
}

// At a profile limit the deviance has risen by the square of the normal quantile: with an intercept alone it is a closed form.
func TestTheProfileIntervalInvertsTheLikelihoodRatio(t *testing.T) {
	d := Data{Names: []string{"(Intercept)"}, Response: "y"}
	for i := range 40 {
		d.X, d.Y = append(d.X, 1), append(d.Y, indicator(i < 11))
	}
	f, err := New(Logit, d)
	require.NoError(t, err)
	logLik := func(b float64) float64 { return 11*b - 40*math.Log1p(math.Exp(b)) }
	for _, level := range []float64{0.8, 0.95} {
		lower, upper := f.Profile(0, level)
		z := stats.NormalQuantile(0.5 + level/2)
		for _, limit := range []stats.Number{lower, upper} {
			require.InDelta(t, z*z, 2*(f.LogLik-logLik(limit.Value)), 1e-3)
		}
		require.Less(t, lower.Value, f.Beta[0])
		require.Greater(t, upper.Value, f.Beta[0])
	}
}

package glm

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats/basis"
	"afterglow/internal/testkit/statstest"
)

// threeClasses gives rows of three groups whose odds depend on two covariates.
func threeClasses(rows int, seed uint64) Classes {
	random := rand.New(rand.NewPCG(seed, 2))
	c := Classes{Names: []string{"(Intercept)", "x1", "x2"}, Response: "group", Levels: []string{"a", "b", "c"}}
	shares := make([]float64, 3)
	for range rows {
		x1, x2 := random.NormFloat64(), random.NormFloat64()
		softmax([]float64{0.3 + 0.5*x1, -0.4*x1 + 0.6*x2}, shares, 0)
		u, g := random.Float64(), 0
		for ; g < 2 && u > shares[g]; g++ {
			u -= shares[g]
		}
		c.X, c.Group = append(c.X, 1, x1, x2), append(c.Group, g)
	}
	return c
}

// The expected values are R 4.2's: the multinomial model as a Poisson model with an effect for each row (Baker 1994, The
// Statistician 43:495), glm(count ~ 0 + factor(row) + level/(weight_pre + weight_change), poisson, epsilon = 1e-15).
func TestTheMultinomialModelIsRsPoissonModelWithRowEffects(t *testing.T) {
	frame := statstest.Data(t, "anorexia.csv").Frame()
	c := Classes{Names: []string{"(Intercept)", "weight_pre", "weight_change"}, Response: "treatment", Levels: []string{"Cont", "CBT", "FT"}}
	for i, treatment := range frame.Texts["treatment"] {
		c.X = append(c.X, 1, frame.Numbers["weight_pre"][i].Value, frame.Numbers["weight_change"][i].Value)
		for g, level := range c.Levels {
			if level == treatment {
				c.Group = append(c.Group, g)
			}
		}
	}
	f, err := NewMultinomial(c)
	require.NoError(t, err)
	estimates := []float64{-8.689637821054289, 0.105897606463259, 0.091345373366200, -14.750544526007047, 0.167035235116017, 0.179449421322353}
	errors := []float64{5.440398673953945, 0.066076857224991, 0.043202331482646, 6.306443176816718, 0.075596727768197, 0.052950574799841}
	r, err := f.Report(0.95)
	require.NoError(t, err)
	for k, coefficient := range r.Coefficients {
		require.InEpsilon(t, estimates[k], coefficient.Estimate.Value, 1e-9)
		require.InEpsilon(t, errors[k], coefficient.SE.Value, 1e-7)
	}
	require.InEpsilon(t, -69.443584015086, f.LogLik, 1e-12)
}

func TestTwoLevelsAreLogisticRegression(t *testing.T) {
	d := simulated(300, 3, 8)
	c := Classes{Names: d.Names, X: d.X, Response: "event", Levels: []string{"0", "1"}}
	for _, y := range d.Y {
		c.Group = append(c.Group, int(y))
	}
	logistic, err := New(Logit, d)
	require.NoError(t, err)
	f, err := NewMultinomial(c)
	require.NoError(t, err)
	require.InDeltaSlice(t, logistic.Beta, f.Beta[0], 1e-12)
	require.True(t, mat.EqualApprox(logistic.Covariance, f.Covariance, 1e-7))
	require.InEpsilon(t, logistic.LogLik, f.LogLik, 1e-13)
	a, err := logistic.Logistic(0.9)
	require.NoError(t, err)
	b, err := f.Report(0.9)
	require.NoError(t, err)
	require.InEpsilon(t, a.LRTest.ChiSq.Value, b.LRTest.ChiSq.Value, 1e-10)
	require.Equal(t, a.LRTest.DF, b.LRTest.DF)
	require.InEpsilon(t, a.BIC.Value, b.BIC.Value, 1e-13)
	require.InDelta(t, logistic.Fitted(4), f.Probabilities(4)[1], 1e-12)
}

func TestTheMultinomialScoreAndInformationAreDerivatives(t *testing.T) {
	c := threeClasses(70, 1)
	b, err := basis.Of(c.Names, c.X, 70)
	require.NoError(t, err)
	f := &MultinomialFit{data: c, basis: b}
	q := []float64{0.5, -1, 2, 1.5, 0.1, -0.7}
	at := f.evaluate(q)
	settings := &fd.Settings{Formula: fd.Central, Step: 1e-5}
	require.InDeltaSlice(t, fd.Gradient(nil, func(q []float64) float64 { return f.evaluate(q).logLik }, q, settings), at.score, 1e-7)
	for k := range q {
		row := fd.Gradient(nil, func(q []float64) float64 { return f.evaluate(q).score[k] }, q, settings)
		for l := range q {
			require.InDelta(t, -row[l], at.info.At(k, l), 1e-7)
		}
	}
}

// Another baseline gives the differences of the coefficients, the same probabilities and the same likelihood.
func TestTheBaselineIsOnlyACoding(t *testing.T) {
	c := threeClasses(200, 6)
	f, err := NewMultinomial(c)
	require.NoError(t, err)
	other := c
	other.Levels, other.Group = []string{"c", "a", "b"}, nil
	for _, g := range c.Group {
		other.Group = append(other.Group, (g+1)%3)
	}
	o, err := NewMultinomial(other)
	require.NoError(t, err)
	require.InEpsilon(t, f.LogLik, o.LogLik, 1e-12)
	for j := range 3 {
		require.InDelta(t, -f.Beta[1][j], o.Beta[0][j], 1e-9)
		require.InDelta(t, f.Beta[0][j]-f.Beta[1][j], o.Beta[1][j], 1e-9)
	}
	before, after := f.Probabilities(7), o.Probabilities(7)
	require.InDeltaSlice(t, before, []float64{after[1], after[2], after[0]}, 1e-10)
}

// The coefficients of many rows are those that the rows were drawn with, within their errors.
func TestTheMultinomialModelRecoversASimulatedTruth(t *testing.T) {
	f, err := NewMultinomial(threeClasses(20000, 12))
	require.NoError(t, err)
	for k, truth := range []float64{0.3, 0.5, 0, 0, -0.4, 0.6} {
		at := f.Covariance.At(k, k)
		require.InDelta(t, 0, (f.Beta[k/3][k%3]-truth)*(f.Beta[k/3][k%3]-truth)/at, 12)
	}
}

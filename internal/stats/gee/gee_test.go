package gee

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"afterglow/internal/stats/basis"
	"afterglow/internal/stats/glm"
)

var structures = []Structure{Independence, Exchangeable, AR1, Unstructured}

var families = []glm.Family{glm.Gaussian, glm.Logit}

// clinic gives people measured at up to four waves, with a level of their own; gaps leaves waves out.
func clinic(people int, family glm.Family, gaps bool, seed uint64) Data {
	random := rand.New(rand.NewPCG(seed, 23))
	d := Data{Names: []string{"(Intercept)", "dose", "wave"}, Response: "score"}
	for i := range people {
		level, dose := random.NormFloat64(), float64(i%2)
		for wave := range 4 {
			eta := 0.3 + 0.6*dose - 0.2*float64(wave) + 0.9*level
			y := eta + random.NormFloat64()
			if family == glm.Logit {
				y = 0
				if random.Float64() < 1/(1+math.Exp(-eta)) {
					y = 1
				}
			}
			if gaps && (i+2*wave)%5 == 0 {
				continue
			}
			d.X, d.Y = append(d.X, 1, dose, float64(wave)), append(d.Y, y)
			d.Cluster, d.Wave = append(d.Cluster, i), append(d.Wave, wave)
		}
	}
	return d
}

func fit(t require.TestingT, family glm.Family, s Structure, d Data) *Fit {
	f, err := New(family, s, d)
	require.NoError(t, err)
	return f
}

func plain(t require.TestingT, family glm.Family, d Data) *glm.Fit {
	f, err := glm.New(family, glm.Data{Names: d.Names, X: d.X, Response: d.Response, Y: d.Y})
	require.NoError(t, err)
	return f
}

// clustered is the sandwich of a glm with clustered scores, from its definition: A^-1 (sum over clusters of s s') A^-1.
func clustered(f *glm.Fit, family glm.Family, d Data) *mat.Dense {
	p := len(d.Names)
	bread, scores := mat.NewSymDense(p, nil), map[int]*mat.VecDense{}
	for i, y := range d.Y {
		x := mat.NewVecDense(p, d.X[i*p:(i+1)*p])
		mean, slope, _ := family.Mean(f.Eta[i])
		bread.SymRankOne(bread, slope, x)
		if scores[d.Cluster[i]] == nil {
			scores[d.Cluster[i]] = mat.NewVecDense(p, nil)
		}
		scores[d.Cluster[i]].AddScaledVec(scores[d.Cluster[i]], y-mean, x)
	}
	meat, inverse, out := mat.NewSymDense(p, nil), new(mat.Dense), new(mat.Dense)
	for _, s := range scores {
		meat.SymRankOne(meat, 1, s)
	}
	if inverse.Inverse(bread) != nil {
		return nil
	}
	out.Mul(inverse, meat)
	out.Mul(out, inverse)
	return out
}

// Under independence the coefficients are those of the generalised linear model, and the robust errors its clustered ones.
func TestIndependenceIsTheGLMWithClusteredErrors(t *testing.T) {
	for _, family := range families {
		for _, gaps := range []bool{false, true} {
			d := clinic(60, family, gaps, 1)
			f, g := fit(t, family, Independence, d), plain(t, family, d)
			require.InDeltaSlice(t, g.Beta, f.Beta, 1e-10)
			require.True(t, mat.EqualApprox(clustered(g, family, d), f.Robust, 1e-8))
			require.Empty(t, f.Alpha)
		}
	}
}

// With a row for each cluster there is no correlation: the robust errors are HC0, the naive ones those of the model times
// the scale.
func TestOneRowAClusterIsHC0(t *testing.T) {
	for _, family := range families {
		d := clinic(60, family, false, 2)
		for i := range d.Cluster {
			d.Cluster[i] = i
		}
		f, g := fit(t, family, Independence, d), plain(t, family, d)
		require.True(t, mat.EqualApprox(g.HC0(), f.Robust, 1e-8))
		want := mat.NewSymDense(3, nil)
		factor := f.Scale
		if family == glm.Gaussian {
			factor = float64(len(d.Y)-3) / float64(len(d.Y)) // n - p there, n here
		}
		want.ScaleSym(factor, g.Covariance)
		require.True(t, mat.EqualApprox(want, f.Naive, 1e-6))
		require.Equal(t, 1, f.Largest)
	}
}

// The coefficients solve the estimating equations, which for the normal distribution are those of generalised least squares
// with the estimated correlation, from one dense matrix.
func TestNormalCoefficientsAreGeneralisedLeastSquares(t *testing.T) {
	for _, s := range structures {
		d := clinic(40, glm.Gaussian, true, 3)
		f := fit(t, glm.Gaussian, s, d)
		n, p := len(d.Y), 3
		v, x := mat.NewSymDense(n, nil), mat.NewDense(n, p, d.X)
		for i := range n {
			for j := range i + 1 {
				if d.Cluster[i] == d.Cluster[j] {
					v.SetSym(i, j, f.Scale*correlation(s, f.Alpha, d.Wave[i], d.Wave[j]))
				}
			}
		}
		var chol mat.Cholesky
		require.True(t, chol.Factorize(v))
		var vx, xvx, inverse mat.Dense
		var xvy, beta mat.VecDense
		require.NoError(t, chol.SolveTo(&vx, x))
		xvx.Mul(x.T(), &vx)
		require.NoError(t, inverse.Inverse(&xvx))
		xvy.MulVec(vx.T(), mat.NewVecDense(n, d.Y))
		beta.MulVec(&inverse, &xvy)
		require.InDeltaSlice(t, beta.RawVector().Data, f.Beta, 1e-8, s)
		require.True(t, mat.EqualApprox(&inverse, f.Naive, 1e-8), s)
	}
}

func correlation(s Structure, alpha []float64, a, b int) float64 {
	a, b = min(a, b), max(a, b)
	switch {
	case a == b:
		return 1
	case s == Exchangeable:
		return alpha[0]
	case s == AR1:
		return math.Pow(alpha[0], float64(b-a))
	case s == Unstructured:
		return alpha[[]int{0, 3, 5}[a]+b-a-1] // 01 02 03 12 13 23
	}
	return 0
}

// The correlation's parameters are the moments of the residuals: means of products over the pairs they stand for, and for a
// power the least squares solution, at which the derivative of the squares vanishes.
func TestTheCorrelationIsThatOfTheResiduals(t *testing.T) {
	for _, family := range families {
		d := clinic(80, family, true, 4)
		for _, s := range structures[1:] {
			f := fit(t, family, s, d)
			residual := make([]float64, len(d.Y))
			scale := 0.0
			for i, y := range d.Y {
				mean, _, variance := family.Mean(basis.Dot(d.X[i*3:i*3+3], f.Beta))
				residual[i] = (y - mean) / math.Sqrt(variance)
				scale += residual[i] * residual[i] / float64(len(d.Y))
			}
			require.InEpsilon(t, scale, f.Scale, 1e-9)
			squares := func(alpha []float64) float64 {
				sum := 0.0
				for i := range d.Y {
					for j := range i {
						if d.Cluster[i] == d.Cluster[j] {
							rest := residual[i]*residual[j]/scale - correlation(s, alpha, d.Wave[j], d.Wave[i])
							sum += rest * rest
						}
					}
				}
				return sum
			}
			gradient := fd.Gradient(nil, squares, f.Alpha, &fd.Settings{Formula: fd.Central})
			require.InDeltaSlice(t, make([]float64, len(f.Alpha)), gradient, 1e-4, fmt.Sprint(family, s))
		}
	}
}

// The bread is minus the derivative of the score for the canonical link under independence, and the score is its sum.
func TestTheScoreAndTheBreadAtFixedParameters(t *testing.T) {
	d := clinic(30, glm.Logit, true, 5)
	s := &state{data: d, family: glm.Logit, structure: Independence, mean: make([]float64, len(d.Y)), slope: make([]float64, len(d.Y)), sd: make([]float64, len(d.Y))}
	var err error
	s.basis, err = basis.Of(d.Names, d.X, len(d.Y))
	require.NoError(t, err)
	require.NoError(t, s.gather())
	s.scale = 1
	score := func(to, q []float64) {
		s.predict(q)
		u, _, _, err := s.sums()
		require.NoError(t, err)
		copy(to, u.RawVector().Data)
	}
	q := []float64{0.5, -1, 0.8}
	jacobian := mat.NewDense(3, 3, nil)
	fd.Jacobian(jacobian, score, q, &fd.JacobianSettings{Formula: fd.Central})
	s.predict(q)
	_, bread, _, err := s.sums()
	require.NoError(t, err)
	jacobian.Scale(-1, jacobian)
	require.True(t, mat.EqualApprox(jacobian, bread, 1e-6))
}

// People in another order with other numbers, rows in another order, units of the outcome: the same model.
func TestAFitDoesNotDependOnHowTheDataAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(structures).Draw(t, "structure")
		d := clinic(30, glm.Gaussian, rapid.Bool().Draw(t, "gaps"), rapid.Uint64().Draw(t, "seed"))
		scale := rapid.Float64Range(0.01, 100).Draw(t, "scale")
		before, err := New(glm.Gaussian, s, d)
		if err != nil {
			return // a correlation matrix that is not positive definite, by chance
		}
		order := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 1)).Perm(len(d.Y))
		other := Data{Names: d.Names, Response: d.Response}
		for _, i := range order {
			other.X, other.Y = append(other.X, d.X[i*3:i*3+3]...), append(other.Y, scale*d.Y[i])
			other.Cluster, other.Wave = append(other.Cluster, 29-d.Cluster[i]), append(other.Wave, d.Wave[i])
		}
		after := fit(t, glm.Gaussian, s, other)
		for j := range before.Beta {
			require.InDelta(t, scale*before.Beta[j], after.Beta[j], 1e-7*scale)
			require.InEpsilon(t, scale*scale*before.Robust.At(j, j), after.Robust.At(j, j), 1e-6)
		}
		require.InDeltaSlice(t, before.Alpha, after.Alpha, 1e-7)
		require.InEpsilon(t, scale*scale*before.Scale, after.Scale, 1e-8)
	})
}

// Numbers of clusters need not be consecutive.
func TestClustersMayHaveAnyNumbers(t *testing.T) {
	d := clinic(30, glm.Gaussian, true, 6)
	before := fit(t, glm.Gaussian, Exchangeable, d)
	for i := range d.Cluster {
		d.Cluster[i] = 3*d.Cluster[i] + 5
	}
	after := fit(t, glm.Gaussian, Exchangeable, d)
	require.Equal(t, before.Beta, after.Beta)
	require.Equal(t, 30, after.Clusters)
}

// Two rows at one wave are two rows: under independence they stand side by side, as in the generalised linear model.
func TestRowsAtOneWaveMayBeIndependent(t *testing.T) {
	d := clinic(30, glm.Logit, false, 8)
	clear(d.Wave)
	f, g := fit(t, glm.Logit, Independence, d), plain(t, glm.Logit, d)
	require.InDeltaSlice(t, g.Beta, f.Beta, 1e-10)
	require.True(t, mat.EqualApprox(clustered(g, glm.Logit, d), f.Robust, 1e-8))
	fit(t, glm.Logit, Exchangeable, d)
}

// Recovery of a simulated truth: people's levels with variance 0.81 beside residuals of 1 correlate by 0.81/1.81 at any
// distance, and the intervals cover the coefficients.
func TestTheSimulatedCorrelationIsRecovered(t *testing.T) {
	d := clinic(3000, glm.Gaussian, true, 7)
	for _, s := range []Structure{Exchangeable, Unstructured} {
		f := fit(t, glm.Gaussian, s, d)
		for _, a := range f.Alpha {
			require.InDelta(t, 0.81/1.81, a, 0.05)
		}
		for j, truth := range []float64{0.3, 0.6, -0.2} {
			require.InDelta(t, truth, f.Beta[j], 3.5*math.Sqrt(f.Robust.At(j, j)))
		}
	}
}

// Robust errors of few clusters are too small; whoever reads them is told.
func TestFewClustersAreNoted(t *testing.T) {
	for clusters, noted := range map[int]bool{12: true, 39: true, 40: false} {
		source := rand.New(rand.NewPCG(3, uint64(clusters)))
		d := Data{Names: []string{"(Intercept)", "x"}, Response: "y"}
		for c := range clusters {
			for w := range 3 {
				d.X, d.Y = append(d.X, 1, source.NormFloat64()), append(d.Y, source.NormFloat64())
				d.Cluster, d.Wave = append(d.Cluster, c), append(d.Wave, w)
			}
		}
		fit, err := New(glm.Gaussian, Exchangeable, d)
		require.NoError(t, err)
		r, err := fit.Report(d.Names, len(d.Y), 0.95)
		require.NoError(t, err)
		require.Equal(t, noted, len(r.Notes) == 1, clusters)
	}
}

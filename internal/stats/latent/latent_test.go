package latent

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distmv"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
	"afterglow/internal/testkit/statstest"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 77)) }

// kindOf is a true class: its share and its mean at week t.
type kindOf struct {
	share float64
	mean  func(t float64) float64
}

// three are the courses that a published series found: improvement, delayed improvement, chronic.
var three = []kindOf{
	{0.5, func(t float64) float64 { return 24 - 3*t + 0.2*t*t }},
	{0.2, func(t float64) float64 { return 22 + 0.6*t - 0.3*t*t }},
	{0.3, func(t float64) float64 { return 26 - 0.2*t }},
}

// simulated draws subjects of the classes, with a random intercept (sd 2) and errors (sd 1.5), at own times and with gaps; it
// gives also their true classes.
func simulated(seed uint64, n int, kinds []kindOf) ([]Subject, []int) {
	source := seeded(seed)
	var subjects []Subject
	var truth []int
	for i := range n {
		class, u := 0, source.Float64()
		for class < len(kinds)-1 && u >= kinds[class].share {
			u -= kinds[class].share
			class++
		}
		s := Subject{Name: fmt.Sprintf("s%04d", i)}
		level := 2 * source.NormFloat64()
		for week := range 7 {
			t := float64(week) + 0.4*(source.Float64()-0.5)
			y := stats.Of(kinds[class].mean(t) + level + 1.5*source.NormFloat64())
			if source.Float64() < 0.15 {
				y = stats.Number{}
			}
			s.Times, s.Values = append(s.Times, t), append(s.Values, y)
		}
		subjects, truth = append(subjects, s), append(truth, class)
	}
	return subjects, truth
}

func growth() Model {
	return Model{Classes: 3, Degree: 2, Random: RandomIntercept, Level: 0.95, Starts: 8, At: []float64{0, 3, 6}}
}

// Recovery of a simulated truth: three classes in 500 subjects.
func TestThreeCoursesAreRecovered(t *testing.T) {
	subjects, truth := simulated(1, 500, three)
	r, err := Fit(growth(), subjects, seeded(2))
	require.NoError(t, err)
	require.GreaterOrEqual(t, r.Convergence.ReachedBest, 2)
	require.Less(t, r.Convergence.Gradient, 1e-5)
	for k, class := range r.Classes { // by slope: improvement falls 1.8 a week, delayed 1.2, chronic 0.2
		require.Less(t, math.Abs(class.Share.Estimate.Value-three[k].share), 3.5*class.Share.SE.Value)
		for _, m := range class.Trajectory {
			require.Less(t, math.Abs(m.Estimate.Estimate.Value-three[k].mean(m.Time)), 3.5*m.SE.Value, "class %d at %g", k+1, m.Time)
			// the model is true, so that both errors estimate the same (information identity)
			require.InEpsilon(t, m.SE.Value, m.SERobust.Value, 0.2)
		}
		require.InEpsilon(t, 2, class.Random.SD[0], 0.1)
		require.InEpsilon(t, 1.5, class.Random.Sigma, 0.05)
	}
	right := 0
	for i, m := range r.Subjects {
		require.Equal(t, subjects[i].Name, m.Subject)
		if m.Class == truth[i]+1 {
			right++
		}
	}
	require.Greater(t, right, 450)
	require.Greater(t, r.Certainty.Entropy.Value, 0.8)
}

// The criteria find the number that was simulated, and each row is the fit with that number of classes.
func TestBICFindsTheSimulatedNumberOfClasses(t *testing.T) {
	subjects, _ := simulated(1, 250, three)
	m := growth()
	m.Starts = 5
	r, err := Compare(m, 4, subjects, seeded(2))
	require.NoError(t, err)
	require.Equal(t, 3, r.LowestBIC)
	require.Len(t, r.Tried, 4)
	for k, row := range r.Tried[:2] {
		m.Classes = k + 1
		fit, err := Fit(m, subjects, seeded(7))
		require.NoError(t, err)
		require.InDelta(t, fit.LogLik, row.LogLik.Value, 1e-6)
		require.InDelta(t, fit.BIC, row.BIC.Value, 1e-6)
		if k > 0 {
			require.Greater(t, row.LogLik.Value, r.Tried[k-1].LogLik.Value)
		}
	}
	_, err = Compare(m, 9, subjects, seeded(2))
	require.Error(t, err)
	_, err = Compare(m, 2, nil, seeded(2))
	require.Error(t, err, "what one class cannot, two cannot")
	few, err := Compare(m, 4, subjects[:9], seeded(2))
	require.NoError(t, err)
	require.Equal(t, "subjects", few.Tried[3].Failure.Where)
	require.False(t, few.Tried[3].BIC.Defined)
}

func sleepstudy(t *testing.T) ([]Subject, formula.Frame) {
	frame := statstest.Data(t, "sleepstudy.csv").Frame("subject")
	place := map[string]int{}
	var subjects []Subject
	for i, name := range frame.Texts["subject"] {
		at, known := place[name]
		if !known {
			at = len(subjects)
			place[name] = at
			subjects = append(subjects, Subject{Name: name})
		}
		s := &subjects[at]
		s.Times, s.Values = append(s.Times, frame.Numbers["days"][i].Value), append(s.Values, frame.Numbers["reaction"][i])
	}
	return subjects, frame
}

// Identity: one class is the linear mixed model, which is equal to lme4 in its own room.
func TestOneClassIsTheLinearMixedModel(t *testing.T) {
	subjects, frame := sleepstudy(t)
	for random, form := range map[RandomEffects]string{RandomIntercept: "reaction ~ days + (1 | subject)", RandomSlope: "reaction ~ days + (1 + days | subject)"} {
		fit, err := mixed.FitRandom(mixed.RandomModel{Formula: form, Method: mixed.ML, Level: 0.95}, frame)
		require.NoError(t, err)
		want, err := fit.Result(nil, nil, nil)
		require.NoError(t, err)
		got, err := Fit(Model{Classes: 1, Degree: 1, Random: random, Level: 0.95}, subjects, seeded(1))
		require.NoError(t, err)
		require.InDelta(t, want.LogLik, got.LogLik, 1e-7)
		require.Equal(t, want.NParams, got.NParams)
		require.InDelta(t, want.AIC, got.AIC, 1e-6)
		class := got.Classes[0]
		for j, c := range class.Coefficients {
			require.InEpsilon(t, want.Fixed[j].Estimate, c.Estimate.Estimate.Value, 1e-6)
			// the observed information joins means and variances, which the mixed model's error leaves apart
			require.InEpsilon(t, want.Fixed[j].SE, c.SE.Value, 0.02)
		}
		require.InEpsilon(t, want.Random.Sigma, class.Random.Sigma, 1e-5)
		for i := range want.Random.Covariance {
			for j, v := range want.Random.Covariance[i] {
				require.InEpsilon(t, v, class.Random.Covariance[i][j], 1e-4)
			}
		}
	}
}

// prepared gathers a small data set and draws parameters.
func prepared(t require.TestingT, m Model, seed uint64, n int) (*data, []float64) {
	m, err := m.check(nil)
	require.NoError(t, err)
	subjects, _ := simulated(seed, n, three)
	d, err := gather(m, subjects)
	require.NoError(t, err)
	theta, source := make([]float64, d.size()), seeded(seed+100)
	for i := range theta {
		theta[i] = 0.6 * source.NormFloat64()
	}
	return d, theta
}

func models() map[string]Model {
	out := map[string]Model{}
	for _, random := range []RandomEffects{NoRandom, RandomIntercept, RandomSlope} {
		for _, by := range []bool{false, true} {
			m := growth()
			m.Random, m.CovarianceByClass, m.VarianceByClass = random, by, by
			out[fmt.Sprintf("%s, by class %t", random, by)] = m
		}
	}
	return out
}

// The log-likelihood at fixed parameters is a dense one's: per subject a mixture of multivariate normal densities.
func TestTheLikelihoodIsThatOfAMixtureOfNormals(t *testing.T) {
	for name, m := range models() {
		t.Run(name, func(t *testing.T) {
			subjects, _ := simulated(4, 40, three)
			d, theta := prepared(t, m, 4, 40)
			want := 0.0
			share := d.proportions(theta)
			for _, s := range subjects {
				var times, y []float64
				for j, v := range s.Values {
					if v.Defined {
						times, y = append(times, s.Times[j]), append(y, v.Value)
					}
				}
				density := 0.0
				for k := range d.classes {
					mean, n := make([]float64, len(y)), len(y)
					cov, z := mat.NewSymDense(n, nil), mat.NewDense(n, d.q+1, nil)
					within := d.within(theta, k)
					for i, time := range times {
						mean[i] = floats.Dot(d.combination(time), d.coefficients(theta, k))
						for j := range d.q {
							z.Set(i, j, math.Pow(time, float64(j)))
						}
					}
					for i := range n {
						for j := range i + 1 {
							v := 0.0
							for a := range d.q {
								for b := range d.q {
									v += z.At(i, a) * within.Covariance[a][b] * z.At(j, b)
								}
							}
							if i == j {
								v += within.Sigma * within.Sigma
							}
							cov.SetSym(i, j, v)
						}
					}
					normal, ok := distmv.NewNormal(mean, cov, nil)
					require.True(t, ok)
					density += share[k] * normal.Prob(y)
				}
				want += math.Log(density)
			}
			got := d.at(theta, false).logLik - float64(d.rows)*math.Log(d.unit)
			require.InEpsilon(t, want, got, 1e-9)
		})
	}
}

// Fisher's identity against finite differences, at any parameters.
func TestTheScoreIsTheGradient(t *testing.T) {
	for name, m := range models() {
		t.Run(name, func(t *testing.T) {
			d, theta := prepared(t, m, 5, 30)
			p := d.at(theta, true)
			total := make([]float64, len(theta))
			for _, s := range p.scores {
				for j, v := range s {
					total[j] += v
				}
			}
			for j := range theta {
				const h = 1e-5
				up, down := slices.Clone(theta), slices.Clone(theta)
				up[j] += h
				down[j] -= h
				slope := (d.at(up, false).logLik - d.at(down, false).logLik) / (2 * h)
				require.InDelta(t, slope, p.score[j], 1e-5*(1+math.Abs(slope)), "parameter %d", j)
				require.InDelta(t, total[j], p.score[j], 1e-8*(1+math.Abs(total[j])))
			}
		})
	}
}

// Every EM step raises the log-likelihood, from anywhere.
func TestNoEMStepLowersTheLikelihood(t *testing.T) {
	all := models()
	names := []string{}
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(t *rapid.T) {
		m := all[rapid.SampledFrom(names).Draw(t, "model")]
		d, theta := prepared(t, m, rapid.Uint64Range(0, 1000).Draw(t, "seed"), 30)
		p := d.at(theta, false)
		for range 12 {
			next := d.step(p)
			if next == nil || d.degenerate(p) {
				return
			}
			q := d.at(next, false)
			require.GreaterOrEqual(t, q.logLik, p.logLik-1e-9*(1+math.Abs(p.logLik)))
			p = q
		}
	})
}

// At the end the score is zero by the likelihood itself, and any neighbour is lower.
func TestTheEndIsAMaximum(t *testing.T) {
	subjects, _ := simulated(6, 150, three)
	for name, m := range models() {
		t.Run(name, func(t *testing.T) {
			m, err := m.check(subjects)
			require.NoError(t, err)
			d, err := gather(m, subjects)
			require.NoError(t, err)
			ends, best, err := d.run(m, seeded(9))
			require.NoError(t, err)
			theta := ends[best].theta
			for j := range theta {
				const h = 1e-3
				up, down := slices.Clone(theta), slices.Clone(theta)
				up[j] += h
				down[j] -= h
				a, b := d.at(up, false).logLik, d.at(down, false).logLik
				require.InDelta(t, 0, (a-b)/(2*h), 1e-3)
				require.Less(t, a, ends[best].logLik)
				require.Less(t, b, ends[best].logLik)
			}
		})
	}
}

// R 4.2.2: two lines with a random intercept on sleepstudy, the log-likelihood written out with mvtnorm::dmvnorm and maximised by
// optim (BFGS, Nelder-Mead, BFGS) from four starts; standard errors from optim's numerical Hessian.
func TestTwoClassesAgreeWithRsOptimiser(t *testing.T) {
	subjects, _ := sleepstudy(t)
	r, err := Fit(Model{Classes: 2, Degree: 1, Random: RandomIntercept, Level: 0.95}, subjects, seeded(1))
	require.NoError(t, err)
	require.InDelta(t, -881.300979162547, r.LogLik, 1e-8)
	for k, want := range [][4]float64{{251.697075223958, 3.838173148611, 13.3407314758140, 1.5876076555070}, {251.243517649258, 14.136058847493, 9.8298073928393, 1.0840494763720}} {
		for j, c := range r.Classes[k].Coefficients {
			require.InEpsilon(t, want[j], c.Estimate.Estimate.Value, 1e-6)
			require.InEpsilon(t, want[2+j], c.SE.Value, 1e-3)
		}
		require.InEpsilon(t, 28.9182135057, r.Classes[k].Random.SD[0], 1e-6)
		require.InEpsilon(t, 27.0478835246, r.Classes[k].Random.Sigma, 1e-6)
	}
	require.InEpsilon(t, 0.643735330841, r.Classes[1].Share.Estimate.Value, 1e-6)
	require.InEpsilon(t, 0.5921172040152*0.643735330841*(1-0.643735330841), r.Classes[1].Share.SE.Value, 1e-3)
}

package imputation

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/linear"
	"afterglow/internal/stats/mixed"
	"afterglow/internal/testkit/statstest"
)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 5)) }

// shape of a simulated trial: what is missing depends on the values seen before (at random), or leaves nothing out.
type shape struct {
	subjects, visits, arms int
	dropout, gaps          float64
	covariates             bool
}

// simulated has arm B fall by 1.2 a visit more than A, and baseline with a slope of 0.6; a high value makes leaving likelier.
func simulated(seed uint64, s shape) Trial {
	source := seeded(seed)
	t := Trial{}
	if s.covariates {
		t.Covariates = []string{"base"}
	}
	for v := range s.visits {
		t.Visits = append(t.Visits, fmt.Sprintf("w%d", v))
	}
	for a := range s.arms {
		t.Arms = append(t.Arms, string(rune('A'+a)))
	}
	for i := range s.subjects {
		base, level := 22+4*source.NormFloat64(), 3*source.NormFloat64()
		one := Subject{Arm: t.Arms[i%s.arms]}
		if s.covariates {
			one.Covariates = []stats.Number{stats.Of(base)}
		}
		gone := false
		for v := range s.visits {
			y := 8 + 0.6*base + level - float64(v) - 1.2*float64(i%s.arms)*float64(v+1) + (2+0.2*float64(v))*source.NormFloat64()
			leaves := 0.0
			if v > 0 {
				leaves = s.dropout / (1 + math.Exp(-(level-1)/2))
			}
			gone = gone || source.Float64() < leaves
			if gone || source.Float64() < s.gaps {
				one.Values = append(one.Values, stats.Number{})
			} else {
				one.Values = append(one.Values, stats.Of(y))
			}
		}
		t.Subjects = append(t.Subjects, one)
	}
	return t
}

func plan() Plan {
	return Plan{Imputations: 300, Covariance: Shared, Strategy: AtRandom, BurnIn: 100, Thin: 5, Level: 0.95}
}

// repeated fits the mixed model for repeated measures that makes the same assumptions.
func repeated(t *testing.T, trial Trial, method mixed.Method) mixed.Result {
	frame := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
	for i, s := range trial.Subjects {
		for v, y := range s.Values {
			frame.Numbers["y"] = append(frame.Numbers["y"], y)
			if len(trial.Covariates) > 0 {
				frame.Numbers["base"] = append(frame.Numbers["base"], s.Covariates[0])
			}
			frame.Texts["arm"] = append(frame.Texts["arm"], s.Arm)
			frame.Texts["visit"] = append(frame.Texts["visit"], trial.Visits[v])
			frame.Texts["id"] = append(frame.Texts["id"], fmt.Sprint(i))
		}
	}
	form := "y ~ arm * visit"
	if len(trial.Covariates) > 0 {
		form = "y ~ base * visit + arm * visit"
	}
	model, err := mixed.Model{Formula: form, Visit: "visit", Visits: trial.Visits, Arm: "arm", Factors: map[string][]string{"arm": trial.Arms}}.Classify(frame, "id")
	require.NoError(t, err)
	design, err := model.Design()
	require.NoError(t, err)
	sums, err := design.SumRows(frame, "id")
	require.NoError(t, err)
	fit, err := mixed.FitSums(design, sums, mixed.Options{Covariance: mixed.Unstructured, Method: method, Level: 0.95})
	require.NoError(t, err)
	r, err := fit.Result()
	require.NoError(t, err)
	return r
}

// likelihood gives the blocks' likeliest means of each arm at the covariates' means, and covariance, in the data's unit.
func likelihood(t *testing.T, trial Trial, sharing Sharing) (means [][]float64, covariance *mat.SymDense, p *prepared) {
	p, err := prepare(trial, sharing)
	require.NoError(t, err)
	var coefficients []*mat.Dense
	for _, b := range p.blocks {
		theta, err := b.likeliest()
		require.NoError(t, err)
		coefficients = append(coefficients, b.raw(theta))
		covariance = mat.NewSymDense(b.v, nil)
		for u := range b.v {
			for v := range u + 1 {
				covariance.SetSym(u, v, theta.s.At(u, v)*p.scale[u]*p.scale[v])
			}
		}
	}
	for j := range p.x[0] {
		p.x[0][j] = 0
	}
	for a := range trial.Arms {
		m := p.profile(coefficients, 0, a)
		for v := range m {
			m[v] = m[v]*p.scale[v] + p.at[v]
		}
		means = append(means, m)
	}
	return means, covariance, p
}

// Identity: the start of the draws is the mixed model's maximum likelihood estimate, whose fitter is equal to R in its own room.
func TestTheLikeliestParametersAreTheMixedModels(t *testing.T) {
	for name, s := range map[string]shape{
		"monotone": {80, 4, 2, 0.2, 0, true}, "gaps": {90, 4, 3, 0.1, 0.15, true}, "no covariate": {60, 3, 2, 0.2, 0.1, false},
	} {
		t.Run(name, func(t *testing.T) {
			trial := simulated(3, s)
			want := repeated(t, trial, mixed.ML)
			means, covariance, _ := likelihood(t, trial, Shared)
			for u, row := range want.Covariance {
				for v, c := range row {
					require.InEpsilon(t, c, covariance.At(u, v), 1e-6)
				}
			}
			for _, d := range want.Differences {
				for a, arm := range trial.Arms {
					for v, visit := range trial.Visits {
						if d.Contrast == arm+" - A" && d.Visit == visit {
							require.InDelta(t, d.Estimate, means[a][v]-means[0][v], 1e-6)
						}
					}
				}
			}
		})
	}
}

// With many imputations the pooled estimate at the last visit is the mixed model's by REML, up to Monte Carlo error (standard
// error of a mean over m draws: sqrt(B/m), at four of them) and the posterior's distance from REML (a hundredth of the standard
// error here); the standard errors agree to 4 in 100.
func TestMissingAtRandomAgreesWithTheMixedModel(t *testing.T) {
	for name, s := range map[string]shape{"monotone": {160, 4, 2, 0.2, 0, true}, "gaps": {160, 4, 2, 0.1, 0.12, true}, "three arms": {180, 3, 3, 0.15, 0.1, true}} {
		t.Run(name, func(t *testing.T) {
			trial := simulated(7, s)
			want := repeated(t, trial, mixed.REML)
			got, err := Impute(trial, plan(), seeded(1))
			require.NoError(t, err)
			require.Less(t, got.Correlation.Value, 0.35)
			compared := 0
			for v, visit := range got.Visits {
				for _, difference := range visit.Differences {
					for _, w := range want.Differences {
						if w.Contrast != difference.Contrast || w.Visit != trial.Visits[v] {
							continue
						}
						compared++
						bound := 4*math.Sqrt(difference.Between/300) + 0.02*w.SE
						require.InDelta(t, w.Estimate, difference.Estimate, bound, visit.Visit)
						require.InEpsilon(t, w.SE, difference.SE, 0.04, visit.Visit)
					}
				}
			}
			require.Equal(t, s.visits*(s.arms-1), compared)
		})
	}
}

// BtheB: the arm difference in depression at 8 months with 52 of 100 patients seen there.
func TestTheTrialOfBeatTheBluesAgreesWithTheMixedModel(t *testing.T) {
	frame := statstest.Data(t, "btheb_wide.csv").Frame("treatment")
	trial := Trial{Visits: []string{"bdi_2m", "bdi_3m", "bdi_5m", "bdi_8m"}, Arms: []string{"TAU", "BtheB"}, Covariates: []string{"base"}}
	for i, arm := range frame.Texts["treatment"] {
		s := Subject{Arm: arm, Covariates: []stats.Number{frame.Numbers["bdi_pre"][i]}}
		for _, visit := range trial.Visits {
			s.Values = append(s.Values, frame.Numbers[visit][i])
		}
		trial.Subjects = append(trial.Subjects, s)
	}
	want := repeated(t, trial, mixed.REML)
	got, err := Impute(trial, plan(), seeded(2))
	require.NoError(t, err)
	require.Equal(t, 100, got.NSubjects)
	for v, visit := range got.Visits {
		w, d := want.Differences[v], visit.Differences[0]
		require.InDelta(t, w.Estimate, d.Estimate, 4*math.Sqrt(d.Between/300)+0.05*w.SE, visit.Visit)
		require.InEpsilon(t, w.SE, d.SE, 0.08, visit.Visit)
	}
}

// With nothing missing every strategy gives the analysis of covariance itself.
func TestCompleteDataGiveThePlainAnalysis(t *testing.T) {
	trial := simulated(17, shape{40, 3, 2, 0, 0, true})
	for _, strategy := range []Strategy{AtRandom, JumpToReference, CopyReference, CopyIncrements} {
		pl := plan()
		pl.Strategy = strategy
		got, err := Impute(trial, pl, seeded(1))
		require.NoError(t, err)
		for v, visit := range trial.Visits {
			frame := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
			for _, s := range trial.Subjects {
				frame.Numbers["y"] = append(frame.Numbers["y"], s.Values[v])
				frame.Numbers["base"] = append(frame.Numbers["base"], s.Covariates[0])
				frame.Texts["arm"] = append(frame.Texts["arm"], s.Arm)
			}
			want, err := linear.FitAncova(linear.Model{Formula: "y ~ base + arm", Arm: "arm", Factors: map[string][]string{"arm": trial.Arms}, Level: 0.95}, frame)
			require.NoError(t, err)
			d, c := got.Visits[v].Differences[0], want.Coefficients[2]
			require.Equal(t, visit, got.Visits[v].Visit)
			require.InDelta(t, c.Estimate.Value, d.Estimate, 1e-10)
			require.InDelta(t, c.SE.Value, d.SE, 1e-10)
			require.InDelta(t, c.PValue.Value, d.PValue.Value, 1e-10)
			require.InDelta(t, c.Lower.Value, d.Lower.Value, 1e-10)
			require.Equal(t, float64(c.DF), d.DF.Value)
			for a := range trial.Arms {
				require.InDelta(t, want.LSMeans[a].Estimate.Value, got.Visits[v].Means[a].Estimate, 1e-10)
				require.InDelta(t, want.LSMeans[a].SE.Value, got.Visits[v].Means[a].SE, 1e-10)
			}
		}
	}
}

// The posterior of complete data in closed form: E S = R/(n - p - v - 1) with R the residuals' cross-products, E B = least
// squares, Var B = E S (x) (X'X)^-1. Bounds: five Monte Carlo errors of 4000 draws.
func TestDrawsOfParametersHaveTheirMoments(t *testing.T) {
	p, err := prepare(simulated(19, shape{30, 3, 2, 0, 0, true}), Shared)
	require.NoError(t, err)
	b := p.blocks[0]
	want := b.moments()
	df := float64(30 - b.p - b.v - 1)
	const draws = 4000
	source := seeded(6)
	s, mean, square := mat.NewDense(3, 3, nil), mat.NewDense(b.p, 3, nil), mat.NewDense(b.p, 3, nil)
	for range draws {
		theta, err := b.draw(source)
		require.NoError(t, err)
		for u := range 3 {
			for v := range 3 {
				s.Set(u, v, s.At(u, v)+theta.s.At(u, v)/draws)
			}
			for k := range b.p {
				off := theta.b.At(k, u) - want.b.At(k, u)
				mean.Set(k, u, mean.At(k, u)+off/draws)
				square.Set(k, u, square.At(k, u)+off*off/draws)
			}
		}
	}
	for u := range 3 {
		for v := range 3 {
			scale := math.Sqrt(want.s.At(u, u)*want.s.At(v, v)) / df
			require.InDelta(t, want.s.At(u, v)/df, s.At(u, v), 5*scale*math.Sqrt(2/df/draws)*1.3)
		}
		for k := range b.p {
			variance := want.s.At(u, u) / df
			require.InDelta(t, 0, mean.At(k, u), 5*math.Sqrt(variance/draws))
			require.InEpsilon(t, variance, square.At(k, u), 0.15)
		}
	}
}

func TestTheTippingPointStartsAtThePooledResult(t *testing.T) {
	trial := simulated(23, shape{100, 3, 2, 0.2, 0.05, true})
	trial.Subjects[3].Covariates[0] = stats.Number{}
	pl := plan()
	pl.Imputations, pl.Deltas = 20, []float64{0, 2, 4, 8, 16}
	got, err := Impute(trial, pl, seeded(8))
	require.NoError(t, err)
	require.Equal(t, 1, got.NExcluded)
	d := got.Visits[2].Differences[0]
	require.InDelta(t, d.Estimate, got.Tipping.Rows[0].Estimate.Value, 1e-9)
	require.InDelta(t, d.SE, got.Tipping.Rows[0].SE.Value, 1e-9)
	require.InDelta(t, d.DF.Value, got.Tipping.Rows[0].DF.Value, 1e-6)
	require.NotEmpty(t, got.Tipping.Crossings)
	again, err := Impute(trial, pl, seeded(8))
	require.NoError(t, err)
	require.Equal(t, got, again, "the same seed gives the same result")
}

// Units: a linear change of the outcome's scale goes through the draws.
func TestTheUnitOfTheOutcomeGoesThrough(t *testing.T) {
	trial := simulated(29, shape{80, 3, 2, 0.2, 0.1, true})
	scaled := trial
	scaled.Subjects = nil
	for _, s := range trial.Subjects {
		values := make([]stats.Number, len(s.Values))
		for v, y := range s.Values {
			if y.Defined {
				values[v] = stats.Of(10*y.Value + 3)
			}
		}
		scaled.Subjects = append(scaled.Subjects, Subject{s.Arm, s.Covariates, values})
	}
	for _, strategy := range []Strategy{AtRandom, CopyIncrements} {
		pl := plan()
		pl.Imputations, pl.Strategy = 10, strategy
		a, err := Impute(trial, pl, seeded(9))
		require.NoError(t, err)
		b, err := Impute(scaled, pl, seeded(9))
		require.NoError(t, err)
		for v := range trial.Visits {
			require.InDelta(t, 10*a.Visits[v].Differences[0].Estimate, b.Visits[v].Differences[0].Estimate, 1e-4)
			require.InDelta(t, 10*a.Visits[v].Means[1].Estimate+3, b.Visits[v].Means[1].Estimate, 1e-4)
			require.InEpsilon(t, 10*a.Visits[v].Differences[0].SE, b.Visits[v].Differences[0].SE, 1e-5)
		}
	}
}

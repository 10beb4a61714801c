package weighting

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
)

// With a model that has a coefficient for every cell, weighting, standardisation and their doubly robust combination are one
// number: the cells' means weighted by the cells' sizes.
func TestSaturatedModelsAgree(t *testing.T) {
	in := cohort(240, 3, 31, 0, 0)
	in.Names = []string{"(Intercept)", "old", "site", "old:site"}
	var x []float64
	sums, counts, cells := map[[3]int]float64{}, map[[3]int]float64{}, map[[2]int]float64{}
	for i, g := range in.Group {
		old, site := 0.0, in.X[i*3+2]
		if in.X[i*3+1] > 0 {
			old = 1
		}
		x = append(x, 1, old, site, old*site)
		sums[[3]int{g, int(old), int(site)}] += in.Outcome[i]
		counts[[3]int{g, int(old), int(site)}]++
		cells[[2]int{int(old), int(site)}]++
	}
	in.X = x
	r, err := AIPW(models(in))
	require.NoError(t, err)
	for g, m := range r.Groups {
		want := 0.0
		for cell, n := range cells {
			at := [3]int{g, cell[0], cell[1]}
			want += n / 240 * sums[at] / counts[at]
		}
		require.InDelta(t, want, m.Mean.Value, 1e-9)
		require.InDelta(t, want, m.GComputation.Value, 1e-9)
		require.InDelta(t, want, m.Weighted.Value, 1e-9)
	}
	w := compare(t, in)
	for k, c := range r.Contrasts {
		require.InEpsilon(t, w.Contrasts[k].SE.Value, c.SE.Value, 1e-6, "one influence function, whichever way it is written")
		require.InEpsilon(t, c.SE.Value, c.SEM.Value, 1e-6)
	}
}

// Recovery of a simulated truth, B - A = 1, with one model wrong at a time: the square of age is left out of the propensity
// model, of the outcome models, or of both.
func TestOneOfTheTwoModelsMayBeWrong(t *testing.T) {
	cases := map[string]struct {
		propensity, outcome bool // whether the model has the square
		biased              bool
	}{
		"both right":                 {true, true, false},
		"the propensity model wrong": {false, true, false},
		"the outcome models wrong":   {true, false, false},
		"both wrong":                 {false, false, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := models(cohort(6000, 2, 77, 1.2, 0.35))
			names, x := withSquare(m.Names, m.X)
			if c.propensity {
				m.Names, m.X = names, x
			}
			if c.outcome {
				m.OutcomeNames, m.OutcomeX = names, x
			}
			r, err := AIPW(m)
			require.NoError(t, err)
			got := r.Contrasts[0]
			z := math.Abs(got.Estimate.Value-1) / got.SEM.Value
			if c.biased {
				require.Greater(t, z, 5.0)
				return
			}
			require.Less(t, z, 2.5)
			if !c.propensity {
				require.Greater(t, math.Abs(got.Weighted.Value-1), 5*got.SEM.Value, "weighting alone is wrong here")
			}
			if !c.outcome {
				require.Greater(t, math.Abs(got.GComputation.Value-1), 5*got.SEM.Value, "the outcome model alone is wrong here")
			}
		})
	}
}

// The M-estimation error against the sandwich of the stacked equations with derivatives by finite differences, with both
// models wrong, so that no term vanishes.
func TestTheRobustErrorIsTheSandwichOfTheStackedEquations(t *testing.T) {
	for _, family := range []glm.Family{glm.Gaussian, glm.Logit} {
		in := models(cohort(160, 2, 13, 1, 0.2))
		in.Family = family
		if family == glm.Logit {
			for i, y := range in.Outcome {
				in.Outcome[i] = 0
				if y > 1 {
					in.Outcome[i] = 1
				}
			}
		}
		r, err := AIPW(in)
		require.NoError(t, err)
		var theta []float64
		for _, row := range append(r.Propensity, r.Outcome...) {
			theta = append(theta, row.Estimate.Value)
		}
		for _, m := range r.Groups {
			theta = append(theta, m.Mean.Value)
		}
		equations := func(theta []float64) ([]float64, *mat.SymDense) {
			sum, products := make([]float64, 11), mat.NewSymDense(11, nil)
			for i, g := range in.Group {
				x := in.X[i*3 : i*3+3]
				e, psi := softmax(x, theta[:3], 1), make([]float64, 11)
				for k := range 2 {
					mean, _, _ := family.Mean(x[0]*theta[3+3*k] + x[1]*theta[4+3*k] + x[2]*theta[5+3*k])
					own := 0.0
					if g == k {
						own = 1
					}
					for j, v := range x {
						psi[3+3*k+j] = own * v * (in.Outcome[i] - mean)
						psi[j] = v * (float64(g) - e[1])
					}
					psi[9+k] = mean + own*(in.Outcome[i]-mean)/e[k] - theta[9+k]
				}
				for j, v := range psi {
					sum[j] += v
				}
				products.SymRankOne(products, 1, mat.NewVecDense(11, psi))
			}
			return sum, products
		}
		v := sandwich(theta, equations)
		for k, m := range r.Groups {
			require.InEpsilon(t, math.Sqrt(v.At(9+k, 9+k)), m.SEM.Value, 1e-5, family)
		}
		require.InEpsilon(t, math.Sqrt(v.At(9, 9)+v.At(10, 10)-2*v.At(9, 10)), r.Contrasts[0].SEM.Value, 1e-5, family)
	}
}

// Without any covariate the comparison is that of plain means.
func TestWithoutCovariatesTheRobustComparisonIsPlain(t *testing.T) {
	in := models(cohort(90, 3, 5, 0, 0))
	in.Names, in.OutcomeNames = in.Names[:1], in.Names[:1]
	in.X = make([]float64, 90)
	for i := range in.X {
		in.X[i] = 1
	}
	in.OutcomeX = in.X
	r, err := AIPW(in)
	require.NoError(t, err)
	for _, c := range r.Contrasts {
		require.InDelta(t, c.Unadjusted.Value, c.Estimate.Value, 1e-12)
		require.InEpsilon(t, c.SE.Value, c.SEM.Value, 1e-9)
	}
}

// Errors of large samples are too small with few rows or clusters; whoever reads them is told.
func TestFewRowsOrClustersOfAGroupAreNoted(t *testing.T) {
	said := func(in Groups) []string {
		w, err := CompareGroups(in)
		require.NoError(t, err)
		m := models(in)
		m.Cluster = in.Cluster
		r, err := AIPW(m)
		require.NoError(t, err)
		require.Equal(t, w.Notes, r.Notes)
		return w.Notes
	}
	require.NotContains(t, strings.Join(said(cohort(300, 2, 4, 0, 0)), "\n"), "large samples")
	few := cohort(40, 2, 4, 0, 0)
	require.Contains(t, said(few)[0], fmt.Sprintf("A has %d rows: ", tally(few.Levels, few.Group)[0]))
	c, err := Compare(two(few))
	require.NoError(t, err)
	require.Contains(t, c.Notes[0], "large samples")
	clustered := cohort(300, 2, 4, 0, 0)
	for i := range clustered.Group {
		clustered.Cluster = append(clustered.Cluster, i%12)
	}
	require.Contains(t, said(clustered)[1], "B has 12 clusters: ")
}

func TestCutWeightsAreNoted(t *testing.T) {
	in := cohort(300, 2, 4, 0, 0)
	require.NotContains(t, strings.Join(compare(t, in).Notes, "\n"), "were cut")
	in.TruncationUpper = stats.Of(0.9)
	w := compare(t, in)
	require.Contains(t, w.Notes[0], fmt.Sprintf("%d weights were cut", w.Truncation[0].N+w.Truncation[1].N))
	both := two(in)
	both.Truncation = stats.Of(0.9)
	c, err := Compare(both)
	require.NoError(t, err)
	require.Contains(t, c.Notes[0], fmt.Sprintf("%d weights were cut", c.NTruncated))
}

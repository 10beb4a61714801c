package weighting

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
)

var estimands = []Estimand{ATE, ATT, ATO}

func compare(t require.TestingT, in Groups) Weighted {
	out, err := CompareGroups(in)
	require.NoError(t, err)
	return out
}

// The general comparison of two groups is the one that the references of R hold for.
func TestTwoGroupsAreTheReferencedComparison(t *testing.T) {
	for _, e := range estimands {
		in := cohort(300, 2, 1, 0, 0)
		in.Estimand, in.Target = e, 1
		w := compare(t, in)
		c, err := Compare(two(in))
		require.NoError(t, err)
		got := w.Contrasts[0]
		require.InEpsilon(t, c.Estimate.Value, got.Estimate.Value, 1e-9)
		require.InEpsilon(t, c.SEM.Value, got.SE.Value, 1e-6)
		require.InEpsilon(t, c.SEHC0.Value, got.SEHC0.Value, 1e-9)
		require.InEpsilon(t, c.Unadjusted.Value, got.Unadjusted.Value, 1e-12)
		require.InEpsilon(t, c.ESSTreated.Value, w.Groups[1].ESS.Value, 1e-9)
		require.InEpsilon(t, c.WeightSumControl.Value, w.Groups[0].WeightSum.Value, 1e-9)
		for i, b := range c.Balance {
			require.InDelta(t, b.SMDAfterPooled.Value, w.Balance[i].SMDAfter.Value, 1e-9)
		}
		for i := range c.StabilisedFirst {
			require.InEpsilon(t, c.StabilisedFirst[i].Value, w.StabilisedFirst[i].Value, 1e-9)
		}
	}
}

// Without covariates every weight of a group is the same, and the comparison is that of plain means with Neyman's error.
func TestEqualWeightsGiveTheUnweightedComparison(t *testing.T) {
	for _, e := range estimands {
		in := cohort(120, 3, 2, 0, 0)
		in.Names, in.X, in.Estimand = in.Names[:1], make([]float64, 120), e
		for i := range in.X {
			in.X[i] = 1
		}
		w := compare(t, in)
		for _, c := range w.Contrasts {
			require.InDelta(t, c.Unadjusted.Value, c.Estimate.Value, 1e-12)
			require.InEpsilon(t, c.SEHC0.Value, c.SE.Value, 1e-9)
		}
		for g, m := range w.Groups {
			sum := 0.0
			for i, y := range in.Outcome {
				if in.Group[i] == g {
					sum += (y - m.Mean.Value) * (y - m.Mean.Value)
				}
			}
			require.InEpsilon(t, math.Sqrt(sum)/float64(m.N), m.SE.Value, 1e-9)
			require.InEpsilon(t, float64(m.N), m.ESS.Value, 1e-9)
			require.Equal(t, m.Unadjusted, stats.Of(m.Unadjusted.Value))
		}
	}
}

// Li, Morgan & Zaslavsky (2018), theorem 3: overlap weights of a logistic model balance its columns exactly.
func TestOverlapWeightsBalanceTheColumnsExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := cohort(100, 2, rapid.Uint64().Draw(t, "seed"), 0, 0)
		in.Estimand = ATO
		w, err := CompareGroups(in)
		if err != nil {
			return // separated by chance
		}
		for _, b := range w.Balance {
			require.InDelta(t, 0, b.SMDAfter.Value, 1e-9)
		}
	})
}

// stacked is the sum of the estimating equations, propensity model first, then the weighted means, and their products.
func stacked(in Groups, theta []float64) ([]float64, *mat.SymDense) {
	p, m := len(in.Names), len(in.Levels)-1
	size := m*p + m + 1
	sum, products := make([]float64, size), mat.NewSymDense(size, nil)
	for i, g := range in.Group {
		x := in.X[i*p : (i+1)*p]
		shares, slope := softmax(x, theta[:m*p], m), make([]float64, m)
		psi := make([]float64, size)
		for k := range m {
			for j, v := range x {
				psi[k*p+j] = -shares[k+1] * v
				if g == k+1 {
					psi[k*p+j] += v
				}
			}
		}
		psi[m*p+g] = in.Estimand.weight(in.Target, g, shares, slope) * (in.Outcome[i] - theta[m*p+g])
		for j, v := range psi {
			sum[j] += v
		}
		products.SymRankOne(products, 1, mat.NewVecDense(size, psi))
	}
	return sum, products
}

func softmax(x, alpha []float64, m int) []float64 {
	shares, total := []float64{1}, 1.0
	for k := range m {
		eta := 0.0
		for j, v := range x {
			eta += v * alpha[k*len(x)+j]
		}
		shares = append(shares, math.Exp(eta))
		total += math.Exp(eta)
	}
	for k := range shares {
		shares[k] /= total
	}
	return shares
}

// sandwich is A^-1 B A^-T with A the derivatives of the equations by finite differences.
func sandwich(theta []float64, equations func(theta []float64) ([]float64, *mat.SymDense)) *mat.Dense {
	size := len(theta)
	a, inverse, out := mat.NewDense(size, size, nil), new(mat.Dense), new(mat.Dense)
	fd.Jacobian(a, func(to, x []float64) { s, _ := equations(x); copy(to, s) }, theta, &fd.JacobianSettings{Formula: fd.Central})
	_, b := equations(theta)
	if inverse.Inverse(a) != nil {
		return nil
	}
	out.Mul(inverse, b)
	out.Mul(out, inverse.T())
	return out
}

// The errors are those of the stacked estimating equations with derivatives by finite differences, for every estimand, of
// two and of three groups.
func TestTheErrorIsTheSandwichOfTheStackedEquations(t *testing.T) {
	for _, groups := range []int{2, 3} {
		for _, e := range estimands {
			t.Run(fmt.Sprintf("%s of %d", e, groups), func(t *testing.T) {
				in := cohort(150, groups, 7, 0.3, 0)
				in.Estimand, in.Target = e, groups-1
				w := compare(t, in)
				var theta []float64
				for _, row := range w.Propensity {
					theta = append(theta, row.Estimate.Value)
				}
				first := len(theta)
				for _, m := range w.Groups {
					theta = append(theta, m.Mean.Value)
				}
				solved, _ := stacked(in, theta)
				require.InDeltaSlice(t, make([]float64, len(theta)), solved, 1e-8)
				v := sandwich(theta, func(theta []float64) ([]float64, *mat.SymDense) { return stacked(in, theta) })
				for g, m := range w.Groups {
					require.InEpsilon(t, math.Sqrt(v.At(first+g, first+g)), m.SE.Value, 1e-5)
				}
				for _, c := range w.Contrasts {
					a, b := int(c.Group[0]-'A')+first, int(c.Against[0]-'A')+first
					require.InEpsilon(t, math.Sqrt(v.At(a, a)+v.At(b, b)-2*v.At(a, b)), c.SE.Value, 1e-5)
				}
			})
		}
	}
}

// The derivatives of the weights by the linear predictors, against finite differences.
func TestTheSlopesOfTheWeightsAreTheirDerivatives(t *testing.T) {
	eta := []float64{0.4, -0.9}
	for _, e := range estimands {
		for target := range 3 {
			for k := range 3 {
				slope := make([]float64, 2)
				weight := func(eta []float64) float64 {
					return e.weight(target, k, softmax([]float64{1}, eta, 2), make([]float64, 2))
				}
				e.weight(target, k, softmax([]float64{1}, eta, 2), slope)
				require.InDeltaSlice(t, fd.Gradient(nil, weight, eta, &fd.Settings{Formula: fd.Central}), slope, 1e-8)
			}
		}
	}
}

// Where a group has no chance at all, a row far out, the overlap has no weight and everyone's own group weighs it once.
func TestAGroupWithoutAChanceLeavesNoWeight(t *testing.T) {
	slope := []float64{9, 9}
	require.Zero(t, ATO.weight(0, 1, []float64{0, 1, 0}, slope))
	require.Equal(t, []float64{0, 0}, slope)
	require.Equal(t, 1.0, ATE.weight(0, 1, []float64{0, 1, 0}, slope))
	require.Equal(t, []float64{0, 0}, slope)
	in := cohort(120, 2, 30, 0, 0)
	in.X[in.rowOf(1)*3+1] = 3000
	for _, e := range estimands {
		in.Estimand, in.Target = e, 1
		got, err := CompareGroups(in)
		require.NoError(t, err)
		require.True(t, got.Contrasts[0].SE.Defined, e)
	}
}

// rowOf is the first row of a group.
func (in Groups) rowOf(group int) int { return slices.Index(in.Group, group) }

// The error is near the spread of the estimate over bootstrap resamples of a simulated cohort, and the interval covers the
// truth; the HC0 error of everyone's effect is wider, since it ignores that the propensities are estimated.
func TestTheErrorIsTheBootstraps(t *testing.T) {
	in := cohort(400, 3, 21, 0, 0)
	w := compare(t, in)
	random := rand.New(rand.NewPCG(5, 5))
	replicates := make([][]float64, len(w.Contrasts))
	for range 300 {
		draw := in
		draw.X, draw.Group, draw.Outcome = nil, nil, nil
		for range in.Group {
			i := random.IntN(len(in.Group))
			draw.X = append(draw.X, in.X[i*3:i*3+3]...)
			draw.Group, draw.Outcome = append(draw.Group, in.Group[i]), append(draw.Outcome, in.Outcome[i])
		}
		r, err := CompareGroups(draw)
		require.NoError(t, err)
		for k, c := range r.Contrasts {
			replicates[k] = append(replicates[k], c.Estimate.Value)
		}
	}
	for k, truth := range []float64{1, 2, 1} { // B - A, C - A, C - B
		c := w.Contrasts[k]
		require.InEpsilon(t, stat.StdDev(replicates[k], nil), c.SE.Value, 0.12)
		require.Less(t, c.Lower.Value, truth)
		require.Greater(t, c.Upper.Value, truth)
		require.Greater(t, c.SEHC0.Value, c.SE.Value)
		require.Greater(t, math.Abs(c.Unadjusted.Value-truth), math.Abs(c.Estimate.Value-truth))
	}
}

// Rows in another order, groups in another order, outcomes in other units: the same comparison.
func TestTheComparisonDoesNotDependOnHowTheDataAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := cohort(150, 3, rapid.Uint64().Draw(t, "seed"), 0, 0)
		in.Estimand, in.Target = rapid.SampledFrom(estimands).Draw(t, "estimand"), 1
		w, err := CompareGroups(in)
		if err != nil || w.Contrasts[1].Withheld != "" {
			return
		}
		scale := rapid.Float64Range(0.01, 100).Draw(t, "scale")
		other := in
		other.Levels, other.Target = []string{"C", "B", "A"}, 1
		other.X, other.Group, other.Outcome = nil, nil, nil
		for i := len(in.Group) - 1; i >= 0; i-- {
			other.X = append(other.X, in.X[i*3:i*3+3]...)
			other.Group, other.Outcome = append(other.Group, 2-in.Group[i]), append(other.Outcome, scale*in.Outcome[i]-7)
		}
		o := compare(t, other)
		// the first of both is the same pair the other way round: B - A and B - C, C - A and A - C, C - B and A - B
		require.InDelta(t, scale*w.Contrasts[1].Estimate.Value, -o.Contrasts[1].Estimate.Value, 1e-6*scale)
		require.InEpsilon(t, scale*w.Contrasts[1].SE.Value, o.Contrasts[1].SE.Value, 1e-6)
		require.InEpsilon(t, w.Groups[0].ESS.Value, o.Groups[2].ESS.Value, 1e-7)
		require.InEpsilon(t, w.Groups[1].StabilisedMax.Value, o.Groups[1].StabilisedMax.Value, 1e-7)
	})
}

// Every row twice, as one person's: the estimate and its error are those of the rows once.
func TestRowsOfOnePersonAreOneCluster(t *testing.T) {
	in := cohort(120, 2, 4, 0, 0)
	once, twice := compare(t, in), in
	twice.X, twice.Group, twice.Outcome = nil, nil, nil
	for i, g := range in.Group {
		for range 2 {
			twice.X, twice.Group = append(twice.X, in.X[i*3:i*3+3]...), append(twice.Group, g)
			twice.Outcome, twice.Cluster = append(twice.Outcome, in.Outcome[i]), append(twice.Cluster, i)
		}
	}
	w := compare(t, twice)
	require.Equal(t, 120, w.NClusters)
	require.InEpsilon(t, once.Contrasts[0].Estimate.Value, w.Contrasts[0].Estimate.Value, 1e-9)
	require.InEpsilon(t, once.Contrasts[0].SE.Value, w.Contrasts[0].SE.Value, 1e-7)
	twice.Cluster = nil
	require.InEpsilon(t, once.Contrasts[0].SE.Value, compare(t, twice).Contrasts[0].SE.Value*math.Sqrt2, 1e-7)
}

func TestTruncationSaysWhatWasCutAndWhere(t *testing.T) {
	in := cohort(200, 3, 3, 0, 0)
	plain := compare(t, in)
	in.TruncationLower, in.TruncationUpper = stats.Of(0.1), stats.Of(0.9)
	w := compare(t, in)
	require.Len(t, w.Truncation, 6)
	require.NotEqual(t, plain.Contrasts[0].Estimate, w.Contrasts[0].Estimate)
	for g, m := range w.Groups {
		low, high := w.Truncation[2*g], w.Truncation[2*g+1]
		require.Equal(t, []any{m.Group, 0.1, m.Group, 0.9}, []any{low.Group, low.Quantile, high.Group, high.Quantile})
		require.Equal(t, m.WeightMin, low.Limit)
		require.Equal(t, m.WeightMax, high.Limit)
		above, below := 0, 0
		for i, weight := range plain.Weights {
			if in.Group[i] == g && weight > high.Limit.Value {
				above++
			}
			if in.Group[i] == g && weight < low.Limit.Value {
				below++
			}
		}
		require.Equal(t, []int{below, above}, []int{low.N, high.N})
		require.InDelta(t, 0.1*float64(m.N), float64(high.N), 1)
		require.Greater(t, m.ESS.Value, plain.Groups[g].ESS.Value)
	}
	c, err := Compare(Input{Names: in.Names, X: in.X, Treatment: "arm", Treated: two(cohort(200, 2, 3, 0, 0)).Treated, Outcome: in.Outcome, Estimand: ATE,
		Level: 0.95, Truncation: stats.Of(0.95)})
	require.NoError(t, err)
	require.Equal(t, 10, c.NTruncated)
	require.Equal(t, c.WeightMax, c.TruncationLimit)
}

// A love plot has the largest difference of a column over the pairs, sorted by that before weighting.
func TestTheLovePlotHasTheLargestDifferences(t *testing.T) {
	w := compare(t, cohort(300, 3, 6, 0, 0))
	require.Equal(t, []string{"age", "site"}, []string{w.LovePlot[0].Variable, w.LovePlot[1].Variable})
	require.Len(t, w.Balance, 6)
	for _, p := range w.LovePlot {
		largest := 0.0
		for _, b := range w.Balance {
			if b.Variable == p.Variable {
				largest = math.Max(largest, math.Abs(b.SMDBefore.Value))
			}
		}
		require.Equal(t, largest, p.SMDBefore.Value)
		require.Less(t, p.SMDAfter.Value, p.SMDBefore.Value)
	}
	require.Greater(t, w.LovePlot[0].SMDBefore.Value, w.LovePlot[1].SMDBefore.Value)
}

// Holm (1979): the smallest p-value of three times three, the next at least that and times two, the largest at least that.
func TestSeveralComparisonsAreCorrected(t *testing.T) {
	in := cohort(150, 3, 11, 0, 0)
	r, err := AIPW(models(in))
	require.NoError(t, err)
	w := compare(t, in)
	for _, p := range [][2][]stats.Number{
		{{w.Contrasts[0].PValue, w.Contrasts[1].PValue, w.Contrasts[2].PValue}, {w.Contrasts[0].PHolm, w.Contrasts[1].PHolm, w.Contrasts[2].PHolm}},
		{{r.Contrasts[0].PValue, r.Contrasts[1].PValue, r.Contrasts[2].PValue}, {r.Contrasts[0].PHolm, r.Contrasts[1].PHolm, r.Contrasts[2].PHolm}},
	} {
		order := []int{0, 1, 2}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[0][a].Value, p[0][b].Value) })
		last := 0.0
		for rank, k := range order {
			last = math.Max(last, math.Min(1, float64(3-rank)*p[0][k].Value))
			require.InDelta(t, last, p[1][k].Value, 1e-15)
		}
	}
}

// The propensity model of the general comparison is the multinomial one.
func TestThePropensitiesAreThoseOfTheModel(t *testing.T) {
	in := cohort(90, 3, 9, 0, 0)
	f, err := glm.NewMultinomial(in.classes())
	require.NoError(t, err)
	for i, row := range compare(t, in).PropensityFirst {
		for g, share := range f.Probabilities(i) {
			require.Equal(t, share, row[g].Value)
		}
	}
}

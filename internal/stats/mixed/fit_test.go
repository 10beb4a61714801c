package mixed

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
)

func fitTrial(t testing.TB, tr trial, f string, frame formula.Frame, structure Structure, method Method) (Result, *Fit) {
	d, s := tr.sums(t, f, frame)
	fit, err := FitSums(d, s, options(tr, structure, method))
	require.NoError(t, err)
	result, err := fit.Result()
	require.NoError(t, err)
	return result, fit
}

func options(tr trial, structure Structure, method Method) Options {
	o := Options{Covariance: structure, Method: method, Level: 0.95}
	for v := range tr.visits {
		o.Times = append(o.Times, float64(v*v+1))
	}
	return o
}

// The fit's log-likelihood is the dense one at the fit's covariance, and no neighbouring covariance has a higher one.
func TestTheOptimumIsOneOfTheDenseLikelihood(t *testing.T) {
	for name, shape := range shapes {
		if shape.trial.baselineAt != 0 || name == "almost every pattern once" {
			continue
		}
		for _, method := range []Method{REML, ML} {
			t.Run(name+", "+string(method), func(t *testing.T) {
				frame := shape.trial.frame(8)
				result, fit := fitTrial(t, shape.trial, shape.formula, frame, Unstructured, method)
				best, _ := dense(t, fit.design.Model, frame, result.Covariance, method == REML)
				require.InEpsilon(t, best, result.Minus2LogLik, 1e-10)
				for u := range result.Covariance {
					for v := range u + 1 {
						for _, step := range []float64{-0.01, 0.01} {
							moved := make([][]float64, len(result.Covariance))
							for i, row := range result.Covariance {
								moved[i] = slices.Clone(row)
							}
							moved[u][v] *= 1 + step
							moved[v][u] = moved[u][v]
							worse, _ := dense(t, fit.design.Model, frame, moved, method == REML)
							require.Greater(t, worse, best)
						}
					}
				}
			})
		}
	}
}

func TestEveryStructureConvergesWithGaps(t *testing.T) {
	tr := trial{patients: 80, arms: 3, visits: 5, missing: gaps}
	frame := tr.frame(11)
	deviance := map[Structure]float64{}
	for _, structure := range Structures() {
		result, _ := fitTrial(t, tr, "score ~ base * week + arm * week", frame, structure, REML)
		require.True(t, result.Convergence.PositiveDefinite)
		require.Less(t, result.Convergence.Gradient, 1e-8)
		deviance[structure] = result.Minus2LogLik
		require.Len(t, result.Differences, 10)
		require.Len(t, result.Contrasts, 6)
		require.Equal(t, 10, result.FTests[len(result.FTests)-1].NDF)
	}
	for _, nested := range [][2]Structure{
		{CompoundSymmetry, HeterogeneousCompoundSymmetry}, {HeterogeneousCompoundSymmetry, HeterogeneousToeplitz},
		{AutoRegressive, HeterogeneousAutoRegressive}, {AutoRegressive, Toeplitz}, {CompoundSymmetry, Toeplitz},
		{Toeplitz, HeterogeneousToeplitz}, {HeterogeneousToeplitz, Unstructured}, {SpatialExponential, Unstructured},
	} {
		require.GreaterOrEqual(t, deviance[nested[0]], deviance[nested[1]]-1e-8, nested)
	}
}

func TestMergedSumsGiveTheFitOfAllRows(t *testing.T) {
	tr := trial{patients: 70, arms: 2, visits: 4, missing: gaps}
	frame := tr.frame(5)
	d, all := tr.sums(t, "score ~ base * week + arm * week", frame)
	parts := make([]*Sums, 3)
	for k := range parts {
		var err error
		parts[k], err = d.NewSums(all.Origin)
		require.NoError(t, err)
	}
	patients, _, err := d.patients(Rows{Data: frame, Subject: "id"})
	require.NoError(t, err)
	for i, one := range patients {
		p := all.emptyPattern(one.observed)
		newAccumulator(all).add(p, one)
		require.NoError(t, parts[i%3].Put(*p))
	}
	for _, part := range parts[1:] {
		require.NoError(t, parts[0].Add(part))
	}
	pooled, err := FitSums(d, parts[0], options(tr, Unstructured, REML))
	require.NoError(t, err)
	whole, err := FitSums(d, all, options(tr, Unstructured, REML))
	require.NoError(t, err)
	same(t, whole, pooled, 1e-9)

	other, err := d.NewSums(PlainOrigin(len(d.Columns)))
	require.NoError(t, err)
	require.Error(t, parts[0].Add(other), "another origin")
}

// same compares all that two fits report.
func same(t *testing.T, a, b *Fit, tolerance float64) {
	ra, err := a.Result()
	require.NoError(t, err)
	rb, err := b.Result()
	require.NoError(t, err)
	require.InEpsilon(t, ra.LogLik, rb.LogLik, 1e-10)
	sameInferences(t, inferences(ra), inferences(rb), tolerance)
}

func inferences(r Result) []Inference {
	var out []Inference
	for _, c := range r.Coefficients {
		out = append(out, c.Inference)
	}
	for _, m := range r.LSMeans {
		out = append(out, m.Inference)
	}
	for _, d := range r.Differences {
		out = append(out, d.Inference)
	}
	for _, c := range r.Contrasts {
		out = append(out, c.Inference)
	}
	return out
}

func sameInferences(t *testing.T, a, b []Inference, tolerance float64) {
	require.Equal(t, len(a), len(b))
	near := func(x, y float64) {
		t.Helper()
		require.InDelta(t, x, y, tolerance*(1+math.Abs(x)))
	}
	for i := range a {
		near(a[i].Estimate, b[i].Estimate)
		near(a[i].SE, b[i].SE)
		near(a[i].DF.Value, b[i].DF.Value)
		near(a[i].SEKR.Value, b[i].SEKR.Value)
		near(a[i].DFKR.Value, b[i].DFKR.Value)
		near(a[i].DFKRObserved.Value, b[i].DFKRObserved.Value)
	}
}

func TestTheOrderOfRowsAndTheNamesOfPatientsDoNotMatter(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 4, missing: gaps}
	frame := tr.frame(6)
	_, first := fitTrial(t, tr, "score ~ base * week + arm * week", frame, Unstructured, REML)
	for _, column := range frame.Numbers {
		slices.Reverse(column)
	}
	for name, column := range frame.Texts {
		slices.Reverse(column)
		if name == "id" {
			for i := range column {
				column[i] = "x" + column[i]
			}
		}
	}
	_, second := fitTrial(t, tr, "score ~ base * week + arm * week", frame, Unstructured, REML)
	same(t, first, second, 1e-8)
}

func TestTheUnitsOfOutcomeAndBaselineScaleTheResult(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 4, missing: gaps}
	a, _ := fitTrial(t, tr, "score ~ base * week + arm * week", tr.frame(7), HeterogeneousAutoRegressive, REML)
	frame := tr.frame(7)
	for i := range frame.Numbers["score"] {
		frame.Numbers["score"][i].Value = 1000*frame.Numbers["score"][i].Value + 5e6
		frame.Numbers["base"][i].Value = frame.Numbers["base"][i].Value/100 + 300
	}
	b, _ := fitTrial(t, tr, "score ~ base * week + arm * week", frame, HeterogeneousAutoRegressive, REML)
	for i := range a.Differences {
		require.InEpsilon(t, 1000*a.Differences[i].Estimate, b.Differences[i].Estimate, 1e-7)
		require.InEpsilon(t, 1000*a.Differences[i].SEKR.Value, b.Differences[i].SEKR.Value, 1e-7)
		require.InEpsilon(t, a.Differences[i].DFKR.Value, b.Differences[i].DFKR.Value, 1e-6)
	}
	for i := range a.LSMeans {
		require.InEpsilon(t, 1000*a.LSMeans[i].Estimate+5e6, b.LSMeans[i].Estimate, 1e-8)
		require.InEpsilon(t, 1000*a.LSMeans[i].SE, b.LSMeans[i].SE, 1e-7)
	}
}

func TestTheOriginOfTheSumsDoesNotMatter(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 3, missing: gaps}
	frame := tr.frame(9)
	for _, f := range []string{"score ~ base * week + arm * week", "score ~ 0 + base:week"} {
		d, centred := tr.sums(t, f, frame)
		patients, _, err := d.patients(Rows{Data: frame, Subject: "id"})
		require.NoError(t, err)
		plain, err := d.NewSums(PlainOrigin(len(d.Columns)))
		require.NoError(t, err)
		for _, one := range patients {
			p := plain.emptyPattern(one.observed)
			newAccumulator(plain).add(p, one)
			require.NoError(t, plain.Put(*p))
		}
		a, err := FitSums(d, centred, options(tr, Unstructured, REML))
		require.NoError(t, err)
		b, err := FitSums(d, plain, options(tr, Unstructured, REML))
		require.NoError(t, err)
		same(t, a, b, 1e-7)
	}
}

func TestReorderedArmsTurnTheDifferences(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 3, missing: gaps}
	frame := tr.frame(10)
	a, _ := fitTrial(t, tr, "score ~ base + arm * week", frame, Unstructured, REML)
	m := tr.model("score ~ base + arm * week")
	slices.Reverse(m.Factors["arm"])
	d, err := m.Design()
	require.NoError(t, err)
	s, err := d.SumRows(frame, "id")
	require.NoError(t, err)
	fit, err := FitSums(d, s, options(tr, Unstructured, REML))
	require.NoError(t, err)
	b, err := fit.Result()
	require.NoError(t, err)
	for i := range a.Differences {
		require.InDelta(t, a.Differences[i].Estimate, -b.Differences[i].Estimate, 1e-9)
		require.InDelta(t, a.Differences[i].DFKR.Value, b.Differences[i].DFKR.Value, 1e-6)
	}
}

// Whoever leaves before the first visit is counted, and nothing else changes.
func TestPatientsWithoutAVisitOrACovariateAreCounted(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 3, missing: func(i, _ int) bool { return i == 5 || i == 8 }}
	frame := tr.frame(12)
	for row, id := range frame.Texts["id"] {
		if id == "p20" {
			frame.Numbers["base"][row] = stats.Number{}
		}
		if id == "p21" {
			frame.Texts["arm"][row] = "unheard of"
		}
	}
	result, _ := fitTrial(t, tr, "score ~ base + arm * week", frame, Unstructured, REML)
	require.Equal(t, 2, result.NWithoutVisit)
	require.Equal(t, 2, result.NExcludedSubjects)
	require.Equal(t, 46, result.NSubjects)
}

func TestCovariatesStandWhereAsked(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 3, missing: gaps}
	d, s := tr.sums(t, "score ~ base + arm * week", tr.frame(13))
	o := options(tr, Unstructured, REML)
	o.At = map[string]float64{"base": 21}
	fit, err := FitSums(d, s, o)
	require.NoError(t, err)
	l, err := fit.MeanVector("B", "w2")
	require.NoError(t, err)
	require.Equal(t, []float64{1, 21, 1, 0, 1, 0, 1}, l)
	c, err := fit.Covariance([][]float64{l, l})
	require.NoError(t, err)
	i, err := fit.Contrast(l)
	require.NoError(t, err)
	require.InEpsilon(t, i.SE*i.SE, c.Plain[0][1], 1e-12)
	require.InEpsilon(t, i.SEKR.Value*i.SEKR.Value, c.KR[1][0], 1e-12)
}

// Complete data, two arms, one visit: the model is the two-sample t test with pooled variance, on n - 2
// degrees of freedom whichever way they are found.
func TestOneVisitIsTheTwoSampleTTest(t *testing.T) {
	tr := trial{patients: 24, arms: 2, visits: 1}
	frame := tr.frame(14)
	result, _ := fitTrial(t, tr, "score ~ arm", frame, Unstructured, REML)
	var sum, square [2]float64
	for row, y := range frame.Numbers["score"] {
		sum[row%2] += y.Value / 12
	}
	for row, y := range frame.Numbers["score"] {
		square[row%2] += (y.Value - sum[row%2]) * (y.Value - sum[row%2])
	}
	se := math.Sqrt((square[0] + square[1]) / 22 * (2.0 / 12))
	require.InEpsilon(t, sum[1]-sum[0], result.Differences[0].Estimate, 1e-10)
	for _, got := range []float64{result.Differences[0].SE, result.Differences[0].SEKR.Value, result.Differences[0].SEKRObserved.Value} {
		require.InEpsilon(t, se, got, 1e-9)
	}
	for _, got := range []stats.Number{result.Differences[0].DF, result.Differences[0].DFKR, result.Differences[0].DFKRObserved} {
		require.InEpsilon(t, 22, got.Value, 1e-8)
	}
}

func TestTheResultHoldsNoUndefinedNumberAsText(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 3, missing: gaps}
	result, _ := fitTrial(t, tr, "score ~ base + arm * week", tr.frame(15), CompoundSymmetry, ML)
	text, err := json.Marshal(result)
	require.NoError(t, err)
	require.Contains(t, string(text), `"se_kr":null`)
	require.Contains(t, string(text), `"vcov_kr":null`)
	require.Contains(t, string(text), `"week":"w0"`)
}

// Ten million patients are the sums of fifty, 200,000 times: same estimates, errors smaller by the root.
func TestTenMillionPatientsFitAsFewDo(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 4, missing: gaps}
	d, few := tr.sums(t, "score ~ base * week + arm * week", tr.frame(16))
	many, err := d.NewSums(few.Origin)
	require.NoError(t, err)
	const times = 200_000
	for _, p := range few.Patterns {
		copies := Pattern{Observed: p.Observed, N: times * p.N, XX: slices.Clone(p.XX), XY: slices.Clone(p.XY), YY: slices.Clone(p.YY)}
		for _, sums := range [][]float64{copies.XX, copies.XY, copies.YY} {
			for i := range sums {
				sums[i] *= times
			}
		}
		require.NoError(t, many.Put(copies))
	}
	a, err := FitSums(d, few, options(tr, Unstructured, ML))
	require.NoError(t, err)
	for _, method := range []Method{ML, REML} {
		b, err := FitSums(d, many, options(tr, Unstructured, method))
		require.NoError(t, err)
		x, err := a.Result()
		require.NoError(t, err)
		y, err := b.Result()
		require.NoError(t, err)
		for i := range x.Differences {
			require.InEpsilon(t, x.Differences[i].Estimate, y.Differences[i].Estimate, 1e-5)
			require.InEpsilon(t, x.Differences[i].SE/math.Sqrt(times), y.Differences[i].SE, 1e-5)
			require.Greater(t, y.Differences[i].DF.Value, 1e6)
			require.True(t, y.Differences[i].PValue.Defined)
		}
	}
}

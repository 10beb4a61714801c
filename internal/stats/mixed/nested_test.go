package mixed

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/testkit/statstest"
)

func btheb(t testing.TB) formula.Frame {
	return statstest.Data(t, "btheb.csv").Frame("subject", "visit", "treatment")
}

func fitBtheb(t testing.TB, f string, structure Structure, method Method) *Fit {
	frame := btheb(t)
	model := Model{Formula: f, Visit: "visit", Visits: []string{"2m", "3m", "5m", "8m"}, Arm: "treatment",
		Factors: map[string][]string{"treatment": {"TAU", "BtheB"}}}
	model, err := model.Classify(frame, "subject")
	require.NoError(t, err)
	d, err := model.Design()
	require.NoError(t, err)
	s, err := d.SumRows(frame, "subject")
	require.NoError(t, err)
	fit, err := FitSums(d, s, Options{Covariance: structure, Method: method, Level: 0.95, Times: []float64{2, 3, 5, 8}})
	require.NoError(t, err)
	return fit
}

// R 4.2, nlme: anova() of two gls fits to btheb, corSymm with varIdent for un, corCompSymm for cs, glsControl(tolerance =
// 1e-12, msTol = 1e-14, opt = "optim").
func TestLikelihoodRatiosAreThoseOfNlme(t *testing.T) {
	const whole = "bdi ~ bdi_pre * visit + treatment * visit"
	big := fitBtheb(t, whole, Unstructured, ML)
	for f, expected := range map[string]struct {
		ratio, p float64
		df       int
	}{
		"bdi ~ bdi_pre + treatment * visit": {4.436403, 0.218, 3},
		"bdi ~ bdi_pre + visit + treatment": {6.843821, 0.3355, 6},
	} {
		got, err := Compare(fitBtheb(t, f, Unstructured, ML), big)
		require.NoError(t, err)
		require.InDelta(t, expected.ratio, got.ChiSquare, 1e-5)
		require.Equal(t, expected.df, got.DF)
		require.InDelta(t, expected.p, got.PValue.Value, 5e-5)
		require.Nil(t, got.PMixture)
	}
	got, err := Compare(fitBtheb(t, whole, CompoundSymmetry, REML), fitBtheb(t, whole, Unstructured, REML))
	require.NoError(t, err)
	require.InDelta(t, 6.493203, got.ChiSquare, 1e-5)
	require.Equal(t, 8, got.DF)
	require.InDelta(t, 0.5922, got.PValue.Value, 5e-5)
}

// Every structure that is listed as a special case fits no better than what contains it.
func TestSpecialCasesAreSpecial(t *testing.T) {
	tr := trial{patients: 60, arms: 2, visits: 4, missing: gaps}
	frame := tr.frame(81)
	fits := map[Structure]*Fit{}
	for _, structure := range Structures() {
		_, fits[structure] = fitTrial(t, tr, "score ~ base + arm * week", frame, structure, REML)
	}
	for big, contained := range specialCases {
		for _, small := range contained {
			require.GreaterOrEqual(t, fits[small].deviance, fits[big].deviance-1e-8, "%s in %s", small, big)
			got, err := Compare(fits[small], fits[big])
			require.NoError(t, err)
			require.Positive(t, got.DF)
		}
	}
	for _, pair := range [][2]Structure{{CompoundSymmetry, HeterogeneousAutoRegressive}, {AutoRegressive, HeterogeneousCompoundSymmetry},
		{SpatialExponential, Toeplitz}, {Unstructured, CompoundSymmetry}, {HeterogeneousAutoRegressive, Toeplitz}} {
		_, err := Compare(fits[pair[0]], fits[pair[1]])
		statstest.RequireFailure(t, err, stats.BadInput, "lrt")
	}
}

func TestModelsThatAreNotNestedAreRefused(t *testing.T) {
	tr := trial{patients: 60, arms: 2, visits: 3, missing: gaps}
	frame := tr.frame(82)
	fit := func(f string, method Method) *Fit {
		_, out := fitTrial(t, tr, f, frame, Unstructured, method)
		return out
	}
	cases := map[string][2]*Fit{
		"other fixed effects under REML": {fit("score ~ arm + week", REML), fit("score ~ base + arm + week", REML)},
		"other covariates":               {fit("score ~ base + week", ML), fit("score ~ site + arm * week", ML)},
		"the same model":                 {fit("score ~ base + week", ML), fit("score ~ base + week", ML)},
		"the larger first":               {fit("score ~ base + arm + week", ML), fit("score ~ base + week", ML)},
		"other methods":                  {fit("score ~ base + week", REML), fit("score ~ base + week", ML)},
	}
	fewer := trial{patients: 59, arms: 2, visits: 3, missing: gaps}
	_, other := fitTrial(t, fewer, "score ~ week", fewer.frame(82), Unstructured, ML)
	_, another := fitTrial(t, tr, "score ~ week", tr.frame(83), Unstructured, ML)
	cases["other responses"] = [2]*Fit{another, fit("score ~ base + week", ML)}
	cases["other patients"] = [2]*Fit{other, fit("score ~ base + week", ML)}
	for name, pair := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Compare(pair[0], pair[1])
			statstest.RequireFailure(t, err, stats.BadInput, "lrt")
		})
	}
	// another coding of the same means, and time as a number within visits as a factor
	got, err := Compare(fit("score ~ 0 + week + base", ML), fit("score ~ base * week + arm", ML))
	require.NoError(t, err)
	require.Equal(t, 3, got.DF)
	got, err = Compare(fit("score ~ base + arm + time", ML), fit("score ~ base + arm * week", ML))
	require.NoError(t, err)
	require.Equal(t, 3, got.DF)
	same, err := Compare(fit("score ~ arm + week", ML), fit("score ~ arm * week", ML))
	require.NoError(t, err)
	require.Equal(t, 2, same.DF)
}

func TestRandomModelsThatAreNotNestedAreRefused(t *testing.T) {
	shape := clusters{groups: 30, rows: uneven, level: 3, slope: 0.5, seed: 83}
	frame := shape.frame()
	fit := func(f string, method Method) *RandomFit {
		shape.formula = f
		out, err := FitRandom(shape.model(method), frame)
		require.NoError(t, err)
		return out
	}
	missing := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: frame.Texts}
	for name, column := range frame.Numbers {
		missing.Numbers[name] = slices.Clone(column)
	}
	missing.Numbers["y"][4] = stats.Number{}
	shape.formula = "y ~ day + (1 | id)"
	fewer, err := FitRandom(shape.model(ML), missing)
	require.NoError(t, err)
	for name, pair := range map[string][2]*RandomFit{
		"other fixed effects under REML": {fit("y ~ day + (1 | id)", REML), fit("y ~ day + arm + (1 | id)", REML)},
		"other covariates":               {fit("y ~ dose + (1 | id)", ML), fit("y ~ day * arm + (1 | id)", ML)},
		"the same model":                 {fit("y ~ day + (1 | id)", ML), fit("y ~ day + (1 | id)", ML)},
		"other rows":                     {fewer, fit("y ~ day * arm + (1 | id)", ML)},
		"other methods":                  {fit("y ~ day + (1 | id)", REML), fit("y ~ day + (1 + day | id)", ML)},
		"other random effects":           {fit("y ~ day + (1 + dose | id)", ML), fit("y ~ day + arm + (1 + day | id)", ML)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := CompareRandom(pair[0], pair[1])
			statstest.RequireFailure(t, err, stats.BadInput, "lrt")
		})
	}
	got, err := CompareRandom(fit("y ~ day + (1 | id)", REML), fit("y ~ day + (1 + day | id)", REML))
	require.NoError(t, err)
	require.Equal(t, 2, got.DF)
	require.NotNil(t, got.PMixture)
	require.Less(t, got.PMixture.Value, got.PValue.Value)
}

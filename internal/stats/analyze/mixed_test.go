package analyze_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
	"afterglow/internal/testkit/statstest"
)

// answers runs a specification and gives the results as the JSON that a reader would see.
func answers(t *testing.T, spec string) []map[string]any {
	cases, err := reference.Read([]byte(spec))
	require.NoError(t, err)
	text, err := json.Marshal(analyze.Run(cases, statstest.File))
	require.NoError(t, err)
	var out []map[string]any
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

const bthebModel = `"subject": "subject", "visit": "visit", "visit_levels": ["2m", "3m", "5m", "8m"], "arm": "treatment",
	"factors": {"treatment": ["TAU", "BtheB"]}, "level": 0.95`

// Fields that are not asked for leave a result as it was, and what is asked for stands beside it.
func TestAnMMRMTakesWeightsRobustErrorsAndAnArea(t *testing.T) {
	got := answers(t, `{"cases": [
		{"id": "plain", "kind": "mmrm", "dataset": "btheb.csv", "input": {`+bthebModel+`, "formula": "bdi ~ bdi_pre + treatment * visit", "covariance": "un", "method": "REML"}},
		{"id": "more", "kind": "mmrm", "dataset": "btheb.csv", "input": {`+bthebModel+`, "formula": "bdi ~ bdi_pre + treatment * visit", "covariance": "un", "method": "REML",
			"robust": true, "area": {"days": [61, 91, 152, 244], "until": 244, "start": 23}}},
		{"id": "weighted", "kind": "mmrm", "dataset": "btheb.csv", "input": {`+bthebModel+`, "formula": "bdi ~ bdi_pre + treatment * visit", "covariance": "un", "method": "REML",
			"weights": "bdi_pre"}},
		{"id": "unknown", "kind": "mmrm", "dataset": "btheb.csv", "input": {`+bthebModel+`, "formula": "bdi ~ bdi_pre + treatment * visit", "covariance": "un", "method": "REML",
			"weights": "nobody"}}]}`)
	plain, more := got[0]["result"].(map[string]any), got[1]["result"].(map[string]any)
	require.NotContains(t, plain, "robust")
	robust, area := more["robust"].(map[string]any), more["area"].(map[string]any)
	require.Len(t, robust["differences"], 4)
	require.Len(t, area["areas"], 2)
	require.Len(t, area["differences"], 1)
	delete(more, "robust")
	delete(more, "area")
	require.Equal(t, plain, more)
	require.NotEqual(t, plain["n_subjects"], got[2]["result"].(map[string]any)["sum_of_weights"])
	require.Equal(t, "nobody", got[3]["error"].(map[string]any)["where"])
}

// The references of R (nlme, anova.gls) for the same models stand in the room's own test; here the kind reaches them.
func TestALikelihoodRatioTakesTwoMMRMs(t *testing.T) {
	got := answers(t, `{"cases": [
		{"id": "small", "kind": "mmrm", "dataset": "btheb.csv", "input": {`+bthebModel+`, "formula": "bdi ~ bdi_pre + treatment * visit", "covariance": "un", "method": "ML"}},
		{"id": "big", "kind": "mmrm", "dataset": "btheb.csv", "input": {`+bthebModel+`, "formula": "bdi ~ bdi_pre * visit + treatment * visit", "covariance": "un", "method": "ML"}},
		{"id": "restricted", "kind": "mmrm", "dataset": "btheb.csv", "input": {`+bthebModel+`, "formula": "bdi ~ bdi_pre * visit + treatment * visit", "covariance": "un", "method": "REML"}},
		{"id": "lines", "kind": "lmm", "dataset": "sleepstudy.csv", "input": {"formula": "reaction ~ days + (1 | subject)", "method": "ML", "level": 0.95}},
		{"id": "lrt", "kind": "lrt", "input": {"small": "small", "big": "big"}},
		{"id": "methods", "kind": "lrt", "input": {"small": "small", "big": "restricted"}},
		{"id": "kinds", "kind": "lrt", "input": {"small": "small", "big": "lines"}}]}`)
	require.InDelta(t, 4.436403, got[4]["result"].(map[string]any)["chisq"], 1e-5)
	for _, refused := range got[5:] {
		require.Equal(t, string(stats.BadInput), refused["error"].(map[string]any)["kind"])
	}
}

func TestAnMMRMIsResampledByBucketOfPatients(t *testing.T) {
	spec := `{"cases": [{"id": "b", "kind": "mmrm_bootstrap", "dataset": "btheb.csv", "input": {` + bthebModel + `, "formula": "bdi ~ bdi_pre + treatment * visit",
		"covariance": "cs", "method": "REML", "buckets": 40, "replicates": 60, "seed": 3}}]}`
	got := answers(t, spec)
	differences := got[0]["result"].(map[string]any)["differences"].([]any)
	require.Len(t, differences, 4)
	first := differences[0].(map[string]any)
	require.Equal(t, "2m", first["visit"])
	require.Positive(t, first["se"])
	require.Equal(t, got, answers(t, spec), "the same seed gives the same numbers")
}

func TestALinearMixedModelGivesBands(t *testing.T) {
	got := answers(t, `{"cases": [
		{"id": "a", "kind": "lmm", "dataset": "sleepstudy.csv", "input": {"formula": "reaction ~ days + (1 + days | subject)", "method": "REML", "level": 0.95,
			"bands": [{"numbers": {"days": [0, 4.5]}}, {"subject": "308", "numbers": {"days": [12]}}]}},
		{"id": "b", "kind": "lmm", "dataset": "sleepstudy.csv", "input": {"formula": "reaction ~ days + (1 + days | subject)", "method": "REML", "level": 0.95,
			"bands": [{"subject": "nobody", "numbers": {"days": [0, 4.5]}}]}}]}`)
	bands := got[0]["result"].(map[string]any)["bands"].([]any)
	require.Len(t, bands[0], 2)
	require.InEpsilon(t, 20.0612277716, bands[1].([]any)[0].(map[string]any)["subject"].(map[string]any)["se"], 1e-6)
	require.Equal(t, "subject", got[1]["error"].(map[string]any)["where"])
}

// Sites that answer with sums give what R gives for all rows: the reference case itself, its drug groups as sites.
func TestPooledSitesReachTheReferenceOfAllRows(t *testing.T) {
	cases := statstest.Cases(t, "reference/07-mmrm.json")
	for i := range cases {
		var err error
		var input map[string]any
		require.NoError(t, json.Unmarshal(cases[i].Input, &input))
		input["site"], input["min_patients"] = "length", 1
		cases[i].Kind = "mmrm_pooled"
		cases[i].Input, err = json.Marshal(input)
		require.NoError(t, err)
	}
	for i, got := range analyze.Run(cases, statstest.File) {
		t.Run(cases[i].ID, func(t *testing.T) {
			require.Nil(t, got.Error)
			differences, fields, err := cases[i].Compare(got.Result)
			require.NoError(t, err)
			require.Greater(t, fields, 800)
			for _, d := range differences {
				t.Error(d)
			}
		})
	}
	refused := answers(t, `{"cases": [
		{"id": "small", "kind": "mmrm_pooled", "dataset": "btheb.csv", "input": {`+bthebModel+`, "formula": "bdi ~ treatment * visit", "covariance": "un", "method": "REML",
			"site": "length", "min_patients": 60}},
		{"id": "changing", "kind": "mmrm_pooled", "dataset": "btheb.csv", "input": {`+bthebModel+`, "formula": "bdi ~ treatment * visit", "covariance": "un", "method": "REML",
			"site": "month"}}]}`)
	require.Equal(t, "site", refused[0]["error"].(map[string]any)["where"])
	require.Equal(t, "month", refused[1]["error"].(map[string]any)["where"])
}

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

// run answers one case and gives its result as JSON, or its failure.
func outcome(t testing.TB, text string) (map[string]any, *analyze.Failure) {
	t.Helper()
	cases, err := reference.Read([]byte(`{"cases": [` + text + `]}`))
	require.NoError(t, err)
	got := analyze.Run(cases, statstest.File)[0]
	if got.Error != nil {
		return nil, got.Error
	}
	written, err := json.Marshal(got.Result)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(written, &out))
	return out, nil
}

// The numbers are those of R in doseresponse's own tests.
func TestDoseResponseReadsItsColumnsAndCountsWhatIsLeftOut(t *testing.T) {
	got, failure := outcome(t, `{"id": "a", "kind": "dose_response", "dataset": "lung.csv", "input": {"response": "ph_karno", "exposure": "wt_loss",
		"covariates": "age + sex", "family": "gaussian", "factors": {"sex": ["male", "female"]}, "shapes": ["quadratic"], "at": [-24, 10], "level": 0.95}}`)
	require.Nil(t, failure)
	require.EqualValues(t, 214, got["n"])
	require.EqualValues(t, 14, got["n_excluded"])
	require.Len(t, got["models"], 3)
	require.InEpsilon(t, -831.598134883018, got["models"].([]any)[2].(map[string]any)["loglik"], 1e-10)
	_, failure = outcome(t, `{"id": "a", "kind": "dose_response", "dataset": "lung.csv", "input": {"response": "ph_karno", "exposure": "sex", "family": "gaussian", "level": 0.95}}`)
	require.Equal(t, "sex", failure.Where)
}

// All models are fitted to the rows that are complete in the largest.
func TestNestedModelsShareTheirRows(t *testing.T) {
	got, failure := outcome(t, `{"id": "a", "kind": "nested_models", "dataset": "lung.csv", "input": {"family": "gaussian", "level": 0.95,
		"formulas": ["ph_karno ~ age + sex", "ph_karno ~ age + sex + wt_loss", "ph_karno ~ age + sex + wt_loss + I(wt_loss^2)"], "factors": {"sex": ["male", "female"]}}}`)
	require.Nil(t, failure)
	require.EqualValues(t, 214, got["n"])
	require.InEpsilon(t, -834.866017797341, got["models"].([]any)[0].(map[string]any)["loglik"], 1e-10)
	require.InEpsilon(t, 0.747212942706312, got["tests"].([]any)[1].(map[string]any)["f_p_value"], 1e-6)
	_, failure = outcome(t, `{"id": "a", "kind": "nested_models", "dataset": "lung.csv", "input": {"family": "gaussian", "level": 0.95,
		"formulas": ["ph_karno ~ age", "ph_karno ~ wt_loss"]}}`)
	require.Equal(t, "age", failure.Where)
	_, failure = outcome(t, `{"id": "a", "kind": "nested_models", "input": {"family": "gaussian", "level": 0.95, "formulas": []}}`)
	require.Equal(t, stats.BadInput, failure.Kind)
}

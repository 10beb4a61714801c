package analyze_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
	"afterglow/internal/testkit/statstest"
)

// one runs a single case and reads its result as JSON.
func one(t *testing.T, from analyze.Files, text string) (analyze.Result, map[string]any) {
	cases, err := reference.Read([]byte(`{"cases": [` + text + `]}`))
	require.NoError(t, err)
	got := analyze.Run(cases, from)[0]
	if got.Error != nil {
		return got, nil
	}
	file, err := json.Marshal(got.Result)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(file, &out))
	return got, out
}

// The figures are those of the rooms' own tests, where their source stands.
func TestTheKindsOfThisFamilyReadTheirInput(t *testing.T) {
	got, out := one(t, statstest.File, `{"id": "a", "kind": "latent_classes", "dataset": "sleepstudy.csv", "input": {"response": "reaction", "time": "days", "subject": "subject",
		"classes": 2, "degree": 1, "random": "intercept", "seed": 4, "level": 0.95}}`)
	require.Nil(t, got.Error)
	require.InDelta(t, -881.300979162547, out["loglik"], 1e-8)
	require.Len(t, out["subjects"], 18)

	senn := "id,order,p1,p2\n"
	for i, v := range strings.Fields("310,270 310,260 370,300 410,390 250,210 380,350 330,365 370,385 310,400 380,410 290,320 260,340 90,220") {
		order := "for-sal"
		if i > 6 {
			order = "sal-for"
		}
		senn += fmt.Sprintf("%d,%s,%s\n", i, order, v)
	}
	trial := func(string) ([]byte, error) { return []byte(senn), nil }
	got, out = one(t, trial, `{"id": "b", "kind": "crossover", "dataset": "senn.csv", "input": {"order": "order", "ab": "for-sal", "ba": "sal-for", "first": "p1", "second": "p2", "level": 0.95}}`)
	require.Nil(t, got.Error)
	require.InDelta(t, 46.6071428571428612, out["treatment"].(map[string]any)["estimate"], 1e-9)

	got, out = one(t, statstest.File, `{"id": "c", "kind": "regression_to_mean", "input": {"cutoff": 20, "side": "above", "reliability": 0.8, "population_mean": 15, "population_sd": 5, "level": 0.95}}`)
	require.Nil(t, got.Error)
	require.InDelta(t, 1.525135276160981, out["expected_fall"].(map[string]any)["estimate"], 1e-12)
	got, out = one(t, statstest.File, `{"id": "d", "kind": "regression_to_mean", "dataset": "btheb_wide.csv", "rows": [{"column": "bdi_pre", "op": ">=", "value": 20}],
		"input": {"cutoff": 19.5, "side": "above", "reliability": 0.9, "reliability_se": 0.02, "baseline": "bdi_pre", "later": "bdi_2m", "level": 0.95}}`)
	require.Nil(t, got.Error)
	require.Positive(t, out["excess_fall"].(map[string]any)["estimate"])

	const btheb = `{"id": "e", "kind": "multiple_imputation", "dataset": "btheb.csv", "input": {"response": "bdi", "subject": "subject", "visit": "visit", "visit_levels": ["2m", "3m", "5m", "8m"],
		"arm": "treatment", "arm_levels": ["TAU", "BtheB"], "covariates": ["bdi_pre"], "imputations": 20, "covariance": "shared", "strategy": "%s", "deltas": [0, 5, 10], "seed": 1, "level": 0.95}}`
	for _, strategy := range []string{"mar", "j2r", "cr", "cir"} {
		got, out = one(t, statstest.File, fmt.Sprintf(btheb, strategy))
		require.Nil(t, got.Error)
		require.Len(t, out["visits"], 4)
		require.Len(t, out["tipping_point"].(map[string]any)["rows"], 3)
	}
}

func TestRowsThatDoNotMakeATrialAreNamed(t *testing.T) {
	const input = `{"id": "a", "kind": "multiple_imputation", "dataset": "x.csv", "input": {"response": "y", "subject": "id", "visit": "visit", "visit_levels": ["1", "2"], "arm": "arm",
		"arm_levels": ["A", "B"], "covariates": ["base"], "imputations": 5, "covariance": "shared", "strategy": "mar", "level": 0.95}}`
	for rows, where := range map[string]string{
		"s1,1,A,3,4\ns1,1,A,3,5": "visit 1", "s1,1,A,3,4\ns1,2,B,3,5": "arm", "s1,1,A,3,4\ns1,2,A,4,5": "base", "s1,9,A,3,4": "visit", ",1,A,3,4": "id", "s1,1,C,3,4": "arm", "s1,1,A,3,4": "arm B",
	} {
		from := func(string) ([]byte, error) { return []byte("id,visit,arm,base,y\n" + rows + "\n"), nil }
		got, _ := one(t, from, input)
		require.NotNil(t, got.Error, rows)
		require.Equal(t, where, got.Error.Where, rows)
	}
	const classes = `{"id": "a", "kind": "latent_classes", "dataset": "x.csv", "input": {"response": "y", "subject": "id", "time": "visit", "classes": 1, "degree": 1, "random": "none", "level": 0.95}}`
	from := func(string) ([]byte, error) { return []byte("id,visit,y\n,1,3\n"), nil }
	got, _ := one(t, from, classes)
	require.Equal(t, "id", got.Error.Where)
}

package analyze_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
	"afterglow/internal/testkit/statstest"
)

// run gives the result of one case as JSON gives it.
func run(t *testing.T, kind, dataset, input string) map[string]any {
	t.Helper()
	results := analyze.Run([]reference.Case{{ID: "one", Kind: kind, Dataset: dataset, Input: json.RawMessage(input)}}, statstest.File)
	require.Nil(t, results[0].Error)
	text, err := json.Marshal(results[0].Result)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

func list(of map[string]any, name string) []any { return of[name].([]any) }

func number(of any, name string) float64 { return of.(map[string]any)[name].(float64) }

const lalonde = `"formula": "~ age + educ + race + married + nodegree + re74 + re75", "factors": {"race": ["white", "black", "hispan"]}`

// The general comparison of two groups gives what R's references hold for iptw: 10-logistic-iptw.json.
func TestWeightingOfTwoGroupsIsIPTW(t *testing.T) {
	for _, estimand := range []string{"ATE", "ATT", "ATO"} {
		w := run(t, "weighting", "lalonde.csv", `{"treatment": "treat", "levels": ["0", "1"], "outcome": "re78", "target": "1", "estimand": "`+
			estimand+`", "level": 0.95, `+lalonde+`}`)
		c := run(t, "iptw", "lalonde.csv", `{"treatment": "treat", "outcome": "re78", "estimand": "`+estimand+`", "level": 0.95, `+lalonde+`}`)
		contrast := list(w, "contrasts")[0]
		require.InEpsilon(t, number(c, "estimate"), number(contrast, "estimate"), 1e-7)
		require.InEpsilon(t, number(c, "se_m_estimation"), number(contrast, "se"), 1e-7)
		require.InEpsilon(t, number(c, "se_sandwich_hc0"), number(contrast, "se_sandwich_hc0"), 1e-7)
	}
}

// R 4.2: probabilities from the multinomial model as a Poisson model with row effects, glm(count ~ 0 + factor(row) +
// level/weight_pre, poisson), normalised weighted means, and the sandwich of the stacked equations with five-point
// numerical derivatives in R; the effective size is that of CBT.
func TestWeightingOfThreeGroupsIsRs(t *testing.T) {
	for estimand, want := range map[string][]float64{
		"ATE": {-1.55799557654, 3.09640617690, 7.38980289651, 1.675217103, 2.153696008, 2.363237349, 28.9156725727},
		"ATT": {-0.45, 3.28543151047, 7.54689175621, 1.976598354, 2.544307251, 2.693490799, 27.7537240166},
		"ATO": {-1.83962863551, 2.97626265456, 7.31139885852, 1.677946142, 2.129483493, 2.278149478, 28.9862149215},
	} {
		w := run(t, "weighting", "anorexia.csv", `{"treatment": "treatment", "levels": ["Cont", "CBT", "FT"], "formula": "~ weight_pre",
			"outcome": "weight_change", "target": "Cont", "estimand": "`+estimand+`", "level": 0.95}`)
		for k := range 3 {
			require.InDelta(t, want[k], number(list(w, "groups")[k], "mean"), 1e-9)
			require.InEpsilon(t, want[3+k], number(list(w, "contrasts")[k], "se"), 1e-6)
		}
		require.InEpsilon(t, want[6], number(list(w, "groups")[1], "ess"), 1e-9)
	}
}

// R 4.2: fitted(glm(treat ~ ., binomial)), predict(lm(re78 ~ .)) in each group, the mean and standard deviation of the
// contributions over the root of n, and the mean of the predictions' difference.
func TestTheDoublyRobustEstimateIsRs(t *testing.T) {
	r := run(t, "aipw", "lalonde.csv", `{"treatment": "treat", "levels": ["0", "1"], "outcome": "re78", "family": "gaussian", "level": 0.95,
		"outcome_formula": "~ age + educ + race + married + nodegree + re74 + re75", `+lalonde+`}`)
	c := list(r, "contrasts")[0]
	require.InEpsilon(t, 469.63997358630, number(c, "estimate"), 1e-8)
	require.InEpsilon(t, 925.40057465171, number(c, "se"), 1e-8)
	require.InEpsilon(t, 1074.90854139541, number(c, "g_computation"), 1e-10)
}

// R 4.2: glm() for both models and predict() at the exposure's levels, with integrate() over a normal mediator before a
// binary outcome: total, natural direct and natural indirect effect.
func TestTheSplitEffectsAreRs(t *testing.T) {
	for _, c := range []struct {
		mediator, family, outcome, outcomeFamily string
		want                                     [3]float64
	}{
		{"educ", "gaussian", "re78", "gaussian", [3]float64{2149.0819595438, 2322.6026417829, -173.5206822391}},
		{"nodegree", "binomial", "re78", "gaussian", [3]float64{2126.94037225637, 2105.11848773768, 21.82188451868}},
		{"educ", "gaussian", "treat", "binomial", [3]float64{-0.285906035607469, -0.283864440725205, -0.002041594882264}},
		{"nodegree", "binomial", "treat", "binomial", [3]float64{-0.2850656417082487, -0.2845116451688514, -0.0005539965393973}},
	} {
		r := run(t, "gformula", "lalonde.csv", `{"exposure": "married", "from": 0, "to": 1, "mediator": "`+c.mediator+`", "mediator_family": "`+c.family+
			`", "outcome": "`+c.outcome+`", "outcome_family": "`+c.outcomeFamily+`", "interaction": true, "covariates": "~ age", "draws": 20, "seed": 7, "level": 0.95}`)
		for k, name := range []string{"total", "natural_direct", "natural_indirect"} {
			require.InEpsilon(t, c.want[k], number(r[name], "estimate"), 1e-7, c.mediator+" "+c.outcome)
		}
		require.Contains(t, list(r, "notes")[0], "exploratory")
	}
}

// What a case asks wrongly is named by its column or option.
func TestWhatTheComparisonsCannotReadIsNamed(t *testing.T) {
	for _, c := range []struct{ kind, input, where string }{
		{"weighting", `{"treatment": "treat", "levels": ["0", "1"], "outcome": "re78", "estimand": "ATT", "target": "2", "level": 0.95, "formula": "~ age"}`, "target"},
		{"weighting", `{"treatment": "treat", "levels": ["0", "1"], "outcome": "race", "estimand": "ATE", "level": 0.95, "formula": "~ age"}`, "race"},
		{"weighting", `{"treatment": "treat", "levels": ["0", "1"], "outcome": "re78", "estimand": "ATE", "level": 0.95, "formula": "~ age + treat"}`, "treat"},
		{"weighting", `{"treatment": "nowhere", "levels": ["0", "1"], "outcome": "re78", "estimand": "ATE", "level": 0.95, "formula": "~ age"}`, "nowhere"},
		{"weighting", `{"treatment": "treat", "levels": ["0", "1", "2"], "outcome": "re78", "estimand": "ATE", "level": 0.95, "formula": "~ age"}`, "treat 2"},
		{"multinomial", `{"response": "race", "levels": ["white"], "formula": "~ age", "level": 0.95}`, "race"},
		{"multinomial", `{"response": "race", "levels": ["white", "black"], "formula": "~ age +", "level": 0.95}`, "formula"},
		{"aipw", `{"treatment": "treat", "levels": ["0", "1"], "outcome": "re78", "family": "poisson", "level": 0.95, "formula": "~ age"}`, "family"},
		{"gformula", `{"exposure": "married", "to": 1, "mediator": "race", "mediator_family": "gaussian", "outcome": "re78", "outcome_family": "gaussian",
			"covariates": "~ age", "draws": 5, "level": 0.95}`, "race"},
		{"gformula", `{"exposure": "married", "to": 1, "mediator": "educ", "mediator_family": "gaussian", "outcome": "re78", "outcome_family": "gaussian",
			"covariates": "~ 0 + age", "draws": 5, "level": 0.95}`, "covariates"},
		{"evalue", `{"type": "rd", "a": 5, "b": 0, "c": 0, "d": 7, "level": 0.95}`, "table"},
	} {
		results := analyze.Run([]reference.Case{{ID: "one", Kind: c.kind, Dataset: "lalonde.csv", Input: json.RawMessage(c.input)}}, statstest.File)
		require.NotNil(t, results[0].Error, c.input)
		require.Equal(t, c.where, results[0].Error.Where, results[0].Error.Message)
	}
}

package analyze_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
	"afterglow/internal/testkit/statstest"
)

// runOn runs one case on a data set given as text.
func runOn(data, kind, input string) analyze.Result {
	return analyze.Run([]reference.Case{{ID: "one", Kind: kind, Dataset: "d.csv", Input: json.RawMessage(input)}},
		func(string) ([]byte, error) { return []byte(data), nil })[0]
}

// refused asks that a case is refused at a place, with these words.
func refused(t *testing.T, got analyze.Result, kind stats.Kind, where, says string) {
	t.Helper()
	require.NotNil(t, got.Error, got.ID)
	require.Equal(t, kind, got.Error.Kind, got.Error.Message)
	require.Equal(t, where, got.Error.Where, got.Error.Message)
	require.Contains(t, got.Error.Message, says)
}

// fieldsOf gives a result as JSON reads it.
func fieldsOf(t *testing.T, got analyze.Result) map[string]any {
	t.Helper()
	require.Nil(t, got.Error)
	text, err := json.Marshal(got.Result)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

// Every kind refuses a field that it does not take, and of every field of its own each way of misspelling it: by name, with
// the name that was meant.
func TestEveryKindRefusesAFieldThatItDoesNotTake(t *testing.T) {
	for _, kind := range analyze.Kinds() {
		known := []string{"level", "source"}
		for _, f := range kind.Input {
			known = append(known, f.Name)
		}
		refused(t, runOn(trial, kind.Kind, `{"nonsense": 1}`), stats.BadInput, "nonsense", "takes no such field; there are ")
		for _, name := range known {
			for _, wrong := range misspelt(name) {
				if wrong == "" || slices.Contains(known, wrong) {
					continue
				}
				got := runOn(trial, kind.Kind, fmt.Sprintf(`{%q: null}`, wrong))
				refused(t, got, stats.BadInput, wrong, kind.Kind+" takes no such field; ")
				if len(name) > 4 {
					require.Contains(t, got.Error.Message, "did you mean ", name)
				}
			}
		}
	}
}

// misspelt gives a name with a letter left out, doubled, two swapped, an s more, and in capitals.
func misspelt(name string) []string {
	middle := len(name) / 2
	return []string{
		name[:middle] + name[middle+1:],
		name[:middle] + name[middle:middle+1] + name[middle:],
		name[:max(middle-1, 0)] + name[middle:middle+1] + name[max(middle-1, 0):middle] + name[middle+1:] + "x",
		name + "s",
		string(name[0]-'a'+'A') + name[1:],
	}
}

// Fields of objects within the input are held to the same.
func TestAFieldWithinAFieldIsRefusedByItsPlace(t *testing.T) {
	for _, c := range []struct{ kind, input, where, says string }{
		{"lmm", `{"bands": [{"subject": "1", "numbrs": {}}]}`, "bands.numbrs", `did you mean "numbers"?`},
		{"lmm", `{"emmeans_grid": [{"over": ["arm"], "methd": "pairwise"}]}`, "emmeans_grid.methd", `did you mean "method"?`},
		{"competing_risks", `{"fine_gray": {"rsh": "x", "cause": 1}}`, "fine_gray.rsh", `did you mean "rhs"?`},
		{"mmrm", `{"area": {"strt": 0}}`, "area.strt", "takes no such field"},
		{"pooled_sites", `{"sites": [{"estimat": 1}]}`, "sites.estimat", `did you mean "estimate"?`},
	} {
		refused(t, runOn(trial, c.kind, c.input), stats.BadInput, c.where, c.says)
	}
}

// A case or a filter with a field that there is not has no result: what was to be left out would be analysed.
func TestAFieldThatNoCaseHasIsRefused(t *testing.T) {
	cases, err := reference.Read([]byte(`{"cases": [
		{"id": "row", "kind": "descriptives", "dataset": "d.csv", "row": [], "input": {"column": "pre", "level": 0.95}},
		{"id": "filter", "kind": "descriptives", "dataset": "d.csv", "rows": [{"column": "pre", "oper": "<", "value": 25}], "input": {"column": "pre", "level": 0.95}},
		{"id": "all", "kind": "descriptives", "title": "", "notes": [], "packages": {}, "r_call": [], "crosscheck": {}, "source": "", "tolerance": {}, "expected": {},
			"dataset": "d.csv", "rows": [{"column": "pre", "op": "<", "value": 25}], "input": {"column": "pre", "level": 0.95}}]}`))
	require.NoError(t, err)
	results := analyze.Run(cases, func(string) ([]byte, error) { return []byte(trial), nil })
	refused(t, results[0], stats.BadInput, "row", `did you mean "rows"?`)
	refused(t, results[1], stats.BadInput, "rows.oper", `did you mean "op"?`)
	require.Nil(t, results[2].Error)
}

// A comparison of two models refuses what the models' own kind would.
func TestAComparedModelIsHeldToItsOwnFields(t *testing.T) {
	cases := []reference.Case{
		{ID: "small", Kind: "lmm", Dataset: "sleepstudy.csv", Input: json.RawMessage(`{"formula": "reaction ~ days + (1 | subject)", "method": "ML", "level": 0.95}`)},
		{ID: "big", Kind: "lmm", Dataset: "sleepstudy.csv", Input: json.RawMessage(`{"formula": "reaction ~ days + (days | subject)", "methd": "ML", "method": "ML", "level": 0.95}`)},
		{ID: "test", Kind: "lrt", Input: json.RawMessage(`{"small": "small", "big": "big"}`)},
	}
	refused(t, analyze.Run(cases, statstest.File)[2], stats.BadInput, "methd", `did you mean "method"?`)
}

// Fields that contradict each other are refused, in place of one of them being passed over.
func TestFieldsThatContradictEachOtherAreRefused(t *testing.T) {
	const mmrm = `{"formula": "y ~ base + arm*visit", "subject": "id", "visit": "visit", "visit_levels": ["1","2"], "arm": "arm", "covariance": "un", "method": "REML", "level": 0.95, %s}`
	visits := twoVisits()
	for _, c := range []struct{ data, kind, input, where, says string }{
		{trial, "logistic", `{"formula": "same ~ pre", "response": "twice", "level": 0.95}`, "response", "the formula's is same"},
		{trial, "gee", `{"formula": "post ~ pre", "response": "pre", "subject": "id", "wave": "pre", "family": "gaussian", "corstr": "independence", "level": 0.95}`, "response", "the formula's is post"},
		{trial, "lmm", `{"formula": "post ~ pre + (1 | arm)", "response": "pre", "method": "REML", "level": 0.95}`, "response", "the formula's is post"},
		{trial, "nls_half_life", `{"time": "pre", "response": "post", "model": "b0 + b1 * t", "level": 0.95}`, "model", "no model"},
		{visits, "mmrm", fmt.Sprintf(mmrm, `"arm_levels": ["a","b"], "factors": {"arm": ["b","a"]}`), "arm_levels", "factors gives arm"},
		{visits, "mmrm", fmt.Sprintf(mmrm, `"arm_levels": ["a","b"], "factors": {"visit": ["2","1"]}`), "visit_levels", "factors gives visit"},
		{visits, "mmrm", fmt.Sprintf(mmrm, `"arm_levels": ["a","b"], "response": "base"`), "response", "the formula's is y"},
		{visits, "mmrm", fmt.Sprintf(mmrm, `"arm_levels": ["a","b"], "baseline": "base", "baseline_at": 3`), "baseline_at", "model means stand at the mean of base"},
	} {
		refused(t, runOn(c.data, c.kind, c.input), stats.BadInput, c.where, c.says)
	}
	const times = "t,e,g\n1,1,a\n2,0,b\n3,1,a\n4,1,b\n"
	refused(t, runOn(times, "km", `{"time": "t", "status": "e", "levels": ["a","b"], "level": 0.95}`), stats.BadInput, "group", "not the column that holds them")
	refused(t, runOn(times, "km", `{"time": "t", "status": "e", "group": "g", "level": 0.95}`), stats.BadInput, "levels", "name the levels of g")
}

// twoVisits is a trial of two arms and two visits.
func twoVisits() string {
	text := "id,arm,base,visit,y\n"
	for i := range 20 {
		for v := range 2 {
			text += fmt.Sprintf("%d,%s,%d,%d,%.3f\n", i, []string{"a", "b"}[i%2], 10+i*7%9, v+1, float64(i*13%11)+float64(i*5%7*v)+float64(i%2)*1.5)
		}
	}
	return text
}

// The arms of a mixed model may be given as arm_levels or among the factors; and at two visits there are two contrasts, since
// the average of the earlier visits is the first.
func TestArmLevelsAreTheArmsFactor(t *testing.T) {
	const model = `{"formula": "y ~ base + arm*visit", "subject": "id", "visit": "visit", "visit_levels": ["1","2"], "arm": "arm", "covariance": "un", "method": "REML", "level": 0.95, %s}`
	byLevels := fieldsOf(t, runOn(twoVisits(), "mmrm", fmt.Sprintf(model, `"arm_levels": ["a","b"]`)))
	byFactors := fieldsOf(t, runOn(twoVisits(), "mmrm", fmt.Sprintf(model, `"factors": {"arm": ["a","b"]}`)))
	require.Equal(t, byFactors, byLevels)
	var names []string
	for _, c := range byLevels["contrasts"].([]any) {
		names = append(names, c.(map[string]any)["name"].(string))
	}
	require.Equal(t, []string{"(b - a) at 2 minus (b - a) at 1", "b - a, average over visits"}, names)
	pooled := fieldsOf(t, runOn(twoVisits(), "mmrm_pooled", fmt.Sprintf(model, `"arm_levels": ["a","b"], "site": "arm", "min_patients": 1`)))
	require.NotEmpty(t, pooled["differences"])
	resampled := fieldsOf(t, runOn(twoVisits(), "mmrm_bootstrap", fmt.Sprintf(model, `"arm_levels": ["a","b"], "buckets": 10, "replicates": 3, "seed": 1`)))
	require.NotEmpty(t, resampled["differences"])
}

// Every field that the references use is one that its kind takes.
func TestEveryFieldOfTheReferencesIsTaken(t *testing.T) {
	taken := map[string][]string{}
	for _, kind := range analyze.Kinds() {
		taken[kind.Kind] = []string{"level", "source"}
		for _, f := range kind.Input {
			taken[kind.Kind] = append(taken[kind.Kind], f.Name)
		}
	}
	cases := statstest.Cases(t, "reference/*.json")
	cases = append(cases, statstest.Cases(t, "crosscheck/reference/*.json")...)
	for _, c := range cases {
		require.Empty(t, c.Unknown, c.ID)
		var input map[string]any
		require.NoError(t, json.Unmarshal(c.Input, &input))
		for _, name := range slices.Sorted(maps.Keys(input)) {
			require.Contains(t, taken[c.Kind], name, c.ID)
		}
	}
}

package analyze_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
)

// trial is a small data set without faults: two arms and a third level that nobody has, two scores, three items.
const trial = `id,arm,pre,post,i1,i2,i3,same,twice,words
1,a,20,11,1,2,3,0.1,40,x
2,a,24,15,2,2,4,0.1,48,y
3,a,31,20,3,4,4,0.1,62,z
4,a,22,9,4,4,5,0.1,44,x
5,b,27,21,5,3,5,0.1,54,y
6,b,25,24,3,3,1,0.1,50,z
7,b,30,28,2,1,2,0.1,60,x
8,b,21,,1,2,2,0.1,42,y
`

// unfit lists cases that have no result, with the failure and the place that it names. change rewrites the data.
var unfit = []struct {
	name, kind, input string
	change            func(string) string
	failure           stats.Kind
	where             string
}{
	{"a column that is not there", "descriptives", `{"column": "nowhere", "level": 0.95}`, nil, stats.BadInput, "nowhere"},
	{"a column of text", "descriptives", `{"column": "words", "level": 0.95}`, nil, stats.BadInput, "words"},
	{"a level of 95", "descriptives", `{"column": "pre", "level": 95}`, nil, stats.BadInput, "level"},
	{"a level of 1", "descriptives", `{"column": "pre", "level": 1}`, nil, stats.BadInput, "level"},
	{"no level", "descriptives", `{"column": "pre"}`, nil, stats.BadInput, "level"},
	{"a probability of 2", "descriptives", `{"column": "pre", "level": 0.9, "probs": [2]}`, nil, stats.BadInput, "probs"},
	{"NaN in the column", "descriptives", `{"column": "pre", "level": 0.95}`, put("3,a,31", "3,a,NaN"), stats.NotFinite, "pre"},
	{"an infinity in the column", "descriptives", `{"column": "pre", "level": 0.95}`, put("3,a,31", "3,a,-Inf"), stats.NotFinite, "pre"},
	{"a value too large", "descriptives", `{"column": "pre", "level": 0.95}`, put("3,a,31", "3,a,1e300"), stats.NotFinite, "pre"},
	{"nothing in the column", "descriptives", `{"column": "pre", "level": 0.95}`, only(0), stats.TooFew, "pre"},
	{"a table that is none", "descriptives", `{"column": "pre", "level": 0.95}`, put("1,a,20", "1,a"), stats.BadInput, "dataset"},
	{"a column twice", "descriptives", `{"column": "pre", "level": 0.95}`, put("words", "pre"), stats.BadInput, "pre"},

	{"one value", "t_test", `{"type": "one_sample", "x": "pre", "level": 0.95}`, only(1), stats.TooFew, "pre"},
	{"the same value always", "t_test", `{"type": "one_sample", "x": "same", "level": 0.95}`, nil, stats.Constant, "same"},
	{"pairs that all differ alike", "t_test", `{"type": "paired", "x": "twice", "y": "twice", "level": 0.95}`, nil, stats.Constant, "twice - twice"},
	{"a group that nobody is in", "t_test", `{"type": "welch", "response": "pre", "group": "arm", "group1": "a", "group2": "c", "level": 0.95}`, nil, stats.EmptyCell, "arm c"},
	{"a group of one", "t_test", `{"type": "student", "response": "pre", "group": "arm", "group1": "a", "group2": "b", "level": 0.95}`, only(5), stats.TooFew, "arm b"},
	{"a group with itself", "t_test", `{"type": "welch", "response": "pre", "group": "arm", "group1": "a", "group2": "a", "level": 0.95}`, nil, stats.BadInput, "levels of arm"},
	{"two constant groups", "t_test", `{"type": "welch", "response": "same", "group": "arm", "group1": "a", "group2": "b", "level": 0.95}`, nil, stats.Constant, "same"},
	{"no such side", "t_test", `{"type": "one_sample", "x": "pre", "alternative": "both", "level": 0.95}`, nil, stats.BadInput, "alternative"},
	{"no such test", "t_test", `{"type": "unpaired", "x": "pre", "level": 0.95}`, nil, stats.BadInput, "type"},

	{"pairs that are all equal", "wilcoxon", `{"type": "signed_rank", "x": "pre", "y": "pre", "level": 0.95}`, nil, stats.TooFew, "pre - pre"},
	{"ranks that are all tied", "wilcoxon", `{"type": "rank_sum", "response": "same", "group": "arm", "group1": "a", "group2": "b", "level": 0.95}`, nil, stats.Constant, "same"},
	{"a rank test at no level", "wilcoxon", `{"type": "rank_sum", "response": "pre", "group": "arm", "group1": "a", "group2": "b"}`, nil, stats.BadInput, "level"},

	{"an effect without spread", "effect_size", `{"type": "independent", "response": "same", "group": "arm", "group1": "a", "group2": "b", "level": 0.95}`, nil, stats.Constant, "same"},
	{"an effect on one pair", "effect_size", `{"type": "paired", "x": "post", "y": "pre", "level": 0.95}`, only(1), stats.TooFew, "post - pre"},

	{"no trial", "proportion_ci", `{"x": 0, "n": 0, "level": 0.95}`, nil, stats.BadInput, "n"},
	{"more events than trials", "proportion_ci", `{"x": 3, "n": 2, "level": 0.95}`, nil, stats.BadInput, "x"},
	{"a count that is not given", "proportion_ci", `{"n": 20, "level": 0.95}`, nil, stats.BadInput, "x"},
	{"half a patient", "proportion_ci", `{"x": 1.5, "n": 20, "level": 0.95}`, nil, stats.BadInput, "x"},
	{"a cell that is not given", "two_by_two", `{"a": 1, "b": 2, "c": 3, "level": 0.95}`, nil, stats.BadInput, "d"},
	{"a row of zeros", "two_by_two", `{"a": 1, "b": 2, "c": 0, "d": 0, "level": 0.95}`, nil, stats.EmptyCell, "group 2"},
	{"a count below zero", "two_by_two", `{"a": 1, "b": -2, "c": 0, "d": 3, "level": 0.95}`, nil, stats.BadInput, "table"},

	{"a reliability of 1", "rci", `{"pre": "pre", "post": "post", "reliability": 1, "functional_mean": 5, "functional_sd": 4, "z": 1.96}`, nil, stats.BadInput, "reliability"},
	{"no functional mean", "rci", `{"pre": "pre", "post": "post", "reliability": 0.8, "functional_sd": 4, "z": 1.96}`, nil, stats.BadInput, "functional_mean"},
	{"a baseline that does not vary", "rci", `{"pre": "same", "post": "post", "reliability": 0.8, "functional_mean": 5, "functional_sd": 4, "z": 1.96}`, nil, stats.Constant, "same"},
	{"nobody afterwards", "rci", `{"pre": "pre", "post": "post", "reliability": 0.8, "functional_mean": 5, "functional_sd": 4, "z": 1.96}`, blank("post"), stats.TooFew, "post"},

	{"one item", "cronbach_alpha", `{"items": ["i1"], "level": 0.95}`, nil, stats.TooFew, "items"},
	{"no item", "cronbach_alpha", `{"items": [], "level": 0.95}`, nil, stats.BadInput, "columns"},
	{"an item twice", "cronbach_alpha", `{"items": ["i1", "i2", "i1"], "level": 0.95}`, nil, stats.BadInput, "items"},
	{"an item answered alike by all", "cronbach_alpha", `{"items": ["i1", "same"], "level": 0.95}`, nil, stats.OneLevel, "same"},
	{"a reversed item that is not in the scale", "cronbach_alpha", `{"items": ["i1", "i2"], "reversed": ["i3"], "min": 1, "max": 5, "level": 0.95}`, nil, stats.BadInput, "reversed"},
	{"two persons", "cronbach_alpha", `{"items": ["i1", "i2"], "level": 0.95}`, only(2), stats.TooFew, "items"},
	{"a way with missing items that there is not", "cronbach_alpha", `{"items": ["i1", "i2"], "missing": "mean", "level": 0.95}`, nil, stats.BadInput, "missing"},
	{"two items for a factor", "mcdonald_omega", `{"items": ["i1", "i2"]}`, nil, stats.TooFew, "items"},
	{"items that make each other up", "mcdonald_omega", `{"items": ["pre", "twice", "i1"]}`, nil, stats.Collinear, "items"},
	{"ratings that all agree", "icc", `{"columns": ["i1", "again"], "level": 0.95}`, copied("i1", "again"), stats.Constant, "columns"},
	{"one column of ratings", "icc", `{"columns": ["i1"], "level": 0.95}`, nil, stats.TooFew, "columns"},
	{"NaN among the ratings", "icc", `{"columns": ["i1", "i2"], "level": 0.95}`, put("11,1,2", "11,NaN,2"), stats.NotFinite, "i1"},

	{"an arm that nobody is in", "ancova", model("post ~ pre + arm", "a", "b", "c"), nil, stats.EmptyCell, "arm c"},
	{"one arm", "ancova", model("post ~ pre + arm", "a"), nil, stats.OneLevel, "arm"},
	{"no arm", "ancova", `{"formula": "post ~ pre", "level": 0.95}`, nil, stats.BadInput, "arm"},
	{"an arm that is not in the formula", "ancova", model("post ~ pre", "a", "b"), nil, stats.BadInput, "arm"},
	{"a constant outcome", "ancova", model("same ~ pre + arm", "a", "b"), nil, stats.Constant, "same"},
	{"an outcome that the columns make up", "ancova", model("twice ~ pre + arm", "a", "b"), nil, stats.Constant, "twice"},
	{"a constant covariate", "ancova", model("post ~ same + arm", "a", "b"), nil, stats.Collinear, "same"},
	{"a covariate that another makes up", "ancova", model("post ~ pre + twice + arm", "a", "b"), nil, stats.Collinear, "twice"},
	{"more columns than rows", "ancova", model("post ~ pre * arm", "a", "b"), only(0), stats.EmptyCell, "arm a"},
	{"NaN in the outcome", "ancova", model("post ~ pre + arm", "a", "b"), put("a,20,11", "a,20,NaN"), stats.NotFinite, "post"},
	{"an infinity in the covariate", "ancova", model("post ~ pre + arm", "a", "b"), put("a,20,11", "a,Inf,11"), stats.NotFinite, "pre"},
	{"an outcome that is not there", "ancova", model("nowhere ~ pre + arm", "a", "b"), nil, stats.BadInput, "nowhere"},
	{"a function in the formula", "ancova", model("post ~ log(pre) + arm", "a", "b"), nil, stats.BadInput, "formula"},
	{"a control that there is not", "ancova", strings.Replace(model("post ~ pre + arm", "a", "b"), "{", `{"control": "z", `, 1), nil, stats.BadInput, "control"},

	{"groups without spread", "multiple_comparisons", `{"response": "same", "group": "arm", "levels": ["a", "b"], "level": 0.95}`, nil, stats.Constant, "same"},
	{"one group", "multiple_comparisons", `{"response": "pre", "group": "arm", "levels": ["a"], "level": 0.95}`, nil, stats.OneLevel, "arm"},
	{"an empty group", "multiple_comparisons", `{"response": "pre", "group": "arm", "levels": ["a", "c"], "level": 0.95}`, nil, stats.EmptyCell, "arm c"},
	{"no control of that name", "multiple_comparisons", `{"response": "pre", "group": "arm", "levels": ["a", "b"], "control": "c", "level": 0.95}`, nil, stats.BadInput, "control"},
	{"no p-value", "p_adjust", `{"p": []}`, nil, stats.TooFew, "p"},
	{"a p-value of 2", "p_adjust", `{"p": [0.1, 2]}`, nil, stats.BadInput, "p"},

	{"a statistic that there is not", "bootstrap", `{"statistic": "mode", "x": "pre", "response": "pre", "group": "arm", "group1": "a", "group2": "b", "draws": 20, "level": 0.95}`, nil, stats.BadInput, "statistic"},
	{"no draws", "bootstrap", `{"statistic": "d_z", "x": "post", "y": "pre", "level": 0.95}`, nil, stats.BadInput, "draws"},
	{"too many draws", "bootstrap", `{"statistic": "d_z", "x": "post", "y": "pre", "draws": 1000000000, "level": 0.95}`, nil, stats.BadInput, "draws"},
	{"a statistic that never changes", "bootstrap", `{"statistic": "mean_diff_paired", "x": "pre", "y": "pre", "draws": 20, "level": 0.95}`, nil, stats.Constant, "statistic"},
	{"a group that has no value", "bootstrap", `{"statistic": "mean_diff_arms", "response": "post", "group": "arm", "group1": "a", "group2": "c", "draws": 20, "level": 0.95}`, nil, stats.EmptyCell, "arm"},
}

func put(old, text string) func(string) string {
	return func(data string) string { return strings.Replace(data, old, text, 1) }
}

// only keeps the first rows.
func only(rows int) func(string) string {
	return func(data string) string { return strings.Join(strings.SplitAfter(data, "\n")[:rows+1], "") }
}

func eachRow(change func(row int, cells []string) []string) func(string) string {
	return func(data string) string {
		var out []string
		for i, line := range strings.Split(strings.TrimSpace(data), "\n") {
			out = append(out, strings.Join(change(i, strings.Split(line, ",")), ","))
		}
		return strings.Join(out, "\n") + "\n"
	}
}

func place(name string) int {
	for i, cell := range strings.Split(strings.SplitN(trial, "\n", 2)[0], ",") {
		if cell == name {
			return i
		}
	}
	panic(name)
}

func blank(name string) func(string) string {
	return eachRow(func(row int, cells []string) []string {
		if row > 0 {
			cells[place(name)] = ""
		}
		return cells
	})
}

func copied(from, to string) func(string) string {
	return eachRow(func(row int, cells []string) []string {
		if row == 0 {
			return append(cells, to)
		}
		return append(cells, cells[place(from)])
	})
}

func model(formula string, arms ...string) string {
	levels, _ := json.Marshal(arms)
	return fmt.Sprintf(`{"formula": %q, "arm": "arm", "arm_levels": %s, "level": 0.95}`, formula, levels)
}

// SR-121: what cannot be estimated is a failure of a named kind at a named place, never a number.
func TestSR121_WhatCannotBeEstimatedIsNamed(t *testing.T) {
	for _, c := range unfit {
		t.Run(c.kind+"/"+c.name, func(t *testing.T) {
			data := trial
			if c.change != nil {
				data = c.change(data)
				require.NotEqual(t, trial, data)
			}
			cases := []reference.Case{{ID: "one", Kind: c.kind, Dataset: "trial.csv", Input: json.RawMessage(c.input)}}
			got := analyze.Run(cases, func(string) ([]byte, error) { return []byte(data), nil })[0]
			require.NotNil(t, got.Error, "%+v", got.Result)
			require.Nil(t, got.Result)
			require.Equal(t, c.failure, got.Error.Kind, got.Error.Message)
			require.Equal(t, c.where, got.Error.Where, got.Error.Message)
			require.Contains(t, got.Error.Message, c.where, "the message names the place")
		})
	}
}

// The cases above fail for the reason that they name: the data as they are have a result.
func TestTheDataAsTheyAreHaveResults(t *testing.T) {
	for kind, input := range map[string]string{
		"descriptives":         `{"column": "post", "level": 0.95}`,
		"t_test":               `{"type": "welch", "response": "post", "group": "arm", "group1": "a", "group2": "b", "level": 0.95}`,
		"wilcoxon":             `{"type": "signed_rank", "x": "post", "y": "pre", "level": 0.95}`,
		"effect_size":          `{"type": "paired", "x": "post", "y": "pre", "level": 0.95}`,
		"rci":                  `{"pre": "pre", "post": "post", "reliability": 0.8, "functional_mean": 5, "functional_sd": 4, "lower_is_better": true, "z": 1.96}`,
		"cronbach_alpha":       `{"items": ["i1", "i2", "i3"], "level": 0.95}`,
		"icc":                  `{"columns": ["i1", "i2"], "level": 0.95}`,
		"ancova":               model("post ~ pre * arm", "a", "b"),
		"multiple_comparisons": `{"response": "pre", "group": "arm", "levels": ["a", "b"], "control": "a", "level": 0.95}`,
		"bootstrap":            `{"statistic": "mean_diff_arms", "response": "post", "group": "arm", "group1": "a", "group2": "b", "draws": 99, "seed": 1, "level": 0.9}`,
	} {
		cases := []reference.Case{{ID: kind, Kind: kind, Dataset: "trial.csv", Input: json.RawMessage(input)}}
		got := analyze.Run(cases, func(string) ([]byte, error) { return []byte(trial), nil })
		require.Nil(t, got[0].Error, "%s: %+v", kind, got[0].Error)
		answered(t, cases, got)
	}
}

// A formula that is not read says what would be.
func TestAFormulaThatIsNotReadSaysWhatIs(t *testing.T) {
	for formula, want := range map[string]string{
		"post ~ log(pre) + arm": "the only function is I(name^k)", "log(post) ~ arm": "make a column of it first", "post ~ pre / arm": "may hold", "post ~ (pre + arm)^x": "a whole number",
		"post ~ I(pre * 2) + arm": "only a power", "post ~ pre %in% arm": "may hold", "post ~ .": "may hold",
	} {
		cases := []reference.Case{{Kind: "ancova", Dataset: "trial.csv", Input: json.RawMessage(model(formula, "a", "b"))}}
		got := analyze.Run(cases, func(string) ([]byte, error) { return []byte(trial), nil })[0]
		require.NotNil(t, got.Error, formula)
		require.Equal(t, "formula", got.Error.Where)
		require.Contains(t, got.Error.Message, want, formula)
	}
}

package analyze_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
	"afterglow/internal/testkit/statstest"
)

// known are the kinds of failure that a case may have. Internal is a defect and not among them: Run turns a panic into it.
var known = []stats.Kind{stats.BadInput, stats.NotFinite, stats.EmptyCell, stats.OneLevel, stats.Constant, stats.Collinear, stats.TooFew,
	stats.NotConverged, stats.Separation, stats.NoEvents}

// answered asserts what holds for any specification: a result or a failure of a known kind for each case, in order, as JSON.
func answered(t testing.TB, cases []reference.Case, results []analyze.Result) {
	require.Len(t, results, len(cases))
	for i, got := range results {
		require.Equal(t, cases[i].ID, got.ID)
		if got.Error != nil {
			require.Contains(t, known, got.Error.Kind, got.Error.Message)
			require.NotEmpty(t, got.Error.Where)
			require.Contains(t, got.Error.Message, got.Error.Where)
			require.Nil(t, got.Result)
		} else {
			require.NotNil(t, got.Result)
		}
		_, err := json.Marshal(got)
		require.NoError(t, err, "%s of kind %s", got.ID, got.Kind)
	}
}

// Any text as a specification, with any text as its data, is refused or answered.
func FuzzSpec(f *testing.F) {
	const data = "id,g,x,y\n1,a,3,4\n2,a,5,\n3,b,7,1\n4,b,2,9\n5,b,8,8\n"
	f.Add(`{"cases": [{"id": "1", "kind": "t_test", "dataset": "d", "input": {"type": "welch", "response": "x", "group": "g", "group1": "a", "group2": "b", "level": 0.9}}]}`, data)
	f.Add(`{"cases": [{"id": "1", "kind": "ancova", "dataset": "d", "input": {"formula": "x ~ y + g", "arm": "g", "arm_levels": ["a", "b"], "level": 0.9}}]}`, data)
	f.Add(`{"cases": [{"id": "1", "kind": "p_adjust", "input": {"p": [0.1, null]}}, {"kind": "icc", "dataset": "d", "input": {"columns": ["x", "y"], "level": 1e-9}}]}`, data)
	f.Add(`{"cases": [{}, {"kind": "two_by_two", "input": {"a": 9e15, "b": -1}}, {"kind": "wilcoxon", "dataset": "d", "rows": [{"column": "x", "op": "<", "value": 6}], "input": {"type": "signed_rank", "x": "x", "y": "x", "level": 0.5}}]}`, "x,x\n\"")
	f.Add(`{"cases": null}`, "")
	f.Fuzz(func(t *testing.T, spec, data string) {
		if len(spec) > 4000 || len(data) > 4000 {
			return
		}
		cases, err := reference.Read([]byte(spec))
		if err != nil || len(cases) > 10 {
			return
		}
		answered(t, cases, analyze.Run(cases, func(string) ([]byte, error) { return []byte(data), nil }))
	})
}

// A case of any kind, with its input and its data changed at random, is answered.
func FuzzChangedCase(f *testing.F) {
	all := statstest.Cases(f, "reference/*.json")
	for i := range uint64(len(all)) {
		f.Add(i, i*7+1)
	}
	f.Fuzz(func(t *testing.T, which, seed uint64) {
		c := all[which%uint64(len(all))]
		r := rand.New(rand.NewPCG(seed, which))
		var in map[string]any
		require.NoError(t, json.Unmarshal(c.Input, &in))
		columns := []string{"nowhere"}
		file, err := statstest.File(c.Dataset)
		if err == nil {
			columns = append(columns, strings.Split(strings.SplitN(string(file), "\n", 2)[0], ",")...)
		}
		for range 1 + r.IntN(3) {
			change(r, in, columns)
		}
		c.Input, err = json.Marshal(in)
		require.NoError(t, err)
		if r.IntN(3) == 0 {
			c.Rows = nil
		}
		data := changedData(r, string(file))
		cases := []reference.Case{c}
		answered(t, cases, analyze.Run(cases, func(name string) ([]byte, error) {
			if name == c.Dataset {
				return []byte(data), nil
			}
			return statstest.File(name)
		}))
	})
}

// change gives one field of the input another value.
func change(r *rand.Rand, in map[string]any, columns []string) {
	names := make([]string, 0, len(in))
	for name := range in {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return
	}
	name := names[r.IntN(len(names))]
	anything := []any{nil, "", "x", true, []any{}, map[string]any{}, 0, -1, 1, 1e-300, 1e300, 2.5, 0.999999, []any{1, nil, "a"}, columns[r.IntN(len(columns))]}
	if list, ok := in[name].([]any); ok && len(list) > 0 && r.IntN(2) == 0 {
		list[r.IntN(len(list))] = anything[r.IntN(len(anything))]
		return
	}
	if r.IntN(6) == 0 {
		delete(in, name)
		return
	}
	in[name] = anything[r.IntN(len(anything))]
}

// changedData keeps some of the rows and gives some cells, or a whole column, another value.
func changedData(r *rand.Rand, file string) string {
	lines := strings.Split(strings.TrimSpace(file), "\n")
	if len(lines) < 2 {
		return file
	}
	rows := lines[1:]
	if r.IntN(2) == 0 {
		rows = rows[:min(len(rows), r.IntN(9))]
	}
	cells := []string{"", "0", "1", "-3", "1e-200", "1e300", "NaN", "Inf", "text", "7"}
	width := strings.Count(lines[0], ",") + 1
	column, all, cell := r.IntN(width), r.IntN(3) == 0, cells[r.IntN(len(cells))]
	out := []string{lines[0]}
	for _, row := range rows {
		values := strings.Split(row, ",")
		if len(values) == width && (all || r.IntN(8) == 0) {
			values[column] = cell
		}
		out = append(out, strings.Join(values, ","))
	}
	return strings.Join(out, "\n") + "\n"
}

package analyze_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
	"afterglow/internal/testkit/statstest"
)

// What --kinds says a kind gives is what the references expect of it; labels by a column's own name aside.
func TestEveryExpectedFieldIsDescribed(t *testing.T) {
	described := map[string]map[string]bool{}
	for _, d := range analyze.Kinds() {
		require.NotEmpty(t, d.About, d.Kind)
		require.NotEmpty(t, d.Input, d.Kind)
		names := map[string]bool{}
		for _, f := range d.Result {
			names[f.Name] = true
		}
		require.NotContains(t, described, d.Kind, "a kind twice")
		described[d.Kind] = names
	}
	for _, c := range statstest.Cases(t, "reference/*.json") {
		var expected map[string]any
		require.NoError(t, json.Unmarshal(c.Expected, &expected))
		for name, value := range expected {
			if names, computed := described[c.Kind]; computed && value != nil {
				require.Contains(t, names, name, "%s of %s", name, c.Kind)
			}
		}
	}
}

// A case that fails says why and where, and the rest are answered in their order.
func TestOneFailingCaseDoesNotStopTheRest(t *testing.T) {
	cases, err := reference.Read([]byte(`{"cases": [
		{"id": "a", "kind": "evalue", "input": {"type": "rr", "estimate": 2}},
		{"id": "b", "kind": "no_such_kind", "input": {}},
		{"id": "c", "kind": "descriptives", "dataset": "missing.csv", "input": {"column": "x", "level": 0.95}},
		{"id": "d", "kind": "descriptives", "dataset": "sleep.csv", "input": {"column": "nobody", "level": 0.95}},
		{"id": "e", "kind": "evalue", "input": "text"},
		{"id": "f", "kind": "lrt", "input": {"small": "a", "big": "zzz"}},
		{"id": "g", "kind": "descriptives", "dataset": "sleep.csv", "rows": [{"column": "extra", "op": "~", "value": 1}], "input": {"column": "extra", "level": 0.95}},
		{"id": "h", "kind": "evalue", "input": {"type": "rr", "estimate": 0.5}}]}`))
	require.NoError(t, err)
	results := analyze.Run(cases, statstest.File)
	require.Len(t, results, len(cases))
	for i, want := range []struct{ kind, where string }{{}, {"bad-input", "kind"}, {"bad-input", "dataset"}, {"bad-input", "nobody"},
		{"bad-input", "input"}, {"bad-input", "a"}, {"bad-input", "extra"}, {}} {
		got := results[i]
		require.Equal(t, cases[i].ID, got.ID)
		if want.kind == "" {
			require.Nil(t, got.Error, got.ID)
			require.Equal(t, cases[i].Kind, got.Kind)
			continue
		}
		require.NotNil(t, got.Error, got.ID)
		require.Nil(t, got.Result, got.ID)
		require.Equal(t, want.kind, string(got.Error.Kind), got.ID)
		require.Equal(t, want.where, got.Error.Where, got.ID)
		require.Contains(t, got.Error.Message, want.where, "the message names the place")
	}
}

// An embedded result's fields are described also where one of them is called as the embedded struct is.
func TestFieldsOfEmbeddedResultsAreDescribed(t *testing.T) {
	for _, d := range analyze.Kinds() {
		if d.Kind != "decay_fit" {
			continue
		}
		for _, f := range d.Result {
			if f.Name != "half_life_known" && f.Name != "gls" {
				continue
			}
			names := []string{}
			for _, inner := range f.Fields {
				names = append(names, inner.Name)
			}
			require.Contains(t, names, "half_life", f.Name)
			require.Contains(t, names, "half_life_profile_upper", f.Name)
		}
		return
	}
	require.Fail(t, "decay_fit is gone")
}

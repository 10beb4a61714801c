package analyze_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
)

// R's results for small made-up data at the edges: ties, two to five values, extreme levels, empty cells, tiny and huge
// units, both sides. Made by scripts/reference/edge-cases.R; each case holds its R call.
func TestTheEdgesAreRs(t *testing.T) {
	file, err := os.ReadFile("testdata/edge-cases.json")
	require.NoError(t, err)
	cases, err := reference.Read(file)
	require.NoError(t, err)
	require.Greater(t, len(cases), 400)
	var document struct {
		Data map[string]string `json:"data"`
	}
	require.NoError(t, json.Unmarshal(file, &document))
	results := analyze.Run(cases, func(name string) ([]byte, error) {
		text, found := document.Data[name]
		if !found {
			return nil, os.ErrNotExist
		}
		return []byte(text), nil
	})
	for i, got := range results {
		t.Run(cases[i].Kind+"/"+cases[i].ID, func(t *testing.T) {
			require.Nil(t, got.Error)
			differences, fields, err := cases[i].Compare(got.Result)
			require.NoError(t, err)
			require.Positive(t, fields)
			for _, d := range differences {
				t.Error(d)
			}
		})
	}
}

// As in R's wilcox.test, a case that does not say is exact with fewer than 50 values and no ties, and else corrected.
func TestARankTestWithoutOptionsIsRs(t *testing.T) {
	const data = "x,y\n1.1,2\n2.4,1.15\n3.05,7.3\n4.7,8.8\n5.2,3.9\n"
	run := func(input string) map[string]any {
		got := analyze.Run([]reference.Case{{Kind: "wilcoxon", Dataset: "d", Input: json.RawMessage(input)}}, func(string) ([]byte, error) { return []byte(data), nil })[0]
		require.Nil(t, got.Error)
		text, err := json.Marshal(got.Result)
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(text, &fields))
		return fields
	}
	// R 4.2.2: wilcox.test(x, y, paired = TRUE)$p.value is 0.625, with exact = FALSE 0.5896385516.
	require.InDelta(t, 0.625, run(`{"type": "signed_rank", "x": "x", "y": "y", "level": 0.95}`)["p_value"], 1e-12)
	require.InDelta(t, 0.5896385516, run(`{"type": "signed_rank", "x": "x", "y": "y", "level": 0.95, "exact": false}`)["p_value"], 1e-9)
}

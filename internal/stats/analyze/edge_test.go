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

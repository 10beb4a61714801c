package analyze_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
	"afterglow/internal/testkit/statstest"
)

// left is the sum of the counts of what a result left out.
func left(t *testing.T, result any) (sum float64, counted bool) {
	text, err := json.Marshal(result)
	require.NoError(t, err)
	var members map[string]any
	require.NoError(t, json.Unmarshal(text, &members))
	for name, value := range members {
		count, number := value.(float64)
		if number && (strings.HasPrefix(name, "n_excluded") || name == "n_missing" || name == "n_incomplete") {
			sum, counted = sum+count, true
		}
	}
	return sum, counted
}

// No kind drops a row in silence: one that holds nothing, at the end of the data, is refused by name or counted.
func TestARowWithNothingInItIsCounted(t *testing.T) {
	seen := map[string]bool{"lrt": true} // it has no rows of its own
	for _, c := range statstest.Cases(t, "reference/*.json") {
		if c.Dataset == "" || len(c.Rows) > 0 || seen[c.Kind] {
			continue
		}
		seen[c.Kind] = true
		t.Run(c.Kind, func(t *testing.T) {
			longer := func(name string) ([]byte, error) {
				file, err := statstest.File(name)
				if name != c.Dataset || err != nil {
					return file, err
				}
				header, _, _ := strings.Cut(string(file), "\n")
				return []byte(strings.TrimRight(string(file), "\n") + "\n" + strings.Repeat(",", strings.Count(header, ",")) + "\n"), nil
			}
			before := analyze.Run([]reference.Case{c}, statstest.File)[0]
			require.Nil(t, before.Error)
			after := analyze.Run([]reference.Case{c}, longer)[0]
			if after.Error != nil {
				require.NotEmpty(t, after.Error.Where)
				return
			}
			was, _ := left(t, before.Result)
			is, counted := left(t, after.Result)
			require.True(t, counted, "no count of what was left out")
			require.Equal(t, was+1, is)
		})
	}
	require.Greater(t, len(seen), 20)
}

package analyze_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPowerTakesOneDesignAndGivesACurveAndASize(t *testing.T) {
	got, failure := outcome(t, `{"id": "a", "kind": "power", "input": {"repeated": {"means": [[20, 18], [20, 12]], "sd": [8, 8], "correlation": 0.5,
		"correlation_structure": "cs", "dropout": [[0.1, 0.2]]}, "n": [20, 40], "target": 0.8, "n_max": 200, "replicates": 60, "alpha": 0.05, "seed": 1, "level": 0.95}}`)
	require.Nil(t, failure)
	require.Len(t, got["points"], 2)
	require.GreaterOrEqual(t, got["sample_size"].(map[string]any)["at_n"].(map[string]any)["power"], 0.8)
	_, failure = outcome(t, `{"id": "a", "kind": "power", "input": {"n": [20], "replicates": 60, "alpha": 0.05, "level": 0.95}}`)
	require.Equal(t, "design", failure.Where)
	_, failure = outcome(t, `{"id": "a", "kind": "power", "input": {"means": {"test": "student", "sd": 1}, "replicates": 60, "alpha": 0.05, "level": 0.95}}`)
	require.Equal(t, "n", failure.Where)
}

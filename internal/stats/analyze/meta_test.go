package analyze_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The numbers are those of metafor in the room's own tests.
func TestSitesArePooledByNameAndFailuresNameTheSite(t *testing.T) {
	got, failure := outcome(t, `{"id": "a", "kind": "pooled_sites", "input": {"level": 0.95, "sites": [{"name": "north", "estimate": 0.1, "se": 0.14142135623730951},
		{"estimate": 1.5, "se": 0.22360679774997896}, {"estimate": -0.2, "se": 0.17320508075688773}, {"estimate": 0.9, "se": 0.282842712474619}]}}`)
	require.Nil(t, failure)
	require.InEpsilon(t, 0.386880997478434, got["se"], 1e-7)
	require.Len(t, got["weights_percent"], 4)
	_, failure = outcome(t, `{"id": "a", "kind": "pooled_sites", "input": {"level": 0.95, "sites": [{"name": "north", "estimate": 0.1, "se": 0}, {"estimate": 1, "se": 1}]}}`)
	require.Equal(t, "north", failure.Where)
}

package registry

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The version is SQLite's own, so the rule is tested by itself.
func TestSR3_SQLiteVersions(t *testing.T) {
	for version, ok := range map[string]bool{
		"3.51.3": true, "3.51.10": true, "3.52.0": true, "4.0.0": true,
		"3.51.2": false, "3.9.0": false, "2.99.99": false, "3.51": false, "": false, "3.x.9": false,
	} {
		require.Equal(t, ok, isNewEnough(version), version)
	}
}

package analyze_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats/analyze"
	"afterglow/internal/testkit/statstest"
)

// hold asks that every case of the specifications in a folder below the data holds in every field; it gives their number.
func hold(t *testing.T, folder string, files analyze.Files) int {
	specs, err := filepath.Glob(filepath.Join(statstest.Testdata, folder, "*.json"))
	require.NoError(t, err)
	for _, spec := range specs {
		cases := statstest.Cases(t, filepath.Join(folder, filepath.Base(spec)))
		for i, got := range analyze.Run(cases, files) {
			t.Run(filepath.Base(spec)+"/"+cases[i].ID, func(t *testing.T) {
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
	return len(specs)
}

// TestEveryReferenceCaseHolds: every case of R's results, in every field, at the tolerance that the case states.
func TestEveryReferenceCaseHolds(t *testing.T) {
	require.Equal(t, 15, hold(t, "reference", statstest.File))
}

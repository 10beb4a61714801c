package analyze_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
)

const testdata = "../../../testdata"

// files finds a data set in the folder of its source.
func files(name string) ([]byte, error) {
	found, err := filepath.Glob(filepath.Join(testdata, "*", name))
	if err != nil || len(found) != 1 {
		return nil, os.ErrNotExist
	}
	return os.ReadFile(found[0])
}

// TestEveryReferenceCaseHolds: every case of R's results, in every field, at the tolerance that the case states.
func TestEveryReferenceCaseHolds(t *testing.T) {
	specs, err := filepath.Glob(filepath.Join(testdata, "reference", "*.json"))
	require.NoError(t, err)
	require.Len(t, specs, 15)
	for _, spec := range specs {
		file, err := os.ReadFile(spec)
		require.NoError(t, err)
		cases, err := reference.Read(file)
		require.NoError(t, err)
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
}

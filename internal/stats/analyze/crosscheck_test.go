package analyze_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
)

// crosscheckFiles finds a data set of an R package, or one of the references.
func crosscheckFiles(name string) ([]byte, error) {
	found, err := filepath.Glob(filepath.Join(testdata, "crosscheck", "*", name))
	if err != nil {
		return nil, err
	}
	if len(found) == 1 {
		return os.ReadFile(found[0])
	}
	return files(name)
}

// TestEveryCrosscheckCaseHolds: R's results of the same kinds on other data sets, formulas and options, made by
// scripts/reference, in every field at the tolerance that the case states.
func TestEveryCrosscheckCaseHolds(t *testing.T) {
	specs, err := filepath.Glob(filepath.Join(testdata, "crosscheck", "reference", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, specs)
	for _, spec := range specs {
		file, err := os.ReadFile(spec)
		require.NoError(t, err)
		cases, err := reference.Read(file)
		require.NoError(t, err)
		for i, got := range analyze.Run(cases, crosscheckFiles) {
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

package analyze_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/testkit/statstest"
)

// crosscheckFiles finds a data set of an R package, or one of the references.
func crosscheckFiles(name string) ([]byte, error) {
	found, err := filepath.Glob(filepath.Join(statstest.Testdata, "crosscheck", "*", name))
	if err != nil {
		return nil, err
	}
	if len(found) == 1 {
		return os.ReadFile(found[0])
	}
	return statstest.File(name)
}

// TestEveryCrosscheckCaseHolds: R's results of the same kinds on other data sets, formulas and options, made by
// scripts/reference, in every field at the tolerance that the case states.
func TestEveryCrosscheckCaseHolds(t *testing.T) {
	require.Positive(t, hold(t, "crosscheck/reference", crosscheckFiles))
}

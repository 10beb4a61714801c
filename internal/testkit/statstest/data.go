package statstest

import (
	"os"
	"path/filepath"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats/reference"
)

// Testdata is the folder of real data sets and of R's results, from a room of internal/stats.
const Testdata = "../../../testdata"

// File gives a data set, such as "lung.csv", from the folder of its source.
func File(name string) ([]byte, error) {
	found, err := filepath.Glob(filepath.Join(Testdata, "*", name))
	if err != nil || len(found) != 1 {
		return nil, os.ErrNotExist
	}
	return os.ReadFile(found[0])
}

// Data reads a data set, such as "lung.csv", from the folder of its source.
func Data(t tester, name string) reference.Data {
	t.Helper()
	file, err := File(name)
	require.NoError(t, err, name)
	data, err := reference.ReadCSV(file)
	require.NoError(t, err, name)
	return data
}

// Cases reads R's results from the files of a pattern below the data folder, such as "reference/07-mmrm.json".
func Cases(t tester, pattern string) []reference.Case {
	t.Helper()
	specs, err := filepath.Glob(filepath.Join(Testdata, pattern))
	require.NoError(t, err, pattern)
	require.NotEmpty(t, specs, pattern)
	var all []reference.Case
	for _, spec := range specs {
		file, err := os.ReadFile(spec)
		require.NoError(t, err, spec)
		cases, err := reference.Read(file)
		require.NoError(t, err, spec)
		all = append(all, cases...)
	}
	return all
}

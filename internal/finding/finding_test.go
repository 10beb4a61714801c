package finding_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/finding"
)

func TestCellsAreNumbersTextOrNull(t *testing.T) {
	row := []finding.Cell{finding.Text("TAU"), finding.Count(48), finding.Number(-3.5), finding.Optional(nil)}
	b, err := json.Marshal(row)
	require.NoError(t, err)
	require.JSONEq(t, `["TAU", 48, -3.5, null]`, string(b))

	var back []finding.Cell
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, row, back)
	require.True(t, back[3].Empty())
}

func TestUndefinedNumbersAreNull(t *testing.T) {
	b, err := json.Marshal(finding.Estimate{Name: "retained_share", Level: 0.95, Note: "not estimable"})
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"retained_share","group":"","visit":"","day":null,"estimate":null,"se":null,"df":null,
		"ci_lower":null,"ci_upper":null,"level":0.95,"n":0,"note":"not estimable"}`, string(b))
}

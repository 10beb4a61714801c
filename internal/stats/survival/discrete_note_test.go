package survival

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Where everyone at risk has the event, the hazard is 1 and its coefficient infinite:
// the result says so instead of giving the place where the fit stopped as if it were
// an estimate.
func TestAnIntervalInWhichEveryoneHasTheEventIsNoted(t *testing.T) {
	cuts := []float64{0, 1, 2, 3}
	last := Spells{Stop: []float64{1, 1, 1, 2, 2, 2, 3, 3}, Event: []bool{true, true, false, true, false, true, true, true}}
	got, err := FitDiscreteHazard(last, cuts, 0.95)
	require.NoError(t, err)
	require.Equal(t, []int{8, 5, 2}, got.AtRisk)
	require.Equal(t, []int{2, 2, 2}, got.Events)
	require.Len(t, got.Notes, 1)
	require.Contains(t, got.Notes[0], "interval3: everyone at risk had the event")

	last.Event[7] = false
	got, err = FitDiscreteHazard(last, cuts, 0.95)
	require.NoError(t, err)
	require.Empty(t, got.Notes)
}

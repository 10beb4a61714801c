package survival_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
)

// radiotherapy are the 46 intervals in months of Finkelstein & Wolfe (1985, Biometrics 41:933), as printed in Klein &
// Moeschberger (2003), table 1.18.
func radiotherapy() []survival.Censored {
	var out []survival.Censored
	for _, v := range [][2]float64{{0, 7}, {0, 8}, {0, 5}, {4, 11}, {5, 12}, {5, 11}, {6, 10}, {7, 16}, {7, 14}, {11, 15}, {11, 18}, {17, 25},
		{17, 25}, {19, 35}, {18, 26}, {25, 37}, {26, 40}, {27, 34}, {36, 44}, {36, 48}, {37, 44}} {
		out = append(out, survival.Censored{Lower: v[0], Upper: v[1]})
	}
	for _, lower := range []float64{15, 17, 18, 22, 24, 24, 32, 33, 34, 36, 36, 37, 37, 37, 38, 40, 45} {
		out = append(out, survival.Censored{Lower: lower, Upper: math.Inf(1)})
	}
	return append(out, survival.Censored{Lower: 46, Upper: math.Inf(1), Count: 8})
}

func TestTurnbullsEstimateOfPublishedIntervals(t *testing.T) {
	fit, err := survival.FitTurnbull("radiotherapy", radiotherapy(), stats.Of(48))
	require.NoError(t, err)
	t.Logf("%+v", fit)
}
var _ = []any{json.Marshal, errors.As, rand.New, rapid.Check}

package survival

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
)

// tenths are times of 0.1, 0.2, ..., and the same with the rounding that sums and products leave.
func tenths(n int, seed uint64) (exact, rounded []float64, event []bool, x []float64) {
	random := rand.New(rand.NewPCG(seed, 5))
	for range n {
		k := 1 + random.IntN(9)
		sum := 0.0
		for range k {
			sum += 0.1
		}
		if random.IntN(2) == 0 {
			sum = 0.1 * float64(k)
		}
		exact, rounded = append(exact, float64(k)/10), append(rounded, sum)
		event, x = append(event, random.IntN(3) > 0), append(x, random.NormFloat64())
	}
	return exact, rounded, event, x
}

// threeTenths is 0.30000000000000004: constants are exact, sums of variables are not.
func threeTenths() float64 {
	tenth := 0.1
	return tenth + tenth + tenth
}

// A time that equals a cut but for rounding lies at the cut, in both forms of the grouped hazard.
func TestTimesTieWithCutsButForRounding(t *testing.T) {
	cuts := []float64{0, 0.3, 0.6, 0.9}
	exact, rounded, event, x := tenths(120, 1)
	require.NotEqual(t, exact, rounded)
	want, err := FitDiscreteHazard(Spells{Stop: exact, Event: event, Names: []string{"x"}, X: x}, cuts, 0.95)
	require.NoError(t, err)
	got, err := FitDiscreteHazard(Spells{Stop: rounded, Event: event, Names: []string{"x"}, X: x}, cuts, 0.95)
	require.NoError(t, err)
	require.Equal(t, want, got)

	interval := func(times []float64) []Censored {
		out := make([]Censored, len(times))
		for i, v := range times {
			out[i] = Censored{Lower: math.Max(0, v-0.3), Upper: v}
			if !event[i] {
				out[i] = Censored{Lower: v, Upper: math.Inf(1)}
			}
		}
		return out
	}
	whole, err := FitDiscreteIntervals(interval(exact), []string{"x"}, x, cuts, 0.95)
	require.NoError(t, err)
	off, err := FitDiscreteIntervals(interval(rounded), []string{"x"}, x, cuts, 0.95)
	require.NoError(t, err)
	require.Equal(t, whole.AtRisk, off.AtRisk)
	require.Equal(t, whole.Events, off.Events)
	require.InDelta(t, whole.Coefficients[3].Estimate.Value, off.Coefficients[3].Estimate.Value, 1e-12)
}

// Rows are not cut into slivers that are there by rounding only, and a subject's rows meet.
func TestRowsAreNotCutByRounding(t *testing.T) {
	sum := threeTenths()
	rows := CensoringRows{Subject: []int{0, 0, 1, 2, 3}, Start: []float64{0, 0.3, 0, 0, 0}, Stop: []float64{sum, 0.6, sum, 0.6, 0.9},
		Event: []bool{false, true, false, true, false}, Censored: []bool{false, false, true, false, false}, Names: []string{"x"}, X: []float64{1, 2, 3, 1, 2}}
	cut, from := rows.Cut([]float64{0.3, 0.6})
	require.Equal(t, []int{0, 1, 2, 3, 3, 4, 4, 4}, from)
	for i := range cut.Stop {
		require.Greater(t, cut.Stop[i]-cut.Start[i], 0.1, i)
	}
	_, err := rows.order(WeightOptions{Model: PooledLogistic, Level: 0.95})
	require.NoError(t, err, "the second row begins where the first ends, but for rounding")
}

// What happens at the landmark, but for rounding, happens by it; and an intercurrent event together with the end is not before it.
func TestEventsTogetherButForRoundingAreTogether(t *testing.T) {
	require.Equal(t, []bool{true, false, false}, ExposedBy([]stats.Number{stats.Of(threeTenths()), stats.Of(0.31), {}}, 0.3))
	together := Interrupted{Time: []float64{0.3, 0.8, 0.9, 1.2, 0.7}, Event: []bool{true, true, false, true, true},
		Intercurrent: []stats.Number{stats.Of(threeTenths()), stats.Of(0.5), stats.Of(0.4), {}, {}}}
	exact := together
	exact.Intercurrent = []stats.Number{stats.Of(0.3), stats.Of(0.5), stats.Of(0.4), {}, {}}
	require.NotEqual(t, exact, together)
	want, err := exact.AskThreeWays(Efron, 0.95, nil, nil, WeightOptions{})
	require.NoError(t, err)
	got, err := together.AskThreeWays(Efron, 0.95, nil, nil, WeightOptions{})
	require.NoError(t, err)
	require.Equal(t, 1, got.NTogether)
	require.Equal(t, want.NIntercurrent, got.NIntercurrent)
	require.Equal(t, want.TimeVarying.Coefficients, got.TimeVarying.Coefficients)
}

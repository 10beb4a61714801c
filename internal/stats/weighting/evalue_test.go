package weighting

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/testkit/statstest"
)

// Hammond & Horn's smokers (397 of 78,954 and 51 of 108,829 with lung cancer), the example of Ding & VanderWeele (2016) and of
// the R package EValue, whose test has 15.95703 for the limit, found there on a grid of 1e-4.
func TestTheEValueOfARiskDifference(t *testing.T) {
	smokers := TwoByTwo{397, 78557, 51, 108778}
	e, err := ConfoundingOfDifference(smokers, 0.95)
	require.NoError(t, err)
	rr := (397.0 / 78954) / (51.0 / 108829)
	require.InDelta(t, rr, e.RR.Value, 1e-12)
	require.InDelta(t, rr+math.Sqrt(rr*(rr-1)), e.Value.Value, 1e-12)
	require.InDelta(t, 15.95703, e.Limit.Value, 2e-4)
	turned, err := ConfoundingOfDifference(TwoByTwo{51, 108778, 397, 78557}, 0.95)
	require.NoError(t, err)
	require.InDelta(t, e.Value.Value, turned.Value.Value, 1e-9)
	require.InDelta(t, e.Limit.Value, turned.Limit.Value, 1e-9)
	require.InDelta(t, -e.Difference.Value, turned.Difference.Value, 1e-15)
	// the package's second example: an interval that covers no difference
	covers, err := ConfoundingOfDifference(TwoByTwo{55, 108778, 51, 108778}, 0.95)
	require.NoError(t, err)
	require.Equal(t, 1.0, covers.Limit.Value)
	require.Negative(t, covers.DifferenceLower.Value)
}

func TestEValuesOfAnEffectAndItsReverseAreEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.SampledFrom([]Scale{RiskRatio, OddsRatioRare, OddsRatioCommon, HazardRatioRare, HazardRatioCommon}).Draw(t, "scale")
		x := rapid.Float64Range(0.01, 100).Draw(t, "ratio")
		wide := rapid.Float64Range(1, 5).Draw(t, "width")
		a, err := Confounding(scale, x, stats.Of(x/wide), stats.Of(x*wide), stats.Number{})
		require.NoError(t, err)
		b, err := Confounding(scale, 1/x, stats.Of(1/(x*wide)), stats.Of(wide/x), stats.Number{})
		require.NoError(t, err)
		require.InEpsilon(t, a.Value.Value, b.Value.Value, 1e-7)
		require.InEpsilon(t, a.Limit.Value, b.Limit.Value, 1e-7)
		require.GreaterOrEqual(t, a.Value.Value, a.Limit.Value*(1-1e-12))
		require.GreaterOrEqual(t, a.Limit.Value, 1.0)
	})
}

// The limit nearer to no effect decides, and is enough.
func TestOneLimitIsEnough(t *testing.T) {
	cases := []struct {
		estimate     float64
		lower, upper stats.Number
		limit        stats.Number
	}{
		{2, stats.Of(1.5), stats.Number{}, stats.Of(1.5 + math.Sqrt(0.75))},
		{2, stats.Of(0.9), stats.Number{}, stats.Of(1)},
		{2, stats.Number{}, stats.Of(3), stats.Number{}},
		{0.5, stats.Number{}, stats.Of(0.8), stats.Of(1.25 + math.Sqrt(1.25*0.25))},
		{0.5, stats.Of(0.3), stats.Of(1.2), stats.Of(1)},
		{0.5, stats.Of(0.3), stats.Number{}, stats.Number{}},
		{1, stats.Of(0.5), stats.Of(2), stats.Of(1)},
	}
	for _, c := range cases {
		e, err := Confounding(RiskRatio, c.estimate, c.lower, c.upper, stats.Number{})
		require.NoError(t, err)
		require.Equal(t, c.limit.Defined, e.Limit.Defined, c)
		require.InDelta(t, c.limit.Value, e.Limit.Value, 1e-12, c)
	}
}

func TestWhatHasNoEValueIsNamed(t *testing.T) {
	none := stats.Number{}
	cases := map[string]struct {
		run   func() (EValue, error)
		kind  stats.Kind
		where string
	}{
		"an unknown scale":       {func() (EValue, error) { return Confounding("log", 1, none, none, none) }, stats.BadInput, "type"},
		"a ratio of nothing":     {func() (EValue, error) { return Confounding(RiskRatio, 0, none, none, none) }, stats.BadInput, "estimate"},
		"no number":              {func() (EValue, error) { return Confounding(StandardisedMean, math.NaN(), none, none, none) }, stats.BadInput, "estimate"},
		"a difference too large": {func() (EValue, error) { return Confounding(StandardisedMean, 1000, none, none, none) }, stats.NotFinite, "estimate"},
		"a negative error": {func() (EValue, error) { return Confounding(StandardisedMean, 1, none, none, stats.Of(-1)) },
			stats.BadInput, "se"},
		"limits on one side": {func() (EValue, error) { return Confounding(RiskRatio, 2, stats.Of(3), stats.Of(4), none) }, stats.BadInput, "lower"},
		"a negative limit":   {func() (EValue, error) { return Confounding(OddsRatioRare, 2, stats.Of(-3), none, none) }, stats.BadInput, "lower"},
		"an empty group":     {func() (EValue, error) { return ConfoundingOfDifference(TwoByTwo{0, 0, 1, 2}, 0.95) }, stats.EmptyCell, "table"},
		"no event":           {func() (EValue, error) { return ConfoundingOfDifference(TwoByTwo{3, 5, 0, 9}, 0.95) }, stats.NoEvents, "table"},
		"a negative count":   {func() (EValue, error) { return ConfoundingOfDifference(TwoByTwo{3, -5, 1, 9}, 0.95) }, stats.BadInput, "table"},
		"a level of 95":      {func() (EValue, error) { return ConfoundingOfDifference(TwoByTwo{3, 5, 1, 9}, 95) }, stats.BadInput, "level"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := c.run()
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

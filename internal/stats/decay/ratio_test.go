package decay_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/decay"
	"afterglow/internal/testkit/statstest"
)

func TestEveryRatioCaseHolds(t *testing.T) {
	ran := 0
	for _, c := range statstest.Cases(t, "reference/11-decay.json") {
		if c.Kind != "ratio_ci" {
			continue
		}
		ran++
		t.Run(c.ID, func(t *testing.T) {
			var in decay.RatioInput
			require.NoError(t, json.Unmarshal(c.Input, &in))
			result, err := decay.Ratio(in)
			require.NoError(t, err)
			differences, _, err := c.Compare(result)
			require.NoError(t, err)
			for _, d := range differences {
				t.Error(d)
			}
		})
	}
	require.Equal(t, 3, ran)
}

func draw(t *rapid.T) decay.RatioInput {
	number := rapid.Float64Range(-50, 50)
	va, vb := rapid.Float64Range(0.01, 30).Draw(t, "va"), rapid.Float64Range(0.01, 30).Draw(t, "vb")
	return decay.RatioInput{
		Numerator: number.Draw(t, "a"), Denominator: number.Draw(t, "b"), VarNumerator: va, VarDenominator: vb,
		Covariance: rapid.Float64Range(-0.99, 0.99).Draw(t, "r") * math.Sqrt(va*vb), Level: 0.95,
	}
}

// Fieller's set holds exactly the ratios r for which a - r b does not differ from zero.
func TestFiellersSetInvertsTheTest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := draw(t)
		r := rapid.Float64Range(-20, 20).Draw(t, "r0")
		out, err := decay.Ratio(in)
		require.NoError(t, err)
		z := stats.NormalQuantile(0.975)
		gap := math.Pow(in.Numerator-r*in.Denominator, 2) - z*z*(in.VarNumerator-2*r*in.Covariance+r*r*in.VarDenominator)
		if math.Abs(gap) < 1e-6 {
			return
		}
		inside := r >= out.FiellerLower.Value && r <= out.FiellerUpper.Value
		switch out.FiellerType {
		case decay.WholeLine:
			inside = true
		case decay.Outside:
			inside = !inside
		}
		require.Equal(t, gap < 0, inside, "%+v %+v", in, out)
	})
}

func TestTheRatioDoesNotDependOnTheUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := draw(t)
		scaled := in
		scaled.Numerator, scaled.Denominator = 4*in.Numerator, 4*in.Denominator
		scaled.VarNumerator, scaled.VarDenominator, scaled.Covariance = 16*in.VarNumerator, 16*in.VarDenominator, 16*in.Covariance
		a, err := decay.Ratio(in)
		require.NoError(t, err)
		b, err := decay.Ratio(scaled)
		require.NoError(t, err)
		require.Equal(t, a, b)
	})
}

func TestWhatIsNoCovarianceIsRefused(t *testing.T) {
	good := decay.RatioInput{Numerator: 1, Denominator: 2, VarNumerator: 1, VarDenominator: 1, Level: 0.95}
	cases := map[string]struct {
		change func(*decay.RatioInput)
		kind   stats.Kind
	}{
		"negative variance":    {func(in *decay.RatioInput) { in.VarNumerator = -1 }, stats.BadInput},
		"covariance too large": {func(in *decay.RatioInput) { in.Covariance = 2 }, stats.BadInput},
		"no number":            {func(in *decay.RatioInput) { in.Numerator = math.NaN() }, stats.NotFinite},
		"level of 1":           {func(in *decay.RatioInput) { in.Level = 1 }, stats.BadInput},
		"no degrees":           {func(in *decay.RatioInput) { in.DF = stats.Of(0) }, stats.BadInput},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := good
			c.change(&in)
			_, err := decay.Ratio(in)
			var failure *stats.Failure
			require.ErrorAs(t, err, &failure)
			require.Equal(t, c.kind, failure.Kind)
		})
	}
}

func TestADenominatorOfZeroLeavesTheRatioUndefined(t *testing.T) {
	out, err := decay.Ratio(decay.RatioInput{Numerator: 9, VarNumerator: 1, VarDenominator: 1, Level: 0.95})
	require.NoError(t, err)
	require.False(t, out.Ratio.Defined)
	require.Equal(t, decay.Outside, out.FiellerType)
	text, err := json.Marshal(out)
	require.NoError(t, err)
	require.Contains(t, string(text), `"ratio":null`)
}

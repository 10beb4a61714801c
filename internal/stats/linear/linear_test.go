package linear

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/descriptive"
	"afterglow/internal/stats/formula"
	"afterglow/internal/testkit/statstest"
)

// trial draws rows of a response y with a baseline, an arm of so many levels and a site.
func trial(r *rand.Rand, rows, arms int) formula.Frame {
	f := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
	for i := range rows {
		base := 20 + 5*r.NormFloat64()
		arm := i % arms
		f.Numbers["base"] = append(f.Numbers["base"], stats.Of(base))
		f.Numbers["y"] = append(f.Numbers["y"], stats.Of(0.6*base+2*float64(arm)+3*r.NormFloat64()))
		f.Texts["arm"] = append(f.Texts["arm"], armNames[arm])
		f.Texts["site"] = append(f.Texts["site"], []string{"n", "s"}[r.IntN(2)])
	}
	return f
}

var armNames = []string{"a", "b", "c", "d", "e"}

func plan(f string, arms int) Model {
	return Model{Formula: f, Arm: "arm", Factors: map[string][]string{"arm": armNames[:arms], "site": {"n", "s"}}, Control: "a", Level: 0.95}
}

func seeded(t *rapid.T) *rand.Rand { return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 7)) }

func groupsOf(f formula.Frame, arms int) [][]float64 {
	groups := make([][]float64, arms)
	for i, arm := range f.Texts["arm"] {
		g := slices.Index(armNames, arm)
		groups[g] = append(groups[g], f.Numbers["y"][i].Value)
	}
	return groups
}

// Without a covariate the analysis of covariance is the one-way analysis: the same F, means, differences, Tukey and Dunnett.
func TestWithoutACovariateItIsOneWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		arms := rapid.IntRange(2, 5).Draw(t, "arms")
		frame := trial(seeded(t), arms*3+rapid.IntRange(0, 9).Draw(t, "more"), arms)
		a, err := FitAncova(plan("y ~ arm", arms), frame)
		require.NoError(t, err)
		c, err := CompareMeans(groupsOf(frame, arms), armNames[:arms], "a", 0.95)
		require.NoError(t, err)
		require.InEpsilon(t, c.Anova.F.Value, a.Drop1[0].F.Value, 1e-8)
		for i, m := range c.Means {
			require.InDelta(t, m.Mean.Value, a.LSMeans[i].Estimate.Value, 1e-9)
		}
		for i, p := range c.AllPairs {
			require.Equal(t, p.Contrast, a.Contrasts[i].Contrast)
			require.InDelta(t, p.SE.Value, a.Contrasts[i].SE.Value, 1e-9)
			require.InDelta(t, p.Tukey.Value, a.Contrasts[i].Tukey.Value, 1e-9)
			require.InDelta(t, p.Lower.Value, a.Contrasts[i].TukeyLower.Value, 1e-7)
			require.Equal(t, p.Tukey.Value < 0.05, p.Lower.Value > 0 || p.Upper.Value < 0, "the interval goes with the p")
		}
		for i, d := range c.VersusControl {
			require.InDelta(t, d.Dunnett.Value, a.VersusControl[i].Dunnett.Value, 1e-8)
			require.InDelta(t, d.Upper.Value, a.VersusControl[i].Upper.Value, 1e-6)
			require.LessOrEqual(t, d.PRaw.Value, d.Dunnett.Value+1e-9)
		}
	})
}

// Two arms without a covariate are Student's t test, and Tukey's and Dunnett's p is its p.
func TestTwoArmsAreATTest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frame := trial(seeded(t), rapid.IntRange(4, 20).Draw(t, "rows"), 2)
		groups := groupsOf(frame, 2)
		test, err := descriptive.TwoSampleT(groups[0], groups[1], true, descriptive.TOptions{Level: 0.95})
		require.NoError(t, err)
		a, err := FitAncova(plan("y ~ arm", 2), frame)
		require.NoError(t, err)
		for _, p := range []stats.Number{a.Contrasts[0].PRaw, a.Contrasts[0].Tukey, a.Contrasts[0].Holm, a.VersusControl[0].Dunnett} {
			require.InDelta(t, test.PValue.Value, p.Value, 1e-9)
		}
		require.InDelta(t, test.Lower.Value, a.Contrasts[0].Lower.Value, 1e-8)
	})
}

// Contrasts do not see the order of rows, the unit of the response or the covariate, nor the order of the arms but for a sign.
func TestContrastsDoNotSeeUnitsOrOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := seeded(t)
		by := rapid.SampledFrom([]float64{1e-8, 7, 1e8}).Draw(t, "unit")
		one := trial(r, 24, 3)
		two := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
		for _, i := range r.Perm(24) {
			two.Numbers["y"] = append(two.Numbers["y"], stats.Of(one.Numbers["y"][i].Value*by))
			two.Numbers["base"] = append(two.Numbers["base"], stats.Of(one.Numbers["base"][i].Value*by-3*by))
			two.Texts["arm"], two.Texts["site"] = append(two.Texts["arm"], one.Texts["arm"][i]), append(two.Texts["site"], one.Texts["site"][i])
		}
		model := plan("y ~ base + site + arm", 3)
		a, err := FitAncova(model, one)
		require.NoError(t, err)
		model.Factors = map[string][]string{"arm": {"c", "b", "a"}, "site": {"n", "s"}}
		b, err := FitAncova(model, two)
		require.NoError(t, err)
		// a - c of the first is c - a of the second, with the sign turned; the pairs stand at 1 in both.
		require.Equal(t, "a - c", a.Contrasts[1].Contrast)
		require.Equal(t, "c - a", b.Contrasts[1].Contrast)
		require.InEpsilon(t, -a.Contrasts[1].Estimate.Value*by, b.Contrasts[1].Estimate.Value, 1e-6)
		require.InEpsilon(t, a.Contrasts[1].SE.Value*by, b.Contrasts[1].SE.Value, 1e-7)
		require.InDelta(t, a.Contrasts[1].Tukey.Value, b.Contrasts[1].Tukey.Value, 1e-8)
		require.InDelta(t, a.RSquared.Value, b.RSquared.Value, 1e-8)
		require.InEpsilon(t, a.LSMeans[0].Estimate.Value*by, b.LSMeans[2].Estimate.Value, 1e-7)
	})
}

// The normal equations hold at the estimate, and leverages sum to the number of coefficients.
func TestResidualsAreAtRightAnglesToTheColumns(t *testing.T) {
	frame := trial(rand.New(rand.NewPCG(1, 1)), 30, 3)
	parsed, err := formula.Parse("y ~ base * arm + I(base^2)")
	require.NoError(t, err)
	levels := map[string][]string{"arm": armNames[:3]}
	design, err := parsed.Design(levels)
	require.NoError(t, err)
	m, err := frame.Evaluate(design, levels)
	require.NoError(t, err)
	y := make([]float64, 30)
	for i, v := range frame.Numbers["y"] {
		y[i] = v.Value
	}
	fit, err := Least(m, y)
	require.NoError(t, err)
	leverage := 0.0
	for j := range m.Names {
		sum, size := 0.0, 0.0
		for i, e := range fit.Residual {
			sum += e * m.Row(i)[j]
			size += math.Abs(m.Row(i)[j])
		}
		require.InDelta(t, 0, sum/size, 1e-9, m.Names[j])
	}
	for _, h := range fit.Leverage {
		leverage += h
	}
	require.InDelta(t, float64(m.P()), leverage, 1e-9)
}

// A column of 10^17 beside one of 1 is no loss of digits: only its unit is large.
func TestAColumnInALargeUnitIsNotCollinear(t *testing.T) {
	frame := trial(rand.New(rand.NewPCG(2, 1)), 30, 3)
	for i, v := range frame.Numbers["base"] {
		frame.Numbers["base"][i] = stats.Of(v.Value * 1e8)
	}
	a, err := FitAncova(plan("y ~ base + I(base^2) + site + arm", 3), frame)
	require.NoError(t, err)
	require.Len(t, a.Coefficients, 6)
}

// Where the arms are compared at a covariate of 0 and differ in slope only, there is no error to divide by, and no p.
func TestAContrastWithoutErrorHasNoP(t *testing.T) {
	frame := trial(rand.New(rand.NewPCG(3, 1)), 30, 3)
	model := plan("y ~ base + base:arm", 3)
	model.Baseline, model.BaselineAt = "base", stats.Of(0)
	a, err := FitAncova(model, frame)
	require.NoError(t, err)
	for _, c := range a.Contrasts {
		require.False(t, c.PRaw.Defined || c.Tukey.Defined || c.Holm.Defined)
	}
	require.False(t, a.VersusControl[0].Dunnett.Defined)
}

// The F test of one coefficient is the square of its t.
func TestTheFOfOneCoefficientIsTSquared(t *testing.T) {
	a, err := FitAncova(plan("y ~ base + site + arm", 3), trial(rand.New(rand.NewPCG(8, 1)), 40, 3))
	require.NoError(t, err)
	require.Equal(t, "base", a.Drop1[0].Term)
	require.InEpsilon(t, math.Pow(a.Coefficients[1].T.Value, 2), a.Drop1[0].F.Value, 1e-9)
	require.InDelta(t, a.Coefficients[1].PValue.Value, a.Drop1[0].PValue.Value, 1e-12)
}

// Under homogeneous errors the sandwich errors come near the usual ones as rows grow.
func TestSandwichErrorsOfManyRows(t *testing.T) {
	a, err := FitAncova(plan("y ~ base + arm", 3), trial(rand.New(rand.NewPCG(6, 6)), 30_000, 3))
	require.NoError(t, err)
	for _, c := range a.Coefficients {
		for _, hc := range []stats.Number{c.HC0, c.HC1, c.HC2, c.HC3} {
			require.InEpsilon(t, c.SE.Value, hc.Value, 0.03, c.Name)
		}
	}
	require.InEpsilon(t, 3, a.Sigma.Value, 0.02)
	require.InDelta(t, 0.6, a.Coefficients[1].Estimate.Value, 0.02)
	require.InDelta(t, -2, a.Contrasts[0].Estimate.Value, 0.15)
}

func TestConstantGroupsHaveNoError(t *testing.T) {
	third := []float64{0.1, 0.1, 0.1}
	_, err := CompareMeans([][]float64{third, third}, []string{"a", "b"}, "", 0.95)
	var failure *stats.Failure
	require.ErrorAs(t, err, &failure)
	require.Equal(t, stats.Constant, failure.Kind)
	frame := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{"arm": {"a", "b", "a", "b", "a"}}}
	for range 5 {
		frame.Numbers["y"] = append(frame.Numbers["y"], stats.Of(0.1))
	}
	_, err = FitAncova(plan("y ~ arm", 2), frame)
	require.ErrorAs(t, err, &failure)
	require.Equal(t, stats.Constant, failure.Kind)
	require.Equal(t, "y", failure.Where)
}

// Any small data have a result that JSON can hold or a failure that names the place.
func FuzzAncova(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnop"), uint8(0))
	f.Add([]byte{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, uint8(5))
	f.Add([]byte{255, 3, 5, 250, 7, 0, 9, 8, 100, 3, 44}, uint8(77))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		if len(data) > 60 {
			return
		}
		arms := 2 + int(choice)%3
		unit := math.Pow(10, float64(choice%29)*10-140)
		frame := formula.Frame{Numbers: map[string][]stats.Number{"y": nil, "base": nil}, Texts: map[string][]string{"arm": nil, "site": nil}}
		groups := make([][]float64, arms)
		for i, b := range data {
			y := stats.Number{Value: float64(b%50) * unit, Defined: b%11 > 0}
			if b == 255 {
				y.Value = math.Inf(-1)
			}
			frame.Numbers["y"] = append(frame.Numbers["y"], y)
			frame.Numbers["base"] = append(frame.Numbers["base"], stats.Of(float64(data[len(data)-1-i])))
			frame.Texts["arm"] = append(frame.Texts["arm"], armNames[int(b/3)%(arms+1)])
			frame.Texts["site"] = append(frame.Texts["site"], []string{"n", "s", ""}[int(b/7)%3])
			groups[int(b)%arms] = append(groups[int(b)%arms], y.Value)
		}
		model := plan([]string{"y ~ arm", "y ~ base + arm", "y ~ base * arm + site", "y ~ 0 + arm:site", "y ~ base + I(base^3) + arm"}[int(choice/3)%5], arms)
		a, err := FitAncova(model, frame)
		statstest.RequireAnswer(t, a, err)
		c, err := CompareMeans(groups, armNames[:arms], "a", float64(choice)/255)
		statstest.RequireAnswer(t, c, err)
	})
}

package decay

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/testkit/statstest"
)

// input reads the input of a reference case.
func input(t testing.TB, id string) FitInput {
	for _, c := range statstest.Cases(t, "reference/11-decay.json") {
		if c.ID == id {
			var in FitInput
			require.NoError(t, json.Unmarshal(c.Input, &in))
			return in
		}
	}
	require.Fail(t, "no such case", id)
	return FitInput{}
}

// column reads columns of a data set; rows with an empty cell leave.
func column(t testing.TB, name string, texts []string, numbers ...string) (map[string][]float64, map[string][]string) {
	frame := statstest.Data(t, name).Frame(texts...)
	values, names := map[string][]float64{}, map[string][]string{}
	for row := range frame.Length() {
		there := true
		for _, name := range numbers {
			there = there && frame.Numbers[name][row].Defined
		}
		for _, name := range numbers {
			if there {
				values[name] = append(values[name], frame.Numbers[name][row].Value)
			}
		}
		for _, name := range texts {
			if there {
				names[name] = append(names[name], frame.Texts[name][row])
			}
		}
	}
	return values, names
}

// R 4.2.2: the least weighted sum of squares by rate from solve(X'WX, X'Wy), its rise over the least of all set equal to
// qnorm(.975)^2, or with the scatter as unit to sigma^2 qt(.975, df)^2, by uniroot with tol = 1e-13. stats::confint of the
// same nls fits gives 126.3782, 145.7368; 1.4479, 10.7904; 131.9899, 153.3416: it interpolates.
func TestProfileLimitsEqualR(t *testing.T) {
	benefit, err := Fit(input(t, "decay-btheb-benefit"))
	require.NoError(t, err)
	require.InEpsilon(t, 9.65660399055574, benefit.HalfLifeKnown.ProfileLower.Value, 1e-7)
	require.False(t, benefit.HalfLifeKnown.ProfileUpper.Defined)
	require.Contains(t, benefit.HalfLifeKnown.Notes, noteUnbounded)
	require.InEpsilon(t, 126.376093997609, benefit.HalfLifeScaled.ProfileLower.Value, 1e-7)
	require.InEpsilon(t, 145.734620383187, benefit.HalfLifeScaled.ProfileUpper.Value, 1e-7)
	require.Equal(t, []string{noteUnbounded, noteInstant}, benefit.GLS.Notes)
	asymptote, err := Fit(input(t, "decay-btheb-mean-asymptote"))
	require.NoError(t, err)
	require.InEpsilon(t, 0.477527350174013, asymptote.HalfLifeKnown.ProfileLower.Value, 1e-7)
	require.InEpsilon(t, 1.41405779994305, asymptote.HalfLifeScaled.ProfileLower.Value, 1e-7)
	require.InEpsilon(t, 10.79132069299654, asymptote.HalfLifeScaled.ProfileUpper.Value, 1e-7)
	require.Contains(t, asymptote.HalfLifeScaled.Notes, noteUpper)
	loss, _ := column(t, "wtloss.csv", nil, "day", "weight")
	single, err := Fit(FitInput{T: loss["day"], Y: loss["weight"], Model: Asymptotic, Level: 0.95})
	require.NoError(t, err)
	require.InEpsilon(t, 131.988601030041, single.HalfLifeScaled.ProfileLower.Value, 1e-7)
	require.InEpsilon(t, 153.340779593809, single.HalfLifeScaled.ProfileUpper.Value, 1e-7)
}

// R 4.2.2: the same with W the inverse of the whole covariance, 0.09 * 0.6^|i - j|.
func TestProfileLimitsUnderAFullCovarianceEqualR(t *testing.T) {
	in := decaying(1, 0.3)
	in.Y = []float64{12.1, 11.4, 9.6, 8.3, 5.9, 4.4, 3.8}
	for _, c := range []struct {
		model                          Model
		level, life, rss, lower, upper float64
	}{
		{Asymptotic, 0.95, 15.2464726243657, 9.01924286836768, 12.2791601295813, 19.2294950524761},
		{Asymptotic, 0.8, 15.2464726243657, 9.01924286836768, 13.2214422000788, 17.6979855052346},
		{Exponential, 0.95, 44.602414718074, 63.7258155080018, 37.8946721092892, 52.4117828798068},
		{Exponential, 0.8, 44.602414718074, 63.7258155080018, 40.1115395367903, 49.5614433257862},
	} {
		in.Model, in.Level = c.model, c.level
		r, err := Fit(in)
		require.NoError(t, err)
		require.InEpsilon(t, c.life, r.GLS.HalfLife.HalfLife.Value, 1e-6)
		require.InEpsilon(t, c.rss, r.GLS.ChiSq.Value, 1e-10)
		require.InEpsilon(t, c.lower, r.GLS.ProfileLower.Value, 1e-6)
		require.InEpsilon(t, c.upper, r.GLS.ProfileUpper.Value, 1e-6)
		require.True(t, r.GLS.Estimable)
		require.Empty(t, r.GLS.Notes)
	}
}

func mixedOf(t testing.TB, name, group, time, response string, from float64, model MixedModel) MixedInput {
	values, names := column(t, name, []string{group}, time, response)
	in := MixedInput{Model: model, Level: 0.95}
	number := map[string]int{}
	for i, at := range values[time] {
		if at < from {
			continue
		}
		name := names[group][i]
		if _, seen := number[name]; !seen {
			number[name] = len(number)
		}
		in.T, in.Y, in.Group = append(in.T, at), append(in.Y, values[response][i]), append(in.Group, number[name])
	}
	return in
}

var mixedCases = map[string]struct {
	set, group, time, response string
	from                       float64
	model                      MixedModel
	life, lower, upper         float64
}{
	"btheb":    {"btheb_decay.csv", "subject", "month", "bdi", 0, AsymptoteRandom, 1.73762484414972, 1.06622943071897, 2.96595662150513},
	"indometh": {"indometh.csv", "subject", "time", "conc", 1, AmplitudeRandom, 1.28780881678209, 1.11301762354243, 1.48658444270169},
	"co2":      {"co2.csv", "plant", "conc", "uptake", 0, SelfStarting, 86.4921132507747, 73.6509736327421, 101.752799683461},
}

// R 4.2.2: the exact marginal likelihood by log rate, all else by optim (BFGS, then Nelder-Mead, reltol 1e-15), its rise set
// equal to qchisq(.95, 1) by uniroot.
func TestProfileLimitsOfMixedModelsEqualR(t *testing.T) {
	for name, c := range mixedCases {
		t.Run(name, func(t *testing.T) {
			r, err := FitMixed(mixedOf(t, c.set, c.group, c.time, c.response, c.from, c.model))
			require.NoError(t, err)
			require.InEpsilon(t, c.life, r.HalfLife.Value, 1e-6)
			require.InEpsilon(t, c.lower, r.ProfileLower.Value, 1e-6)
			require.InEpsilon(t, c.upper, r.ProfileUpper.Value, 1e-6)
			require.True(t, r.Estimable)
			require.Empty(t, r.Notes)
		})
	}
}

// The profile, whose parameters but the rate are solved for, against the iterated fit with the rate held: the same objective
// on a dense grid, and so the limits are where that grid crosses.
func TestTheProfileIsTheFitWithTheRateHeld(t *testing.T) {
	for _, id := range []string{"decay-btheb-benefit", "decay-btheb-mean-asymptote"} {
		in := input(t, id)
		c, d := exponential{in.Model == Asymptotic}, independent(in.T, in.Y, in.SE)
		fit, err := Fit(in)
		require.NoError(t, err)
		white, ok := d.whitened()
		require.True(t, ok)
		limit := fit.WeightedRSS + math.Pow(stats.NormalQuantile(0.975), 2)
		lowest := math.Inf(1)
		for step := range 400 {
			life := fit.HalfLifeKnown.HalfLife.Value * math.Exp(-4+float64(step)*0.01)
			held := append([]float64(nil), fit.Estimate...)
			held[1] = math.Ln2 / life
			_, best, err := minimise(c, d, held, 1)
			require.NoError(t, err)
			require.InEpsilon(t, best.rss, white.atRate(held[1], c.asymptote), 1e-9)
			if best.rss <= limit {
				lowest = math.Min(lowest, life)
			}
		}
		require.InEpsilon(t, lowest, fit.HalfLifeKnown.ProfileLower.Value, 0.0101)
	}
}

// The likelihood with all but the rate and the ratio of variances solved for is the likelihood at those parameters.
func TestTheMixedProfileIsTheLikelihoodAtItsParameters(t *testing.T) {
	for name, c := range mixedCases {
		t.Run(name, func(t *testing.T) {
			p, err := newMixed(mixedOf(t, c.set, c.group, c.time, c.response, c.from, c.model))
			require.NoError(t, err)
			profile, err := p.profile()
			require.NoError(t, err)
			for _, life := range []float64{c.life / 4, c.life, c.life * 6} {
				f := profile.fixed(math.Ln2 / life)
				for _, rho := range []float64{0, 0.3, 5} {
					want, b, variance := f.at(rho)
					at := profile.parameters(math.Ln2/life, rho, b, variance)
					got, gradient := p.deviance(at)
					require.InEpsilon(t, want, got, 1e-9)
					for j := range len(p.names) - 1 {
						require.InDelta(t, 0, gradient[j]*at[j], 1e-5, "%s at life %g", p.names[j], life)
					}
				}
			}
		})
	}
}

// Analytic gradients and Hessians at fixed parameters against central differences.
func TestDerivativesAgreeWithDifferences(t *testing.T) {
	const h = 1e-5
	for name, c := range map[string]curve{"exp": exponential{}, "asymptote": exponential{true}, "halving": halving{}} {
		t.Run(name, func(t *testing.T) {
			theta := []float64{2.3, 0.4, -1.2}[:len(c.names())]
			for _, at := range []float64{0, 0.7, 3} {
				_, gradient, hessian := c.at(theta, at)
				for j := range theta {
					up, down := append([]float64(nil), theta...), append([]float64(nil), theta...)
					up[j], down[j] = up[j]+h, down[j]-h
					above, slopeAbove, _ := c.at(up, at)
					below, slopeBelow, _ := c.at(down, at)
					require.InDelta(t, (above-below)/(2*h), gradient[j], 1e-7)
					for k := range theta {
						require.InDelta(t, (slopeAbove[k]-slopeBelow[k])/(2*h), hessian.At(j, k), 1e-6)
					}
				}
			}
		})
	}
	for name, c := range mixedCases {
		t.Run(name, func(t *testing.T) {
			in := mixedOf(t, c.set, c.group, c.time, c.response, c.from, c.model)
			p, err := newMixed(in)
			require.NoError(t, err)
			at := append([]float64{1.4, -0.8}[:len(p.names)-1], math.Log(0.5*math.Ln2/c.life), 0.9, -0.4)
			_, gradient := p.deviance(at)
			for j := range at {
				up, down := append([]float64(nil), at...), append([]float64(nil), at...)
				up[j], down[j] = up[j]+h, down[j]-h
				above, _ := p.deviance(up)
				below, _ := p.deviance(down)
				slope := (above - below) / (2 * h)
				require.InDelta(t, slope, gradient[j], 1e-5*(1+math.Abs(slope)), "parameter %d", j)
			}
		})
	}
}

// decaying gives estimates that fall to a plateau, with a covariance of visits of the same people.
func decaying(seed uint64, noise float64) FitInput {
	random := rand.New(rand.NewPCG(seed, 2))
	in := FitInput{T: []float64{1, 3, 7, 15, 30, 60, 90}, Model: Asymptotic, Level: 0.95}
	for i, t := range in.T {
		in.Y = append(in.Y, 4+9*math.Exp(-math.Ln2/12*t)+noise*random.NormFloat64())
		in.SE = append(in.SE, noise)
		in.Covariance = append(in.Covariance, make([]float64, len(in.T)))
		for j := range in.T {
			in.Covariance[i][j] = noise * noise * math.Pow(0.6, math.Abs(float64(i-j)))
		}
	}
	return in
}

// A half-life scales with the unit of time, and does not change with the unit of the values, or, with an asymptote, their
// origin; nor with the order of the visits; nor, with the known errors, with the origin of time.
func TestTheHalfLifeFollowsTheUnitOfTimeOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := decaying(rapid.Uint64Range(1, 500).Draw(t, "seed"), 0.3)
		plain, err := Fit(in)
		require.NoError(t, err)
		by, unit := rapid.Float64Range(0.01, 100).Draw(t, "time"), rapid.Float64Range(0.01, 100).Draw(t, "unit")
		moved := FitInput{Model: in.Model, Level: in.Level}
		n := len(in.T)
		for i := range n {
			k := n - 1 - i
			moved.T, moved.Y, moved.SE = append(moved.T, by*(in.T[k]+5)), append(moved.Y, unit*(in.Y[k]-20)), append(moved.SE, unit*in.SE[k])
			moved.Covariance = append(moved.Covariance, nil)
			for j := range n {
				moved.Covariance[i] = append(moved.Covariance[i], unit*unit*in.Covariance[k][n-1-j])
			}
		}
		other, err := Fit(moved)
		require.NoError(t, err)
		for _, pair := range [][2]HalfLife{{*plain.HalfLifeKnown, *other.HalfLifeKnown}, {*plain.HalfLifeScaled, *other.HalfLifeScaled}, {plain.GLS.HalfLife, other.GLS.HalfLife}} {
			same(t, by, pair[0].HalfLife, pair[1].HalfLife)
			same(t, by, pair[0].SE, pair[1].SE)
			same(t, by, pair[0].LogUpper, pair[1].LogUpper)
			same(t, by, pair[0].ProfileLower, pair[1].ProfileLower)
			same(t, by, pair[0].ProfileUpper, pair[1].ProfileUpper)
			require.Equal(t, pair[0].Notes, pair[1].Notes)
			require.Equal(t, pair[0].Estimable, pair[1].Estimable)
		}
	})
}

func same(t require.TestingT, by float64, a, b stats.Number) {
	require.Equal(t, a.Defined, b.Defined)
	if a.Defined {
		require.InEpsilon(t, by*a.Value, b.Value, 1e-5)
	}
}

// The mixed model's likelihood does not depend on the unit of time, its half-life follows it.
func TestTheMixedHalfLifeFollowsTheUnitOfTime(t *testing.T) {
	for name, c := range mixedCases {
		t.Run(name, func(t *testing.T) {
			in := mixedOf(t, c.set, c.group, c.time, c.response, c.from, c.model)
			plain, err := FitMixed(in)
			require.NoError(t, err)
			moved := in
			moved.T = make([]float64, len(in.T))
			for i, at := range in.T {
				moved.T[i] = at * 30.4375
			}
			other, err := FitMixed(moved)
			require.NoError(t, err)
			require.InEpsilon(t, plain.LogLik, other.LogLik, 1e-10)
			same(t, 30.4375, plain.HalfLife, other.HalfLife)
			same(t, 30.4375, plain.HalfLifeSE, other.HalfLifeSE)
			same(t, 30.4375, plain.ProfileLower, other.ProfileLower)
			same(t, 30.4375, plain.ProfileUpper, other.ProfileUpper)
		})
	}
}

// Values on the curve but for rounding give the curve back, from very quick to very slow decay.
func TestTheTruthIsRecovered(t *testing.T) {
	for _, life := range []float64{0.3, 2, 12, 80, 400} {
		in := decaying(1, 1)
		for i, at := range in.T {
			in.Y[i] = 4 + 9*math.Exp(-math.Ln2/life*at) + 1e-9*math.Cos(float64(i))
			in.SE[i] = 1e-9
		}
		r, err := Fit(in)
		require.NoError(t, err)
		require.InEpsilon(t, life, r.HalfLifeKnown.HalfLife.Value, 1e-5, "half-life %g", life)
		require.True(t, r.HalfLifeKnown.Estimable)
		require.Equal(t, life > 89, len(r.HalfLifeKnown.Notes) > 0, "%v", r.HalfLifeKnown.Notes)
	}
}

// Subjects who do not differ: the variance between them is 0, at the boundary, and the fit is that of single values.
func TestWithoutDifferencesBetweenSubjectsTheMixedFitIsThePlainOne(t *testing.T) {
	in := MixedInput{Model: AsymptoteRandom, Level: 0.95}
	random := rand.New(rand.NewPCG(4, 4))
	for g := range 12 {
		noise := []float64{random.NormFloat64(), random.NormFloat64()}
		for i, at := range []float64{0, 1, 3, 9} { // the errors of a subject cancel
			in.T, in.Group = append(in.T, at), append(in.Group, g)
			in.Y = append(in.Y, 5+6*math.Exp(-0.5*at)+math.Pow(-1, float64(i))*noise[i/2])
		}
	}
	mixed, err := FitMixed(in)
	require.NoError(t, err)
	require.InDelta(t, 0, mixed.Tau, 1e-6)
	plain, err := Fit(FitInput{T: in.T, Y: in.Y, Model: Asymptotic, Level: 0.95})
	require.NoError(t, err)
	require.InEpsilon(t, plain.HalfLifeScaled.HalfLife.Value, mixed.HalfLife.Value, 1e-6)
	require.InEpsilon(t, plain.WeightedRSS/48, mixed.Sigma2, 1e-6)
}

// Where time is counted from does not matter, though the amplitude at time 0 then lies far away.
func TestTheMixedHalfLifeDoesNotDependOnTheOriginOfTime(t *testing.T) {
	for _, name := range []string{"btheb", "indometh"} {
		t.Run(name, func(t *testing.T) {
			c := mixedCases[name]
			in := mixedOf(t, c.set, c.group, c.time, c.response, c.from, c.model)
			plain, err := FitMixed(in)
			require.NoError(t, err)
			moved := in
			moved.T = make([]float64, len(in.T))
			for i, at := range in.T {
				moved.T[i] = at + 15*c.life
			}
			other, err := FitMixed(moved)
			require.NoError(t, err)
			require.InEpsilon(t, plain.LogLik, other.LogLik, 1e-9)
			same(t, 1, plain.HalfLife, other.HalfLife)
			same(t, 1, plain.HalfLifeSE, other.HalfLifeSE)
			same(t, 1, plain.ProfileLower, other.ProfileLower)
			same(t, 1, plain.ProfileUpper, other.ProfileUpper)
			require.Equal(t, plain.Estimable, other.Estimable)
		})
	}
}

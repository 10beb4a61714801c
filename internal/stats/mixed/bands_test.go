package mixed

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/testkit/statstest"
)

func sleepstudy(t testing.TB) formula.Frame {
	return statstest.Data(t, "sleepstudy.csv").Frame("subject")
}

func days(at ...float64) formula.Frame {
	f := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
	for _, d := range at {
		f.Numbers["days"] = append(f.Numbers["days"], stats.Of(d))
	}
	return f
}

// R 4.2, lme4: m <- lmer(reaction ~ days + (1 + days | subject), sleepstudy), bobyqa with rhoend 1e-12; ranef(m, condVar =
// TRUE) and the square roots of its postVar. nlme's ranef(lme(reaction ~ days, random = ~ 1 + days | subject)) gives
// 2.258754 and 9.198937 for subject 308 at its looser optimum.
func TestPredictionsAndTheirConditionalErrorsAreLme4s(t *testing.T) {
	fit, err := FitRandom(RandomModel{Formula: "reaction ~ days + (1 + days | subject)", Method: REML, Level: 0.95}, sleepstudy(t))
	require.NoError(t, err)
	result, err := fit.Result(nil, nil, []string{"308", "309", "372"})
	require.NoError(t, err)
	for i, expected := range [][2]float64{{2.25856550059, 9.19897190423}, {-40.39857692492, -8.61970318296}, {12.31453935267, 1.28402974532}} {
		got := result.Predictions[i]
		require.InDelta(t, expected[0], got.Effects["(Intercept)"], 2e-5)
		require.InDelta(t, expected[1], got.Effects["days"], 5e-6)
		require.InEpsilon(t, 12.07083650735, got.CondSD["(Intercept)"], 1e-6)
		require.InEpsilon(t, 2.30483697815, got.CondSD["days"], 1e-6)
	}
}

// The same R fit; standard errors of predictions from Henderson's mixed model equations, solve(rbind(cbind(X'X, X'Z),
// cbind(Z'X, Z'Z + sigma^2 G^-1))) * sigma^2 over all 18 subjects; the mean's degrees of freedom from lmerTest.
func TestBandsAreThoseOfHendersonsEquationsInR(t *testing.T) {
	fit, err := FitRandom(RandomModel{Formula: "reaction ~ days + (1 + days | subject)", Method: REML, Level: 0.95}, sleepstudy(t))
	require.NoError(t, err)
	result, err := fit.Result(nil, nil, []string{"308"})
	require.NoError(t, err)
	require.InEpsilon(t, 13.10020429454, result.Predictions[0].PredictionSE["(Intercept)"], 1e-6)
	require.InEpsilon(t, 2.63923717697, result.Predictions[0].PredictionSE["days"], 1e-6)

	bands, err := fit.Bands(days(4.5, 12), "308")
	require.NoError(t, err)
	require.Len(t, bands, 2)
	require.InEpsilon(t, 342.16183073628, bands[0].Subject.Estimate, 1e-7)
	require.InEpsilon(t, 7.78257957567, bands[0].Subject.SE.Value, 1e-6)
	require.InEpsilon(t, 489.6587647149, bands[1].Subject.Estimate, 1e-7)
	require.InEpsilon(t, 20.0612277716, bands[1].Subject.SE.Value, 1e-6)
	require.InEpsilon(t, 342.16183073628-1.959963984540054*7.78257957567, bands[0].Subject.Lower.Value, 1e-6)
	require.InEpsilon(t, math.Hypot(7.78257957567, result.Random.Sigma), bands[0].SubjectObservation.SE.Value, 1e-6)

	require.InEpsilon(t, 298.50789166667, bands[0].Mean.Estimate, 1e-8)
	require.InEpsilon(t, 9.04993564767, bands[0].Mean.SE.Value, 1e-6)
	require.InEpsilon(t, 17.00000319, bands[0].Mean.DF.Value, 1e-4)
	require.InEpsilon(t, 38.60869416653, bands[0].NewSubject.SE.Value, 1e-5)
	require.InEpsilon(t, 46.32032281760, bands[0].NewObservation.SE.Value, 1e-5)
	require.Less(t, bands[0].NewSubject.DF.Value, bands[0].NewObservation.DF.Value, "sigma is known better than G")
}

// One point's simultaneous interval is the pointwise one. A line's has two independent points, whatever is asked: Working and
// Hotelling's sqrt(2 F(2, 17)), the denominator of lmerTest's joint test of intercept and slope.
func TestTheSimultaneousBandOfALineIsWorkingAndHotellings(t *testing.T) {
	fit, err := FitRandom(RandomModel{Formula: "reaction ~ days + (1 + days | subject)", Method: REML, Level: 0.95}, sleepstudy(t))
	require.NoError(t, err)
	one, err := fit.Bands(days(3), "")
	require.NoError(t, err)
	require.InDelta(t, one[0].Mean.Lower.Value, one[0].MeanEverywhere.Lower.Value, 1e-6)
	require.InDelta(t, one[0].Mean.Upper.Value, one[0].MeanEverywhere.Upper.Value, 1e-6)
	line, err := fit.Bands(days(0, 2, 3, 9), "")
	require.NoError(t, err)
	// qf(0.95, 2, 17) = 3.591531 in R
	for _, p := range line {
		require.InDelta(t, p.Mean.Estimate+math.Sqrt(2*3.591531)*p.Mean.SE.Value, p.MeanEverywhere.Upper.Value, 1e-4)
	}
}

func TestAGroupsOwnRowsNarrowItsBand(t *testing.T) {
	shape := clusterShapes["a random slope"]
	frame := shape.frame()
	fit, err := FitRandom(shape.model(REML), frame)
	require.NoError(t, err)
	at := formula.Frame{Numbers: map[string][]stats.Number{"day": {stats.Of(1), stats.Of(4)}}, Texts: map[string][]string{"arm": {"A", "B"}}}
	plain, err := fit.Bands(at, "")
	require.NoError(t, err)
	for _, p := range plain {
		require.Nil(t, p.Subject)
		require.Less(t, p.Mean.SE.Value, p.NewSubject.SE.Value)
		require.Less(t, p.NewSubject.SE.Value, p.NewObservation.SE.Value)
	}
	own, err := fit.Bands(at, "g3")
	require.NoError(t, err)
	for i := range own {
		require.Less(t, own[i].Subject.SE.Value, own[i].NewSubject.SE.Value, "the subject's own rows tell something")
		require.Equal(t, plain[i].Mean, own[i].Mean)
	}
}

// Henderson's equations in one piece, for every shape: coefficients' and random effects' errors together.
func TestPredictionErrorsAreHendersonsByHand(t *testing.T) {
	long := clusters{groups: 25, rows: func(i int) int { return 5 + i%4 }, level: 3, slope: 1.5, formula: "y ~ day * arm + (1 + day | id)", seed: 15}
	for name, shape := range map[string]clusters{"a random intercept": clusterShapes["a random intercept"],
		"a slope without intercept": clusterShapes["a slope without intercept"], "a random slope": long} {
		t.Run(name, func(t *testing.T) {
			model, frame := shape.model(ML), shape.frame()
			fit, err := FitRandom(model, frame)
			require.NoError(t, err)
			v := fit.variances()
			q := len(v.Names)
			g := mat.NewDense(q, q, nil)
			for i, row := range v.Covariance {
				g.SetRow(i, row)
			}
			require.Greater(t, mat.Det(g), 1e-3, "the equations need variances above zero")
			var inverse mat.Dense
			require.NoError(t, inverse.Inverse(g))
			d := newDenseRandom(t, model, frame)
			_, p := d.x.Dims()
			_, n := d.z.Dims()
			both := mat.NewDense(d.y.Len(), p+n, nil)
			both.Augment(d.x, d.z)
			var c, errors mat.Dense
			c.Mul(both.T(), both)
			for at := 0; at < n; at += q {
				for i := range q {
					for j := range q {
						c.Set(p+at+i, p+at+j, c.At(p+at+i, p+at+j)+v.Sigma2*inverse.At(i, j))
					}
				}
			}
			require.NoError(t, errors.Inverse(&c))
			errors.Scale(v.Sigma2, &errors)
			result, err := fit.Result(nil, nil, fit.data.group)
			require.NoError(t, err)
			for at, one := range result.Predictions {
				for i, effect := range v.Names {
					k := p + at*q + i
					require.InEpsilon(t, math.Sqrt(errors.At(k, k)), one.PredictionSE[effect], 1e-6)
				}
			}
		})
	}
}

// SR-121: points that the model cannot be asked about are refused.
func TestSR121_PointsOutsideTheModelAreRefused(t *testing.T) {
	shape := clusterShapes["a random slope"]
	fit, err := FitRandom(shape.model(REML), shape.frame())
	require.NoError(t, err)
	at := func(day stats.Number, arm string) formula.Frame {
		return formula.Frame{Numbers: map[string][]stats.Number{"day": {day}}, Texts: map[string][]string{"arm": {arm}}}
	}
	for name, c := range map[string]struct {
		frame formula.Frame
		group string
		kind  stats.Kind
		where string
	}{
		"an unknown group":  {at(stats.Of(1), "A"), "nobody", stats.BadInput, "id"},
		"a missing column":  {formula.Frame{Texts: map[string][]string{"arm": {"A"}}}, "", stats.BadInput, "day"},
		"a missing value":   {at(stats.Number{}, "A"), "", stats.BadInput, "bands"},
		"an unknown level":  {at(stats.Of(1), "C"), "", stats.BadInput, "bands"},
		"an infinite value": {at(stats.Number{Value: math.Inf(1), Defined: true}, "A"), "", stats.NotFinite, "day"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fit.Bands(c.frame, c.group)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

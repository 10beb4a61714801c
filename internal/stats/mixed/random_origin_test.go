package mixed

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
)

// courses are groups measured at days of their own, counted from an origin.
func courses(origin float64) formula.Frame {
	random := rand.New(rand.NewPCG(7, 3))
	frame := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
	for g := range 25 {
		level, slope := 4*random.NormFloat64(), 0.06*random.NormFloat64()
		for range 4 + g%3 {
			day := math.Trunc(180 * random.Float64())
			frame.Texts["id"] = append(frame.Texts["id"], fmt.Sprint("g", g))
			frame.Numbers["day"] = append(frame.Numbers["day"], stats.Of(day+origin))
			frame.Numbers["y"] = append(frame.Numbers["y"], stats.Of(20+level+(slope-0.05)*day+2*random.NormFloat64()))
		}
	}
	return frame
}

// Where a slope's time is counted from changes neither the likelihood, nor the slope and its inference, nor predictions.
func TestTheOriginOfARandomSlopeChangesNothing(t *testing.T) {
	for _, method := range []Method{REML, ML} {
		fit := func(origin float64) (RandomResult, []BandPoint) {
			f, err := FitRandom(RandomModel{Formula: "y ~ day + (1 + day | id)", Method: method, Level: 0.95}, courses(origin))
			require.NoError(t, err, origin)
			r, err := f.Result(nil, nil, []string{"g3"})
			require.NoError(t, err)
			at := formula.Frame{Numbers: map[string][]stats.Number{"day": {stats.Of(origin + 30), stats.Of(origin + 170)}}}
			bands, err := f.Bands(at, "g3")
			require.NoError(t, err)
			return r, bands
		}
		near, nearBands := fit(0)
		for _, origin := range []float64{-90, 5000, 20000, 738000, 1.7e7} {
			far, bands := fit(origin)
			require.InEpsilon(t, near.LogLik, far.LogLik, 1e-10)
			a, b := near.Fixed[1], far.Fixed[1]
			require.InEpsilon(t, a.Estimate, b.Estimate, 1e-7)
			require.InEpsilon(t, a.SE, b.SE, 1e-7)
			require.InEpsilon(t, a.DF.Value, b.DF.Value, 1e-6)
			require.Equal(t, method == REML, b.DFKR.Defined)
			require.InDelta(t, a.DFKR.Value, b.DFKR.Value, 1e-4)
			require.InEpsilon(t, near.Random.SD[1], far.Random.SD[1], 1e-6)
			require.InEpsilon(t, near.Random.Sigma, far.Random.Sigma, 1e-8)
			require.Equal(t, near.Notes, far.Notes, "a far origin is no singular covariance")
			require.InEpsilon(t, near.Predictions[0].Effects["day"], far.Predictions[0].Effects["day"], 1e-6)
			require.InEpsilon(t, near.Predictions[0].CondSD["day"], far.Predictions[0].CondSD["day"], 1e-6)
			require.InEpsilon(t, near.Predictions[0].PredictionSE["day"], far.Predictions[0].PredictionSE["day"], 1e-6)
			for i := range near.Fitted {
				require.InDelta(t, near.Fitted[i].Fitted, far.Fitted[i].Fitted, 1e-6)
			}
			for i := range nearBands {
				for _, both := range [][2]Band{{nearBands[i].Mean, bands[i].Mean}, {nearBands[i].NewSubject, bands[i].NewSubject}, {nearBands[i].NewObservation, bands[i].NewObservation}, {*nearBands[i].Subject, *bands[i].Subject}} {
					require.InDelta(t, both[0].Estimate, both[1].Estimate, 1e-5)
					require.InEpsilon(t, both[0].SE.Value, both[1].SE.Value, 1e-6)
				}
			}
			// the intercept's variance is that of the course at the far origin
			g := near.Random.Covariance
			require.InEpsilon(t, g[0][0]-2*origin*g[0][1]+origin*origin*g[1][1], far.Random.Covariance[0][0], 1e-6)
		}
	}
}

// A covariance of the random effects that is singular beyond a variance of zero is noted; a full one is not.
func TestASingularCovarianceOfRandomEffectsIsNoted(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 2))
	build := func(spread func(level float64) float64) []string {
		frame := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
		for g := range 30 {
			level := 3 * random.NormFloat64()
			slope := spread(level)
			for day := range 6 {
				frame.Texts["id"] = append(frame.Texts["id"], fmt.Sprint("g", g))
				frame.Numbers["day"] = append(frame.Numbers["day"], stats.Of(float64(day)))
				frame.Numbers["y"] = append(frame.Numbers["y"], stats.Of(level+slope*float64(day)+0.2*[]float64{5, -1, -4, -4, -1, 5}[day])) // beside level and slope
			}
		}
		f, err := FitRandom(RandomModel{Formula: "y ~ day + (1 + day | id)", Method: REML, Level: 0.95}, frame)
		require.NoError(t, err)
		r, err := f.Result(nil, nil, nil)
		require.NoError(t, err)
		if strings.Contains(strings.Join(r.Notes, ""), "singular") {
			require.InDelta(t, 1, math.Abs(r.Random.Correlation[0][1].Value), 1e-6)
		}
		return r.Notes
	}
	require.NotContains(t, strings.Join(build(func(float64) float64 { return random.NormFloat64() }), "\n"), "singular")
	require.Contains(t, strings.Join(build(func(level float64) float64 { return -level / 3 }), "\n"), "the correlation of (Intercept) and day is estimated as -1")
	require.Contains(t, strings.Join(build(func(level float64) float64 { return level / 3 }), "\n"), "the correlation of (Intercept) and day is estimated as 1")
}

// Groups whose effects are asked for are there, or refused by name.
func TestAnUnknownGroupsEffectsAreRefused(t *testing.T) {
	f, err := FitRandom(RandomModel{Formula: "y ~ day + (1 | id)", Method: REML, Level: 0.95}, courses(0))
	require.NoError(t, err)
	_, err = f.Result(nil, nil, []string{"g1", "nobody"})
	require.ErrorContains(t, err, `no group "nobody"`)
}

// Turned to the axes of G, the random columns give the same fit, predictions and bands.
func TestTurningTheRandomColumnsToTheAxesOfGChangesNothing(t *testing.T) {
	frame := courses(0)
	for _, day := range frame.Numbers["day"] {
		frame.Numbers["wave"] = append(frame.Numbers["wave"], stats.Of(math.Sin(day.Value/20)))
	}
	f, err := FitRandom(RandomModel{Formula: "y ~ day + (1 + day + wave | id)", Method: REML, Level: 0.95}, frame)
	require.NoError(t, err)
	at := formula.Frame{Numbers: map[string][]stats.Number{"day": {stats.Of(30), stats.Of(170)}, "wave": {stats.Of(0.4), stats.Of(-0.9)}}}
	say := func() (RandomResult, []BandPoint) {
		r, err := f.Result(nil, nil, []string{"g3", "g7"})
		require.NoError(t, err)
		bands, err := f.Bands(at, "g3")
		require.NoError(t, err)
		return r, bands
	}
	want, wantBands := say()
	theta := f.data.rotateTo(f.best.theta)
	require.NotNil(t, f.data.rotation)
	f.best, f.p, f.natural = f.data.point(theta, true), nil, nil
	require.NoError(t, f.finish())
	got, bands := say()
	require.InEpsilon(t, want.LogLik, got.LogLik, 1e-12)
	for i, fixed := range want.Fixed {
		require.InEpsilon(t, fixed.SE, got.Fixed[i].SE, 1e-8)
		require.InEpsilon(t, fixed.DF.Value, got.Fixed[i].DF.Value, 1e-5)
		require.InEpsilon(t, fixed.DFKR.Value, got.Fixed[i].DFKR.Value, 1e-5)
	}
	for i, row := range want.Random.Covariance {
		require.InDeltaSlice(t, row, got.Random.Covariance[i], 1e-6)
	}
	for i, p := range want.Predictions {
		for name := range p.Effects {
			require.InDelta(t, p.Effects[name], got.Predictions[i].Effects[name], 1e-7, name)
			require.InDelta(t, p.CondSD[name], got.Predictions[i].CondSD[name], 1e-7, name)
			require.InDelta(t, p.PredictionSE[name], got.Predictions[i].PredictionSE[name], 1e-7, name)
		}
	}
	for i, row := range want.Fitted {
		require.InDelta(t, row.Fitted, got.Fitted[i].Fitted, 1e-7)
	}
	for i, b := range wantBands {
		for _, both := range [][2]Band{{b.NewSubject, bands[i].NewSubject}, {b.NewObservation, bands[i].NewObservation}, {*b.Subject, *bands[i].Subject}} {
			require.InDelta(t, both[0].Estimate, both[1].Estimate, 1e-7)
			require.InDelta(t, both[0].SE.Value, both[1].SE.Value, 1e-7)
		}
	}
}

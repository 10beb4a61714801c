package meta

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/testkit/statstest"
)

// list reads numbers that R writes as a scalar where there is one.
type list []stats.Number

func (l *list) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]stats.Number)(l))
	}
	*l = make(list, 1)
	return json.Unmarshal(b, &(*l)[0])
}

// metafor is a case of testdata/metafor.json, which testdata/metafor.R wrote.
type metafor struct {
	Measure Measure         `json:"measure"`
	Rows    [][]float64     `json:"rows"`
	Mods    []float64       `json:"mods"`
	Y       []float64       `json:"yi"`
	V       []float64       `json:"vi"`
	Fits    []metaforResult `json:"fits"`
}

type metaforResult struct {
	Method                            Estimator
	Test                              string
	B, SE, Statistic, P, Lower, Upper list
	Tau2, I2, H2, Q, LogLik, R2       stats.Number
	Tau2SE                            stats.Number `json:"tau2_se"`
	QP                                stats.Number `json:"q_p"`
	QM                                stats.Number `json:"qm"`
	QMP                               stats.Number `json:"qm_p"`
	Prediction                        list
	Tau2CI                            list `json:"tau2_ci"`
	I2CI                              list `json:"i2_ci"`
	Tau2PL                            list `json:"tau2_pl"`
}

func near(t testing.TB, want, got stats.Number, what string) {
	t.Helper()
	if !want.Defined {
		return
	}
	require.True(t, got.Defined, what)
	require.InDelta(t, want.Value, got.Value, 2e-6*math.Abs(want.Value)+1e-7, what)
}

// Every field of every fit of metafor 3.8-1 (rma, predict, confint with type Q-profile; calls and settings in
// testdata/metafor.R).
func TestSmallAndOddDataEqualMetafor(t *testing.T) {
	file, err := os.ReadFile("testdata/metafor.json")
	require.NoError(t, err)
	var cases map[string]metafor
	require.NoError(t, json.Unmarshal(file, &cases))
	require.Len(t, cases, 10)
	all := []Estimator{FixedEffect, DerSimonianLaird, PauleMandel, REML, ML, SidikJonkman}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var effects []Effect
			for i, row := range c.Rows {
				e, err := c.Measure.Compute(row, i)
				require.NoError(t, err)
				require.InDelta(t, c.Y[i], e.Y, 1e-12)
				require.InDelta(t, c.V[i], e.V, 1e-12)
				effects = append(effects, e)
			}
			var moderators []Moderator
			if c.Mods != nil {
				moderators = []Moderator{{"x", c.Mods}}
			}
			r, err := Analyse(effects, moderators, all, all, 0.95)
			require.NoError(t, err)
			require.Len(t, r.Fits, len(c.Fits))
			for i, want := range c.Fits {
				got, where := r.Fits[i], string(want.Method)+" "+want.Test+" "
				require.Equal(t, want.Method, got.Method)
				require.Equal(t, want.Test, got.Test)
				for j, b := range want.B {
					one := got.Coefficients[j]
					near(t, b, one.Estimate, where+"b")
					near(t, want.SE[j], one.SE, where+"se")
					near(t, want.Statistic[j], one.Statistic, where+"statistic")
					near(t, want.P[j], one.PValue, where+"p")
					near(t, want.Lower[j], one.Lower, where+"lower")
					near(t, want.Upper[j], one.Upper, where+"upper")
				}
				near(t, want.Tau2, stats.Of(got.Tau2), where+"tau2")
				near(t, want.Tau2SE, got.Tau2SE, where+"se of tau2")
				near(t, want.I2, got.I2, where+"I2")
				near(t, want.H2, got.H2, where+"H2")
				near(t, want.Q, got.Q, where+"Q")
				near(t, want.QP, got.QP, where+"p of Q")
				near(t, want.LogLik, got.LogLik, where+"log-likelihood")
				near(t, want.QM, got.QM, where+"QM")
				near(t, want.QMP, got.QMP, where+"p of QM")
				near(t, want.R2, got.R2, where+"R2")
				if len(want.Prediction) == 2 {
					near(t, want.Prediction[0], got.PredictionLower, where+"prediction")
					near(t, want.Prediction[1], got.PredictionUpper, where+"prediction")
				}
				if len(want.Tau2PL) == 2 {
					near(t, want.Tau2PL[0], got.Tau2ProfileLower, where+"profile limits of tau2")
					near(t, want.Tau2PL[1], got.Tau2ProfileUpper, where+"profile limits of tau2")
				}
				if len(want.Tau2CI) == 2 {
					near(t, want.Tau2CI[0], got.Tau2Lower, where+"limits of tau2")
					near(t, want.Tau2CI[1], got.Tau2Upper, where+"limits of tau2")
					near(t, want.I2CI[0], got.I2Lower, where+"limits of I2")
					near(t, want.I2CI[1], got.I2Upper, where+"limits of I2")
				}
			}
		})
	}
}

// metafor 3.8-1: rma(yi, vi, test = "knha") with predict, and rma(yi, vi, test = "adhoc").
func TestSitesArePooledAsInMetafor(t *testing.T) {
	sites := []Site{{"a", 0.1, math.Sqrt(0.02)}, {"b", 1.5, math.Sqrt(0.05)}, {"c", -0.2, math.Sqrt(0.03)}, {"d", 0.9, math.Sqrt(0.08)}}
	p, err := PoolSites(sites, 0.95)
	require.NoError(t, err)
	near(t, stats.Of(0.558578386158668), p.Estimate.Estimate, "estimate")
	near(t, stats.Of(0.386880997478434), p.SE, "se")
	near(t, stats.Of(-0.672649614851051), p.Lower, "lower")
	near(t, stats.Of(1.789806387168387), p.Upper, "upper")
	near(t, stats.Of(0.244515833423516), p.PValue, "p")
	near(t, stats.Of(-2.11811875311432), p.PredictionLower, "prediction")
	near(t, stats.Of(3.23527552543166), p.PredictionUpper, "prediction")
	require.Len(t, p.Notes, 3) // four sites, their prediction, and an error below the usual one
	require.Contains(t, p.Notes[1], "prediction interval takes the variance")
	agreeing := []Site{{"", 0.3, 0.2}, {"", 0.32, 0.3}, {"", 0.28, math.Sqrt(0.05)}, {"", 0.31, math.Sqrt(0.1)}}
	p, err = PoolSites(agreeing, 0.95)
	require.NoError(t, err)
	near(t, stats.Of(0.122988009253618), p.Cautious.SE, "cautious se")
	near(t, stats.Of(-0.092579206231611), p.Cautious.Lower, "cautious lower")
	near(t, stats.Of(0.690226265055141), p.Cautious.Upper, "cautious upper")
	near(t, stats.Of(0.093355356903075), p.Cautious.PValue, "cautious p")
	require.Equal(t, 0.0, p.Tau2.Value)
	require.Contains(t, p.Notes, noteNarrow)
}

func drawn(t *rapid.T) ([]Effect, []Moderator) {
	k := rapid.IntRange(4, 9).Draw(t, "k")
	var effects []Effect
	m := Moderator{Name: "x"}
	for range k {
		effects = append(effects, Effect{0.1*float64(len(effects)) + rapid.Float64Range(-3, 3).Draw(t, "y"), rapid.Float64Range(0.01, 2).Draw(t, "v")})
		m.Values = append(m.Values, float64(len(m.Values)*len(m.Values))+rapid.Float64Range(0, 0.5).Draw(t, "x"))
	}
	return effects, []Moderator{m}
}

var random = []Estimator{DerSimonianLaird, PauleMandel, REML, ML, SidikJonkman}

// A shift of the effects shifts the mean, a unit scales it, the order of studies and the sign do nothing else.
func TestPoolingIsEquivariant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		effects, _ := drawn(t)
		unit, shift := rapid.Float64Range(0.1, 50).Draw(t, "unit"), rapid.Float64Range(-20, 20).Draw(t, "shift")
		var moved []Effect
		for i := range effects {
			e := effects[len(effects)-1-i]
			moved = append(moved, Effect{shift - unit*e.Y, unit * unit * e.V})
		}
		a, err := Analyse(effects, nil, random, random, 0.9)
		require.NoError(t, err)
		b, err := Analyse(moved, nil, random, random, 0.9)
		require.NoError(t, err)
		for i, f := range a.Fits {
			g := b.Fits[i]
			require.InDelta(t, unit*unit*f.Tau2, g.Tau2, 1e-7*unit*unit)
			require.InDelta(t, shift-unit*f.Coefficients[0].Estimate.Value, g.Coefficients[0].Estimate.Value, 1e-6*unit)
			require.InDelta(t, unit*f.Coefficients[0].SE.Value, g.Coefficients[0].SE.Value, 1e-6*unit)
			require.InDelta(t, f.I2.Value, g.I2.Value, 1e-4)
			require.InDelta(t, shift-unit*f.PredictionUpper.Value, g.PredictionLower.Value, 1e-4*unit)
		}
	})
}

// A moderator's origin, such as a year's, changes the intercept only.
func TestAModeratorsOriginCostsNoDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		effects, moderators := drawn(t)
		far := Moderator{Name: "x"}
		for _, v := range moderators[0].Values {
			far.Values = append(far.Values, 20000+v)
		}
		a, err := Analyse(effects, moderators, random, random, 0.95)
		require.NoError(t, err)
		b, err := Analyse(effects, []Moderator{far}, random, random, 0.95)
		require.NoError(t, err)
		for i, f := range a.Fits {
			g := b.Fits[i]
			require.InDelta(t, f.Tau2, g.Tau2, 1e-7)
			require.InDelta(t, f.Coefficients[1].Estimate.Value, g.Coefficients[1].Estimate.Value, 1e-7)
			require.InDelta(t, f.Coefficients[1].SE.Value, g.Coefficients[1].SE.Value, 1e-7)
			require.InDelta(t, f.LogLik.Value, g.LogLik.Value, 1e-7)
		}
	})
}

// The estimate is where the likelihood's derivative is 0, which differences of the likelihood confirm, or the boundary.
func TestTheLikeliestVarianceIsStationary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		effects, moderators := drawn(t)
		m, err := newPool(effects, moderators)
		require.NoError(t, err)
		for _, restricted := range []bool{true, false} {
			at := rapid.Float64Range(0.01, 5).Draw(t, "tau2")
			const h = 1e-5
			slope := (m.logLik(at+h, restricted) - m.logLik(at-h, restricted)) / h // twice the derivative
			require.InDelta(t, slope, m.slope(at, restricted), 1e-5*(1+math.Abs(slope)))
			best := m.likeliest(restricted)
			top := m.logLik(best, restricted)
			for step := range 200 {
				require.LessOrEqual(t, m.logLik(math.Exp(float64(step)/10-12), restricted), top+1e-9)
			}
			require.LessOrEqual(t, m.logLik(0, restricted), top)
			if best > 0 {
				require.InDelta(t, 0, m.slope(best, restricted)*best, 1e-8)
			}
		}
	})
}

func TestWhatCannotBePooledIsNamed(t *testing.T) {
	two := []Effect{{1, 1}, {2, 1}}
	for name, c := range map[string]struct {
		run   func() error
		kind  stats.Kind
		where string
	}{
		"one study": {func() error { _, err := Analyse(two[:1], nil, nil, []Estimator{REML}, 0.95); return err }, stats.TooFew, "studies"},
		"none":      {func() error { _, err := Analyse(nil, nil, []Estimator{FixedEffect}, nil, 0.95); return err }, stats.TooFew, "studies"},
		"two for a slope": {func() error {
			_, err := Analyse(two, []Moderator{{"x", []float64{1, 2}}}, random, nil, 0.95)
			return err
		}, stats.TooFew, "studies"},
		"a variance of 0":     {func() error { _, err := Analyse([]Effect{{1, 0}, {2, 1}}, nil, random, nil, 0.95); return err }, stats.BadInput, "variance"},
		"an effect not there": {func() error { _, err := Analyse([]Effect{{math.NaN(), 1}, {2, 1}}, nil, random, nil, 0.95); return err }, stats.NotFinite, "effect"},
		"effects all one": {func() error {
			_, err := Analyse([]Effect{{2, 2}, {2, 1}}, nil, []Estimator{SidikJonkman}, nil, 0.95)
			return err
		}, stats.Constant, "yi"},
		"no estimator": {func() error { _, err := Analyse(two, nil, []Estimator{"EB"}, nil, 0.95); return err }, stats.BadInput, "methods"},
		"level":        {func() error { _, err := Analyse(two, nil, random, nil, 95); return err }, stats.BadInput, "level"},
		"a moderator that does not vary": {func() error {
			_, err := Analyse(append(two, two...), []Moderator{{"x", []float64{1, 1, 1, 1}}}, random, nil, 0.95)
			return err
		}, stats.Collinear, "x"},
		"a moderator of another length": {func() error {
			_, err := Analyse(append(two, two...), []Moderator{{"x", []float64{1, 1}}}, random, nil, 0.95)
			return err
		}, stats.BadInput, "x"},
		"a moderator not there": {func() error {
			_, err := Analyse(append(two, two...), []Moderator{{"x", []float64{1, 2, math.NaN(), 1}}}, random, nil, 0.95)
			return err
		}, stats.NotFinite, "x"},
		"a negative count":    {func() error { _, err := LogRiskRatio.Compute([]float64{-1, 2, 3, 4}, 0); return err }, stats.BadInput, "ai"},
		"a group of nobody":   {func() error { _, err := LogOddsRatio.Compute([]float64{0, 0, 3, 4}, 0); return err }, stats.EmptyCell, "ai"},
		"the other of nobody": {func() error { _, err := LogOddsRatio.Compute([]float64{1, 2, 0, 0}, 0); return err }, stats.EmptyCell, "ci"},
		"one in a group":      {func() error { _, err := MeanDifference.Compute([]float64{1, 1, 1, 2, 2, 2}, 0); return err }, stats.BadInput, "n1i"},
		"no spread":           {func() error { _, err := MeanDifference.Compute([]float64{1, 1, 5, 2, 0, 2}, 0); return err }, stats.BadInput, "sd2i"},
		"a mean not there":    {func() error { _, err := MeanDifference.Compute([]float64{1, 1, 5, math.Inf(1), 1, 2}, 0); return err }, stats.NotFinite, "m2i"},
		"no measure":          {func() error { _, err := Measure("HR").Compute([]float64{1, 1}, 0); return err }, stats.BadInput, "measure"},
		"too few columns":     {func() error { _, err := LogRiskRatio.Compute([]float64{1, 1}, 0); return err }, stats.BadInput, "columns"},
		"an error of 0":       {func() error { _, err := PoolSites([]Site{{"north", 1, 0}, {"south", 1, 1}}, 0.95); return err }, stats.BadInput, "north"},
		"a site not there":    {func() error { _, err := PoolSites([]Site{{"north", 1, 1}, {"", math.NaN(), 1}}, 0.95); return err }, stats.NotFinite, "site 2"},
		"one site":            {func() error { _, err := PoolSites([]Site{{"north", 1, 1}}, 0.95); return err }, stats.TooFew, "studies"},
	} {
		t.Run(name, func(t *testing.T) {
			var failure *stats.Failure
			require.ErrorAs(t, c.run(), &failure)
			require.Equal(t, c.kind, failure.Kind, failure.Message)
			require.Equal(t, c.where, failure.Where, failure.Message)
		})
	}
}

func FuzzAnalyse(f *testing.F) {
	f.Add([]byte{10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120}, true, uint8(0))
	f.Add([]byte{0, 20, 0, 40, 50, 0, 70, 80, 0, 0, 110, 120, 3, 0, 0, 9}, false, uint8(1))
	f.Add([]byte("effects of several studies"), false, uint8(5))
	f.Fuzz(func(t *testing.T, b []byte, moderated bool, choice uint8) {
		measure := []Measure{LogRiskRatio, LogOddsRatio, RiskDifference, MeanDifference, StandardisedDifference, Given}[choice%6]
		width := len(measure.Columns())
		var effects []Effect
		m := Moderator{Name: "x"}
		for i := 0; i+width <= len(b) && len(effects) < 12; i += width {
			row := make([]float64, width)
			for j := range row {
				row[j] = float64(b[i+j] % 64)
			}
			e, err := measure.Compute(row, len(effects))
			if err != nil {
				statstest.RequireAnswer(t, nil, err)
				continue
			}
			effects, m.Values = append(effects, e), append(m.Values, float64(b[i]%8))
		}
		var moderators []Moderator
		if moderated {
			moderators = []Moderator{m}
		}
		r, err := Analyse(effects, moderators, append([]Estimator{FixedEffect}, random...), random, 0.95)
		statstest.RequireAnswer(t, r, err)
	})
}

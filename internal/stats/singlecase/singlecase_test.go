package singlecase

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/testkit/statstest"
)

// reference is testdata/series.json, which testdata/series.R wrote.
type reference struct {
	Trends map[string]struct {
		T, Y                                []float64
		Slope, Intercept, Sen, Lower, Upper stats.Number
		SenIntercept                        stats.Number `json:"sen_intercept"`
		Slopes                              int          `json:"n_slopes"`
		S                                   int
		VarS                                stats.Number `json:"var_s"`
		Z, P                                stats.Number
		TauB                                stats.Number `json:"tau_b"`
		SlopeSE                             stats.Number `json:"slope_se"`
		SlopeP                              stats.Number `json:"slope_p"`
		R2, DW                              stats.Number
	}
	Phases map[string]struct {
		A, B        list
		SAB         int `json:"s_ab"`
		SAA         int `json:"s_aa"`
		SBB         int `json:"s_bb"`
		NAP, Tau, P stats.Number
		PTies       stats.Number `json:"p_ties"`
		ZTrend      stats.Number `json:"z_trend"`
		ZFull       stats.Number `json:"z_full"`
	}
	Changes map[string]struct {
		T, Y              []float64
		G, Last           int
		SSE, Knot, Broken stats.Number
		Coef              []float64
	}
	Series map[string]struct {
		T, Y               []float64
		Method             string
		Rho, LogLik, Sigma float64
		B, SE              []float64
	}
}

// list reads numbers that R writes as a scalar where there is one.
type list []float64

func (l *list) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return json.Unmarshal(b, (*[]float64)(l))
	}
	*l = make(list, 1)
	return json.Unmarshal(b, &(*l)[0])
}

func read(t testing.TB) reference {
	file, err := os.ReadFile("testdata/series.json")
	require.NoError(t, err)
	var out reference
	require.NoError(t, json.Unmarshal(file, &out))
	return out
}

func near(t testing.TB, want, got stats.Number, what string) {
	t.Helper()
	require.Equal(t, want.Defined, got.Defined, what)
	require.InDelta(t, want.Value, got.Value, 1e-8*(1+math.Abs(want.Value)), what)
}

// R 4.2.2: lm, cor(method = "kendall"), and the definitions of Sen and Kendall in testdata/series.R. Where the points lie on
// a line, R's lm warns of an essentially perfect fit and its errors are rounding; here they are undefined.
func TestTrendsOfAwkwardSeriesEqualR(t *testing.T) {
	trends := read(t).Trends
	require.Len(t, trends, 8)
	for name, c := range trends {
		t.Run(name, func(t *testing.T) {
			r, err := FitTrend(c.T, c.Y, 0.95)
			require.NoError(t, err)
			near(t, c.Slope, r.OLS.Slope, "slope")
			near(t, c.Intercept, r.OLS.Intercept, "intercept")
			near(t, c.SlopeSE, r.OLS.SlopeSE, "se")
			near(t, c.SlopeP, r.OLS.SlopeP, "p")
			near(t, c.DW, r.OLS.DurbinWatson, "Durbin-Watson")
			if c.R2.Defined {
				near(t, c.R2, r.OLS.RSquared, "R2")
			}
			near(t, c.Sen, r.TheilSen.Slope, "Sen's slope")
			near(t, c.SenIntercept, r.TheilSen.Intercept, "Sen's intercept")
			near(t, c.Lower, r.TheilSen.Lower, "Sen's lower")
			near(t, c.Upper, r.TheilSen.Upper, "Sen's upper")
			require.Equal(t, c.Slopes, r.TheilSen.NSlopes)
			require.Equal(t, c.S, r.MannKendall.S)
			near(t, c.VarS, r.MannKendall.VarS, "variance of S")
			near(t, c.Z, r.MannKendall.Z, "z")
			near(t, c.P, r.MannKendall.PValue, "p of S")
			near(t, c.TauB, r.MannKendall.TauB, "tau-b")
		})
	}
}

// R 4.2.2: outer, combn and wilcox.test(b, a, exact = FALSE, correct = FALSE) in testdata/series.R.
func TestPhasesOfAwkwardSeriesEqualR(t *testing.T) {
	phases := read(t).Phases
	require.Len(t, phases, 5)
	for name, c := range phases {
		t.Run(name, func(t *testing.T) {
			r, err := ComparePhases(c.A, c.B)
			require.NoError(t, err)
			require.Equal(t, [3]int{c.SAB, c.SAA, c.SBB}, [3]int{r.SAB, r.SAA, r.SBB})
			near(t, c.NAP, r.NAP, "NAP")
			near(t, c.Tau, r.TauAB, "tau")
			near(t, c.P, r.TauABP, "p")
			near(t, c.PTies, r.TauABPTies, "p with ties")
			near(t, c.ZTrend, r.TauUZ, "z beside the trend")
			near(t, c.ZFull, r.TauUFullZ, "z beside both trends")
		})
	}
}

// Over all orders of the values there is no difference and no trend: the variances of the numerators are those used. By
// enumeration of the 720 orders of six different values.
func TestTheVariancesOfTauUAreThoseOfAllOrders(t *testing.T) {
	for _, na := range []int{2, 3, 4} {
		nb := 6 - na
		var ab, trend, full, count float64
		permute([]float64{1, 2, 3, 4, 5, 6}, 0, func(x []float64) {
			r, err := ComparePhases(x[:na], x[na:])
			require.NoError(t, err)
			ab += float64(r.SAB * r.SAB)
			trend += float64((r.SAB - r.SAA) * (r.SAB - r.SAA))
			full += float64((r.SAB - r.SAA + r.SBB) * (r.SAB - r.SAA + r.SBB))
			count++
		})
		r, err := ComparePhases([]float64{1, 2, 3, 4}[:na], []float64{5, 6, 7, 8}[:nb])
		require.NoError(t, err)
		require.InEpsilon(t, ab/count, math.Pow(float64(r.SAB)/r.TauABZ.Value, 2), 1e-12)
		require.InEpsilon(t, trend/count, math.Pow(float64(r.SAB-r.SAA)/r.TauUZ.Value, 2), 1e-12)
		require.InEpsilon(t, full/count, math.Pow(float64(r.SAB-r.SAA+r.SBB)/r.TauUFullZ.Value, 2), 1e-12)
	}
}

func permute(x []float64, from int, visit func([]float64)) {
	if from == len(x) {
		visit(x)
		return
	}
	for i := from; i < len(x); i++ {
		x[from], x[i] = x[i], x[from]
		permute(x, from+1, visit)
		x[from], x[i] = x[i], x[from]
	}
}

// R 4.2.2: sums of squares of every split, lm of every knot, in testdata/series.R.
func TestChangesOfAwkwardSeriesEqualR(t *testing.T) {
	changes := read(t).Changes
	require.Len(t, changes, 3)
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			r, err := FindChange(c.T, c.Y, c.G)
			require.NoError(t, err)
			require.Equal(t, c.Last, r.MeanShift.LastIndexBefore)
			near(t, c.SSE, r.MeanShift.SSE, "step")
			near(t, c.Knot, r.BrokenLine.Knot, "knot")
			near(t, c.Broken, r.BrokenLine.SSE, "broken line")
			near(t, stats.Of(c.Coef[0]), r.BrokenLine.Intercept, "intercept")
			near(t, stats.Of(c.Coef[1]), r.BrokenLine.SlopeBefore, "slope")
			near(t, stats.Of(c.Coef[2]), r.BrokenLine.SlopeChange, "bend")
		})
	}
}

// straight is the design of a line over steps of time, whose numbers are the rows.
func straight(t []float64) formula.Matrix {
	m := formula.Matrix{Names: []string{"(Intercept)", "t"}}
	for _, at := range t {
		m.X, m.Rows = append(m.X, 1, at), append(m.Rows, int(at))
	}
	return m
}

// R 4.2.2, nlme: gls(y ~ t, correlation = corAR1(form = ~ t)) with tolerances of 1e-12, which stops at 1e-6 or so; with gaps
// in t. gls multiplies standard errors under ML by sqrt(n / (n - p)).
func TestAutocorrelatedSeriesEqualR(t *testing.T) {
	all := read(t).Series
	require.Len(t, all, 4)
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			r, err := FitAR1(straight(c.T), c.Y, c.Method == "REML")
			require.NoError(t, err)
			n := float64(len(c.T))
			require.InEpsilon(t, c.LogLik, r.LogLik, 1e-9)
			require.InDelta(t, c.Rho, r.Rho, 2e-5)
			require.InEpsilon(t, c.Sigma, r.Sigma, 2e-5)
			for j, b := range c.B {
				se := r.Coefficients[j].SE.Value
				if c.Method == "ML" {
					se *= math.Sqrt(n / (n - 2))
				}
				require.InEpsilon(t, b, r.Coefficients[j].Estimate.Value, 1e-5)
				require.InEpsilon(t, c.SE[j], se, 1e-4)
			}
			require.Equal(t, name == "gaps", r.Gaps > 0)
		})
	}
}

func times(values []float64, by, plus float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = by*v + plus
	}
	return out
}

// A trend follows the units of time and value; tests of it do not, nor does the order of the rows matter.
func TestTrendsAreEquivariant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(4, 12).Draw(t, "n")
		var at, y []float64
		for i := range n {
			at = append(at, float64(i)+float64(rapid.IntRange(0, 1).Draw(t, "late")))
			y = append(y, float64(rapid.IntRange(-5, 5).Draw(t, "y"))+0.01*float64(i*i))
		}
		a, err := FitTrend(at, y, 0.9)
		require.NoError(t, err)
		b, err := FitTrend(times(at, 7, 3), times(y, -2, 5), 0.9)
		require.NoError(t, err)
		require.InDelta(t, -2.0/7*a.TheilSen.Slope.Value, b.TheilSen.Slope.Value, 1e-9)
		require.InDelta(t, -2.0/7*a.TheilSen.Upper.Value, b.TheilSen.Lower.Value, 1e-9)
		require.InDelta(t, -2.0/7*a.OLS.Slope.Value, b.OLS.Slope.Value, 1e-9)
		require.Equal(t, -a.MannKendall.S, b.MannKendall.S)
		require.Equal(t, a.MannKendall.PValue, b.MannKendall.PValue)
		k := rapid.IntRange(1, n-1).Draw(t, "turn")
		c, err := FitTrend(append(append([]float64{}, at[k:]...), at[:k]...), append(append([]float64{}, y[k:]...), y[:k]...), 0.9)
		require.NoError(t, err)
		require.InDelta(t, a.OLS.Slope.Value, c.OLS.Slope.Value, 1e-9)
		require.Equal(t, a.MannKendall, c.MannKendall)
	})
}

// Phases exchanged, or values turned round, change the sign of what lies between phases.
func TestPhasesAreAntisymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.SliceOfN(rapid.Float64Range(-5, 5), 1, 8)
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		plain, err := ComparePhases(a, b)
		require.NoError(t, err)
		turned, err := ComparePhases(b, a)
		require.NoError(t, err)
		require.Equal(t, plain.SAB, -turned.SAB)
		require.Equal(t, len(a)*len(b), plain.TauABPairs)
		require.InDelta(t, 1, plain.NAP.Value+turned.NAP.Value, 1e-12)
		require.Equal(t, plain.TauABP, turned.TauABP)
		scaled, err := ComparePhases(times(a, -1, 0), times(b, -1, 0))
		require.NoError(t, err)
		require.Equal(t, plain.SAB-plain.SAA, scaled.SAA-scaled.SAB)
		require.Equal(t, plain.PNDIncrease, scaled.PNDDecrease)
	})
}

func TestSeriesThatSayNothingAreNamed(t *testing.T) {
	up := []float64{1, 2, 3, 4, 5, 6}
	same := []float64{4, 4, 4, 4, 4, 4}
	hole := []float64{1, 2, math.NaN(), 4, 5, 6}
	odd := []float64{3, 1, 4, 1, 5, 9}
	trend := func(t, y []float64) func() error {
		return func() error { _, err := FitTrend(t, y, 0.95); return err }
	}
	change := func(t, y []float64, g int) func() error {
		return func() error { _, err := FindChange(t, y, g); return err }
	}
	ar := func(t, y []float64) func() error {
		return func() error { _, err := FitAR1(straight(t), y, true); return err }
	}
	phases := func(a, b []float64) func() error {
		return func() error { _, err := ComparePhases(a, b); return err }
	}
	for name, c := range map[string]struct {
		run   func() error
		kind  stats.Kind
		where string
	}{
		"two values":               {trend(up[:2], odd[:2]), stats.TooFew, "rows"},
		"times of another number":  {trend(up[:4], odd), stats.BadInput, "time"},
		"one time":                 {trend(same, odd), stats.OneLevel, "time"},
		"a constant trend":         {trend(up, same), stats.Constant, "response"},
		"a hole":                   {trend(up, hole), stats.NotFinite, "response"},
		"a level of 95":            {func() error { _, err := FitTrend(up, odd, 95); return err }, stats.BadInput, "level"},
		"no segment":               {change(up, odd, 0), stats.BadInput, "min_segment"},
		"segments too long":        {change(up, odd, 4), stats.TooFew, "rows"},
		"nothing changes":          {change(up, same, 2), stats.Constant, "response"},
		"a change at a hole":       {change(up, hole, 2), stats.NotFinite, "response"},
		"an empty phase":           {phases(nil, up), stats.EmptyCell, "phase"},
		"a phase with a hole":      {phases(up, hole), stats.NotFinite, "response"},
		"four values":              {ar(up[:4], odd[:4]), stats.TooFew, "rows"},
		"a constant series":        {ar(up, same), stats.Constant, "response"},
		"a line without errors":    {ar(up, up), stats.Constant, "response"},
		"a hole in a series":       {ar(up, hole), stats.NotFinite, "response"},
		"a line that stands":       {ar([]float64{3, 3, 3, 3, 3, 3}, odd), stats.Collinear, "t"},
		"rows out of order":        {ar([]float64{1, 2, 4, 3, 5, 6}, odd), stats.BadInput, "rows"},
		"values of another number": {func() error { _, err := FitAR1(straight(up), odd[:5], true); return err }, stats.BadInput, "response"},
	} {
		t.Run(name, func(t *testing.T) {
			var failure *stats.Failure
			require.ErrorAs(t, c.run(), &failure)
			require.Equal(t, c.kind, failure.Kind, failure.Message)
			require.Equal(t, c.where, failure.Where, failure.Message)
		})
	}
}

func FuzzSeries(f *testing.F) {
	f.Add([]byte{1, 10, 2, 20, 3, 15, 4, 30, 5, 22, 6, 41, 7, 33}, uint8(2))
	f.Add([]byte{1, 10, 1, 10, 1, 10, 1, 10, 1, 10}, uint8(1))
	f.Add([]byte("the scores of one person over some weeks"), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, segment uint8) {
		var at, y, steps []float64
		for i := 0; i+1 < len(b) && i < 120; i += 2 {
			at, y, steps = append(at, float64(b[i]%16)), append(y, float64(b[i+1]%64)), append(steps, float64(i+int(b[i]%2)))
		}
		trend, err := FitTrend(at, y, 0.95)
		statstest.RequireAnswer(t, trend, err)
		change, err := FindChange(at, y, int(segment)%6)
		statstest.RequireAnswer(t, change, err)
		phases, err := ComparePhases(y[:len(y)/3], y[len(y)/3:])
		statstest.RequireAnswer(t, phases, err)
		series, err := FitAR1(straight(steps), y, segment%2 == 0)
		statstest.RequireAnswer(t, series, err)
	})
}

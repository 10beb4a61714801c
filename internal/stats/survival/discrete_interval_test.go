package survival

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/testkit/statstest"
)

// visits draws times seen at visits, some of which are missed, with a covariate.
func visits(n int, missed float64, seed uint64) (times []Censored, x []float64) {
	random := rand.New(rand.NewPCG(seed, 2))
	for range n {
		z := 5 + random.NormFloat64()
		time := 20 * random.ExpFloat64() * math.Exp(-0.6*(z-5))
		c := Censored{Upper: math.Inf(1)}
		for visit := 10.0; visit <= 40; visit += 10 {
			if random.Float64() < missed {
				continue
			}
			if time <= visit {
				c.Upper = visit
				break
			}
			c.Lower = visit
		}
		times, x = append(times, c), append(x, z)
	}
	return times, x
}

// Identity: where no visit is missed the likelihood is that of the binomial model.
func TestIntervalsOfNeighbouringCutsAreTheBinomialModel(t *testing.T) {
	times, x := visits(200, 0, 3)
	s := Spells{Names: []string{"x"}, X: x}
	for _, c := range times {
		event := !math.IsInf(c.Upper, 1)
		if event {
			s.Stop = append(s.Stop, c.Upper)
		} else {
			s.Stop = append(s.Stop, c.Lower)
		}
		s.Event = append(s.Event, event)
	}
	cuts := []float64{0, 10, 20, 30, 40}
	want, err := FitDiscreteHazard(s, cuts, 0.95)
	require.NoError(t, err)
	got, err := FitDiscreteIntervals(times, []string{"x"}, x, cuts, 0.95)
	require.NoError(t, err)
	require.Equal(t, want.AtRisk, got.AtRisk)
	require.Equal(t, want.Events, got.Events)
	require.Equal(t, want.NPersonPeriods, got.NPersonPeriods)
	require.Zero(t, got.NSpanning)
	require.InDelta(t, want.LogLik.Value, got.LogLik.Value, 1e-8)
	for j, c := range want.Coefficients {
		require.InDelta(t, c.Estimate.Value, got.Coefficients[j].Estimate.Value, 1e-7)
		require.InEpsilon(t, c.SE.Value, got.Coefficients[j].SE.Value, 0.05, "observed against expected information")
	}
}

// R: nlm on the likelihood written out, radiotherapy's intervals (see turnbull_test.go) cut at 0, 8, 16, 26, 36, 44 months, x =
// 1.5 (i mod 3) + 10 by row number i; errors from second differences of it.
func TestIntervalsThatSpanCutsAreThoseOfALikelihoodInR(t *testing.T) {
	lower := []float64{0, 0, 0, 4, 5, 5, 6, 7, 7, 11, 11, 17, 17, 19, 18, 25, 26, 27, 36, 36, 37, 15, 17, 18, 22, 24, 24, 32, 33, 34, 36, 36, 37, 37, 37, 38, 40, 45, 46, 46, 46, 46, 46, 46, 46, 46}
	upper := []float64{7, 8, 5, 11, 12, 11, 10, 16, 14, 15, 18, 25, 25, 35, 26, 37, 40, 34, 44, 48, 44}
	var times []Censored
	var x []float64
	for i, l := range lower {
		c := Censored{Lower: l, Upper: math.Inf(1)}
		if i < len(upper) {
			c.Upper = upper[i]
		}
		times, x = append(times, c), append(x, 1.5*float64((i+1)%3)+10)
	}
	got, err := FitDiscreteIntervals(times, []string{"x"}, x, []float64{0, 8, 16, 26, 36, 44}, 0.95)
	require.NoError(t, err)
	require.InDelta(t, -50.303259013, got.LogLik.Value, 1e-7)
	require.Equal(t, 10, got.NSpanning)
	for j, want := range [][2]float64{{-1.2192795758906, 2.167293703383}, {-1.8081728914548, 2.253274964803}, {-1.1783866276341, 2.171871958880},
		{-1.9519091467091, 2.320680031521}, {-0.6024065653706, 2.193284521082}, {-0.0503151016568, 0.184860562527}} {
		require.InDelta(t, want[0], got.Coefficients[j].Estimate.Value, 1e-4, "nlm's accuracy along a flat direction")
		require.InEpsilon(t, want[1], got.Coefficients[j].SE.Value, 1e-4)
	}
}

func TestDerivativesOfTheIntervalLikelihoodAgreeWithFiniteDifferences(t *testing.T) {
	times, x := visits(80, 0.4, 5)
	f, err := newGrouped(times, []string{"x"}, x, []float64{0, 10, 20, 30, 40}, &DiscreteHazard{})
	require.NoError(t, err)
	theta := []float64{-1, -0.5, -1.5, -0.7, 0.4}
	at := f.evaluate(theta)
	const h = 1e-5
	for j := range theta {
		theta[j] += h
		above := f.evaluate(theta)
		theta[j] -= 2 * h
		below := f.evaluate(theta)
		theta[j] += h
		require.InDelta(t, (above.logLik-below.logLik)/(2*h), at.score[j], 1e-6*(1+math.Abs(at.score[j])))
		for k := range theta {
			bend := -(above.score[k] - below.score[k]) / (2 * h)
			require.InDelta(t, bend, at.info.At(j, k), 1e-6*(1+math.Abs(bend)))
		}
	}
}

// Recovery: a third of the visits missed, the log hazard ratio is 0.6.
func TestALogHazardRatioIsRecoveredWhenVisitsAreMissed(t *testing.T) {
	times, x := visits(3000, 0.33, 6)
	got, err := FitDiscreteIntervals(times, []string{"x"}, x, []float64{0, 10, 20, 30, 40}, 0.95)
	require.NoError(t, err)
	c := got.Coefficients[4]
	require.InDelta(t, 0.6, c.Estimate.Value, 3*c.SE.Value)
	require.Less(t, c.SE.Value, 0.05)
	require.Positive(t, got.NSpanning)
}

func TestWhereAnIntervalOfTheCutsBeginsAndEnds(t *testing.T) {
	cuts := []float64{0, 10, 20, 30}
	for _, c := range []struct {
		times Censored
		a, b  int
	}{
		{Censored{Lower: 0, Upper: 10}, 0, 1},
		{Censored{Lower: 10, Upper: 30}, 1, 3},
		{Censored{Lower: 12, Upper: 18}, 1, 2},
		{Censored{Lower: 12, Upper: 22}, 1, 3},
		{Censored{Lower: 10, Upper: 10}, 0, 1},
		{Censored{Lower: 15, Upper: 15}, 1, 2},
		{Censored{Lower: 0, Upper: 0}, 0, 0},
		{Censored{Lower: 20, Upper: math.Inf(1)}, 2, 2},
		{Censored{Lower: 25, Upper: 40}, 2, 2},
		{Censored{Lower: 40, Upper: 50}, 3, 3},
	} {
		a, b := within(c.times, cuts)
		require.Equal(t, []int{c.a, c.b}, []int{a, b}, "%v", c.times)
	}
}

// SR-121: what the intervals do not tell is named.
func TestSR121_WhatIntervalsDoNotTellIsNamed(t *testing.T) {
	whole := func() ([]Censored, []float64) { return visits(60, 0.2, 7) }
	for name, c := range map[string]struct {
		change func(times []Censored, x []float64) []float64 // gives the cuts
		kind   stats.Kind
		where  string
	}{
		"a cut that nobody uses":   {func([]Censored, []float64) []float64 { return []float64{0, 10, 15, 20, 30} }, stats.Collinear, "interval3"},
		"nobody in an interval":    {func(times []Censored, _ []float64) []float64 { return []float64{0, 10, 20, 30, 40, 50} }, stats.EmptyCell, "interval5"},
		"no event in an interval":  {func(times []Censored, _ []float64) []float64 { late(times); return []float64{0, 10, 20, 30, 40} }, stats.NoEvents, "interval4"},
		"a constant covariate":     {func(_ []Censored, x []float64) []float64 { fillConstant(x); return []float64{0, 10, 20} }, stats.OneLevel, "x"},
		"a covariate of no number": {func(_ []Censored, x []float64) []float64 { x[1] = math.NaN(); return []float64{0, 10, 20} }, stats.NotFinite, "x"},
		"an interval the wrong way": {func(times []Censored, _ []float64) []float64 {
			times[1] = Censored{Lower: 3, Upper: 2}
			return []float64{0, 10, 20}
		}, stats.BadInput, "time"},
		"cuts that do not rise": {func([]Censored, []float64) []float64 { return []float64{0, 0} }, stats.BadInput, "cuts"},
		"a covariate of the events": {func(times []Censored, x []float64) []float64 {
			for i, c := range times {
				x[i] = 0
				if c.Upper <= 10 {
					x[i] = 1
				}
			}
			return []float64{0, 10}
		}, stats.Separation, "x"},
	} {
		t.Run(name, func(t *testing.T) {
			times, x := whole()
			cuts := c.change(times, x)
			_, err := FitDiscreteIntervals(times, []string{"x"}, x, cuts, 0.95)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

// late lets events be known only up to 30.
func late(times []Censored) {
	for i, c := range times {
		if c.Upper > 30 && !math.IsInf(c.Upper, 1) {
			times[i] = Censored{Lower: 40, Upper: math.Inf(1)}
		}
	}
}

func fillConstant(x []float64) {
	for i := range x {
		x[i] = 3
	}
}

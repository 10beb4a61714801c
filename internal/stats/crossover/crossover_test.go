package crossover

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
	"afterglow/internal/testkit/statstest"
)

// senn is the trial of formoterol (A) and salbutamol (B) in 13 children, peak expiratory flow in l/min: Senn 2002, Cross-over
// Trials in Clinical Research, second edition, table 3.1.
func senn() []Subject {
	var out []Subject
	for _, v := range [][2]float64{{310, 270}, {310, 260}, {370, 300}, {410, 390}, {250, 210}, {380, 350}, {330, 365}} {
		out = append(out, Subject{AB, stats.Of(v[0]), stats.Of(v[1])})
	}
	for _, v := range [][2]float64{{370, 385}, {310, 400}, {380, 410}, {290, 320}, {260, 340}, {90, 220}} {
		out = append(out, Subject{BA, stats.Of(v[0]), stats.Of(v[1])})
	}
	return out
}

func near(t *testing.T, want []float64, got stats.Estimate) {
	t.Helper()
	for i, n := range []stats.Number{got.Estimate, got.SE, got.Statistic, got.PValue, got.Lower, got.Upper} {
		require.True(t, n.Defined)
		require.InEpsilon(t, want[i], n.Value, 1e-9)
	}
}

// Published: 46.6 l/min (standard error 10.8) in favour of A. The digits are R 4.2.2's: t.test(I((y1 - y2)/2) ~ seq,
// var.equal = TRUE); lm(y ~ id + A + period); t.test(I(y1 + y2) ~ seq, var.equal = TRUE); t.test(y1 ~ seq, var.equal = TRUE).
func TestThePublishedTrialOfTwoBronchodilators(t *testing.T) {
	r, err := Compare(senn(), 0.95)
	require.NoError(t, err)
	near(t, []float64{46.60714285714286120, 10.77655964517542664, 4.32486288683127906, 0.00120484753982699, 22.88809500126932761, 70.32619071301638769}, r.Treatment)
	near(t, []float64{15.8928571428572, 10.7765596451754, 1.47476167405358, 0.16831407857052530, -7.82619071301634, 39.6119049987307}, r.Period)
	near(t, []float64{14.404761904761926, 80.405292613046640, 0.179151911977802, 0.861075636555344, -162.566093929379605, 191.375617738903458}, r.CarryOver)
	near(t, []float64{53.809523809523853, 45.283868389781169, 1.188271358496983, 0.259748877854342, -45.859598507927359, 153.478646126975036}, r.FirstPeriod)
	require.InEpsilon(t, 27.3935365397724, r.WithinSD.Value, 1e-9)
	require.InDelta(t, 11, r.Treatment.DF.Value, 0)
	require.Equal(t, 13, r.N)
}

// Identity: with both responses of everyone, the mixed model with a random subject gives the same treatment and period effects.
func TestAMixedModelWithARandomSubjectAgrees(t *testing.T) {
	subjects := senn()
	frame := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
	for i, s := range subjects {
		for period, y := range []stats.Number{s.First, s.Second} {
			a := 0.0
			if (s.Order == AB) == (period == 0) {
				a = 1
			}
			frame.Numbers["y"] = append(frame.Numbers["y"], y)
			frame.Numbers["a"] = append(frame.Numbers["a"], stats.Of(a))
			frame.Numbers["period"] = append(frame.Numbers["period"], stats.Of(float64(period)))
			frame.Texts["id"] = append(frame.Texts["id"], string(rune('a'+i)))
		}
	}
	fit, err := mixed.FitRandom(mixed.RandomModel{Formula: "y ~ a + period + (1 | id)", Method: mixed.REML, Level: 0.95}, frame)
	require.NoError(t, err)
	m, err := fit.Result(nil, nil, nil)
	require.NoError(t, err)
	r, err := Compare(subjects, 0.95)
	require.NoError(t, err)
	for i, e := range []stats.Estimate{r.Treatment, r.Period} {
		require.InEpsilon(t, e.Estimate.Value, m.Fixed[i+1].Estimate, 1e-7)
		require.InEpsilon(t, e.SE.Value, m.Fixed[i+1].SE, 1e-6)
		require.InEpsilon(t, e.DF.Value, m.Fixed[i+1].DF.Value, 1e-5)
	}
	require.InEpsilon(t, r.WithinSD.Value, m.Random.Sigma, 1e-6)
}

func draw(t *rapid.T) []Subject {
	var out []Subject
	for _, order := range []Order{AB, BA} {
		for range rapid.IntRange(2, 8).Draw(t, "n") {
			out = append(out, Subject{order, stats.Of(rapid.Float64Range(-50, 50).Draw(t, "first")), stats.Of(rapid.Float64Range(-50, 50).Draw(t, "second"))})
		}
	}
	return out
}

// A shift of one period moves the period effect alone; names exchanged turn the treatment effect round.
func TestPeriodsAndNamesOfTreatmentsSeparate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subjects := draw(t)
		r, err := Compare(subjects, 0.9)
		if err != nil {
			return
		}
		shifted, turned := make([]Subject, len(subjects)), make([]Subject, len(subjects))
		for i, s := range subjects {
			shifted[i] = Subject{s.Order, s.First, stats.Of(s.Second.Value + 7)}
			turned[i] = Subject{map[Order]Order{AB: BA, BA: AB}[s.Order], s.First, s.Second}
		}
		a, err := Compare(shifted, 0.9)
		require.NoError(t, err)
		require.InDelta(t, r.Treatment.Estimate.Value, a.Treatment.Estimate.Value, 1e-9)
		require.InDelta(t, r.Period.Estimate.Value+7, a.Period.Estimate.Value, 1e-9)
		require.InDelta(t, r.CarryOver.Estimate.Value, a.CarryOver.Estimate.Value, 1e-9)
		b, err := Compare(turned, 0.9)
		require.NoError(t, err)
		require.InDelta(t, -r.Treatment.Estimate.Value, b.Treatment.Estimate.Value, 1e-9)
		require.InDelta(t, r.Period.Estimate.Value, b.Period.Estimate.Value, 1e-9)
		require.InDelta(t, -r.CarryOver.Estimate.Value, b.CarryOver.Estimate.Value, 1e-9)
	})
}

// Truth: treatment 3, period 1, carry-over of A 0 and of B 0, and then carry-over 2 after A, which halves into the treatment effect.
func TestASimulatedTruthIsRecovered(t *testing.T) {
	for _, carry := range []float64{0, 2} {
		source := rand.New(rand.NewPCG(1, 2))
		var subjects []Subject
		for i := range 20000 {
			level := 5 * source.NormFloat64()
			s := Subject{Order: AB, First: stats.Of(level + 3 + source.NormFloat64()), Second: stats.Of(level + 1 + carry + source.NormFloat64())}
			if i%2 == 1 {
				s = Subject{Order: BA, First: stats.Of(level + source.NormFloat64()), Second: stats.Of(level + 3 + 1 + source.NormFloat64())}
			}
			subjects = append(subjects, s)
		}
		r, err := Compare(subjects, 0.95)
		require.NoError(t, err)
		within := func(truth float64, e stats.Estimate) {
			t.Helper()
			require.Less(t, math.Abs(e.Estimate.Value-truth), 4*e.SE.Value)
		}
		within(3-carry/2, r.Treatment)
		within(1+carry/2, r.Period)
		within(carry, r.CarryOver)
		within(3, r.FirstPeriod)
		require.InDelta(t, 1, r.WithinSD.Value, 0.03)
		require.InDelta(t, 25, r.BetweenVariance.Value, 1.2)
	}
}

// SR-121: what cannot be estimated is named.
func TestSR121_WhatCannotBeComparedIsNamed(t *testing.T) {
	one := func(order Order, a, b float64) Subject { return Subject{order, stats.Of(a), stats.Of(b)} }
	cases := []struct {
		name     string
		subjects []Subject
		level    float64
		kind     stats.Kind
		where    string
	}{
		{"a level of 95", senn(), 95, stats.BadInput, "level"},
		{"nobody", nil, 0.95, stats.EmptyCell, "order AB"},
		{"one order only", senn()[:7], 0.95, stats.EmptyCell, "order BA"},
		{"another order", []Subject{one("ABA", 1, 2)}, 0.95, stats.BadInput, "order"},
		{"two subjects", []Subject{one(AB, 1, 2), one(BA, 1, 4)}, 0.95, stats.TooFew, "subjects"},
		{"the same difference within each order", []Subject{one(AB, 1, 2), one(AB, 2, 3), one(BA, 1, 4), one(BA, 2, 5)}, 0.95, stats.Constant, "differences"},
		{"no number", []Subject{{AB, stats.Number{Value: math.NaN(), Defined: true}, stats.Of(1)}}, 0.95, stats.NotFinite, "response"},
		{"an enormous number", []Subject{one(AB, 1e300, 1)}, 0.95, stats.NotFinite, "response"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Compare(c.subjects, c.level)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

// Sums or first responses without spread do not hide the treatment effect.
func TestWhatDoesNotVaryIsLeftUntestedAndSaid(t *testing.T) {
	one := func(order Order, a, b float64) Subject { return Subject{order, stats.Of(a), stats.Of(b)} }
	r, err := Compare([]Subject{one(AB, 1, 2), one(AB, 2, 1), one(BA, 1, 4), one(BA, 2, 3)}, 0.95)
	require.NoError(t, err)
	require.True(t, r.Treatment.PValue.Defined)
	require.False(t, r.CarryOver.PValue.Defined)
	require.Len(t, r.Notes, 3)
	r, err = Compare([]Subject{one(AB, 1, 2), one(AB, 1, 3), one(BA, 1, 4), one(BA, 1, 7)}, 0.95)
	require.NoError(t, err)
	require.True(t, r.Treatment.PValue.Defined)
	require.False(t, r.FirstPeriod.PValue.Defined)
}

func TestSubjectsWithOnePeriodAreCounted(t *testing.T) {
	r, err := Compare(append(senn(), Subject{Order: AB, First: stats.Of(400)}), 0.95)
	require.NoError(t, err)
	require.Equal(t, 1, r.NIncomplete)
	require.Equal(t, 13, r.N)
	require.Len(t, r.Notes, 3)
}

// Any small data set gives either a failure with a place or a result that JSON can hold.
func FuzzCompare(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 200})
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var subjects []Subject
		for i := 0; i+1 < len(data) && i < 60; i += 2 {
			s := Subject{Order: []Order{AB, BA}[data[i]%2], First: stats.Of(float64(data[i] / 2)), Second: stats.Of(float64(data[i+1]))}
			if data[i+1]%11 == 0 {
				s.Second = stats.Number{}
			}
			subjects = append(subjects, s)
		}
		r, err := Compare(subjects, 0.95)
		if !statstest.RequireAnswer(t, r, err) {
			return
		}
		require.True(t, r.Treatment.PValue.Defined)
	})
}

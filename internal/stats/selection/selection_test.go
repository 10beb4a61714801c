package selection

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/testkit/statstest"
)

func known(x float64) *Known { return &Known{Value: x} }

func entry() Entry {
	return Entry{Cutoff: 20, Side: Above, Reliability: Known{Value: 0.8}, Mean: known(15), SD: known(5), Level: 0.95}
}

// clinic draws subjects until n have entered; both measurements are level plus error, and nothing changes but by fall.
func clinic(source *rand.Rand, e Entry, mean, sd, fall float64, n int) []Pair {
	rel := e.Reliability.Value
	var pairs []Pair
	for len(pairs) < n {
		level := mean + sd*math.Sqrt(rel)*source.NormFloat64()
		one := func() float64 { return level + sd*math.Sqrt(1-rel)*source.NormFloat64() }
		x := 0.0
		k := max(e.Measurements, 1)
		for range k {
			x += one() / float64(k)
		}
		if (x > e.Cutoff) == (e.Side == Above) {
			pairs = append(pairs, Pair{stats.Of(x), stats.Of(one() - fall)})
		}
	}
	return pairs
}

// The closed form by hand: z = 1, h(1) = 0.2419707/0.1586553 = 1.5251353; E[X1] = 22.6257, fall = 0.2 * 5 * h. R: dnorm(1) /
// pnorm(1, lower = FALSE).
func TestTheClosedForm(t *testing.T) {
	r, err := Expected(entry())
	require.NoError(t, err)
	h := 1.525135276160981
	require.InEpsilon(t, h, r.Expected.Estimate.Value, 1e-12)
	require.InEpsilon(t, 15+5*h, r.Population.MeanBeyond.Value, 1e-12)
	require.InEpsilon(t, 15+4*h, r.Population.MeanLater.Value, 1e-12)
	require.InEpsilon(t, 0.15865525393145707, r.Population.ProportionBeyond.Value, 1e-12)
	require.False(t, r.Expected.SE.Defined, "everything was taken as exact")
	require.InEpsilon(t, hazard(25), hazard(25+1e-9), 1e-9, "the tail's two forms meet")
}

// Davis 1976 in his own terms: with variances b between and w within subjects and k measurements at entry, the fall is
// (w/k) / sqrt(b + w/k) times the hazard.
func TestDavisFormulaForSeveralMeasurementsAtEntry(t *testing.T) {
	for k := 1; k <= 5; k++ {
		e := entry()
		e.Measurements = k
		r, err := Expected(e)
		require.NoError(t, err)
		b, w := 0.8*25, 0.2*25/float64(k)
		sd := math.Sqrt(b + w)
		require.InEpsilon(t, w/sd*hazard((20-15)/sd), r.Expected.Estimate.Value, 1e-12)
	}
}

// Truth by simulation: no treatment at all, and still a fall.
func TestAnUntreatedClinicFallsAsExpected(t *testing.T) {
	source := rand.New(rand.NewPCG(3, 4))
	for _, side := range []Side{Above, Below} {
		for _, k := range []int{1, 3} {
			e := entry()
			e.Side, e.Measurements = side, k
			pairs := clinic(source, e, 15, 5, 0, 40000)
			r, err := Compare(e, pairs)
			require.NoError(t, err)
			require.Less(t, math.Abs(r.Excess.Estimate.Value), 4*r.Excess.SE.Value, "%s %d", side, k)
			require.Less(t, math.Abs(r.ExcessMean.Estimate.Value), 4*r.ExcessMean.SE.Value, "%s %d", side, k)
			e.Mean, e.SD = nil, nil
			r, err = Compare(e, pairs)
			require.NoError(t, err)
			require.Less(t, math.Abs(r.Excess.Estimate.Value), 4*r.Excess.SE.Value, "%s %d", side, k)
			require.Less(t, math.Abs(r.Population.Mean.Value-15), 4*r.Population.MeanSE.Value)
		}
	}
}

// A true fall of 3 is what remains, and over 400 clinics of 60 the standard error is the spread of what remains; the population
// is drawn anew too, as a sample of 200.
func TestTheErrorOfTheExcessIsItsSpread(t *testing.T) {
	source := rand.New(rand.NewPCG(5, 6))
	for _, given := range []bool{true, false} {
		var excess, errorsOf, mean []float64
		for range 400 {
			e := entry()
			e.Cutoff = 14
			n := 300
			if given {
				n = 60
				population := make([]float64, 200)
				for i := range population {
					population[i] = 15 + 5*source.NormFloat64()
				}
				m, sd := stat.MeanStdDev(population, nil)
				e.Mean, e.SD = &Known{m, stats.Of(sd / math.Sqrt(200))}, &Known{sd, stats.Of(sd / math.Sqrt(398))}
			} else {
				e.Mean, e.SD = nil, nil
			}
			r, err := Compare(e, clinic(source, entryAt(14), 15, 5, 3, n))
			require.NoError(t, err)
			excess, errorsOf, mean = append(excess, r.Excess.Estimate.Value), append(errorsOf, r.Excess.SE.Value), append(mean, r.ExcessMean.Estimate.Value)
		}
		m, sd := stat.MeanStdDev(excess, nil)
		require.InDelta(t, 3, m, 4*sd/20)
		require.InDelta(t, 3, stat.Mean(mean, nil), 0.1)
		// a standard deviation of 400 values has a relative error of 1/sqrt(800) = 0.035
		require.InEpsilon(t, sd, stat.Mean(errorsOf, nil), 0.14, "given %t", given)
	}
}

func entryAt(cutoff float64) Entry {
	e := entry()
	e.Cutoff = cutoff
	return e
}

// The gradients that the errors use, against finite differences.
func TestTheGradientIsThatOfTheFall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := moments{mean: rapid.Float64Range(-3, 3).Draw(t, "mean"), sd: rapid.Float64Range(0.5, 3).Draw(t, "sd"), r: rapid.Float64Range(0, 1).Draw(t, "r"), cutoff: 1}
		g := m.fall()
		const step = 1e-5
		slope := func(move func(*moments, float64)) float64 {
			up, down := m, m
			move(&up, step)
			move(&down, -step)
			return (up.fall().value - down.fall().value) / (2 * step)
		}
		require.InDelta(t, slope(func(m *moments, d float64) { m.mean += d }), g.mean, 1e-6)
		require.InDelta(t, slope(func(m *moments, d float64) { m.sd += d }), g.sd, 1e-6)
		require.InDelta(t, slope(func(m *moments, d float64) { m.r += d }), g.r, 1e-6)
	})
}

// The truncated normal's likelihood is flat at the estimate, and the mean it expects beyond the cut-off is the sample's.
func TestTheTruncatedFitIsAMaximum(t *testing.T) {
	e := entryAt(16)
	e.Mean, e.SD = nil, nil
	s, err := e.sample(clinic(rand.New(rand.NewPCG(7, 8)), e, 15, 5, 0, 200))
	require.NoError(t, err)
	m, err := e.truncated(s.baseline)
	require.NoError(t, err)
	likelihood := func(mean, sd float64) float64 {
		sum := 0.0
		for _, x := range s.baseline {
			u := (x - mean) / sd
			sum -= u*u/2 + math.Log(sd) + math.Log(math.Erfc((16-mean)/sd/math.Sqrt2)/2)
		}
		return sum
	}
	best := likelihood(m.mean, m.sd)
	for _, d := range []float64{-0.01, 0.01} {
		require.Less(t, likelihood(m.mean+d, m.sd), best)
		require.Less(t, likelihood(m.mean, m.sd+d), best)
		require.Less(t, likelihood(m.mean+d, m.sd-d), best)
	}
	require.InEpsilon(t, stat.Mean(s.baseline, nil), m.mean+m.sd*hazard((16-m.mean)/m.sd), 1e-9)
}

// Units and the mirror: a scale turned round with its cut-off gives the same falls.
func TestTheMirrorImageGivesTheSameFalls(t *testing.T) {
	e := entryAt(14)
	pairs := clinic(rand.New(rand.NewPCG(9, 1)), e, 15, 5, 2, 50)
	a, err := Compare(e, pairs)
	require.NoError(t, err)
	turned := make([]Pair, len(pairs))
	for i, p := range pairs {
		turned[i] = Pair{stats.Of(-2 * p.Baseline.Value), stats.Of(-2 * p.Later.Value)}
	}
	e.Side, e.Cutoff, e.Mean, e.SD = Below, -28, known(-30), known(10)
	b, err := Compare(e, turned)
	require.NoError(t, err)
	for _, both := range [][2]stats.Estimate{{a.Expected, b.Expected}, {a.Observed, b.Observed}, {a.Excess, b.Excess}, {a.GivenMean, b.GivenMean}} {
		require.InEpsilon(t, 2*both[0].Estimate.Value, both[1].Estimate.Value, 1e-10)
		require.InDelta(t, 2*both[0].SE.Value, both[1].SE.Value, 1e-9)
	}
}

func TestAPerfectMeasurementHasNothingToRegress(t *testing.T) {
	e := entry()
	e.Reliability.Value = 1
	r, err := Expected(e)
	require.NoError(t, err)
	require.Zero(t, r.Expected.Estimate.Value)
}

// SR-121: what cannot be estimated is named.
func TestSR121_WhatCannotBeSaidOfSelectionIsNamed(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	good := clinic(rand.New(rand.NewPCG(2, 2)), entry(), 15, 5, 1, 20)
	cases := []struct {
		name   string
		change func(*Entry)
		pairs  []Pair
		kind   stats.Kind
		where  string
	}{
		{"a level of 95", func(e *Entry) { e.Level = 95 }, good, stats.BadInput, "level"},
		{"no side", func(e *Entry) { e.Side = "" }, good, stats.BadInput, "side"},
		{"no cut-off", func(e *Entry) { e.Cutoff = inf }, good, stats.NotFinite, "cutoff"},
		{"a reliability of 2", func(e *Entry) { e.Reliability.Value = 2 }, good, stats.BadInput, "reliability"},
		{"a reliability that is no number", func(e *Entry) { e.Reliability.Value = nan }, good, stats.BadInput, "reliability"},
		{"a negative error", func(e *Entry) { e.Reliability.SE = stats.Of(-1) }, good, stats.BadInput, "reliability"},
		{"a mean without a spread", func(e *Entry) { e.SD = nil }, good, stats.BadInput, "population"},
		{"a mean that is no number", func(e *Entry) { e.Mean = known(nan) }, good, stats.NotFinite, "population"},
		{"a spread of zero", func(e *Entry) { e.SD = known(0) }, good, stats.BadInput, "population sd"},
		{"a cut-off out of this world", func(e *Entry) { e.Cutoff = 1000 }, good, stats.BadInput, "cutoff"},
		{"measurements below none", func(e *Entry) { e.Measurements = -1 }, good, stats.BadInput, "measurements"},
		{"subjects that did not qualify", nil, append([]Pair{{stats.Of(3), stats.Of(2)}}, good...), stats.BadInput, "cutoff"},
		{"nobody", nil, nil, stats.TooFew, "pairs"},
		{"falls without spread", nil, []Pair{{stats.Of(21), stats.Of(20)}, {stats.Of(22), stats.Of(21)}}, stats.Constant, "pairs"},
		{"no number", nil, []Pair{{stats.Number{Value: nan, Defined: true}, stats.Of(20)}}, stats.NotFinite, "pairs"},
		{"baselines without spread", func(e *Entry) { e.Mean, e.SD = nil, nil }, []Pair{{stats.Of(22), stats.Of(20)}, {stats.Of(22), stats.Of(21)}}, stats.Constant, "baseline"},
		{"baselines with a heavy tail", func(e *Entry) { e.Mean, e.SD = nil, nil },
			[]Pair{{stats.Of(20.1), stats.Of(20)}, {stats.Of(20.2), stats.Of(21)}, {stats.Of(90), stats.Of(21)}}, stats.NotConverged, "baseline"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			e := entry()
			if c.change != nil {
				c.change(&e)
			}
			_, err := Compare(e, c.pairs)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
	e := entry()
	e.Mean, e.SD = nil, nil
	_, err := Expected(e)
	require.Error(t, err, "nothing to expect from")
}

// Any small data set gives either a failure with a place or a result that JSON can hold.
func FuzzCompare(f *testing.F) {
	f.Add([]byte{120, 20, 130, 33, 144, 60, 121, 2}, uint8(0))
	f.Add([]byte{101, 101, 110, 101, 250, 101}, uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		e := Entry{Cutoff: 100, Side: []Side{Above, Below}[choice%2], Reliability: Known{Value: float64(choice) / 255}, Level: 0.95, Measurements: int(choice) % 4}
		if choice%3 == 0 {
			e.Mean, e.SD = known(float64(choice)), known(float64(choice%50))
		}
		var pairs []Pair
		for i := 0; i+1 < len(data) && i < 60; i += 2 {
			p := Pair{stats.Of(float64(data[i])), stats.Of(float64(data[i+1]))}
			if data[i+1]%13 == 0 {
				p.Later = stats.Number{}
			}
			pairs = append(pairs, p)
		}
		r, err := Compare(e, pairs)
		if !statstest.RequireAnswer(t, r, err) {
			return
		}
		require.True(t, r.Expected.Estimate.Defined && r.Excess.PValue.Defined)
	})
}

package survival_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
	"afterglow/internal/testkit/statstest"
)

func competing(t *rapid.T) []survival.CompetingRow {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) survival.CompetingRow {
		return survival.CompetingRow{Time: float64(rapid.IntRange(1, 20).Draw(t, "day")), Cause: rapid.IntRange(0, 2).Draw(t, "cause"), Group: rapid.IntRange(0, 1).Draw(t, "group")}
	}), 2, 60).Draw(t, "rows")
}

// The incidences of all causes and the share without an event sum to 1; with one cause the incidence is 1 minus Kaplan and
// Meier's curve, Greenwood's error with it.
func TestIncidencesAndTheEventFreeShareSumToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := competing(t)
		for i := range rows {
			rows[i].Group = 0
		}
		at := []float64{1, 5, 10}
		got, err := survival.Incidences(rows, []string{"a", "b"}, []string{"all"}, at, 0.95)
		require.NoError(t, err)
		var subjects []survival.Observation
		for i := range rows {
			subjects = append(subjects, survival.Observation{Time: rows[i].Time, Event: rows[i].Cause > 0, Group: "all"})
			rows[i].Cause = min(rows[i].Cause, 1)
		}
		for k := range at {
			g := got.Groups[0]
			if g.EventFree[k].Surv.Defined {
				require.InDelta(t, 1, g.EventFree[k].Surv.Value+g.Causes[0].Rows[k].CIF.Value+g.Causes[1].Rows[k].CIF.Value, 1e-12)
			}
		}
		one, err := survival.Incidences(rows, []string{"any"}, []string{"all"}, at, 0.95)
		require.NoError(t, err)
		groups, err := survival.Tally(subjects, []string{"all"})
		require.NoError(t, err)
		km, err := survival.KaplanMeier(groups, survival.Options{At: at, Level: 0.95})
		require.NoError(t, err)
		for k, p := range km.Groups[0].At {
			incidence := one.Groups[0].Causes[0].Rows[k]
			require.Equal(t, p.Surv.Defined, incidence.CIF.Defined)
			if p.Surv.Defined {
				require.InDelta(t, 1-p.Surv.Value, incidence.CIF.Value, 1e-12)
			}
			if p.SE.Defined {
				require.InDelta(t, p.SE.Value, incidence.SE.Value, 1e-10)
			}
		}
	})
}

func TestGraysTestIsInvariant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := competing(t)
		first, errFirst := survival.Incidences(rows, []string{"a", "b"}, []string{"x", "y"}, nil, 0.95)
		for i := range rows {
			rows[i].Time *= 1000
			rows[i].Group = 1 - rows[i].Group
		}
		second, errSecond := survival.Incidences(rows, []string{"a", "b"}, []string{"y", "x"}, nil, 0.95)
		require.Equal(t, errFirst == nil, errSecond == nil)
		if errFirst == nil {
			for k := range first.GrayTest {
				require.InDelta(t, first.GrayTest[k].ChiSq.Value, second.GrayTest[k].ChiSq.Value, 1e-7*(1+first.GrayTest[k].ChiSq.Value))
			}
		}
	})
}

// Identity: without another cause Fine and Gray's estimate is Cox's with Breslow's ties.
func TestWithoutAnotherCauseFineAndGrayIsCox(t *testing.T) {
	s, _, _ := lungWeighted(t)
	s.Weight = nil
	cause := make([]int, len(s.Stop))
	for i, e := range s.Event {
		if e {
			cause[i] = 1
		}
	}
	got, err := survival.FitFineGray(s.Stop, cause, s.Names, s.X, 0.95)
	require.NoError(t, err)
	cox, err := survival.FitCox(s, survival.Breslow)
	require.NoError(t, err)
	for j, c := range got.Coefficients {
		near(t, cox.Beta[j], c.Estimate.Value, 1e-9)
	}
	near(t, cox.LogLik, got.LogLik.Value, 1e-10)
}

// SR-121: competing events of which no incidence, no test or no model can be given are named.
func TestSR121_CompetingEventsThatSayNothingAreNamed(t *testing.T) {
	rows := func() []survival.CompetingRow {
		return []survival.CompetingRow{{1, 1, 0}, {2, 2, 0}, {3, 0, 0}, {4, 1, 1}, {5, 2, 1}, {6, 0, 1}}
	}
	for name, c := range map[string]struct {
		change func([]survival.CompetingRow)
		level  float64
		kind   stats.Kind
		where  string
	}{
		"a negative time":         {func(r []survival.CompetingRow) { r[0].Time = -1 }, 0.95, stats.NotFinite, "time"},
		"no number":               {func(r []survival.CompetingRow) { r[0].Time = math.NaN() }, 0.95, stats.NotFinite, "time"},
		"a third cause":           {func(r []survival.CompetingRow) { r[0].Cause = 3 }, 0.95, stats.BadInput, "event"},
		"a third group":           {func(r []survival.CompetingRow) { r[0].Group = 2 }, 0.95, stats.BadInput, "group"},
		"a group without anybody": {func(r []survival.CompetingRow) { r[3].Group, r[4].Group, r[5].Group = 0, 0, 0 }, 0.95, stats.EmptyCell, "y"},
		"no event by a cause":     {func(r []survival.CompetingRow) { r[1].Cause, r[4].Cause = 0, 0 }, 0.95, stats.NoEvents, "event"},
		"groups apart in time": {func(r []survival.CompetingRow) {
			r[0].Time, r[1].Time, r[2].Time = 10, 11, 0
			r[0].Cause, r[1].Cause = 0, 0
		}, 0.95, stats.TooFew, "group"},
		"a level of 95": {func([]survival.CompetingRow) {}, 95, stats.BadInput, "level"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "groups apart in time" {
				_, err := survival.Incidences([]survival.CompetingRow{{1, 0, 0}, {2, 1, 1}, {3, 2, 1}}, []string{"a", "b"}, []string{"x", "y"}, []float64{2}, c.level)
				statstest.RequireFailure(t, err, c.kind, c.where)
				return
			}
			data := rows()
			c.change(data)
			_, err := survival.Incidences(data, []string{"a", "b"}, []string{"x", "y"}, []float64{2}, c.level)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

func TestSR121_WhatHasNoFineGrayFitIsNamed(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for name, c := range map[string]struct {
		change func(time []float64, cause []int, x []float64)
		kind   stats.Kind
		where  string
	}{
		"no event by the cause": {func(_ []float64, cause []int, _ []float64) {
			for i := range cause {
				cause[i] = 2 * (i % 2)
			}
		}, stats.NoEvents, "event"},
		"a cause that is none": {func(_ []float64, cause []int, _ []float64) { cause[3] = -1 }, stats.BadInput, "event"},
		"a negative time":      {func(time []float64, _ []int, _ []float64) { time[3] = -1 }, stats.BadInput, "time"},
		"no number":            {func(_ []float64, _ []int, x []float64) { x[7] = math.NaN() }, stats.NotFinite, "b"},
		"a constant column":    {func(_ []float64, _ []int, x []float64) { fill(x, 0, func(int) float64 { return 1 }) }, stats.OneLevel, "a"},
		"a column twice":       {func(_ []float64, _ []int, x []float64) { fill(x, 1, func(i int) float64 { return 3 * x[2*i] }) }, stats.Collinear, "b"},
		"separation": {func(_ []float64, cause []int, x []float64) {
			fill(x, 1, func(i int) float64 {
				if cause[i] == 1 {
					return 0
				}
				return float64(i % 2)
			})
		}, stats.Separation, "b"},
	} {
		t.Run(name, func(t *testing.T) {
			var time, x []float64
			var cause []int
			for range 60 {
				time, cause = append(time, math.Ceil(10*random.ExpFloat64())), append(cause, random.IntN(3))
				x = append(x, random.NormFloat64(), random.NormFloat64())
			}
			c.change(time, cause, x)
			_, err := survival.FitFineGray(time, cause, []string{"a", "b"}, x, 0.95)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

func fill(x []float64, j int, value func(i int) float64) {
	for i := 0; 2*i+j < len(x); i++ {
		x[2*i+j] = value(i)
	}
}

// SR-121: intervals in which nothing happened, or nobody was, are named.
func TestSR121_WhatHasNoDiscreteHazardIsNamed(t *testing.T) {
	whole := func() survival.Spells {
		random := rand.New(rand.NewPCG(6, 6))
		s := survival.Spells{Names: []string{"x"}}
		for i := range 60 {
			s.Stop, s.Event, s.X = append(s.Stop, 1+29*random.Float64()), append(s.Event, i%3 > 0), append(s.X, random.NormFloat64())
		}
		return s
	}
	for name, c := range map[string]struct {
		change func(*survival.Spells)
		cuts   []float64
		kind   stats.Kind
		where  string
	}{
		"one cut":                 {func(*survival.Spells) {}, []float64{0}, stats.BadInput, "cuts"},
		"cuts that fall":          {func(*survival.Spells) {}, []float64{0, 10, 5}, stats.BadInput, "cuts"},
		"nobody in an interval":   {func(*survival.Spells) {}, []float64{0, 10, 20, 40, 50}, stats.EmptyCell, "interval4"},
		"no event in an interval": {func(s *survival.Spells) { clearAfter(s, 20) }, []float64{0, 10, 20, 25}, stats.NoEvents, "interval3"},
		"a constant covariate":    {func(s *survival.Spells) { fillOne(s, func(int) float64 { return 2 }) }, []float64{0, 10, 20}, stats.Collinear, "x"},
		"a covariate of the events": {func(s *survival.Spells) {
			fillOne(s, func(i int) float64 { return bit(s.Event[i] && s.Stop[i] <= 10) })
		}, []float64{0, 10}, stats.Separation, "x"},
		"a covariate that is no number": {func(s *survival.Spells) { s.X[0] = math.NaN() }, []float64{0, 10}, stats.NotFinite, "x"},
		"no number":                     {func(s *survival.Spells) { s.Stop[2] = math.NaN() }, []float64{0, 10}, stats.NotFinite, "time"},
	} {
		t.Run(name, func(t *testing.T) {
			s := whole()
			c.change(&s)
			_, err := survival.FitDiscreteHazard(s, c.cuts, 0.95)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

func clearAfter(s *survival.Spells, time float64) {
	for i, t := range s.Stop {
		s.Event[i] = s.Event[i] && t <= time
	}
}

func fillOne(s *survival.Spells, value func(i int) float64) {
	for i := range s.X {
		s.X[i] = value(i)
	}
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// The chi-square of k groups is that of the differences whichever group is left out, and its variance that of the sums.
func TestTheLogRankTestOfManyGroupsIsInvariant(t *testing.T) {
	random := rand.New(rand.NewPCG(14, 14))
	levels := []string{"a", "b", "c", "d"}
	var all []survival.Observation
	for i := range 120 {
		all = append(all, survival.Observation{Time: math.Ceil(20 * random.ExpFloat64()), Event: random.Float64() < 0.7, Group: levels[i%4]})
	}
	test := func(levels []string, rho float64) survival.LogRankTest {
		groups, err := survival.Tally(all, levels)
		require.NoError(t, err)
		got, err := survival.LogRank([]survival.Stratum{{Groups: groups}}, rho)
		require.NoError(t, err)
		return got
	}
	for _, rho := range []float64{0, 1} {
		first, second := test(levels, rho), test([]string{"d", "b", "a", "c"}, rho)
		near(t, first.ChiSq.Value, second.ChiSq.Value, 1e-10)
		require.Equal(t, 3, first.DF)
		sum := 0.0
		for i := range first.Variance {
			for _, v := range first.Variance[i] {
				sum += v
			}
			sum += first.Observed[i] - first.Expected[i]
		}
		require.InDelta(t, 0, sum, 1e-9)
	}
}

func FuzzCompeting(f *testing.F) {
	f.Add([]byte{10, 1, 3, 20, 6, 1, 5, 0, 2, 7, 4, 8, 13, 2, 2, 14, 5, 9})
	f.Fuzz(func(t *testing.T, data []byte) {
		var rows []survival.CompetingRow
		var time, x []float64
		var cause []int
		for i := 0; i+2 < len(data) && i < 240; i += 3 {
			rows = append(rows, survival.CompetingRow{Time: float64(data[i]) / 4, Cause: int(data[i+1] % 3), Group: int(data[i+1] / 3 % 3)})
			time, cause = append(time, float64(data[i])/4), append(cause, int(data[i+1]%3))
			x = append(x, float64(data[i+2]), float64(data[i+1]/4%3))
		}
		result, err := survival.Incidences(rows, []string{"a", "b"}, []string{"x", "y", "z"}, []float64{1, 20}, 0.9)
		statstest.RequireAnswer(t, result, err)
		fit, err := survival.FitFineGray(time, cause, []string{"p", "q"}, x, 0.9)
		statstest.RequireAnswer(t, fit, err)
	})
}

func FuzzDiscreteHazard(f *testing.F) {
	f.Add([]byte{10, 1, 20, 0, 30, 3, 12, 1, 25, 5, 31, 1, 8, 7, 17, 3}, 10.0)
	f.Add([]byte{}, 10.0)
	f.Fuzz(func(t *testing.T, data []byte, cut float64) {
		s := survival.Spells{Names: []string{"x"}}
		var times []survival.Censored
		for i := 0; i+1 < len(data) && i < 240; i += 2 {
			s.Stop, s.Event, s.X = append(s.Stop, float64(data[i])/4), append(s.Event, data[i+1]&1 > 0), append(s.X, float64(data[i+1]/2))
			times = append(times, survival.Censored{Lower: float64(data[i]) / 4, Upper: float64(data[i])/4 + cut})
		}
		result, err := survival.FitDiscreteHazard(s, []float64{0, cut, 40}, 0.9)
		statstest.RequireAnswer(t, result, err)
		result, err = survival.FitDiscreteIntervals(times, s.Names, s.X, []float64{0, cut, 40}, 0.9)
		statstest.RequireAnswer(t, result, err)
	})
}

func FuzzLogRank(f *testing.F) {
	f.Add([]byte{1, 1, 0, 2, 0, 1, 3, 2, 2, 4, 5, 6}, 1.0)
	f.Add([]byte("0200011010"), -1176.0)
	f.Fuzz(func(t *testing.T, data []byte, rho float64) {
		strata := []survival.Stratum{{}, {}}
		for s := range strata {
			for _, level := range []string{"a", "b", "c"} {
				strata[s].Groups = append(strata[s].Groups, survival.Group{Level: level})
			}
		}
		for i := 0; i+2 < len(data); i += 3 {
			g := &strata[i%2].Groups[i/3%3]
			g.Counts = append(g.Counts, survival.Count{Time: float64(data[i]) / 8, Events: int(data[i+1] % 4), Censored: int(data[i+2] % 4)})
		}
		test, err := survival.LogRank(strata, rho)
		if err == nil {
			err = test.Beside(strata, 8, 0.9)
		}
		statstest.RequireAnswer(t, test, err)
	})
}

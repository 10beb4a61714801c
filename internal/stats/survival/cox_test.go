package survival_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
	"afterglow/internal/testkit/statstest"
)

func coxReport(t testing.TB, s survival.Spells) survival.CoxResult {
	fit, err := survival.FitCox(s, survival.Efron)
	require.NoError(t, err)
	report, err := fit.Report(0.95, []float64{100, 300}, 5)
	require.NoError(t, err)
	return report
}

func TestUnitsOrderAndOriginOfCovariatesLeaveTheTests(t *testing.T) {
	s, _, clusters := lungWeighted(t)
	s.Weight, s.Cluster = nil, clusters
	first := coxReport(t, s)
	turned := survival.Spells{Names: []string{"ph_ecog", "months", "female"}}
	for i := len(s.Stop) - 1; i >= 0; i-- {
		turned.Stop, turned.Event = append(turned.Stop, s.Stop[i]), append(turned.Event, s.Event[i])
		turned.X = append(turned.X, s.X[3*i+2], 12*s.X[3*i]-700, 1-s.X[3*i+1])
		turned.Cluster = append(turned.Cluster, 40-clusters[i])
	}
	second := coxReport(t, turned)
	age, male, ecog := first.Coefficients[0], first.Coefficients[1], first.Coefficients[2]
	near(t, ecog.Estimate.Value, second.Coefficients[0].Estimate.Value, 1e-10)
	near(t, age.Estimate.Value, 12*second.Coefficients[1].Estimate.Value, 1e-10)
	near(t, age.RobustSE.Value, 12*second.Coefficients[1].RobustSE.Value, 1e-10)
	near(t, male.Estimate.Value, -second.Coefficients[2].Estimate.Value, 1e-10)
	near(t, male.PValue.Value, second.Coefficients[2].PValue.Value, 1e-9)
	near(t, first.LogLik.Value, second.LogLik.Value, 1e-12)
	near(t, first.LRTest.ChiSq.Value, second.LRTest.ChiSq.Value, 1e-9)
	near(t, first.RobustWald.ChiSq.Value, second.RobustWald.ChiSq.Value, 1e-9)
	near(t, first.Concordance.Value, second.Concordance.Value, 1e-12)
	require.Equal(t, first.ZPH[2].Rows[3].Name, second.ZPH[2].Rows[3].Name)
	near(t, first.ZPH[2].Rows[3].ChiSq.Value, second.ZPH[2].Rows[3].ChiSq.Value, 1e-8)
}

// Any rising change of time leaves the partial likelihood.
func TestOnlyTheOrderOfTimesMatters(t *testing.T) {
	s, _, _ := lungWeighted(t)
	first, err := survival.FitCox(s, survival.Efron)
	require.NoError(t, err)
	for i, time := range s.Stop {
		s.Stop[i] = math.Exp(time / 300)
	}
	second, err := survival.FitCox(s, survival.Efron)
	require.NoError(t, err)
	near(t, first.Beta[0], second.Beta[0], 1e-12)
	near(t, first.LogLik, second.LogLik, 1e-12)
}

// Strata with the same rows in each have their coefficients, and half the information each.
func TestStrataAreFittedTogetherAndComparedApart(t *testing.T) {
	s, _, _ := lungWeighted(t)
	one, err := survival.FitCox(s, survival.Efron)
	require.NoError(t, err)
	twice := survival.Spells{Names: s.Names, Strata: []string{"x", "y"}}
	for stratum := range 2 {
		for i, time := range s.Stop {
			twice.Stop, twice.Event, twice.Stratum = append(twice.Stop, time+float64(1000*stratum)), append(twice.Event, s.Event[i]), append(twice.Stratum, stratum)
			twice.X, twice.Weight = append(twice.X, s.X[3*i:3*i+3]...), append(twice.Weight, s.Weight[i])
		}
	}
	two, err := survival.FitCox(twice, survival.Efron)
	require.NoError(t, err)
	for j := range one.Beta {
		near(t, one.Beta[j], two.Beta[j], 1e-9)
		near(t, one.VCov.At(j, j)/2, two.VCov.At(j, j), 1e-9)
	}
}

// A row cut in two is one row; a gap in which nobody is at risk leaves no trace of those before it.
func TestCutRowsAndGapsLeaveTheFit(t *testing.T) {
	s, _, _ := lungWeighted(t)
	s.Weight = nil
	whole, err := survival.FitCox(s, survival.Efron)
	require.NoError(t, err)
	cut := survival.Spells{Names: s.Names, Start: []float64{}}
	for i, time := range s.Stop {
		row := s.X[3*i : 3*i+3]
		add := func(start, stop float64, event bool, factor float64) {
			cut.Start, cut.Stop, cut.Event = append(cut.Start, start), append(cut.Stop, stop), append(cut.Event, event)
			cut.X = append(cut.X, row[0]*factor, row[1], row[2])
			cut.Subject = append(cut.Subject, i)
		}
		add(0, time/2, false, 1)
		add(time/2, time, s.Event[i], 1)
		add(5000, 5001, false, 3) // at risk when nothing happens
	}
	got, err := survival.FitCox(cut, survival.Efron)
	require.NoError(t, err)
	for j := range whole.Beta {
		near(t, whole.Beta[j], got.Beta[j], 1e-9)
	}
	near(t, whole.LogLik, got.LogLik, 1e-10)
}

// One time for all: Breslow's likelihood has no maximum in closed form but Efron's must end as well, with thousands tied.
func TestAllEventsAtOneTime(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	s := survival.Spells{Names: []string{"x"}}
	for range 6000 {
		x := random.NormFloat64()
		s.X, s.Event = append(s.X, x), append(s.Event, random.Float64() < 1/(1+math.Exp(-x)))
		s.Stop = append(s.Stop, 1)
	}
	for _, ties := range []survival.Ties{survival.Efron, survival.Breslow} {
		fit, err := survival.FitCox(s, ties)
		require.NoError(t, err)
		require.Positive(t, fit.Beta[0])
		require.Less(t, fit.Beta[0], 2.0)
	}
}

func TestATimeOfZeroLeavesTheLogarithmicScaleUndefined(t *testing.T) {
	s, _, _ := lungWeighted(t)
	s.Stop[4] = 0
	report := coxReport(t, s)
	require.Len(t, report.ZPH, 4)
	require.False(t, report.ZPH[3].Rows[0].ChiSq.Defined)
	require.True(t, report.ZPH[2].Rows[0].ChiSq.Defined)
}

// SR-121: what has no Cox fit is named, with its row or its column.
func TestSR121_WhatHasNoCoxFitIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*survival.Spells)
		kind    stats.Kind
		where   string
		message string
	}{
		"no row":                        {func(s *survival.Spells) { *s = survival.Spells{Names: s.Names} }, stats.TooFew, "rows", ""},
		"no covariate":                  {func(s *survival.Spells) { s.Names, s.X = nil, nil }, stats.BadInput, "formula", ""},
		"a column too short":            {func(s *survival.Spells) { s.X = s.X[1:] }, stats.BadInput, "rows", ""},
		"no event":                      {func(s *survival.Spells) { clear(s.Event) }, stats.NoEvents, "event", ""},
		"an infinite time":              {func(s *survival.Spells) { s.Stop[3] = math.Inf(1) }, stats.NotFinite, "time", "row 4"},
		"a negative time":               {func(s *survival.Spells) { s.Start, s.Stop[3] = nil, -1 }, stats.BadInput, "time", ""},
		"a covariate that is no number": {func(s *survival.Spells) { s.X[2*4+1] = math.NaN() }, stats.NotFinite, "b", "row 5"},
		"an enormous covariate":         {func(s *survival.Spells) { s.X[0], s.X[2] = 1e200, -1e200 }, stats.NotFinite, "a", ""},
		"a stop before its start":       {func(s *survival.Spells) { s.Stop[6] = s.Start[6] - 0.5 }, stats.BadInput, "stop", "row 7"},
		"a stop at its start":           {func(s *survival.Spells) { s.Stop[6] = s.Start[6] }, stats.BadInput, "stop", "row 7"},
		"rows that overlap": {func(s *survival.Spells) {
			s.Subject[1], s.Start[0], s.Stop[0], s.Start[1], s.Stop[1] = s.Subject[0], 0, 5, 4, 6
		}, stats.BadInput, "start", "row 2 overlaps row 1"},
		"a constant column":         {func(s *survival.Spells) { column(s, 0, func(int) float64 { return 3 }) }, stats.OneLevel, "a", ""},
		"a column twice":            {func(s *survival.Spells) { column(s, 1, func(i int) float64 { return 2*s.X[2*i] + 1 }) }, stats.Collinear, "b", ""},
		"constant in every stratum": {func(s *survival.Spells) { column(s, 1, func(i int) float64 { return float64(s.Stratum[i]) }) }, stats.OneLevel, "b", ""},
		"constant when events happen": {func(s *survival.Spells) {
			for i := range s.Stop { // a late row alone differs, without an event while others are at risk
				s.Event[i] = s.Event[i] && s.Stop[i] < 12
			}
			s.Start, s.Stop, s.Event = append(s.Start, 30), append(s.Stop, 31), append(s.Event, true)
			s.Stratum, s.Subject = append(s.Stratum, 0), append(s.Subject, 99)
			s.X = append(s.X, 0, 9)
			column(s, 1, func(i int) float64 { return float64(i / 40) })
		}, stats.OneLevel, "b", ""},
		"a column that tells the events": {func(s *survival.Spells) {
			s.Start, s.Subject, s.Stratum = nil, nil, nil
			column(s, 1, func(i int) float64 { return -s.Stop[i] })
		}, stats.Separation, "b", ""},
		"a group without events": {func(s *survival.Spells) {
			column(s, 1, func(i int) float64 {
				if s.Event[i] {
					return 0
				}
				return float64(i % 2)
			})
		}, stats.Separation, "b", ""},
		"a weight of 0":              {func(s *survival.Spells) { s.Weight = ones(40); s.Weight[2] = 0 }, stats.BadInput, "weights", "row 3"},
		"a weight that is no number": {func(s *survival.Spells) { s.Weight = ones(40); s.Weight[2] = math.NaN() }, stats.NotFinite, "weights", "row 3"},
		"half a row":                 {func(s *survival.Spells) { s.Weight, s.Frequency = ones(40), true; s.Weight[2] = 1.5 }, stats.BadInput, "weights", "row 3"},
		"too few weights":            {func(s *survival.Spells) { s.Weight = ones(39) }, stats.BadInput, "weights", ""},
		"a negative cluster":         {func(s *survival.Spells) { s.Cluster = make([]int, 40); s.Cluster[1] = -1 }, stats.BadInput, "cluster", "row 2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := small()
			c.change(&s)
			_, err := survival.FitCox(s, survival.Efron)
			var failure *stats.Failure
			require.ErrorAs(t, err, &failure)
			require.Equal(t, c.kind, failure.Kind, err)
			require.Equal(t, c.where, failure.Where, err)
			require.Contains(t, failure.Message, c.message)
		})
	}
	_, err := survival.FitCox(small(), "exact")
	require.ErrorContains(t, err, "ties")
}

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

func column(s *survival.Spells, j int, value func(i int) float64) {
	for i := range s.Stop {
		s.X[2*i+j] = value(i)
	}
}

// small are 40 rows that start late, in two strata, with two covariates.
func small() survival.Spells {
	random := rand.New(rand.NewPCG(31, 32))
	s := survival.Spells{Names: []string{"a", "b"}, Strata: []string{"x", "y"}}
	for i := range 40 {
		start := math.Floor(5 * random.Float64())
		s.Start, s.Stop = append(s.Start, start), append(s.Stop, start+1+math.Floor(10*random.Float64()))
		s.Event, s.Stratum, s.Subject = append(s.Event, random.Float64() < 0.7), append(s.Stratum, i%2), append(s.Subject, i)
		s.X = append(s.X, random.NormFloat64(), random.NormFloat64())
	}
	return s
}

func FuzzCox(f *testing.F) {
	f.Add([]byte{1, 10, 3, 2, 5, 20, 4, 1, 0, 7, 8, 3, 9, 30, 2, 6, 3, 12, 9, 1}, uint8(3))
	f.Add([]byte{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4}, uint8(255))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		s := survival.Spells{Names: []string{"a", "b"}, Frequency: choice&32 > 0}
		for i := 0; i+3 < len(data) && i < 240; i += 4 {
			start := float64(data[i]%16) / 2
			s.Stop = append(s.Stop, start+float64(data[i+1])/4)
			if choice&1 > 0 {
				s.Start = append(s.Start, start)
			}
			s.Event = append(s.Event, data[i+2]&1 > 0)
			if choice&2 > 0 {
				s.Stratum, s.Strata = append(s.Stratum, int(data[i+2]/2%3)), []string{"x", "y", "z"}
			}
			if choice&4 > 0 {
				s.Cluster = append(s.Cluster, i/8)
			}
			if choice&8 > 0 {
				s.Weight = append(s.Weight, float64(data[i+2]/8))
			}
			if choice&64 > 0 {
				s.Subject = append(s.Subject, i/8)
			}
			s.X = append(s.X, float64(data[i+3])-50, float64(data[i+2]/4%4))
		}
		ties := survival.Efron
		if choice&16 > 0 {
			ties = survival.Breslow
		}
		fit, err := survival.FitCox(s, ties)
		if err != nil {
			statstest.RequireAnswer(t, nil, err)
			return
		}
		for j := range fit.Beta {
			require.False(t, math.IsNaN(fit.Beta[j]) || math.IsNaN(fit.VCov.At(j, j)))
		}
		report, err := fit.Report(0.9, []float64{2, 8}, 1)
		statstest.RequireAnswer(t, report, err)
		curve, err := survival.WeightedKaplanMeier("all", s, 0.9, stats.Of(4))
		statstest.RequireAnswer(t, curve, err)
	})
}

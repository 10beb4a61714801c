package survival

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
)

// chained are four people, two of them in two rows; the cluster of a row is the person's, or the clinic's.
func chained() Spells {
	return Spells{Start: []float64{0, 3, 0, 0, 5, 0}, Stop: []float64{3, 6, 4, 5, 9, 8}, Event: []bool{false, true, true, false, true, false}}
}

// The n of a curve counts people: by their numbers, or by clusters whose rows never overlap. Clinics' rows do.
func TestACurveCountsPeopleNotRows(t *testing.T) {
	people, clinics := []int{0, 0, 1, 2, 2, 3}, []int{0, 0, 0, 1, 1, 1}
	for name, c := range map[string]struct {
		subject, cluster []int
		n, rows          int
	}{
		"neither":             {nil, nil, 6, 0},
		"subjects":            {people, nil, 4, 6},
		"people as clusters":  {nil, people, 4, 6},
		"clinics":             {nil, clinics, 6, 0},
		"subjects in clinics": {people, clinics, 4, 6},
	} {
		s := chained()
		s.Subject, s.Cluster = c.subject, c.cluster
		curve, err := WeightedKaplanMeier("all", s, 0.95, stats.Of(6))
		require.NoError(t, err, name)
		require.Equal(t, c.n, curve.N, name)
		require.Equal(t, c.rows, curve.NRows, name)
		require.Equal(t, 3, curve.Events, name)
	}
}

// Weights of censoring cut rows; the people stay as many.
func TestReweightedCurvesCountPeople(t *testing.T) {
	rows := CensoringRows{Subject: []int{0, 1, 2, 3, 4, 5}, Start: make([]float64, 6), Stop: []float64{3, 4, 5, 6, 7, 8},
		Event: []bool{true, false, true, false, true, false}, Censored: []bool{false, true, false, true, false, false}, Names: []string{"x"}, X: []float64{1, 3, 2, 2, 1, 4}}
	cut, _ := rows.Cut([]float64{2, 4, 6})
	out, err := cut.Reweight(WeightOptions{Model: PooledLogistic, Level: 0.95}, Outcome{Tau: stats.Of(5)})
	require.NoError(t, err)
	for _, c := range []Censoring{out.Weighted, out.Naive} {
		require.Equal(t, 6, c.Curves[0].N)
		require.Equal(t, len(cut.Stop), c.Curves[0].NRows)
	}
}

// A curve of late starts says where it rests on nobody, and only there.
func TestACurveOfLateStartsSaysWhereItRestsOnNobody(t *testing.T) {
	of := func(start, stop []float64, event ...bool) []string {
		curve, err := WeightedKaplanMeier("all", Spells{Start: start, Stop: stop, Event: event}, 0.95, stats.Number{})
		require.NoError(t, err)
		return curve.Notes
	}
	require.Empty(t, of(nil, []float64{3, 5}, true, true), "all die, and nobody comes later")
	require.Empty(t, of([]float64{0, 1, 2}, []float64{3, 5, 6}, true, true, false))
	early := of([]float64{0, 4, 4}, []float64{3, 5, 6}, true, true, false)
	require.Len(t, early, 1)
	require.Contains(t, early[0], "at 3 everyone at risk (1 row) has the event, so that the curve is 0 from there on, though 2 rows are at risk only later")
	late := of([]float64{2, 2.5, 2}, []float64{3, 5, 6}, true, true, false)
	require.Len(t, late, 1)
	require.Contains(t, late[0], "nobody is at risk up to 2")
}

// A restricted mean without an error says so, also of a single curve.
func TestARestrictedMeanWithoutAnErrorSaysSo(t *testing.T) {
	groups, err := Tally([]Observation{{4, true, "a"}, {9, false, "a"}}, []string{"a"})
	require.NoError(t, err)
	for tau, noted := range map[float64]bool{3: true, 8: false} {
		out, err := KaplanMeier(groups, Options{Tau: stats.Of(tau), Level: 0.95})
		require.NoError(t, err)
		require.Equal(t, noted, strings.Contains(strings.Join(out.Groups[0].Notes, ""), "its restricted mean has no error"), tau)
	}
}

// Every baseline hazard asked for is there, past the last follow-up with a note, and one beyond the numbers is noted.
func TestEveryBaselineHazardAskedForIsThere(t *testing.T) {
	s := Spells{Stop: []float64{1, 2, 3, 4, 5, 6, 7, 8}, Event: []bool{true, true, false, true, true, false, true, false}, Names: []string{"x"},
		X: []float64{2, 1, 4, 3, 1, 2, 2, 5}, Stratum: []int{0, 0, 0, 0, 1, 1, 1, 1}, Strata: []string{"u", "v"}}
	fit, err := FitCox(s, Efron)
	require.NoError(t, err)
	out, err := fit.Report(0.95, []float64{0.5, 2, 3.5, 99}, 0)
	require.NoError(t, err)
	require.Len(t, out.Baseline, 8)
	for i, row := range out.Baseline {
		require.True(t, row.CumHaz.Defined, row)
		if i%4 > 0 {
			require.GreaterOrEqual(t, row.CumHaz.Value, out.Baseline[i-1].CumHaz.Value)
		}
	}
	notes := strings.Join(out.Notes, "\n")
	require.Contains(t, notes, "baseline hazard of stratum u at 99: nobody is followed beyond 4")
	require.Contains(t, notes, "baseline hazard of stratum v at 99: nobody is followed beyond 8")
	few, err := fit.Report(0.95, []float64{2, 99}, 3)
	require.NoError(t, err)
	require.Len(t, few.Baseline, 2)
	require.Contains(t, strings.Join(few.Notes, "\n"), "left out, with fewer than 3 at risk, at 99 of stratum u, 99 of stratum v")

	for sign, lost := range map[float64]stats.Number{1: {}, -1: stats.Of(0)} {
		for i, x := range s.X {
			s.X[i] = sign*math.Abs(math.Mod(x, 1e5)) + 1e5*sign
		}
		if fit, err = FitCox(s, Efron); err != nil {
			require.NoError(t, err)
		}
		away, err := fit.Report(0.95, []float64{3.5}, 0)
		require.NoError(t, err)
		require.Contains(t, []stats.Number{lost, {}, stats.Of(0)}, away.Baseline[0].CumHaz)
		require.Contains(t, strings.Join(away.Notes, "\n"), "beyond the range of numbers: count x from a nearer origin")
	}
}

// Whether anyone with a level is at risk at an event is told within strata, by row, with late starts.
func TestWhoIsAtRiskAtAnEvent(t *testing.T) {
	s := Spells{Start: []float64{0, 2, 0, 4}, Stop: []float64{2, 3, 1, 9}, Event: []bool{true, false, false, false}}
	for row, want := range []bool{true, false, false, false} {
		require.Equal(t, want, s.AtRiskAtAnEvent(func(i int) bool { return i == row }), row)
	}
	s.Start, s.Stratum = nil, []int{0, 1, 1, 1}
	for row, want := range []bool{true, false, false, false} {
		require.Equal(t, want, s.AtRiskAtAnEvent(func(i int) bool { return i == row }), row)
	}
}

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

// R: survdiff(Surv(time - 60, event) ~ (transplant by day 60)) among the Stanford subjects with time > 60.
func TestALandmarkOfStanfordHeartsIsThatOfR(t *testing.T) {
	s := stanford(t)
	exposed := survival.ExposedBy(s.Intercurrent, 60)
	var subjects []survival.Observation
	for i, time := range s.Time {
		group := "waiting"
		if exposed[i] {
			group = "transplant"
		}
		subjects = append(subjects, survival.Observation{Time: time, Event: s.Event[i], Group: group})
	}
	got, err := survival.CompareFromLandmark(subjects, []string{"waiting", "transplant"}, 60, survival.Options{Level: 0.95, Tau: stats.Of(365)})
	require.NoError(t, err)
	require.Equal(t, survival.LandmarkCut{At: 60, N: 103, Kept: 64, EventBefore: 36, CensoredBefore: 3}, got.LandmarkCut)
	require.Equal(t, []int{19, 45}, got.LogRank.N)
	require.Equal(t, []float64{12, 27}, got.LogRank.Observed)
	near(t, 10.321245, got.LogRank.Expected[0], 1e-6)
	near(t, 0.378172619254, got.LogRank.ChiSq.Value, 1e-9)
	require.Equal(t, got.KaplanMeier.RMST, got.RMST)
}

// R: coxph(Surv(time - 60, event) ~ g + age48) among the same subjects, g the transplant by day 60.
func TestACoxModelFromALandmarkIsThatOfR(t *testing.T) {
	s := stanford(t)
	var subjects []survival.Observation
	var age []float64
	for i, exposed := range survival.ExposedBy(s.Intercurrent, 60) {
		subjects = append(subjects, survival.Observation{Time: s.Time[i], Event: s.Event[i], Group: map[bool]string{true: "transplant", false: "waiting"}[exposed]})
		age = append(age, s.X[2*i])
	}
	got, err := survival.CoxFromLandmark(subjects, []string{"waiting", "transplant"}, 60, []string{"age48"}, age, survival.Efron, 0.95)
	require.NoError(t, err)
	coefficient(t, got, "transplant", -0.5182570586034, 0.3664198878601, false)
	coefficient(t, got, "age48", 0.0710819215294, 0.0251758989099, false)
	_, err = survival.CoxFromLandmark(subjects, []string{"waiting"}, 60, []string{"age48"}, age, survival.Efron, 0.95)
	statstest.RequireFailure(t, err, stats.OneLevel, "group")
}

// No true effect: everyone has the same hazard, and some are exposed while they live. Grouped by ever exposed, the exposed
// seem to live longer, since they lived to be exposed (immortal time); from a landmark the test rejects as often as it says.
func TestALandmarkIsNotBiasedByImmortalTimeWhereTheNaiveComparisonIs(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	const repetitions = 400
	naive, fromLandmark, excess := 0, 0, 0.0
	for range repetitions {
		var ever, by []survival.Observation
		var exposure []stats.Number
		for range 120 {
			time, chance, censored := 20*random.ExpFloat64(), 15*random.ExpFloat64(), 60*random.Float64()
			end := math.Min(time, censored)
			one := survival.Observation{Time: end, Event: time <= censored, Group: "no"}
			by = append(by, one)
			exposure = append(exposure, stats.Number{Value: chance, Defined: chance < end})
			if chance < end {
				one.Group = "yes"
			}
			ever = append(ever, one)
		}
		groups, err := survival.Tally(ever, []string{"no", "yes"})
		require.NoError(t, err)
		test, err := survival.LogRank([]survival.Stratum{{Groups: groups}}, 0)
		require.NoError(t, err)
		if test.PValue.Value < 0.05 {
			naive++
		}
		for i, exposed := range survival.ExposedBy(exposure, 7) {
			if exposed {
				by[i].Group = "yes"
			}
		}
		got, err := survival.CompareFromLandmark(by, []string{"no", "yes"}, 7, survival.Options{Level: 0.95, Tau: stats.Of(10)})
		require.NoError(t, err)
		if got.LogRank.PValue.Value < 0.05 {
			fromLandmark++
		}
		excess += got.RMST.Differences[0].Estimate.Value / repetitions
	}
	require.Greater(t, naive, repetitions*9/10, "the naive comparison finds an effect that is not there")
	require.Less(t, float64(fromLandmark), 0.05*repetitions+4*math.Sqrt(0.05*0.95*repetitions))
	require.InDelta(t, 0, excess, 0.2)
}

// SR-121: landmarks that leave nothing to compare are named.
func TestSR121_LandmarksThatLeaveNothingAreNamed(t *testing.T) {
	both := []survival.Observation{{Time: 3, Event: true, Group: "a"}, {Time: 5, Event: true, Group: "b"}, {Time: 8, Group: "b"}}
	for name, c := range map[string]struct {
		at    float64
		kind  stats.Kind
		where string
	}{
		"nobody left":         {8, stats.TooFew, "landmark"},
		"a group gone":        {3, stats.EmptyCell, "a"},
		"a negative landmark": {-1, stats.BadInput, "landmark"},
		"no number":           {math.NaN(), stats.BadInput, "landmark"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := survival.CompareFromLandmark(both, []string{"a", "b"}, c.at, survival.Options{Level: 0.95})
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
}

func FuzzLandmark(f *testing.F) {
	f.Add([]byte{10, 1, 20, 2, 30, 3, 12, 0}, 1.0, 2.0)
	f.Add([]byte{}, 1.0, 2.0)
	f.Fuzz(func(t *testing.T, data []byte, at, tau float64) {
		var subjects []survival.Observation
		for i := 0; i+1 < len(data); i += 2 {
			subjects = append(subjects, survival.Observation{Time: float64(data[i]) / 8, Event: data[i+1]&1 > 0, Group: []string{"a", "b"}[data[i+1]/2%2]})
		}
		result, err := survival.CompareFromLandmark(subjects, []string{"a", "b"}, at, survival.Options{Level: 0.9, Tau: stats.Number{Value: tau, Defined: true}})
		statstest.RequireAnswer(t, result, err)
	})
}

package survival_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
	"afterglow/internal/testkit/statstest"
)

// lungWeighted are lung's rows without a gap in the columns used, with weights of 0.5 to 2.5 and frequencies of 1 to 3 by row
// number i: (7 i mod 5)/2 + 0.5, and 7 i mod 3 + 1.
func lungWeighted(t testing.TB) (s survival.Spells, frequencies []float64, clusters []int) {
	f := statstest.Data(t, "lung.csv").Frame("sex")
	s = survival.Spells{Names: []string{"age", "male", "ph_ecog"}}
	for i, time := range f.Numbers["time"] {
		age, ecog, inst := f.Numbers["age"][i], f.Numbers["ph_ecog"][i], f.Numbers["inst"][i]
		if !age.Defined || !ecog.Defined || !inst.Defined {
			continue
		}
		male := 0.0
		if f.Texts["sex"][i] == "male" {
			male = 1
		}
		s.Stop, s.Event = append(s.Stop, time.Value), append(s.Event, f.Numbers["status"][i].Value == 1)
		s.X = append(s.X, age.Value, male, ecog.Value)
		s.Weight = append(s.Weight, float64((i+1)*7%5)/2+0.5)
		frequencies = append(frequencies, float64((i+1)*7%3+1))
		clusters = append(clusters, int(inst.Value))
	}
	require.Len(t, s.Stop, 226)
	return s, frequencies, clusters
}

func near(t testing.TB, want, got, tolerance float64, what ...any) {
	t.Helper()
	require.InDelta(t, want, got, tolerance*(1+math.Abs(want)), what...)
}

// R 4.2, survival 3.5-3: coxph(Surv(time, status) ~ age + male + ph_ecog, weights = w, robust = TRUE, ties = ...), its naive.var,
// var, loglik, score, concordance and cox.zph(transform = "km").
func TestProbabilityWeightsAreThoseOfR(t *testing.T) {
	s, _, _ := lungWeighted(t)
	for ties, want := range map[survival.Ties]struct {
		beta, naive, robust [3]float64
		null, logLik, score float64
		zph                 [4]float64
	}{
		survival.Efron: {[3]float64{0.00106537498706, 0.51214302902253, 0.43322289778841}, [3]float64{0.00750632861579, 0.13419072141321, 0.09300066966444},
			[3]float64{0.0102291476067, 0.1854670507983, 0.1479330572378}, -1213.96866018, -1196.79071787, 34.7809082172,
			[4]float64{1.13911369435, 2.31920183234, 5.34279256961, 8.09947994046}},
		survival.Breslow: {[3]float64{0.00107283614302, 0.51183003356762, 0.43272342781530}, [3]float64{0.00750595509102, 0.13419825223427, 0.09299679987499},
			[3]float64{0.0102028103019, 0.1851629805292, 0.1476823799094}, -1214.30484766, -1197.16224130, 34.7052641267,
			[4]float64{1.14029568526, 2.30998502424, 5.32465567861, 8.07239313174}},
	} {
		t.Run(string(ties), func(t *testing.T) {
			fit, err := survival.FitCox(s, ties)
			require.NoError(t, err)
			report, err := fit.Report(0.95, nil, 10)
			require.NoError(t, err)
			for j, c := range report.Coefficients {
				near(t, want.beta[j], c.Estimate.Value, 1e-8)
				near(t, want.naive[j], c.SE.Value, 1e-8)
				near(t, want.robust[j], c.RobustSE.Value, 1e-8)
			}
			near(t, want.null, report.NullLogLik.Value, 1e-9)
			near(t, want.logLik, report.LogLik.Value, 1e-9)
			near(t, want.score, report.ScoreTest.ChiSq.Value, 1e-8)
			near(t, 0.623488764013, report.Concordance.Value, 1e-9)
			for k, row := range report.ZPH[0].Rows {
				near(t, want.zph[k], row.ChiSq.Value, 1e-7, row.Name)
			}
		})
	}
}

// The same call with cluster(inst).
func TestWeightsAndClustersTogetherAreThoseOfR(t *testing.T) {
	s, _, clusters := lungWeighted(t)
	s.Cluster = clusters
	fit, err := survival.FitCox(s, survival.Breslow)
	require.NoError(t, err)
	require.NotNil(t, fit.Robust)
	fit, err = survival.FitCox(s, survival.Efron)
	require.NoError(t, err)
	for j, se := range []float64{0.00782883784397, 0.12664491158509, 0.12881746476850} {
		near(t, se, math.Sqrt(fit.Robust.At(j, j)), 1e-8)
	}
}

// R: coxph(Surv(start, stop, event) ~ age48 + surgery + transplant, heart, weights = w, cluster = subject).
func TestWeightedRowsThatStartLateAreThoseOfR(t *testing.T) {
	s := heart(t, "age48", "surgery", "transplant")
	fit, err := survival.FitCox(s, survival.Efron)
	require.NoError(t, err)
	report, err := fit.Report(0.95, nil, 10)
	require.NoError(t, err)
	for j, want := range [][2]float64{{0.034171785862, 0.0156156034621}, {-0.594873740786, 0.3728290073380}, {-0.283226033201, 0.2974772418704}} {
		near(t, want[0], report.Coefficients[j].Estimate.Value, 1e-8)
		near(t, want[1], report.Coefficients[j].RobustSE.Value, 1e-8)
	}
	near(t, 0.600709009666, report.Concordance.Value, 1e-9)
}

// heart are the Stanford rows with weights (7 i mod 5)/2 + 0.5, clustered by subject.
func heart(t testing.TB, names ...string) survival.Spells {
	f := statstest.Data(t, "heart.csv").Frame()
	s := survival.Spells{Names: names}
	for i, stop := range f.Numbers["stop"] {
		s.Start, s.Stop = append(s.Start, f.Numbers["start"][i].Value), append(s.Stop, stop.Value)
		s.Event = append(s.Event, f.Numbers["event"][i].Value == 1)
		s.Weight = append(s.Weight, float64((i+1)*7%5)/2+0.5)
		s.Cluster = append(s.Cluster, int(f.Numbers["subject"][i].Value))
		for _, name := range names {
			s.X = append(s.X, f.Numbers[name][i].Value)
		}
	}
	s.Subject = s.Cluster
	return s
}

// Identity: a frequency of k is k rows, whatever the method for ties.
func TestFrequenciesAreRepeatedRows(t *testing.T) {
	s, frequencies, clusters := lungWeighted(t)
	s.Weight, s.Frequency, s.Cluster = frequencies, true, clusters
	repeated := survival.Spells{Names: s.Names}
	for i, f := range frequencies {
		for range int(f) {
			repeated.Stop, repeated.Event = append(repeated.Stop, s.Stop[i]), append(repeated.Event, s.Event[i])
			repeated.X = append(repeated.X, s.X[3*i:3*i+3]...)
			repeated.Cluster = append(repeated.Cluster, clusters[i])
		}
	}
	for _, ties := range []survival.Ties{survival.Efron, survival.Breslow} {
		a, err := survival.FitCox(s, ties)
		require.NoError(t, err)
		b, err := survival.FitCox(repeated, ties)
		require.NoError(t, err)
		x, err := a.Report(0.95, []float64{90, 365}, 10)
		require.NoError(t, err)
		y, err := b.Report(0.95, []float64{90, 365}, 10)
		require.NoError(t, err)
		require.Equal(t, y.N, x.N)
		require.Equal(t, y.NEvents, x.NEvents)
		x.WeightSum = nil
		sameJSON(t, x, y, 1e-9)
	}
}

// sameJSON compares all numbers that two results give.
func sameJSON(t testing.TB, a, b any, tolerance float64) {
	t.Helper()
	var x, y any
	for _, one := range []struct {
		from any
		to   *any
	}{{a, &x}, {b, &y}} {
		text, err := json.Marshal(one.from)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, one.to))
	}
	var compare func(x, y any, at string)
	compare = func(x, y any, at string) {
		switch x := x.(type) {
		case float64:
			require.IsType(t, x, y, at)
			near(t, x, y.(float64), tolerance, at)
		case map[string]any:
			other := y.(map[string]any)
			require.Len(t, other, len(x), at)
			for name, v := range x {
				compare(v, other[name], at+"."+name)
			}
		case []any:
			other := y.([]any)
			require.Len(t, other, len(x), at)
			for i, v := range x {
				compare(v, other[i], at)
			}
		default:
			require.Equal(t, x, y, at)
		}
	}
	compare(x, y, "")
}

// R: survfit(Surv(time, status) ~ 1, lung, weights = w, robust = TRUE), and with cluster = inst, and for heart with late
// starts, id = subject.
func TestWeightedCurvesAreThoseOfR(t *testing.T) {
	s, _, clusters := lungWeighted(t)
	byInstitution := s
	byInstitution.Cluster = clusters
	for name, c := range map[string]struct {
		spells survival.Spells
		want   [3][3]float64
	}{
		"rows by themselves": {s, [3][3]float64{{100, 0.855336824995, 0.0263194013100}, {300, 0.512521700552, 0.0386129203796}, {600, 0.214142427900, 0.0369762219578}}},
		"clusters":           {byInstitution, [3][3]float64{{100, 0.855336824995, 0.0225247061177}, {300, 0.512521700552, 0.0336199199014}, {600, 0.214142427900, 0.0405830042624}}},
		"late starts":        {heart(t), [3][3]float64{{50, 0.641987772695, 0.0537626504162}, {200, 0.402082690706, 0.0540724916161}, {600, 0.287114589921, 0.0501648261576}}},
	} {
		t.Run(name, func(t *testing.T) {
			curve, err := survival.WeightedKaplanMeier("all", c.spells, 0.95, stats.Of(500))
			require.NoError(t, err)
			for _, want := range c.want {
				row := survival.WeightedRow{}
				for _, r := range curve.Table {
					if r.Time <= want[0] {
						row = r
					}
				}
				near(t, want[1], row.Surv, 1e-10)
				near(t, want[2], row.SE.Value, 1e-9)
			}
		})
	}
}

// Identity: weights of 1 give the plain curve with Greenwood's error, and its restricted mean with its own.
func TestWeightsOfOneGiveThePlainCurve(t *testing.T) {
	s, _, _ := lungWeighted(t)
	s.Weight = nil
	weighted, err := survival.WeightedKaplanMeier("all", s, 0.95, stats.Of(700))
	require.NoError(t, err)
	subjects := make([]survival.Observation, len(s.Stop))
	for i, time := range s.Stop {
		subjects[i] = survival.Observation{Time: time, Event: s.Event[i], Group: "all"}
	}
	groups, err := survival.Tally(subjects, []string{"all"})
	require.NoError(t, err)
	plain, err := survival.KaplanMeier(groups, survival.Options{Level: 0.95, Tau: stats.Of(700)})
	require.NoError(t, err)
	k := 0
	for _, row := range plain.Groups[0].Table {
		if row.NEvent == 0 {
			continue
		}
		near(t, row.Surv, weighted.Table[k].Surv, 1e-12)
		near(t, row.SE.Value, weighted.Table[k].SE.Value, 1e-10)
		near(t, row.LowerLogLog.Value, weighted.Table[k].LowerLogLog.Value, 1e-10)
		k++
	}
	sameJSON(t, plain.Groups[0].RMST, weighted.RMST, 1e-10)
}

// Identity: with weights of 1 the comparison is that of the plain curves.
func TestWeightedMeansAreComparedLikePlainOnes(t *testing.T) {
	s, _, _ := lungWeighted(t)
	byMale, curves := make([]survival.Spells, 2), make([]survival.WeightedCurve, 2)
	var subjects []survival.Observation
	levels := []string{"female", "male"}
	for i, time := range s.Stop {
		g := int(s.X[3*i+1])
		byMale[g].Stop, byMale[g].Event = append(byMale[g].Stop, time), append(byMale[g].Event, s.Event[i])
		subjects = append(subjects, survival.Observation{Time: time, Event: s.Event[i], Group: levels[g]})
	}
	for g, level := range levels {
		var err error
		curves[g], err = survival.WeightedKaplanMeier(level, byMale[g], 0.95, stats.Of(600))
		require.NoError(t, err)
	}
	groups, err := survival.Tally(subjects, levels)
	require.NoError(t, err)
	want, err := survival.CompareRestrictedMeans(groups, 600, 0.95)
	require.NoError(t, err)
	sameJSON(t, want, survival.CompareWeighted(curves, 0.95), 1e-10)
	require.Nil(t, survival.CompareWeighted(curves[:1], 0.95))
}

// The influence of a cluster is the derivative of the restricted mean by the weight of its rows.
func TestTheErrorOfAWeightedMeanComesFromItsDerivatives(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	s := survival.Spells{}
	for i := range 30 {
		start := math.Floor(4 * random.Float64())
		s.Start, s.Stop = append(s.Start, start), append(s.Stop, start+1+math.Floor(9*random.Float64()))
		s.Event, s.Weight, s.Cluster = append(s.Event, random.Float64() < 0.6), append(s.Weight, 0.5+random.Float64()), append(s.Cluster, i/2)
	}
	mean := func() float64 {
		curve, err := survival.WeightedKaplanMeier("all", s, 0.95, stats.Of(6))
		require.NoError(t, err)
		return curve.RMST.Estimate.Value
	}
	sum := 0.0
	for c := range 15 {
		const h = 1e-5
		change := func(by float64) float64 {
			for i, at := range s.Cluster {
				if at == c {
					s.Weight[i] *= 1 + by
				}
			}
			return mean()
		}
		above := change(h)
		below := change(1/(1+h)*(1-h) - 1)
		change(1/(1-h) - 1)
		slope := (above - below) / (2 * h)
		sum += slope * slope
	}
	curve, err := survival.WeightedKaplanMeier("all", s, 0.95, stats.Of(6))
	require.NoError(t, err)
	near(t, math.Sqrt(sum), curve.RMST.SE.Value, 1e-6)
}

// SR-121: rows of which there is no weighted curve are named.
func TestSR121_RowsWithoutAWeightedCurveAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*survival.Spells)
		kind   stats.Kind
		where  string
	}{
		"nobody":             {func(s *survival.Spells) { *s = survival.Spells{} }, stats.EmptyCell, "all"},
		"a weight of 0":      {func(s *survival.Spells) { s.Weight[1] = 0 }, stats.BadInput, "weights"},
		"frequencies":        {func(s *survival.Spells) { s.Frequency, s.Weight[0], s.Weight[1] = true, 1, 1 }, stats.BadInput, "weights"},
		"a row without time": {func(s *survival.Spells) { s.Start[1] = s.Stop[1] }, stats.BadInput, "stop"},
		"an overlap":         {func(s *survival.Spells) { s.Subject = []int{4, 4} }, stats.BadInput, "start"},
		"no number":          {func(s *survival.Spells) { s.Stop[1] = math.NaN() }, stats.NotFinite, "time"},
		"a short column":     {func(s *survival.Spells) { s.Event = s.Event[1:] }, stats.BadInput, "rows"},
		"a short cluster":    {func(s *survival.Spells) { s.Cluster = []int{1} }, stats.BadInput, "cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			s := survival.Spells{Start: []float64{0, 1}, Stop: []float64{3, 4}, Event: []bool{true, false}, Weight: []float64{1, 2}}
			c.change(&s)
			_, err := survival.WeightedKaplanMeier("all", s, 0.95, stats.Number{})
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
	_, err := survival.WeightedKaplanMeier("all", heart(t), 0.95, stats.Of(-1))
	statstest.RequireFailure(t, err, stats.BadInput, "tau")
}

// People with a row in each of two groups: the difference's error is that of the people's own differences. Without censoring a
// restricted mean is the mean of min(time, tau), and so the error that of a paired comparison.
func TestClustersInBothGroupsTieTheirRestrictedMeansTogether(t *testing.T) {
	const tau, n = 4.0, 40
	random := rand.New(rand.NewPCG(12, 1))
	groups, differences, means := make([]survival.Spells, 2), make([]float64, n), [2]float64{}
	for person := range n {
		level := random.ExpFloat64()
		for g := range groups {
			time := 1 + 2*level + random.ExpFloat64() + 0.3*float64(g)
			s := &groups[g]
			s.Stop, s.Event, s.Cluster = append(s.Stop, time), append(s.Event, true), append(s.Cluster, person)
			differences[person] += math.Min(time, tau) * float64(2*g-1)
			means[g] += math.Min(time, tau) / n
		}
	}
	mean, square := means[1]-means[0], 0.0
	for _, d := range differences {
		square += (d - mean) * (d - mean) / (n * n)
	}
	var curves, apart []survival.WeightedCurve
	for g, s := range groups {
		curve, err := survival.WeightedKaplanMeier([]string{"a", "b"}[g], s, 0.95, stats.Of(tau))
		require.NoError(t, err)
		curves = append(curves, curve)
		s.Cluster = nil
		curve, err = survival.WeightedKaplanMeier([]string{"a", "b"}[g], s, 0.95, stats.Of(tau))
		require.NoError(t, err)
		apart = append(apart, curve)
	}
	tied, untied := survival.CompareWeighted(curves, 0.95), survival.CompareWeighted(apart, 0.95)
	near(t, mean, tied.Differences[0].Estimate.Value, 1e-10)
	near(t, math.Sqrt(square), tied.Differences[0].SE.Value, 1e-10)
	near(t, math.Hypot(tied.Groups[0].SE.Value, tied.Groups[1].SE.Value), untied.Differences[0].SE.Value, 1e-12)
	require.Less(t, tied.Differences[0].SE.Value, untied.Differences[0].SE.Value)
	require.Less(t, tied.Ratios[0].LogSE.Value, untied.Ratios[0].LogSE.Value)
}

// Robust errors of few clusters are too small; whoever reads them is told.
func TestFewClustersOfACoxModelAreNoted(t *testing.T) {
	source := rand.New(rand.NewPCG(5, 5))
	s := survival.Spells{Names: []string{"x"}}
	for i := range 120 {
		s.Stop, s.Event = append(s.Stop, source.ExpFloat64()), append(s.Event, source.Float64() < 0.7)
		s.X, s.Cluster = append(s.X, source.NormFloat64()), append(s.Cluster, i%12)
	}
	fit, err := survival.FitCox(s, survival.Efron)
	require.NoError(t, err)
	r, err := fit.Report(0.95, nil, 0)
	require.NoError(t, err)
	require.Len(t, r.Notes, 1)
	require.Contains(t, r.Notes[0], "12 clusters")
}

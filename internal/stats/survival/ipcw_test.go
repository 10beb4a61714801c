package survival_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
	"afterglow/internal/testkit/statstest"
)

// stanford are the subjects of the Stanford rows: followed to death or the end, a transplant as the intercurrent event.
func stanford(t testing.TB) survival.Interrupted {
	f := statstest.Data(t, "heart.csv").Frame()
	s := survival.Interrupted{Names: []string{"age48", "surgery"}}
	place := map[float64]int{}
	for i, stop := range f.Numbers["stop"] {
		subject := f.Numbers["subject"][i].Value
		at, known := place[subject]
		if !known {
			at = len(s.Time)
			place[subject] = at
			s.Time, s.Event, s.Intercurrent = append(s.Time, 0), append(s.Event, false), append(s.Intercurrent, stats.Number{})
			s.X = append(s.X, f.Numbers["age48"][i].Value, f.Numbers["surgery"][i].Value)
		}
		s.Time[at], s.Event[at] = stop.Value, f.Numbers["event"][i].Value == 1
		if f.Numbers["transplant"][i].Value == 1 {
			s.Intercurrent[at] = f.Numbers["start"][i]
		}
	}
	require.Len(t, s.Time, 103)
	return s
}

func coefficient(t testing.TB, r *survival.CoxResult, name string, estimate, se float64, robust bool) {
	t.Helper()
	for _, c := range r.Coefficients {
		if c.Name == name {
			near(t, estimate, c.Estimate.Value, 1e-7, name)
			if robust {
				near(t, se, c.RobustSE.Value, 1e-7, name)
			} else {
				near(t, se, c.SE.Value, 1e-7, name)
			}
			return
		}
	}
	require.Fail(t, "no coefficient "+name)
}

// R: coxph on the Stanford subjects, the transplant an event, a censoring, and a covariate that changes; then survSplit at
// days 15, 30 and 60, glm(c ~ t0 + age48 + surgery) over glm(c ~ t0 + surgery) in the rows without a death, the weight the
// product over earlier rows, and coxph(Surv(t0, t1, ev) ~ surgery, weights = w, cluster = subject) and survfit.
func TestAnIntercurrentEventThreeWaysIsThatOfR(t *testing.T) {
	s := stanford(t)
	got, err := s.AskThreeWays(survival.Efron, 0.95, []float64{15, 30, 60}, []int{1}, survival.WeightOptions{Model: survival.PooledLogistic, TimeDegree: 1})
	require.NoError(t, err)
	require.Equal(t, 69, got.NIntercurrent)
	coefficient(t, got.Composite, "age48", 0.0255779672057, 0.0111291272408, false)
	coefficient(t, got.Composite, "surgery", -0.1046695665601, 0.2755202032307, false)
	coefficient(t, got.Hypothetical.Censored, "age48", 0.0145831967638, 0.018432498418, false)
	coefficient(t, got.Hypothetical.Censored, "surgery", -0.5634154938199, 0.614050053321, false)
	coefficient(t, got.TimeVarying, "age48", 0.0305363149142, 0.0138927866309, false)
	coefficient(t, got.TimeVarying, "intercurrent", 0.0160956052965, 0.3085858042285, false)

	ipcw := got.Hypothetical.IPCW
	for j, want := range []float64{-1.2329547801348, 0.0435377966386, 0.0288527095848, -0.1228347319894} {
		near(t, want, ipcw.Weights.Denominator[j].Estimate.Value, 1e-7)
	}
	near(t, 0.999468373631, ipcw.Weights.Mean.Value, 1e-8)
	near(t, 0.0957158412739, ipcw.Weights.SD.Value, 1e-8)
	near(t, 0.4600875424, ipcw.Weights.Min.Value, 1e-8)
	near(t, 1.35302479135, ipcw.Weights.Max.Value, 1e-8)
	coefficient(t, ipcw.Weighted.Cox, "surgery", -0.576222682568, 0.648678011801, true)
	for _, want := range [][3]float64{{10, 0.873574397818, 0.0342574047585}, {50, 0.651263917307, 0.0639086794103}, {150, 0.439427566822, 0.1008585741084}} {
		row := survival.WeightedRow{}
		for _, r := range ipcw.Weighted.Curves[0].Table {
			if r.Time <= want[0] {
				row = r
			}
		}
		near(t, want[1], row.Surv, 1e-9)
		near(t, want[2], row.SE.Value, 1e-8)
	}
	require.Equal(t, got.Curves.Hypothetical.N, ipcw.Weights.NSubjects)
}

// R: survSplit at the transplant times, coxph(Surv(t0, t1, c) ~ age48 + surgery) over ~ surgery, predict(type = "expected"),
// the weight exp(their difference summed over earlier rows).
func TestWeightsFromACoxModelOfCensoringAreThoseOfR(t *testing.T) {
	s := stanford(t)
	whole := s.CensoringRows(nil, []int{1})
	rows := s.CensoringRows(whole.CensoringTimes(), []int{1})
	got, err := rows.Reweight(survival.WeightOptions{Model: survival.CensoringCox, Level: 0.95}, survival.Outcome{Ties: survival.Efron})
	require.NoError(t, err)
	require.Equal(t, 2056, got.Weights.NRows)
	near(t, 0.995069665457, got.Weights.Mean.Value, 1e-8)
	near(t, 0.130909573032, got.Weights.SD.Value, 1e-8)
	near(t, 0.259371520131, got.Weights.Min.Value, 1e-8)
	near(t, 1.57758086099, got.Weights.Max.Value, 1e-8)
	coefficient(t, got.Weighted.Cox, "surgery", -0.611374359662, 0.65551706499, true)
}

// informative draws subjects whose hazard of the event rises with a score that changes at each visit, and who drop out after
// a visit the likelier the higher the score. Nobody's event depends on dropping out.
func informative(random *rand.Rand, n, visits int) (rows survival.CensoringRows, events []float64) {
	rows.Names = []string{"score"}
	for i := range n {
		score, gone := random.NormFloat64(), false
		event := math.Inf(1)
		for v := range visits {
			time := float64(v) + random.ExpFloat64()/(0.12*math.Exp(0.9*score))
			happened := time < float64(v+1)
			if !gone {
				rows.Subject, rows.Start, rows.Event = append(rows.Subject, i), append(rows.Start, float64(v)), append(rows.Event, happened)
				rows.X = append(rows.X, score)
				drops := !happened && v < visits-1 && random.Float64() < 1/(1+math.Exp(1.8-1.5*score))
				rows.Censored = append(rows.Censored, drops)
				rows.Stop = append(rows.Stop, math.Min(time, float64(v+1)))
				gone = drops
			}
			if happened {
				event = time
				break
			}
			score += 0.5 * random.NormFloat64()
		}
		events = append(events, event)
	}
	return rows, events
}

// Recovery: who drops out was about to have the event. The plain curve is too high; the weighted one is that of everybody.
func TestWeightsRecoverTheCurveThatInformativeCensoringHides(t *testing.T) {
	const visits, n = 6, 6000
	rows, events := informative(rand.New(rand.NewPCG(21, 22)), n, visits)
	truth := 0.0
	for _, e := range events {
		if e >= visits {
			truth += 1.0 / n
		}
	}
	for _, model := range []survival.CensoringModel{survival.PooledLogistic, survival.CensoringCox} {
		t.Run(string(model), func(t *testing.T) {
			used := rows
			got, err := used.Reweight(survival.WeightOptions{Model: model, TimeDegree: 1, Level: 0.95}, survival.Outcome{Ties: survival.Efron})
			require.NoError(t, err)
			end := func(c survival.WeightedCurve) survival.WeightedRow { return c.Table[len(c.Table)-1] }
			naive, weighted := end(got.Naive.Curves[0]), end(got.Weighted.Curves[0])
			require.Greater(t, naive.Surv, truth+0.06, "the naive curve is far off: %g", truth)
			require.InDelta(t, truth, weighted.Surv, 3*weighted.SE.Value+0.005)
			require.Less(t, weighted.SE.Value, 0.02)
			require.InDelta(t, 1, got.Weights.Mean.Value, 0.1)
		})
	}
}

// Recovery: two groups with a hazard ratio, one of which drops out on its score; the naive Cox model is off, the weighted not.
func TestWeightsRecoverAHazardRatio(t *testing.T) {
	random := rand.New(rand.NewPCG(23, 24))
	var all survival.Spells
	rows := survival.CensoringRows{Names: []string{"group", "score of group 1"}, StableNames: []string{"group"}}
	all.Names = []string{"group"}
	for i := range 8000 {
		group := float64(i % 2)
		score, gone := random.NormFloat64(), false
		for v := range 5 {
			time := float64(v) + random.ExpFloat64()/(0.15*math.Exp(-0.5*group+0.9*score))
			stop, happened := math.Min(time, float64(v+1)), time < float64(v+1)
			all.Start, all.Stop, all.Event = append(all.Start, float64(v)), append(all.Stop, stop), append(all.Event, happened)
			all.X = append(all.X, group)
			if !gone {
				drops := !happened && random.Float64() < 1/(1+math.Exp(2-group*(1+1.2*score)))
				rows.Subject, rows.Start, rows.Stop = append(rows.Subject, i), append(rows.Start, float64(v)), append(rows.Stop, stop)
				rows.Event, rows.Censored = append(rows.Event, happened), append(rows.Censored, drops)
				rows.X, rows.StableX = append(rows.X, group, score*group), append(rows.StableX, group)
				gone = drops
			}
			if happened {
				break
			}
			score += 0.3 * random.NormFloat64()
		}
	}
	complete, err := survival.FitCox(all, survival.Efron)
	require.NoError(t, err)
	got, err := rows.Reweight(survival.WeightOptions{Model: survival.PooledLogistic, TimeDegree: 1, Level: 0.95, Unstabilised: true, Truncate: stats.Of(0.9995)}, survival.Outcome{Ties: survival.Efron})
	require.NoError(t, err)
	truth, naive, weighted := complete.Beta[0], got.Naive.Cox.Coefficients[0], got.Weighted.Cox.Coefficients[0]
	require.Less(t, naive.Estimate.Value, truth-0.15, "the naive ratio flatters the group that drops out")
	require.InDelta(t, truth, weighted.Estimate.Value, 3*weighted.RobustSE.Value)
	require.Less(t, math.Abs(weighted.Estimate.Value-truth), math.Abs(naive.Estimate.Value-truth)/2)
	require.Positive(t, got.Weights.NTruncated)
	require.Greater(t, got.Weights.MaxUntruncated.Value, got.Weights.Max.Value)
}

// Identity: covariates that say no more than the numerator's give weights of 1, and so does nobody to be weighted.
func TestWeightsAreOneWhereThereIsNothingToCorrect(t *testing.T) {
	rows, _ := informative(rand.New(rand.NewPCG(25, 26)), 300, 4)
	rows.StableNames, rows.StableX = rows.Names, rows.X
	for _, model := range []survival.CensoringModel{survival.PooledLogistic, survival.CensoringCox} {
		weights, _, err := rows.Weights(survival.WeightOptions{Model: model, Level: 0.95})
		require.NoError(t, err)
		for _, w := range weights {
			require.InDelta(t, 1, w, 1e-12)
		}
	}
	clear(rows.Censored)
	weights, report, err := rows.Weights(survival.WeightOptions{Model: survival.PooledLogistic, Level: 0.95})
	require.NoError(t, err)
	require.Equal(t, 1.0, weights[len(weights)-1])
	require.NotEmpty(t, report.Notes)
}

// Cutting rows elsewhere changes no Cox model that is not weighted.
func TestCuttingRowsLeavesTheCoxModel(t *testing.T) {
	rows, _ := informative(rand.New(rand.NewPCG(27, 28)), 200, 4)
	cut, from := rows.Cut([]float64{0.5, 1, 2.25, 9})
	require.Len(t, from, len(cut.Stop))
	require.Greater(t, len(cut.Stop), len(rows.Stop))
	fit := func(r survival.CensoringRows) []float64 {
		f, err := survival.FitCox(survival.Spells{Start: r.Start, Stop: r.Stop, Event: r.Event, Names: r.Names, X: r.X}, survival.Efron)
		require.NoError(t, err)
		return f.Beta
	}
	near(t, fit(rows)[0], fit(cut)[0], 1e-10)
}

func censoringRows() survival.CensoringRows {
	return survival.CensoringRows{Subject: []int{0, 0, 1, 1, 2}, Start: []float64{0, 1, 0, 1, 0}, Stop: []float64{1, 2, 1, 2, 1},
		Event: []bool{false, true, false, false, false}, Censored: []bool{false, false, false, true, true}, Names: []string{"x"}, X: []float64{1, 2, 3, 2, 1}}
}

// SR-121: rows from which no weight can come are named.
func TestSR121_CensoringThatCannotBeWeightedIsNamed(t *testing.T) {
	o := survival.WeightOptions{Model: survival.PooledLogistic, Level: 0.95}
	for name, c := range map[string]struct {
		change func(*survival.CensoringRows, *survival.WeightOptions)
		kind   stats.Kind
		where  string
	}{
		"no model":               {func(_ *survival.CensoringRows, o *survival.WeightOptions) { o.Model = "" }, stats.BadInput, "model"},
		"a fourth power":         {func(_ *survival.CensoringRows, o *survival.WeightOptions) { o.TimeDegree = 4 }, stats.BadInput, "time_degree"},
		"a low quantile":         {func(_ *survival.CensoringRows, o *survival.WeightOptions) { o.Truncate = stats.Of(0.2) }, stats.BadInput, "truncate"},
		"no level":               {func(_ *survival.CensoringRows, o *survival.WeightOptions) { o.Level = 0 }, stats.BadInput, "level"},
		"an overlap":             {func(r *survival.CensoringRows, _ *survival.WeightOptions) { r.Start[1] = 0.5 }, stats.BadInput, "start"},
		"a row without time":     {func(r *survival.CensoringRows, _ *survival.WeightOptions) { r.Start[4] = 1 }, stats.BadInput, "stop"},
		"both ends at once":      {func(r *survival.CensoringRows, _ *survival.WeightOptions) { r.Event[3] = true }, stats.BadInput, "censored"},
		"life after the end":     {func(r *survival.CensoringRows, _ *survival.WeightOptions) { r.Event[0] = true }, stats.BadInput, "subject"},
		"no number":              {func(r *survival.CensoringRows, _ *survival.WeightOptions) { r.X[2] = math.Inf(1) }, stats.NotFinite, "x"},
		"a constant column":      {func(r *survival.CensoringRows, _ *survival.WeightOptions) { r.X = []float64{1, 1, 1, 1, 1} }, stats.Collinear, "x"},
		"nobody":                 {func(r *survival.CensoringRows, _ *survival.WeightOptions) { *r = survival.CensoringRows{} }, stats.TooFew, "rows"},
		"a column too short":     {func(r *survival.CensoringRows, _ *survival.WeightOptions) { r.Subject = r.Subject[1:] }, stats.BadInput, "rows"},
		"rows that were not cut": {func(r *survival.CensoringRows, _ *survival.WeightOptions) { r.Subject = []int{0, 1, 2, 3, 4} }, stats.BadInput, "rows"},
		"a score that tells":     {func(r *survival.CensoringRows, _ *survival.WeightOptions) { r.X = []float64{0, 0, 0, 1, 1} }, stats.Separation, "x"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, o := censoringRows(), o
			c.change(&rows, &o)
			_, _, err := rows.Weights(o)
			statstest.RequireFailure(t, err, c.kind, c.where)
		})
	}
	_, err := survival.Interrupted{Time: []float64{1}, Event: []bool{true}, Intercurrent: []stats.Number{{}}}.AskThreeWays(survival.Efron, 0.95, nil, nil, o)
	var failure *stats.Failure
	require.ErrorAs(t, err, &failure)
	require.Equal(t, "intercurrent", failure.Where)
}

// An intercurrent event at time 0 is counted: the subject was never at risk under the hypothetical strategy.
func TestAnIntercurrentEventAtTheStartIsCounted(t *testing.T) {
	s := stanford(t)
	s.Intercurrent[3], s.Intercurrent[8] = stats.Of(0), stats.Of(0)
	got, err := s.AskThreeWays(survival.Efron, 0.95, []float64{15, 30}, []int{1}, survival.WeightOptions{Model: survival.PooledLogistic, TimeDegree: 1})
	require.NoError(t, err)
	require.Equal(t, 2, got.NAtStart)
	require.Equal(t, got.N-2, got.Hypothetical.IPCW.Weights.NSubjects)
	require.Equal(t, got.N, got.Composite.N)
}

// At the same time as the event the event came first; one at the end of follow-up counts; one after it was not seen.
func TestAnIntercurrentEventAtTheEndOfARow(t *testing.T) {
	s := survival.Interrupted{Time: []float64{5, 5, 5, 5}, Event: []bool{true, false, true, true}, Intercurrent: []stats.Number{stats.Of(5), stats.Of(5), stats.Of(7), stats.Of(2)}}
	require.Equal(t, []bool{true, true, true, true}, s.Composite().Event)
	require.Equal(t, []float64{5, 5, 5, 2}, s.Composite().Stop)
	require.Equal(t, []bool{true, false, true, false}, s.Hypothetical().Event)
	varying := s.TimeVarying()
	require.Equal(t, []float64{0, 0, 0, 0, 2}, varying.Start)
	require.Equal(t, []float64{5, 5, 5, 2, 5}, varying.Stop)
	require.Equal(t, []float64{0, 0, 0, 0, 1}, varying.X)
}

// A row in the middle of a subject's that is not there leaves later weights without its factor, and is said to be missing.
func TestGapsBetweenASubjectsRowsAreNoted(t *testing.T) {
	rows, _ := informative(rand.New(rand.NewPCG(3, 1)), 200, 4)
	options := survival.WeightOptions{Model: survival.PooledLogistic, TimeDegree: 1, Level: 0.95}
	_, whole, err := rows.Weights(options)
	require.NoError(t, err)
	require.Empty(t, whole.Notes)
	at := -1
	for i := 1; i+1 < len(rows.Stop) && at < 0; i++ {
		if rows.Subject[i-1] == rows.Subject[i] && rows.Subject[i+1] == rows.Subject[i] {
			at = i
		}
	}
	require.Positive(t, at)
	p := len(rows.Names)
	rows.Subject, rows.Start, rows.Stop = slices.Delete(rows.Subject, at, at+1), slices.Delete(rows.Start, at, at+1), slices.Delete(rows.Stop, at, at+1)
	rows.Event, rows.Censored = slices.Delete(rows.Event, at, at+1), slices.Delete(rows.Censored, at, at+1)
	rows.X = slices.Delete(rows.X, at*p, at*p+p)
	_, gap, err := rows.Weights(options)
	require.NoError(t, err)
	require.Len(t, gap.Notes, 1)
	require.Contains(t, gap.Notes[0], "1 times a row is missing")
}

func FuzzReweight(f *testing.F) {
	f.Add([]byte{10, 3, 1, 20, 5, 2, 30, 1, 0, 12, 9, 2, 14, 8, 1, 33, 4, 2, 21, 2, 2}, uint8(1))
	f.Add([]byte{}, uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, choice uint8) {
		s := survival.Interrupted{Names: []string{"x"}}
		for i := 0; i+2 < len(data) && i < 150; i += 3 {
			s.Time, s.Event = append(s.Time, float64(data[i])/8), append(s.Event, data[i+2]&1 > 0)
			s.Intercurrent = append(s.Intercurrent, stats.Number{Value: float64(data[i+1]) / 4, Defined: data[i+2]&2 > 0})
			s.X = append(s.X, float64(data[i+2]/4))
		}
		o := survival.WeightOptions{Model: []survival.CensoringModel{survival.PooledLogistic, survival.CensoringCox}[choice%2], TimeDegree: int(choice / 2 % 4), Unstabilised: choice&8 > 0}
		var stable []int
		if choice&16 > 0 {
			stable = []int{0}
		}
		result, err := s.AskThreeWays(survival.Efron, 0.9, []float64{4, 8, 16}, stable, o)
		statstest.RequireAnswer(t, result, err)
	})
}

package mixed

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/testkit/statstest"
)

// withWeights adds a column "w" of weights by patient.
func withWeights(frame formula.Frame, weight func(patient int) float64) formula.Frame {
	place := map[string]int{}
	for _, id := range frame.Texts["id"] {
		if _, known := place[id]; !known {
			place[id] = len(place)
		}
		frame.Numbers["w"] = append(frame.Numbers["w"], stats.Of(weight(place[id])))
	}
	return frame
}

// replicated repeats every patient as often as its weight says, under names of its own.
func replicated(frame formula.Frame) formula.Frame {
	out := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
	for row, w := range frame.Numbers["w"] {
		for copied := range int(w.Value) {
			for name, column := range frame.Numbers {
				out.Numbers[name] = append(out.Numbers[name], column[row])
			}
			for name, column := range frame.Texts {
				value := column[row]
				if name == "id" {
					value = fmt.Sprintf("%s-%d", value, copied)
				}
				out.Texts[name] = append(out.Texts[name], value)
			}
		}
	}
	return out
}

func fitRows(t testing.TB, tr trial, f string, rows Rows, o Options) *Fit {
	m, err := tr.model(f).Classify(rows.Data, rows.Subject)
	require.NoError(t, err)
	d, err := m.Design()
	require.NoError(t, err)
	s, err := d.Sum(rows)
	require.NoError(t, err)
	fit, err := FitSums(d, s, o)
	require.NoError(t, err)
	return fit
}

func TestWeightsOfOneAreTheFitWithoutWeights(t *testing.T) {
	tr := trial{patients: 50, arms: 2, visits: 4, missing: gaps}
	frame := withWeights(tr.frame(51), func(int) float64 { return 1 })
	for _, structure := range Structures() {
		plain := fitRows(t, tr, "score ~ base * week + arm * week", Rows{Data: frame, Subject: "id"}, options(tr, structure, REML))
		weighted := fitRows(t, tr, "score ~ base * week + arm * week", Rows{frame, "id", "w"}, options(tr, structure, REML))
		a, err := plain.Result()
		require.NoError(t, err)
		b, err := weighted.Result()
		require.NoError(t, err)
		require.Equal(t, a, b)
	}
}

// A patient of weight w is w patients alike: likelihood, estimates, standard errors and degrees of freedom.
func TestWholeWeightsAreRepeatedPatients(t *testing.T) {
	tr := trial{patients: 40, arms: 2, visits: 3, missing: gaps}
	frame := withWeights(tr.frame(52), func(i int) float64 { return float64(1 + i*i%4) })
	for _, method := range []Method{REML, ML} {
		o := options(tr, Unstructured, method)
		weighted := fitRows(t, tr, "score ~ base + arm * week", Rows{frame, "id", "w"}, o)
		copies := fitRows(t, tr, "score ~ base + arm * week", Rows{Data: replicated(frame), Subject: "id"}, o)
		same(t, copies, weighted, 1e-7)
		a, err := weighted.Result()
		require.NoError(t, err)
		b, err := copies.Result()
		require.NoError(t, err)
		require.Equal(t, 38, a.NSubjects)
		require.InDelta(t, float64(b.NSubjects), a.SumOfWeights, 1e-9)
		require.InEpsilon(t, b.BICNlme, a.BICNlme, 1e-9)
		require.InEpsilon(t, b.BICCovariance, a.BICCovariance, 1e-9)
		require.InDelta(t, b.CovariatesAt["base"], a.CovariatesAt["base"], 1e-9)
		require.Len(t, a.Notes, len(b.Notes)+1)
	}
}

func TestTheUnitOfTheWeightsLeavesTheEstimates(t *testing.T) {
	tr := trial{patients: 40, arms: 2, visits: 3, missing: gaps}
	base := tr.frame(53)
	rapid.Check(t, func(rt *rapid.T) {
		scale := rapid.Float64Range(1e-3, 1e3).Draw(rt, "scale")
		seed := rapid.Uint64().Draw(rt, "seed")
		weighted := func(scale float64) *Fit {
			random := rand.New(rand.NewPCG(seed, 1))
			weights := make([]float64, tr.patients)
			for i := range weights {
				weights[i] = scale * (0.2 + random.Float64())
			}
			frame := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: base.Texts}
			for name, column := range base.Numbers {
				frame.Numbers[name] = column
			}
			return fitRows(t, tr, "score ~ base + arm * week", Rows{withWeights(frame, func(i int) float64 { return weights[i] }), "id", "w"},
				options(tr, Unstructured, ML))
		}
		a, err := weighted(1).Result()
		require.NoError(rt, err)
		b, err := weighted(scale).Result()
		require.NoError(rt, err)
		for i := range a.Coefficients {
			require.InDelta(rt, a.Coefficients[i].Estimate, b.Coefficients[i].Estimate, 1e-6)
			require.InEpsilon(rt, a.Coefficients[i].SE, b.Coefficients[i].SE*math.Sqrt(scale), 1e-6)
		}
	})
}

func TestAWeightThatIsMissingOrZeroLeavesThePatientOut(t *testing.T) {
	tr := trial{patients: 40, arms: 2, visits: 3}
	frame := withWeights(tr.frame(54), func(i int) float64 { return map[int]float64{7: 0}[i] + boolean(i != 7) })
	for row, id := range frame.Texts["id"] {
		if id == "p9" {
			frame.Numbers["w"][row] = stats.Number{}
		}
	}
	fit := fitRows(t, tr, "score ~ base + arm * week", Rows{frame, "id", "w"}, options(tr, Unstructured, REML))
	require.Equal(t, 38, fit.problem.totals.subjects)
	require.Equal(t, 2, fit.problem.totals.excludedSubjects)
}

// SR-121: weights that mean nothing are named.
func TestSR121_WeightsThatMeanNothingAreNamed(t *testing.T) {
	tr := trial{patients: 20, arms: 2, visits: 2}
	for name, weight := range map[string]func(int) stats.Number{
		"negative":      func(int) stats.Number { return stats.Of(-1) },
		"infinite":      func(int) stats.Number { return stats.Number{Value: math.Inf(1), Defined: true} },
		"not a number":  func(int) stats.Number { return stats.Number{Value: math.NaN(), Defined: true} },
		"changing":      func(row int) stats.Number { return stats.Of(float64(row%2 + 1)) },
		"not such here": nil,
	} {
		t.Run(name, func(t *testing.T) {
			frame := tr.frame(55)
			if weight != nil {
				for row := range frame.Texts["id"] {
					frame.Numbers["w"] = append(frame.Numbers["w"], weight(row))
				}
			}
			d, err := tr.model("score ~ arm * week").Design()
			require.NoError(t, err)
			_, err = d.Sum(Rows{frame, "id", "w"})
			statstest.RequireFailure(t, err, stats.BadInput, "w")
		})
	}
	tiny := withWeights(tr.frame(55), func(int) float64 { return 1e-3 })
	d, err := tr.model("score ~ arm * week").Design()
	require.NoError(t, err)
	light, err := d.Sum(Rows{tiny, "id", "w"})
	require.NoError(t, err)
	_, err = FitSums(d, light, options(tr, Unstructured, REML))
	statstest.RequireFailure(t, err, stats.TooFew, "weights")
	_, err = FitSums(d, light, options(tr, Unstructured, ML))
	require.NoError(t, err)

	d, s := tr.sums(t, "score ~ arm * week", tr.frame(55))
	p := s.Patterns[0]
	p.XX = append([]float64{0}, p.XX[1:]...)
	fresh, err := d.NewSums(s.Origin)
	require.NoError(t, err)
	statstest.RequireFailure(t, fresh.Put(p), stats.BadInput, "pattern")
}

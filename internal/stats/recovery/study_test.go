package recovery

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/decay"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/mixed"
)

// days are the visits of the simulated trial, in days since treatment ended.
var days = []float64{14, 28, 56, 84, 168}

// scatter grows with time and neighbours resemble each other more than strangers do: no structure with few parameters.
var scatter = [5]float64{6, 7, 8, 8.5, 9}

func correlation(u, v int) float64 {
	return 0.35 + 0.4*math.Exp(-math.Abs(days[u]-days[v])/60)
}

// factor is the Cholesky factor of the covariance among visits.
var factor = func() mat.TriDense {
	s := mat.NewSymDense(len(days), nil)
	for u := range days {
		for v := u; v < len(days); v++ {
			r := 1.0
			if u != v {
				r = correlation(u, v)
			}
			s.SetSym(u, v, r*scatter[u]*scatter[v])
		}
	}
	var c mat.Cholesky
	if !c.Factorize(s) {
		panic("the covariance of the simulated trial is positive definite") // house:panic a constant of the test
	}
	var l mat.TriDense
	c.LTo(&l)
	return l
}()

// trial draws a two-arm trial whose true difference at visit v is effect(v). Who is worse at a visit is likelier to be gone
// from the next on, so that what is missing depends on what was seen, and a further twentieth of the scores is missing by
// chance.
func trial(source *rand.Rand, n int, effect func(v int) float64) formula.Frame {
	numbers := map[string][]stats.Number{}
	texts := map[string][]string{}
	for i := range n {
		arm, baseline := i%2, 30+8*source.NormFloat64()
		noise := make([]float64, len(days))
		for v := range noise {
			noise[v] = source.NormFloat64()
		}
		gone := false
		for v := range days {
			score := 22 + 0.5*(baseline-30) + 0.01*days[v]
			for u := range v + 1 {
				score += factor.At(v, u) * noise[u]
			}
			if arm == 1 {
				score += effect(v)
			}
			response := stats.Of(score)
			if gone || source.Float64() < 0.05 {
				response = stats.Number{}
			}
			numbers["score"] = append(numbers["score"], response)
			numbers["baseline"] = append(numbers["baseline"], stats.Of(baseline))
			texts["id"] = append(texts["id"], fmt.Sprint(i))
			texts["visit"] = append(texts["visit"], fmt.Sprint(v))
			texts["arm"] = append(texts["arm"], string(rune('a'+arm)))
			gone = gone || response.Defined && source.Float64() < 0.25/(1+math.Exp(-(score-30)/5))
		}
	}
	return formula.Frame{Numbers: numbers, Texts: texts}
}

var model = mixed.Model{Formula: "score ~ baseline * visit + arm * visit", Visit: "visit", Visits: []string{"0", "1", "2", "3", "4"},
	Arm: "arm", Factors: map[string][]string{"arm": {"a", "b"}}}

func fitTrial(frame formula.Frame) (*mixed.Fit, []mixed.Difference, error) {
	design, err := model.Design()
	if err != nil {
		return nil, nil, err
	}
	sums, err := design.SumRows(frame, "id")
	if err != nil {
		return nil, nil, err
	}
	fit, err := mixed.FitSums(design, sums, mixed.Options{Covariance: mixed.Unstructured, Method: mixed.REML, Level: level})
	if err != nil {
		return nil, nil, err
	}
	differences, err := fit.Differences()
	return fit, differences, err
}

// lastVisit judges the arms' difference at the last visit.
func lastVisit(effect float64) func(*rand.Rand, int) (map[string]bool, error) {
	return func(source *rand.Rand, n int) (map[string]bool, error) {
		_, differences, err := fitTrial(trial(source, n, func(v int) float64 { return effect * float64(v) / 4 }))
		if err != nil {
			return nil, err
		}
		d := differences[len(differences)-1]
		return map[string]bool{
			"Satterthwaite":           within(d.Lower, d.Upper, effect),
			"Kenward-Roger":           within(d.LowerKR, d.UpperKR, effect),
			"Kenward-Roger, observed": within(d.LowerKRObserved, d.UpperKRObserved, effect),
		}, nil
	}
}

// slopes judges the difference of slopes over times of each one's own, between arms, by a random intercept and slope.
func slopes(truth float64) func(*rand.Rand, int) (map[string]bool, error) {
	return func(source *rand.Rand, n int) (map[string]bool, error) {
		frame := formula.Frame{Numbers: map[string][]stats.Number{}, Texts: map[string][]string{}}
		for i := range n {
			arm, at0, slope := float64(i%2), 4*source.NormFloat64(), 0.6*source.NormFloat64()
			for range 2 + source.IntN(5) {
				week := 24 * source.Float64()
				score := 20 + at0 + (slope-0.1+truth*arm)*week + 3*source.NormFloat64()
				frame.Numbers["week"] = append(frame.Numbers["week"], stats.Of(week))
				frame.Numbers["arm"] = append(frame.Numbers["arm"], stats.Of(arm))
				frame.Numbers["score"] = append(frame.Numbers["score"], stats.Of(score))
				frame.Texts["id"] = append(frame.Texts["id"], fmt.Sprint(i))
			}
		}
		fit, err := mixed.FitRandom(mixed.RandomModel{Formula: "score ~ arm * week + (1 + week | id)", Method: mixed.REML, Level: level}, frame)
		if err != nil {
			return nil, err
		}
		d, err := fit.Contrast([]float64{0, 0, 0, 1})
		if err != nil {
			return nil, err
		}
		return map[string]bool{"Satterthwaite": within(d.Lower, d.Upper, truth), "Kenward-Roger": within(d.LowerKR, d.UpperKR, truth)}, nil
	}
}

// halfLife judges the half-life of a difference that decays exponentially, from the model's differences with their covariance.
func halfLife(truth float64) func(*rand.Rand, int) (map[string]bool, error) {
	return func(source *rand.Rand, n int) (map[string]bool, error) {
		fit, differences, err := fitTrial(trial(source, n, func(v int) float64 { return -9 * math.Exp2(-days[v]/truth) }))
		if err != nil {
			return nil, err
		}
		in := decay.FitInput{T: days, Model: decay.Exponential, Level: level}
		var rows [][]float64
		for _, d := range differences {
			in.Y, in.SE, rows = append(in.Y, -d.Estimate), append(in.SE, d.SE), append(rows, d.L)
		}
		covariance, err := fit.Covariance(rows)
		if err != nil {
			return nil, err
		}
		in.Covariance = covariance.Plain
		fitted, err := decay.Fit(in)
		if err != nil {
			return nil, err
		}
		g := fitted.GLS
		return map[string]bool{
			"profile":     beyond(g.ProfileLower, truth, -1) && beyond(g.ProfileUpper, truth, 1),
			"log-delta":   g.LogLower.Defined && within(g.LogLower, g.LogUpper, truth),
			"plain delta": g.Lower.Defined && within(g.Lower, g.Upper, truth),
		}, nil
	}
}

// within tells whether both limits are there and hold the truth.
func within(lower, upper stats.Number, truth float64) bool {
	return lower.Defined && upper.Defined && lower.Value <= truth && truth <= upper.Value
}

// beyond tells whether a limit lies beyond the truth on its side; one that is not reached does.
func beyond(limit stats.Number, truth, side float64) bool {
	return !limit.Defined || side*(limit.Value-truth) >= 0
}

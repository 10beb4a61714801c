package recovery

import (
	"math"
	"math/rand/v2"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
	"afterglow/internal/stats/survival"
	"afterglow/internal/stats/weighting"
)

// logHazard judges Cox's log hazard of a group, with a covariate beside it; about a third of the times is censored.
func logHazard(truth float64) func(*rand.Rand, int) (map[string]bool, error) {
	return func(source *rand.Rand, n int) (map[string]bool, error) {
		spells := survival.Spells{Names: []string{"group", "severity"}}
		for i := range n {
			group, severity := float64(i%2), source.NormFloat64()
			time := 60 * math.Pow(source.ExpFloat64()/math.Exp(truth*group+0.4*severity), 1/1.3)
			end := 20 + 160*source.Float64()
			spells.Stop = append(spells.Stop, math.Ceil(math.Min(time, end)))
			spells.Event = append(spells.Event, time <= end)
			spells.X = append(spells.X, group, severity)
		}
		fit, err := survival.FitCox(spells, survival.Efron)
		if err != nil {
			return nil, err
		}
		half := stats.NormalQuantile(0.5+level/2) * math.Sqrt(fit.VCov.At(0, 0))
		return map[string]bool{"Wald": math.Abs(fit.Beta[0]-truth) <= half}, nil
	}
}

// notRandomised draws a treatment that the sicker get more often, and that works better in some; its average effect is
// known.
func notRandomised(source *rand.Rand, n int, effect float64) weighting.Input {
	in := weighting.Input{Names: []string{"(Intercept)", "severity", "support", "prior"}, Treatment: "setting", Level: level}
	for range n {
		severity, support, prior := source.NormFloat64(), source.NormFloat64(), 0.0
		if source.Float64() < 0.4 {
			prior = 1
		}
		treated := 0.0
		if source.Float64() < 1/(1+math.Exp(0.2-0.7*severity+0.4*support-0.5*prior)) {
			treated = 1
		}
		score := 20 + 4*severity - 2*support + 1.5*prior + treated*(effect+1.5*support) + 6*source.NormFloat64()
		in.X = append(in.X, 1, severity, support, prior)
		in.Treated, in.Outcome = append(in.Treated, treated), append(in.Outcome, score)
	}
	return in
}

// weighted judges the average effect in everyone by weights.
func weighted(truth float64) func(*rand.Rand, int) (map[string]bool, error) {
	return func(source *rand.Rand, n int) (map[string]bool, error) {
		in := notRandomised(source, n, truth)
		in.Estimand = weighting.ATE
		c, err := weighting.Compare(in)
		if err != nil {
			return nil, err
		}
		return map[string]bool{"M-estimation": within(c.LowerM, c.UpperM, truth), "HC0": within(c.LowerHC0, c.UpperHC0, truth)}, nil
	}
}

// doublyRobust judges the same with a model of the outcome beside.
func doublyRobust(truth float64) func(*rand.Rand, int) (map[string]bool, error) {
	return func(source *rand.Rand, n int) (map[string]bool, error) {
		in := notRandomised(source, n, truth)
		models := weighting.Models{Names: in.Names, X: in.X, OutcomeNames: in.Names, OutcomeX: in.X, Treatment: in.Treatment,
			Levels: []string{"0", "1"}, Response: "score", Outcome: in.Outcome, Family: glm.Gaussian, Level: level}
		for _, treated := range in.Treated {
			models.Group = append(models.Group, int(treated))
		}
		r, err := weighting.AIPW(models)
		if err != nil {
			return nil, err
		}
		c := r.Contrasts[0]
		return map[string]bool{"influence function": within(c.Lower, c.Upper, truth), "M-estimation": within(c.LowerM, c.UpperM, truth)}, nil
	}
}

package survival

import (
	"fmt"
	"strconv"

	"afterglow/internal/stats"
	"afterglow/internal/stats/glm"
)

// DiscreteHazard is a grouped proportional hazards model: events known only to lie between visits. NSubjects counts those
// who contribute an interval, NWithoutPeriod those who were censored inside the first one,
// NSpanning those whose event lies in one of several intervals.
type DiscreteHazard struct {
	NSubjects      int                   `json:"n_subjects"`
	NWithoutPeriod int                   `json:"n_without_period"`
	NPersonPeriods int                   `json:"n_person_periods"`
	NSpanning      int                   `json:"n_spanning,omitempty"`
	AtRisk         []int                 `json:"at_risk"`
	Events         []int                 `json:"events"`
	Coefficients   []DiscreteCoefficient `json:"coefficients"`
	LogLik         stats.Number          `json:"loglik"`
	Deviance       stats.Number          `json:"deviance"`
	AIC            stats.Number          `json:"aic"`
	// Notes name intervals whose coefficient has no finite estimate.
	Notes []string `json:"notes,omitempty"`
}

// DiscreteCoefficient is log(-log(1 - h)) of an interval at covariates 0, or a log hazard ratio.
type DiscreteCoefficient struct {
	Name     string       `json:"name"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
	Z        stats.Number `json:"z"`
	PValue   stats.Number `json:"p_value"`
	Exp      stats.Number `json:"exp_estimate"`
	Lower    stats.Number `json:"exp_lower"`
	Upper    stats.Number `json:"exp_upper"`
}

// FitDiscreteHazard fits a binomial model with complementary log-log link to the intervals (cut, next cut] that each
// subject was followed through, one coefficient an interval (Prentice & Gloeckler 1978, Biometrics 34:57). A subject with
// the event contributes up to the interval that holds it, a censored one the intervals seen to their end; who stays
// beyond the last cut is censored there. A time that equals a cut but for rounding is at the cut. Standard errors come from the expected information. See docs/methods/discrete-hazard.md.
func FitDiscreteHazard(s Spells, cuts []float64, level float64) (DiscreteHazard, error) {
	out := DiscreteHazard{}
	if err := stats.CheckLevel(level); err != nil {
		return out, err
	}
	if err := checkCuts(cuts); err != nil {
		return out, err
	}
	if err := checkTimes(s, s.Stop); err != nil {
		return out, err
	}
	intervals, p := len(cuts)-1, len(s.Names)
	data := glm.Data{Response: "event"}
	for k := range intervals {
		data.Names = append(data.Names, "interval"+strconv.Itoa(k+1))
	}
	data.Names = append(data.Names, s.Names...)
	out.AtRisk, out.Events = make([]int, intervals), make([]int, intervals)
	for i, t := range tiedToAll(s.Stop, cuts) {
		seen, event := followed(t, s.Event[i], cuts)
		if seen == 0 {
			out.NWithoutPeriod++
		} else {
			out.NSubjects++
		}
		for k := range seen {
			row := make([]float64, intervals+p)
			row[k] = 1
			copy(row[intervals:], s.X[i*p:i*p+p])
			data.X = append(data.X, row...)
			y := 0.0
			if event && k == seen-1 {
				y = 1
				out.Events[k]++
			}
			data.Y = append(data.Y, y)
			out.AtRisk[k]++
		}
	}
	out.NPersonPeriods = len(data.Y)
	for k := range intervals {
		if out.Events[k] == out.AtRisk[k] && out.AtRisk[k] > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf("%s: everyone at risk had the event, so its hazard runs to 1 and its coefficient has no finite estimate: "+
				"the one given is where the fit stopped; the others hold", data.Names[k]))
		}
		if out.AtRisk[k] == 0 {
			return out, stats.Errorf(stats.EmptyCell, data.Names[k], "nobody was followed into the interval from %g to %g", cuts[k], cuts[k+1])
		}
		if out.Events[k] == 0 {
			return out, stats.Errorf(stats.NoEvents, data.Names[k], "no event lies between %g and %g; join it with a neighbour", cuts[k], cuts[k+1])
		}
	}
	fit, err := glm.New(glm.CLogLog, data)
	if err != nil {
		return out, err
	}
	for j, name := range data.Names {
		e := stats.ZEstimate(fit.Beta[j], fit.SE(j), level)
		out.Coefficients = append(out.Coefficients, DiscreteCoefficient{name, e.Estimate, e.SE, e.Statistic, e.PValue, exp(e.Estimate), exp(e.Lower), exp(e.Upper)})
	}
	out.LogLik, out.Deviance = stats.Of(fit.LogLik), stats.Of(-2*fit.LogLik)
	out.AIC = stats.Of(-2*fit.LogLik + 2*float64(len(data.Names)))
	return out, nil
}

func checkCuts(cuts []float64) error {
	if len(cuts) < 2 {
		return stats.Errorf(stats.BadInput, "cuts", "an interval needs two ends")
	}
	for i, c := range cuts {
		if !stats.Finite(c) || i > 0 && c <= cuts[i-1] {
			return stats.Errorf(stats.BadInput, "cuts", "must be finite and rise")
		}
	}
	return nil
}

// followed is the number of intervals a subject contributes, and whether the last of them holds the event.
func followed(t float64, event bool, cuts []float64) (int, bool) {
	intervals := len(cuts) - 1
	seen := 0
	for seen < intervals && cuts[seen+1] <= t {
		seen++
	}
	if !event {
		return seen, false
	}
	for k := range intervals {
		if t <= cuts[k+1] {
			return k + 1, true
		}
	}
	return intervals, false
}

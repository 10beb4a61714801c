package power

import (
	"math"
	"math/rand/v2"

	"afterglow/internal/stats"
	"afterglow/internal/stats/survival"
)

// SurvivalTest names the analysis of a time to event.
type SurvivalTest string

const (
	// LogRank is the log-rank test.
	LogRank SurvivalTest = "logrank"
	// Cox is Wald's test in Cox's model, ties after Efron.
	Cox SurvivalTest = "cox"
)

// Survival is a study of two arms followed to an event. Times are Weibull (Shape 0 or 1: exponential): the first arm is
// without the event with probability ControlSurvival at time At, the second has HazardRatio times its hazard. Subjects
// enter evenly over Accrual and are followed until FollowUp after the last entry. Dropout is the share lost by time At at a
// constant hazard. Times have one unit, whatever it is.
type Survival struct {
	Test            SurvivalTest `json:"test"`
	ControlSurvival float64      `json:"control_survival"`
	At              float64      `json:"at"`
	HazardRatio     float64      `json:"hazard_ratio"`
	Shape           float64      `json:"shape"`
	Accrual         float64      `json:"accrual"`
	FollowUp        float64      `json:"follow_up"`
	Dropout         float64      `json:"dropout"`
	Ratio           float64      `json:"ratio"`
}

func (d Survival) arms(n int) []int { return withRatio(n, d.Ratio) }

func (d Survival) prepare() (trial, error) {
	if d.Test != LogRank && d.Test != Cox {
		return nil, stats.Errorf(stats.BadInput, "test", "no test %q of times; there are logrank and cox", d.Test)
	}
	if !(d.ControlSurvival > 0 && d.ControlSurvival < 1) {
		return nil, stats.Errorf(stats.BadInput, "control_survival", "must lie between 0 and 1")
	}
	positive := map[string]float64{"at": d.At, "hazard_ratio": d.HazardRatio, "follow_up": d.FollowUp}
	for _, where := range []string{"at", "hazard_ratio", "follow_up"} {
		if v := positive[where]; !(v > 0) || math.IsInf(v, 0) {
			return nil, stats.Errorf(stats.BadInput, where, "must be positive and finite")
		}
	}
	if !(d.Accrual >= 0) || math.IsInf(d.Accrual, 0) {
		return nil, stats.Errorf(stats.BadInput, "accrual", "must be 0 or positive, and finite")
	}
	if d.Shape == 0 {
		d.Shape = 1
	}
	if !(d.Shape > 0.01 && d.Shape < 100) {
		return nil, stats.Errorf(stats.BadInput, "shape", "must lie between 0.01 and 100")
	}
	if err := checkShare("dropout", d.Dropout); err != nil {
		return nil, err
	}
	return d, checkRatio(d.Ratio)
}

func (d Survival) replicate(arms []int, source *rand.Rand) (outcome, error) {
	rows := survival.Spells{Names: []string{"second"}}
	var subjects []survival.Observation
	events := 0
	for arm, n := range arms {
		hazard := 1.0
		if arm == 1 {
			hazard = d.HazardRatio
		}
		for range n {
			time := d.At * math.Pow(source.ExpFloat64()/(-math.Log(d.ControlSurvival)*hazard), 1/d.Shape)
			end := d.FollowUp + d.Accrual*source.Float64()
			if gone := source.ExpFloat64(); d.Dropout > 0 {
				end = math.Min(end, d.At*gone/-math.Log1p(-d.Dropout))
			}
			event := time <= end
			if event {
				events++
			}
			time = math.Min(time, end)
			rows.Stop, rows.Event, rows.X = append(rows.Stop, time), append(rows.Event, event), append(rows.X, float64(arm))
			subjects = append(subjects, survival.Observation{Time: time, Event: event, Group: armNames[arm]})
		}
	}
	if d.Test == Cox {
		fit, err := survival.FitCox(rows, survival.Efron)
		if err != nil {
			return outcome{}, err
		}
		se := math.Sqrt(fit.VCov.At(0, 0))
		return outcome{fit.Beta[0], se, stats.TwoSidedNormal(fit.Beta[0] / se), events}, nil
	}
	groups, err := survival.Tally(subjects, armNames)
	if err != nil {
		return outcome{}, err
	}
	test, err := survival.LogRank([]survival.Stratum{{Groups: groups}}, 0)
	if err != nil {
		return outcome{}, err
	}
	// the one-step estimate of the log hazard ratio (Peto; Berry, Kitchin & Mock 1991, Stat Med 10:749)
	variance := test.Variance[1][1]
	return outcome{(test.Observed[1] - test.Expected[1]) / variance, 1 / math.Sqrt(variance), test.PValue.Value, events}, nil
}

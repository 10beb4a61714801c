package meta

import (
	"fmt"
	"math"

	"afterglow/internal/stats"
)

// Site is an estimate with its standard error.
type Site struct {
	Name     string  `json:"name"`
	Estimate float64 `json:"estimate"`
	SE       float64 `json:"se"`
}

// Pooled is a random-effects mean of sites: REML for the variance between them, Hartung and Knapp's error with k - 1
// degrees of freedom. Cautious has that error never smaller than the usual one (Knapp & Hartung's modification 2003, Stat
// Med 22:2693). The prediction interval is for the effect at another site. Weights are in percent, in the order of the sites.
type Pooled struct {
	K int `json:"k"`
	stats.Estimate
	Cautious         stats.Estimate `json:"cautious"`
	Tau2             stats.Number   `json:"tau2"`
	Tau2Lower        stats.Number   `json:"tau2_ci_lower"`
	Tau2Upper        stats.Number   `json:"tau2_ci_upper"`
	Tau2ProfileLower stats.Number   `json:"tau2_profile_lower"`
	Tau2ProfileUpper stats.Number   `json:"tau2_profile_upper"`
	I2               stats.Number   `json:"i2"`
	Q                stats.Number   `json:"q"`
	QDF              int            `json:"q_df"`
	QP               stats.Number   `json:"q_p"`
	PredictionLower  stats.Number   `json:"prediction_lower"`
	PredictionUpper  stats.Number   `json:"prediction_upper"`
	Weights          []float64      `json:"weights_percent"`
	Notes            []string       `json:"notes"`
}

// fewSites is the number below which the variance between sites is hardly estimable.
const fewSites = 5

// sitesToPredict is the number below which the prediction interval is too short, since it takes the variance between sites as
// known: at 90 % it held a further site's effect 81 % of the time with 5 sites, 86 % with 10 or 15 (simulated, with
// standard errors of a third to the whole of what the sites differ by).
const sitesToPredict = 20

// PoolSites pools two or more sites (Hartung & Knapp 2001, Stat Med 20:3875). See docs/methods/meta-analysis.md.
func PoolSites(sites []Site, level float64) (Pooled, error) {
	var effects []Effect
	for i, s := range sites {
		if math.IsNaN(s.Estimate+s.SE) || math.IsInf(s.Estimate+s.SE, 0) {
			return Pooled{}, stats.Errorf(stats.NotFinite, place(s, i), "the estimate or its error is not finite")
		}
		if v := s.SE * s.SE; !(s.SE > 0 && v > 0) || math.IsInf(v, 0) {
			return Pooled{}, stats.Errorf(stats.BadInput, place(s, i), "the standard error is not a positive number that can be squared")
		}
		effects = append(effects, Effect{s.Estimate, s.SE * s.SE})
	}
	a, err := Analyse(effects, nil, nil, []Estimator{REML}, level)
	if err != nil {
		return Pooled{}, err
	}
	f := a.Fits[0]
	c := f.Coefficients[0]
	out := Pooled{K: len(sites), Tau2: stats.Of(f.Tau2), Tau2Lower: f.Tau2Lower, Tau2Upper: f.Tau2Upper, Tau2ProfileLower: f.Tau2ProfileLower,
		Tau2ProfileUpper: f.Tau2ProfileUpper, I2: f.I2, Q: f.Q, QDF: f.QDF, QP: f.QP, PredictionLower: f.PredictionLower, PredictionUpper: f.PredictionUpper,
		Notes: append([]string{}, f.Notes...)}
	df := stats.Of(float64(f.QDF))
	out.Estimate = stats.Estimate{Estimate: c.Estimate, SE: c.SE, DF: df, Statistic: c.Statistic, PValue: c.PValue,
		Interval: stats.Interval{Lower: c.Lower, Upper: c.Upper, Level: level}}
	total := 0.0
	for _, e := range effects {
		total += 1 / (e.V + f.Tau2)
	}
	for _, e := range effects {
		out.Weights = append(out.Weights, 100/(e.V+f.Tau2)/total)
	}
	out.Cautious = stats.TEstimate(c.Estimate.Value, math.Max(c.SE.Value, math.Sqrt(1/total)), df, level)
	if len(sites) < sitesToPredict {
		out.Notes = append(out.Notes, "The prediction interval takes the variance between sites as known: with so few sites it holds less often than its level says.")
	}
	if len(sites) < fewSites {
		out.Notes = append(out.Notes, "So few sites hardly tell how much sites differ: the interval and the prediction rest on an uncertain variance.")
	}
	return out, nil
}

func place(s Site, i int) string {
	if s.Name != "" {
		return s.Name
	}
	return fmt.Sprintf("site %d", i+1)
}

package glm

import (
	"math"

	"afterglow/internal/stats"
)

// Multinomial is what is reported about a multinomial model.
type Multinomial struct {
	N            int               `json:"n"`
	Baseline     string            `json:"baseline"`
	Counts       []LevelCount      `json:"counts"`
	Coefficients []LevelLogOdds    `json:"coefficients"`
	VCov         stats.NamedMatrix `json:"vcov"`
	LogLik       stats.Number      `json:"loglik"`
	Deviance     stats.Number      `json:"deviance"`
	NullDeviance stats.Number      `json:"null_deviance"`
	AIC          stats.Number      `json:"aic"`
	BIC          stats.Number      `json:"bic"`
	LRTest       stats.ChiSquare   `json:"lr_test"`
	FittedFirst  [][]stats.Number  `json:"fitted_first"`
	Level        float64           `json:"level"`
}

// LevelCount is how many rows have a level of the response.
type LevelCount struct {
	Level string `json:"level"`
	N     int    `json:"n"`
}

// LevelLogOdds is a coefficient of a level against the baseline, with Wald's test and interval.
type LevelLogOdds struct {
	Level     string       `json:"level"`
	Name      string       `json:"name"`
	Estimate  stats.Number `json:"estimate"`
	SE        stats.Number `json:"se"`
	Z         stats.Number `json:"z"`
	PValue    stats.Number `json:"p_value"`
	OddsRatio stats.Number `json:"odds_ratio"`
	Lower     stats.Number `json:"ci_lower"`
	Upper     stats.Number `json:"ci_upper"`
}

// Report gathers what is reported about the fit. Names of the covariance are level:column; fitted_first are the
// probabilities of the levels, in their order.
func (f *MultinomialFit) Report(level float64) (Multinomial, error) {
	if err := stats.CheckLevel(level); err != nil {
		return Multinomial{}, err
	}
	n, p, d := len(f.data.Group), f.basis.P, f.data
	r := Multinomial{N: n, Baseline: d.Levels[0], LogLik: stats.Of(f.LogLik), Deviance: stats.Of(-2 * f.LogLik), Level: level}
	r.VCov.Matrix = stats.Matrix(f.Covariance)
	for k, beta := range f.Beta {
		for j, b := range beta {
			at := k*p + j
			e := stats.ZEstimate(b, math.Sqrt(f.Covariance.At(at, at)), level)
			r.Coefficients = append(r.Coefficients, LevelLogOdds{d.Levels[k+1], d.Names[j], e.Estimate, e.SE, e.Statistic, e.PValue,
				stats.Of(math.Exp(b)), e.Lower, e.Upper})
			r.VCov.Names = append(r.VCov.Names, d.Levels[k+1]+":"+d.Names[j])
		}
	}
	counts := make([]int, len(d.Levels))
	for _, g := range d.Group {
		counts[g]++
	}
	null := 0.0
	for g, c := range counts {
		r.Counts = append(r.Counts, LevelCount{d.Levels[g], c})
		null += 2 * float64(c) * math.Log(float64(c)/float64(n))
	}
	free := float64(len(f.q))
	r.NullDeviance = stats.Of(-null)
	r.AIC, r.BIC = stats.Of(-2*f.LogLik+2*free), stats.Of(-2*f.LogLik+math.Log(float64(n))*free)
	if p > 1 {
		df := len(f.Beta) * (p - 1)
		r.LRTest = stats.ChiSquareTest(2*f.LogLik-null, df)
	}
	for i := range min(n, firstRows) {
		var row []stats.Number
		for _, share := range f.Probabilities(i) {
			row = append(row, stats.Of(share))
		}
		r.FittedFirst = append(r.FittedFirst, row)
	}
	return r, nil
}

package glm

import (
	"cmp"
	"math"
	"slices"

	"afterglow/internal/stats"
)

// Logistic is what is reported about a logistic regression.
type Logistic struct {
	N            int               `json:"n"`
	Events       int               `json:"events"`
	Coefficients []LogOdds         `json:"coefficients"`
	VCov         stats.NamedMatrix `json:"vcov"`
	LogLik       stats.Number      `json:"loglik"`
	Deviance     stats.Number      `json:"deviance"`
	NullDeviance stats.Number      `json:"null_deviance"`
	AIC          stats.Number      `json:"aic"`
	BIC          stats.Number      `json:"bic"`
	LRTest       stats.ChiSquare   `json:"lr_test"`
	AUC          stats.Number      `json:"auc"`
	Brier        stats.Number      `json:"brier"`
	FittedFirst  []stats.Number    `json:"fitted_first"`
	Level        float64           `json:"level"`
}

// LogOdds is a coefficient with its Wald and profile likelihood intervals and its sandwich error.
type LogOdds struct {
	Name         string       `json:"name"`
	Estimate     stats.Number `json:"estimate"`
	SE           stats.Number `json:"se"`
	Z            stats.Number `json:"z"`
	PValue       stats.Number `json:"p_value"`
	OddsRatio    stats.Number `json:"odds_ratio"`
	WaldLower    stats.Number `json:"wald_lower"`
	WaldUpper    stats.Number `json:"wald_upper"`
	ProfileLower stats.Number `json:"profile_lower"`
	ProfileUpper stats.Number `json:"profile_upper"`
	SEHC0        stats.Number `json:"se_hc0"`
}

// firstRows is how many fitted values are shown.
const firstRows = 10

// Logistic gathers what is reported about a fit with the logistic link and no prior weights.
func (f *Fit) Logistic(level float64) (Logistic, error) {
	if err := stats.CheckLevel(level); err != nil {
		return Logistic{}, err
	}
	n, p := f.basis.N, f.basis.P
	r := Logistic{N: n, VCov: stats.NamedMatrix{Names: f.data.Names, Matrix: stats.Matrix(f.Covariance)}, LogLik: stats.Of(f.LogLik), Deviance: stats.Of(-2 * f.LogLik), Level: level}
	robust := f.HC0()
	for j, name := range f.data.Names {
		e := stats.ZEstimate(f.Beta[j], f.SE(j), level)
		c := LogOdds{Name: name, Estimate: e.Estimate, SE: e.SE, Z: e.Statistic, PValue: e.PValue, OddsRatio: stats.Of(math.Exp(f.Beta[j])),
			WaldLower: e.Lower, WaldUpper: e.Upper, SEHC0: stats.Of(math.Sqrt(robust.At(j, j)))}
		c.ProfileLower, c.ProfileUpper = f.Profile(j, level)
		r.Coefficients = append(r.Coefficients, c)
	}
	brier := 0.0
	for i, y := range f.data.Y {
		r.Events += int(y)
		brier += (y - f.Fitted(i)) * (y - f.Fitted(i)) / float64(n)
		if i < firstRows {
			r.FittedFirst = append(r.FittedFirst, stats.Of(f.Fitted(i)))
		}
	}
	null, df := f.null(float64(r.Events) / float64(n))
	r.NullDeviance, r.Brier, r.AUC = stats.Of(-null), stats.Of(brier), stats.Of(f.auc())
	r.AIC, r.BIC = stats.Of(-2*f.LogLik+2*float64(p)), stats.Of(-2*f.LogLik+math.Log(float64(n))*float64(p))
	if df > 0 {
		r.LRTest = stats.ChiSquareTest(2*f.LogLik-null, df)
	}
	return r, nil
}

// null gives twice the log-likelihood of the model without covariates, and how many coefficients it lacks: a share of
// events common to all or, where the fit has no intercept either, one half, as in R's glm.
func (f *Fit) null(share float64) (twice float64, df int) {
	n := float64(f.basis.N)
	if !slices.Contains(f.data.Names, "(Intercept)") {
		return -2 * n * math.Ln2, f.basis.P
	}
	return 2 * n * (share*math.Log(share) + (1-share)*math.Log1p(-share)), f.basis.P - 1
}

// auc is the share of pairs of a 1 and a 0 in which the 1 has the higher linear predictor, ties half.
func (f *Fit) auc() float64 {
	order := make([]int, len(f.Eta))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(f.Eta[a], f.Eta[b]) })
	ranks, ones := 0.0, 0.0
	for i := 0; i < len(order); {
		from, here := i, 0.0
		for i < len(order) && f.Eta[order[i]]-f.Eta[order[from]] <= 1e-12*(1+math.Abs(f.Eta[order[from]])) {
			here += f.data.Y[order[i]]
			i++
		}
		ranks += here * float64(from+1+i) / 2
		ones += here
	}
	zeros := float64(len(order)) - ones
	return (ranks - ones*(ones+1)/2) / (ones * zeros)
}

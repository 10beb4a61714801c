package analyze

import (
	"afterglow/internal/stats/decay"
	"afterglow/internal/stats/gee"
	"afterglow/internal/stats/glm"
	"afterglow/internal/stats/singlecase"
	"afterglow/internal/stats/survival"
	"afterglow/internal/stats/weighting"
)

// left counts the case's rows that are not among those analysed: something was missing, or their group was not named.
func (j job) left(analysed int) int { return j.data.Frame().Length() - analysed }

// The results of rooms that are handed their rows complete, with the number of rows that were left out on the way there.
type (
	curvesResult struct {
		survival.Result
		NExcluded int `json:"n_excluded"`
	}
	logRankResult struct {
		survival.LogRankTest
		NExcluded int `json:"n_excluded"`
	}
	coxResult struct {
		survival.CoxResult
		NExcluded int `json:"n_excluded"`
	}
	discreteResult struct {
		survival.DiscreteHazard
		NExcluded int `json:"n_excluded"`
	}
	competingResult struct {
		survival.CompetingRisks
		NExcluded int `json:"n_excluded"`
	}
	rmstResult struct {
		survival.RestrictedMeans
		NExcluded int `json:"n_excluded"`
	}
	landmarkResult struct {
		survival.Landmark
		NExcluded int `json:"n_excluded"`
	}
	geeResult struct {
		gee.Result
		NExcluded int `json:"n_excluded"`
	}
	logisticResult struct {
		glm.Logistic
		NExcluded int `json:"n_excluded"`
	}
	multinomialResult struct {
		glm.Multinomial
		NExcluded int `json:"n_excluded"`
	}
	iptwResult struct {
		weighting.Comparison
		NExcluded int `json:"n_excluded"`
	}
	trendResult struct {
		singlecase.Trend
		NExcluded int `json:"n_excluded"`
	}
	phasesResult struct {
		singlecase.Phases
		NExcluded int `json:"n_excluded"`
	}
	changePointResult struct {
		singlecase.ChangePoint
		NExcluded int `json:"n_excluded"`
	}
	halvingResult struct {
		decay.Halving
		NExcluded int `json:"n_excluded"`
	}
	mixedDecayResult struct {
		decay.MixedResult
		NExcluded int `json:"n_excluded"`
	}
	ar1Result struct {
		singlecase.AR1
		NExcluded int `json:"n_excluded"`
	}
)

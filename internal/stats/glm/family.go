// Package glm fits generalised linear models. Floor: ground.
// It must not call a fit whose coefficients run away an estimate: separation is an error that names the column.
//
// Source: McCullagh & Nelder (1989), Generalized Linear Models, second edition. See docs/methods/logistic.md.
package glm

import (
	"math"

	"afterglow/internal/stats"
)

// Family is a distribution with its link.
type Family string

const (
	// Logit is the binomial distribution with the logistic link.
	Logit Family = "logit"
	// CLogLog is the binomial distribution with the complementary log-log link, that of grouped proportional hazards.
	CLogLog Family = "cloglog"
	// Gaussian is the normal distribution with the identity link.
	Gaussian Family = "gaussian"
)

// Binary tells whether the response is 0 or 1.
func (f Family) Binary() bool { return f != Gaussian }

// Mean gives the mean, its derivative by the linear predictor, and the variance function at the mean.
func (f Family) Mean(eta float64) (mean, slope, variance float64) {
	switch f {
	case Logit:
		if eta >= 0 {
			e := math.Exp(-eta)
			mean = 1 / (1 + e)
			slope = e * mean * mean
		} else {
			e := math.Exp(eta)
			mean = e / (1 + e)
			slope = e / ((1 + e) * (1 + e))
		}
		return mean, slope, slope
	case CLogLog:
		rate := math.Exp(eta)
		mean = -math.Expm1(-rate)
		slope = rate * math.Exp(-rate)
		return mean, slope, mean * math.Exp(-rate)
	}
	return eta, 1, 1
}

// link is the linear predictor of a mean of a binary response.
func (f Family) link(mean float64) float64 {
	if f == CLogLog {
		return math.Log(-math.Log1p(-mean))
	}
	return math.Log(mean / (1 - mean))
}

// logLik is the log density of a response; for the normal distribution half the squared residual, negative.
func (f Family) logLik(y, eta float64) float64 {
	switch f {
	case Logit:
		// y eta - log(1 + e^eta)
		return y*eta - math.Max(eta, 0) - math.Log1p(math.Exp(-math.Abs(eta)))
	case CLogLog:
		rate := math.Exp(eta)
		if y == 1 {
			return math.Log(-math.Expm1(-rate))
		}
		return -rate
	}
	return -(y - eta) * (y - eta) / 2
}

// Check refuses responses that the family does not take, or that do not vary.
func (f Family) Check(name string, y []float64) error {
	if len(y) == 0 {
		return stats.Errorf(stats.TooFew, name, "has no value")
	}
	if err := stats.CheckFinite(name, y...); err != nil {
		return err
	}
	varies := false
	for _, v := range y {
		if f.Binary() && v != 0 && v != 1 {
			return stats.Errorf(stats.BadInput, name, "holds a value other than 0 and 1")
		}
		varies = varies || v != y[0]
	}
	if !varies {
		return stats.Errorf(stats.Constant, name, "has the same value in all %d rows", len(y))
	}
	return nil
}

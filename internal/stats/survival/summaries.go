package survival

import (
	"fmt"
	"math"

	"afterglow/internal/stats"
)

// flatTolerance is how near S must come to 1 - p to count as flat there.
const flatTolerance = 1.5e-8

// Quantile is the time by which a share p of the group had the event, with the limits that come from
// inverting the pointwise limits; undefined where not reached.
type Quantile struct {
	P           float64      `json:"p"`
	Estimate    stats.Number `json:"estimate"`
	LowerLogLog stats.Number `json:"lower_loglog"`
	UpperLogLog stats.Number `json:"upper_loglog"`
	LowerPlain  stats.Number `json:"lower_plain"`
	UpperPlain  stats.Number `json:"upper_plain"`
	LowerLog    stats.Number `json:"lower_log"`
	UpperLog    stats.Number `json:"upper_log"`
}

// quantiles gives the quartiles.
func (c Curve) quantiles() []Quantile {
	var out []Quantile
	for _, p := range []float64{0.25, 0.5, 0.75} {
		at := func(height func(Row) stats.Number) stats.Number { return c.crossing(p, height) }
		out = append(out, Quantile{
			P:           p,
			Estimate:    at(func(r Row) stats.Number { return stats.Of(r.Surv) }),
			LowerLogLog: at(func(r Row) stats.Number { return r.LowerLogLog }),
			UpperLogLog: at(func(r Row) stats.Number { return r.UpperLogLog }),
			LowerPlain:  at(func(r Row) stats.Number { return r.LowerPlain }),
			UpperPlain:  at(func(r Row) stats.Number { return r.UpperPlain }),
			LowerLog:    at(func(r Row) stats.Number { return r.LowerLog }),
			UpperLog:    at(func(r Row) stats.Number { return r.UpperLog }),
		})
	}
	return out
}

// crossing is the first time at which the height is at or below 1 - p; where it lies flat on 1 - p, the
// middle of that stretch, to the last time where it never leaves it.
func (c Curve) crossing(p float64, height func(Row) stats.Number) stats.Number {
	var reached stats.Number
	for _, r := range c.Table {
		h := height(r)
		switch {
		case !h.Defined:
		case h.Value < 1-p-flatTolerance:
			if reached.Defined {
				return stats.Of((reached.Value + r.Time) / 2)
			}
			return stats.Of(r.Time)
		case h.Value <= 1-p+flatTolerance && !reached.Defined:
			reached = stats.Of(r.Time)
		}
	}
	if reached.Defined {
		return stats.Of((reached.Value + c.Table[len(c.Table)-1].Time) / 2)
	}
	return stats.Number{}
}

// RMST is the restricted mean: the area under the curve to tau. RMTL is the rest, the time lost.
// Undefined where the group was not followed to tau.
type RMST struct {
	Tau      float64      `json:"tau"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
	Lower    stats.Number `json:"ci_lower"`
	Upper    stats.Number `json:"ci_upper"`
	RMTL     stats.Number `json:"rmtl"`
}

// certain notes a restricted mean without an error.
func (r *RMST) certain(level string) []string {
	if !r.SE.Defined || r.SE.Value > 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s has no event before %g, or all at one time, so that its restricted mean has no error: its standard error of 0 does not say how sure it is", level, r.Tau)}
}

// restrictedMean integrates the curve; the variance is the sum over event times of
// (area from t to tau)^2 d / (n (n - d)) (Uno et al. 2014, J Clin Oncol 32:2380).
func (c Curve) restrictedMean(tau, level, tolerance float64) *RMST {
	out := &RMST{Tau: tau}
	last := c.Table[len(c.Table)-1]
	if tau > last.Time+tolerance && last.Surv > 0 {
		return out
	}
	area, variance := 0.0, 0.0
	next := tau
	for i := len(c.Table) - 1; i >= 0; i-- { // area holds the integral from the row's time to tau
		r := c.Table[i]
		if r.Time >= tau {
			continue
		}
		area += r.Surv * (next - r.Time)
		next = r.Time
		if n, d := float64(r.NRisk), float64(r.NEvent); d > 0 && d < n {
			variance += area * area * d / (n * (n - d))
		}
	}
	e := stats.ZEstimate(area+next, math.Sqrt(variance), level)
	out.Estimate, out.SE, out.Lower, out.Upper = e.Estimate, e.SE, e.Lower, e.Upper
	out.RMTL = stats.Of(tau - e.Estimate.Value)
	return out
}

// RMSTDifference compares restricted means, second minus first.
type RMSTDifference struct {
	Contrast string       `json:"contrast"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
	Z        stats.Number `json:"z"`
	PValue   stats.Number `json:"p_value"`
	Lower    stats.Number `json:"ci_lower"`
	Upper    stats.Number `json:"ci_upper"`
}

// RMSTRatio compares restricted means, second over first, on the log scale.
type RMSTRatio struct {
	Contrast string       `json:"contrast"`
	Estimate stats.Number `json:"estimate"`
	LogSE    stats.Number `json:"log_se"`
	PValue   stats.Number `json:"p_value"`
	Lower    stats.Number `json:"ci_lower"`
	Upper    stats.Number `json:"ci_upper"`
}

// CompareRMST compares two independent groups whose restricted means stand at the same tau.
func CompareRMST(reference, other Curve, level float64) (RMSTDifference, RMSTRatio) {
	return compareRMST(reference, other, 0, level)
}

// compareRMST is CompareRMST where the two restricted means have a covariance.
func compareRMST(reference, other Curve, covariance, level float64) (RMSTDifference, RMSTRatio) {
	difference := RMSTDifference{Contrast: other.Level + " - " + reference.Level}
	ratio := RMSTRatio{Contrast: other.Level + " / " + reference.Level}
	a, b := reference.RMST, other.RMST
	if a == nil || b == nil || !a.Estimate.Defined || !b.Estimate.Defined {
		return difference, ratio
	}
	apart := func(a, b, covariance float64) float64 {
		if covariance == 0 {
			return math.Hypot(a, b)
		}
		return math.Sqrt(math.Max(0, a*a+b*b-2*covariance))
	}
	e := stats.ZEstimate(b.Estimate.Value-a.Estimate.Value, apart(a.SE.Value, b.SE.Value, covariance), level)
	difference.Estimate, difference.SE, difference.Z, difference.PValue = e.Estimate, e.SE, e.Statistic, e.PValue
	difference.Lower, difference.Upper = e.Lower, e.Upper
	if !(a.Estimate.Value > 0 && b.Estimate.Value > 0) {
		return difference, ratio
	}
	l := stats.ZEstimate(math.Log(b.Estimate.Value/a.Estimate.Value),
		apart(a.SE.Value/a.Estimate.Value, b.SE.Value/b.Estimate.Value, covariance/(a.Estimate.Value*b.Estimate.Value)), level)
	ratio.Estimate, ratio.LogSE, ratio.PValue = stats.Of(b.Estimate.Value/a.Estimate.Value), l.SE, l.PValue
	if l.Lower.Defined {
		ratio.Lower, ratio.Upper = stats.Of(math.Exp(l.Lower.Value)), stats.Of(math.Exp(l.Upper.Value))
	}
	return difference, ratio
}

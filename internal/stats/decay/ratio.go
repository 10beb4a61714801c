// Package decay measures how much of an effect is left and how fast it goes. Floor: ground.
// It must not know what the effect is: estimates with their covariance come in, numbers go out.
package decay

import (
	"math"

	"afterglow/internal/stats"
)

// RatioInput is two estimates with their covariance matrix. DF is the degrees of freedom of the
// variances; undefined: the normal quantile.
type RatioInput struct {
	Numerator      float64      `json:"numerator"`
	Denominator    float64      `json:"denominator"`
	VarNumerator   float64      `json:"var_numerator"`
	VarDenominator float64      `json:"var_denominator"`
	Covariance     float64      `json:"covariance"`
	DF             stats.Number `json:"df"`
	Level          float64      `json:"level"`
}

// FiellerType says what shape Fieller's set has.
type FiellerType string

const (
	// Bounded is the interval from lower to upper.
	Bounded FiellerType = "bounded"
	// Outside is everything but the open interval from lower to upper: the denominator does not differ
	// from zero, the numerator does.
	Outside FiellerType = "outside"
	// WholeLine excludes no ratio: there are no limits.
	WholeLine FiellerType = "whole_line"
)

// RatioResult is a ratio with three confidence sets. G is (quantile * se / estimate)^2 of the denominator;
// at 1 or above the denominator does not differ from zero at the level, the ratio is not estimable and
// the delta intervals mislead. The log interval is given where the ratio is positive.
type RatioResult struct {
	Ratio         stats.Number `json:"ratio"`
	SEDelta       stats.Number `json:"se_delta"`
	DeltaLower    stats.Number `json:"delta_lower"`
	DeltaUpper    stats.Number `json:"delta_upper"`
	FiellerType   FiellerType  `json:"fieller_type"`
	FiellerLower  stats.Number `json:"fieller_lower"`
	FiellerUpper  stats.Number `json:"fieller_upper"`
	G             stats.Number `json:"g"`
	LogDeltaSE    stats.Number `json:"log_delta_se"`
	LogDeltaLower stats.Number `json:"log_delta_lower"`
	LogDeltaUpper stats.Number `json:"log_delta_upper"`
}

// Validate refuses what is no covariance matrix.
func (in RatioInput) Validate() error {
	for _, x := range []float64{in.Numerator, in.Denominator, in.VarNumerator, in.VarDenominator, in.Covariance} {
		if !stats.Finite(x) {
			return stats.Errorf(stats.NotFinite, "ratio", "an estimate or variance is not finite")
		}
	}
	limit := math.Sqrt(in.VarNumerator) * math.Sqrt(in.VarDenominator)
	switch {
	case in.VarNumerator < 0 || in.VarDenominator < 0:
		return stats.Errorf(stats.BadInput, "variance", "a negative variance")
	case math.Abs(in.Covariance) > limit*(1+1e-10):
		return stats.Errorf(stats.BadInput, "covariance", "larger than the variances allow")
	case in.DF.Defined && !(in.DF.Value > 0):
		return stats.Errorf(stats.BadInput, "df", "the degrees of freedom are not positive")
	}
	return stats.CheckLevel(in.Level)
}

// Ratio gives numerator / denominator with the delta-method interval, the same on the log scale, and the
// set of Fieller (1954, J R Stat Soc B 16:175): all r for which numerator - r denominator does not differ
// from zero. A denominator of exactly zero leaves the ratio undefined but not Fieller's set.
// See docs/methods/ratio.md.
func Ratio(in RatioInput) (RatioResult, error) {
	if err := in.Validate(); err != nil {
		return RatioResult{}, err
	}
	quantile := stats.NormalQuantile(0.5 + in.Level/2)
	if in.DF.Defined {
		quantile = stats.TQuantile(0.5+in.Level/2, in.DF.Value)
	}
	var out RatioResult
	out.fieller(in, quantile*quantile)
	if in.Denominator == 0 {
		return out, nil
	}
	a, b := in.Numerator, in.Denominator
	ratio := a / b
	variance := (in.VarNumerator - 2*ratio*in.Covariance + ratio*ratio*in.VarDenominator) / (b * b)
	se := math.Sqrt(math.Max(0, variance))
	out.Ratio, out.SEDelta = stats.Of(ratio), stats.Of(se)
	out.DeltaLower, out.DeltaUpper = stats.Of(ratio-quantile*se), stats.Of(ratio+quantile*se)
	out.G = stats.Of(quantile * quantile * in.VarDenominator / (b * b))
	if ratio > 0 {
		logSE := se / ratio
		out.LogDeltaSE = stats.Of(logSE)
		out.LogDeltaLower, out.LogDeltaUpper = stats.Of(ratio*math.Exp(-quantile*logSE)), stats.Of(ratio*math.Exp(quantile*logSE))
	}
	return out, nil
}

// fieller solves (a - r b)^2 = q (Va - 2 r Cab + r^2 Vb) for r.
func (out *RatioResult) fieller(in RatioInput, q float64) {
	square := in.Denominator*in.Denominator - q*in.VarDenominator
	half := in.Numerator*in.Denominator - q*in.Covariance
	constant := in.Numerator*in.Numerator - q*in.VarNumerator
	discriminant := half*half - square*constant
	out.FiellerType = WholeLine
	if square == 0 || discriminant < 0 {
		return
	}
	// the root of larger size first, the other through their product, so that neither cancels
	far := half + math.Copysign(math.Sqrt(discriminant), half)
	if far == 0 {
		out.FiellerLower, out.FiellerUpper = stats.Of(0), stats.Of(0)
	} else {
		x, y := far/square, constant/far
		out.FiellerLower, out.FiellerUpper = stats.Of(math.Min(x, y)), stats.Of(math.Max(x, y))
	}
	out.FiellerType = Bounded
	if square < 0 {
		out.FiellerType = Outside
	}
}

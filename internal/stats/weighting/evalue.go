package weighting

import (
	"math"

	"afterglow/internal/stats"
)

// Scale says what an effect is measured in. Ratios of odds and hazards are near risk ratios where the outcome is rare (below
// about 15 %), and are taken to them by an approximation where it is common.
type Scale string

const (
	// RiskRatio is taken as it is.
	RiskRatio Scale = "rr"
	// OddsRatioRare and OddsRatioCommon are ratios of odds.
	OddsRatioRare   Scale = "or_rare"
	OddsRatioCommon Scale = "or_common"
	// HazardRatioRare and HazardRatioCommon are ratios of hazards.
	HazardRatioRare   Scale = "hr_rare"
	HazardRatioCommon Scale = "hr_common"
	// StandardisedMean is a difference of means in standard deviations.
	StandardisedMean Scale = "smd"
)

// EValue says how strongly an unmeasured confounder would have to be tied to both treatment and outcome, as a risk ratio,
// to explain an effect away; Limit the same for the interval's limit nearer to 1, 1 where the interval covers it.
type EValue struct {
	RR    stats.Number `json:"rr"`
	Lower stats.Number `json:"rr_lower"`
	Upper stats.Number `json:"rr_upper"`
	Value stats.Number `json:"evalue"`
	Limit stats.Number `json:"evalue_limit"`
	// Difference is the risk difference with its interval, where that is what the effect was measured in.
	Difference      stats.Number `json:"rd"`
	DifferenceLower stats.Number `json:"rd_lower"`
	DifferenceUpper stats.Number `json:"rd_upper"`
}

// Confounding gives the E-value (VanderWeele & Ding 2017, Ann Intern Med 167:268; conversions to a risk ratio in their
// table 2). se is read for a standardised mean difference only. See docs/methods/evalue.md.
func Confounding(scale Scale, estimate float64, lower, upper, se stats.Number) (EValue, error) {
	convert, err := conversion(scale)
	if err != nil {
		return EValue{}, err
	}
	if !stats.Finite(estimate) || scale != StandardisedMean && estimate <= 0 {
		return EValue{}, stats.Errorf(stats.BadInput, "estimate", "a ratio must be positive and finite")
	}
	out := EValue{RR: stats.Of(convert(estimate))}
	switch {
	case scale == StandardisedMean && se.Defined:
		if se.Value < 0 {
			return EValue{}, stats.Errorf(stats.BadInput, "se", "is negative")
		}
		out.Lower = stats.Of(math.Exp(0.91*estimate - 1.78*se.Value))
		out.Upper = stats.Of(math.Exp(0.91*estimate + 1.78*se.Value))
	default:
		if lower.Defined && !(lower.Value <= estimate) || upper.Defined && !(upper.Value >= estimate) ||
			scale != StandardisedMean && lower.Defined && lower.Value <= 0 {
			return EValue{}, stats.Errorf(stats.BadInput, "lower", "the limits must be positive and lie on both sides of the estimate")
		}
		if lower.Defined {
			out.Lower = stats.Of(convert(lower.Value))
		}
		if upper.Defined {
			out.Upper = stats.Of(convert(upper.Value))
		}
	}
	out.Value = stats.Of(explainAway(out.RR.Value))
	if !out.RR.Defined || !out.Value.Defined {
		return EValue{}, stats.Errorf(stats.NotFinite, "estimate", "is too far from no effect to be converted to a risk ratio")
	}
	// the limit nearer to no effect decides; beyond it the interval covers 1
	near := out.Lower
	if out.RR.Value < 1 {
		near = out.Upper
	}
	switch {
	case !near.Defined:
	case (near.Value <= 1) == (out.RR.Value >= 1):
		out.Limit = stats.Of(1)
	default:
		out.Limit = stats.Of(explainAway(near.Value))
	}
	return out, nil
}

func explainAway(rr float64) float64 {
	if rr < 1 {
		rr = 1 / rr
	}
	return rr + math.Sqrt(rr*(rr-1))
}

func conversion(scale Scale) (func(float64) float64, error) {
	switch scale {
	case RiskRatio, OddsRatioRare, HazardRatioRare:
		return func(x float64) float64 { return x }, nil
	case OddsRatioCommon:
		return math.Sqrt, nil
	case HazardRatioCommon:
		return func(x float64) float64 {
			return math.Expm1(-math.Ln2*math.Sqrt(x)) / math.Expm1(-math.Ln2/math.Sqrt(x))
		}, nil
	case StandardisedMean:
		return func(x float64) float64 { return math.Exp(0.91 * x) }, nil
	}
	return nil, stats.Errorf(stats.BadInput, "type", "no scale %q; there are rr, or_rare, or_common, hr_rare, hr_common, smd and rd", scale)
}

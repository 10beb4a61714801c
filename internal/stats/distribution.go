package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// manyDF is the degrees of freedom beyond which Student's t is taken through its expansion about the
// normal distribution (Abramowitz & Stegun 26.7.5, 26.7.8), whose next term, of order t^7/df^3, is below rounding there.
const manyDF = 1e6

// mostDF stands for any number of degrees of freedom above it, infinity among them: F does not change by more than 1e-10.
const mostDF = 1e11

// TwoSidedT is P(|T| >= |t|) for Student's t with df > 0 degrees of freedom. See docs/methods/distributions.md.
func TwoSidedT(t, df float64) float64 {
	t = math.Abs(t)
	if df > manyDF {
		if t > 100 {
			return 0
		}
		t3, t5 := t*t*t, math.Pow(t, 5)
		return TwoSidedNormal(t - (t3+t)/(4*df) + (13*t5+8*t3+3*t)/(96*df*df))
	}
	return UpperF(t*t, 1, df)
}

// TQuantile is the quantile of Student's t at p in (0, 1) with df > 0 degrees of freedom.
func TQuantile(p, df float64) float64 {
	if p == 0.5 {
		return 0
	}
	tail := math.Min(p, 1-p)
	sign := math.Copysign(1, p-0.5)
	if df > manyDF {
		z := -NormalQuantile(tail)
		z3, z5 := z*z*z, math.Pow(z, 5)
		return sign * (z + (z3+z)/(4*df) + (5*z5+16*z3+3*z)/(96*df*df))
	}
	// t^2 is F with 1 and df degrees of freedom.
	logit := 0.0
	if tail < 0.25 {
		logit = betaLogit(2*tail, 0.5, df/2, false)
	} else {
		logit = betaLogit(2*math.Abs(p-0.5), 0.5, df/2, true)
	}
	return sign * math.Sqrt(df) * math.Exp(logit/2)
}

// UpperF is P(F >= f) with d1 and d2 degrees of freedom, by the incomplete beta function (Abramowitz & Stegun 26.6.2).
func UpperF(f, d1, d2 float64) float64 {
	if f <= 0 {
		return 1
	}
	d1, d2 = math.Min(d1, mostDF), math.Min(d2, mostDF)
	// Both shares are computed from the ratio, so that it may be very large or small.
	ratio := f * (d1 / d2)
	if math.IsInf(ratio, 1) {
		return 0
	}
	_, upper := betaTails(ratio/(1+ratio), 1/(1+ratio), d1/2, d2/2)
	return upper
}

// FQuantile is the quantile of the F distribution with d1 and d2 degrees of freedom at p in (0, 1).
func FQuantile(p, d1, d2 float64) float64 {
	d1, d2 = math.Min(d1, mostDF), math.Min(d2, mostDF)
	return d2 / d1 * math.Exp(betaLogit(math.Min(p, 1-p), d1/2, d2/2, p <= 0.5))
}

// BetaQuantile is the quantile of the beta distribution with shapes a, b > 0 at p in [0, 1].
func BetaQuantile(p, a, b float64) float64 {
	if p <= 0 {
		return 0
	}
	if p >= 1 {
		return 1
	}
	return 1 / (1 + math.Exp(-betaLogit(math.Min(p, 1-p), a, b, p <= 0.5)))
}

// UpperChiSquare is P(X >= x) with df degrees of freedom.
func UpperChiSquare(x, df float64) float64 {
	switch {
	case x <= 0:
		return 1
	case math.IsInf(x, 1):
		return 0
	}
	return gammaUpper(df/2, x/2)
}

// TwoSidedNormal is P(|Z| >= |z|) of the standard normal distribution.
func TwoSidedNormal(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// NormalQuantile is the standard normal quantile at p in [0, 1], infinite at its ends.
func NormalQuantile(p float64) float64 {
	if !(p >= 0 && p <= 1) {
		return math.NaN()
	}
	return mathext.NormalQuantile(p)
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// manyDF is the degrees of freedom beyond which Student's t is taken through its expansion about the
// normal distribution (Abramowitz & Stegun 26.7.5, 26.7.8): the incomplete beta function loses digits there,
// while the expansion's next term, of order t^7/df^3, is below rounding.
const manyDF = 1e6

// TwoSidedT is P(|T| >= |t|) for Student's t with df > 0 degrees of freedom.
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

// TQuantile is the quantile of Student's t at p in (0, 1) with df > 0 degrees of freedom: a start
// from the inverse incomplete beta function, polished by Newton steps on the distribution itself.
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
	x := mathext.InvRegIncBeta(df/2, 0.5, 2*tail)
	t := math.Sqrt(df * (1 - x) / x)
	logConst := lgamma((df+1)/2) - lgamma(df/2) - 0.5*math.Log(df*math.Pi)
	for range 3 {
		density := math.Exp(logConst - (df+1)/2*math.Log1p(t*t/df))
		step := (TwoSidedT(t, df)/2 - tail) / density
		if math.IsNaN(step) || math.IsInf(step, 0) {
			break
		}
		t += step
	}
	return sign * t
}

// UpperF is P(F >= f) with d1 and d2 degrees of freedom, by the incomplete beta function (Abramowitz &
// Stegun 26.6.2): from the lower tail while that keeps the digits, from the upper one where it is small.
func UpperF(f, d1, d2 float64) float64 {
	if f <= 0 {
		return 1
	}
	if math.IsInf(f, 1) {
		return 0
	}
	if lower := mathext.RegIncBeta(d1/2, d2/2, d1*f/(d2+d1*f)); lower < 0.99 {
		return 1 - lower
	}
	return mathext.RegIncBeta(d2/2, d1/2, d2/(d2+d1*f))
}

// UpperChiSquare is P(X >= x) with df degrees of freedom.
func UpperChiSquare(x, df float64) float64 {
	if x <= 0 {
		return 1
	}
	return mathext.GammaIncRegComp(df/2, x/2)
}

// TwoSidedNormal is P(|Z| >= |z|) of the standard normal distribution.
func TwoSidedNormal(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// NormalQuantile is the standard normal quantile at p in (0, 1).
func NormalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

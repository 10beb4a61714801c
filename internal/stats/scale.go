package stats

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
)

// legendre is the Gauss-Legendre rule of order 20 on (-1, 1), used on each panel of an integral.
var legendre = func() (rule struct{ at, weight [20]float64 }) {
	quad.Legendre{}.FixedLocations(rule.at[:], rule.weight[:], -1, 1)
	return rule
}()

// Integrate is the integral of a smooth f from a to b by Gauss-Legendre rules on equal panels.
func Integrate(f func(float64) float64, a, b float64, panels int) float64 {
	sum, half := 0.0, (b-a)/float64(2*panels)
	for i := range panels {
		middle := a + float64(2*i+1)*half
		for j, x := range legendre.at {
			sum += legendre.weight[j] * f(middle+half*x)
		}
	}
	return sum * half
}

// MeanOverScale is the mean of f(s) over the scale s of an estimated standard deviation: df s^2 is chi-square with df
// degrees of freedom. The integral runs over log s, where the density is smooth however few the degrees of freedom are, and
// is divided by that of the density, so that no constant loses digits however many they are. Below a thousandth of a degree
// it is NaN.
func MeanOverScale(f func(s float64) float64, df float64) float64 {
	if !(df >= 1e-3) || math.IsInf(df, 1) {
		return math.NaN()
	}
	// The density of x = log s is highest at 0.
	log := func(x float64) float64 { return df * (x + 0.5 - math.Exp(2*x)/2) }
	const negligible = -38
	step := math.Min(1, 3/math.Sqrt(2*df))
	low, high := 0.0, 0.0
	for log(low) > negligible {
		low -= step
	}
	for log(high) > negligible {
		high += step
	}
	panels := int(math.Round((high - low) / step))
	whole := Integrate(func(x float64) float64 { return math.Exp(log(x)) }, low, high, panels)
	return Integrate(func(x float64) float64 { return math.Exp(log(x)) * f(math.Exp(x)) }, low, high, panels) / whole
}

// SmallSampleFactor is Hedges' J, by which a mean in units of a standard deviation estimated with df degrees of freedom is
// multiplied to take its bias out: Gamma(df/2) / (Gamma((df - 1)/2) sqrt(df/2)) (Hedges 1981, J Educ Stat 6:107). Up to one
// degree of freedom it is NaN: such estimates have no mean.
func SmallSampleFactor(df float64) float64 {
	if !(df > 1) {
		return math.NaN()
	}
	ratio := lgamma(df/2) - lgamma((df-1)/2)
	if df > 2 {
		ratio = lgammaRatio(0.5, (df-1)/2) // large shapes keep their digits
	}
	return math.Exp(ratio) / math.Sqrt(df/2)
}

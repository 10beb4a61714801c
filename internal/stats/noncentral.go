package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// NoncentralT is P(T <= t) of the noncentral t distribution with df > 0 degrees of freedom and
// noncentrality delta. The series of Lenth (1989), Applied Statistics 38:185 (AS 243), is summed from its
// largest term outwards, so that a large noncentrality does not underflow.
func NoncentralT(t, df, delta float64) float64 {
	if t < 0 {
		return 1 - NoncentralT(-t, df, -delta)
	}
	lower := math.Erfc(delta/math.Sqrt2) / 2
	x := t * t / (df + t*t)
	if x <= 0 {
		return lower
	}
	half := delta * delta / 2
	if half == 0 {
		return lower + mathext.RegIncBeta(0.5, df/2, x)/2
	}
	term := func(j float64) float64 {
		p := math.Exp(j*math.Log(half) - half - lgamma(j+1))
		q := math.Exp(j*math.Log(half)-half-lgamma(j+1.5)) * delta / math.Sqrt2
		return p*mathext.RegIncBeta(j+0.5, df/2, x) + q*mathext.RegIncBeta(j+1, df/2, x)
	}
	middle := math.Floor(half)
	sum := 0.0
	for j := middle; j >= 0; j-- {
		s := term(j)
		sum += s
		if math.Abs(s) < 1e-17 && middle-j > 10 {
			break
		}
	}
	for j := middle + 1; ; j++ {
		s := term(j)
		sum += s
		if math.Abs(s) < 1e-17 && j-middle > 10 {
			break
		}
	}
	return math.Min(1, math.Max(0, lower+sum/2))
}

// NoncentralityInterval gives the noncentralities under which a t statistic of df degrees of freedom lies at
// the upper and at the lower end of its central probability level: the interval that inverts the noncentral
// t distribution (Steiger & Fouladi 1997).
func NoncentralityInterval(t, df, level float64) (lower, upper float64) {
	at := func(p float64) float64 {
		// P(T <= t) falls as delta rises.
		return bisect(func(delta float64) float64 { return p - NoncentralT(t, df, delta) }, t, 1+math.Abs(t))
	}
	return at((1 + level) / 2), at((1 - level) / 2)
}

// bisect finds the zero of a rising function: the bracket around start is widened by step until it holds
// one, then halved to the last digit.
func bisect(f func(float64) float64, start, step float64) float64 {
	low, high := start-step, start+step
	for i := 0; f(low) > 0 && i < 60; i++ {
		low -= step
		step *= 2
	}
	for i := 0; f(high) < 0 && i < 60; i++ {
		high += step
		step *= 2
	}
	for range 200 {
		middle := low + (high-low)/2
		if middle == low || middle == high {
			break
		}
		if f(middle) < 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return low + (high-low)/2
}

package stats

import "math"

// mostSeries bounds the noncentrality up to which the series is summed; beyond it the terms are too many.
const mostSeries = 37

// NoncentralT is P(T <= t) of the noncentral t distribution with df > 0 degrees of freedom and noncentrality delta. The
// series of Lenth (1989), Applied Statistics 38:185 (AS 243), is summed from its largest term outwards; where that would take
// too many terms, T = (Z + delta)/S is integrated over Z or over S, whichever leaves the smoother integrand. See
// docs/methods/distributions.md.
func NoncentralT(t, df, delta float64) float64 {
	if t < 0 {
		return 1 - NoncentralT(-t, df, -delta)
	}
	below := math.Erfc(delta/math.Sqrt2) / 2
	switch {
	case t == 0:
		return below
	case math.Abs(delta) <= mostSeries:
		return noncentralSeries(t, df, delta, below)
	case t < math.Sqrt(2*df):
		return MeanOverScale(func(s float64) float64 { return math.Erfc((delta-t*s)/math.Sqrt2) / 2 }, df)
	}
	const far = 8.5
	from := math.Max(-far, -delta)
	if from >= far {
		return below
	}
	return math.Min(1, below+Integrate(func(z float64) float64 {
		s := (z + delta) / t
		return math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) * UpperChiSquare(df*s*s, df)
	}, from, far, 12))
}

func noncentralSeries(t, df, delta, below float64) float64 {
	ratio := t / df * t
	x, y := ratio/(1+ratio), 1/(1+ratio)
	half := delta * delta / 2
	if half == 0 {
		share, _ := betaTails(x, y, 0.5, df/2)
		return below + share/2
	}
	term := func(j float64) float64 {
		p := math.Exp(j*math.Log(half) - half - lgamma(j+1))
		q := math.Exp(j*math.Log(half)-half-lgamma(j+1.5)) * delta / math.Sqrt2
		even, _ := betaTails(x, y, j+0.5, df/2)
		odd, _ := betaTails(x, y, j+1, df/2)
		return p*even + q*odd
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
	return math.Min(1, math.Max(0, below+sum/2))
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

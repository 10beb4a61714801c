package stats

import "math"

// The incomplete beta and gamma functions are our own: gonum's lose up to all digits for large shapes and far tails, where
// degrees of freedom of a registry lie. Continued fractions and series are the usual ones; what stands before
// them is taken by Loader's saddle-point form (2000, "Fast and accurate computation of binomial probabilities"), in which
// nothing large cancels.

// steps bounds the terms of a fraction or series; they grow with the root of the shape.
const steps = 20_000_000

// stirlingError is log(z!) less Stirling's formula for it.
func stirlingError(z float64) float64 {
	if z > 15 {
		s := 1 / (z * z)
		return (1.0/12 - s*(1.0/360-s*(1.0/1260-s*(1.0/1680-s*(1.0/1188-s*691.0/360360))))) / z
	}
	return lgamma(z+1) - (z+0.5)*math.Log(z) + z - math.Log(2*math.Pi)/2
}

// deviance is a log(a/m) + m - a, where gap = a - m is given apart.
func deviance(a, m, gap float64) float64 {
	if math.Abs(gap) < 0.1*(a+m) {
		v := gap / (a + m)
		sum, term := gap*v, 2*a*v
		for j := 3.0; j < 1000; j += 2 {
			term *= v * v
			next := sum + term/j
			if next == sum {
				break
			}
			sum = next
		}
		return sum
	}
	return a*math.Log(a/m) - gap
}

// betaWeight is x^a y^b / B(a, b) for y = 1 - x: the derivative of the incomplete beta function by log(x/y).
func betaWeight(x, y, a, b float64) float64 {
	if math.Min(a, b) < 1 {
		return math.Exp(a*logShare(x, y) + b*logShare(y, x) + lgammaRatio(a, b) - lgamma(math.Min(a, b)))
	}
	n, gap := a+b, a*y-b*x // gap = a - n x
	exponent := stirlingError(n) - stirlingError(a) - stirlingError(b) - deviance(a, n*x, gap) - deviance(b, n*y, -gap)
	return math.Sqrt(a/n*b/(2*math.Pi)) * math.Exp(exponent)
}

// logShare is log(x) for x = 1 - y.
func logShare(x, y float64) float64 {
	if y < 0.5 {
		return math.Log1p(-y)
	}
	return math.Log(x)
}

// lgammaRatio is log(Gamma(a+b) / Gamma(max(a, b))).
func lgammaRatio(a, b float64) float64 {
	small, large := math.Min(a, b), math.Max(a, b)
	if large < 15 {
		return lgamma(small+large) - lgamma(large)
	}
	n := small + large
	return (large-0.5)*math.Log1p(small/large) + small*math.Log(n) - small + stirlingError(n) - stirlingError(large)
}

// betaTails gives both tails of the beta distribution with shapes a and b at x, where y = 1 - x is given apart, so that
// neither end loses digits.
func betaTails(x, y, a, b float64) (lower, upper float64) {
	switch {
	case !shaped(a, b) || math.IsNaN(x) || math.IsNaN(y):
		return math.NaN(), math.NaN()
	case x <= 0:
		return 0, 1
	case y <= 0:
		return 1, 0
	case x*(b+1) > y*(a+1):
		upper, lower = betaTails(y, x, b, a)
		return lower, upper
	}
	// Lentz's way through the even part of the continued fraction (Didonato & Morris 1992, ACM TOMS 18:360, BFRAC).
	const tiny = 1e-300
	gap := a*y - b*x
	h := nonZero(a*(gap+1)/(a+1), tiny)
	c, d := h, 0.0
	for n := 1.0; n < steps; n++ {
		odd := a + 2*n - 1
		over := (a + n - 1) / odd * ((a + b + n - 1) / odd) * n * (b - n) * x * x
		under := n + n*(b-n)*x/odd + (a+n)*(gap+1+n*(1+y))/(odd+2)
		d, c = 1/nonZero(under+over*d, tiny), nonZero(under+over/c, tiny)
		h *= c * d
		if math.Abs(c*d-1) < 1e-16 {
			break
		}
	}
	lower = math.Min(1, betaWeight(x, y, a, b)/h)
	return lower, 1 - lower
}

// shaped tells whether both are shapes of a beta distribution: without this a NaN would run through every term of a series.
func shaped(a, b float64) bool {
	return a > 0 && b > 0 && !math.IsInf(a, 1) && !math.IsInf(b, 1)
}

func nonZero(v, tiny float64) float64 {
	if math.Abs(v) < tiny {
		return tiny
	}
	return v
}

// betaLogit is log(x/(1-x)) of the beta distribution's quantile x: the smaller of the two tails is given, lower says which.
// Newton's steps on the tail's logarithm, which is concave, kept inside a bracket.
func betaLogit(tail, a, b float64, lower bool) float64 {
	if !lower {
		return -betaLogit(tail, b, a, true)
	}
	if !shaped(a, b) || !(tail > 0) {
		return math.NaN()
	}
	goal := math.Log(tail)
	low, high := math.Inf(-1), math.Inf(1)
	u := math.Log(a / b)
	for range 400 {
		x, y := 1/(1+math.Exp(-u)), 1/(1+math.Exp(u))
		p, _ := betaTails(x, y, a, b)
		gap := math.Log(p) - goal
		if gap > 0 {
			high = u
		} else {
			low = u
		}
		next := u - gap*p/betaWeight(x, y, a, b)
		if !(next > low && next < high) {
			next = between(low, high, u)
		}
		if math.Abs(next-u) <= 2e-16*math.Max(1, math.Abs(u)) {
			return next
		}
		u = next
	}
	return u
}

// between halves a bracket, and goes on from u, ever farther, where one of its ends is open.
func between(low, high, u float64) float64 {
	switch {
	case math.IsInf(low, -1):
		return u - math.Max(1, math.Abs(u))
	case math.IsInf(high, 1):
		return u + math.Max(1, math.Abs(u))
	}
	return low + (high-low)/2
}

// gammaUpper is the upper tail of the gamma distribution with shape a at x > 0.
func gammaUpper(a, x float64) float64 {
	if !shaped(a, a) || math.IsNaN(x) {
		return math.NaN()
	}
	weight := math.Exp(a*math.Log(x) - x - lgamma(a)) // x^a e^-x / Gamma(a)
	if a >= 1 {
		weight = math.Sqrt(a/(2*math.Pi)) * math.Exp(-stirlingError(a)-deviance(a, x, a-x))
	}
	if x < a+1 {
		term, sum := 1/a, 1/a
		for n := 1.0; n < steps && term > 1e-17*sum; n++ {
			term *= x / (a + n)
			sum += term
		}
		return math.Max(0, 1-weight*sum)
	}
	const tiny = 1e-300
	b := x + 1 - a
	c, d := 1/tiny, 1/nonZero(b, tiny)
	h := d
	for n := 1.0; n < steps; n++ {
		an := -n * (n - a)
		b += 2
		d, c = 1/nonZero(an*d+b, tiny), nonZero(b+an/c, tiny)
		h *= d * c
		if math.Abs(d*c-1) < 1e-16 {
			break
		}
	}
	return weight * h
}

package multiplicity

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/mat"
)

// points is the order of the Gauss-Legendre rule on each panel.
const points = 20

// panels integrates f from a to b.
func panels(f func(float64) float64, a, b float64, count int) float64 {
	sum, width := 0.0, (b-a)/float64(count)
	for i := range count {
		sum += quad.Fixed(f, a+float64(i)*width, a+float64(i+1)*width, points, quad.Legendre{}, 0)
	}
	return sum
}

func phi(z float64) float64 { return math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) }

func cumulative(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

// overScale is the mean of f(s) over the scale s of an estimated standard deviation, df s^2 being chi-square
// with df degrees of freedom.
func overScale(f func(float64) float64, df float64) float64 {
	g, _ := math.Lgamma(df / 2)
	log := func(s float64) float64 {
		return math.Ln2 + df/2*math.Log(df/2) - g + (df-1)*math.Log(s) - df*s*s/2
	}
	mode := math.Sqrt(math.Max(0, (df-1)/df))
	top := log(math.Max(mode, 1e-3))
	step := 0.5 / math.Sqrt(2*df)
	low, high := mode, math.Max(mode, step)
	for low > 0 && log(low) > top-45 {
		low = math.Max(0, low-step)
	}
	for log(high) > top-45 {
		high += step
	}
	return panels(func(s float64) float64 {
		if s <= 0 {
			return 0
		}
		return math.Exp(log(s)) * f(s)
	}, low, high, 16)
}

// rangeBelow is P(the range of k standard normal variables <= w).
func rangeBelow(w float64, k int) float64 {
	if w <= 0 {
		return 0
	}
	const far = 8.5
	inner := func(z float64) float64 {
		return phi(z) * math.Pow(cumulative(z)-cumulative(z-w), float64(k-1))
	}
	return math.Min(1, float64(k)*panels(inner, -far, far+math.Min(w, far), 12))
}

// TukeyP is the p-value of the difference of two of k means with t = difference / standard error: P(Q >= |t|
// sqrt 2) of the studentised range (Tukey 1953; Kramer 1956 for unequal sizes).
func TukeyP(t float64, k int, df float64) float64 {
	q := math.Abs(t) * math.Sqrt2
	if math.IsNaN(q) {
		return math.NaN()
	}
	return math.Max(0, overScale(func(s float64) float64 { return 1 - rangeBelow(q*s, k) }, df))
}

// TukeyCritical is the t beyond which Tukey's p is below 1 - level.
func TukeyCritical(level float64, k int, df float64) float64 {
	return critical(func(t float64) float64 { return TukeyP(t, k, df) }, 1-level)
}

// DunnettP is the two-sided p-value of one of several comparisons with a control: P(max |T_i| >= |t|) of the
// multivariate t distribution with the comparisons' correlation (Dunnett 1955, JASA 50:1096). Where the
// correlation is the product of one loading for each comparison, as with independent groups, it is a double
// integral; else an integral over a lattice.
func DunnettP(t float64, correlation *mat.SymDense, df float64) (float64, error) {
	below, err := normalRectangle(correlation)
	if err != nil {
		return 0, err
	}
	t = math.Abs(t)
	p := overScale(func(s float64) float64 { return 1 - below(t*s) }, df)
	return math.Max(0, math.Min(1, p)), nil
}

// DunnettCritical is the t beyond which Dunnett's p is below 1 - level.
func DunnettCritical(level float64, correlation *mat.SymDense, df float64) (float64, error) {
	below, err := normalRectangle(correlation)
	if err != nil {
		return 0, err
	}
	return critical(func(t float64) float64 {
		return overScale(func(s float64) float64 { return 1 - below(t*s) }, df)
	}, 1-level), nil
}

// normalRectangle gives P(all |Z_i| < w) as a function of w.
func normalRectangle(r *mat.SymDense) (func(w float64) float64, error) {
	if loadings, ok := product(r); ok {
		return func(w float64) float64 { return within(w, loadings) }, nil
	}
	general, err := newRectangle(r)
	if err != nil {
		return nil, err
	}
	return general.within, nil
}

// within is P(all |Z_i| < w) for Z_i = l_i U + sqrt(1 - l_i^2) E_i.
func within(w float64, loadings []float64) float64 {
	const far = 8.5
	return panels(func(u float64) float64 {
		p := phi(u)
		for _, l := range loadings {
			rest := math.Sqrt(math.Max(0, 1-l*l))
			if rest < 1e-8 {
				if math.Abs(l*u) >= w {
					return 0
				}
				continue
			}
			p *= cumulative((w-l*u)/rest) - cumulative((-w-l*u)/rest)
		}
		return p
	}, -far, far, 24)
}

// product finds loadings whose products are the correlations. With two comparisons the sign does not matter,
// since both sides count.
func product(r *mat.SymDense) ([]float64, bool) {
	k := r.SymmetricDim()
	switch k {
	case 1:
		return []float64{0}, true
	case 2:
		l := math.Sqrt(math.Abs(r.At(0, 1)))
		return []float64{l, l}, true
	}
	loadings := make([]float64, k)
	for i := range k {
		a, b := (i+1)%k, (i+2)%k
		square := r.At(i, a) * r.At(i, b) / r.At(a, b)
		if !(square >= 0 && square <= 1) {
			return nil, false
		}
		loadings[i] = math.Sqrt(square)
	}
	for i := range k {
		for j := range i {
			if math.Abs(loadings[i]*loadings[j]-r.At(i, j)) > 1e-9 {
				return nil, false
			}
		}
	}
	return loadings, true
}

// critical finds where a falling p-value crosses alpha.
func critical(p func(float64) float64, alpha float64) float64 {
	low, high := 0.0, 2.0
	for p(high) > alpha && high < 1e6 {
		low, high = high, 2*high
	}
	for range 60 {
		middle := (low + high) / 2
		if p(middle) > alpha {
			low = middle
		} else {
			high = middle
		}
		if high-low < 1e-10*high {
			break
		}
	}
	return (low + high) / 2
}

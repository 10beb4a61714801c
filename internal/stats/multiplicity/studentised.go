package multiplicity

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

func phi(z float64) float64 { return math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) }

func cumulative(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

// rangeBelow is P(the range of k standard normal variables <= w).
func rangeBelow(w float64, k int) float64 {
	if w <= 0 {
		return 0
	}
	const far = 9
	inner := func(z float64) float64 {
		return phi(z) * math.Pow(cumulative(z)-cumulative(z-w), float64(k-1))
	}
	return math.Min(1, float64(k)*stats.Integrate(inner, -far, far, 8))
}

// Studentised is the distribution of the largest of several comparisons that share an estimated standard deviation.
type Studentised struct {
	// curve is the distribution of the largest where the standard deviation is known, at unit times |t|.
	curve curve
	unit  float64
}

// Tukey compares all pairs of k means: the studentised range (Tukey 1953; Kramer 1956 for unequal sizes). See
// docs/methods/multiplicity.md.
func Tukey(k int) Studentised {
	return Studentised{newCurve(func(w float64) float64 { return rangeBelow(w, k) }), math.Sqrt2}
}

// Dunnett compares several means with a control: the largest of |T_i| of the multivariate t distribution with the
// comparisons' correlation (Dunnett 1955, JASA 50:1096). Where the correlation is the product of one loading for each
// comparison, as with independent groups, it is a double integral; else an integral over a lattice. See docs/methods/multiplicity.md.
func Dunnett(correlation *mat.SymDense) (Studentised, error) {
	below, err := normalRectangle(correlation)
	if err != nil {
		return Studentised{}, err
	}
	return Studentised{newCurve(below), 1}, nil
}

// P is the chance, without any difference, that the largest |t| of all is at least this one.
func (s Studentised) P(t, df float64) float64 {
	w := s.unit * math.Abs(t)
	if math.IsNaN(w) {
		return math.NaN()
	}
	return math.Min(1, stats.MeanOverScale(func(scale float64) float64 { return s.curve.upper(w * scale) }, df))
}

// Critical is the |t| beyond which P is below 1 - level.
func (s Studentised) Critical(level, df float64) float64 {
	return critical(func(t float64) float64 { return s.P(t, df) }, 1-level)
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
	return stats.Integrate(func(u float64) float64 {
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
	}, -far, far, 12)
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

// critical finds where a falling p-value crosses alpha: regula falsi with Illinois' weights on log p against log t, which
// is nearly straight in the tail.
func critical(p func(t float64) float64, alpha float64) float64 {
	gap := func(x float64) float64 { return math.Log(math.Max(p(math.Exp(x)), 1e-300)) - math.Log(alpha) }
	low, high := -1.0, 1.0
	below, above := gap(low), gap(high)
	for below < 0 && low > -80 {
		high, above = low, below
		low -= 2
		below = gap(low)
	}
	for above > 0 && high < 80 {
		low, below = high, above
		high += 2
		above = gap(high)
	}
	side := 0
	for range 100 {
		x := high - above*(high-low)/(above-below)
		if high-low < 1e-13 || x <= low || x >= high {
			break
		}
		switch v := gap(x); {
		case math.Abs(v) < 1e-13:
			return math.Exp(x)
		case v > 0:
			low, below = x, v
			if side > 0 {
				above /= 2
			}
			side = 1
		default:
			high, above = x, v
			if side < 0 {
				below /= 2
			}
			side = -1
		}
	}
	return math.Exp((low + high) / 2)
}

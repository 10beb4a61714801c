package mixed

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// identity is the correlation of a single visit, or the start of a fill.
func identity(n int) *mat.SymDense {
	r := mat.NewSymDense(n, nil)
	for v := range n {
		r.SetSym(v, v, 1)
	}
	return r
}

// oneParameter fills R and its two derivatives from a function of the pair of visits.
func oneParameter(visits int, value func(u, v int) (r, d, dd float64)) (*mat.SymDense, []*mat.SymDense, [][]*mat.SymDense) {
	r, d, dd := identity(visits), mat.NewSymDense(visits, nil), mat.NewSymDense(visits, nil)
	for u := range visits {
		for v := u + 1; v < visits; v++ {
			x, dx, ddx := value(u, v)
			r.SetSym(u, v, x)
			d.SetSym(u, v, dx)
			dd.SetSym(u, v, ddx)
		}
	}
	return r, []*mat.SymDense{d}, [][]*mat.SymDense{{dd}}
}

// sizeOfOne is the number of parameters of a one-parameter correlation: none for a single visit.
func sizeOfOne(visits int) int { return min(visits-1, 1) }

// meanAtLag averages the correlations of visits a given number of visits apart, kept away from the limits.
func meanAtLag(r *mat.SymDense, lag int) float64 {
	n := r.SymmetricDim()
	sum := 0.0
	for v := range n - lag {
		sum += r.At(v, v+lag)
	}
	return math.Max(-0.9, math.Min(0.95, sum/float64(n-lag)))
}

// exchangeable has one correlation, between -1/(V-1), where R ceases to be positive definite, and 1.
type exchangeable struct{ visits int }

func (e exchangeable) size() int    { return sizeOfOne(e.visits) }
func (e exchangeable) low() float64 { return -1 / float64(e.visits-1) }

func (e exchangeable) start(r *mat.SymDense) []float64 {
	if e.size() == 0 {
		return nil
	}
	sum := 0.0
	for u := range e.visits {
		for v := u + 1; v < e.visits; v++ {
			sum += r.At(u, v)
		}
	}
	rho := sum / float64(e.visits*(e.visits-1)/2)
	share := (rho - e.low()) / (1 - e.low())
	share = math.Max(0.05, math.Min(0.95, share))
	return []float64{math.Log(share / (1 - share))}
}

func (e exchangeable) at(phi []float64) (*mat.SymDense, []*mat.SymDense, [][]*mat.SymDense) {
	if e.size() == 0 {
		return identity(e.visits), nil, nil
	}
	p := 1 / (1 + math.Exp(-phi[0]))
	width := 1 - e.low()
	return oneParameter(e.visits, func(int, int) (float64, float64, float64) {
		return e.low() + width*p, width * p * (1 - p), width * p * (1 - p) * (1 - 2*p)
	})
}

// autoRegressive has correlation rho^|u-v| by visit index, rho = tanh(phi).
type autoRegressive struct{ visits int }

func (a autoRegressive) size() int { return sizeOfOne(a.visits) }

func (a autoRegressive) start(r *mat.SymDense) []float64 {
	if a.size() == 0 {
		return nil
	}
	return []float64{math.Atanh(meanAtLag(r, 1))}
}

func (a autoRegressive) at(phi []float64) (*mat.SymDense, []*mat.SymDense, [][]*mat.SymDense) {
	if a.size() == 0 {
		return identity(a.visits), nil, nil
	}
	rho := math.Tanh(phi[0])
	d, dd := 1-rho*rho, -2*rho*(1-rho*rho)
	return oneParameter(a.visits, func(u, v int) (float64, float64, float64) {
		k := v - u
		p1 := float64(k) * math.Pow(rho, float64(k-1))
		p2 := 0.0
		if k > 1 {
			p2 = float64(k*(k-1)) * math.Pow(rho, float64(k-2))
		}
		return math.Pow(rho, float64(k)), p1 * d, p2*d*d + p1*dd
	})
}

// spatial has correlation rho^|t_u - t_v|, rho in (0, 1): exp(-e^phi |t_u - t_v|), times in units of
// their mean neighbouring distance.
type spatial struct{ distance [][]float64 }

func newSpatial(times []float64) spatial {
	n := len(times)
	unit := 0.0
	for v := 1; v < n; v++ {
		unit += math.Abs(times[v]-times[v-1]) / float64(n-1)
	}
	d := make([][]float64, n)
	for u := range d {
		d[u] = make([]float64, n)
		for v := range d[u] {
			if u != v {
				d[u][v] = math.Abs(times[u]-times[v]) / unit
			}
		}
	}
	return spatial{d}
}

func (s spatial) size() int { return sizeOfOne(len(s.distance)) }

func (s spatial) start(r *mat.SymDense) []float64 {
	if s.size() == 0 {
		return nil
	}
	return []float64{math.Log(-math.Log(math.Max(0.05, meanAtLag(r, 1))))}
}

func (s spatial) at(phi []float64) (*mat.SymDense, []*mat.SymDense, [][]*mat.SymDense) {
	if s.size() == 0 {
		return identity(len(s.distance)), nil, nil
	}
	rate := math.Exp(phi[0])
	return oneParameter(len(s.distance), func(u, v int) (float64, float64, float64) {
		z := rate * s.distance[u][v]
		r := math.Exp(-z)
		return r, -z * r, (z*z - z) * r
	})
}

// toeplitz has one correlation per lag, through partial autocorrelations tanh(phi) by the
// Durbin-Levinson recursion, which makes every choice positive definite (Barndorff-Nielsen & Schou 1973,
// Journal of Multivariate Analysis 3:408).
type toeplitz struct{ visits int }

func (t toeplitz) size() int { return t.visits - 1 }

func (t toeplitz) start(r *mat.SymDense) []float64 {
	phi := make([]float64, t.size())
	if t.size() > 0 {
		phi[0] = math.Atanh(meanAtLag(r, 1))
	}
	return phi
}

func (t toeplitz) at(phi []float64) (*mat.SymDense, []*mat.SymDense, [][]*mat.SymDense) {
	n := t.size()
	lags := durbinLevinson(phi)
	fill := func(diagonal float64, value func(jet) float64) *mat.SymDense {
		m := mat.NewSymDense(t.visits, nil)
		for u := range t.visits {
			m.SetSym(u, u, diagonal)
			for v := u + 1; v < t.visits; v++ {
				m.SetSym(u, v, value(lags[v-u-1]))
			}
		}
		return m
	}
	r := fill(1, func(j jet) float64 { return j.value })
	first, second := make([]*mat.SymDense, n), make([][]*mat.SymDense, n)
	for i := range n {
		first[i] = fill(0, func(j jet) float64 { return j.first[i] })
		second[i] = make([]*mat.SymDense, n)
		for k := range n {
			second[i][k] = fill(0, func(j jet) float64 { return j.second[i*n+k] })
		}
	}
	return r, first, second
}

// durbinLevinson gives the autocorrelations of lags 1, 2, ... as functions of phi.
func durbinLevinson(phi []float64) []jet {
	n := len(phi)
	rho := make([]jet, n)
	var a []jet // prediction coefficients of the previous order
	for k := range n {
		alpha := tanhOf(phi, k)
		predicted, explained := newJet(n, 0), newJet(n, 0)
		for j := range k {
			predicted = predicted.plus(a[j].times(rho[k-1-j]), 1)
			explained = explained.plus(a[j].times(rho[j]), 1)
		}
		rho[k] = predicted.plus(alpha.times(newJet(n, 1).plus(explained, -1)), 1)
		next := make([]jet, k+1)
		for j := range k {
			next[j] = a[j].plus(alpha.times(a[k-1-j]), -1)
		}
		next[k] = alpha
		a = next
	}
	return rho
}

// jet is a value with its first and second derivatives by n parameters.
type jet struct {
	value  float64
	first  []float64
	second []float64 // n by n, row by row
}

func newJet(n int, value float64) jet {
	return jet{value, make([]float64, n), make([]float64, n*n)}
}

func tanhOf(phi []float64, k int) jet {
	j := newJet(len(phi), math.Tanh(phi[k]))
	j.first[k] = 1 - j.value*j.value
	j.second[k*len(phi)+k] = -2 * j.value * j.first[k]
	return j
}

// plus is j + c*o.
func (j jet) plus(o jet, c float64) jet {
	out := newJet(len(j.first), j.value+c*o.value)
	for i := range j.first {
		out.first[i] = j.first[i] + c*o.first[i]
	}
	for i := range j.second {
		out.second[i] = j.second[i] + c*o.second[i]
	}
	return out
}

func (j jet) times(o jet) jet {
	n := len(j.first)
	out := newJet(n, j.value*o.value)
	for i := range n {
		out.first[i] = j.first[i]*o.value + j.value*o.first[i]
		for k := range n {
			at := i*n + k
			out.second[at] = j.second[at]*o.value + j.value*o.second[at] + j.first[i]*o.first[k] + j.first[k]*o.first[i]
		}
	}
	return out
}

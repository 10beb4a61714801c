package mixed

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Structure names the covariance among visits. Those that are heterogeneous have a variance for each visit, the others one.
type Structure string

const (
	// Unstructured is any positive definite matrix.
	Unstructured Structure = "un"
	// CompoundSymmetry has one correlation for all pairs of visits.
	CompoundSymmetry              Structure = "cs"
	HeterogeneousCompoundSymmetry Structure = "csh"
	// AutoRegressive has correlations rho^|i - j|, i and j the visits' numbers.
	AutoRegressive              Structure = "ar1"
	HeterogeneousAutoRegressive Structure = "ar1h"
	// Toeplitz has one correlation for each distance of visits' numbers.
	Toeplitz              Structure = "toep"
	HeterogeneousToeplitz Structure = "toeph"
	// SpatialExponential has one variance and correlations rho^|t_i - t_j|, t the visits' nominal times.
	SpatialExponential Structure = "sp_exp"
)

// Structures lists every structure that can be asked for.
func Structures() []Structure {
	return []Structure{Unstructured, CompoundSymmetry, HeterogeneousCompoundSymmetry, AutoRegressive,
		HeterogeneousAutoRegressive, Toeplitz, HeterogeneousToeplitz, SpatialExponential}
}

// covariance maps free parameters to a positive definite S and gives its derivatives.
type covariance interface {
	// size is the number of parameters.
	size() int
	// start gives parameters near a positive definite matrix of moments.
	start(moments *mat.SymDense) []float64
	// at gives S and its first derivatives.
	at(theta []float64) (s *mat.SymDense, first []*mat.SymDense)
	// curvature gives, for a symmetric G, the matrix of tr(G d2S/dtheta_i dtheta_j).
	curvature(theta []float64, g *mat.SymDense) *mat.SymDense
}

// newCovariance gives the structure over the visits; times are read by SpatialExponential only.
func newCovariance(s Structure, visits int, times []float64) (covariance, error) {
	switch s {
	case Unstructured:
		return unstructured{visits}, nil
	case CompoundSymmetry:
		return scaled{visits, false, exchangeable{visits}}, nil
	case HeterogeneousCompoundSymmetry:
		return scaled{visits, true, exchangeable{visits}}, nil
	case AutoRegressive:
		return scaled{visits, false, autoRegressive{visits}}, nil
	case HeterogeneousAutoRegressive:
		return scaled{visits, true, autoRegressive{visits}}, nil
	case Toeplitz:
		return scaled{visits, false, toeplitz{visits}}, nil
	case HeterogeneousToeplitz:
		return scaled{visits, true, toeplitz{visits}}, nil
	case SpatialExponential:
		if len(times) != visits || !finite(times...) {
			return nil, stats.Errorf(stats.BadInput, "times", "%s needs a finite time for each of the %d visits", s, visits)
		}
		sorted := slices.Clone(times)
		slices.Sort(sorted)
		if len(slices.Compact(sorted)) < visits {
			return nil, stats.Errorf(stats.BadInput, "times", "two visits at the same time")
		}
		return scaled{visits, false, newSpatial(times)}, nil
	}
	return nil, stats.Errorf(stats.BadInput, "covariance", "no structure %q; there are %v", s, Structures())
}

// unstructured is S = L L' with the logarithm of L's diagonal among the parameters, row by row of the
// lower triangle (log-Cholesky: Pinheiro & Bates 1996, Statistics and Computing 6:289).
type unstructured struct{ visits int }

func (u unstructured) size() int { return u.visits * (u.visits + 1) / 2 }

func (u unstructured) start(moments *mat.SymDense) []float64 {
	var chol mat.Cholesky
	chol.Factorize(moments)
	var l mat.TriDense
	chol.LTo(&l)
	var theta []float64
	for i := range u.visits {
		for j := range i {
			theta = append(theta, l.At(i, j))
		}
		theta = append(theta, math.Log(l.At(i, i)))
	}
	return theta
}

// factor gives L, and per parameter its row, column and derivative of that element.
func (u unstructured) factor(theta []float64) (l *mat.Dense, at [][2]int, slope []float64) {
	l = mat.NewDense(u.visits, u.visits, nil)
	k := 0
	for i := range u.visits {
		for j := 0; j <= i; j++ {
			value, d := theta[k], 1.0
			if i == j {
				value = math.Exp(value)
				d = value
			}
			l.Set(i, j, value)
			at, slope = append(at, [2]int{i, j}), append(slope, d)
			k++
		}
	}
	return l, at, slope
}

func (u unstructured) at(theta []float64) (*mat.SymDense, []*mat.SymDense) {
	l, at, slope := u.factor(theta)
	s := mat.NewSymDense(u.visits, nil)
	s.SymOuterK(1, l)
	first := make([]*mat.SymDense, len(theta))
	for k, ij := range at { // dS = E L' + L E' with E zero but for one element
		first[k] = mat.NewSymDense(u.visits, nil)
		for v := range u.visits {
			value := slope[k] * l.At(v, ij[1])
			if v == ij[0] {
				value *= 2
			}
			first[k].SetSym(ij[0], v, value)
		}
	}
	return s, first
}

func (u unstructured) curvature(theta []float64, g *mat.SymDense) *mat.SymDense {
	l, at, slope := u.factor(theta)
	out := mat.NewSymDense(len(theta), nil)
	for i, a := range at {
		for j := i; j < len(at); j++ {
			if b := at[j]; a[1] == b[1] {
				out.SetSym(i, j, 2*slope[i]*slope[j]*g.At(a[0], b[0]))
			}
		}
		if a[0] == a[1] { // the exponential's own second derivative
			sum := 0.0
			for v := range u.visits {
				sum += g.At(a[0], v) * l.At(v, a[1])
			}
			out.SetSym(i, i, out.At(i, i)+2*slope[i]*sum)
		}
	}
	return out
}

// correlation is a correlation matrix R of the visits with free parameters.
type correlation interface {
	size() int
	start(moments *mat.SymDense) []float64
	// at gives R, its first derivatives and its second derivatives.
	at(phi []float64) (r *mat.SymDense, first []*mat.SymDense, second [][]*mat.SymDense)
}

// scaled is S = D R D; D holds standard deviations, one per visit or one in common, with their
// logarithms as parameters before those of R.
type scaled struct {
	visits        int
	heterogeneous bool
	correlation   correlation
}

func (c scaled) scales() int {
	if c.heterogeneous {
		return c.visits
	}
	return 1
}

// weight is the derivative of log S[u,v] by log standard deviation w.
func (c scaled) weight(w, u, v int) float64 {
	if !c.heterogeneous {
		return 2
	}
	out := 0.0
	if u == w {
		out++
	}
	if v == w {
		out++
	}
	return out
}

func (c scaled) size() int { return c.scales() + c.correlation.size() }

func (c scaled) start(moments *mat.SymDense) []float64 {
	theta := make([]float64, c.scales())
	correlations := mat.NewSymDense(c.visits, nil)
	for u := range c.visits {
		if c.heterogeneous {
			theta[u] = math.Log(moments.At(u, u)) / 2
		} else {
			theta[0] += moments.At(u, u) / float64(c.visits)
		}
		for v := u; v < c.visits; v++ {
			correlations.SetSym(u, v, moments.At(u, v)/math.Sqrt(moments.At(u, u)*moments.At(v, v)))
		}
	}
	if !c.heterogeneous {
		theta[0] = math.Log(theta[0]) / 2
	}
	return append(theta, c.correlation.start(correlations)...)
}

// deviations gives the standard deviation of each visit.
func (c scaled) deviations(theta []float64) []float64 {
	out := make([]float64, c.visits)
	for v := range out {
		out[v] = math.Exp(theta[min(v, c.scales()-1)])
	}
	return out
}

func (c scaled) at(theta []float64) (*mat.SymDense, []*mat.SymDense) {
	sd := c.deviations(theta)
	r, dr, _ := c.correlation.at(theta[c.scales():])
	s := c.rescale(r, sd)
	var first []*mat.SymDense
	for w := range c.scales() {
		d := mat.NewSymDense(c.visits, nil)
		for u := range c.visits {
			for v := u; v < c.visits; v++ {
				d.SetSym(u, v, c.weight(w, u, v)*s.At(u, v))
			}
		}
		first = append(first, d)
	}
	for _, d := range dr {
		first = append(first, c.rescale(d, sd))
	}
	return s, first
}

func (c scaled) curvature(theta []float64, g *mat.SymDense) *mat.SymDense {
	sd := c.deviations(theta)
	r, dr, ddr := c.correlation.at(theta[c.scales():])
	n := c.scales()
	out := mat.NewSymDense(c.size(), nil)
	sum := func(m *mat.SymDense, weight func(u, v int) float64) float64 {
		total := 0.0
		for u := range c.visits {
			for v := range c.visits {
				total += g.At(u, v) * sd[u] * sd[v] * m.At(u, v) * weight(u, v)
			}
		}
		return total
	}
	for w := range n {
		for z := w; z < n; z++ {
			out.SetSym(w, z, sum(r, func(u, v int) float64 { return c.weight(w, u, v) * c.weight(z, u, v) }))
		}
		for k := range dr {
			out.SetSym(w, n+k, sum(dr[k], func(u, v int) float64 { return c.weight(w, u, v) }))
		}
	}
	for k := range dr {
		for j := k; j < len(dr); j++ {
			out.SetSym(n+k, n+j, sum(ddr[k][j], func(int, int) float64 { return 1 }))
		}
	}
	return out
}

func (c scaled) rescale(m *mat.SymDense, sd []float64) *mat.SymDense {
	out := mat.NewSymDense(c.visits, nil)
	for u := range c.visits {
		for v := u; v < c.visits; v++ {
			out.SetSym(u, v, sd[u]*sd[v]*m.At(u, v))
		}
	}
	return out
}

package singlecase

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
	"afterglow/internal/stats/formula"
)

// AR1 is a linear model of one series whose errors follow a first-order autoregression; Sigma2 is the marginal variance.
// Rows are one step apart; Gaps counts the places where rows in between have no value: errors g steps apart correlate rho^g.
// Standard errors under ML carry no small-sample factor.
type AR1 struct {
	N            int              `json:"n"`
	Gaps         int              `json:"n_gaps"`
	LogLik       float64          `json:"loglik"`
	Rho          float64          `json:"rho"`
	Sigma2       float64          `json:"sigma2"`
	Sigma        float64          `json:"sigma"`
	Coefficients []AR1Coefficient `json:"coefficients"`
}

// AR1Coefficient has Satterthwaite's degrees of freedom in addition to n - p, which a correlated series does not have.
type AR1Coefficient struct {
	Name            string       `json:"name"`
	Estimate        stats.Number `json:"estimate"`
	SE              stats.Number `json:"se"`
	DFResidual      int          `json:"df_residual"`
	DFSatterthwaite stats.Number `json:"df_satterthwaite"`
}

// series is the problem in an orthonormal basis of the columns and units of the response.
type series struct {
	basis *basis.Basis
	y     []float64
	steps []int // from the row before; 0 for the first
	unit  float64
	reml  bool
}

// FitAR1 maximises the (restricted) likelihood over atanh rho, the variance profiled out (Box, Jenkins & Reinsel 1994, Time
// Series Analysis, section 7.A.5, for the exact likelihood). See docs/methods/single-case.md.
func FitAR1(m formula.Matrix, y []float64, reml bool) (AR1, error) {
	n := m.N()
	if len(y) != n {
		return AR1{}, stats.Errorf(stats.BadInput, "response", "%d values for %d rows", len(y), n)
	}
	if err := stats.CheckFinite("response", y...); err != nil {
		return AR1{}, err
	}
	if n < m.P()+3 {
		return AR1{}, stats.Errorf(stats.TooFew, "rows", "%d values are too few for %d coefficients, a variance and an autocorrelation", n, m.P())
	}
	b, err := basis.Of(m.Names, m.X, n)
	if err != nil {
		return AR1{}, err
	}
	s := &series{basis: b, y: append([]float64(nil), y...), steps: make([]int, n), reml: reml}
	for i := 1; i < n; i++ {
		if s.steps[i] = m.Rows[i] - m.Rows[i-1]; s.steps[i] < 1 {
			return AR1{}, stats.Errorf(stats.BadInput, "rows", "are not in the order of time")
		}
	}
	offset := make([]float64, b.P)
	for range 2 {
		for j := range b.P {
			h := 0.0
			for i := range n {
				h += b.Q[i*b.P+j] * s.y[i]
			}
			offset[j] += h
			for i := range n {
				s.y[i] -= h * b.Q[i*b.P+j]
			}
		}
	}
	s.unit = basis.Norm(s.y) / math.Sqrt(float64(n))
	if !(s.unit > 1e-10*basis.Norm(y)/math.Sqrt(float64(n))) {
		return AR1{}, stats.Errorf(stats.Constant, "response", "has no variation left after fitting the columns")
	}
	for i := range s.y {
		s.y[i] /= s.unit
	}
	eta, err := s.best()
	if err != nil {
		return AR1{}, err
	}
	return s.result(m, eta, offset), nil
}

// whitened is the fit at one rho: coefficients, (X'R^-1X)^-1, the residual sum of squares and log |X'R^-1X|.
type whitened struct {
	b      *mat.VecDense
	cov    *mat.SymDense
	rss    float64
	logDet float64
}

func (s *series) at(rho float64) whitened {
	n, p := s.basis.N, s.basis.P
	normal, right, square := mat.NewSymDense(p, nil), mat.NewVecDense(p, nil), 0.0
	row := make([]float64, p)
	for i := range n {
		copy(row, s.basis.Row(i))
		y := s.y[i]
		if i > 0 {
			rho := math.Pow(rho, float64(s.steps[i]))
			root := math.Sqrt(1 - rho*rho)
			for j, x := range s.basis.Row(i - 1) {
				row[j] = (row[j] - rho*x) / root
			}
			y = (y - rho*s.y[i-1]) / root
		}
		v := mat.NewVecDense(p, row)
		normal.SymRankOne(normal, 1, v)
		right.AddScaledVec(right, y, v)
		square += y * y
	}
	out := whitened{b: mat.NewVecDense(p, nil), cov: mat.NewSymDense(p, nil)}
	var chol mat.Cholesky
	if !chol.Factorize(normal) || chol.SolveVecTo(out.b, right) != nil || chol.InverseTo(out.cov) != nil {
		return whitened{rss: math.NaN()}
	}
	out.rss, out.logDet = square-mat.Dot(out.b, right), chol.LogDet()
	return out
}

func (s *series) free() float64 {
	if s.reml {
		return float64(s.basis.N - s.basis.P)
	}
	return float64(s.basis.N)
}

// deviance is minus twice the log-likelihood at atanh rho and log sigma^2, without constants.
func (s *series) deviance(eta, logVariance float64) float64 {
	rho := math.Tanh(eta)
	w := s.at(rho)
	value := s.logDet(rho) + s.free()*logVariance + w.rss/math.Exp(logVariance)
	if s.reml {
		value += w.logDet
	}
	return value
}

// logDet is the log determinant of the errors' correlation.
func (s *series) logDet(rho float64) float64 {
	sum := 0.0
	for _, g := range s.steps[1:] {
		sum += math.Log1p(-math.Pow(rho, 2*float64(g)))
	}
	return sum
}

func (s *series) profiled(eta float64) float64 {
	return s.deviance(eta, math.Log(s.at(math.Tanh(eta)).rss/s.free()))
}

// derivative differences f at x, with Richardson's extrapolation to the sixth order.
func derivative(f func(float64) float64, x float64) float64 {
	const h = 0.02
	d := func(h float64) float64 { return (f(x+h) - f(x-h)) / (2 * h) }
	a, b, c := d(h), d(h/2), d(h/4)
	first, second := (4*b-a)/3, (4*c-b)/3
	return (16*second - first) / 15
}

// best searches atanh rho on a grid from -0.999 to 0.999 and halves in on the root of the derivative.
func (s *series) best() (float64, error) {
	const steps, reach = 60, 3.8
	least, at := math.Inf(1), 0
	for k := range steps + 1 {
		if v := s.profiled(-reach + 2*reach*float64(k)/steps); v < least {
			least, at = v, k
		}
	}
	if at == 0 || at == steps {
		return 0, stats.Errorf(stats.NotConverged, "rho", "the autocorrelation runs to 1 or -1: the columns do not hold the series' trend")
	}
	low, high := -reach+2*reach*float64(at-1)/steps, -reach+2*reach*float64(at+1)/steps
	for range 200 {
		mid := low + (high-low)/2
		if mid == low || mid == high {
			break
		}
		if derivative(s.profiled, mid) < 0 {
			low = mid
		} else {
			high = mid
		}
	}
	return low + (high-low)/2, nil
}

func (s *series) result(m formula.Matrix, eta float64, offset []float64) AR1 {
	rho := math.Tanh(eta)
	w := s.at(rho)
	variance := w.rss / s.free()
	n, p := s.basis.N, s.basis.P
	out := AR1{N: n, Rho: rho, Sigma2: variance * s.unit * s.unit}
	out.Sigma = math.Sqrt(out.Sigma2)
	for _, g := range s.steps {
		if g > 1 {
			out.Gaps++
		}
	}
	constant := s.free() * (math.Log(2*math.Pi) + 2*math.Log(s.unit))
	if s.reml { // of the columns' own scale: log |X'V^-1X| = log |Q'V^-1Q| + 2 log |R|
		for j := range p {
			constant += 2 * math.Log(s.basis.R.At(j, j))
		}
	}
	out.LogLik = -(s.deviance(eta, math.Log(variance)) + constant) / 2
	// observed information in (atanh rho, log sigma^2)
	top := math.Log(variance)
	rhoRho := derivative(func(e float64) float64 {
		return derivative(func(e float64) float64 { return s.deviance(e, top) }, e)
	}, eta)
	cross := -derivative(func(e float64) float64 { return s.at(math.Tanh(e)).rss }, eta) / variance
	both := w.rss / variance
	determinant := rhoRho*both - cross*cross
	a11, a12, a22 := 2*both/determinant, -2*cross/determinant, 2*rhoRho/determinant
	estimate := make([]float64, p)
	for j := range p {
		estimate[j] = offset[j] + s.unit*w.b.AtVec(j)
	}
	raw := s.basis.Coefficients(estimate)
	for j, name := range m.Names {
		c := mat.NewVecDense(p, s.basis.Direction(j))
		v := variance * mat.Inner(c, w.cov, c)
		slope := variance * derivative(func(e float64) float64 { return mat.Inner(c, s.at(math.Tanh(e)).cov, c) }, eta)
		spread := slope*slope*a11 + 2*slope*v*a12 + v*v*a22
		out.Coefficients = append(out.Coefficients, AR1Coefficient{name, stats.Of(raw[j]), stats.Of(s.unit * math.Sqrt(v)), n - p, stats.Of(2 * v * v / spread)})
	}
	return out
}

package meta

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// Estimator names how the variance between studies is estimated.
type Estimator string

const (
	// FixedEffect takes no variance between studies.
	FixedEffect Estimator = "FE"
	// DerSimonianLaird is the method of moments (1986, Control Clin Trials 7:177).
	DerSimonianLaird Estimator = "DL"
	// PauleMandel solves Q(tau2) = k - p (1982, J Res Natl Bur Stand 87:377).
	PauleMandel Estimator = "PM"
	// REML and ML maximise the (restricted) likelihood.
	REML Estimator = "REML"
	ML   Estimator = "ML"
	// SidikJonkman is the method of 2005 (Applied Statistics 54:367).
	SidikJonkman Estimator = "SJ"
)

// pool is the model y = X b + u + e with var u = tau2 and var e = v, X in an orthonormal basis so that a moderator far from
// 0, such as a year, costs no digits.
type pool struct {
	y, v  []float64
	x     *mat.Dense
	basis *basis.Basis
	k, p  int
}

// newPool names a moderator that the intercept and earlier ones make up.
func newPool(effects []Effect, moderators []Moderator) (*pool, error) {
	names := []string{"intrcpt"}
	for _, m := range moderators {
		names = append(names, m.Name)
	}
	var x []float64
	out := &pool{k: len(effects), p: len(names)}
	for i, e := range effects {
		out.y, out.v = append(out.y, e.Y), append(out.v, e.V)
		x = append(x, 1)
		for _, m := range moderators {
			x = append(x, m.Values[i])
		}
	}
	b, err := basis.Of(names, x, out.k)
	if err != nil {
		return nil, err
	}
	out.basis, out.x = b, mat.NewDense(out.k, out.p, b.Q)
	return out, nil
}

// raw gives the coefficients of the moderators themselves with their unscaled covariance.
func (m *pool) raw(w weighted) ([]float64, *mat.SymDense) {
	return m.basis.Coefficients(w.b), m.basis.Covariance(w.cov)
}

// weighted is the fit at given weights, in the basis: b, its unscaled covariance, the residuals, their weighted sum of
// squares, and log |X'WX|.
type weighted struct {
	b      []float64
	cov    *mat.SymDense
	rss    float64
	logDet float64
	w, r   []float64
}

func (m *pool) at(tau2 float64) (weighted, bool) {
	w := make([]float64, m.k)
	for i, v := range m.v {
		w[i] = 1 / (v + tau2)
	}
	normal, right := mat.NewSymDense(m.p, nil), mat.NewVecDense(m.p, nil)
	for i := range m.k {
		row := m.x.RowView(i)
		normal.SymRankOne(normal, w[i], row)
		right.AddScaledVec(right, w[i]*m.y[i], row)
	}
	out := weighted{cov: mat.NewSymDense(m.p, nil), w: w, r: make([]float64, m.k)}
	var chol mat.Cholesky
	var b mat.VecDense
	if !chol.Factorize(normal) || chol.Cond() > 1e14 || chol.InverseTo(out.cov) != nil || chol.SolveVecTo(&b, right) != nil {
		return out, false
	}
	out.b, out.logDet = b.RawVector().Data, chol.LogDet()
	for i := range m.k {
		out.r[i] = m.y[i] - mat.Dot(m.x.RowView(i), &b)
		out.rss += w[i] * out.r[i] * out.r[i]
	}
	return out, true
}

// projection is P = W - WX(X'WX)^-1X'W.
func (m *pool) projection(f weighted) *mat.SymDense {
	out := mat.NewSymDense(m.k, nil)
	for i := range m.k {
		for j := range i + 1 {
			value := -f.w[i] * f.w[j] * mat.Inner(m.x.RowView(i), f.cov, m.x.RowView(j))
			if i == j {
				value += f.w[i]
			}
			out.SetSym(i, j, value)
		}
	}
	return out
}

// squares is the sum of all squared elements.
func squares(m *mat.SymDense) float64 {
	sum := 0.0
	for i := range m.SymmetricDim() {
		for j := range m.SymmetricDim() {
			sum += m.At(i, j) * m.At(i, j)
		}
	}
	return sum
}

// between estimates tau2 with its standard error (undefined for a fixed effect).
func (m *pool) between(by Estimator) (tau2 float64, se stats.Number, err error) {
	free := float64(m.k - m.p)
	plain, _ := m.at(0)
	switch by {
	case FixedEffect:
		return 0, stats.Number{}, nil
	case DerSimonianLaird:
		p := m.projection(plain)
		tr := mat.Trace(p)
		tau2 = math.Max(0, (plain.rss-free)/tr)
		return tau2, stats.Of(math.Sqrt(2*free+4*tau2*tr+2*tau2*tau2*squares(p)) / tr), nil
	case PauleMandel:
		tau2 = m.qProfile(free)
		total := 0.0
		for _, v := range m.v {
			total += 1 / (v + tau2)
		}
		return tau2, stats.Of(math.Sqrt(2/free) * float64(m.k) / total), nil
	case SidikJonkman:
		return m.sidikJonkman()
	case REML, ML:
		tau2 = m.likeliest(by == REML)
		w, _ := m.at(tau2)
		information := squares(m.projection(w))
		if by == ML {
			information = 0
			for _, v := range m.v {
				information += 1 / ((v + tau2) * (v + tau2))
			}
		}
		return tau2, stats.Of(math.Sqrt(2 / information)), nil
	}
	return 0, stats.Number{}, stats.Errorf(stats.BadInput, "methods", "no estimator %q; there are FE, DL, PM, REML, ML and SJ", by)
}

func (m *pool) sidikJonkman() (float64, stats.Number, error) {
	mean, start := 0.0, 0.0
	for _, y := range m.y {
		mean += y / float64(m.k)
	}
	for _, y := range m.y {
		start += (y - mean) * (y - mean) / float64(m.k)
	}
	if !(start > 0) {
		return 0, stats.Number{}, stats.Errorf(stats.Constant, "yi", "is the same in all studies")
	}
	w, _ := m.at(start)
	free := float64(m.k - m.p)
	tau2 := start * w.rss / free
	// the variance of a quadratic form y'Py at V + tau2 I
	projection := m.projection(w)
	pv, pp := 0.0, 0.0
	vv := 0.0
	for i := range m.k {
		for j := range m.k {
			p := projection.At(i, j)
			vv += p * m.v[j] * p * m.v[i]
			pv += p * m.v[j] * p
			pp += p * p
		}
	}
	return tau2, stats.Of(start / free * math.Sqrt(2*vv+4*tau2*pv+2*tau2*tau2*pp)), nil
}

// qProfile solves Q(tau2) = target, Q falling in tau2; 0 where Q(0) is below the target already.
func (m *pool) qProfile(target float64) float64 {
	q := func(tau2 float64) float64 { w, _ := m.at(tau2); return w.rss }
	if q(0) <= target {
		return 0
	}
	low, high := 0.0, m.v[0]
	for q(high) > target && high < 1e300 {
		low, high = high, high*4
	}
	for range 300 {
		mid := low + (high-low)/2
		if mid == low || mid == high {
			break
		}
		if q(mid) > target {
			low = mid
		} else {
			high = mid
		}
	}
	return low + (high-low)/2
}

// logLik is the (restricted) log-likelihood at tau2 with its constants.
func (m *pool) logLik(tau2 float64, restricted bool) float64 {
	w, _ := m.at(tau2)
	free, out := float64(m.k), 0.0
	for _, v := range m.v {
		out -= math.Log(v + tau2)
	}
	out -= w.rss
	if restricted {
		free -= float64(m.p)
		out -= w.logDet // beside log |X'X|, which is 0 in the basis
	}
	return (out - free*math.Log(2*math.Pi)) / 2
}

// profileLimits are the variances at which the (restricted) likelihood, the coefficients maximised, is below its maximum by
// half the chi-square quantile (Hardy & Thompson 1996, Stat Med 15:619); the lower one is 0 where it does not fall so far.
func (m *pool) profileLimits(at float64, restricted bool, level float64) (lower, upper float64) {
	z := stats.NormalQuantile(0.5 + level/2)
	least := m.logLik(at, restricted) - z*z/2
	cross := func(inside, outside float64) float64 {
		for range 300 {
			mid := inside + (outside-inside)/2
			if mid == inside || mid == outside {
				break
			}
			if m.logLik(mid, restricted) >= least {
				inside = mid
			} else {
				outside = mid
			}
		}
		return inside + (outside-inside)/2
	}
	if m.logLik(0, restricted) < least {
		lower = cross(at, 0)
	}
	high := math.Max(at, m.v[0])
	for m.logLik(high, restricted) >= least && high < 1e300 {
		high *= 2
	}
	return lower, cross(at, high)
}

// slope is twice the derivative of the likelihood by tau2.
func (m *pool) slope(tau2 float64, restricted bool) float64 {
	w, _ := m.at(tau2)
	out := 0.0
	for i, weight := range w.w {
		out += weight*weight*w.r[i]*w.r[i] - weight
		if restricted { // the trace of the projection is that of W less this
			row := m.x.RowView(i)
			out += weight * weight * mat.Inner(row, w.cov, row)
		}
	}
	return out
}

// likeliest searches the maximum: every stationary point between the steps of a grid, and 0.
func (m *pool) likeliest(restricted bool) float64 {
	unit := 0.0
	for _, v := range m.v {
		unit += v / float64(m.k)
	}
	for _, y := range m.y {
		unit = math.Max(unit, (y-m.y[0])*(y-m.y[0]))
	}
	best, most := 0.0, m.logLik(0, restricted)
	last := 0.0
	rising := m.slope(0, restricted) > 0
	for step := -60; step <= 8; step++ {
		here := unit * math.Exp2(float64(step)/2)
		now := m.slope(here, restricted) > 0
		if rising && !now {
			low, high := last, here
			for range 300 {
				mid := low + (high-low)/2
				if mid == low || mid == high {
					break
				}
				if m.slope(mid, restricted) > 0 {
					low = mid
				} else {
					high = mid
				}
			}
			top := low + (high-low)/2
			if value := m.logLik(top, restricted); value > most {
				best, most = top, value
			}
		}
		last, rising = here, now
	}
	return best
}

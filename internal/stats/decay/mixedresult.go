package decay

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

func (p *mixedProblem) result(at []float64, hessian *mat.SymDense, profile *mixedProfile) (MixedResult, error) {
	k := len(p.names)
	covariance, err := inverted(hessian)
	if err != nil {
		return MixedResult{}, stats.Errorf(stats.NotConverged, p.names[k-1], "the information about the parameters is singular")
	}
	value, _ := p.deviance(at)
	n := float64(len(p.Y))
	r := MixedResult{NObs: len(p.Y), Parameters: p.names, LogLik: -value/2 - n*math.Log(p.unit), Sigma2: math.Exp(at[k+1]) * p.unit * p.unit}
	seen := map[int]bool{}
	for _, g := range p.Group {
		seen[g] = true
	}
	r.NGroups = len(seen)
	r.Tau2 = r.Sigma2 * at[k] * at[k]
	r.Tau, r.Sigma = math.Sqrt(r.Tau2), math.Sqrt(r.Sigma2)
	scale := func(j int) float64 { // all but the log rate are in units of the response
		if j == k-1 {
			return 1
		}
		return p.unit
	}
	observed := mat.NewSymDense(k, nil)
	expected, err := p.expected(at)
	if err != nil {
		return MixedResult{}, err
	}
	for i := range k {
		r.Estimate = append(r.Estimate, at[i]*scale(i))
		r.SEExpected = append(r.SEExpected, stats.Of(math.Sqrt(expected.At(i, i))*scale(i)))
		for j := range i + 1 {
			observed.SetSym(i, j, 2*covariance.At(i, j)*scale(i)*scale(j))
		}
	}
	r.CovarianceObserved, r.SEObserved = stats.Matrix(observed), roots(observed, 1)
	life, se := math.Ln2/math.Exp(at[k-1]), math.Sqrt(observed.At(k-1, k-1))
	z := stats.NormalQuantile(0.5 + p.Level/2)
	r.HalfLife, r.HalfLifeSE = stats.Of(life), stats.Of(life*se)
	r.LogLower, r.LogUpper = stats.Of(life*math.Exp(-z*se)), stats.Of(life*math.Exp(z*se))
	h := HalfLife{HalfLife: r.HalfLife, Notes: []string{}, Estimable: p.changes(at, observed, z)}
	h.profile(p.T, profile.at, value+z*z)
	h.annotate(p.T)
	r.ProfileLower, r.ProfileUpper, r.Estimable, r.Notes = h.ProfileLower, h.ProfileUpper, h.Estimable, h.Notes
	return r, nil
}

// expected is (J'V^-1J)^-1, the response in its unit.
func (p *mixedProblem) expected(at []float64) (*mat.SymDense, error) {
	k := len(p.names)
	rho, s2 := at[k]*at[k], math.Exp(at[k+1])
	normal := mat.NewSymDense(k, nil)
	a, zj := make([]float64, p.groups), make([][]float64, p.groups)
	for i, t := range p.T {
		arm := 0.0
		if p.Arm != nil {
			arm = p.Arm[i]
		}
		_, gradient, z, _ := p.Model.at(at[:k], t, arm)
		g := p.Group[i]
		if zj[g] == nil {
			zj[g] = make([]float64, k)
		}
		a[g] += z * z
		for j, x := range gradient {
			zj[g][j] += z * x
		}
		normal.SymRankOne(normal, 1/s2, mat.NewVecDense(k, gradient))
	}
	for g, v := range zj {
		if v != nil {
			normal.SymRankOne(normal, -rho/(1+rho*a[g])/s2, mat.NewVecDense(k, v))
		}
	}
	return inverted(normal)
}

// changes tells whether the change at the first time differs from 0: the factor of exp(-rate t), times that.
func (p *mixedProblem) changes(at []float64, covariance *mat.SymDense, quantile float64) bool {
	k := len(p.names)
	first := slices.Min(p.T)
	l := make([]float64, k)
	l[k-2] = p.unit // in result's covariance the response has its own unit
	b := at[k-2]
	if p.Model == SelfStarting {
		l[0], b = -p.unit, b-at[0]
	}
	l[k-1] = -b * p.unit * math.Exp(at[k-1]) * first
	for i := range k - 1 { // back to the covariance's unit
		l[i] /= p.unit
	}
	v := mat.NewVecDense(k, l)
	return math.Abs(b*p.unit) > quantile*math.Sqrt(math.Max(0, mat.Inner(v, covariance, v)))
}

package decay

import (
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"afterglow/internal/stats"
)

// MixedModel names a decay in which one coefficient varies between groups.
type MixedModel string

const (
	// AsymptoteRandom is (A + u) + B exp(-exp(lk) t).
	AsymptoteRandom MixedModel = "asymptote_random"
	// AsymptoteRandomArm is the same with A + dA in a second arm.
	AsymptoteRandomArm MixedModel = "asymptote_random_arm"
	// AmplitudeRandom is (b0 + u) exp(-exp(lk) t).
	AmplitudeRandom MixedModel = "amplitude_random"
	// SelfStarting is (Asym + u) + (R0 - Asym - u) exp(-exp(lrc) t).
	SelfStarting MixedModel = "ssasymp_random"
)

// MixedInput is values at times in groups; Arm is 1 in the second arm, nil where the model has none.
type MixedInput struct {
	T, Y, Arm []float64
	Group     []int
	Model     MixedModel
	Level     float64
}

// MixedResult is the maximum likelihood fit: u normal with variance Tau2, errors with Sigma2. The random effect enters the
// mean linearly, so the likelihood is exact. SEObserved come from the full observed information, SEExpected from
// (J'V^-1J)^-1 at random effect 0.
type MixedResult struct {
	NObs               int              `json:"n_obs"`
	NGroups            int              `json:"n_groups"`
	LogLik             float64          `json:"loglik"`
	Parameters         []string         `json:"parameters"`
	Estimate           []float64        `json:"estimate"`
	SEObserved         []stats.Number   `json:"se_observed"`
	SEExpected         []stats.Number   `json:"se_expected"`
	CovarianceObserved [][]stats.Number `json:"covariance_observed"`
	Tau2               float64          `json:"tau2"`
	Sigma2             float64          `json:"sigma2"`
	Tau                float64          `json:"tau"`
	Sigma              float64          `json:"sigma"`
	HalfLife           stats.Number     `json:"half_life"`
	HalfLifeSE         stats.Number     `json:"half_life_se"`
	LogLower           stats.Number     `json:"half_life_log_lower"`
	LogUpper           stats.Number     `json:"half_life_log_upper"`
	// The profile limits are those of the likelihood, all else maximised; Estimable and Notes as in HalfLife.
	ProfileLower stats.Number `json:"half_life_profile_lower"`
	ProfileUpper stats.Number `json:"half_life_profile_upper"`
	Estimable    bool         `json:"half_life_estimable"`
	Notes        []string     `json:"half_life_notes"`
}

func (m MixedModel) parameters() []string {
	switch m {
	case AsymptoteRandom:
		return []string{"A", "B", "lk"}
	case AsymptoteRandomArm:
		return []string{"A", "dA", "B", "lk"}
	case AmplitudeRandom:
		return []string{"b0", "lk"}
	case SelfStarting:
		return []string{"Asym", "R0", "lrc"}
	}
	return nil
}

// at gives the mean at random effect 0 with its gradient, and the random effect's factor with the derivative by the log
// rate, which is the last parameter.
func (m MixedModel) at(theta []float64, t, arm float64) (mean float64, gradient []float64, z, zRate float64) {
	p := len(theta)
	rate := math.Exp(theta[p-1])
	e := math.Exp(-rate * t)
	eRate := -rate * t * e
	switch m {
	case AsymptoteRandom:
		return theta[0] + theta[1]*e, []float64{1, e, theta[1] * eRate}, 1, 0
	case AsymptoteRandomArm:
		return theta[0] + theta[1]*arm + theta[2]*e, []float64{1, arm, e, theta[2] * eRate}, 1, 0
	case AmplitudeRandom:
		return theta[0] * e, []float64{e, theta[0] * eRate}, e, eRate
	}
	return theta[0] + (theta[1]-theta[0])*e, []float64{1 - e, e, (theta[1] - theta[0]) * eRate}, 1 - e, -eRate
}

// FitMixed maximises the exact likelihood over the coefficients, the ratio of the standard deviations and log sigma
// squared, by Newton steps on the analytic gradient and its differences, to rounding level. See docs/methods/decay.md.
func FitMixed(in MixedInput) (MixedResult, error) {
	p, err := newMixed(in)
	if err != nil {
		return MixedResult{}, err
	}
	profile, err := p.profile()
	if err != nil {
		return MixedResult{}, err
	}
	start, err := profile.start()
	if err != nil {
		return MixedResult{}, err
	}
	at, hessian, err := p.climb(start)
	if err != nil {
		return MixedResult{}, err
	}
	return p.result(at, hessian, profile)
}

type mixedProblem struct {
	MixedInput
	names  []string
	groups int
	unit   float64 // of the response: its standard deviation
}

func newMixed(in MixedInput) (*mixedProblem, error) {
	p := &mixedProblem{MixedInput: in, names: in.Model.parameters()}
	if p.names == nil {
		return nil, stats.Errorf(stats.BadInput, "model", "no model %q; there are asymptote_random, asymptote_random_arm, amplitude_random and ssasymp_random", in.Model)
	}
	if err := (FitInput{T: in.T, Y: in.Y, Model: Exponential, Level: in.Level}).validate(); err != nil {
		return nil, err
	}
	if len(in.Group) != len(in.T) || (in.Model == AsymptoteRandomArm || in.Arm != nil) && len(in.Arm) != len(in.T) {
		return nil, stats.Errorf(stats.BadInput, "subject", "times, groups and arms differ in number")
	}
	counts := map[int]int{}
	largest, arms := 0, [2]bool{}
	for i, g := range in.Group {
		if g < 0 {
			return nil, stats.Errorf(stats.BadInput, "subject", "the group of value %d is negative", i+1)
		}
		if in.Arm != nil && in.Arm[i] != 0 && in.Arm[i] != 1 {
			return nil, stats.Errorf(stats.BadInput, "arm", "that of value %d is neither 0 nor 1", i+1)
		}
		counts[g]++
		p.groups = max(p.groups, g+1)
		largest = max(largest, counts[g])
		if in.Arm != nil {
			arms[int(in.Arm[i])] = true
		}
	}
	switch {
	case len(in.T) <= len(p.names)+2:
		return nil, stats.Errorf(stats.TooFew, "rows", "%d values are too few for %d parameters", len(in.T), len(p.names)+2)
	case len(counts) < 2 || largest < 2:
		return nil, stats.Errorf(stats.TooFew, "subject", "variation between groups needs two groups, and one with two values")
	case in.Model == AsymptoteRandomArm && !(arms[0] && arms[1]):
		return nil, stats.Errorf(stats.OneLevel, "arm", "only one arm has values")
	}
	return p, p.scale()
}

// scale finds the unit of the response.
func (p *mixedProblem) scale() error {
	mean, variance := stat.PopMeanVariance(p.Y, nil)
	if p.unit = math.Sqrt(variance); !(p.unit > 1e-12*math.Abs(mean)) {
		return stats.Errorf(stats.Constant, "response", "has the same value in all rows")
	}
	if math.IsInf(p.unit, 0) {
		return stats.Errorf(stats.NotFinite, "response", "is too large to square")
	}
	return nil
}

// deviance is minus twice the log-likelihood with its gradient at (theta, ratio, log sigma^2): V = sigma^2 (I + ratio^2 z z').
func (p *mixedProblem) deviance(at []float64) (float64, []float64) {
	k := len(p.names)
	theta, ratio, s2 := at[:k], at[k], math.Exp(at[k+1])
	rho := ratio * ratio
	type sums struct {
		n, a, b, c     float64
		aRate          float64
		bTheta, cTheta []float64
	}
	all := make([]sums, p.groups)
	for i, t := range p.T {
		arm := 0.0
		if p.Arm != nil {
			arm = p.Arm[i]
		}
		mean, gradient, z, zRate := p.Model.at(theta, t, arm)
		s := &all[p.Group[i]]
		if s.bTheta == nil {
			s.bTheta, s.cTheta = make([]float64, k), make([]float64, k)
		}
		r := p.Y[i]/p.unit - mean
		s.n++
		s.a += z * z
		s.b += z * r
		s.c += r * r
		s.aRate += 2 * z * zRate
		for j, g := range gradient {
			s.bTheta[j] -= z * g
			s.cTheta[j] -= 2 * r * g
		}
		s.bTheta[k-1] += zRate * r
	}
	value, gradient := 0.0, make([]float64, k+2)
	for _, s := range all {
		if s.n == 0 {
			continue
		}
		d := 1 + rho*s.a
		quadratic := (s.c - rho*s.b*s.b/d) / s2
		value += s.n*(at[k+1]+math.Log(2*math.Pi)) + math.Log(d) + quadratic
		for j := range k {
			aTheta := 0.0
			if j == k-1 {
				aTheta = s.aRate
			}
			gradient[j] += rho*aTheta/d + (s.cTheta[j]-rho*(2*s.b*s.bTheta[j]/d-s.b*s.b*rho*aTheta/(d*d)))/s2
		}
		gradient[k] += 2 * ratio * (s.a/d - s.b*s.b/(d*d*s2))
		gradient[k+1] += s.n - quadratic
	}
	return value, gradient
}

// hessian differences the gradient, with Richardson's extrapolation.
func (p *mixedProblem) hessian(at []float64) *mat.SymDense {
	n := len(at)
	full := mat.NewDense(n, n, nil)
	for j := range n {
		h := 1e-3 * math.Max(0.1, math.Abs(at[j]))
		if j == n-3 {
			h = 1e-3 // the log rate
		}
		slope := func(h float64) []float64 {
			up, down := append([]float64(nil), at...), append([]float64(nil), at...)
			up[j], down[j] = up[j]+h, down[j]-h
			_, above := p.deviance(up)
			_, below := p.deviance(down)
			for i := range above {
				above[i] = (above[i] - below[i]) / (2 * h)
			}
			return above
		}
		coarse, fine, finest := slope(h), slope(h/2), slope(h/4)
		for i := range n {
			first, second := (4*fine[i]-coarse[i])/3, (4*finest[i]-fine[i])/3
			full.Set(i, j, (16*second-first)/15)
		}
	}
	out := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			out.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
		}
	}
	return out
}

func (p *mixedProblem) climb(at []float64) ([]float64, *mat.SymDense, error) {
	value, gradient := p.deviance(at)
	last := math.Inf(1)
	for range 300 {
		hessian := p.hessian(at)
		n := len(at)
		// in units of each parameter's own curvature: an amplitude at time 0 is far away where times start late
		unit, scaled := make([]float64, n), mat.NewSymDense(n, nil)
		for i := range n {
			unit[i] = 1 / math.Sqrt(math.Max(math.Abs(hessian.At(i, i)), 1e-300))
			for j := range i + 1 {
				scaled.SetSym(i, j, hessian.At(i, j)*unit[i]*unit[j])
			}
		}
		var eigen mat.EigenSym
		if !eigen.Factorize(scaled, true) {
			break
		}
		values := eigen.Values(nil)
		var vectors mat.Dense
		eigen.VectorsTo(&vectors)
		largest := math.Max(math.Abs(values[0]), math.Abs(values[n-1]))
		step, decrement := make([]float64, n), 0.0
		for k, v := range values {
			along := 0.0
			for i, g := range gradient {
				along += g * unit[i] * vectors.At(i, k)
			}
			curvature := math.Max(math.Abs(v), 1e-12*largest)
			decrement += along * along / curvature
			for i := range step {
				step[i] -= unit[i] * along / curvature * vectors.At(i, k)
			}
		}
		if decrement < 1e-20 || decrement < 1e-11 && decrement >= last/4 {
			if values[0] <= 1e-10*largest {
				break
			}
			return at, hessian, nil
		}
		last = decrement
		size := 1.0
		for i, s := range step { // no more than one unit of the log rate at a time
			if i >= len(p.names)-1 && math.Abs(s) > 1 {
				size = math.Min(size, 1/math.Abs(s))
			}
		}
		accepted := false
		for range 50 {
			moved := append([]float64(nil), at...)
			for i, s := range step {
				moved[i] += size * s
			}
			next, slope := p.deviance(moved)
			if !math.IsNaN(next) && next <= value+1e-12*math.Abs(value) {
				at, value, gradient, accepted = moved, next, slope, true
				break
			}
			size /= 2
		}
		if !accepted {
			break
		}
	}
	return nil, nil, stats.Errorf(stats.NotConverged, p.names[len(p.names)-1], "no maximum of the likelihood was found: the values may not decay over these times")
}

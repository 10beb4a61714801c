package decay

import (
	"math"
	"slices"

	"afterglow/internal/stats"
)

// Halving is b0 + b1 2^(-t/th) fitted to single values: th is the half-life in the units of time.
type Halving struct {
	N            int              `json:"n"`
	Parameters   []string         `json:"parameters"`
	Estimate     []float64        `json:"estimate"`
	SE           []stats.Number   `json:"se"`
	Covariance   [][]stats.Number `json:"covariance"`
	Sigma        stats.Number     `json:"sigma"`
	RSS          stats.Number     `json:"rss"`
	DFResidual   int              `json:"df_residual"`
	LogLik       stats.Number     `json:"loglik"`
	WaldLower    []stats.Number   `json:"wald_lower"`
	WaldUpper    []stats.Number   `json:"wald_upper"`
	ProfileLower []stats.Number   `json:"profile_lower"`
	ProfileUpper []stats.Number   `json:"profile_upper"`
	// ResidualLag1 is the residuals' first autocorrelation in the order given: near 1 the errors are too small.
	ResidualLag1 stats.Number `json:"residual_lag1"`
	// Notes say where th means no half-life, or lies beyond the last time.
	Notes []string `json:"notes"`
}

// FitHalving fits by least squares, with Wald intervals and those of the profile (Bates & Watts 1988, Nonlinear Regression
// Analysis, section 6.1). See docs/methods/decay.md.
func FitHalving(t, y []float64, level float64) (Halving, error) {
	if err := (FitInput{T: t, Y: y, Model: Asymptotic, Level: level}).validate(); err != nil {
		return Halving{}, err
	}
	n := len(t)
	c := halving{}
	if n <= 3 {
		return Halving{}, stats.Errorf(stats.TooFew, "rows", "%d values are too few for three parameters and their errors", n)
	}
	if slices.Min(y) == slices.Max(y) {
		return Halving{}, stats.Errorf(stats.Constant, "y", "is the same at all times: nothing decays")
	}
	d := independent(t, y, nil)
	theta, best, err := optimum(c, d)
	if err != nil {
		return Halving{}, err
	}
	inverse, err := inverted(best.normal)
	if err != nil {
		return Halving{}, err
	}
	df := n - 3
	variance := best.rss / float64(df)
	if !(variance > 0) {
		return Halving{}, stats.Errorf(stats.Constant, "y", "lies exactly on a curve, so the error cannot be estimated")
	}
	inverse.ScaleSym(variance, inverse)
	out := Halving{N: n, Parameters: c.names(), Estimate: theta, SE: roots(inverse, 1), Covariance: stats.Matrix(inverse), Sigma: stats.Of(math.Sqrt(variance)),
		RSS: stats.Of(best.rss), DFResidual: df, LogLik: stats.Of(-float64(n) / 2 * (math.Log(2*math.Pi*best.rss/float64(n)) + 1))}
	quantile := stats.TQuantile(0.5+level/2, float64(df))
	life := HalfLife{HalfLife: stats.Of(theta[2])}
	if white, ok := d.whitened(); ok && theta[2] > 0 {
		life.profile(t, func(rate float64) float64 { return white.atRate(rate, true) }, best.rss+variance*quantile*quantile)
	}
	for a := range theta {
		se := out.SE[a].Value
		out.WaldLower, out.WaldUpper = append(out.WaldLower, stats.Of(theta[a]-quantile*se)), append(out.WaldUpper, stats.Of(theta[a]+quantile*se))
		if a == 2 {
			out.ProfileLower, out.ProfileUpper = append(out.ProfileLower, life.ProfileLower), append(out.ProfileUpper, life.ProfileUpper)
			continue
		}
		out.ProfileLower = append(out.ProfileLower, profile(c, d, theta, a, best.rss, variance, -se, quantile))
		out.ProfileUpper = append(out.ProfileUpper, profile(c, d, theta, a, best.rss, variance, se, quantile))
	}
	above, all := 0.0, 0.0
	for i := range n {
		r := y[i] - best.fitted[i]
		all += r * r
		if i > 0 {
			above += r * (y[i-1] - best.fitted[i-1])
		}
	}
	out.ResidualLag1 = stats.Of(above / all)
	out.Notes = []string{}
	switch span := slices.Max(t) - slices.Min(t); {
	case theta[2] <= 0:
		out.Notes = append(out.Notes, noteRising)
	case theta[2] > span:
		out.Notes = append(out.Notes, noteBeyond)
	case out.ProfileUpper[2].Value > span:
		out.Notes = append(out.Notes, noteUpper)
	}
	if !out.ProfileUpper[2].Defined {
		out.Notes = append(out.Notes, noteUnbounded)
	}
	if !out.ProfileLower[2].Defined {
		out.Notes = append(out.Notes, noteInstant)
	}
	return out, nil
}

// profile walks parameter a in steps of its error until the root of the scaled rise of the objective passes the quantile,
// then halves in on it; undefined where it never does.
func profile(c curve, d data, theta []float64, a int, rss, variance, step, quantile float64) stats.Number {
	warm := theta
	rise := func(value float64) float64 {
		moved := append([]float64(nil), warm...)
		moved[a] = value
		at, best, err := minimise(c, d, moved, a)
		if err != nil {
			return math.NaN()
		}
		warm = at
		return math.Sqrt(math.Max(0, best.rss-rss) / variance)
	}
	var high float64
	low := theta[a]
	for k := 1; ; k++ {
		if k > 60 {
			return stats.Number{}
		}
		high = theta[a] + step*quantile*math.Pow(1.3, float64(k))/2
		r := rise(high)
		if math.IsNaN(r) {
			return stats.Number{}
		}
		if r > quantile {
			break
		}
		low = high
	}
	for range 80 {
		mid := (low + high) / 2
		if r := rise(mid); r > quantile || math.IsNaN(r) {
			high = mid
		} else {
			low = mid
		}
	}
	return stats.Of((low + high) / 2)
}

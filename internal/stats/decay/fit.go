package decay

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Model names a decay.
type Model string

const (
	// Exponential is b0 exp(-k t).
	Exponential Model = "exp"
	// Asymptotic is asymptote + b0 exp(-k t).
	Asymptotic Model = "exp_asymptote"
)

// FitInput is estimates Y at times T, with their standard errors and, where known, the covariance between them (visits of
// the same people are correlated).
type FitInput struct {
	T          []float64   `json:"t"`
	Y          []float64   `json:"y"`
	SE         []float64   `json:"se"`
	Covariance [][]float64 `json:"covariance"`
	Model      Model       `json:"model"`
	Level      float64     `json:"level"`
}

// FitResult is a decay fitted by weights 1/se^2. Fields named known take the errors as they are given, with normal
// quantiles; those named scaled multiply them by the scatter about the curve, as nls in R does, with t quantiles, which is
// far too sure of itself where the points are few and smooth. GLS weights by the full covariance: where it is there, it is
// the fit to report.
type FitResult struct {
	N               int              `json:"n"`
	P               int              `json:"p"`
	DFResidual      int              `json:"df_residual"`
	Parameters      []string         `json:"parameters"`
	Estimate        []float64        `json:"estimate"`
	WeightedRSS     float64          `json:"weighted_rss"`
	CovarianceKnown [][]stats.Number `json:"covariance_known"`
	Fitted          []float64        `json:"fitted"`
	SEKnown         []stats.Number   `json:"se_known,omitempty"`
	HalfLifeKnown   *HalfLife        `json:"half_life_known,omitempty"`
	FitChiSqP       stats.Number     `json:"fit_chisq_p"`
	Sigma           stats.Number     `json:"sigma"`
	SEScaled        []stats.Number   `json:"se_scaled"`
	HalfLifeScaled  *HalfLife        `json:"half_life_scaled"`
	GLS             *GLS             `json:"gls,omitempty"`
}

// GLS is the fit by generalised least squares with the estimates' covariance taken as known.
type GLS struct {
	Estimate   []float64        `json:"estimate"`
	Covariance [][]stats.Number `json:"covariance"`
	SE         []stats.Number   `json:"se"`
	ChiSq      stats.Number     `json:"chisq"`
	ChiSqP     stats.Number     `json:"chisq_p"`
	HalfLife
}

// Fit fits a decay by least squares, the optimum to rounding level. See docs/methods/decay.md.
func Fit(in FitInput) (FitResult, error) {
	if err := in.validate(); err != nil {
		return FitResult{}, err
	}
	c := exponential{asymptote: in.Model == Asymptotic}
	n, p := len(in.T), len(c.names())
	if n < p {
		return FitResult{}, stats.Errorf(stats.TooFew, "t", "%d times are too few for %d parameters", n, p)
	}
	d := independent(in.T, in.Y, in.SE)
	if slices.Min(in.Y) == slices.Max(in.Y) {
		return FitResult{}, stats.Errorf(stats.Constant, "y", "is the same at all times: nothing decays")
	}
	theta, best, err := optimum(c, d)
	if err != nil {
		return FitResult{}, err
	}
	r := FitResult{N: n, P: p, DFResidual: n - p, Parameters: c.names(), Estimate: theta, WeightedRSS: best.rss, Fitted: best.fitted}
	inverse, err := inverted(best.normal)
	if err != nil {
		return FitResult{}, err
	}
	z := stats.NormalQuantile(0.5 + in.Level/2)
	if in.SE != nil {
		life := halfLife(d, c.asymptote, theta, best.rss, inverse, z, 1)
		r.CovarianceKnown, r.SEKnown, r.HalfLifeKnown = stats.Matrix(inverse), roots(inverse, 1), &life
		if n > p {
			r.FitChiSqP = stats.Of(stats.UpperChiSquare(best.rss, float64(n-p)))
		}
	}
	if n > p {
		scale := best.rss / float64(n-p)
		life := halfLife(d, c.asymptote, theta, best.rss, inverse, stats.TQuantile(0.5+in.Level/2, float64(n-p)), scale)
		r.Sigma, r.SEScaled, r.HalfLifeScaled = stats.Of(math.Sqrt(scale)), roots(inverse, scale), &life
	}
	if in.Covariance != nil {
		if r.GLS, err = generalised(c, in, z); err != nil {
			return FitResult{}, err
		}
	}
	return r, nil
}

func (in FitInput) validate() error {
	if in.Model != Exponential && in.Model != Asymptotic {
		return stats.Errorf(stats.BadInput, "model", "no decay %q; there are exp and exp_asymptote", in.Model)
	}
	if len(in.Y) != len(in.T) || in.SE != nil && len(in.SE) != len(in.T) || in.Covariance != nil && len(in.Covariance) != len(in.T) {
		return stats.Errorf(stats.BadInput, "t", "times, values, errors and covariances differ in number")
	}
	for i := range in.T {
		if math.IsNaN(in.T[i]+in.Y[i]) || math.IsInf(in.T[i]+in.Y[i], 0) {
			return stats.Errorf(stats.NotFinite, "y", "value %d or its time is not finite", i+1)
		}
		if in.SE != nil && !(in.SE[i] > 0 && !math.IsInf(in.SE[i], 0)) {
			return stats.Errorf(stats.BadInput, "se", "error %d is not positive and finite", i+1)
		}
	}
	return stats.CheckLevel(in.Level)
}

func optimum(c curve, d data) ([]float64, fall, error) {
	asymptote := len(c.names()) > 2
	theta, err := begin(c, d, asymptote)
	if err != nil {
		return nil, fall{}, err
	}
	return minimise(c, d, theta, -1)
}

func generalised(c exponential, in FitInput, z float64) (*GLS, error) {
	n := len(in.T)
	sigma := mat.NewSymDense(n, nil)
	for i, row := range in.Covariance {
		if len(row) != n {
			return nil, stats.Errorf(stats.BadInput, "covariance", "row %d has %d elements for %d times", i+1, len(row), n)
		}
		for j, v := range row {
			if !stats.Finite(v) {
				return nil, stats.Errorf(stats.NotFinite, "covariance", "the element at %d, %d is not finite", i+1, j+1)
			}
			if len(in.Covariance[j]) != n {
				return nil, stats.Errorf(stats.BadInput, "covariance", "row %d has %d elements for %d times", j+1, len(in.Covariance[j]), n)
			}
			if math.Abs(v-in.Covariance[j][i]) > 1e-8*math.Sqrt(math.Abs(in.Covariance[i][i]*in.Covariance[j][j])) {
				return nil, stats.Errorf(stats.BadInput, "covariance", "is not symmetric at %d, %d", i+1, j+1)
			}
			sigma.SetSym(i, j, (v+in.Covariance[j][i])/2)
		}
	}
	var chol mat.Cholesky
	w := mat.NewSymDense(n, nil)
	if !chol.Factorize(sigma) || chol.InverseTo(w) != nil {
		return nil, stats.Errorf(stats.BadInput, "covariance", "is not positive definite")
	}
	d := data{t: in.T, y: in.Y, w: w}
	theta, best, err := optimum(c, d)
	if err != nil {
		return nil, err
	}
	inverse, err := inverted(best.normal)
	if err != nil {
		return nil, err
	}
	out := &GLS{Estimate: theta, Covariance: stats.Matrix(inverse), SE: roots(inverse, 1), ChiSq: stats.Of(best.rss),
		HalfLife: halfLife(d, c.asymptote, theta, best.rss, inverse, z, 1)}
	if n > len(theta) {
		out.ChiSqP = stats.Of(stats.UpperChiSquare(best.rss, float64(n-len(theta))))
	}
	return out, nil
}

func inverted(m *mat.SymDense) (*mat.SymDense, error) {
	n := m.SymmetricDim()
	unit, scaled := make([]float64, n), mat.NewSymDense(n, nil)
	for i := range n {
		unit[i] = math.Sqrt(m.At(i, i))
	}
	for i := range n {
		for j := range i + 1 {
			scaled.SetSym(i, j, m.At(i, j)/(unit[i]*unit[j]))
		}
	}
	var chol mat.Cholesky
	out := mat.NewSymDense(n, nil)
	if !chol.Factorize(scaled) || chol.InverseTo(out) != nil {
		return nil, stats.Errorf(stats.Collinear, "k", "the rate cannot be told from the other parameters: the values hardly decay over these times")
	}
	for i := range n {
		for j := range i + 1 {
			out.SetSym(i, j, out.At(i, j)/(unit[i]*unit[j]))
		}
	}
	return out, nil
}

func roots(m *mat.SymDense, scale float64) []stats.Number {
	var out []stats.Number
	for i := range m.SymmetricDim() {
		out = append(out, stats.Of(math.Sqrt(scale*m.At(i, i))))
	}
	return out
}

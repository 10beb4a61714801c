package mixed

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// Inference is a linear combination of coefficients. The plain fields use the covariance
// (X'V^-1X)^-1 and Satterthwaite's degrees of freedom with the inverse observed information of the
// covariance parameters; _kr those of Kenward & Roger (1997, Biometrics 53:983) without the term in second
// derivatives and with the inverse expected information; _kr_observed the same with the observed one.
// Kenward-Roger fields are undefined for ML. See docs/methods/satterthwaite-kenward-roger.md.
type Inference struct {
	Estimate        float64      `json:"estimate"`
	SE              float64      `json:"se"`
	DF              stats.Number `json:"df"`
	T               stats.Number `json:"t"`
	PValue          stats.Number `json:"p_value"`
	Lower           stats.Number `json:"ci_lower"`
	Upper           stats.Number `json:"ci_upper"`
	SEKR            stats.Number `json:"se_kr"`
	DFKR            stats.Number `json:"df_kr"`
	PValueKR        stats.Number `json:"p_value_kr"`
	LowerKR         stats.Number `json:"ci_lower_kr"`
	UpperKR         stats.Number `json:"ci_upper_kr"`
	SEKRObserved    stats.Number `json:"se_kr_observed"`
	DFKRObserved    stats.Number `json:"df_kr_observed"`
	PValueObserved  stats.Number `json:"p_value_kr_observed"`
	LowerKRObserved stats.Number `json:"ci_lower_kr_observed"`
	UpperKRObserved stats.Number `json:"ci_upper_kr_observed"`
	// L holds the combination, in the order of the coefficients; empty for a coefficient itself.
	L []float64 `json:"l,omitempty"`
}

// approximation is what small-sample inference about coefficients needs of a fit, in its orthonormal basis.
type approximation struct {
	names       []string
	r           *mat.TriDense   // basis = raw columns times r^-1
	unit        float64         // residual scale: raw = unit * internal
	level       float64         // of the intervals
	beta        *mat.VecDense   // coefficients in the basis, raw scale
	phi         *mat.SymDense   // covariance of the coefficients in the basis, internal scale
	p           []*mat.SymDense // derivatives of phi's inverse by the covariance parameters
	information *mat.SymDense   // inverse observed information of the covariance parameters
	kr          *adjusted       // nil for ML
	krObserved  *adjusted       // nil for ML
}

// adjusted is the Kenward-Roger covariance with one choice of W, the covariance of the parameters.
type adjusted struct {
	w   *mat.SymDense
	phi *mat.SymDense
}

// adjust computes Phi + 2 Phi {sum_ij W_ij (Q_ij - P_i Phi P_j)} Phi, the small-sample covariance; nil where it is not
// defined. The P and Q are contracted with W before they are formed, so the work is linear in the patterns.
func (f *Fit) adjust(structure covariance, w *mat.SymDense) *adjusted {
	n, q := len(f.best.theta), len(f.problem.offset)
	_, first := structure.at(f.best.theta)
	inner, ok := f.problem.cohort.contract(flat(f.best.s), flats(first), flat(w))
	if !ok {
		return nil
	}
	phi, p := flat(f.phi), flats(f.best.derivatives.p)
	left, sum, term := make([]float64, q*q), make([]float64, q*q), make([]float64, q*q)
	for i := range n {
		multiply(left, p[i], phi, q, q, q)
		clear(sum)
		for j := range n {
			weight := w.At(i, j)
			for at, x := range p[j] {
				sum[at] += weight * x
			}
		}
		multiply(term, left, sum, q, q, q)
		for at, x := range term {
			inner[at] -= x
		}
	}
	return corrected(f.phi, mat.NewDense(q, q, inner), w)
}

// corrected is phi + 2 phi inner phi.
func corrected(phi *mat.SymDense, inner *mat.Dense, w *mat.SymDense) *adjusted {
	var left, correction mat.Dense
	left.Mul(phi, inner)
	correction.Mul(&left, phi)
	correction.Scale(2, &correction)
	out := &adjusted{w: w, phi: basis.Symmetric(&correction)}
	out.phi.AddSym(out.phi, phi)
	return out
}

// Contrast gives inference about l'b; l has an element per coefficient.
func (f *approximation) Contrast(l []float64) (Inference, error) { return f.ContrastFrom(0, l) }

// basis takes a combination of coefficients into the basis: l'b = (R^-T l)'(R b).
func (f *approximation) basis(l []float64) (*mat.VecDense, error) {
	if len(l) != len(f.names) {
		return nil, stats.Errorf(stats.BadInput, "contrast", "%d elements for %d coefficients", len(l), len(f.names))
	}
	if !finite(l...) {
		return nil, stats.Errorf(stats.NotFinite, "contrast", "an element is not finite")
	}
	t := mat.NewVecDense(len(l), nil)
	r := f.r
	for i := range l {
		sum := l[i]
		for j := range i {
			sum -= r.At(j, i) * t.AtVec(j)
		}
		t.SetVec(i, sum/r.At(i, i))
	}
	return t, nil
}

func (f *approximation) infer(t *mat.VecDense, estimate float64) Inference {
	level := f.level
	variance := mat.Inner(t, f.phi, t)
	slopes := f.slopes(t)
	plain := stats.TEstimate(estimate, f.unit*math.Sqrt(variance), degrees(variance, slopes, f.information), level)
	out := Inference{Estimate: estimate, SE: plain.SE.Value, DF: plain.DF, T: plain.Statistic,
		PValue: plain.PValue, Lower: plain.Lower, Upper: plain.Upper}
	if f.kr != nil {
		e := f.kr.estimate(f, t, estimate, variance, slopes)
		out.SEKR, out.DFKR, out.PValueKR, out.LowerKR, out.UpperKR = e.SE, e.DF, e.PValue, e.Lower, e.Upper
	}
	if f.krObserved != nil {
		// its df are the plain ones, both from the inverse observed information, and so is the quantile, which costs most
		e := rescaled(plain, f.unit*math.Sqrt(mat.Inner(t, f.krObserved.phi, t)))
		out.SEKRObserved, out.DFKRObserved, out.PValueObserved, out.LowerKRObserved, out.UpperKRObserved =
			e.SE, e.DF, e.PValue, e.Lower, e.Upper
	}
	return out
}

// rescaled is the estimate with another standard error on the same degrees of freedom.
func rescaled(e stats.Estimate, se float64) stats.Estimate {
	out := stats.Estimate{Estimate: e.Estimate, SE: stats.Of(se), DF: e.DF, Interval: stats.Interval{Level: e.Level}}
	if !e.Upper.Defined || !(se > 0) {
		return out
	}
	half := (e.Upper.Value - e.Estimate.Value) / e.SE.Value * se
	out.Lower, out.Upper = stats.Of(e.Estimate.Value-half), stats.Of(e.Estimate.Value+half)
	out.Statistic = stats.Of(e.Estimate.Value / se)
	out.PValue = stats.Of(stats.TwoSidedT(out.Statistic.Value, e.DF.Value))
	return out
}

func (a *adjusted) estimate(f *approximation, t *mat.VecDense, estimate, variance float64, slopes []float64) stats.Estimate {
	se := f.unit * math.Sqrt(mat.Inner(t, a.phi, t))
	return stats.TEstimate(estimate, se, degrees(variance, slopes, a.w), f.level)
}

// slopes is the gradient of t' Phi t by the covariance parameters: -t' Phi P_i Phi t.
func (f *approximation) slopes(t *mat.VecDense) []float64 {
	var u mat.VecDense
	u.MulVec(f.phi, t)
	out := make([]float64, len(f.p))
	for i, p := range f.p {
		out[i] = -mat.Inner(&u, p, &u)
	}
	return out
}

// degrees is 2 v^2 / (g' W g): Satterthwaite's, and Kenward-Roger's for a single combination.
func degrees(variance float64, g []float64, w *mat.SymDense) stats.Number {
	v := mat.NewVecDense(len(g), g)
	return stats.Of(2 * variance * variance / mat.Inner(v, w, v))
}

// Covariance is the covariance matrix of linear combinations: (X'V^-1X)^-1, and the Kenward-Roger ones,
// which are nil for ML.
type Covariance struct {
	Plain      [][]float64
	KR         [][]float64
	KRObserved [][]float64
}

// Covariance gives the covariance of the combinations in rows.
func (f *approximation) Covariance(rows [][]float64) (Covariance, error) {
	basis := make([]*mat.VecDense, len(rows))
	for i, l := range rows {
		var err error
		if basis[i], err = f.basis(l); err != nil {
			return Covariance{}, err
		}
	}
	fill := func(phi *mat.SymDense) [][]float64 {
		out := make([][]float64, len(rows))
		for i := range rows {
			out[i] = make([]float64, len(rows))
			for j := range rows {
				out[i][j] = f.unit * f.unit * mat.Inner(basis[i], phi, basis[j])
			}
		}
		return out
	}
	out := Covariance{Plain: fill(f.phi)}
	if f.kr != nil {
		out.KR = fill(f.kr.phi)
	}
	if f.krObserved != nil {
		out.KRObserved = fill(f.krObserved.phi)
	}
	return out, nil
}

// Package linear fits linear models by least squares. Floor: ground.
// It must not take repeated measures of one subject for independent rows: those have rooms of their own.
package linear

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
	"afterglow/internal/stats/formula"
)

// Fit is a linear model y = X b + e.
type Fit struct {
	Matrix   formula.Matrix
	Beta     []float64
	Residual []float64
	Leverage []float64
	// Unscaled is (X'X)^-1; times Sigma squared it is the covariance of Beta.
	Unscaled *mat.SymDense
	Sigma    float64
	DF       int
	RSS, TSS float64
}

// Least fits in an orthonormal basis of the columns; a column that earlier ones make up is named. TSS is about the mean. See
// docs/methods/ancova.md.
func Least(m formula.Matrix, y []float64) (*Fit, error) {
	n, p := m.N(), m.P()
	if len(y) != n {
		return nil, stats.Errorf(stats.BadInput, "response", "has %d values for %d rows", len(y), n)
	}
	if err := stats.CheckFinite("response", y...); err != nil {
		return nil, err
	}
	for j, name := range m.Names {
		if err := stats.CheckFinite(name, m.Column(j)...); err != nil {
			return nil, err
		}
	}
	orthonormal, err := basis.Of(m.Names, m.X, n)
	if err != nil {
		return nil, err
	}
	along := make([]float64, p) // Q'y
	for i := range n {
		basis.Add(along, y[i], orthonormal.Row(i))
	}
	one := mat.NewDiagDense(p, nil)
	for j := range p {
		one.SetDiag(j, 1)
	}
	f := &Fit{Matrix: m, DF: n - p, Beta: orthonormal.Coefficients(along), Residual: make([]float64, n), Leverage: make([]float64, n), Unscaled: orthonormal.Covariance(one)}
	mean, size := 0.0, 0.0
	for _, v := range y {
		mean += v / float64(n)
		size = math.Max(size, math.Abs(v))
	}
	for i := range n {
		row := orthonormal.Row(i)
		f.Residual[i] = y[i] - basis.Dot(row, along)
		f.RSS += f.Residual[i] * f.Residual[i]
		f.TSS += (y[i] - mean) * (y[i] - mean)
		f.Leverage[i] = basis.Dot(row, row)
	}
	f.Sigma = math.Sqrt(f.RSS / float64(f.DF))
	if stats.NoSpread(f.Sigma, size) || !(f.RSS > 1e-20*f.TSS) {
		return nil, stats.Errorf(stats.Constant, "response", "has no variation left after fitting the columns, so the error cannot be estimated")
	}
	return f, nil
}

// Covariance is that of the coefficients under a common error variance.
func (f *Fit) Covariance() *mat.SymDense {
	v := mat.NewSymDense(len(f.Beta), nil)
	v.ScaleSym(f.Sigma*f.Sigma, f.Unscaled)
	return v
}

// Robust gives heteroscedasticity-consistent standard errors by type 0 to 3: White (1980); MacKinnon & White
// (1985), Journal of Econometrics 29:305. A row of leverage 1 leaves types 2 and 3 undefined.
func (f *Fit) Robust(kind int) []stats.Number {
	n, p := f.Matrix.N(), f.Matrix.P()
	meat := mat.NewSymDense(p, nil)
	defined := true
	for i := range n {
		weight := f.Residual[i] * f.Residual[i]
		rest := 1 - f.Leverage[i]
		switch kind {
		case 1:
			weight *= float64(n) / float64(n-p)
		case 2:
			weight /= rest
		case 3:
			weight /= rest * rest
		}
		if kind > 1 && !(rest > 1e-12) {
			defined = false
			break
		}
		meat.SymRankOne(meat, weight, mat.NewVecDense(p, f.Matrix.Row(i)))
	}
	errors := make([]stats.Number, p)
	if !defined {
		return errors
	}
	var half, whole mat.Dense
	half.Mul(f.Unscaled, meat)
	whole.Mul(&half, f.Unscaled)
	for j := range p {
		errors[j] = stats.Of(math.Sqrt(whole.At(j, j)))
	}
	return errors
}

// Combination is l'b with its standard error.
func (f *Fit) Combination(l []float64) (estimate, se float64) {
	variance := 0.0
	for i, a := range l {
		estimate += a * f.Beta[i]
		for j, b := range l {
			variance += a * b * f.Unscaled.At(i, j)
		}
	}
	return estimate, f.Sigma * math.Sqrt(variance)
}

// termTest is the F test that all of a term's coefficients are 0, as the factors are coded.
func (f *Fit) termTest(first, count int) (stats.Test, error) {
	block := mat.NewSymDense(count, nil)
	b := mat.NewVecDense(count, f.Beta[first:first+count])
	for i := range count {
		for j := range i + 1 {
			block.SetSym(i, j, f.Unscaled.At(first+i, first+j))
		}
	}
	var chol mat.Cholesky
	var solved mat.VecDense
	if !chol.Factorize(block) || chol.SolveVecTo(&solved, b) != nil {
		return stats.Test{}, stats.Errorf(stats.Collinear, "term", "its coefficients cannot be told apart")
	}
	statistic := mat.Dot(b, &solved) / (float64(count) * f.Sigma * f.Sigma)
	return stats.FTest(stats.Of(statistic), count, stats.Of(float64(f.DF))), nil
}

// logLikelihood is that of normal errors at the maximum likelihood variance.
func (f *Fit) logLikelihood() float64 {
	n := float64(f.Matrix.N())
	return -n / 2 * (math.Log(2*math.Pi) + math.Log(f.RSS/n) + 1)
}

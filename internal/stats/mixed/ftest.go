package mixed

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// FTest is a joint test that the combinations in the rows of L are zero. F and DDF are Satterthwaite's, as
// in lmerTest (Kuznetsova et al. 2017, J Stat Softw 82(13)); KR and KRObserved are nil for ML. See
// docs/methods/satterthwaite-kenward-roger.md.
type FTest struct {
	Term       string       `json:"term"`
	L          [][]float64  `json:"L"`
	F          stats.Number `json:"f"`
	NDF        int          `json:"ndf"`
	DDF        stats.Number `json:"ddf"`
	PValue     stats.Number `json:"p_value"`
	KR         *ScaledF     `json:"kr,omitempty"`
	KRObserved *ScaledF     `json:"kr_observed,omitempty"`
}

// ScaledF is Kenward and Roger's test: F = scale * f_unscaled on ndf and ddf degrees of freedom.
type ScaledF struct {
	F         stats.Number `json:"f"`
	FUnscaled stats.Number `json:"f_unscaled"`
	Scale     stats.Number `json:"scale"`
	NDF       int          `json:"ndf"`
	DDF       stats.Number `json:"ddf"`
	PValue    stats.Number `json:"p_value"`
}

// rankTolerance is the share of the largest eigenvalue below which a combination repeats others.
const rankTolerance = 1e-10

// FTest tests that all combinations in rows are zero; repeated ones count once.
func (f *approximation) FTest(term string, rows [][]float64) (FTest, error) {
	out := FTest{Term: term, L: rows}
	l := mat.NewDense(max(len(rows), 1), len(f.names), nil)
	for i, row := range rows {
		t, err := f.basis(row)
		if err != nil {
			return out, err
		}
		l.SetRow(i, t.RawVector().Data)
	}
	rotated, variances, err := f.independent(l)
	if err != nil {
		return out, err
	}
	out.NDF = len(variances)
	if out.NDF == 0 {
		return out, stats.Errorf(stats.BadInput, term, "a test without a combination other than zero")
	}
	shares := f.shares(rotated, variances)
	sum, df := 0.0, make([]stats.Number, out.NDF)
	for k, variance := range variances {
		t := mat.NewVecDense(len(f.names), mat.Row(nil, k, rotated))
		value := mat.Dot(t, f.beta) / f.unit
		sum += value * value / variance
		slopes := make([]float64, len(shares))
		for i, share := range shares {
			slopes[i] = -variance * share[k*out.NDF+k]
		}
		df[k] = degrees(variance, slopes, f.information)
	}
	test := stats.FTest(stats.Of(sum/float64(out.NDF)), out.NDF, pooledDegrees(df))
	out.F, out.DDF, out.PValue = test.Statistic, test.DenominatorDF, test.PValue
	if f.kr != nil {
		out.KR = f.kr.test(f, rotated, shares)
	}
	if f.krObserved != nil {
		out.KRObserved = f.krObserved.test(f, rotated, shares)
	}
	return out, nil
}

// independent rotates the rows of l so that their estimates are uncorrelated, and drops repeated ones.
func (f *approximation) independent(l *mat.Dense) (*mat.Dense, []float64, error) {
	var half, full mat.Dense
	half.Mul(l, f.phi)
	full.Mul(&half, l.T())
	var eigen mat.EigenSym
	if !eigen.Factorize(basis.Symmetric(&full), true) {
		return nil, nil, stats.Errorf(stats.NotConverged, "test", "no eigenvalues")
	}
	values := eigen.Values(nil)
	var vectors, rotated mat.Dense
	eigen.VectorsTo(&vectors)
	rotated.Mul(vectors.T(), l)
	largest := values[len(values)-1]
	first := 0
	for first < len(values) && !(values[first] > rankTolerance*largest) {
		first++
	}
	if first == len(values) {
		return nil, nil, nil
	}
	_, c := rotated.Dims()
	return rotated.Slice(first, len(values), 0, c).(*mat.Dense), values[first:], nil
}

// pooledDegrees is lmerTest's denominator: 2E/(E - q) with E the sum of df/(df - 2); 2 where one df is
// not above 2, the common df where all agree.
func pooledDegrees(df []stats.Number) stats.Number {
	equal, sum := true, 0.0
	for _, d := range df {
		if !d.Defined {
			return stats.Number{}
		}
		equal = equal && math.Abs(d.Value-df[0].Value) < 1e-8
		sum += d.Value / (d.Value - 2)
	}
	if equal {
		return df[0]
	}
	for _, d := range df {
		if d.Value <= 2 {
			return stats.Of(2)
		}
	}
	return stats.Of(2 * sum / (sum - float64(len(df))))
}

// shares gives, per covariance parameter, the matrix t_k' Phi P_i Phi t_l / sqrt(v_k v_l) of the uncorrelated
// combinations t with variances v. With theta = L'(L Phi L')^-1 L = sum of t t'/v, its trace is that of theta Phi P_i Phi,
// and sums of products of two are the traces of theta Phi P_i Phi theta Phi P_j Phi: all that Kenward and Roger need.
func (f *approximation) shares(rows *mat.Dense, variances []float64) [][]float64 {
	n, q := rows.Dims()
	var u mat.Dense
	u.Mul(rows, f.phi)
	for k, v := range variances {
		row := u.RawRowView(k)
		for c := range row {
			row[c] /= math.Sqrt(v)
		}
	}
	raw := u.RawMatrix().Data
	half := make([]float64, n*q)
	out := make([][]float64, len(f.p))
	for i, p := range f.p {
		out[i] = make([]float64, n*n)
		multiply(half, raw, flat(p), n, q, q)
		for k := range n {
			for l := range n {
				out[i][k*n+l] = elementwise(half[k*q:(k+1)*q], raw[l*q:(l+1)*q])
			}
		}
	}
	return out
}

// test follows Kenward & Roger (1997), section 3, on uncorrelated combinations.
func (a *adjusted) test(f *approximation, rows *mat.Dense, shares [][]float64) *ScaledF {
	n, _ := rows.Dims()
	q := float64(n)
	var half, full mat.Dense
	half.Mul(rows, a.phi)
	full.Mul(&half, rows.T())
	var estimates, solved mat.VecDense
	estimates.MulVec(rows, f.beta)
	estimates.ScaleVec(1/f.unit, &estimates)
	out := &ScaledF{NDF: n}
	var chol mat.Cholesky
	if !chol.Factorize(basis.Symmetric(&full)) || chol.SolveVecTo(&solved, &estimates) != nil {
		return out
	}
	raw := mat.Dot(&estimates, &solved) / q
	traces := make([]float64, len(shares))
	for i, share := range shares {
		for k := range n {
			traces[i] += share[k*n+k]
		}
	}
	a1, a2 := 0.0, 0.0
	for i := range traces {
		for j := range traces {
			a1 += a.w.At(i, j) * traces[i] * traces[j]
			a2 += a.w.At(i, j) * elementwise(shares[i], shares[j])
		}
	}
	scale, ddf := scaledF(q, a1, a2)
	test := stats.FTest(stats.Of(raw*scale), n, stats.Of(ddf))
	out.F, out.FUnscaled, out.Scale = test.Statistic, stats.Of(raw), stats.Of(scale)
	out.DDF, out.PValue = test.DenominatorDF, test.PValue
	return out
}

// scaledF matches the first two moments of the F distribution (Kenward & Roger 1997, equations 7 to 9).
func scaledF(q, a1, a2 float64) (scale, ddf float64) {
	if q == 1 {
		return 1, 2 / a1
	}
	b := (a1 + 6*a2) / (2 * q)
	g := ((q+1)*a1 - (q+4)*a2) / ((q + 2) * a2)
	d := 3*q + 2*(1-g)
	c1, c2, c3 := g/d, (q-g)/d, (q+2-g)/d
	mean := 1 / (1 - a2/q)
	variance := 2 / q * (1 + c1*b) / ((1 - c2*b) * (1 - c2*b) * (1 - c3*b))
	rho := variance / (2 * mean * mean)
	ddf = 4 + (q+2)/(q*rho-1)
	return ddf / (mean * (ddf - 2)), ddf
}

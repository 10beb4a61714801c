package basis

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

const (
	// chunkOfRows is how many rows one worker takes at a time; chunks, not workers, set the order of addition.
	chunkOfRows = 8192
	// wellApart is how much of every column's length must be left beside the earlier ones for the fast way. The first pass
	// then loses at most ten digits of orthogonality, which the second restores.
	wellApart = 1e-2
)

// cholesky makes the basis from two Cholesky factors of cross-products (Yamamoto & others 2015, ETNA 44:306): Q1 = X R1^-1
// with R1'R1 = X'X, then once more for Q1. Blocks of rows go through the processor's cache once a pass, on all processors.
// r is of the columns made 1 long; lengths take it back. ok is false where a column is nearly made up by earlier ones, is zero
// or is not finite: Gram and Schmidt decide there.
func cholesky(x []float64, n, p int) (q []float64, r *mat.TriDense, lengths []float64, ok bool) {
	gram := cross(x, n, p)
	lengths = make([]float64, p)
	for j := range lengths {
		lengths[j] = math.Sqrt(gram.At(j, j))
		if !(lengths[j] > 0) || math.IsInf(lengths[j], 0) {
			return nil, nil, nil, false
		}
	}
	for i := range p {
		for j := i; j < p; j++ {
			gram.SetSym(i, j, gram.At(i, j)/lengths[i]/lengths[j])
		}
	}
	first, ok := factor(gram, wellApart)
	if !ok {
		return nil, nil, nil, false
	}
	inUnits := mat.NewTriDense(p, mat.Upper, nil)
	for i := range p {
		for j := i; j < p; j++ {
			inUnits.SetTri(i, j, first.At(i, j)*lengths[j])
		}
	}
	q = append([]float64(nil), x...)
	divide(q, n, p, inUnits)
	second, ok := factor(cross(q, n, p), 0.5)
	if !ok {
		return nil, nil, nil, false
	}
	divide(q, n, p, second)
	r = mat.NewTriDense(p, mat.Upper, nil)
	r.MulTri(second, first)
	return q, r, lengths, true
}

// factor is the upper Cholesky factor; ok is false where an element of its diagonal is not above least.
func factor(gram *mat.SymDense, least float64) (*mat.TriDense, bool) {
	var chol mat.Cholesky
	if !chol.Factorize(gram) {
		return nil, false
	}
	r := new(mat.TriDense)
	chol.UTo(r)
	for j := range gram.SymmetricDim() {
		if !(r.At(j, j) > least) {
			return nil, false
		}
	}
	return r, true
}

// cross is x'x of n rows of p.
func cross(x []float64, n, p int) *mat.SymDense {
	parts := make([]*mat.SymDense, (n+chunkOfRows-1)/chunkOfRows)
	stats.SpreadRows(n, chunkOfRows, func(c, from, to int) {
		parts[c] = mat.NewSymDense(p, nil)
		blas64.Syrk(blas.Trans, 1, rowsOf(x, from, to, p), 0, parts[c].RawSymmetric())
	})
	sum := parts[0]
	for _, part := range parts[1:] {
		sum.AddSym(sum, part)
	}
	return sum
}

// divide replaces x by x r^-1.
func divide(x []float64, n, p int, r *mat.TriDense) {
	stats.SpreadRows(n, chunkOfRows, func(_, from, to int) {
		blas64.Trsm(blas.Right, blas.NoTrans, 1, r.RawTriangular(), rowsOf(x, from, to, p))
	})
}

func rowsOf(x []float64, from, to, p int) blas64.General {
	return blas64.General{Rows: to - from, Cols: p, Stride: p, Data: x[from*p : to*p]}
}

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
	second, ok := factor(divideAndCross(q, n, p, inUnits), 0.5)
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

// blockOfRows is how many rows are worked on at once, by columns, so that they stay in the processor's nearest cache and the
// inner loops are long.
const blockOfRows = 256

// cross is x'x of n rows of p.
func cross(x []float64, n, p int) *mat.SymDense { return pass(x, n, p, nil, true) }

// divide replaces x by x r^-1.
func divide(x []float64, n, p int, r *mat.TriDense) { pass(x, n, p, r, false) }

// divideAndCross replaces x by x r^-1 and gives the cross-products of what it is now.
func divideAndCross(x []float64, n, p int, r *mat.TriDense) *mat.SymDense {
	return pass(x, n, p, r, true)
}

// pass goes through the rows once.
func pass(x []float64, n, p int, r *mat.TriDense, products bool) *mat.SymDense {
	parts := make([]*mat.SymDense, (n+chunkOfRows-1)/chunkOfRows)
	stats.SpreadRows(n, chunkOfRows, func(c, from, to int) {
		sum, columns := mat.NewSymDense(p, nil), make([]float64, p*blockOfRows)
		for ; from < to; from += blockOfRows {
			m := min(blockOfRows, to-from)
			block := x[from*p : (from+m)*p]
			for k := range m {
				for j, v := range block[k*p : (k+1)*p] {
					columns[j*blockOfRows+k] = v
				}
			}
			if r != nil {
				substitute(columns, m, r)
				for k := range m {
					for j := range p {
						block[k*p+j] = columns[j*blockOfRows+k]
					}
				}
			}
			if products {
				blas64.Syrk(blas.NoTrans, 1, blas64.General{Rows: p, Cols: m, Stride: blockOfRows, Data: columns}, 1, sum.RawSymmetric())
			}
		}
		parts[c] = sum
	})
	total := parts[0]
	for _, part := range parts[1:] {
		total.AddSym(total, part)
	}
	return total
}

// substitute solves q r = columns for the columns of m rows, in place.
func substitute(columns []float64, m int, r *mat.TriDense) {
	column := func(j int) blas64.Vector {
		return blas64.Vector{N: m, Inc: 1, Data: columns[j*blockOfRows : j*blockOfRows+m]}
	}
	p, _ := r.Dims()
	for j := range p {
		for k := range j {
			blas64.Axpy(-r.At(k, j), column(k), column(j))
		}
		blas64.Scal(1/r.At(j, j), column(j))
	}
}

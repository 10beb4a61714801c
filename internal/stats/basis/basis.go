// Package basis makes the columns of a design orthonormal, so that a fit loses no digits to their units. Floor: ground.
// It must not drop a column: one that earlier columns make up is an error that names it.
package basis

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// collinearShare is how much of a column's length must be left after removing the earlier columns, as in R's qr().
const collinearShare = 1e-7

// roundingShare is what rounding leaves of a column that earlier ones make up.
const roundingShare = 1e-13

// Columns makes columns orthonormal in place, by Gram and Schmidt's method, each twice for full digits (Giraud & others
// 2005, Numer Math 101:87). It gives r, upper triangular: columns = orthonormal columns times r.
func Columns(names []string, columns [][]float64) (*mat.TriDense, error) {
	r := mat.NewTriDense(len(columns), mat.Upper, nil)
	for j, x := range columns {
		length := Norm(x)
		if !stats.Finite(length) {
			return nil, stats.Errorf(stats.NotFinite, names[j], "holds a value that is not finite, or too large to square")
		}
		for range 2 {
			for k := range j {
				h := Dot(columns[k], x)
				r.SetTri(k, j, r.At(k, j)+h)
				Add(x, -h, columns[k])
			}
		}
		left := Norm(x)
		switch {
		case left > collinearShare*length:
		case left > roundingShare*length: // more than rounding leaves
			return nil, stats.Errorf(stats.Collinear, names[j], "is so close to a combination of the columns before it that too few digits are left: "+
				"if its values are far from 0, subtract a value near them")
		default:
			return nil, stats.Errorf(stats.Collinear, names[j], "is a combination of the columns before it in the rows that are there")
		}
		r.SetTri(j, j, left)
		for i := range x {
			x[i] /= left
		}
	}
	return r, nil
}

// Basis is an orthonormal basis of a design: Q by rows, design = Q R.
type Basis struct {
	N, P    int
	Q       []float64
	R       *mat.TriDense
	inverse *mat.TriDense
}

// Of makes the basis of x, which holds n rows one after another and stays as it is.
func Of(names []string, x []float64, n int) (*Basis, error) {
	p := len(names)
	if n <= p {
		return nil, stats.Errorf(stats.TooFew, "rows", "%d complete rows are too few for %d coefficients", n, p)
	}
	if p == 0 {
		return nil, stats.Errorf(stats.BadInput, "formula", "has no column")
	}
	q, r, lengths, ok := cholesky(x[:n*p], n, p)
	if !ok {
		var err error
		if q, r, lengths, err = gramSchmidt(names, x, n, p); err != nil {
			return nil, err
		}
	}
	b := &Basis{N: n, P: p, Q: q, R: r, inverse: new(mat.TriDense)}
	if err := b.inverse.InverseTri(r); err != nil {
		return nil, stats.Errorf(stats.Collinear, "columns", "are so close to combinations of each other that no digits are left")
	}
	for j := range p {
		for i := range j + 1 {
			r.SetTri(i, j, r.At(i, j)*lengths[j])
			b.inverse.SetTri(i, j, b.inverse.At(i, j)/lengths[i])
		}
	}
	return b, nil
}

// gramSchmidt is the careful way, which names the column that earlier ones make up. r is of the columns made 1 long, so that
// a column in a large or small unit does not look like a lost digit; lengths take it back.
func gramSchmidt(names []string, x []float64, n, p int) (q []float64, r *mat.TriDense, lengths []float64, err error) {
	columns := make([][]float64, p)
	lengths = make([]float64, p)
	for j := range columns {
		columns[j] = make([]float64, n)
		for i := range n {
			columns[j][i] = x[i*p+j]
		}
		lengths[j] = Norm(columns[j])
		if !stats.Finite(lengths[j]) {
			return nil, nil, nil, stats.Errorf(stats.NotFinite, names[j], "holds a value that is not finite, or too large to square")
		}
		if lengths[j] == 0 {
			continue
		}
		for i := range columns[j] {
			columns[j][i] /= lengths[j]
		}
	}
	if r, err = Columns(names, columns); err != nil {
		return nil, nil, nil, err
	}
	q = make([]float64, n*p)
	for j, column := range columns {
		for i, v := range column {
			q[i*p+j] = v
		}
	}
	return q, r, lengths, nil
}

// Row gives a row of Q.
func (b *Basis) Row(i int) []float64 { return b.Q[i*b.P : (i+1)*b.P] }

// Coefficients takes coefficients of Q to those of the design.
func (b *Basis) Coefficients(q []float64) []float64 {
	out := make([]float64, b.P)
	for i := range out {
		for j := i; j < b.P; j++ {
			out[i] += b.inverse.At(i, j) * q[j]
		}
	}
	return out
}

// Direction is the vector c with which coefficient j of the design is c'q.
func (b *Basis) Direction(j int) []float64 {
	out := make([]float64, b.P)
	for k := j; k < b.P; k++ {
		out[k] = b.inverse.At(j, k)
	}
	return out
}

// Covariance takes a covariance of coefficients of Q to that of the design's coefficients.
func (b *Basis) Covariance(q mat.Symmetric) *mat.SymDense {
	var half, whole mat.Dense
	half.Mul(b.inverse, q)
	whole.Mul(&half, b.inverse.T())
	return Symmetric(&whole)
}

// Symmetric averages a matrix with its mirror image.
func Symmetric(m *mat.Dense) *mat.SymDense {
	n, _ := m.Dims()
	out := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			out.SetSym(i, j, (m.At(i, j)+m.At(j, i))/2)
		}
	}
	return out
}

// Dot is the sum of products.
func Dot(a, b []float64) float64 {
	sum := 0.0
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

// Add adds a times x to y.
func Add(y []float64, a float64, x []float64) {
	for i := range y {
		y[i] += a * x[i]
	}
}

// Norm is the length of a vector.
func Norm(x []float64) float64 { return math.Sqrt(Dot(x, x)) }

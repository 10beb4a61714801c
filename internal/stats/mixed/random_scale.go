package mixed

import (
	"errors"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// The random columns of a correlated part are worked with as an orthogonal set of mean square 1: Z = Z~ R with R upper
// triangular, so that u~ = R u has the covariance R G R', as free as G. Where a column is measured from (days since 1970, a
// calendar year) thus changes neither the likelihood nor the digits that are left; a column without correlations is scaled
// alone, since its model does depend on its origin.

// firstOf is the first column of the correlated part that column i is in.
func (e randomEffects) firstOf(i int) int {
	for j, free := range e.free[i] {
		if free {
			return j
		}
	}
	return i
}

// correlated tells whether any part holds two columns or more.
func (e randomEffects) correlated() bool {
	for i := range e.free {
		if e.firstOf(i) < i {
			return true
		}
	}
	return false
}

// orthogonalise makes the random columns internal by Gram and Schmidt's method, twice for full digits, and fills turn with R.
func (g *groups) orthogonalise(names []string) error {
	g.turn = mat.NewTriDense(g.q(), mat.Upper, nil)
	copies := make([][]float64, len(g.z))
	for j, column := range g.z {
		if size := basis.Norm(column); !(size > 0) || math.IsInf(size, 0) {
			return stats.Errorf(stats.OneLevel, names[j], "this random effect's column is zero in every row")
		}
		copies[j] = slices.Clone(column)
	}
	if _, err := basis.Columns(names, copies); err != nil {
		return collinearRandom(err)
	}
	root := math.Sqrt(float64(g.rows))
	for j, column := range g.z {
		for range 2 {
			for k := g.random.firstOf(j); k < j; k++ {
				h := basis.Dot(g.z[k], column) / float64(g.rows)
				g.turn.SetTri(k, j, g.turn.At(k, j)+h)
				basis.Add(column, -h, g.z[k])
			}
		}
		size := basis.Norm(column) / root
		g.turn.SetTri(j, j, size)
		for i := range column {
			column[i] /= size
		}
	}
	return nil
}

// collinearRandom says of a collinear column that it is a random effect's.
func collinearRandom(err error) error {
	var failure *stats.Failure
	if errors.As(err, &failure) && failure.Kind == stats.Collinear {
		return stats.Errorf(stats.Collinear, failure.Where, "this random effect's column %s", strings.Replace(failure.Message, "the columns before it", "the random columns before it", 1))
	}
	return err
}

// internal takes a row of the random columns as given to the internal ones.
func (g *groups) internal(z []float64) []float64 {
	out := make([]float64, len(z))
	for i := range z {
		out[i] = z[i]
		for k := range i {
			out[i] -= out[k] * g.turn.At(k, i)
		}
		out[i] /= g.turn.At(i, i)
	}
	if g.rotation == nil {
		return out
	}
	rotated := mat.NewVecDense(len(z), nil)
	rotated.MulVec(g.rotation.T(), mat.NewVecDense(len(z), out))
	return rotated.RawVector().Data
}

// unturned is R^-1 V, V the rotation: its row i takes internal effects to the effect of column i as given.
func (g *groups) unturned() *mat.Dense {
	inverse := new(mat.TriDense)
	_ = inverse.InverseTri(g.turn) // only a condition to report: the diagonal is above 0
	out := mat.DenseCopyOf(inverse)
	if g.rotation != nil {
		out.Mul(inverse, g.rotation)
	}
	return out
}

// rotateTo turns the internal columns of each correlated part to the axes of G at theta, the widest first, and gives theta
// there. A combination that does not vary then comes last, where its variance of 0 is an inner point; first, it would leave the
// factor's other elements free to turn, and Newton's steps would creep along.
func (g *groups) rotateTo(theta []float64) []float64 {
	q := g.q()
	l := mat.NewDense(q, q, g.factorOf(theta))
	turn := mat.NewDense(q, q, nil)
	var moved []float64
	for first := 0; first < q; {
		last := first + 1
		for last < q && g.random.firstOf(last) == first {
			last++
		}
		size := last - first
		var block mat.Dense
		own := l.Slice(first, last, first, last)
		block.Mul(own, own.T())
		var eigen mat.EigenSym
		var vectors mat.Dense
		if size == 1 || !eigen.Factorize(basis.Symmetric(&block), true) {
			vectors = *mat.NewDense(1, 1, []float64{1})
			moved, first = append(moved, l.At(first, first)), first+1
			turn.Set(first-1, first-1, 1)
			continue
		}
		eigen.VectorsTo(&vectors)
		values := eigen.Values(nil)
		for j := range size {
			for i := range size {
				turn.Set(first+i, first+j, vectors.At(i, size-1-j))
			}
			moved = append(moved, make([]float64, j)...)
			moved = append(moved, math.Sqrt(math.Max(values[size-1-j], 0)))
		}
		first = last
	}
	g.rotate(turn)
	return append(moved, theta[len(theta)-1])
}

// rotate turns the internal columns, and the cross-products with them.
func (g *groups) rotate(turn *mat.Dense) {
	q, m := g.q(), g.m()
	if g.rotation == nil {
		g.rotation = mat.DenseCopyOf(turn)
	} else {
		var both mat.Dense
		both.Mul(g.rotation, turn)
		g.rotation = &both
	}
	for i := range g.group {
		var half mat.Dense
		a, b := mat.NewDense(q, q, g.a[i*q*q:(i+1)*q*q]), mat.NewDense(q, m, g.b[i*q*m:(i+1)*q*m])
		half.Mul(turn.T(), a)
		a.Mul(&half, turn)
		b.Copy(multiplied(turn.T(), b))
	}
	row, turned := make([]float64, q), mat.NewVecDense(q, nil)
	for i := range g.rows {
		for j := range q {
			row[j] = g.z[j][i]
		}
		turned.MulVec(turn.T(), mat.NewVecDense(q, row))
		for j := range q {
			g.z[j][i] = turned.AtVec(j)
		}
	}
}

func multiplied(a, b mat.Matrix) *mat.Dense {
	out := new(mat.Dense)
	out.Mul(a, b)
	return out
}

// rawFactor is L for the columns as given, with diagonal elements not below 0: R^-1 L made lower triangular by a rotation.
func (f *RandomFit) rawFactor() *mat.Dense {
	q := f.data.q()
	l := mat.NewDense(q, q, f.best.factor)
	var turned mat.Dense
	turned.Mul(f.data.unturned(), l)
	out := mat.DenseCopyOf(&turned)
	if q > 1 {
		var qr mat.QR
		var upper mat.Dense
		qr.Factorize(turned.T())
		qr.RTo(&upper)
		out = mat.DenseCopyOf(upper.T())
	}
	for j := range q {
		if out.At(j, j) < 0 {
			for i := range q {
				out.Set(i, j, -out.At(i, j))
			}
		}
		for i := range q {
			if i < j || !f.data.random.free[i][j] {
				out.Set(i, j, 0)
			}
		}
	}
	return out
}

// flatShare is the standard deviation, in those of the residuals, below which a combination of random effects counts as not
// varying: lme4's.
const flatShare = 1e-4

// flatCombinations counts, in the correlated part of columns first to last-1, the orthogonal combinations that are estimated
// not to vary.
func (f *RandomFit) flatCombinations(first, last int) int {
	q := f.data.q()
	block := mat.NewDense(last-first, last-first, nil)
	for i := first; i < last; i++ {
		for j := first; j <= i; j++ {
			block.Set(i-first, j-first, f.best.factor[i*q+j])
		}
	}
	var svd mat.SVD
	if !svd.Factorize(block, mat.SVDNone) {
		return 0
	}
	count := 0
	for _, value := range svd.Values(nil) {
		if value < flatShare {
			count++
		}
	}
	return count
}

// singularNotes say which variances are estimated as zero, and which correlated parts have a singular covariance beyond that.
func (f *RandomFit) singularNotes(v RandomVariances) []string {
	var notes []string
	unit := f.data.unturned()
	none := make([]bool, len(v.SD))
	for i, sd := range v.SD {
		if none[i] = sd < flatShare*v.Sigma*unit.At(i, i); none[i] {
			notes = append(notes, "the variance of "+v.Names[i]+" is estimated as zero: the data do not show that groups differ in it")
		}
	}
	for first := 0; first < len(v.SD); {
		last, zero := first, 0
		for last < len(v.SD) && f.data.random.firstOf(last) == first {
			if none[last] {
				zero++
			}
			last++
		}
		if last-first > 1 && f.flatCombinations(first, last) > zero {
			notes = append(notes, singularNote(v, first, last, none))
		}
		first = last
	}
	return notes
}

// singularNote is of the columns first to last-1, those of no variance left out.
func singularNote(v RandomVariances, first, last int, none []bool) string {
	var names []string
	places := []int{}
	for i := first; i < last; i++ {
		if !none[i] {
			names, places = append(names, v.Names[i]), append(places, i)
		}
	}
	if len(names) == 2 {
		sign := "1"
		if v.Correlation[places[0]][places[1]].Value < 0 {
			sign = "-1"
		}
		return "the covariance of the random effects is singular: the correlation of " + names[0] + " and " + names[1] + " is estimated as " + sign +
			", so that one of the two is known from the other; a simpler random part may do"
	}
	return "the covariance of the random effects " + list(names) + " is singular: a combination of them is estimated not to vary between groups; a simpler random part may do"
}

func list(names []string) string {
	out := ""
	for i, name := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			out += " and "
		default:
			out += ", "
		}
		out += name
	}
	return out
}

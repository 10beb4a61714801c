package mixed

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
	"afterglow/internal/stats/formula"
)

// groups are the cross-products of every group, in an orthonormal basis of the fixed columns, with the random
// columns orthogonal and of mean square 1 (orthogonalise) and the response as least squares leaves it, in units of its spread.
type groups struct {
	response string
	names    []string // of the fixed coefficients
	group    []string // the groups' names, in order of appearance
	count    []int    // rows of each group
	index    []int    // row -> group
	kept     []int    // row -> row of the frame
	rows     int
	random   randomEffects
	turn     *mat.TriDense // of the random columns: raw = orthogonal times turn
	rotation *mat.Dense    // internal = orthogonal times rotation; nil where they are the same

	basis  [][]float64 // the orthonormal fixed columns
	z      [][]float64 // the random columns, internal
	r      *mat.TriDense
	unit   float64
	offset []float64 // least squares in the basis, raw scale

	a, b []float64 // a group's Z'Z (q x q) and Z'[X y] (q x m), one after another
	c    []float64 // [X y]'[X y], m x m
}

func (g *groups) q() int { return len(g.random.columns) }
func (g *groups) m() int { return len(g.names) + 1 }

func newGroups(f formula.Formula, design formula.Design, random randomEffects, levels map[string][]string, frame formula.Frame) (*groups, error) {
	joint := formula.Design{Columns: slices.Concat(design.Columns, random.columns)}
	if _, ok := frame.Texts[random.group]; !ok {
		return nil, stats.Errorf(stats.BadInput, random.group, "no such grouping column")
	}
	if _, ok := frame.Numbers[f.Response]; !ok {
		return nil, stats.Errorf(stats.BadInput, f.Response, "the response is not a column of numbers")
	}
	matrix, err := frame.Evaluate(joint, levels, f.Response, random.group)
	if err != nil {
		return nil, err
	}
	used := map[string][]string{}
	for _, c := range joint.Columns {
		for _, a := range c.Factors {
			if a.Indicator() {
				used[a.Column] = levels[a.Column]
			}
		}
	}
	if matrix.N() > 0 {
		if err := frame.CheckLevels(joint, used, matrix.Rows); err != nil {
			return nil, err
		}
	}
	g := &groups{response: f.Response, names: matrix.Names[:len(design.Columns)], kept: matrix.Rows, rows: matrix.N(), random: random}
	if err := g.number(frame.Texts[random.group]); err != nil {
		return nil, err
	}
	columns := make([][]float64, matrix.P())
	for j := range columns {
		columns[j] = make([]float64, g.rows)
		for i := range g.rows {
			columns[j][i] = matrix.X[i*matrix.P()+j]
		}
	}
	g.z = columns[len(g.names):]
	if err := g.orthogonalise(matrix.Names[len(g.names):]); err != nil {
		return nil, err
	}
	g.basis = columns[:len(g.names)]
	if g.r, err = basis.Columns(g.names, g.basis); err != nil {
		return nil, err
	}
	y := make([]float64, g.rows)
	for i, row := range g.kept {
		y[i] = frame.Numbers[f.Response][row].Value
	}
	if err := g.reduce(y); err != nil {
		return nil, err
	}
	g.crossProducts(y)
	return g, nil
}

func (g *groups) number(names []string) error {
	if g.rows <= len(g.names) {
		return stats.Errorf(stats.TooFew, "rows", "%d complete rows are too few for %d coefficients", g.rows, len(g.names))
	}
	place := map[string]int{}
	g.index = make([]int, g.rows)
	for i, row := range g.kept {
		at, known := place[names[row]]
		if !known {
			at = len(g.group)
			place[names[row]] = at
			g.group = append(g.group, names[row])
			g.count = append(g.count, 0)
		}
		g.index[i] = at
		g.count[at]++
	}
	if len(g.group) < 2 {
		return stats.Errorf(stats.TooFew, g.random.group, "there is a single group; variation between groups needs at least two")
	}
	if slices.Max(g.count) == 1 {
		return stats.Errorf(stats.TooFew, g.random.group, "no group has more than one row, so variation between and within groups cannot be told apart")
	}
	return nil
}

func (g *groups) reduce(y []float64) error {
	if !finite(y...) {
		return stats.Errorf(stats.NotFinite, g.response, "holds a value that is not a finite number")
	}
	total := basis.Norm(y)
	for range 2 {
		for c, x := range g.basis {
			h := basis.Dot(x, y)
			if len(g.offset) == c {
				g.offset = append(g.offset, 0)
			}
			g.offset[c] += h
			basis.Add(y, -h, x)
		}
	}
	left := basis.Norm(y)
	if !(left > 1e-10*total) {
		return stats.Errorf(stats.Constant, g.response, "has no variation left after fitting the fixed effects")
	}
	g.unit = left / math.Sqrt(float64(g.rows-len(g.names)))
	for i := range y {
		y[i] /= g.unit
	}
	return nil
}

func (g *groups) crossProducts(y []float64) {
	q, m := g.q(), g.m()
	g.a, g.b, g.c = make([]float64, len(g.group)*q*q), make([]float64, len(g.group)*q*m), make([]float64, m*m)
	row := make([]float64, m)
	for i, at := range g.index {
		for c, x := range g.basis {
			row[c] = x[i]
		}
		row[m-1] = y[i]
		for j := range m {
			for k := range m {
				g.c[j*m+k] += row[j] * row[k]
			}
		}
		a, b := g.a[at*q*q:(at+1)*q*q], g.b[at*q*m:(at+1)*q*m]
		for j := range q {
			for k := range q {
				a[j*q+k] += g.z[j][i] * g.z[k][i]
			}
			for k := range m {
				b[j*m+k] += g.z[j][i] * row[k]
			}
		}
	}
}

// start is a Cholesky factor with variances as large as the residual's, and half the spread as residual variance.
func (g *groups) start() []float64 {
	var theta []float64
	for i, row := range g.random.free {
		for j, free := range row {
			if !free {
				continue
			}
			if i == j {
				theta = append(theta, 1/math.Sqrt(float64(g.q())))
			} else {
				theta = append(theta, 0)
			}
		}
	}
	return append(theta, math.Log(0.5))
}

package mixed

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
)

// Bounds below which a column counts as a combination of earlier ones: in the coordinates of x alone,
// and in the data (squared, relative to the column's own size).
const (
	structuralTolerance = 1e-10
	collinearTolerance  = 1e-10
	// emptyShare is the share of a visit's patients below which an arm has none: rounding is about 1e-15.
	emptyShare = 1e-11
)

// problem is the likelihood's view of design and sums: coefficients in an orthonormal basis Q of K's
// columns, responses shifted and scaled, patterns with at least one visit.
//
// With x = B (scaled x), K~ = (I (x) B') K = Q R, a coefficient vector b of K has R b in the basis Q.
// The step keeps digits where a covariate lies far from zero.
type problem struct {
	visits       int
	columns      int
	q            *mat.Dense    // visits*columns by coefficients
	r            *mat.TriDense // K~ = Q R
	cohort       cohort
	near         []float64 // the b at which the cohort is asked; nil is 0
	totals       totals
	responseUnit float64 // a residual of 1 here is this much in the raw scale
	offset       []float64
	unshift      float64 // what of the response's shift is undone in the sums, in units of responseUnit
	reml         bool
	restsOnModel []string // notes of empty cells
}

// newProblem checks what can be estimated and names what cannot.
func newProblem(d *Design, s *Sums, reml bool) (*problem, error) {
	p := &problem{visits: len(s.Visits), columns: len(s.Columns), responseUnit: s.ResponseScale, reml: reml, totals: d.totals(s), restsOnModel: d.restsOnModel(s)}
	if p.totals.subjects == 0 {
		return nil, stats.Errorf(stats.TooFew, d.Response, "no observation")
	}
	if err := checkVisits(s); err != nil {
		return nil, err
	}
	if err := p.totals.carry(d, reml); err != nil {
		return nil, err
	}
	if err := p.setBasis(d, s); err != nil {
		return nil, err
	}
	p.cohort = p.hold(s)
	return p, p.checkCollinear(d, s)
}

// hold takes the patterns with at least one visit into the problem's basis and scale.
func (p *problem) hold(s *Sums) *held {
	_, coefficients := p.q.Dims()
	h := &held{visits: p.visits, columns: p.columns, coefficients: coefficients, q: p.q.RawMatrix().Data}
	p.unshift = p.setOffset(s)
	for _, pattern := range s.Patterns {
		if pattern.Observed != 0 {
			h.patterns = append(h.patterns, p.unpack(pattern, s, p.unshift))
		}
	}
	return h
}

// setBasis takes K into the coordinates of the scaled columns and factors it.
func (p *problem) setBasis(d *Design, s *Sums) error {
	rows, coefficients := d.k.Dims()
	scaled := mat.NewDense(rows, coefficients, nil)
	for v := range p.visits {
		for c := range coefficients {
			constant := d.k.At(v*p.columns, c)
			for j := 1; j < p.columns; j++ {
				k := d.k.At(v*p.columns+j, c)
				constant += s.Shift[j] * k
				scaled.Set(v*p.columns+j, c, s.Scale[j]*k)
			}
			scaled.Set(v*p.columns, c, constant)
		}
	}
	p.q, p.r = mat.NewDense(rows, coefficients, nil), mat.NewTriDense(coefficients, mat.Upper, nil)
	for c := range coefficients {
		column := mat.Col(nil, c, scaled)
		size := norm(column)
		for range 2 { // the second pass removes what rounding left
			for e := range c {
				along := 0.0
				for i, x := range column {
					along += x * p.q.At(i, e)
				}
				p.r.SetTri(e, c, p.r.At(e, c)+along)
				for i := range column {
					column[i] -= along * p.q.At(i, e)
				}
			}
		}
		left := norm(column)
		if !(left > structuralTolerance*size) || !finite(size) {
			return d.collinear(s, c)
		}
		p.r.SetTri(c, c, left)
		for i, x := range column {
			p.q.Set(i, c, x/left)
		}
	}
	return nil
}

// setOffset finds the coefficients that produce the response's shift. Where the model holds no constant
// the shift is undone in the sums instead; it returns the shift, in scaled units, still to be undone.
func (p *problem) setOffset(s *Sums) float64 {
	_, coefficients := p.q.Dims()
	p.offset = make([]float64, coefficients)
	missing := float64(p.visits)
	for c := range p.offset {
		for v := range p.visits {
			p.offset[c] += p.q.At(v*p.columns, c)
		}
		missing -= p.offset[c] * p.offset[c]
	}
	if missing > 1e-10*float64(p.visits) {
		for c := range p.offset {
			p.offset[c] = 0
		}
		return s.ResponseShift / s.ResponseScale
	}
	for c := range p.offset {
		p.offset[c] *= s.ResponseShift
	}
	return 0
}

// unpack gives a pattern's sums over its visits; add moves the response back to its own origin.
func (p *problem) unpack(from Pattern, s *Sums, add float64) patternSums {
	c := p.columns
	out := patternSums{visits: visitsOf(from.Observed), n: from.Weight(), a: make([]float64, c*c)}
	at := 0
	for i := range c {
		for j := i; j < c; j++ {
			out.a[i*c+j], out.a[j*c+i] = from.XX[at], from.XX[at]
			at++
		}
	}
	o := len(out.visits)
	out.b, out.c = make([]float64, o*c), make([]float64, o*o)
	total := func(v int) float64 { return from.XY[v] } // the intercept's row
	for k, v := range out.visits {
		for i := range c {
			out.b[k*c+i] = from.XY[i*p.visits+v] + add*out.a[i]
		}
		for l := k; l < o; l++ {
			w := out.visits[l]
			cross := from.YY[v*p.visits-v*(v-1)/2+w-v]
			out.c[k*o+l] = cross + add*(total(v)+total(w)) + add*add*out.n
			out.c[l*o+k] = out.c[k*o+l]
		}
	}
	return out
}

// checkVisits names a visit without an observation.
func checkVisits(s *Sums) error {
	seen := uint64(0)
	for _, p := range s.Patterns {
		seen |= p.Observed
	}
	for v, visit := range s.Visits {
		if seen>>v&1 == 0 {
			return stats.Errorf(stats.EmptyCell, visit, "no patient was observed at this visit")
		}
	}
	return nil
}

// checkCollinear factors X'X in the basis, column by column in the order of the coefficients, and names
// the first that adds nothing in the data; an arm without an observation at a visit is named as such.
func (p *problem) checkCollinear(d *Design, s *Sums) error {
	e := p.evaluate(identity(p.visits))
	m := e.m
	if m == nil {
		return stats.Errorf(stats.NotFinite, d.Response, "the cross-products are not defined")
	}
	n := m.SymmetricDim()
	l := mat.NewDense(n, n, nil)
	for i := range n {
		for j := 0; j <= i; j++ {
			sum := m.At(i, j)
			for k := range j {
				sum -= l.At(i, k) * l.At(j, k)
			}
			if j < i {
				l.Set(i, j, sum/l.At(j, j))
				continue
			}
			if !(sum > collinearTolerance*m.At(i, i)) || !(m.At(i, i) > collinearTolerance*p.totals.rows*collinearTolerance) {
				return d.collinear(s, i)
			}
			l.Set(i, i, math.Sqrt(sum))
		}
	}
	return nil
}

// collinear says why a coefficient cannot be estimated: a cell without observations, a covariate with a
// single value, or else a combination of earlier columns.
func (d *Design) collinear(s *Sums, coefficient int) error {
	if err := d.emptyCell(s); err != nil {
		return err
	}
	for _, a := range d.fixed[coefficient].Factors {
		j := d.indexOf(columnName([]formula.Atom{a}, ""))
		if j < 1 || !s.constant(j) {
			continue
		}
		if a.Indicator() {
			return stats.Errorf(stats.OneLevel, a.Column+" "+a.Level, "all analysed patients have this level, or none has")
		}
		return stats.Errorf(stats.OneLevel, a.Column, "a single value in all analysed patients")
	}
	return stats.Errorf(stats.Collinear, d.Coefficients[coefficient], "the column is a linear combination of earlier columns in the analysed data")
}

// constant tells whether column j of x does not vary over the analysed patients.
func (s *Sums) constant(j int) bool {
	n, sum, square, k := 0.0, 0.0, 0.0, len(s.Columns)
	for _, p := range s.Patterns {
		if p.Observed != 0 {
			n += p.Weight()
			sum += p.XX[j]
			square += p.XX[j*k-j*(j-1)/2]
		}
	}
	return square-sum*sum/n <= 1e-12*square
}

// emptyCells lists arms, with a visit each, of whom no patient was observed at it: all of them, arms outermost.
func (d *Design) emptyCells(s *Sums) (arms, visits []string) {
	m := d.Model
	if m.Arm == "" {
		return nil, nil
	}
	empty := map[[2]int]bool{}
	for v := range m.Visits {
		weight := func(observed uint64) float64 { return float64(observed >> v & 1) }
		all := s.columnTotal(0, weight)
		rest := all
		for i := len(m.Factors[m.Arm]) - 1; i >= 0; i-- {
			n := rest
			if i > 0 {
				j := d.indexOf(m.Arm + m.Factors[m.Arm][i])
				if j < 0 { // the arm changes from visit to visit
					return nil, nil
				}
				n = s.columnTotal(j, weight)
				rest -= n
			}
			empty[[2]int{i, v}] = math.Abs(n) < emptyShare*all
		}
	}
	for i, arm := range m.Factors[m.Arm] {
		for v, visit := range m.Visits {
			if empty[[2]int{i, v}] {
				arms, visits = append(arms, arm), append(visits, visit)
			}
		}
	}
	return arms, visits
}

// emptyCell is the failure of a model that needs an arm at a visit at which nobody of it was observed.
func (d *Design) emptyCell(s *Sums) error {
	arms, visits := d.emptyCells(s)
	if len(arms) == 0 {
		return nil
	}
	m := d.Model
	return stats.Errorf(stats.EmptyCell, m.Arm+" "+arms[0]+", "+m.Visit+" "+visits[0], "no patient of this arm was observed at this visit")
}

// restsOnModel notes the means of arms at visits at which nobody of the arm was observed.
func (d *Design) restsOnModel(s *Sums) []string {
	var notes []string
	arms, visits := d.emptyCells(s)
	for i := range arms {
		notes = append(notes, fmt.Sprintf("no patient of %s %s was observed at %s %s: the model's mean there, and what is compared with it, "+
			"depends only on the other arms and visits and on the form of the model", d.Model.Arm, arms[i], d.Model.Visit, visits[i]))
	}
	return notes
}

// indexOf finds a column of x by name, -1 where it is not there.
func (d *Design) indexOf(name string) int {
	for j, c := range d.Columns {
		if c.Name == name {
			return j
		}
	}
	return -1
}

func norm(x []float64) float64 { return mat.Norm(mat.NewVecDense(len(x), x), 2) }

// Package gee fits marginal models to correlated responses by generalised estimating equations. Floor: ground.
// It must not read the working correlation as the truth: inference rests on the sandwich covariance.
package gee

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
	"afterglow/internal/stats/glm"
)

// Structure names a working correlation: what two rows of a cluster are taken to share.
type Structure string

const (
	// Independence is no correlation.
	Independence Structure = "independence"
	// Exchangeable is one alpha for every pair.
	Exchangeable Structure = "exchangeable"
	// AR1 is alpha to the power of the distance between the waves' places (Data.Wave).
	AR1 Structure = "ar1"
	// Unstructured is an alpha of its own for every pair of waves.
	Unstructured Structure = "unstructured"
)

// Data are rows of clusters; Wave numbers a row's place in time from 0, so a missing wave keeps its place.
type Data struct {
	Names    []string
	X        []float64
	Response string
	Y        []float64
	Cluster  []int
	Wave     []int
}

// Fit is a fitted model. Robust is the sandwich covariance, without a factor for small samples; Naive trusts the working
// correlation.
type Fit struct {
	Beta          []float64
	Robust, Naive *mat.SymDense
	// Alpha are the correlation's parameters: none, one, or one for each pair of waves (0 1, 0 2, ..., 1 2, ...).
	Alpha      []float64
	Scale      float64
	Clusters   int
	Largest    int // rows of the largest cluster
	Iterations int
}

type state struct {
	data      Data
	family    glm.Family
	structure Structure
	basis     *basis.Basis
	rows      [][]int // of each cluster, by wave
	waves     int
	mean      []float64
	slope     []float64
	sd        []float64 // root of the variance function
	alpha     []float64
	scale     float64
}

const maxIterations = 500

// New solves the estimating equations of Liang & Zeger (1986, Biometrika 73:13): coefficients by Gauss-Newton steps,
// between them the scale as the mean squared Pearson residual and the correlation by least squares of the residuals'
// products over all pairs within clusters. See docs/methods/gee.md.
func New(family glm.Family, structure Structure, data Data) (*Fit, error) {
	if family != glm.Logit && family != glm.Gaussian {
		return nil, stats.Errorf(stats.BadInput, "family", "no family %q here; there are logit and gaussian", family)
	}
	if !slices.Contains([]Structure{Independence, Exchangeable, AR1, Unstructured}, structure) {
		return nil, stats.Errorf(stats.BadInput, "corstr", "no structure %q; there are independence, exchangeable, ar1 and unstructured", structure)
	}
	if err := data.check(); err != nil {
		return nil, err
	}
	start, err := glm.New(family, glm.Data{Names: data.Names, X: data.X, Response: data.Response, Y: data.Y})
	if err != nil {
		return nil, err
	}
	n := len(data.Y)
	s := &state{data: data, family: family, structure: structure, mean: make([]float64, n), slope: make([]float64, n), sd: make([]float64, n)}
	if s.basis, err = basis.Of(data.Names, data.X, n); err != nil {
		return nil, err
	}
	if err := s.gather(); err != nil {
		return nil, err
	}
	// the start in the basis: q = R beta
	q := make([]float64, s.basis.P)
	for i := range q {
		for j := i; j < s.basis.P; j++ {
			q[i] += s.basis.R.At(i, j) * start.Beta[j]
		}
	}
	for iteration := 1; iteration <= maxIterations; iteration++ {
		s.predict(q)
		if err := s.moments(); err != nil {
			return nil, err
		}
		score, bread, meat, err := s.sums()
		if err != nil {
			return nil, err
		}
		var chol mat.Cholesky
		var step mat.VecDense
		if !chol.Factorize(bread) || chol.SolveVecTo(&step, score) != nil {
			return nil, stats.Errorf(stats.Collinear, "columns", "cannot be told apart under the working correlation")
		}
		change := math.Sqrt(mat.Dot(&step, &step) / (1 + basis.Dot(q, q)))
		if change < 1e-14 || iteration > 50 && change < 1e-12 {
			return s.finish(q, &chol, meat, iteration)
		}
		basis.Add(q, 1, step.RawVector().Data)
	}
	return nil, stats.Errorf(stats.NotConverged, "corstr", "the equations did not settle in %d rounds; a simpler working correlation may", maxIterations)
}

// check refuses shapes that do not fit together.
func (d Data) check() error {
	n := len(d.Y)
	if len(d.X) != n*len(d.Names) || len(d.Cluster) != n || len(d.Wave) != n {
		return stats.Errorf(stats.BadInput, "columns", "have different lengths")
	}
	for i := range n {
		if d.Cluster[i] < 0 {
			return stats.Errorf(stats.BadInput, "subject", "row %d has a number that belongs to no cluster", i+1)
		}
		if d.Wave[i] < 0 {
			return stats.Errorf(stats.BadInput, "wave", "row %d has a wave before the first", i+1)
		}
	}
	return nil
}

func (s *state) gather() error {
	place := map[int]int{}
	for i, c := range s.data.Cluster {
		at, known := place[c]
		if !known {
			at = len(s.rows)
			place[c] = at
			s.rows = append(s.rows, nil)
		}
		s.rows[at] = append(s.rows[at], i)
		s.waves = max(s.waves, s.data.Wave[i]+1)
	}
	for _, rows := range s.rows {
		slices.SortStableFunc(rows, func(a, b int) int { return s.data.Wave[a] - s.data.Wave[b] })
		for k := 1; k < len(rows); k++ {
			if s.structure != Independence && s.structure != Exchangeable && s.data.Wave[rows[k]] == s.data.Wave[rows[k-1]] {
				return stats.Errorf(stats.BadInput, "wave", "a cluster has two rows at one wave, row %d and row %d", rows[k-1]+1, rows[k]+1)
			}
		}
	}
	if len(s.rows) <= s.basis.P {
		return stats.Errorf(stats.TooFew, "subject", "%d clusters are too few for the sandwich covariance of %d coefficients", len(s.rows), s.basis.P)
	}
	return nil
}

func (s *state) predict(q []float64) {
	for i := range s.mean {
		mean, slope, variance := s.family.Mean(basis.Dot(s.basis.Row(i), q))
		s.mean[i], s.slope[i], s.sd[i] = mean, slope, math.Sqrt(variance)
	}
}

func (s *state) pearson(i int) float64 { return (s.data.Y[i] - s.mean[i]) / s.sd[i] }

// pairNumber is the place of waves a < b among the parameters of an unstructured correlation.
func (s *state) pairNumber(a, b int) int { return a*s.waves - a*(a+1)/2 + b - a - 1 }

func (s *state) moments() error {
	s.scale = 0
	for i := range s.mean {
		r := s.pearson(i)
		s.scale += r * r / float64(len(s.mean))
	}
	if !(s.scale > 0) || math.IsInf(s.scale, 0) {
		return stats.Errorf(stats.Constant, s.data.Response, "has no variation left after fitting the columns")
	}
	switch s.structure {
	case Exchangeable:
		sum, pairs := 0.0, 0.0
		s.eachPair(func(_, _ int, product float64) { sum, pairs = sum+product, pairs+1 })
		if pairs == 0 {
			return stats.Errorf(stats.TooFew, "subject", "no cluster has two rows, so there is no correlation to estimate")
		}
		s.alpha = []float64{sum / pairs}
	case Unstructured:
		sums, pairs := make([]float64, s.waves*(s.waves-1)/2), make([]float64, s.waves*(s.waves-1)/2)
		s.eachPair(func(a, b int, product float64) {
			sums[s.pairNumber(a, b)] += product
			pairs[s.pairNumber(a, b)]++
		})
		for k := range sums {
			if pairs[k] == 0 {
				return stats.Errorf(stats.EmptyCell, "wave", "no cluster has both waves of one pair; take a structure with fewer parameters")
			}
			sums[k] /= pairs[k]
		}
		s.alpha = sums
	case AR1:
		return s.lagOne()
	}
	return nil
}

// eachPair visits the pairs of rows of every cluster with their waves and the product of their residuals over the scale.
func (s *state) eachPair(visit func(a, b int, product float64)) {
	for _, rows := range s.rows {
		for k, i := range rows {
			for _, j := range rows[k+1:] {
				visit(s.data.Wave[i], s.data.Wave[j], s.pearson(i)*s.pearson(j)/s.scale)
			}
		}
	}
}

// lagOne solves sum d alpha^(d-1) (product - alpha^d) = 0 over pairs at distance d, the least squares equation.
func (s *state) lagOne() error {
	sums, pairs := make([]float64, s.waves), make([]float64, s.waves)
	s.eachPair(func(a, b int, product float64) {
		sums[b-a] += product
		pairs[b-a]++
	})
	value := func(alpha float64) (u, slope float64) {
		for d := 1; d < s.waves; d++ {
			if pairs[d] == 0 {
				continue
			}
			n := float64(d)
			power := math.Pow(alpha, n-1)
			rest := sums[d] - pairs[d]*power*alpha
			u += n * power * rest
			slope -= n * n * power * power * pairs[d]
		}
		return u, slope
	}
	alpha := 0.0
	if pairs[1] > 0 {
		alpha = sums[1] / pairs[1]
	} else {
		alpha = 0.5
	}
	alpha = math.Max(-0.95, math.Min(0.95, alpha))
	change := math.Inf(1)
	for range 200 {
		u, slope := value(alpha)
		if slope == 0 {
			return stats.Errorf(stats.TooFew, "subject", "no cluster has two rows, so there is no correlation to estimate")
		}
		next := math.Max(-0.999, math.Min(0.999, alpha-u/slope))
		change, alpha = math.Abs(next-alpha), next
		if change < 1e-15 {
			break
		}
	}
	if change > 1e-9 || math.Abs(alpha) >= 0.999 {
		return stats.Errorf(stats.NotConverged, "corstr", "the correlation of neighbouring waves has no estimate between -1 and 1; a simpler structure may")
	}
	s.alpha = []float64{alpha}
	return nil
}

// correlation is that of two rows of a cluster at waves a <= b.
func (s *state) correlation(a, b int) float64 {
	switch s.structure {
	case Exchangeable:
		return s.alpha[0]
	case AR1:
		return math.Pow(s.alpha[0], float64(b-a))
	case Unstructured:
		return s.alpha[s.pairNumber(a, b)]
	}
	return 0
}

// sums are the score sum D'V^-1 (y - mu), the bread sum D'V^-1 D, and the meat: the squares of the clusters' scores.
func (s *state) sums() (*mat.VecDense, *mat.SymDense, *mat.SymDense, error) {
	p := s.basis.P
	score, bread, meat := mat.NewVecDense(p, nil), mat.NewSymDense(p, nil), mat.NewSymDense(p, nil)
	for _, rows := range s.rows {
		m := len(rows)
		r := mat.NewSymDense(m, nil)
		for k, i := range rows {
			for l, j := range rows[:k+1] {
				c := 1.0
				if k != l {
					c = s.correlation(s.data.Wave[j], s.data.Wave[i])
				}
				r.SetSym(k, l, c)
			}
		}
		var chol mat.Cholesky
		if !chol.Factorize(r) {
			return nil, nil, nil, stats.Errorf(stats.NotConverged, "corstr", "the estimated working correlation is not positive definite; a simpler structure may be")
		}
		d, residual := mat.NewDense(m, p, nil), mat.NewVecDense(m, nil)
		for k, i := range rows {
			for j, x := range s.basis.Row(i) {
				d.Set(k, j, x*s.slope[i]/s.sd[i])
			}
			residual.SetVec(k, s.pearson(i))
		}
		var solved mat.Dense
		if err := chol.SolveTo(&solved, d); err != nil {
			return nil, nil, nil, stats.Errorf(stats.NotConverged, "corstr", "the estimated working correlation is nearly singular")
		}
		var own mat.VecDense
		own.MulVec(solved.T(), residual)
		own.ScaleVec(1/s.scale, &own)
		score.AddVec(score, &own)
		meat.SymRankOne(meat, 1, &own)
		var product mat.Dense
		product.Mul(d.T(), &solved)
		for i := range p {
			for j := range i + 1 {
				bread.SetSym(i, j, bread.At(i, j)+product.At(i, j)/s.scale)
			}
		}
	}
	return score, bread, meat, nil
}

func (s *state) finish(q []float64, bread *mat.Cholesky, meat *mat.SymDense, iterations int) (*Fit, error) {
	inverse := mat.NewSymDense(s.basis.P, nil)
	if err := bread.InverseTo(inverse); err != nil {
		return nil, stats.Errorf(stats.Collinear, "columns", "cannot be told apart under the working correlation")
	}
	var half, whole mat.Dense
	half.Mul(inverse, meat)
	whole.Mul(&half, inverse)
	f := &Fit{Beta: s.basis.Coefficients(q), Naive: s.basis.Covariance(inverse), Robust: s.basis.Covariance(basis.Symmetric(&whole)),
		Alpha: s.alpha, Scale: s.scale, Iterations: iterations}
	f.Clusters = len(s.rows)
	for _, rows := range s.rows {
		f.Largest = max(f.Largest, len(rows))
	}
	return f, nil
}

package glm

import (
	"math"
	"runtime"
	"sync"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// Data is what a model is fitted to: X holds the rows one after another.
type Data struct {
	Names    []string
	X        []float64
	Response string
	Y        []float64
	// Weights are prior weights; nil means 1.
	Weights []float64
}

// Fit is a fitted model. Covariance is the inverse of the expected information, for the normal distribution times the
// residual variance over n - p.
type Fit struct {
	Family     Family
	Beta       []float64
	Covariance *mat.SymDense
	Eta        []float64
	LogLik     float64
	Iterations int

	data  Data
	basis *basis.Basis
	q     []float64
	at    point
}

const (
	maxIterations = 60
	// separatedEta is a linear predictor at which a probability is 0 or 1 but for 1e-7.
	separatedEta = 16
)

// New fits by Newton's method on the expected information (Fisher scoring), to rounding level, in an orthonormal basis of
// the columns.
func New(family Family, data Data) (*Fit, error) {
	n := len(data.Y)
	if err := family.Check(data.Response, data.Y); err != nil {
		return nil, err
	}
	b, err := basis.Of(data.Names, data.X, n)
	if err != nil {
		return nil, err
	}
	f := &Fit{Family: family, data: data, basis: b}
	if err := f.climb(nil, make([]float64, b.P)); err != nil {
		return nil, err
	}
	f.Beta = b.Coefficients(f.q)
	inverse := mat.NewSymDense(b.P, nil)
	if err := f.at.chol.InverseTo(inverse); err != nil {
		return nil, stats.Errorf(stats.Collinear, "columns", "cannot be told apart under the fitted weights")
	}
	f.Covariance = b.Covariance(inverse)
	f.LogLik = f.at.logLik
	f.Eta = make([]float64, n)
	for i := range f.Eta {
		f.Eta[i] = basis.Dot(b.Row(i), f.q)
	}
	if family == Gaussian {
		rss := -2 * f.at.logLik
		f.Covariance.ScaleSym(rss/float64(n-b.P), f.Covariance)
		f.LogLik = -float64(n) / 2 * (math.Log(2*math.Pi*rss/float64(n)) + 1)
	}
	return f, nil
}

// point is the likelihood with its derivatives in the basis.
type point struct {
	logLik float64
	score  []float64
	info   *mat.SymDense
	chol   mat.Cholesky
	maxEta float64
}

// chunkOfRows is how many rows one worker sums at a time; chunks, not workers, set the order of addition.
const chunkOfRows = 8192

func (f *Fit) evaluate(q []float64) point {
	n, p := f.basis.N, f.basis.P
	chunks := (n + chunkOfRows - 1) / chunkOfRows
	parts := make([]point, chunks)
	infos := make([][]float64, chunks)
	work := make(chan int)
	var workers sync.WaitGroup
	for range min(chunks, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for c := range work {
				parts[c], infos[c] = f.sum(q, c*chunkOfRows, min((c+1)*chunkOfRows, n))
			}
		})
	}
	for c := range chunks {
		work <- c
	}
	close(work)
	workers.Wait()
	out := point{score: make([]float64, p), info: mat.NewSymDense(p, nil)}
	total := make([]float64, p*p)
	for c, part := range parts {
		out.logLik += part.logLik
		out.maxEta = math.Max(out.maxEta, part.maxEta)
		basis.Add(out.score, 1, part.score)
		basis.Add(total, 1, infos[c])
	}
	for i := range p {
		for j := range i + 1 {
			out.info.SetSym(i, j, total[i*p+j])
		}
	}
	return out
}

func (f *Fit) sum(q []float64, from, to int) (point, []float64) {
	p := f.basis.P
	out := point{score: make([]float64, p)}
	info := make([]float64, p*p)
	for i := from; i < to; i++ {
		row := f.basis.Row(i)
		eta := basis.Dot(row, q)
		out.maxEta = math.Max(out.maxEta, math.Abs(eta))
		mean, slope, variance := f.Family.Mean(eta)
		w := 1.0
		if f.data.Weights != nil {
			w = f.data.Weights[i]
		}
		out.logLik += w * f.Family.logLik(f.data.Y[i], eta)
		ratio := 1.0
		if f.Family == CLogLog {
			ratio = 0
			if variance > 0 {
				ratio = slope / variance
			}
		}
		residual, weight := w*ratio*(f.data.Y[i]-mean), w*ratio*slope
		for j, x := range row {
			out.score[j] += residual * x
			xw := x * weight
			to := info[j*p : j*p+j+1]
			for k := range to {
				to[k] += xw * row[k]
			}
		}
	}
	return out, info
}

// climb maximises the likelihood plus tilt'q from a start, and leaves q and the point there.
func (f *Fit) climb(tilt, start []float64) error {
	q := start
	at := f.evaluate(q)
	objective := func(p point, q []float64) float64 {
		if tilt == nil {
			return p.logLik
		}
		return p.logLik + basis.Dot(tilt, q)
	}
	last := math.Inf(1)
	for iteration := 1; iteration <= maxIterations; iteration++ {
		f.Iterations = iteration
		score := mat.NewVecDense(len(q), append([]float64(nil), at.score...))
		if tilt != nil {
			basis.Add(score.RawVector().Data, 1, tilt)
		}
		var step mat.VecDense
		if !at.chol.Factorize(at.info) || at.chol.SolveVecTo(&step, score) != nil {
			return f.runaway(q, at)
		}
		decrement := mat.Dot(score, &step)
		if decrement < 1e-22 || decrement < 1e-12 && decrement >= last/4 {
			f.q, f.at = q, at
			return nil
		}
		last = decrement
		next, size := at, 1.0
		for range 30 {
			moved := append([]float64(nil), q...)
			basis.Add(moved, size, step.RawVector().Data)
			next = f.evaluate(moved)
			if value := objective(next, moved); !math.IsNaN(value) && value >= objective(at, q)-1e-12*(1+math.Abs(at.logLik)) {
				q = moved
				break
			}
			size /= 2
		}
		at = next
		if f.Family.Binary() && tilt == nil && at.maxEta > separatedEta && iteration > 20 {
			return f.runaway(q, at)
		}
	}
	return f.runaway(q, at)
}

// runaway names what did not converge: the column that contributes most to the largest linear predictor.
func (f *Fit) runaway(q []float64, at point) error {
	if !f.Family.Binary() || at.maxEta < separatedEta {
		return stats.Errorf(stats.NotConverged, f.data.Response, "no optimum after %d iterations", f.Iterations)
	}
	beta := f.basis.Coefficients(q)
	worst, most := "", 0.0
	for j, name := range f.data.Names {
		low, high := math.Inf(1), math.Inf(-1)
		for i := range f.basis.N {
			x := f.data.X[i*f.basis.P+j] * beta[j]
			low, high = math.Min(low, x), math.Max(high, x)
		}
		if high-low > most {
			worst, most = name, high-low
		}
	}
	return stats.Errorf(stats.Separation, worst, "separates rows with %s = 1 from rows with 0, alone or together with other columns: its coefficient has no finite estimate", f.data.Response)
}

// SE is the standard error of coefficient j.
func (f *Fit) SE(j int) float64 { return math.Sqrt(f.Covariance.At(j, j)) }

// Fitted is the fitted mean of row i.
func (f *Fit) Fitted(i int) float64 {
	mean, _, _ := f.Family.Mean(f.Eta[i])
	return mean
}

// HC0 is the sandwich covariance A^-1 (sum s s') A^-1 with A the expected information and s a row's score (White 1982,
// Econometrica 50:1).
func (f *Fit) HC0() *mat.SymDense {
	p := f.basis.P
	meat := mat.NewSymDense(p, nil)
	for i := range f.basis.N {
		mean, slope, variance := f.Family.Mean(f.Eta[i])
		s := (f.data.Y[i] - mean)
		if f.Family == CLogLog {
			s *= slope / variance
		}
		if f.data.Weights != nil {
			s *= f.data.Weights[i]
		}
		meat.SymRankOne(meat, s*s, mat.NewVecDense(p, f.basis.Row(i)))
	}
	inverse := mat.NewSymDense(p, nil)
	if err := f.at.chol.InverseTo(inverse); err != nil {
		return inverse
	}
	var half, whole mat.Dense
	half.Mul(inverse, meat)
	whole.Mul(&half, inverse)
	return f.basis.Covariance(basis.Symmetric(&whole))
}

// Profile gives the profile likelihood interval of coefficient j (Venzon & Moolgavkar 1988, Applied Statistics 37:87):
// the points where twice the log-likelihood, maximised over the others, is a chi-square quantile below its top. They are
// found along the path that maximises the likelihood plus lambda times the coefficient. A side without an end is undefined.
func (f *Fit) Profile(j int, level float64) (lower, upper stats.Number) {
	z := stats.NormalQuantile(0.5 + level/2)
	c := f.basis.Direction(j)
	side := func(sign float64) stats.Number {
		probe := *f
		start := f.q
		drop := func(lambda float64) (float64, bool) {
			tilt := make([]float64, len(c))
			basis.Add(tilt, sign*lambda, c)
			if probe.climb(tilt, start) != nil {
				return 0, false
			}
			start = probe.q
			return 2 * (f.LogLik - probe.at.logLik), true
		}
		// lambda is the slope of the profile; the root of the drop is near linear in it
		lambda := z / f.SE(j)
		low, high, lowRoot, highRoot := 0.0, math.Inf(1), 0.0, math.Inf(1)
		for range 60 {
			d, ok := drop(lambda)
			root := math.Sqrt(math.Max(d, 0))
			if ok && math.Abs(root-z) < 1e-9 {
				return stats.Of(basis.Dot(c, probe.q))
			}
			if ok && root < z {
				low, lowRoot = lambda, root
			} else {
				high, highRoot = lambda, root
				if !ok {
					highRoot = math.Inf(1)
					start = f.q
				}
			}
			switch {
			case math.IsInf(high, 1):
				lambda *= math.Min(2, 1.05*z/math.Max(lowRoot, z/4))
			case math.IsInf(highRoot, 1):
				lambda = (low + high) / 2
			default:
				lambda = low + (high-low)*(z-lowRoot)/(highRoot-lowRoot)
			}
		}
		return stats.Number{}
	}
	return side(-1), side(1)
}

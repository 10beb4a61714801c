package decay

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// curve is a decay in its parameters: the value at a time with first and second derivatives.
type curve interface {
	names() []string
	at(theta []float64, t float64) (value float64, gradient []float64, hessian *mat.SymDense)
	// start gives parameters for a rate k and the linear coefficients (of exp(-k t), and of 1 where the curve has an
	// asymptote).
	start(k float64, linear []float64) []float64
}

// exponential is b0 exp(-k t), with an asymptote added where it has one.
type exponential struct{ asymptote bool }

func (e exponential) names() []string {
	if e.asymptote {
		return []string{"b0", "k", "asymptote"}
	}
	return []string{"b0", "k"}
}

func (e exponential) at(theta []float64, t float64) (float64, []float64, *mat.SymDense) {
	b, f := theta[0], math.Exp(-theta[1]*t)
	p := len(e.names())
	gradient, hessian := make([]float64, p), mat.NewSymDense(p, nil)
	gradient[0], gradient[1] = f, -b*t*f
	hessian.SetSym(0, 1, -t*f)
	hessian.SetSym(1, 1, b*t*t*f)
	value := b * f
	if e.asymptote {
		value += theta[2]
		gradient[2] = 1
	}
	return value, gradient, hessian
}

func (e exponential) start(k float64, linear []float64) []float64 {
	out := []float64{linear[0], k}
	if e.asymptote {
		out = append(out, linear[1])
	}
	return out
}

// halving is b0 + b1 2^(-t/th).
type halving struct{}

func (halving) names() []string { return []string{"b0", "b1", "th"} }

func (halving) at(theta []float64, t float64) (float64, []float64, *mat.SymDense) {
	b, th := theta[1], theta[2]
	f := math.Exp2(-t / th)
	slope := f * math.Ln2 * t / (th * th)
	hessian := mat.NewSymDense(3, nil)
	hessian.SetSym(1, 2, slope)
	hessian.SetSym(2, 2, b*slope*(math.Ln2*t/(th*th)-2/th))
	return theta[0] + b*f, []float64{1, f, b * slope}, hessian
}

func (halving) start(k float64, linear []float64) []float64 {
	return []float64{linear[1], linear[0], math.Ln2 / k}
}

// data are times and values with the inverse covariance matrix of the values (identity where nothing is known).
type data struct {
	t, y []float64
	w    *mat.SymDense
	// apart says that w is diagonal: sums are then single.
	apart bool
}

// independent are data without a covariance between values; nil errors mean one variance for all.
func independent(t, y, se []float64) data {
	w := mat.NewSymDense(len(t), nil)
	for i := range t {
		w.SetSym(i, i, 1)
		if se != nil {
			w.SetSym(i, i, 1/(se[i]*se[i]))
		}
	}
	return data{t: t, y: y, w: w, apart: true}
}

// eachPair visits the elements of w that are not 0.
func (d data) eachPair(visit func(i, j int, w float64)) {
	for i := range d.t {
		if d.apart {
			visit(i, i, d.w.At(i, i))
			continue
		}
		for j := range d.t {
			if w := d.w.At(i, j); w != 0 {
				visit(i, j, w)
			}
		}
	}
}

// size is y'Wy.
func (d data) size() float64 {
	sum := 0.0
	d.eachPair(func(i, j int, w float64) { sum += w * d.y[i] * d.y[j] })
	return sum
}

// fall is the objective r'Wr with half its gradient, half its Hessian, and J'WJ.
type fall struct {
	rss      float64
	gradient []float64
	hessian  *mat.SymDense
	normal   *mat.SymDense
	fitted   []float64
	jacobian *mat.Dense
}

func evaluate(c curve, d data, theta []float64) fall {
	n, p := len(d.t), len(theta)
	f := fall{gradient: make([]float64, p), hessian: mat.NewSymDense(p, nil), normal: mat.NewSymDense(p, nil), jacobian: mat.NewDense(n, p, nil)}
	residual, seconds := make([]float64, n), make([]*mat.SymDense, n)
	for i, t := range d.t {
		value, gradient, second := c.at(theta, t)
		f.fitted = append(f.fitted, value)
		residual[i], seconds[i] = d.y[i]-value, second
		f.jacobian.SetRow(i, gradient)
	}
	d.eachPair(func(i, j int, w float64) {
		f.rss += w * residual[i] * residual[j]
		for a := range p {
			f.gradient[a] -= w * f.jacobian.At(i, a) * residual[j]
			for b := range a + 1 {
				f.normal.SetSym(a, b, f.normal.At(a, b)+w*f.jacobian.At(i, a)*f.jacobian.At(j, b))
				f.hessian.SetSym(a, b, f.hessian.At(a, b)-w*seconds[i].At(a, b)*residual[j])
			}
		}
	})
	f.hessian.AddSym(f.hessian, f.normal)
	return f
}

// minimise runs Newton steps from theta, with held fixed where it is a parameter's place (-1: none), to rounding level.
func minimise(c curve, d data, theta []float64, held int) ([]float64, fall, error) {
	var free []int
	for a := range theta {
		if a != held {
			free = append(free, a)
		}
	}
	best := evaluate(c, d, theta)
	last := math.Inf(1)
	rounding := 1e-30 * d.size() // what residuals lose by being differences
	iterations := 500
	if held >= 0 {
		iterations = 100 // a profile starts beside its neighbour
	}
	for range iterations {
		if !finite(best) {
			break
		}
		step, decrement := newton(best, free, theta)
		if decrement <= 1e-26*best.rss || decrement <= math.Max(1e-13*best.rss, rounding) && decrement >= last/4 {
			return theta, best, nil
		}
		last = decrement
		size, moved := 1.0, theta
		next, accepted := best, false
		for range 60 {
			moved = append([]float64(nil), theta...)
			for k, a := range free {
				moved[a] += size * step[k]
			}
			next = evaluate(c, d, moved)
			if accepted = finite(next) && next.rss <= best.rss*(1+1e-14); accepted {
				break
			}
			size /= 2
		}
		if !accepted {
			break
		}
		theta, best = moved, next
	}
	return theta, best, stats.Errorf(stats.NotConverged, "k", "no least squares optimum was found: the values may not decay at all")
}

func finite(f fall) bool {
	sum := f.rss
	for _, g := range f.gradient {
		sum += g
	}
	for _, h := range f.hessian.RawSymmetric().Data {
		sum += h
	}
	return stats.Finite(sum)
}

// newton is the step on the exact Hessian in units of each parameter's size, negative eigenvalues turned round, with the
// fall of the objective that it promises.
func newton(f fall, free []int, theta []float64) ([]float64, float64) {
	n := len(free)
	unit := make([]float64, n)
	for k, a := range free {
		unit[k] = 1 / math.Sqrt(math.Max(f.normal.At(a, a), 1e-300))
	}
	scaled, gradient := mat.NewSymDense(n, nil), make([]float64, n)
	for k, a := range free {
		gradient[k] = f.gradient[a] * unit[k]
		for l, b := range free[:k+1] {
			scaled.SetSym(k, l, f.hessian.At(a, b)*unit[k]*unit[l])
		}
	}
	step := make([]float64, n)
	var eigen mat.EigenSym
	if !eigen.Factorize(scaled, true) {
		return step, 0
	}
	values := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	largest := math.Max(math.Abs(values[0]), math.Abs(values[n-1]))
	decrement := 0.0
	for k, value := range values {
		along := 0.0
		for i, g := range gradient {
			along += g * vectors.At(i, k)
		}
		curvature := math.Max(math.Abs(value), 1e-13*largest)
		decrement += along * along / curvature
		for i := range step {
			step[i] -= along / curvature * vectors.At(i, k)
		}
	}
	for k := range step {
		step[k] *= unit[k]
	}
	return step, decrement
}

// halfLives are half-lives to try: even steps on the log scale from a twentieth of the smallest gap between times to a
// hundred spans; nil where all times are the same.
func halfLives(t []float64, steps int) []float64 {
	times := slices.Clone(t)
	slices.Sort(times)
	times = slices.Compact(times)
	if len(times) < 2 {
		return nil
	}
	span, gap := times[len(times)-1]-times[0], math.Inf(1)
	for i := 1; i < len(times); i++ {
		gap = math.Min(gap, times[i]-times[i-1])
	}
	low, high := math.Log(math.Max(gap/20, span*1e-6)), math.Log(100*span)
	var out []float64
	for i := range steps + 1 {
		out = append(out, math.Exp(low+(high-low)*float64(i)/float64(steps)))
	}
	return out
}

// begin searches the rate on a grid of half-lives, growth among them, the linear part by least squares at each.
func begin(c curve, d data, asymptote bool) ([]float64, error) {
	lives := halfLives(d.t, 120)
	if lives == nil {
		return nil, stats.Errorf(stats.OneLevel, "t", "all times are the same")
	}
	best, least := []float64(nil), math.Inf(1)
	for _, life := range lives {
		rate := math.Ln2 / life
		for _, k := range []float64{rate, -rate} {
			if k < 0 && asymptote {
				continue // an asymptote is approached, not left
			}
			columns := 1
			if asymptote {
				columns = 2
			}
			normal, right := mat.NewSymDense(columns, nil), mat.NewVecDense(columns, nil)
			row := func(i int) []float64 { return []float64{math.Exp(-k * d.t[i]), 1}[:columns] }
			d.eachPair(func(i, j int, w float64) {
				for a, x := range row(i) {
					right.SetVec(a, right.AtVec(a)+w*x*d.y[j])
					for b := range a + 1 {
						normal.SetSym(a, b, normal.At(a, b)+w*x*row(j)[b])
					}
				}
			})
			var chol mat.Cholesky
			var linear mat.VecDense
			if !chol.Factorize(normal) || chol.SolveVecTo(&linear, right) != nil {
				continue
			}
			theta := c.start(k, linear.RawVector().Data)
			if f := evaluate(c, d, theta); f.rss < least {
				best, least = theta, f.rss
			}
		}
	}
	if best == nil {
		return nil, stats.Errorf(stats.NotFinite, "y", "no start was found: the values are too large or not finite")
	}
	return best, nil
}

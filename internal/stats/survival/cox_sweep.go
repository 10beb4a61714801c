package survival

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// coxPoint is the partial log-likelihood with its derivatives.
type coxPoint struct {
	logLik float64
	score  []float64
	info   *mat.SymDense
}

// terms says how a tie's events are taken: in so many steps, at the k-th of which the share k/steps of the members' risk is
// off, each with this weight. Efron's method takes a step an event, with the mean weight of the members; Breslow's one in all.
func (f *CoxFit) terms(t *tie) (steps int, weight float64) {
	if f.ties == Breslow || t.deaths == 1 {
		return 1, t.weight
	}
	return t.deaths, t.weight / float64(t.deaths)
}

// evaluate gives the point at beta. The second moments of the risk sets are never formed: a row is in the risk sets of all
// event times that it passes, so that their sum is that of x x' by the row's risk times the baseline hazard it passed.
func (f *CoxFit) evaluate(beta []float64) coxPoint {
	o, p := f.data, f.data.p
	if f.risk == nil {
		f.risk, f.hazard = make([]float64, o.n), make([]float64, o.n)
	}
	o.risks(beta, f.risk)
	out := coxPoint{score: make([]float64, p), info: mat.NewSymDense(p, nil)}
	means := make([]float64, p*p)
	for s := 0; s+1 < len(o.bounds); s++ {
		f.sweep(o.bounds[s], o.bounds[s+1], beta, &out, means)
	}
	for j, squares := 0, f.squares(); j < p; j++ {
		for k := range j + 1 {
			out.info.SetSym(j, k, squares[j*p+k]-means[j*p+k])
		}
	}
	return out
}

// passed is an event time on the way: rows before `to` end then or later.
type passed struct {
	to     int
	hazard float64
}

// farFromOne is when a product of risks is taken to its logarithm; one more factor must not overflow.
const farFromOne = 1e100

// sweep goes through a stratum from the last time to the first, adds to the likelihood, the score and the products of the
// means of the risk sets, and leaves every row's passed hazard.
func (f *CoxFit) sweep(begin, end int, beta []float64, out *coxPoint, means []float64) {
	p := f.data.p
	mean := make([]float64, p)
	var times []passed
	t := &tie{s1: make([]float64, p), d1: make([]float64, p), dx: make([]float64, p), risk: f.risk}
	clear(f.hazard[begin:end])
	f.data.walkStratum(t, begin, end, func(t *tie) {
		steps, weight := f.terms(t)
		hazard, shared, product := 0.0, 0.0, 1.0
		for k := range steps {
			off := float64(k) / float64(steps)
			s0 := t.s0 - off*t.d0
			if product *= s0; product > farFromOne || product < 1/farFromOne {
				out.logLik -= weight * math.Log(product)
				product = 1
			}
			hazard += weight / s0
			shared += weight * off / s0
			for j := range mean {
				m := (t.s1[j] - off*t.d1[j]) / s0
				mean[j] = m
				m *= weight
				out.score[j] -= m
				for i, other := range mean[:j+1] {
					means[j*p+i] += m * other
				}
			}
		}
		out.logLik -= weight * math.Log(product)
		for j, x := range t.dx {
			out.logLik += beta[j] * x
			out.score[j] += x
		}
		times = append(times, passed{t.to, hazard})
		if shared > 0 {
			for m := t.from; m < t.to; m++ {
				if f.data.event[m] {
					f.hazard[m] = -shared
				}
			}
		}
	})
	f.pass(begin, end, times)
}

// pass adds the hazard between a row's start and its stop.
func (f *CoxFit) pass(begin, end int, times []passed) {
	o := f.data
	sum, entry := 0.0, end-1
	enter := func(before float64) {
		for ; entry >= begin && o.start[o.entry[entry]] < before; entry-- {
			f.hazard[o.entry[entry]] -= sum
		}
	}
	for k := len(times) - 1; k >= 0; k-- {
		first := begin
		if k > 0 {
			first = times[k-1].to
		}
		if o.start != nil {
			enter(o.stop[times[k].to-1])
		}
		sum += times[k].hazard
		for i := first; i < times[k].to; i++ {
			f.hazard[i] += sum
		}
	}
	if o.start != nil {
		enter(math.Inf(1))
	}
}

// squares is the lower triangle of the sum over rows of risk times passed hazard times x x'.
func (f *CoxFit) squares() []float64 {
	o, p := f.data, f.data.p
	parts := make([]float64, stats.Chunks(o.n, rowsOfChunk)*p*p)
	stats.SpreadRows(o.n, rowsOfChunk, func(c, from, to int) {
		sum := parts[c*p*p : (c+1)*p*p]
		for i := from; i < to; i++ {
			w := f.risk[i] * f.hazard[i]
			if w == 0 {
				continue
			}
			row := o.x[i*p : i*p+p]
			for j, x := range row {
				x *= w
				for k, other := range row[:j+1] {
					sum[j*p+k] += x * other
				}
			}
		}
	})
	for at := p * p; at < len(parts); at += p * p {
		for k := range p * p {
			parts[k] += parts[at+k]
		}
	}
	return parts[:p*p]
}

// risks fills exp(x'beta) times the weight of every row.
func (o *ordered) risks(beta, risk []float64) {
	p := o.p
	stats.SpreadRows(o.n, rowsOfChunk, func(_, from, to int) {
		for i := from; i < to; i++ {
			eta := 0.0
			for j, x := range o.x[i*p : i*p+p] {
				eta += x * beta[j]
			}
			risk[i] = math.Exp(eta)
			if o.weight != nil {
				risk[i] *= o.weight[i]
			}
		}
	})
}

// rowsOfChunk is how many rows one worker takes at a time; chunks, not workers, set the order of addition.
const rowsOfChunk = 16384

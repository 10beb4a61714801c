package survival

import (
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// FitDiscreteIntervals is FitDiscreteHazard where an event is known to lie in (Lower, Upper], which may span several
// intervals: a visit was missed. A subject's likelihood is exp(-e^xb H(a)) - exp(-e^xb H(b)), H the sum of exp(intercept) over
// the intervals up to the last cut at or before Lower and to the first at or after Upper (Finkelstein 1986, Biometrics
// 42:845); one whose Upper lies beyond the last cut is censored at Lower. Names and X are covariates by row, counts are taken
// from the rows. Standard errors come from the observed information. See docs/methods/discrete-hazard.md.
func FitDiscreteIntervals(times []Censored, names []string, x []float64, cuts []float64, level float64) (DiscreteHazard, error) {
	out := DiscreteHazard{}
	if err := stats.CheckLevel(level); err != nil {
		return out, err
	}
	if err := checkCuts(cuts); err != nil {
		return out, err
	}
	if len(x) != len(times)*len(names) {
		return out, stats.Errorf(stats.BadInput, "rows", "times and covariates differ in length")
	}
	times, err := (&Turnbull{Level: "rows"}).count(times)
	if err != nil {
		return out, err
	}
	f, err := newGrouped(tiedIntervals(times, cuts), names, x, cuts, &out)
	if err != nil {
		return out, err
	}
	covariance, err := f.climb()
	if err != nil {
		return out, err
	}
	for j, name := range f.names {
		e := stats.ZEstimate(f.beta[j], math.Sqrt(covariance.At(j, j)), level)
		out.Coefficients = append(out.Coefficients, DiscreteCoefficient{name, e.Estimate, e.SE, e.Statistic, e.PValue, exp(e.Estimate), exp(e.Lower), exp(e.Upper)})
	}
	out.LogLik, out.Deviance = stats.Of(f.logLik), stats.Of(-2*f.logLik)
	out.AIC = stats.Of(-2*f.logLik + 2*float64(len(f.names)))
	return out, nil
}

// grouped is the problem: subjects followed through the first a intervals, with the event in one of those up to the b-th, or
// censored after a (b = a). Coefficients are the intervals' and those of centred and scaled covariates.
type grouped struct {
	names       []string
	intervals   int
	a, b        []int
	count, x    []float64
	mean, scale []float64
	theta, beta []float64
	logLik      float64
}

func newGrouped(times []Censored, names []string, x, cuts []float64, out *DiscreteHazard) (*grouped, error) {
	f := &grouped{intervals: len(cuts) - 1, x: slices.Clone(x)}
	for k := range f.intervals {
		f.names = append(f.names, "interval"+strconv.Itoa(k+1))
	}
	f.names = append(f.names, names...)
	if err := f.standardise(names); err != nil {
		return nil, err
	}
	out.AtRisk, out.Events = make([]int, f.intervals), make([]int, f.intervals)
	covered, used := make([]bool, f.intervals), make([]bool, f.intervals+1)
	for _, c := range times {
		a, b := within(c, cuts)
		n := max(c.Count, 1)
		f.a, f.b, f.count = append(f.a, a), append(f.b, b), append(f.count, float64(n))
		used[a], used[b] = true, true
		switch {
		case b == 0:
			out.NWithoutPeriod += n
		default:
			out.NSubjects += n
		}
		for k := range b {
			out.AtRisk[k] += n
			out.NPersonPeriods += n
			covered[k] = covered[k] || k >= a
		}
		switch {
		case b == a+1:
			out.Events[a] += n
		case b > a:
			out.NSpanning += n
		}
	}
	for k := range f.intervals {
		switch {
		case out.AtRisk[k] == 0:
			return nil, stats.Errorf(stats.EmptyCell, f.names[k], "nobody was followed into the interval from %g to %g", cuts[k], cuts[k+1])
		case !covered[k]:
			return nil, stats.Errorf(stats.NoEvents, f.names[k], "no event can lie between %g and %g; join it with a neighbour", cuts[k], cuts[k+1])
		case k > 0 && !used[k]:
			return nil, stats.Errorf(stats.Collinear, f.names[k], "nothing tells it from the interval before: no subject's interval ends or begins at %g", cuts[k])
		}
	}
	return f, nil
}

// tiedIntervals puts ends that equal a cut but for rounding at the cut.
func tiedIntervals(times []Censored, cuts []float64) []Censored {
	lower, upper := make([]float64, len(times)), make([]float64, len(times))
	for i, c := range times {
		lower[i], upper[i] = c.Lower, c.Upper
	}
	width := tolerance(lower, upper, cuts)
	out := slices.Clone(times)
	for i := range out {
		out[i].Lower, out[i].Upper = tiedTo(lower[i], cuts, width), tiedTo(upper[i], cuts, width)
	}
	return out
}

// within is the number of intervals that a subject was seen through, and of those by whose end it had the event; they are
// equal where it was not seen to have it.
func within(c Censored, cuts []float64) (a, b int) {
	last := len(cuts) - 1
	for a < last && cuts[a+1] <= c.Lower {
		a++
	}
	if c.Lower == c.Upper && a > 0 && cuts[a] == c.Lower {
		a-- // an event at a cut ends the interval before it
	}
	if c.Upper > cuts[last] || c.Upper <= cuts[0] {
		return a, a
	}
	b = a + 1
	for cuts[b] < c.Upper {
		b++
	}
	return a, b
}

func (f *grouped) standardise(names []string) error {
	p := len(names)
	f.mean, f.scale = make([]float64, p), make([]float64, p)
	if p == 0 {
		return nil
	}
	n := len(f.x) / p
	for j, name := range names {
		for i := range n {
			v := f.x[i*p+j]
			if !stats.Finite(v) {
				return stats.Errorf(stats.NotFinite, name, "row %d is not a finite number", i+1)
			}
			f.mean[j] += v / float64(n)
		}
		for i := range n {
			f.scale[j] = math.Hypot(f.scale[j], (f.x[i*p+j]-f.mean[j])/math.Sqrt(float64(n)))
		}
		if !(f.scale[j] < 1/tiniest) {
			return stats.Errorf(stats.NotFinite, name, "its spread is beyond the range in which squares are numbers")
		}
		if !(f.scale[j] > 1e-12*math.Abs(f.mean[j]) && f.scale[j] > tiniest) {
			return stats.Errorf(stats.OneLevel, name, "has the same value in all rows")
		}
		for i := range n {
			f.x[i*p+j] = (f.x[i*p+j] - f.mean[j]) / f.scale[j]
		}
	}
	return nil
}

// evaluate gives the log-likelihood with its derivatives; info is minus the second.
func (f *grouped) evaluate(theta []float64) coxPoint {
	q, m := len(theta), f.intervals
	p := q - m
	out := coxPoint{score: make([]float64, q)}
	info := make([]float64, q*q)
	z, event := make([]float64, q), make([]float64, q)
	for i := range f.a {
		a, b, count := f.a[i], f.b[i], f.count[i]
		row := f.x[i*p : i*p+p]
		eta := 0.0
		for j, v := range row {
			eta += v * theta[m+j]
		}
		before, during := 0.0, 0.0
		for k := range b {
			if c := math.Exp(theta[k] + eta); k < a {
				before += c
			} else {
				during += c
			}
		}
		out.logLik -= count * before
		odds := 0.0 // of the event outside: 1/(e^D - 1)
		if b > a {
			out.logLik += count * math.Log(-math.Expm1(-during))
			odds = 1 / math.Expm1(during)
		}
		clear(event)
		for k := range b {
			c := math.Exp(theta[k] + eta)
			w := -c
			if k >= a {
				w = odds * c
				event[k] = c
			}
			clear(z[:m])
			z[k] = 1
			copy(z[m:], row)
			addRow(out.score, info, z, count*w, k, m)
		}
		for j, v := range row {
			event[m+j] = during * v
		}
		if b > a {
			bend := count * odds * (1 + odds)
			for j := a; j < q; j++ {
				for k := a; k <= j && event[j] != 0; k++ {
					info[j*q+k] += bend * event[j] * event[k]
				}
			}
		}
	}
	out.info = mat.NewSymDense(q, nil)
	for j := range q {
		for k := range j + 1 {
			out.info.SetSym(j, k, info[j*q+k])
		}
	}
	return out
}

// addRow adds w z to the score and takes w z z' off the information; z is 1 at k and 0 at the other intervals.
func addRow(score, info, z []float64, w float64, k, intervals int) {
	q := len(z)
	score[k] += w
	info[k*q+k] -= w
	for j := intervals; j < q; j++ {
		score[j] += w * z[j]
		info[j*q+k] -= w * z[j]
		for l := intervals; l <= j; l++ {
			info[j*q+l] -= w * z[j] * z[l]
		}
	}
}

// climb maximises by Newton's method, ridged where the information is not positive, and gives the covariance.
func (f *grouped) climb() (*mat.SymDense, error) {
	q, m := len(f.names), f.intervals
	theta := make([]float64, q)
	events, periods := 0.0, 0.0
	for i := range f.a {
		periods += f.count[i] * float64(f.b[i])
		if f.b[i] > f.a[i] {
			events += f.count[i]
		}
	}
	for k := range m {
		theta[k] = math.Log(math.Min(0.9, events/periods))
	}
	at := f.evaluate(theta)
	null, last := at.info, math.Inf(1)
	for range 200 {
		step, decrement, ok := newtonStep(at)
		if !ok {
			return nil, f.runaway(theta)
		}
		if decrement < 1e-20 || decrement < 1e-12 && decrement >= last/4 {
			return f.finish(theta, at, null)
		}
		last = decrement
		size, moved := 1.0, slices.Clone(theta)
		for range 40 {
			for j := range q {
				moved[j] = theta[j] + size*step.AtVec(j)
			}
			if next := f.evaluate(moved); next.logLik >= at.logLik-1e-12*math.Abs(at.logLik) {
				theta, at = moved, next
				break
			}
			size /= 2
		}
	}
	return nil, f.runaway(theta)
}

// newtonStep solves for Newton's step, with as much ridge as the information needs to be positive.
func newtonStep(at coxPoint) (*mat.VecDense, float64, bool) {
	q := len(at.score)
	score := mat.NewVecDense(q, at.score)
	largest := 0.0
	for j := range q {
		largest = math.Max(largest, math.Abs(at.info.At(j, j)))
	}
	for ridge := 0.0; ridge <= 10; ridge = math.Max(1e-6, 10*ridge) {
		m := mat.NewSymDense(q, nil)
		m.CopySym(at.info)
		for j := range q {
			m.SetSym(j, j, m.At(j, j)+ridge*largest)
		}
		var chol mat.Cholesky
		var step mat.VecDense
		if chol.Factorize(m) && chol.SolveVecTo(&step, score) == nil {
			return &step, mat.Dot(score, &step), true
		}
	}
	return nil, 0, false
}

// finish takes coefficients and covariance back to the columns as they were given.
func (f *grouped) finish(theta []float64, at coxPoint, null *mat.SymDense) (*mat.SymDense, error) {
	q, m := len(theta), f.intervals
	covariance := mat.NewSymDense(q, nil)
	var chol mat.Cholesky
	if !chol.Factorize(at.info) || chol.InverseTo(covariance) != nil {
		return nil, f.runaway(theta)
	}
	for j := m; j < q; j++ {
		if at.info.At(j, j) < flatShare*null.At(j, j) {
			return nil, stats.Errorf(stats.Separation, f.names[j], "the hazard ratio runs to 0 or infinity")
		}
	}
	for k := range m {
		if at.info.At(k, k) < flatShare*null.At(k, k) {
			return nil, f.runaway(theta)
		}
	}
	back := mat.NewDense(q, q, nil)
	for k := range q {
		back.Set(k, k, 1)
		if k >= m {
			back.Set(k, k, 1/f.scale[k-m])
			continue
		}
		for j := range q - m {
			back.Set(k, m+j, -f.mean[j]/f.scale[j])
		}
	}
	var beta mat.VecDense
	beta.MulVec(back, mat.NewVecDense(q, theta))
	var half, whole mat.Dense
	half.Mul(back, covariance)
	whole.Mul(&half, back.T())
	for j := range q {
		for k := range j + 1 {
			covariance.SetSym(j, k, (whole.At(j, k)+whole.At(k, j))/2)
		}
	}
	f.theta, f.beta, f.logLik = theta, beta.RawVector().Data, at.logLik
	return covariance, nil
}

func (f *grouped) runaway(theta []float64) error {
	worst := 0
	for j := range theta {
		if math.Abs(theta[j]) > math.Abs(theta[worst]) {
			worst = j
		}
	}
	if worst < f.intervals && theta[worst] > 0 {
		return stats.Errorf(stats.Separation, f.names[worst], "its hazard runs to 1: nobody is known to be without the event at its end; leave it out or join it")
	}
	if worst < f.intervals {
		return stats.Errorf(stats.NoEvents, f.names[worst], "its hazard runs to 0: the events may all lie in neighbouring intervals; join it with one")
	}
	return stats.Errorf(stats.NotConverged, f.names[worst], "no maximum of the likelihood was found")
}

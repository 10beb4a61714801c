package survival

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// Ties says how events at the same time are taken.
type Ties string

const (
	// Efron shares the risk of tied events (Efron 1977, JASA 72:557).
	Efron Ties = "efron"
	// Breslow leaves all tied events at risk (Breslow 1974, Biometrics 30:89).
	Breslow Ties = "breslow"
)

// CoxFit is a fitted Cox model.
type CoxFit struct {
	Beta    []float64
	VCov    *mat.SymDense
	LogLik  float64
	NullLik float64
	Score   float64 // the score test's chi-square
	Robust  *mat.SymDense

	spells Spells
	data   *ordered
	ties   Ties
	beta   []float64     // standardised
	vcov   *mat.SymDense // standardised
}

// FitCox maximises the partial likelihood (Cox 1972, JRSS B 34:187) by Newton's method to rounding level, covariates
// centred and scaled. Rows may start late (start, stop], be stratified, and clustered: then a sandwich covariance with
// score residuals summed within clusters stands beside the usual one (Lin & Wei 1989, JASA 84:1074). See docs/methods/cox.md.
func FitCox(spells Spells, ties Ties) (*CoxFit, error) {
	if ties != Efron && ties != Breslow {
		return nil, stats.Errorf(stats.BadInput, "ties", "no method %q; there are efron and breslow", ties)
	}
	data, err := order(spells)
	if err != nil {
		return nil, err
	}
	f := &CoxFit{spells: spells, data: data, ties: ties}
	if err := f.climb(); err != nil {
		return nil, err
	}
	p := data.p
	f.Beta, f.VCov = make([]float64, p), f.raw(f.vcov)
	for j := range p {
		f.Beta[j] = f.beta[j] / data.scale[j]
	}
	if spells.Cluster != nil {
		f.robust()
	}
	return f, nil
}

func (f *CoxFit) raw(m *mat.SymDense) *mat.SymDense {
	out := mat.NewSymDense(f.data.p, nil)
	for i := range f.data.p {
		for j := range i + 1 {
			out.SetSym(i, j, m.At(i, j)/(f.data.scale[i]*f.data.scale[j]))
		}
	}
	return out
}

// coxPoint is the partial log-likelihood with its derivatives.
type coxPoint struct {
	logLik float64
	score  []float64
	info   *mat.SymDense
}

// steps visits the terms of a tie: at share w of the members' risk taken off, with weight 1 for each of the deaths under
// Efron's method, or once with weight deaths under Breslow's.
func (f *CoxFit) steps(t *tie, visit func(w, weight float64)) {
	if f.ties == Breslow || t.deaths == 1 {
		visit(0, float64(t.deaths))
		return
	}
	for k := range t.deaths {
		visit(float64(k)/float64(t.deaths), 1)
	}
}

func (f *CoxFit) evaluate(beta []float64) coxPoint {
	p := f.data.p
	out := coxPoint{score: make([]float64, p), info: mat.NewSymDense(p, nil)}
	info := make([]float64, p*p)
	mean := make([]float64, p)
	f.data.walk(beta, true, func(t *tie) {
		for j := range p {
			out.logLik += beta[j] * t.dx[j]
			out.score[j] += t.dx[j]
		}
		f.steps(t, func(w, weight float64) {
			s0 := t.s0 - w*t.d0
			out.logLik -= weight * math.Log(s0)
			for j := range p {
				mean[j] = (t.s1[j] - w*t.d1[j]) / s0
				out.score[j] -= weight * mean[j]
				for k := range j + 1 {
					info[j*p+k] += weight * ((t.s2[j*p+k]-w*t.d2[j*p+k])/s0 - mean[j]*mean[k])
				}
			}
		})
	})
	for j := range p {
		for k := range j + 1 {
			out.info.SetSym(j, k, info[j*p+k])
		}
	}
	return out
}

// separatedLog is how far, in standard deviations of its column times its coefficient, an estimate may lie before it is
// taken as running away.
const separatedLog = 15

func (f *CoxFit) climb() error {
	p := f.data.p
	beta := make([]float64, p)
	at := f.evaluate(beta)
	f.NullLik = at.logLik
	if err := f.collinear(at.info); err != nil {
		return err
	}
	last := math.Inf(1)
	for iteration := range 100 {
		var chol mat.Cholesky
		var step mat.VecDense
		score := mat.NewVecDense(p, at.score)
		if !chol.Factorize(at.info) || chol.SolveVecTo(&step, score) != nil {
			return f.runaway(beta)
		}
		decrement := mat.Dot(score, &step)
		if iteration == 0 {
			f.Score = decrement
		}
		if decrement < 1e-22 || decrement < 1e-12 && decrement >= last/4 {
			f.beta, f.LogLik, f.vcov = beta, at.logLik, mat.NewSymDense(p, nil)
			if chol.InverseTo(f.vcov) != nil {
				return f.runaway(beta)
			}
			return nil
		}
		last = decrement
		size := 1.0
		moved := make([]float64, p)
		for range 30 {
			for j := range p {
				moved[j] = beta[j] + size*step.AtVec(j)
			}
			next := f.evaluate(moved)
			if !math.IsNaN(next.logLik) && next.logLik >= at.logLik-1e-12*math.Abs(at.logLik) {
				beta, at = moved, next
				break
			}
			size /= 2
		}
		for j := range p {
			if iteration > 8 && math.Abs(beta[j]) > separatedLog {
				return f.runaway(beta)
			}
		}
	}
	return f.runaway(beta)
}

// collinear names a covariate that earlier ones make up within the risk sets, from the information at 0.
func (f *CoxFit) collinear(info *mat.SymDense) error {
	p := f.data.p
	l := mat.NewDense(p, p, nil)
	for j := range p {
		left := info.At(j, j)
		for k := range j {
			value := info.At(j, k)
			for m := range k {
				value -= l.At(j, m) * l.At(k, m)
			}
			l.Set(j, k, value/l.At(k, k))
			left -= l.At(j, k) * l.At(j, k)
		}
		if !(info.At(j, j) > 1e-12*float64(f.data.events)) {
			return stats.Errorf(stats.OneLevel, f.spells.Names[j], "does not vary among those at risk when events happen")
		}
		if !(left > 1e-12*info.At(j, j)) {
			return stats.Errorf(stats.Collinear, f.spells.Names[j], "is a combination of the covariates before it among those at risk")
		}
		l.Set(j, j, math.Sqrt(left))
	}
	return nil
}

func (f *CoxFit) runaway(beta []float64) error {
	worst := 0
	for j := range beta {
		if math.Abs(beta[j]) > math.Abs(beta[worst]) {
			worst = j
		}
	}
	if math.Abs(beta[worst]) > separatedLog/3 {
		return stats.Errorf(stats.Separation, f.spells.Names[worst], "the hazard ratio runs to 0 or infinity: some of its values never, or always, have the event first")
	}
	return stats.Errorf(stats.NotConverged, f.spells.Names[worst], "no maximum of the partial likelihood was found")
}

// increments are, by event time (walked from the last to the first), what a row at risk loses in its score residual:
// hazard = sum weight/s0 and mean = sum weight mean/s0; for the members of the tie the sums with the factor 1 - w.
type increments struct {
	time                      []float64
	hazard, memberHazard      []float64
	mean, memberMean, centred [][]float64
	of                        map[int][2]int // stratum -> range of the times
}

func (f *CoxFit) increments(beta []float64) increments {
	p := f.data.p
	out := increments{of: map[int][2]int{}}
	f.data.walk(beta, false, func(t *tie) {
		hazard, member := 0.0, 0.0
		mean, memberMean, centred := make([]float64, p), make([]float64, p), make([]float64, p)
		f.steps(t, func(w, weight float64) {
			s0 := t.s0 - w*t.d0
			hazard += weight / s0
			member += weight * (1 - w) / s0
			for j := range p {
				m := (t.s1[j] - w*t.d1[j]) / s0
				mean[j] += weight * m / s0
				memberMean[j] += weight * (1 - w) * m / s0
				centred[j] += weight * m / float64(t.deaths)
			}
		})
		if at, seen := out.of[t.stratum]; seen {
			out.of[t.stratum] = [2]int{at[0], len(out.time) + 1}
		} else {
			out.of[t.stratum] = [2]int{len(out.time), len(out.time) + 1}
		}
		out.time = append(out.time, t.time)
		out.hazard, out.memberHazard = append(out.hazard, hazard), append(out.memberHazard, member)
		out.mean, out.memberMean, out.centred = append(out.mean, mean), append(out.memberMean, memberMean), append(out.centred, centred)
	})
	return out
}

// robust fills the sandwich covariance from score residuals summed within clusters.
func (f *CoxFit) robust() {
	o := f.data
	p := o.p
	clusters := 0
	for _, c := range f.spells.Cluster {
		clusters = max(clusters, c+1)
	}
	sums := mat.NewDense(clusters, p, nil)
	f.scoreResiduals(func(i int, residual []float64) {
		row := sums.RawRowView(f.spells.Cluster[o.row[i]])
		for j, v := range residual {
			row[j] += v
		}
	})
	var d, whole mat.Dense
	d.Mul(sums, f.vcov)
	whole.Mul(d.T(), &d)
	m := mat.NewSymDense(p, nil)
	for i := range p {
		for j := range i + 1 {
			m.SetSym(i, j, (whole.At(i, j)+whole.At(j, i))/2)
		}
	}
	f.Robust = f.raw(m)
}

// scoreResiduals gives every row's share of the score (Therneau, Grambsch & Fleming 1990, Biometrika 77:147).
func (f *CoxFit) scoreResiduals(visit func(row int, residual []float64)) {
	o := f.data
	p := o.p
	inc := f.increments(f.beta)
	m := len(inc.time)
	// totals over the times from a stratum's last to its k-th
	hazard, mean := make([]float64, m+1), make([]float64, (m+1)*p)
	for k := range m {
		hazard[k+1] = hazard[k] + inc.hazard[k]
		for j := range p {
			mean[(k+1)*p+j] = mean[k*p+j] + inc.mean[k][j]
		}
	}
	residual := make([]float64, p)
	for i := range o.n {
		bounds, some := inc.of[o.stratum[i]]
		clear(residual)
		if some {
			first := firstAtOrBefore(inc.time, bounds, o.stop[i])
			last := bounds[1]
			if o.start != nil {
				last = firstAtOrBefore(inc.time, bounds, o.start[i])
			}
			row := o.x[i*p : i*p+p]
			risk := 0.0
			for j, x := range row {
				risk += x * f.beta[j]
			}
			risk = math.Exp(risk)
			own := first < last && inc.time[first] == o.stop[i] && o.event[i]
			for j, x := range row {
				taken := x*(hazard[last]-hazard[first]) - (mean[last*p+j] - mean[first*p+j])
				if own {
					taken += x*(inc.memberHazard[first]-inc.hazard[first]) - (inc.memberMean[first][j] - inc.mean[first][j])
					residual[j] = x - inc.centred[first][j]
				}
				residual[j] -= risk * taken
			}
		}
		visit(i, residual)
	}
}

// firstAtOrBefore finds the first time not after t among descending times within bounds.
func firstAtOrBefore(times []float64, bounds [2]int, t float64) int {
	low, high := bounds[0], bounds[1]
	for low < high {
		mid := (low + high) / 2
		if times[mid] <= t {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

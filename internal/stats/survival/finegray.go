package survival

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// FineGray is a model of the subdistribution hazard of one cause.
type FineGray struct {
	Cause        string                `json:"cause"`
	Formula      string                `json:"formula"`
	LogLik       stats.Number          `json:"loglik"`
	Coefficients []FineGrayCoefficient `json:"coefficients"`
}

// FineGrayCoefficient is a log subdistribution hazard ratio with its sandwich error.
type FineGrayCoefficient struct {
	Name     string       `json:"name"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
	Z        stats.Number `json:"z"`
	PValue   stats.Number `json:"p_value"`
	SHR      stats.Number `json:"shr"`
	Lower    stats.Number `json:"shr_lower"`
	Upper    stats.Number `json:"shr_upper"`
}

// fineGray holds the subjects by time, the earliest first, covariates centred and scaled, with the censoring curve.
type fineGray struct {
	n, p        int
	time        []float64
	cause       []int // 0 censored, 1 the cause, 2 another
	x           []float64
	mean, scale []float64
	events      float64
	g           []float64 // probability of no censoring just before the subject's time
	censorings  []censoring
}

// censoring is a time at which somebody was censored, with the number at risk.
type censoring struct {
	time, count, risk float64
}

// FitFineGray maximises Fine and Gray's weighted partial likelihood (1999, JASA 94:496): subjects with another event stay
// at risk with weight G(t-)/G(T-), G the Kaplan-Meier curve of censoring in all subjects; ties by Breslow. The sandwich
// variance counts G's own estimation (their equation 8). See docs/methods/competing-risks.md.
func FitFineGray(time []float64, cause []int, names []string, x []float64, level float64) (FineGray, error) {
	if err := stats.CheckLevel(level); err != nil {
		return FineGray{}, err
	}
	f, err := newFineGray(time, cause, names, x)
	if err != nil {
		return FineGray{}, err
	}
	beta, logLik, info, err := f.climb(names)
	if err != nil {
		return FineGray{}, err
	}
	variance, err := f.sandwich(beta, info)
	if err != nil {
		return FineGray{}, err
	}
	out := FineGray{LogLik: stats.Of(logLik)}
	for j, name := range names {
		e := stats.ZEstimate(beta[j]/f.scale[j], math.Sqrt(variance.At(j, j))/f.scale[j], level)
		out.Coefficients = append(out.Coefficients, FineGrayCoefficient{name, e.Estimate, e.SE, e.Statistic, e.PValue, exp(e.Estimate), exp(e.Lower), exp(e.Upper)})
	}
	return out, nil
}

func newFineGray(time []float64, cause []int, names []string, x []float64) (*fineGray, error) {
	n, p := len(time), len(names)
	if len(cause) != n {
		return nil, stats.Errorf(stats.BadInput, "rows", "times and causes differ in length")
	}
	aligned := slices.Clone(time)
	events := make([]bool, n)
	for i, c := range cause {
		if c < 0 || c > 2 {
			return nil, stats.Errorf(stats.BadInput, "event", "row %d has neither 0, nor 1 for the cause, nor 2 for another", i+1)
		}
		events[i] = c == 1
	}
	spells := Spells{Stop: aligned, Event: events, Names: names, X: x}
	o, err := order(spells)
	if err != nil {
		return nil, err
	}
	f := &fineGray{n: n, p: p, mean: o.mean, scale: o.scale, events: o.eventWeight}
	for i := n - 1; i >= 0; i-- { // order has the last time first
		f.time = append(f.time, o.stop[i])
		f.cause = append(f.cause, cause[o.row[i]])
		f.x = append(f.x, o.x[i*p:i*p+p]...)
	}
	f.g = make([]float64, n)
	surv := 1.0
	for i := 0; i < n; {
		from, censored := i, 0.0
		for i < n && f.time[i] == f.time[from] {
			f.g[i] = surv
			if f.cause[i] == 0 {
				censored++
			}
			i++
		}
		if censored > 0 {
			risk := float64(n - from)
			f.censorings = append(f.censorings, censoring{f.time[from], censored, risk})
			surv *= 1 - censored/risk
		}
	}
	return f, nil
}

// risks visits the times of the cause's events from the first to the last: the events from..to among which those of
// the cause count, the sums over the risk set at coefficients beta.
func (f *fineGray) risks(beta []float64, visit func(from, to, deaths int, s0 float64, s1, s2 []float64)) []float64 {
	n, p := f.n, f.p
	risk := make([]float64, n)
	for i := range n {
		eta := 0.0
		for j, x := range f.x[i*p : i*p+p] {
			eta += x * beta[j]
		}
		risk[i] = math.Exp(eta)
	}
	still0, kept0 := 0.0, 0.0
	still1, kept1, s1 := make([]float64, p), make([]float64, p), make([]float64, p)
	still2, kept2, s2 := make([]float64, p*p), make([]float64, p*p), make([]float64, p*p)
	add := func(i int, w float64, a0 *float64, a1, a2 []float64) {
		*a0 += w
		row := f.x[i*p : i*p+p]
		for j, x := range row {
			a1[j] += w * x
			for k := range j + 1 {
				a2[j*p+k] += w * x * row[k]
			}
		}
	}
	for i := range n {
		add(i, risk[i], &still0, still1, still2)
	}
	for i := 0; i < n; {
		from, deaths := i, 0
		for i < n && f.time[i] == f.time[from] {
			if f.cause[i] == 1 {
				deaths++
			}
			i++
		}
		if deaths > 0 {
			g := f.g[from]
			s0 := still0 + g*kept0
			for j := range s1 {
				s1[j] = still1[j] + g*kept1[j]
			}
			for j := range s2 {
				s2[j] = still2[j] + g*kept2[j]
			}
			visit(from, i, deaths, s0, s1, s2)
		}
		for m := from; m < i; m++ {
			add(m, -risk[m], &still0, still1, still2)
			if f.cause[m] > 1 {
				add(m, risk[m]/f.g[m], &kept0, kept1, kept2)
			}
		}
	}
	return risk
}

func (f *fineGray) evaluate(beta []float64) coxPoint {
	p := f.p
	out := coxPoint{score: make([]float64, p), info: mat.NewSymDense(p, nil)}
	f.risks(beta, func(from, to, deaths int, s0 float64, s1, s2 []float64) {
		for m := from; m < to; m++ {
			if f.cause[m] == 1 {
				for j, x := range f.x[m*p : m*p+p] {
					out.logLik += beta[j] * x
					out.score[j] += x
				}
			}
		}
		d := float64(deaths)
		out.logLik -= d * math.Log(s0)
		for j := range p {
			out.score[j] -= d * s1[j] / s0
			for k := range j + 1 {
				out.info.SetSym(j, k, out.info.At(j, k)+d*(s2[j*p+k]/s0-s1[j]*s1[k]/(s0*s0)))
			}
		}
	})
	return out
}

func (f *fineGray) climb(names []string) ([]float64, float64, *mat.SymDense, error) {
	beta := make([]float64, f.p)
	at := f.evaluate(beta)
	null, last := at.info, math.Inf(1)
	if err := collinear(names, null, f.events); err != nil {
		return nil, 0, nil, err
	}
	for range 100 {
		var chol mat.Cholesky
		var step mat.VecDense
		score := mat.NewVecDense(f.p, at.score)
		if !chol.Factorize(at.info) || chol.SolveVecTo(&step, score) != nil {
			return nil, 0, nil, stats.Errorf(stats.Collinear, names[0], "the covariates cannot be told apart among those at risk")
		}
		decrement := mat.Dot(score, &step)
		if decrement < 1e-22 || decrement < 1e-12 && decrement >= last/4 {
			return beta, at.logLik, at.info, flat(names, null, at.info)
		}
		last = decrement
		size := 1.0
		for range 30 {
			moved := slices.Clone(beta)
			for j := range moved {
				moved[j] += size * step.AtVec(j)
			}
			next := f.evaluate(moved)
			if !math.IsNaN(next.logLik) && next.logLik >= at.logLik-1e-12*math.Abs(at.logLik) {
				beta, at = moved, next
				break
			}
			size /= 2
		}
		for j, b := range beta {
			if math.Abs(b) > separatedLog {
				return nil, 0, nil, stats.Errorf(stats.Separation, names[j], "the subdistribution hazard ratio runs to 0 or infinity")
			}
		}
	}
	return nil, 0, nil, stats.Errorf(stats.NotConverged, names[0], "no maximum of the partial likelihood was found")
}

// sandwich is info^-1 (sum (eta + psi)(eta + psi)') info^-1 with eta a subject's weighted score residual and psi what the
// estimation of the censoring curve adds.
func (f *fineGray) sandwich(beta []float64, info *mat.SymDense) (*mat.SymDense, error) {
	n, p := f.n, f.p
	type event struct {
		from, to     int
		time, hazard float64 // hazard: deaths/s0
		mean         []float64
	}
	var events []event
	risk := f.risks(beta, func(from, to, deaths int, s0 float64, s1, _ []float64) {
		e := event{from, to, f.time[from], float64(deaths) / s0, make([]float64, p)}
		for j := range p {
			e.mean[j] = s1[j] / s0
		}
		events = append(events, e)
	})
	m := len(events)
	// sums over the events up to k of hazard and hazard*mean, plain and weighted by G
	plain, weighted := make([]float64, (m+1)*(p+1)), make([]float64, (m+1)*(p+1))
	for k, e := range events {
		at, next := k*(p+1), (k+1)*(p+1)
		g := f.g[e.from]
		for j := range p + 1 {
			v := e.hazard
			if j < p {
				v *= e.mean[j]
			}
			plain[next+j], weighted[next+j] = plain[at+j]+v, weighted[at+j]+g*v
		}
	}
	upTo := func(t float64, inclusive bool) int {
		k, _ := slices.BinarySearchFunc(events, t, func(e event, t float64) int { return cmp.Compare(e.time, t) })
		for inclusive && k < m && events[k].time == t {
			k++
		}
		return k
	}
	score := make([]float64, n*p)
	for i := range n {
		k := upTo(f.time[i], true)
		row := score[i*p : i*p+p]
		for j, x := range f.x[i*p : i*p+p] {
			row[j] -= risk[i] * (x*plain[k*(p+1)+p] - plain[k*(p+1)+j])
			if f.cause[i] == 1 {
				row[j] += x - events[k-1].mean[j]
			}
			if f.cause[i] > 1 {
				row[j] -= risk[i] / f.g[i] * (x*(weighted[m*(p+1)+p]-weighted[k*(p+1)+p]) - (weighted[m*(p+1)+j] - weighted[k*(p+1)+j]))
			}
		}
	}
	f.censoringPart(score, risk, func(t float64) []float64 { // weighted sums from t on
		k := upTo(t, false)
		out := make([]float64, p+1)
		for j := range out {
			out[j] = weighted[m*(p+1)+j] - weighted[k*(p+1)+j]
		}
		return out
	})
	meat := mat.NewSymDense(p, nil)
	for i := range n {
		meat.SymRankOne(meat, 1, mat.NewVecDense(p, score[i*p:i*p+p]))
	}
	var chol mat.Cholesky
	inverse := mat.NewSymDense(p, nil)
	if !chol.Factorize(info) || chol.InverseTo(inverse) != nil {
		return nil, stats.Errorf(stats.Collinear, "covariates", "cannot be told apart among those at risk")
	}
	var half, whole mat.Dense
	half.Mul(inverse, meat)
	whole.Mul(&half, inverse)
	for i := range p {
		for j := range i + 1 {
			meat.SetSym(i, j, (whole.At(i, j)+whole.At(j, i))/2)
		}
	}
	return meat, nil
}

// censoringPart adds psi: for subject i the integral of q(u)/risk(u) over its censoring martingale, q(u) the score
// that those with another event before u lose from u on by the estimated censoring at u.
func (f *fineGray) censoringPart(score, risk []float64, from func(t float64) []float64) {
	n, p := f.n, f.p
	kept0, kept1 := 0.0, make([]float64, p)
	total := make([]float64, p) // sum over censoring times so far of q/risk * count/risk
	next := 0
	for _, c := range f.censorings {
		for next < n && f.time[next] < c.time {
			// leaves before this censoring time: its at-risk part is complete
			for j := range p {
				score[next*p+j] -= total[j]
			}
			if f.cause[next] > 1 {
				w := risk[next] / f.g[next]
				kept0 += w
				for j, x := range f.x[next*p : next*p+p] {
					kept1[j] += w * x
				}
			}
			next++
		}
		later := from(c.time)
		for j := range p {
			q := (kept1[j]*later[p] - kept0*later[j]) / c.risk
			total[j] += q * c.count / c.risk
			for i := next; i < n && f.time[i] == c.time; i++ {
				if f.cause[i] == 0 {
					score[i*p+j] += q
				}
			}
		}
	}
	for ; next < n; next++ {
		for j := range p {
			score[next*p+j] -= total[j]
		}
	}
}

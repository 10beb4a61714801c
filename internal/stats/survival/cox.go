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
	risk   []float64     // of every row, exp(x'b) times its weight
	hazard []float64     // of every row, the cumulative baseline hazard that it passed through
}

// FitCox maximises the partial likelihood (Cox 1972, JRSS B 34:187) by Newton's method to rounding level, covariates
// centred and scaled. Rows may start late (start, stop], be stratified, weighted, and clustered: then a sandwich covariance
// with score residuals summed within clusters is given with the usual one (Lin & Wei 1989, JASA 84:1074). Rows with
// probability weights and no clusters are clusters of their own, since the usual covariance does not hold for them (Binder
// 1992, Biometrika 79:139). See docs/methods/cox.md.
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
	f.risk, f.hazard = nil, nil // needed on the way only
	if spells.Cluster != nil || spells.Weight != nil && !spells.Frequency {
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

// separatedLog is how far, in standard deviations of its column times its coefficient, an estimate may lie before it is
// taken as running away.
const separatedLog = 15

func (f *CoxFit) climb() error {
	p := f.data.p
	beta := make([]float64, p)
	at := f.evaluate(beta)
	f.NullLik = at.logLik
	null := at.info
	if err := collinear(f.spells.Names, at.info, f.data.eventWeight); err != nil {
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
			if err := flat(f.spells.Names, null, at.info); err != nil {
				return err
			}
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

// collinear names a covariate that earlier ones make up within the risk sets, from the information at 0, which events of this
// weight gave.
func collinear(names []string, info *mat.SymDense, events float64) error {
	p := len(names)
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
		if !(info.At(j, j) > 1e-12*events) {
			return stats.Errorf(stats.OneLevel, names[j], "does not vary among those at risk when events happen")
		}
		if !(left > 1e-12*info.At(j, j)) {
			return stats.Errorf(stats.Collinear, names[j], "is a combination of the covariates before it among those at risk")
		}
		l.Set(j, j, math.Sqrt(left))
	}
	return nil
}

// flatShare is the share of the information at 0 that is left where coefficients run away. A likelihood that rises for
// ever flattens exponentially, so that Newton's steps come to rest long before anything overflows.
const flatShare = 1e-7

// flat names the column that weighs most in a combination about which the information has all but gone.
func flat(names []string, null, info *mat.SymDense) error {
	p := len(names)
	var chol mat.Cholesky
	var eigen mat.EigenSym
	if !chol.Factorize(null) {
		return stats.Errorf(stats.Collinear, names[0], "cannot be told apart from the other covariates among those at risk")
	}
	var lower mat.TriDense
	chol.LTo(&lower)
	var half, whole mat.Dense
	if half.Solve(&lower, info) != nil || whole.Solve(&lower, half.T()) != nil {
		return nil // all but collinear: the information says what there is to say
	}
	relative := mat.NewSymDense(p, nil)
	for i := range p {
		for j := range i + 1 {
			relative.SetSym(i, j, (whole.At(i, j)+whole.At(j, i))/2)
		}
	}
	if !eigen.Factorize(relative, true) {
		return stats.Errorf(stats.NotConverged, names[0], "the information has no eigenvalues")
	}
	if eigen.Values(nil)[0] > flatShare {
		return nil
	}
	var vectors mat.Dense
	var direction mat.VecDense
	eigen.VectorsTo(&vectors)
	if direction.SolveVec(lower.T(), vectors.ColView(0)) != nil {
		return nil
	}
	worst := 0
	for j := range p {
		if math.Abs(direction.AtVec(j)) > math.Abs(direction.AtVec(worst)) {
			worst = j
		}
	}
	return stats.Errorf(stats.Separation, names[worst], "the hazard ratio runs to 0 or infinity: some of its values never, or always, have the event first")
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

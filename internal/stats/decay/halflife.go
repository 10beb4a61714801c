package decay

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/basis"
)

// HalfLife is ln 2 / k with intervals by the delta method, on the plain and the log scale, and by the profile of the
// objective, which is the one to report: the half-lives whose best curve is not worse than the best of all by more than
// the quantile squared. A profile limit is undefined where the data allow any longer, or any shorter, half-life; all are
// undefined where the estimate does not decay. Estimable is false where the change at the first time does not differ from
// 0: there is nothing then that could halve, and the numbers mean nothing. Notes say so, and what lies beyond the last time.
type HalfLife struct {
	HalfLife     stats.Number `json:"half_life"`
	SE           stats.Number `json:"half_life_se"`
	Lower        stats.Number `json:"half_life_lower"`
	Upper        stats.Number `json:"half_life_upper"`
	LogSE        stats.Number `json:"half_life_log_se"`
	LogLower     stats.Number `json:"half_life_log_lower"`
	LogUpper     stats.Number `json:"half_life_log_upper"`
	ProfileLower stats.Number `json:"half_life_profile_lower"`
	ProfileUpper stats.Number `json:"half_life_profile_upper"`
	Estimable    bool         `json:"half_life_estimable"`
	Notes        []string     `json:"half_life_notes"`
}

const (
	noteRising    = "The values do not fall towards a plateau: there is no half-life."
	noteNoChange  = "Not estimable: the change at the first time does not differ from 0."
	noteBeyond    = "The half-life is longer than the time from the first value to the last: it is extrapolated."
	noteUpper     = "The upper profile limit lies beyond the time from the first value to the last: it is extrapolated."
	noteUnbounded = "No upper profile limit: the values do not exclude that nothing is lost, or only in a straight line."
	noteInstant   = "No lower profile limit: the values do not exclude that all is lost before the second time."
)

// halfLife gives the half-life of the rate at theta[1]; unscaled is the covariance of theta in units of scale, the variance
// of unit weight.
func halfLife(d data, asymptote bool, theta []float64, rss float64, unscaled *mat.SymDense, quantile, scale float64) HalfLife {
	k := theta[1]
	if !(k > 0) {
		return HalfLife{Notes: []string{noteRising}}
	}
	life, logSE := math.Ln2/k, math.Sqrt(scale*unscaled.At(1, 1))/k
	lifeSE := life * logSE
	out := HalfLife{HalfLife: stats.Of(life), SE: stats.Of(lifeSE), Lower: stats.Of(life - quantile*lifeSE), Upper: stats.Of(life + quantile*lifeSE),
		LogSE: stats.Of(logSE), LogLower: stats.Of(life * math.Exp(-quantile*logSE)), LogUpper: stats.Of(life * math.Exp(quantile*logSE)), Notes: []string{}}
	// the change at the first time is b0 exp(-k t); divided by exp(-k t) it has the gradient (1, -b0 t)
	first := slices.Min(d.t)
	b := theta[0]
	variance := scale * (unscaled.At(0, 0) - 2*b*first*unscaled.At(0, 1) + b*b*first*first*unscaled.At(1, 1))
	out.Estimable = math.Abs(b) > quantile*math.Sqrt(math.Max(0, variance))
	limit := rss + scale*quantile*quantile
	if white, ok := d.whitened(); ok {
		out.profile(d.t, func(rate float64) float64 { return white.atRate(rate, asymptote) }, limit)
	}
	out.annotate(d.t)
	return out
}

// annotate says what the numbers do not.
func (h *HalfLife) annotate(t []float64) {
	span := slices.Max(t) - slices.Min(t)
	if !h.Estimable {
		h.Notes = append(h.Notes, noteNoChange)
	}
	if h.HalfLife.Value > span {
		h.Notes = append(h.Notes, noteBeyond)
	} else if h.ProfileUpper.Defined && h.ProfileUpper.Value > span {
		h.Notes = append(h.Notes, noteUpper)
	}
	if !h.ProfileUpper.Defined {
		h.Notes = append(h.Notes, noteUnbounded)
	}
	if !h.ProfileLower.Defined {
		h.Notes = append(h.Notes, noteInstant)
	}
}

// profileSteps is how many half-lives are tried on each side for the outermost one within the limit.
const profileSteps = 40

// profile finds the outermost half-lives at which the objective stays within the limit, on a grid of logs and by halving in.
// objective(0) is that of no decay at all, or, with an asymptote, of a straight line.
func (h *HalfLife) profile(t []float64, objective func(rate float64) float64, limit float64) {
	times := slices.Clone(t)
	slices.Sort(times)
	gap, span := math.Inf(1), times[len(times)-1]-times[0]
	for i := 1; i < len(times); i++ {
		if times[i] > times[i-1] {
			gap = math.Min(gap, times[i]-times[i-1])
		}
	}
	life := h.HalfLife.Value
	within := func(life float64) bool { return objective(math.Ln2/life) <= limit }
	side := func(end float64) stats.Number {
		if within(end) {
			return stats.Number{}
		}
		from, to := math.Log(life), math.Log(end)
		at := 0
		for step := profileSteps - 1; step > 0 && at == 0; step-- {
			if within(math.Exp(from + (to-from)*float64(step)/profileSteps)) {
				at = step
			}
		}
		inside, outside := from+(to-from)*float64(at)/profileSteps, from+(to-from)*float64(at+1)/profileSteps
		for range 50 {
			if mid := (inside + outside) / 2; within(math.Exp(mid)) {
				inside = mid
			} else {
				outside = mid
			}
		}
		return stats.Of(math.Exp((inside + outside) / 2))
	}
	// 2^-60 of the change is left after the smallest gap: shorter half-lives give the same curve; and at 1e8 spans the curve
	// is that of rate 0
	h.ProfileLower = side(math.Min(gap/60, life/2))
	if objective(0) <= limit {
		return
	}
	h.ProfileUpper = side(math.Max(span*1e8, life*2))
}

// white are data whose covariance is the identity: factor times the values, factor'factor the weights.
type white struct {
	t      []float64
	y      []float64
	factor *mat.TriDense
	only   []float64 // the factor's diagonal, where it has nothing else
}

func (d data) whitened() (white, bool) {
	n := len(d.t)
	out := white{t: d.t}
	if d.apart {
		for i := range n {
			out.only = append(out.only, math.Sqrt(d.w.At(i, i)))
		}
	} else {
		var chol mat.Cholesky
		if !chol.Factorize(d.w) {
			return out, false
		}
		out.factor = mat.NewTriDense(n, mat.Upper, nil)
		chol.UTo(out.factor)
	}
	out.y = out.times(d.y)
	return out, true
}

func (w white) times(x []float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		if w.only != nil {
			out[i] = w.only[i] * x[i]
			continue
		}
		for j := i; j < len(x); j++ {
			out[i] += w.factor.At(i, j) * x[j]
		}
	}
	return out
}

// atRate is the least weighted sum of squares at a rate of 0 or more: the other parameters are linear. The columns are
// taken so that they neither vanish nor coincide as the rate goes to 0 or grows.
func (w white) atRate(rate float64, asymptote bool) float64 {
	columns := [][]float64{gone(w.t, rate)}
	if asymptote {
		columns = append(columns, columns[0])
		columns[0] = make([]float64, len(w.t))
		for i := range columns[0] {
			columns[0][i] = 1
		}
	} else {
		columns[0] = left(w.t, rate)
	}
	residual := slices.Clone(w.y)
	var taken [][]float64
	for _, column := range columns {
		x := w.times(column)
		for range 2 {
			for _, b := range taken {
				basis.Add(x, -basis.Dot(b, x), b)
			}
		}
		length := basis.Norm(x)
		if !(length > 0) {
			continue
		}
		for i := range x {
			x[i] /= length
		}
		taken = append(taken, x)
		basis.Add(residual, -basis.Dot(x, residual), x)
	}
	return basis.Dot(residual, residual)
}

// left is exp(-rate (t - first)).
func left(t []float64, rate float64) []float64 {
	first, out := slices.Min(t), make([]float64, len(t))
	for i := range t {
		out[i] = math.Exp(-rate * (t[i] - first))
	}
	return out
}

// gone is 1 - exp(-rate (t - first)), in units of its largest value; at rate 0 its limit, the time itself.
func gone(t []float64, rate float64) []float64 {
	first, out := slices.Min(t), make([]float64, len(t))
	span := slices.Max(t) - first
	for i := range t {
		out[i] = (t[i] - first) / span
		if rate > 0 {
			out[i] = math.Expm1(-rate*(t[i]-first)) / math.Expm1(-rate*span)
		}
	}
	return out
}

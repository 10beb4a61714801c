package imputation

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
	"afterglow/internal/stats/formula"
	"afterglow/internal/stats/linear"
)

// Completed is one completed data set: response, baseline, the second arm (1) or not (0), and which responses are imputed.
type Completed struct {
	Response, Baseline, Arm []float64
	Imputed                 []bool
}

// TippingPoint is how the pooled arm effect moves when the second arm's imputed responses are shifted.
type TippingPoint struct {
	QDelta0      []float64    `json:"q_delta0"`
	UDelta0      []float64    `json:"u_delta0"`
	DFComplete   int          `json:"df_complete"`
	Rows         []DeltaRow   `json:"rows"`
	EstimateZero stats.Number `json:"delta_estimate_zero"`
	Crossings    []Crossing   `json:"delta_p_crossings"`
	Level        float64      `json:"level"`
}

// DeltaRow is the pooled arm effect at one shift.
type DeltaRow struct {
	Delta    float64      `json:"delta"`
	Estimate stats.Number `json:"estimate"`
	SE       stats.Number `json:"se"`
	DF       stats.Number `json:"df"`
	TValue   stats.Number `json:"t_value"`
	PValue   stats.Number `json:"p_value"`
	Lower    stats.Number `json:"ci_lower"`
	Upper    stats.Number `json:"ci_upper"`
}

// Crossing is a shift at which the p-value crosses 1 - level, between two shifts of the grid.
type Crossing struct {
	Delta   float64    `json:"delta"`
	Between [2]float64 `json:"between"`
}

// shifted is an analysis of one completed set as a function of the shift: the response is y + delta m, so the effect is linear
// and the residual sum of squares quadratic in it.
type shifted struct {
	effect, drift     float64 // of y, of m
	unscaled          float64
	df                int
	square, mix, move float64
}

// Tip adds each delta to the imputed responses of the second arm, analyses every completed set by response ~ baseline + arm
// and pools (delta adjustment: Carpenter & Kenward 2013, Multiple Imputation and its Application, section 10.2). See
// docs/methods/tipping-point.md.
func Tip(sets []Completed, deltas []float64, level float64) (TippingPoint, error) {
	out := TippingPoint{Rows: []DeltaRow{}, Crossings: []Crossing{}, Level: level}
	if err := stats.CheckLevel(level); err != nil {
		return out, err
	}
	if len(sets) < 2 {
		return out, stats.Errorf(stats.TooFew, "imputation", "%d completed data sets have no variation between them", len(sets))
	}
	var fits []shifted
	for i, s := range sets {
		if err := s.check(i + 1); err != nil {
			return out, err
		}
		f, err := analyse(s)
		if err != nil {
			return out, err
		}
		if i > 0 && f.df != fits[0].df {
			return out, stats.Errorf(stats.BadInput, "imputation", "completed set %d has another number of rows than the first", i+1)
		}
		fits = append(fits, f)
	}
	out.DFComplete = fits[0].df
	at := func(delta float64) (Pooled, error) {
		q, u := make([]float64, len(fits)), make([]float64, len(fits))
		for i, f := range fits {
			q[i] = f.effect + delta*f.drift
			u[i] = (f.square + 2*delta*f.mix + delta*delta*f.move) / float64(f.df) * f.unscaled
		}
		if delta == 0 {
			out.QDelta0, out.UDelta0 = q, u
		}
		return Pool(q, u, stats.Of(float64(out.DFComplete)), level)
	}
	if _, err := at(0); err != nil {
		return out, err
	}
	effect, drift := 0.0, 0.0
	for _, f := range fits {
		effect, drift = effect+f.effect, drift+f.drift
	}
	out.EstimateZero = stats.Of(-effect / drift)
	for i, delta := range deltas {
		if !stats.Finite(delta) {
			return out, stats.Errorf(stats.NotFinite, "deltas", "delta %d is not finite", i+1)
		}
		p, err := at(delta)
		if err != nil {
			return out, stats.Errorf(stats.NotFinite, "deltas", "delta %d leaves no variance or one too large: %v", i+1, err)
		}
		row := DeltaRow{delta, stats.Of(p.Estimate), stats.Of(p.SE), p.DF, p.TValue, p.PValue, p.Lower, p.Upper}
		if i > 0 {
			last := out.Rows[i-1]
			if root, crosses := crossing(at, last, row, 1-level); crosses {
				out.Crossings = append(out.Crossings, Crossing{root, [2]float64{last.Delta, delta}})
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}

// check names what is wrong with the columns of a set, counted from 1.
func (s Completed) check(number int) error {
	n := len(s.Response)
	if len(s.Baseline) != n || len(s.Arm) != n || len(s.Imputed) != n {
		return stats.Errorf(stats.BadInput, "imputation", "completed set %d has columns of unequal length", number)
	}
	var seen [2]bool
	for i := range n {
		if s.Arm[i] != 0 && s.Arm[i] != 1 {
			return stats.Errorf(stats.BadInput, "arm", "completed set %d has an arm that is neither 0 nor 1", number)
		}
		seen[int(s.Arm[i])] = true
		for k, x := range []float64{s.Response[i], s.Baseline[i]} {
			if !(math.Abs(x) < 1e150) {
				return stats.Errorf(stats.NotFinite, []string{"response", "baseline"}[k], "completed set %d has a value that is not finite, or too large to square", number)
			}
		}
	}
	if !seen[0] || !seen[1] {
		return stats.Errorf(stats.EmptyCell, "arm", "completed set %d has subjects of one arm only", number)
	}
	return nil
}

// crossing halves in on the shift at which p is alpha.
func crossing(at func(float64) (Pooled, error), from, to DeltaRow, alpha float64) (float64, bool) {
	if (from.PValue.Value < alpha) == (to.PValue.Value < alpha) {
		return 0, false
	}
	low, high := from.Delta, to.Delta
	for range 200 {
		mid := low + (high-low)/2
		p, err := at(mid)
		if err != nil || mid == low || mid == high {
			break
		}
		if (p.PValue.Value < alpha) == (from.PValue.Value < alpha) {
			low = mid
		} else {
			high = mid
		}
	}
	return low + (high-low)/2, true
}

func analyse(s Completed) (shifted, error) {
	n := len(s.Response)
	m := formula.Matrix{Names: []string{"(Intercept)", "baseline", "arm"}}
	move := make([]float64, n)
	for i := range n {
		m.X = append(m.X, 1, s.Baseline[i], s.Arm[i])
		m.Rows = append(m.Rows, i)
		if s.Imputed[i] && s.Arm[i] == 1 {
			move[i] = 1
		}
	}
	fit, err := linear.Least(m, s.Response)
	if err != nil {
		return shifted{}, err
	}
	out := shifted{effect: fit.Beta[2], unscaled: fit.Unscaled.At(2, 2), df: fit.DF, square: fit.RSS}
	// coefficients and residuals of the moved part, from the same decomposition
	right := mat.NewVecDense(3, nil)
	for i, v := range move {
		for j, x := range m.Row(i) {
			right.SetVec(j, right.AtVec(j)+v*x)
		}
	}
	var beta mat.VecDense
	beta.MulVec(fit.Unscaled, right)
	out.drift = beta.AtVec(2)
	for i, v := range move {
		r := v
		for j, x := range m.Row(i) {
			r -= x * beta.AtVec(j)
		}
		out.move += r * r
		out.mix += r * fit.Residual[i]
	}
	return out, nil
}

package survival

import (
	"cmp"
	"math"
	"slices"

	"afterglow/internal/stats"
)

// Censored is a time known to lie in (Lower, Upper]: an infinite Upper is a time after Lower, Lower 0 one not after Upper,
// and Lower = Upper the time itself. Count subjects share it; 0 counts as 1.
type Censored struct {
	Lower, Upper float64
	Count        int
}

// Turnbull is the maximum likelihood estimate of a distribution from interval-censored times. Gradient is by how much, of 1,
// the worst interval misses the conditions of Karush, Kuhn and Tucker; the log-likelihood lies below its maximum by at most N
// times that. The masses of the intervals are unique; how a mass lies within its own is not to be known.
type Turnbull struct {
	Level      string       `json:"level"`
	N          int          `json:"n"`
	NExact     int          `json:"n_exact"`
	NLeft      int          `json:"n_left"`
	NRight     int          `json:"n_right"`
	NInterval  int          `json:"n_interval"`
	LogLik     stats.Number `json:"loglik"`
	Gradient   stats.Number `json:"gradient"`
	Iterations int          `json:"iterations"`
	Masses     []Mass       `json:"masses"`
	Median     TimeRange    `json:"median"`
	RMST       *MeanRange   `json:"rmst,omitempty"`
}

// Mass is a probability that lies somewhere in (Lower, Upper], or at Upper where both are equal; how it lies in there the
// data do not say. Surv is the curve from Upper on. Upper is undefined where the interval has no end.
type Mass struct {
	Lower float64      `json:"lower"`
	Upper stats.Number `json:"upper"`
	Mass  float64      `json:"mass"`
	Surv  float64      `json:"surv"`
}

// TimeRange is a time known up to an interval; Upper is undefined where that has no end.
type TimeRange struct {
	Lower stats.Number `json:"lower"`
	Upper stats.Number `json:"upper"`
}

// MeanRange is a restricted mean to Tau known up to an interval: all masses at the lower, or at the upper ends.
type MeanRange struct {
	Tau   float64 `json:"tau"`
	Lower float64 `json:"lower"`
	Upper float64 `json:"upper"`
}

// FitTurnbull maximises the likelihood of interval-censored times over all distributions (Turnbull 1976, JRSS B 38:290):
// masses on the innermost intervals, by the self-consistency step (EM) and Newton's method with bounds, until the conditions
// of Karush, Kuhn and Tucker hold (Gentleman & Geyer 1994, Biometrika 81:618). tau asks for a restricted mean; undefined: none.
// See docs/methods/turnbull.md.
func FitTurnbull(level string, times []Censored, tau stats.Number) (Turnbull, error) {
	out := Turnbull{Level: level}
	if err := (Options{Tau: tau, Level: 0.5}).Validate(); err != nil {
		return out, err
	}
	clean, err := out.count(times)
	if err != nil {
		return out, err
	}
	cells := innermost(clean)
	fit := newMixture(clean, cells)
	if err := fit.climb(); err != nil {
		return out, err
	}
	out.LogLik, out.Gradient, out.Iterations = stats.Of(fit.logLik), stats.Of(fit.violation()), fit.iterations
	left := 1.0
	for j, c := range cells {
		if fit.mass[j] == 0 {
			continue
		}
		left -= fit.mass[j]
		if left < 1e-12 {
			left = 0
		}
		out.Masses = append(out.Masses, Mass{c.lower, stats.Of(c.upper), fit.mass[j], left})
	}
	out.Median = out.quantile(0.5)
	if tau.Defined {
		out.RMST = out.restrictedMean(tau.Value)
	}
	return out, nil
}

// count checks the times, joins those that are equal but for rounding, and counts their kinds.
func (t *Turnbull) count(times []Censored) ([]Censored, error) {
	if len(times) == 0 {
		return nil, stats.Errorf(stats.EmptyCell, t.Level, "no subject in this group")
	}
	lower, upper := make([]float64, len(times)), make([]float64, 0, len(times))
	for i, c := range times {
		switch {
		case math.IsNaN(c.Lower) || math.IsNaN(c.Upper) || math.IsInf(c.Lower, 0) || math.IsInf(c.Upper, -1):
			return nil, stats.Errorf(stats.NotFinite, "time", "of row %d is not finite", i+1)
		case c.Lower < 0 || c.Count < 0:
			return nil, stats.Errorf(stats.BadInput, "time", "a time or count of row %d is negative", i+1)
		case c.Upper < c.Lower:
			return nil, stats.Errorf(stats.BadInput, "time", "row %d has its upper end before its lower one", i+1)
		}
		lower[i] = c.Lower
		if !math.IsInf(c.Upper, 1) {
			upper = append(upper, c.Upper)
		}
	}
	alignTimes(lower, upper)
	out, next := slices.Clone(times), 0
	for i := range out {
		c := &out[i]
		c.Lower, c.Count = lower[i], max(c.Count, 1)
		if !math.IsInf(c.Upper, 1) {
			c.Upper = upper[next]
			next++
		}
		t.N += c.Count
		switch {
		case c.Lower == c.Upper:
			t.NExact += c.Count
		case math.IsInf(c.Upper, 1):
			t.NRight += c.Count
		case c.Lower == 0:
			t.NLeft += c.Count
		default:
			t.NInterval += c.Count
		}
	}
	return out, nil
}

// cell is an innermost interval (lower, upper], a point where both are equal: only there can the estimate have mass.
type cell struct{ lower, upper float64 }

// end is an end of an observed interval. At the same time a closed left end comes before right ends, an open one after.
type end struct {
	time float64
	side int // 0 closed left, 1 right, 2 open left
}

func (e end) compare(other end) int {
	return cmp.Or(cmp.Compare(e.time, other.time), cmp.Compare(e.side, other.side))
}

func (c Censored) ends() (left, right end) {
	if c.Lower == c.Upper {
		return end{c.Lower, 0}, end{c.Upper, 1}
	}
	return end{c.Lower, 2}, end{c.Upper, 1}
}

// innermost gives the intervals from a left end to the right end that follows it at once.
func innermost(times []Censored) []cell {
	ends := make([]end, 0, 2*len(times))
	for _, c := range times {
		left, right := c.ends()
		ends = append(ends, left, right)
	}
	slices.SortFunc(ends, end.compare)
	var out []cell
	for i := 1; i < len(ends); i++ {
		if ends[i].side == 1 && ends[i-1].side != 1 {
			out = append(out, cell{ends[i-1].time, ends[i].time})
		}
	}
	return out
}

// quantile is the range of times at which the curve passes 1 - p.
func (t Turnbull) quantile(p float64) TimeRange {
	for i, m := range t.Masses {
		switch {
		case m.Surv < 1-p-flatTolerance:
			return TimeRange{stats.Of(m.Lower), m.Upper}
		case m.Surv <= 1-p+flatTolerance && i+1 < len(t.Masses): // flat there until the next mass
			return TimeRange{m.Upper, stats.Of(t.Masses[i+1].Lower)}
		}
	}
	return TimeRange{}
}

func (t Turnbull) restrictedMean(tau float64) *MeanRange {
	out := &MeanRange{Tau: tau}
	for _, m := range t.Masses {
		upper := tau
		if m.Upper.Defined {
			upper = math.Min(m.Upper.Value, tau)
		}
		out.Lower += m.Mass * math.Min(m.Lower, tau)
		out.Upper += m.Mass * upper
	}
	return out
}

package survival

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"afterglow/internal/stats"
)

// VisitCurve is the curve of one group of times that are known between visits only, read at the visits. Median is the stretch
// between two visits in which the curve passes one half, MedianLower the stretch in which its lower limits do and MedianUpper
// that of its upper limits; each is undefined where not reached.
type VisitCurve struct {
	Level       string       `json:"level"`
	N           int          `json:"n"`
	Events      int          `json:"events"`
	Points      []VisitPoint `json:"points"`
	Median      TimeRange    `json:"median"`
	MedianLower TimeRange    `json:"median_lower"`
	MedianUpper TimeRange    `json:"median_upper"`
}

// VisitPoint is the curve at a visit. NRisk are those who were followed to it and are not known to have had the event by the
// visit before; NEvent those whose event this visit found and NCensor those who were last seen here, without it. Surv is
// undefined where nobody was followed so far, and where nobody's interval ends at the visit so that the data do not say how
// much of a fall lies on either side of it. Limits are complementary log-log, undefined where Surv is 0 or 1.
type VisitPoint struct {
	Time    float64      `json:"time"`
	NRisk   int          `json:"n_risk"`
	NEvent  int          `json:"n_event"`
	NCensor int          `json:"n_censor"`
	Surv    stats.Number `json:"surv"`
	SE      stats.Number `json:"se"`
	Lower   stats.Number `json:"ci_lower"`
	Upper   stats.Number `json:"ci_upper"`
}

// FitVisitCurve gives Turnbull's estimate where events are seen at the same few visits by all, so that the masses between
// visits are a multinomial distribution with errors of the usual order: from the observed information of the masses that are
// not 0. Visits are times from 0 on that rise; an end that lies between two of them is widened to the next. Where nobody
// misses a visit it is Kaplan and Meier's curve with Greenwood's error. See docs/methods/turnbull.md.
func FitVisitCurve(level string, times []Censored, visits []float64, ciLevel float64) (VisitCurve, error) {
	out := VisitCurve{Level: level}
	if err := stats.CheckLevel(ciLevel); err != nil {
		return out, err
	}
	if err := checkCuts(visits); err != nil {
		return out, err
	}
	if _, err := (&Turnbull{Level: level}).count(times); err != nil {
		return out, err
	}
	index := make([]Censored, 0, len(times))
	for _, t := range times {
		a, b := within(t, visits)
		n := max(t.Count, 1)
		c := Censored{Lower: float64(a), Upper: math.Inf(1), Count: n}
		if b > a {
			c.Upper = float64(b)
			out.Events += n
		}
		out.N += n
		index = append(index, c)
	}
	fit, err := FitTurnbull(level, index, stats.Number{})
	if err != nil {
		return out, err
	}
	covariance := massCovariance(index, fit.Masses)
	z := stats.NormalQuantile(0.5 + ciLevel/2)
	for k, time := range visits {
		p := VisitPoint{Time: time}
		for _, c := range index {
			followed := c.Lower
			if !math.IsInf(c.Upper, 1) {
				followed = c.Upper
			}
			switch v := float64(k); {
			case followed > v:
				p.NRisk += c.Count
			case followed == v && c.Upper == v:
				p.NRisk, p.NEvent = p.NRisk+c.Count, p.NEvent+c.Count
			case followed == v:
				p.NRisk, p.NCensor = p.NRisk+c.Count, p.NCensor+c.Count
			}
		}
		p.read(float64(k), fit.Masses, covariance, z)
		out.Points = append(out.Points, p)
	}
	out.Median = out.passes(func(p VisitPoint) stats.Number { return p.Surv })
	out.MedianLower = out.passes(func(p VisitPoint) stats.Number { return p.Lower })
	out.MedianUpper = out.passes(func(p VisitPoint) stats.Number { return p.Upper })
	return out, nil
}

// read takes off 1 what lies before the visit; a mass around it leaves it undefined.
func (p *VisitPoint) read(visit float64, masses []Mass, covariance *mat.SymDense, z float64) {
	before, fallen := 0, 0.0
	for _, m := range masses {
		switch {
		case m.Upper.Defined && m.Upper.Value <= visit:
			before++
			fallen += m.Mass
		case m.Lower < visit:
			return
		}
	}
	surv := math.Min(1, math.Max(0, 1-fallen))
	if before == len(masses) {
		surv = 0
	}
	p.Surv = stats.Of(surv)
	if before == 0 || before == len(masses) || covariance == nil {
		return
	}
	variance := 0.0
	for j := range before {
		for k := range before {
			variance += covariance.At(j, k)
		}
	}
	row := Row{Surv: surv}
	row.limits(math.Sqrt(variance)/surv, z)
	p.SE, p.Lower, p.Upper = row.SE, row.LowerLogLog, row.UpperLogLog
}

// massCovariance inverts the observed information of all masses but the last, which is what they leave of 1; nil where there
// is only one.
func massCovariance(times []Censored, masses []Mass) *mat.SymDense {
	m := len(masses) - 1
	if m < 1 {
		return nil
	}
	info := mat.NewSymDense(m, nil)
	holds := func(c Censored, mass Mass) float64 {
		upper := math.Inf(1)
		if mass.Upper.Defined {
			upper = mass.Upper.Value
		}
		if c.Lower <= mass.Lower && upper <= c.Upper {
			return 1
		}
		return 0
	}
	for _, c := range times {
		q, row := 0.0, make([]float64, m)
		last := holds(c, masses[m])
		for j := range masses {
			q += holds(c, masses[j]) * masses[j].Mass
		}
		for j := range row {
			row[j] = holds(c, masses[j]) - last
		}
		for j := range row {
			for k := range j + 1 {
				info.SetSym(j, k, info.At(j, k)+float64(c.Count)*row[j]*row[k]/(q*q))
			}
		}
	}
	var chol mat.Cholesky
	covariance := mat.NewSymDense(m, nil)
	if !chol.Factorize(info) || chol.InverseTo(covariance) != nil {
		return nil
	}
	return covariance
}

// passes is the stretch from the last visit above one half to the first one at or below it, read where the height is known.
func (c VisitCurve) passes(height func(VisitPoint) stats.Number) TimeRange {
	above := 0.0
	for _, p := range c.Points {
		h := height(p)
		switch {
		case h.Defined && h.Value <= 0.5+flatTolerance, !h.Defined && p.Surv.Defined && p.Surv.Value == 0:
			return TimeRange{stats.Of(above), stats.Of(p.Time)}
		case h.Defined, p.Surv.Defined && p.Surv.Value == 1:
			above = p.Time
		}
	}
	return TimeRange{}
}

// RestrictedMeanLimits are limits of a restricted mean that stay between 0 and tau, as the mean does: those of the logit of
// its share of tau by the delta method, taken back. They are undefined where the mean is 0 or tau, or has no error.
func RestrictedMeanLimits(m RMST, level float64) (lower, upper stats.Number) {
	if !m.Estimate.Defined || !m.SE.Defined || !(m.SE.Value > 0) || !(m.Estimate.Value > 0 && m.Estimate.Value < m.Tau) {
		return lower, upper
	}
	share := m.Estimate.Value / m.Tau
	center, half := math.Log(share/(1-share)), stats.NormalQuantile(0.5+level/2)*m.SE.Value/m.Tau/(share*(1-share))
	back := func(x float64) stats.Number { return stats.Of(m.Tau / (1 + math.Exp(-x))) }
	return back(center - half), back(center + half)
}

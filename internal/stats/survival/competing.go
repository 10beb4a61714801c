package survival

import (
	"cmp"
	"math"
	"slices"

	"afterglow/internal/stats"
)

// CompetingRow is a subject's first event: 0 censored, k the k-th cause.
type CompetingRow struct {
	Time  float64
	Cause int
	Group int
}

// CompetingRisks are cumulative incidences, with Gray's test where there are groups.
type CompetingRisks struct {
	Groups   []IncidenceGroup `json:"groups"`
	GrayTest []GrayTest       `json:"gray_test,omitempty"`
	FineGray *FineGray        `json:"fine_gray,omitempty"`
}

// IncidenceGroup are one group's cumulative incidences and its share without any event.
type IncidenceGroup struct {
	Level     string           `json:"level"`
	N         int              `json:"n"`
	Causes    []IncidenceCause `json:"causes"`
	EventFree []EventFree      `json:"event_free"`
}

// IncidenceCause is one cause's cumulative incidence at the times asked for.
type IncidenceCause struct {
	Cause   string      `json:"cause"`
	NEvents int         `json:"n_events"`
	Rows    []Incidence `json:"rows"`
}

// Incidence is the probability that the event came by this cause up to the time. SE is of Greenwood's type, as for a
// multinomial outcome at every time (Allignol, Schumacher & Beyersmann 2010, Comput Stat 25:1); SEGray is that of Gray's
// cmprsk, which differs in ties. Limits are plain, log and complementary log-log with SE.
type Incidence struct {
	Time        float64      `json:"time"`
	CIF         stats.Number `json:"cif"`
	SE          stats.Number `json:"se"`
	LowerPlain  stats.Number `json:"lower_plain"`
	UpperPlain  stats.Number `json:"upper_plain"`
	LowerLog    stats.Number `json:"lower_log"`
	UpperLog    stats.Number `json:"upper_log"`
	LowerLogLog stats.Number `json:"lower_loglog"`
	UpperLogLog stats.Number `json:"upper_loglog"`
	SEGray      stats.Number `json:"se_cmprsk"`
}

// EventFree is the probability of no event up to the time.
type EventFree struct {
	Time float64      `json:"time"`
	Surv stats.Number `json:"surv"`
	SE   stats.Number `json:"se"`
}

// moment counts what happened at one time in one group: by cause, and all who left.
type moment struct {
	time   float64
	events []int
	gone   int
}

func (m moment) any() int {
	sum := 0
	for _, e := range m.events {
		sum += e
	}
	return sum
}

// Incidences estimates cumulative incidences by Aalen and Johansen's method (1978, Scand J Stat 5:141) in every group, and
// tests by Gray's (1988, Ann Stat 16:1141) that the groups agree, cause by cause. See docs/methods/competing-risks.md.
func Incidences(rows []CompetingRow, causes, levels []string, at []float64, level float64) (CompetingRisks, error) {
	out := CompetingRisks{}
	if err := (Options{At: at, Level: level}).Validate(); err != nil {
		return out, err
	}
	byGroup, tolerance, err := moments(rows, len(causes), levels)
	if err != nil {
		return out, err
	}
	for g, name := range levels {
		out.Groups = append(out.Groups, incidence(name, byGroup[g], causes, at, level, tolerance))
	}
	if len(levels) > 1 {
		for k, cause := range causes {
			test, err := gray(byGroup, k)
			if err != nil {
				return out, err
			}
			test.Cause = cause
			out.GrayTest = append(out.GrayTest, test)
		}
	}
	return out, nil
}

func moments(rows []CompetingRow, causes int, levels []string) ([][]moment, float64, error) {
	times := make([]float64, len(rows))
	for i, r := range rows {
		if !stats.Finite(r.Time) || r.Time < 0 {
			return nil, 0, stats.Errorf(stats.NotFinite, "time", "of row %d is negative or not finite", i+1)
		}
		if r.Cause < 0 || r.Cause > causes {
			return nil, 0, stats.Errorf(stats.BadInput, "event", "row %d has cause %d; there are %d, and 0 for censored", i+1, r.Cause, causes)
		}
		if r.Group < 0 || r.Group >= len(levels) {
			return nil, 0, stats.Errorf(stats.BadInput, "group", "row %d is in none of the groups", i+1)
		}
		times[i] = r.Time
	}
	if len(levels) == 0 || causes == 0 {
		return nil, 0, stats.Errorf(stats.BadInput, "causes", "no group, or no cause, is named")
	}
	tolerance := alignTimes(nil, times)
	counts := make([]map[float64]*moment, len(levels))
	for g := range counts {
		counts[g] = map[float64]*moment{}
	}
	for i, r := range rows {
		m := counts[r.Group][times[i]]
		if m == nil {
			m = &moment{time: times[i], events: make([]int, causes)}
			counts[r.Group][times[i]] = m
		}
		m.gone++
		if r.Cause > 0 {
			m.events[r.Cause-1]++
		}
	}
	out := make([][]moment, len(levels))
	for g, level := range levels {
		if len(counts[g]) == 0 {
			return nil, 0, stats.Errorf(stats.EmptyCell, level, "no subject in this group")
		}
		for _, m := range counts[g] {
			out[g] = append(out[g], *m)
		}
		slices.SortFunc(out[g], func(a, b moment) int { return cmp.Compare(a.time, b.time) })
	}
	return out, tolerance, nil
}

// path is a group's curves after each of its times, with the number at risk before.
type path struct {
	risk []float64
	surv []float64   // after
	cif  [][]float64 // by cause, after
}

func follow(ms []moment) path {
	p := path{cif: make([][]float64, len(ms[0].events))}
	atRisk, surv := 0, 1.0
	for _, m := range ms {
		atRisk += m.gone
	}
	for i, m := range ms {
		n := float64(atRisk)
		p.risk = append(p.risk, n)
		for k, d := range m.events {
			before := 0.0
			if i > 0 {
				before = p.cif[k][i-1]
			}
			p.cif[k] = append(p.cif[k], before+surv*float64(d)/n)
		}
		surv *= 1 - float64(m.any())/n
		p.surv = append(p.surv, surv)
		atRisk -= m.gone
	}
	return p
}

func incidence(name string, ms []moment, causes []string, at []float64, level, tolerance float64) IncidenceGroup {
	p := follow(ms)
	out := IncidenceGroup{Level: name, N: int(p.risk[0])}
	last := func(t float64) int { // how many of the times lie at or before t; -1 past the last while anyone is left
		n := 0
		for n < len(ms) && ms[n].time <= t+tolerance {
			n++
		}
		if n == len(ms) && t > ms[n-1].time+tolerance && p.surv[n-1] > 0 {
			return -1
		}
		return n
	}
	for k, cause := range causes {
		c := IncidenceCause{Cause: cause, Rows: []Incidence{}}
		for _, m := range ms {
			c.NEvents += m.events[k]
		}
		for _, t := range at {
			c.Rows = append(c.Rows, p.incidenceAt(ms, k, t, last(t), level))
		}
		out.Causes = append(out.Causes, c)
	}
	for _, t := range at {
		row := EventFree{Time: t}
		if n := last(t); n >= 0 {
			greenwood, s := 0.0, 1.0
			for i := range n {
				d := float64(ms[i].any())
				if d > 0 {
					greenwood += d / (p.risk[i] * (p.risk[i] - d))
				}
				s = p.surv[i]
			}
			row.Surv, row.SE = stats.Of(s), stats.Of(s*math.Sqrt(greenwood))
		}
		out.EventFree = append(out.EventFree, row)
	}
	return out
}

func (p path) incidenceAt(ms []moment, cause int, t float64, n int, level float64) Incidence {
	out := Incidence{Time: t}
	if n < 0 {
		return out
	}
	f := 0.0
	if n > 0 {
		f = p.cif[cause][n-1]
	}
	out.CIF = stats.Of(f)
	se := math.Sqrt(p.multinomial(ms, cause, n, f))
	out.SE, out.SEGray = stats.Of(se), stats.Of(math.Sqrt(p.aalen(ms, cause, n, f)))
	z := stats.NormalQuantile(0.5 + level/2)
	out.LowerPlain, out.UpperPlain = stats.Of(math.Max(0, f-z*se)), stats.Of(math.Min(1, f+z*se))
	if f > 0 {
		out.LowerLog, out.UpperLog = stats.Of(f*math.Exp(-z*se/f)), stats.Of(math.Min(1, f*math.Exp(z*se/f)))
	}
	if f > 0 && f < 1 {
		center, half := math.Log(-math.Log(f)), z*se/(f*-math.Log(f))
		out.LowerLogLog, out.UpperLogLog = stats.Of(math.Exp(-math.Exp(center+half))), stats.Of(math.Exp(-math.Exp(center-half)))
	}
	return out
}

// multinomial is the delta method's variance with a multinomial outcome at each of the first n times.
func (p path) multinomial(ms []moment, cause, n int, f float64) float64 {
	variance, before := 0.0, 1.0
	for i := range n {
		r, d, own := p.risk[i], float64(ms[i].any()), float64(ms[i].events[cause])
		later := f - p.cif[cause][i]
		if d > 0 && d < r {
			variance += later*later*d/(r*(r-d)) - 2*before*later*own/(r*r)
		}
		variance += before * before * own * (r - own) / (r * r * r)
		before = p.surv[i]
	}
	return variance
}

// aalen is Aalen's variance (1978, Ann Stat 6:534) with Gray's correction for ties, (r - d)/(r - 1) by cause.
func (p path) aalen(ms []moment, cause, n int, f float64) float64 {
	variance, before := 0.0, 1.0
	for i := range n {
		r, after := p.risk[i], p.surv[i]
		own, other := float64(ms[i].events[cause]), float64(ms[i].any()-ms[i].events[cause])
		inverse := 0.0
		if after > 0 {
			inverse = 1 / after
		}
		// the influence of an event by the cause, and by another one, on the incidence at the end
		lost := (f - p.cif[cause][i]) * inverse
		if other > 0 && after > 0 {
			variance += lost * lost * before * before * tied(other, r) * other / (r * r)
		}
		if own > 0 {
			variance += (1 - lost) * (1 - lost) * before * before * tied(own, r) * own / (r * r)
		}
		before = after
	}
	return variance
}

func tied(d, risk float64) float64 {
	if d <= 1 {
		return 1
	}
	return 1 - (d-1)/(risk-1)
}

package survival

import (
	"math"
	"slices"

	"afterglow/internal/stats"
)

// Spells are rows for a Cox model: a subject, or a stretch of a subject's time, at risk over (Start, Stop].
type Spells struct {
	// Start is nil where every row is at risk from time 0 on.
	Start, Stop []float64
	Event       []bool
	// Names and X are the covariates, X holding the rows one after another.
	Names []string
	X     []float64
	// Stratum numbers a row's stratum among Strata; nil means one stratum.
	Stratum []int
	Strata  []string
	// Cluster numbers a row's cluster; nil means none.
	Cluster []int
}

// ordered are the rows by stratum, in each from the last stop to the first, covariates centred and scaled.
type ordered struct {
	n, p        int
	start, stop []float64
	event       []bool
	x           []float64
	stratum     []int
	row         []int // place in the Spells
	bounds      []int // where each stratum begins, and n
	entry       []int // rows by stratum, in each from the last start to the first; nil without starts
	mean, scale []float64
	events      int
	tolerance   float64
}

func order(s Spells) (*ordered, error) {
	n, p := len(s.Stop), len(s.Names)
	if n == 0 {
		return nil, stats.Errorf(stats.TooFew, "rows", "no complete row")
	}
	if p == 0 {
		return nil, stats.Errorf(stats.BadInput, "formula", "has no covariate")
	}
	o := &ordered{n: n, p: p, row: make([]int, n)}
	stop, start := slices.Clone(s.Stop), slices.Clone(s.Start)
	if err := checkTimes(s, start, stop); err != nil {
		return nil, err
	}
	o.tolerance = alignTimes(start, stop)
	for i := range n {
		if start != nil && start[i] >= stop[i] {
			return nil, stats.Errorf(stats.BadInput, "stop", "row %d ends before or when it starts", i+1)
		}
		o.row[i] = i
		if s.Event[i] {
			o.events++
		}
	}
	if o.events == 0 {
		return nil, stats.Errorf(stats.NoEvents, "event", "no event in any row")
	}
	stratum := func(i int) int {
		if s.Stratum == nil {
			return 0
		}
		return s.Stratum[i]
	}
	latestFirst := func(time []float64) func(a, b int) int {
		return func(a, b int) int {
			if d := stratum(a) - stratum(b); d != 0 {
				return d
			}
			switch {
			case time[a] > time[b]:
				return -1
			case time[a] < time[b]:
				return 1
			}
			return a - b
		}
	}
	slices.SortFunc(o.row, latestFirst(stop))
	o.stop, o.event, o.stratum = make([]float64, n), make([]bool, n), make([]int, n)
	place := make([]int, n)
	for i, r := range o.row {
		o.stop[i], o.event[i], o.stratum[i], place[r] = stop[r], s.Event[r], stratum(r), i
		if i == 0 || o.stratum[i] != o.stratum[i-1] {
			o.bounds = append(o.bounds, i)
		}
	}
	o.bounds = append(o.bounds, n)
	if start != nil {
		o.start, o.entry = make([]float64, n), slices.Clone(o.row)
		slices.SortFunc(o.entry, latestFirst(start))
		for i, r := range o.row {
			o.start[i] = start[r]
		}
		for i, r := range o.entry {
			o.entry[i] = place[r]
		}
	}
	return o, o.standardise(s)
}

func checkTimes(s Spells, times ...[]float64) error {
	if len(s.Event) != len(s.Stop) || len(s.X) != len(s.Stop)*len(s.Names) {
		return stats.Errorf(stats.BadInput, "rows", "times, events and covariates differ in length")
	}
	for _, column := range times {
		for i, t := range column {
			if math.IsNaN(t) || math.IsInf(t, 0) {
				return stats.Errorf(stats.NotFinite, "time", "of row %d is not finite", i+1)
			}
		}
	}
	if s.Start == nil && slices.Min(s.Stop) < 0 {
		return stats.Errorf(stats.BadInput, "time", "a time is negative")
	}
	return nil
}

// alignTimes joins times that are equal but for rounding, as align does for counts.
func alignTimes(start, stop []float64) float64 {
	times := slices.Concat(start, stop)
	slices.Sort(times)
	times = slices.Compact(times)
	mean := 0.0
	for _, t := range times {
		mean += math.Abs(t) / float64(len(times))
	}
	tolerance := tieTolerance * math.Max(1, mean)
	near := false
	for i := 1; i < len(times); i++ {
		near = near || times[i]-times[i-1] <= tolerance
	}
	if !near {
		return tolerance
	}
	first := map[float64]float64{}
	for i, t := range times {
		if i > 0 && t-times[i-1] <= tolerance {
			first[t] = first[times[i-1]]
		} else {
			first[t] = t
		}
	}
	for _, column := range [][]float64{start, stop} {
		for i, t := range column {
			column[i] = first[t]
		}
	}
	return tolerance
}

func (o *ordered) standardise(s Spells) error {
	n, p := o.n, o.p
	o.x, o.mean, o.scale = make([]float64, n*p), make([]float64, p), make([]float64, p)
	for j, name := range s.Names {
		for i := range n {
			v := s.X[i*p+j]
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return stats.Errorf(stats.NotFinite, name, "row %d is not a finite number", i+1)
			}
			o.mean[j] += v / float64(n)
		}
		for i := range n {
			o.scale[j] = math.Hypot(o.scale[j], s.X[i*p+j]-o.mean[j])
		}
		o.scale[j] /= math.Sqrt(float64(n))
		if !(o.scale[j] > 1e-12*math.Abs(o.mean[j])) {
			return stats.Errorf(stats.OneLevel, name, "has the same value in all rows")
		}
	}
	for i, r := range o.row {
		for j := range p {
			o.x[i*p+j] = (s.X[r*p+j] - o.mean[j]) / o.scale[j]
		}
	}
	return nil
}

// tie is what happens at one event time of a stratum: sums over the rows at risk, and over those with the event (D).
type tie struct {
	stratum    int
	time       float64
	from, to   int // the rows that stop at this time; those with an event are members
	deaths     int
	s0, d0     float64
	s1, d1, dx []float64 // dx: the plain sum of the members' covariates
	s2, d2     []float64 // lower triangles by rows, p x p; nil where not asked
	risk       []float64 // exp(x'b) of every row
}

// walk visits the event times of every stratum, from the last to the first, at coefficients beta.
func (o *ordered) walk(beta []float64, second bool, visit func(*tie)) {
	p := o.p
	risk := make([]float64, o.n)
	for i := range risk {
		eta := 0.0
		for j, x := range o.x[i*p : i*p+p] {
			eta += x * beta[j]
		}
		risk[i] = math.Exp(eta)
	}
	t := &tie{s1: make([]float64, p), d1: make([]float64, p), dx: make([]float64, p), risk: risk}
	if second {
		t.s2, t.d2 = make([]float64, p*p), make([]float64, p*p)
	}
	for s := 0; s+1 < len(o.bounds); s++ {
		o.walkStratum(t, o.bounds[s], o.bounds[s+1], visit)
	}
}

func (o *ordered) walkStratum(t *tie, begin, end int, visit func(*tie)) {
	p := o.p
	t.stratum, t.s0 = o.stratum[begin], 0
	clear(t.s1)
	clear(t.s2)
	add := func(i int, sign float64, s0 *float64, s1, s2 []float64) {
		r := sign * t.risk[i]
		*s0 += r
		row := o.x[i*p : i*p+p]
		for j, x := range row {
			s1[j] += r * x
		}
		if s2 == nil {
			return
		}
		for j, x := range row {
			rx := r * x
			to := s2[j*p : j*p+j+1]
			for k := range to {
				to[k] += rx * row[k]
			}
		}
	}
	left := begin
	for i := begin; i < end; {
		t.from, t.time, t.deaths, t.d0 = i, o.stop[i], 0, 0
		for i < end && o.stop[i] == t.time {
			add(i, 1, &t.s0, t.s1, t.s2)
			if o.event[i] {
				t.deaths++
			}
			i++
		}
		t.to = i
		if t.deaths == 0 {
			continue
		}
		for ; o.entry != nil && left < end && o.start[o.entry[left]] >= t.time; left++ {
			add(o.entry[left], -1, &t.s0, t.s1, t.s2)
		}
		clear(t.d1)
		clear(t.d2)
		clear(t.dx)
		for m := t.from; m < t.to; m++ {
			if o.event[m] {
				add(m, 1, &t.d0, t.d1, t.d2)
				for j, x := range o.x[m*p : m*p+p] {
					t.dx[j] += x
				}
			}
		}
		visit(t)
	}
}

package survival

// tie is what happens at one event time of a stratum: sums over the rows at risk, and over those with the event (D).
type tie struct {
	stratum    int
	time       float64
	from, to   int // the rows that stop at this time; those with an event are members
	deaths     int // members, each as often as its frequency
	weight     float64
	s0, d0     float64
	s1, d1, dx []float64 // dx: the sum of the members' covariates by weight
	s2, d2     []float64 // lower triangles by rows, p x p; nil where not asked
	risk       []float64 // exp(x'b) of every row, times its weight
}

// walk visits the event times of every stratum, from the last to the first, at coefficients beta.
func (o *ordered) walk(beta []float64, second bool, visit func(*tie)) {
	p := o.p
	risk := make([]float64, o.n)
	o.risks(beta, risk)
	t := &tie{s1: make([]float64, p), d1: make([]float64, p), dx: make([]float64, p), risk: risk}
	if second {
		t.s2, t.d2 = make([]float64, p*p), make([]float64, p*p)
	}
	for s := 0; s+1 < len(o.bounds); s++ {
		o.walkStratum(t, o.bounds[s], o.bounds[s+1], visit)
	}
}

func (o *ordered) walkStratum(t *tie, begin, end int, visit func(*tie)) {
	t.stratum, t.s0 = o.stratum[begin], 0
	clear(t.s1)
	clear(t.s2)
	left := begin
	for i := begin; i < end; {
		t.from, t.time, t.deaths, t.weight, t.d0 = i, o.stop[i], 0, 0, 0
		clear(t.d1)
		clear(t.d2)
		clear(t.dx)
		for ; o.entry != nil && left < i && o.start[o.entry[left]] >= t.time; left++ {
			o.add(o.entry[left], -t.risk[o.entry[left]], &t.s0, t.s1, t.s2)
		}
		if left == i { // nobody is left but for rounding
			t.s0 = 0
			clear(t.s1)
			clear(t.s2)
		}
		for i < end && o.stop[i] == t.time {
			o.add(i, t.risk[i], &t.s0, t.s1, t.s2)
			if o.event[i] {
				o.addMember(t, i)
			}
			i++
		}
		t.to = i
		if t.deaths == 0 {
			continue
		}
		visit(t)
	}
}

func (o *ordered) addMember(t *tie, i int) {
	weight := o.weightOf(i)
	t.weight += weight
	if o.frequency && o.weight != nil {
		t.deaths += int(weight)
	} else {
		t.deaths++
	}
	o.add(i, t.risk[i], &t.d0, t.d1, t.d2)
	for j, x := range o.x[i*o.p : i*o.p+o.p] {
		t.dx[j] += weight * x
	}
}

// add puts row i with risk r into sums; s2 may be nil.
func (o *ordered) add(i int, r float64, s0 *float64, s1, s2 []float64) {
	p := o.p
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

package proportion

import (
	"math"

	"afterglow/internal/stats"
)

// likelier lets tables that are as likely but for rounding count as equal, as R does.
const likelier = 1 + 1e-7

// mostTables bounds the tables with the same margins that are enumerated.
const mostTables = 1_000_000

// conditional is the distribution of the first cell given both margins, which depends on the odds ratio
// alone: Fisher's noncentral hypergeometric distribution.
type conditional struct {
	low  int       // the smallest value
	logs []float64 // log weights at an odds ratio of 1
}

func newConditional(t Table) conditional {
	n1, n2, events := t.A+t.B, t.C+t.D, t.A+t.C
	d := conditional{low: max(0, events-n2)}
	for x := d.low; x <= min(n1, events); x++ {
		d.logs = append(d.logs, logChoose(n1, x)+logChoose(n2, events-x))
	}
	return d
}

// at gives the probabilities at a log odds ratio.
func (d conditional) at(logOdds float64) []float64 {
	p := make([]float64, len(d.logs))
	if math.IsInf(logOdds, -1) {
		p[0] = 1
		return p
	}
	top := math.Inf(-1)
	for i, l := range d.logs {
		p[i] = l + float64(d.low+i)*logOdds
		top = math.Max(top, p[i])
	}
	sum := 0.0
	for i := range p {
		p[i] = math.Exp(p[i] - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// fisher fills in Fisher's exact test (1935): the conditional maximum likelihood odds ratio, its exact limits
// and the two-sided p of all tables no likelier than this one.
func (two *Two) fisher(t Table, level float64) {
	if min(t.A+t.B, t.A+t.C)-max(0, t.A-t.D) > mostTables {
		two.Notes = append(two.Notes, "Fisher's test is left out: more than a million tables have these margins")
		return
	}
	d := newConditional(t)
	place := t.A - d.low
	p := d.at(0)
	sum := 0.0
	for _, q := range p {
		if q <= p[place]*likelier {
			sum += q
		}
	}
	two.FisherP = stats.Of(math.Min(1, sum))
	tail := (1 - level) / 2
	last := len(d.logs) - 1
	two.FisherLower = stats.Of(0)
	if last == 0 {
		return // the margins leave one table
	}
	two.FisherOddsRatio = stats.Of(0)
	if place > 0 {
		two.FisherLower = stats.Of(d.solve(func(p []float64) float64 { return upperTail(p, place) - tail }))
		two.FisherOddsRatio = stats.Number{}
		if place < last {
			two.FisherOddsRatio = stats.Of(d.solve(func(p []float64) float64 { return mean(p) - float64(place) }))
		}
	}
	if place < last {
		two.FisherUpper = stats.Of(d.solve(func(p []float64) float64 { return tail - (1 - upperTail(p, place+1)) }))
	}
}

// searchTolerance is how near the search for an odds ratio, or for its reciprocal above 1, comes: the default
// of R's fisher.test, a quarter of the digits. A finer search would give limits that differ from R's from the
// fourth digit on, and nobody could check them.
var searchTolerance = math.Pow(0x1p-52, 0.25)

// solve finds the odds ratio at which a rising function of the distribution is 0.
func (d conditional) solve(f func(p []float64) float64) float64 {
	middle := f(d.at(0))
	switch {
	case middle > 0:
		return zero(func(odds float64) float64 { return f(d.at(math.Log(odds))) }, 0, 1, searchTolerance)
	case middle < 0:
		return 1 / zero(func(inverse float64) float64 { return f(d.at(-math.Log(inverse))) }, 0x1p-52, 1, searchTolerance)
	}
	return 1
}

func upperTail(p []float64, from int) float64 {
	sum := 0.0
	for _, q := range p[from:] {
		sum += q
	}
	return sum
}

func mean(p []float64) float64 {
	sum := 0.0
	for i, q := range p {
		sum += float64(i) * q
	}
	return sum
}

// zero finds a zero of f between a and b, where its sign changes: Brent (1973), Algorithms for Minimization
// without Derivatives, ch. 4.
func zero(f func(float64) float64, a, b, tolerance float64) float64 {
	fa, fb := f(a), f(b)
	if fa == 0 {
		return a
	}
	c, fc := a, fa
	for range 1000 {
		previous := b - a
		if math.Abs(fc) < math.Abs(fb) {
			a, b, c = b, c, b
			fa, fb, fc = fb, fc, fb
		}
		near := 2*0x1p-52*math.Abs(b) + tolerance/2
		step := (c - b) / 2
		if math.Abs(step) <= near || fb == 0 {
			break
		}
		if math.Abs(previous) >= near && math.Abs(fa) > math.Abs(fb) {
			if s, ok := interpolated(point{a, fa}, point{b, fb}, point{c, fc}, previous, near); ok {
				step = s
			}
		}
		if math.Abs(step) < near {
			step = math.Copysign(near, step)
		}
		a, fa = b, fb
		b += step
		fb = f(b)
		if fb > 0 == (fc > 0) {
			c, fc = a, fa
		}
	}
	return b
}

type point struct{ x, f float64 }

// interpolated is a step from b by the secant or the inverse parabola, where it stays well inside.
func interpolated(a, b, c point, previous, near float64) (float64, bool) {
	across, t1 := c.x-b.x, b.f/a.f
	p, q := across*t1, 1-t1
	if a.x != c.x {
		r, t := a.f/c.f, b.f/c.f
		p = t1 * (across*r*(r-t) - (b.x-a.x)*(t-1))
		q = (r - 1) * (t - 1) * (t1 - 1)
	}
	if p > 0 {
		q = -q
	} else {
		p = -p
	}
	if p < 0.75*across*q-math.Abs(near*q)/2 && p < math.Abs(previous*q/2) {
		return p / q, true
	}
	return 0, false
}

package weighting

import (
	"math"

	"afterglow/internal/stats"
)

// TwoByTwo counts people with and without an event, exposed and not.
type TwoByTwo struct {
	ExposedEvent, ExposedNone, UnexposedEvent, UnexposedNone int
}

// ConfoundingOfDifference gives the E-value of a risk difference: of confounding that takes the standardised difference to
// 0, and its interval's limit there (Ding & VanderWeele 2016, Epidemiology 27:368, pp. 376-377). The bias factor of the
// estimate is the risk ratio; that of the limit solves
//
//	(p1 - p0 B)(f + (1-f)/B) = z sqrt((s1^2 + s0^2 B^2)(f + (1-f)/B)^2 + (p1 - p0 B)^2 (1 - 1/B)^2 sf^2)
//
// with f the share exposed. A difference below 0 is taken the other way round. See docs/methods/evalue.md.
func ConfoundingOfDifference(t TwoByTwo, level float64) (EValue, error) {
	if err := stats.CheckLevel(level); err != nil {
		return EValue{}, err
	}
	if min(t.ExposedEvent, t.ExposedNone, t.UnexposedEvent, t.UnexposedNone) < 0 {
		return EValue{}, stats.Errorf(stats.BadInput, "table", "a count is negative")
	}
	exposed, unexposed := t.ExposedEvent+t.ExposedNone, t.UnexposedEvent+t.UnexposedNone
	if exposed == 0 || unexposed == 0 {
		return EValue{}, stats.Errorf(stats.EmptyCell, "table", "one of the groups is empty")
	}
	p1, p0 := float64(t.ExposedEvent)/float64(exposed), float64(t.UnexposedEvent)/float64(unexposed)
	if p1 == 0 || p0 == 0 {
		return EValue{}, stats.Errorf(stats.NoEvents, "table", "a group without an event has no risk ratio")
	}
	v1, v0 := p1*(1-p1)/float64(exposed), p0*(1-p0)/float64(unexposed)
	z, f := stats.NormalQuantile(0.5+level/2), float64(exposed)/float64(exposed+unexposed)
	se := math.Sqrt(v1 + v0)
	out := EValue{RR: stats.Of(p1 / p0), Difference: stats.Of(p1 - p0), DifferenceLower: stats.Of(p1 - p0 - z*se), DifferenceUpper: stats.Of(p1 - p0 + z*se)}
	out.Value = stats.Of(explainAway(p1 / p0))
	if p1 < p0 {
		p1, p0, v1, v0, f = p0, p1, v0, v1, 1-f
	}
	if p1-p0 <= z*se {
		out.Limit = stats.Of(1)
		return out, nil
	}
	limit := func(b float64) float64 {
		rest, share := p1-p0*b, f+(1-f)/b
		vf := f * (1 - f) / float64(exposed+unexposed)
		return rest*share - z*math.Sqrt((v1+v0*b*b)*share*share+rest*rest*(1-1/b)*(1-1/b)*vf)
	}
	// above 0 at no confounding, below 0 where the difference itself is gone
	low, high := 1.0, p1/p0
	for range 200 {
		if middle := (low + high) / 2; limit(middle) > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	out.Limit = stats.Of(explainAway(low))
	return out, nil
}

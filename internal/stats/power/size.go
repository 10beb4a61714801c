package power

import (
	"errors"
	"math"
	"slices"

	"afterglow/internal/stats"
)

// SampleSize is the smallest size found whose simulated power reaches the target. Low and High are the sizes that the
// simulation's own error leaves possible: those at which the target would be met if the power at N were the upper, or the
// lower, limit of its interval, the distance of the estimate from zero in standard errors growing with the root of the size.
// Tried are all sizes simulated on the way.
type SampleSize struct {
	Target float64      `json:"target"`
	N      []int        `json:"n_by_arm"`
	Low    stats.Number `json:"n_low"`
	High   stats.Number `json:"n_high"`
	At     Power        `json:"at_n"`
	Tried  []Power      `json:"tried"`
	Notes  []string     `json:"notes"`
}

// Find halves in on the size between the bounds (of the first arm), all sizes on the same streams of random numbers. See
// docs/methods/power.md.
func Find(design Design, target float64, low, high int, o Options) (SampleSize, error) {
	out := SampleSize{Target: target, Notes: []string{}}
	if err := o.check(); err != nil {
		return out, err
	}
	if !(target > o.Alpha && target < 1) {
		return out, stats.Errorf(stats.BadInput, "target", "the power must lie between alpha and 1")
	}
	if low < 2 || high < low || high > maxSubjects {
		return out, stats.Errorf(stats.BadInput, "bounds", "sizes run from 2 to %d, the lower first", maxSubjects)
	}
	t, err := design.prepare()
	if err != nil {
		return out, err
	}
	for low < high && slices.Min(design.arms(low)) < 2 { // the ratio leaves the other arm without anyone
		low++
	}
	reaches := func(n int) (bool, error) {
		p, err := simulate(t, design.arms(n), o)
		if err != nil {
			return false, err
		}
		out.Tried = append(out.Tried, p)
		if p.Power >= target {
			out.At = p
		}
		return p.Power >= target, nil
	}
	found, err := out.search(reaches, low, high)
	if err != nil {
		return out, err
	}
	out.N = design.arms(found)
	out.bound(found, o)
	return out, nil
}

// search doubles from low until the target is reached, then halves; At is left at the size found.
func (s *SampleSize) search(reaches func(int) (bool, error), low, high int) (int, error) {
	below, above := low-1, low
	for {
		enough, err := reaches(above)
		if err != nil && (above == high || !smallness(err)) {
			return 0, err
		}
		if enough {
			break
		}
		if above == high {
			return 0, stats.Errorf(stats.TooFew, "high", "even the largest size allowed, %d, has a power of %.3f only", high, s.Tried[len(s.Tried)-1].Power)
		}
		below, above = above, min(2*above, high)
	}
	if above == low {
		s.Notes = append(s.Notes, "The smallest size allowed reaches the target already.")
	}
	for above-below > 1 {
		mid := below + (above-below)/2
		enough, err := reaches(mid)
		if err == nil && enough {
			above = mid
		} else {
			below = mid
		}
	}
	return above, nil
}

// smallness tells whether a failure may go away with more subjects.
func smallness(err error) bool {
	var failure *stats.Failure
	return errors.As(err, &failure) && failure.Kind != stats.BadInput && failure.Kind != stats.NotFinite && failure.Kind != stats.Internal
}

func (s *SampleSize) bound(n int, o Options) {
	z := stats.NormalQuantile(1 - o.Alpha/2)
	wanted := z + stats.NormalQuantile(s.Target)
	at := func(power float64) stats.Number {
		reached := z + stats.NormalQuantile(power)
		if !(reached > 0) {
			return stats.Number{}
		}
		return stats.Of(math.Ceil(float64(n) * wanted * wanted / (reached * reached)))
	}
	s.Low, s.High = at(s.At.Upper.Value), at(s.At.Lower.Value)
	s.Notes = append(s.Notes, "n_low to n_high is what the error of the simulation leaves open; more replicates narrow it. It says nothing about the assumed effect and variation.")
}

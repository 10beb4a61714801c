package survival

import (
	"math"
	"slices"
)

// toleranceOf is the difference up to which times count as one: 1.5e-8, absolutely or relative to the mean of the distinct
// times, as in R. times must be sorted and distinct.
func toleranceOf(times []float64) float64 {
	mean := 0.0
	for _, t := range times {
		mean += math.Abs(t) / float64(len(times))
	}
	return tieTolerance * math.Max(1, mean)
}

// tolerance is that of columns of times, which may hold infinities: these are passed over.
func tolerance(columns ...[]float64) float64 {
	all := slices.DeleteFunc(slices.Concat(columns...), func(t float64) bool { return math.IsInf(t, 0) || math.IsNaN(t) })
	return toleranceOf(slices.Compact(ascending(all)))
}

// tiedTo gives the mark that a time is equal to but for rounding, else the time itself; marks are sorted.
func tiedTo(time float64, marks []float64, tolerance float64) float64 {
	at, _ := slices.BinarySearch(marks, time)
	for _, k := range []int{at - 1, at} {
		if k >= 0 && k < len(marks) && math.Abs(time-marks[k]) <= tolerance {
			return marks[k]
		}
	}
	return time
}

// tiedToAll gives times with those that equal a mark but for rounding at that mark.
func tiedToAll(times, marks []float64) []float64 {
	width := tolerance(times, marks)
	out := make([]float64, len(times))
	for i, t := range times {
		out[i] = tiedTo(t, marks, width)
	}
	return out
}

package descriptive

import "math"

// Quantile is the quantile of sorted values by one of the nine definitions of Hyndman & Fan (1996), The American
// Statistician 50:361, numbered as there and in R: 1 to 3 step, 4 to 9 interpolate. An index that is whole but for rounding
// is whole, as in R, whose fuzz is four units of rounding. Anything else is NaN. See
// docs/methods/descriptives.md.
func Quantile(sorted []float64, p float64, definition int) float64 {
	n := len(sorted)
	if n == 0 || !(p >= 0 && p <= 1) || definition < 1 || definition > 9 {
		return math.NaN()
	}
	at := func(i float64) float64 { return sorted[int(min(max(i, 1), float64(n)))-1] }
	whole, share := position(float64(n), p, definition)
	low := at(whole)
	if share == 0 {
		return low
	}
	return low + share*(at(whole+1)-low)
}

// position is the index of the quantile among n sorted values, from 1, and the share of the way to the next.
func position(n, p float64, definition int) (whole, share float64) {
	const fuzz = 4 * 0x1p-52
	if definition > 3 {
		a, b := 0.0, 1.0
		switch definition {
		case 5:
			a, b = 0.5, 0.5
		case 6:
			a, b = 0, 0
		case 7:
			a, b = 1, 1
		case 8:
			a, b = 1.0/3, 1.0/3
		case 9:
			a, b = 3.0/8, 3.0/8
		}
		index := a + p*(n+1-a-b)
		whole = math.Floor(index + fuzz)
		if share = index - whole; math.Abs(share) < fuzz {
			share = 0
		}
		return whole, share
	}
	index := n * p
	if definition == 3 {
		index -= 0.5
	}
	whole = math.Floor(index + fuzz)
	beyond := index > whole
	switch {
	case definition == 1 && beyond, definition == 2 && beyond, definition == 3 && (index != whole || math.Mod(whole, 2) == 1):
		return whole, 1
	case definition == 2:
		return whole, 0.5
	}
	return whole, 0
}

// Median is the middle one of sorted values, or half the sum of the two in the middle; NaN without a value.
func Median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

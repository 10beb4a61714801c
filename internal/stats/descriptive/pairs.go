package descriptive

import (
	"math"
	"slices"
)

// sums are all a[i] + b[j] of two sorted columns, never written out: a million pairs of values have more sums than memory
// has room. Walsh averages are halves of the sums of a column with itself, each pair once.
type sums struct {
	a, b []float64
	once bool // a and b are the same column, i <= j
}

// differencesOf are the differences x - y of all pairs.
func differencesOf(x, y []float64) sums {
	s := sums{a: slices.Sorted(slices.Values(x)), b: make([]float64, len(y))}
	for i, v := range y {
		s.b[i] = -v
	}
	slices.Sort(s.b)
	return s
}

func walsh(d []float64) sums {
	sorted := slices.Sorted(slices.Values(d))
	return sums{sorted, sorted, true}
}

func (s sums) count() int {
	if s.once {
		return len(s.a) * (len(s.a) + 1) / 2
	}
	return len(s.a) * len(s.b)
}

// upTo counts the sums that are at most v.
func (s sums) upTo(v float64) int {
	count, same, j := 0, 0, len(s.b)
	for _, x := range s.a {
		for j > 0 && x+s.b[j-1] > v {
			j--
		}
		count += j
		if x+x <= v {
			same++
		}
	}
	if s.once {
		return (count + same) / 2
	}
	return count
}

// at gives the k-th smallest sum, from 1, or its half for Walsh averages: a search over the floating-point numbers
// themselves, whose bits have their order.
func (s sums) at(k int) float64 {
	low, high := orderOf(s.a[0]+s.b[0]), orderOf(s.a[len(s.a)-1]+s.b[len(s.b)-1])
	for low < high {
		middle := low + (high-low)/2
		if s.upTo(numberAt(middle)) >= k {
			high = middle
		} else {
			low = middle + 1
		}
	}
	v := numberAt(low) + 0 // no negative zero
	if s.once {
		return v / 2
	}
	return v
}

func (s sums) median() float64 {
	n := s.count()
	low := s.at((n + 1) / 2)
	if n%2 == 1 {
		return low
	}
	return low + (s.at(n/2+1)-low)/2
}

const signBit = 1 << 63

func orderOf(x float64) uint64 {
	bits := math.Float64bits(x)
	if bits&signBit != 0 {
		return ^bits
	}
	return bits | signBit
}

func numberAt(order uint64) float64 {
	if order&signBit != 0 {
		return math.Float64frombits(order &^ signBit)
	}
	return math.Float64frombits(^order)
}

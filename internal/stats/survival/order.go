package survival

import (
	"cmp"
	"math"
	"slices"
)

// alignTimes joins times that are equal but for rounding, as align does for counts.
func alignTimes(start, stop []float64) float64 {
	times := slices.Compact(ascending(slices.Concat(start, stop)))
	tolerance := toleranceOf(times)
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

// placed is a time with its row.
type placed struct {
	key uint64
	row int32
}

// key orders times as they are ordered themselves: the bits of a float, its sign turned (Herf 2001, Radix tricks).
func key(time float64) uint64 {
	bits := math.Float64bits(time + 0) // a zero has one sign
	if bits>>63 == 1 {
		return ^bits
	}
	return bits | 1<<63
}

func unkey(k uint64) float64 {
	if k>>63 == 1 {
		return math.Float64frombits(k &^ (1 << 63))
	}
	return math.Float64frombits(^k)
}

// radix sorts by key, equal ones in the order given, 16 bits at a time; digits that all share are passed over.
func radix(items []placed) []placed {
	other := make([]placed, len(items))
	counts := make([]int, 1<<16)
	for shift := 0; shift < 64; shift += 16 {
		clear(counts)
		for _, it := range items {
			counts[uint16(it.key>>shift)]++
		}
		if counts[uint16(items[0].key>>shift)] == len(items) {
			continue
		}
		sum := 0
		for d, c := range counts {
			counts[d] = sum
			sum += c
		}
		for _, it := range items {
			d := uint16(it.key >> shift)
			other[counts[d]] = it
			counts[d]++
		}
		items, other = other, items
	}
	return items
}

// radixFrom is the number of times from which the radix sort's tables pay.
const radixFrom = 20_000

// ascending sorts times, which it may overwrite.
func ascending(times []float64) []float64 {
	if len(times) < radixFrom {
		slices.Sort(times)
		return times
	}
	items := make([]placed, len(times))
	for i, t := range times {
		items[i].key = key(t)
	}
	for i, it := range radix(items) {
		times[i] = unkey(it.key)
	}
	return times
}

// latestFirst gives the rows by group, the lowest first, and in each from the last time to the first; group nil means one.
func latestFirst(times []float64, group []int) []int {
	rows := make([]int, len(times))
	if len(times) < radixFrom {
		for i := range rows {
			rows[i] = i
		}
		slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(times[b], times[a]) })
	} else {
		items := make([]placed, len(times))
		for i, t := range times {
			items[i] = placed{^key(t), int32(i)}
		}
		for i, it := range radix(items) {
			rows[i] = int(it.row)
		}
	}
	if group != nil {
		slices.SortStableFunc(rows, func(a, b int) int { return group[a] - group[b] })
	}
	return rows
}

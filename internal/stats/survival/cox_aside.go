package survival

import (
	"slices"

	"afterglow/internal/stats"
)

// AtRiskAtAnEvent tells whether any of the rows is at risk, in its stratum, when an event happens. One that is not says nothing
// about hazard ratios.
func (s Spells) AtRiskAtAnEvent(member func(row int) bool) bool {
	start, stop := slices.Clone(s.Start), slices.Clone(s.Stop)
	alignTimes(start, stop)
	stratum := func(row int) int {
		if s.Stratum == nil {
			return 0
		}
		return s.Stratum[row]
	}
	events := map[int][]float64{}
	for i, event := range s.Event {
		if event {
			events[stratum(i)] = append(events[stratum(i)], stop[i])
		}
	}
	for _, times := range events {
		slices.Sort(times)
	}
	for i, end := range stop {
		if !member(i) {
			continue
		}
		times := events[stratum(i)]
		first := 0 // event after the row's start
		if start != nil {
			first, _ = slices.BinarySearchFunc(times, start[i], func(t, s float64) int {
				if t <= s {
					return -1
				}
				return 1
			})
		}
		if first < len(times) && times[first] <= end {
			return true
		}
	}
	return false
}

// Without gives the rows without these covariates.
func (s Spells) Without(names []string) Spells {
	p := len(s.Names)
	out := s
	out.Names, out.X = nil, nil
	for j, name := range s.Names {
		if !slices.Contains(names, name) {
			out.Names = append(out.Names, s.Names[j])
		}
	}
	for i := range s.Stop {
		for j, name := range s.Names {
			if !slices.Contains(names, name) {
				out.X = append(out.X, s.X[i*p+j])
			}
		}
	}
	return out
}

// PutBack gives a result the rows of covariates that were set aside, without values, so that coefficients and covariances
// stand in the order of names.
func (r *CoxResult) PutBack(names []string) {
	place := make([]int, len(names))
	var coefficients []CoxCoefficient
	for j, name := range names {
		place[j] = slices.Index(r.VCov.Names, name)
		if place[j] < 0 {
			coefficients = append(coefficients, CoxCoefficient{Name: name})
		} else {
			coefficients = append(coefficients, r.Coefficients[place[j]])
		}
	}
	spread := func(m [][]stats.Number) [][]stats.Number {
		out := make([][]stats.Number, len(names))
		for j := range out {
			out[j] = make([]stats.Number, len(names))
			for k := range out[j] {
				if place[j] >= 0 && place[k] >= 0 {
					out[j][k] = m[place[j]][place[k]]
				}
			}
		}
		return out
	}
	r.Coefficients = coefficients
	r.VCov = stats.NamedMatrix{Names: names, Matrix: spread(r.VCov.Matrix)}
	if r.RobustVCov != nil {
		r.RobustVCov = spread(r.RobustVCov)
	}
}

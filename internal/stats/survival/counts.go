// Package survival estimates and compares times to an event. Floor: ground.
// It must not need one row a person for curves and their tests: events and censorings by distinct time and group are
// enough, so that ten million courses can be counted where they lie. Models with covariates take rows.
//
// Methods, sources and limits: docs/methods/kaplan-meier.md.
package survival

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"afterglow/internal/stats"
)

// Count is what happened at one time: so many events, so many censored. The time's unit is the caller's.
type Count struct {
	Time     float64 `json:"time"`
	Events   int     `json:"events"`
	Censored int     `json:"censored"`
}

// Group is the counts of one group of subjects, in any order.
type Group struct {
	Level  string  `json:"level"`
	Counts []Count `json:"counts"`
}

// Observation is one subject: a time, whether the event happened then, and the group.
type Observation struct {
	Time  float64
	Event bool
	Group string
}

// Tally counts subjects by group, groups in the order of levels. A subject outside the levels is an
// error: leaving anyone out is the caller's decision.
func Tally(subjects []Observation, levels []string) ([]Group, error) {
	counts := make([]map[float64]*Count, len(levels))
	for i := range counts {
		counts[i] = map[float64]*Count{}
	}
	for i, s := range subjects {
		g := slices.Index(levels, s.Group)
		if g < 0 {
			return nil, stats.Errorf(stats.BadInput, "group", "subject %d is in none of the groups", i+1)
		}
		if !stats.Finite(s.Time) {
			return nil, stats.Errorf(stats.NotFinite, "time", "the time of subject %d is not finite", i+1)
		}
		c := counts[g][s.Time]
		if c == nil {
			c = &Count{Time: s.Time}
			counts[g][s.Time] = c
		}
		if s.Event {
			c.Events++
		} else {
			c.Censored++
		}
	}
	out := make([]Group, len(levels))
	for g, level := range levels {
		out[g].Level = level
		for _, c := range counts[g] {
			out[g].Counts = append(out[g].Counts, *c)
		}
		sort.Slice(out[g].Counts, func(i, j int) bool { return out[g].Counts[i].Time < out[g].Counts[j].Time })
	}
	return out, nil
}

// tieTolerance is the distance within which R takes two times as tied: absolute, or relative to the mean
// of the distinct times (aeqSurv of the survival package).
const tieTolerance = 1.5e-8

// align checks the counts of all groups, joins times that are equal but for rounding, and sorts them. It
// returns the groups and the distance within which times are equal.
func align(groups []Group) ([]Group, float64, error) {
	var times []float64
	for _, g := range groups {
		if len(g.Counts) == 0 {
			return nil, 0, stats.Errorf(stats.EmptyCell, g.Level, "no subject in this group")
		}
		for _, c := range g.Counts {
			if !stats.Finite(c.Time) {
				return nil, 0, stats.Errorf(stats.NotFinite, g.Level, "a time is not finite")
			}
			if c.Time < 0 || c.Events < 0 || c.Censored < 0 || c.Events+c.Censored == 0 {
				return nil, 0, stats.Errorf(stats.BadInput, g.Level, "a negative time or count, or a time without a subject")
			}
			times = append(times, c.Time)
		}
	}
	if len(times) == 0 {
		return nil, 0, stats.Errorf(stats.TooFew, "groups", "no subject")
	}
	slices.Sort(times)
	times = slices.Compact(times)
	mean := 0.0
	for _, t := range times {
		mean += t / float64(len(times))
	}
	tolerance := tieTolerance * math.Max(1, mean)
	first := map[float64]float64{} // every time by the first of its run
	for i, t := range times {
		if i > 0 && t-times[i-1] <= tolerance {
			first[t] = first[times[i-1]]
		} else {
			first[t] = t
		}
	}
	out := make([]Group, len(groups))
	for g, group := range groups {
		out[g] = Group{Level: group.Level, Counts: joinTimes(group.Counts, first)}
	}
	return out, tolerance, nil
}

func joinTimes(counts []Count, first map[float64]float64) []Count {
	sorted := slices.Clone(counts)
	for i := range sorted {
		sorted[i].Time = first[sorted[i].Time]
	}
	slices.SortStableFunc(sorted, func(a, b Count) int { return cmp.Compare(a.Time, b.Time) })
	var out []Count
	for _, c := range sorted {
		if n := len(out); n > 0 && out[n-1].Time == c.Time {
			out[n-1].Events += c.Events
			out[n-1].Censored += c.Censored
			continue
		}
		out = append(out, c)
	}
	return out
}

func total(counts []Count) (n, events int) {
	for _, c := range counts {
		n += c.Events + c.Censored
		events += c.Events
	}
	return n, events
}

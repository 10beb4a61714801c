package survival

import (
	"fmt"
	"slices"
)

// subjects counts the subjects that the rows belong to: the subjects where they are numbered; else the clusters where no two rows of one
// overlap in time, as those of a person cannot; else the rows.
func (h *hazards) subjects(s Spells) int {
	owner := s.Subject
	if owner == nil {
		if s.Cluster == nil || (Spells{Subject: s.Cluster}).overlap(h.start, h.stop) != nil {
			return h.n
		}
		owner = s.Cluster
	}
	distinct := slices.Clone(owner)
	slices.Sort(distinct)
	return len(slices.Compact(distinct))
}

// notes say where the curve of rows that start late rests on nobody: before the first start, and after a time at which all
// who were at risk had the event though others come later.
func (h *hazards) notes() []string {
	if h.start == nil {
		return nil
	}
	var notes []string
	if first := slices.Min(h.start); first > h.tolerance {
		notes = append(notes, fmt.Sprintf("nobody is at risk up to %g: the curve is of those who come without the event by then", first))
	}
	for _, m := range h.at {
		if m.NEvent < m.NRisk || !(h.last > m.Time) {
			continue
		}
		later := 0
		for i := range h.stop {
			if h.start[i] >= m.Time {
				later++
			}
		}
		if later == 0 {
			continue
		}
		return append(notes, fmt.Sprintf("at %g everyone at risk (%s) has the event, so that the curve is 0 from there on, "+
			"though %s at risk only later: the curve and its restricted mean are of no use; ask from a later start on", m.Time, rows(m.NRisk), come(later)))
	}
	return notes
}

func rows(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

func come(n int) string {
	if n == 1 {
		return "1 row is"
	}
	return fmt.Sprintf("%d rows are", n)
}

package mixed

import (
	"maps"
	"math"
	"slices"

	"afterglow/internal/stats/formula"
)

// cell is a place among the patients with a count: a visit, a level, or both.
type cell struct {
	name  string
	count float64
}

// smallCell names a visit, a level of a factor (or a product of levels), or one of these at a visit, behind which stand
// fewer than least patients but not none; empty where there is no such cell. With weights, which sums hold in place of
// counts, a level's count is its share of the weights times the patients.
func (d *Design) smallCell(s *Sums, least int) string {
	all := d.cells(s, "", func(uint64) float64 { return 1 })
	for v, visit := range s.Visits {
		at := func(observed uint64) float64 { return float64(observed >> v & 1) }
		all = append(all, d.cells(s, visit, at)...)
	}
	for _, c := range all {
		if n := math.Round(c.count); n > 0 && n < float64(least) {
			return c.name
		}
	}
	return ""
}

// cells are the counts of all patients (or of those seen at a visit), of every level, and of the levels' rests, which are
// the reference levels.
func (d *Design) cells(s *Sums, visit string, weight func(uint64) float64) []cell {
	patients := 0.0
	for _, p := range s.Patterns {
		if p.Observed != 0 {
			patients += weight(p.Observed) * float64(p.N)
		}
	}
	total := s.columnTotal(0, weight)
	if !(total > 0) {
		return nil
	}
	name := func(of string) string {
		if visit != "" && of != "" {
			return of + ", " + visit
		}
		return of + visit
	}
	out := []cell{{name(""), patients}}
	rest := map[string]float64{}
	for j, c := range d.Columns {
		if j == 0 || !indicators(c.Factors) || c.Visit != "" && c.Visit != visit {
			continue
		}
		n := patients * s.columnTotal(j, weight) / total
		out = append(out, cell{name(c.Name), n})
		if len(c.Factors) == 1 {
			factor := c.Factors[0].Column
			if _, known := rest[factor]; !known {
				rest[factor] = patients
			}
			rest[factor] -= n
		}
	}
	for _, factor := range slices.Sorted(maps.Keys(rest)) {
		if levels := d.Model.Factors[factor]; len(levels) > 0 {
			out = append(out, cell{name(factor + levels[0]), rest[factor]})
		}
	}
	return out
}

func indicators(factors []formula.Atom) bool {
	for _, a := range factors {
		if !a.Indicator() {
			return false
		}
	}
	return true
}

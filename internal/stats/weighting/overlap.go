package weighting

import (
	"fmt"
	"slices"
	"strings"

	"afterglow/internal/stats"
)

// Stratum counts the groups' rows in a part of the data: those with a value of a column of 0 and 1, or with propensities of
// a group in one of equally large parts. Missing are the groups without a row there.
type Stratum struct {
	Where   string   `json:"where"`
	Counts  []int    `json:"counts"`
	Missing []string `json:"missing,omitempty"`
}

const (
	// strata of the propensity: five remove nine tenths of a confounder's bias (Cochran 1968, Biometrics 24:295) ...
	maxStrata = 5
	// ... fewer where, without confounding, the smallest group would have fewer than ten rows in each.
	rowsByStratum = 10
)

// covariateStrata lists the two values of every column of 0 and 1.
func covariateStrata(names []string, x []float64, levels []string, group []int) []Stratum {
	out := []Stratum{}
	p := len(names)
	for j, name := range names {
		counts := [2][]int{make([]int, len(levels)), make([]int, len(levels))}
		binary, ones := true, 0
		for i, g := range group {
			v := x[i*p+j]
			if binary = v == 0 || v == 1; !binary {
				break
			}
			counts[int(v)][g]++
			ones += int(v)
		}
		if !binary || ones == 0 || ones == len(group) {
			continue
		}
		for v, c := range counts {
			out = append(out, stratum(fmt.Sprintf("%s = %d", name, v), levels, c))
		}
	}
	return out
}

func stratum(where string, levels []string, counts []int) Stratum {
	s := Stratum{Where: where, Counts: counts}
	for g, n := range counts {
		if n == 0 {
			s.Missing = append(s.Missing, levels[g])
		}
	}
	return s
}

// propensityStrata cuts the propensity of each group, of two groups the second's, at its quantiles.
func propensityStrata(levels []string, group []int, shares [][]float64) []Stratum {
	smallest := slices.Min(tally(levels, group))
	parts := min(maxStrata, smallest/rowsByStratum)
	if parts < 2 {
		return nil
	}
	var out []Stratum
	for j := range levels {
		if len(levels) == 2 && j == 0 {
			continue
		}
		sorted := make([]float64, len(group))
		for i, s := range shares {
			sorted[i] = s[j]
		}
		slices.Sort(sorted)
		counts := make([][]int, parts)
		for k := range counts {
			counts[k] = make([]int, len(levels))
		}
		limits := make([]float64, parts-1)
		for k := range limits {
			limits[k] = order(sorted, float64(k+1)/float64(parts))
		}
		for i, g := range group {
			part := 0
			for part < parts-1 && shares[i][j] > limits[part] {
				part++
			}
			counts[part][g]++
		}
		for k, c := range counts {
			if slices.Max(c) > 0 {
				out = append(out, stratum(fmt.Sprintf("propensity of %s, part %d of %d", levels[j], k+1, parts), levels, c))
			}
		}
	}
	return out
}

func tally(levels []string, group []int) []int {
	counts := make([]int, len(levels))
	for _, g := range group {
		counts[g]++
	}
	return counts
}

// noCell is the failure for a group that is absent where a column has one of its two values: no propensity exists there.
func noCell(treatment string, strata []Stratum) error {
	var where, missing []string
	for _, s := range strata {
		if len(s.Missing) > 0 {
			where = append(where, s.Where)
			missing = append(missing, fmt.Sprintf("%s lacks %s", s.Where, strings.Join(s.Missing, ", ")))
		}
	}
	if where == nil {
		return nil
	}
	return stats.Errorf(stats.EmptyCell, strings.Join(where, "; "), "the groups of %s do not overlap: %s", treatment, strings.Join(missing, "; "))
}

// gaps says for each group in which strata it is missing, as far as the estimand needs it there: where the target group has
// rows, for everyone anywhere. The overlap weights go to 0 where a group is missing.
func gaps(e Estimand, target int, levels []string, strata []Stratum) map[string][]string {
	out := map[string][]string{}
	if e == ATO {
		return out
	}
	for _, s := range strata {
		if e == ATT && s.Counts[target] == 0 {
			continue
		}
		for _, name := range s.Missing {
			out[name] = append(out[name], s.Where)
		}
	}
	return out
}

// noOverlap says where a group is missing; "" where it is not.
func noOverlap(name string, missing map[string][]string) string {
	if missing[name] == nil {
		return ""
	}
	return fmt.Sprintf("%s has no row in %s", name, strings.Join(missing[name], "; "))
}

// withhold takes the numbers from comparisons of a group that is missing where it is needed; it fails where none is left.
func withhold(contrasts []Contrast, missing map[string][]string) error {
	left := false
	var where, why []string
	for i, c := range contrasts {
		var reasons []string
		for _, name := range []string{c.Group, c.Against} {
			if reason := noOverlap(name, missing); reason != "" {
				reasons = append(reasons, reason)
				where = append(where, missing[name]...)
			}
		}
		if reasons == nil {
			left = true
			continue
		}
		why = append(why, reasons...)
		contrasts[i] = Contrast{Group: c.Group, Against: c.Against, Withheld: "the groups do not overlap: " + strings.Join(reasons, ", ")}
	}
	if left {
		return nil
	}
	slices.Sort(where)
	slices.Sort(why)
	return stats.Errorf(stats.EmptyCell, strings.Join(slices.Compact(where), "; "), "no comparison where groups do not overlap: %s",
		strings.Join(slices.Compact(why), ", "))
}

// thin is how few rows of a group in a part of the propensity a reader must know of.
const thin = 5

// overlapNotes say what a reader must know about the overlap although there are comparisons.
func overlapNotes(e Estimand, levels []string, strata []Stratum) []string {
	notes := []string{}
	for _, s := range strata {
		for g, n := range s.Counts {
			text := fmt.Sprintf("%s: %d rows of %s", s.Where, n, levels[g])
			switch {
			case n >= thin:
				continue
			case n == 0 && e == ATO:
				text += "; no overlap, and overlap weights hardly count this part"
			case n == 0:
				text += "; no overlap"
			default:
				text += " stand for all others there"
			}
			notes = append(notes, text)
		}
	}
	return notes
}

package mixed

import (
	"slices"

	"afterglow/internal/stats"
)

// Shared is the value of a column, in its own unit, where all patients with an
// observation have the same; false where they differ, or there is no such column or
// nobody.
func (s *Sums) Shared(column string) (float64, bool) {
	j := slices.Index(s.Columns, column)
	if j < 0 || !s.constant(j) {
		return 0, false
	}
	n, sum := 0.0, 0.0
	for _, p := range s.Patterns {
		if p.Observed != 0 {
			n += p.Weight()
			sum += p.XX[j]
		}
	}
	if n == 0 {
		return 0, false
	}
	return s.Shift[j] + s.Scale[j]*sum/n, true
}

// Without are the sums of the same patients without a column: those who were left
// out because it is missing stay out. The intercept stays; a column that the sums do
// not have is a failure of kind BadInput.
func (s *Sums) Without(column string) (*Sums, error) {
	j, v := slices.Index(s.Columns, column), len(s.Visits)
	if j < 1 {
		return nil, stats.Errorf(stats.BadInput, column, "no column but the intercept that the sums have")
	}
	out := &Sums{Visits: slices.Clone(s.Visits), Columns: slices.Delete(slices.Clone(s.Columns), j, j+1), Origin: s.Origin,
		ExcludedSubjects: s.ExcludedSubjects, ExcludedRows: s.ExcludedRows}
	out.Shift, out.Scale = slices.Delete(slices.Clone(s.Shift), j, j+1), slices.Delete(slices.Clone(s.Scale), j, j+1)
	for _, p := range s.Patterns {
		rest := Pattern{Observed: p.Observed, N: p.N, YY: slices.Clone(p.YY)}
		if p.Observed != 0 {
			rest.XX = withoutColumn(p.XX, len(s.Columns), j)
			rest.XY = slices.Delete(slices.Clone(p.XY), j*v, (j+1)*v)
		}
		out.Patterns = append(out.Patterns, rest)
	}
	return out, nil
}

// withoutColumn takes row and column j out of the upper triangle of k columns.
func withoutColumn(triangle []float64, k, j int) []float64 {
	out, next := make([]float64, 0, len(triangle)-k), 0
	for row := range k {
		for column := row; column < k; column++ {
			if row != j && column != j {
				out = append(out, triangle[next])
			}
			next++
		}
	}
	return out
}

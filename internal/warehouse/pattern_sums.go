package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"afterglow/internal/care"
)

// Atom is a building block of a design column: the baseline score where Factor
// is empty, else the indicator of one level of a subject's factor.
type Atom struct {
	Factor string
	Level  string
}

// PatternParams asks for the MMRM's sums. Columns lists, for each column of x,
// the places in Atoms (from 0) whose product it is; an empty list is the
// intercept. XShift, XScale (one a column) and YShift, YScale are applied before
// products are taken: (value - shift) / scale.
type PatternParams struct {
	Study      string
	Instrument string
	Sequence   uint64
	Visits     []string
	Atoms      []Atom
	Columns    [][]int
	XShift     []float64
	XScale     []float64
	YShift     float64
	YScale     float64
}

// PatternRow is the sums of one missingness pattern. Bit v of Observed says
// that visit v has a score. Products is the upper triangle, by rows, of the sum
// of z z' with z = (x, y), y being 0 where not observed. Complete is false for
// the subjects that have a covariate missing: only their number counts.
type PatternRow struct {
	Complete bool
	Observed uint64
	N        uint64
	Products []float64
}

// PatternSums runs the one GROUP BY that the MMRM needs.
func (w *Warehouse) PatternSums(ctx context.Context, p PatternParams) ([]PatternRow, error) {
	factors, levels := make([]string, len(p.Atoms)), make([]string, len(p.Atoms))
	for i, a := range p.Atoms {
		factors[i], levels[i] = a.Factor, a.Level
	}
	columns := make([][]uint16, len(p.Columns))
	for i, column := range p.Columns {
		columns[i] = make([]uint16, len(column))
		for j, atom := range column {
			columns[i][j] = uint16(atom + 1) // ClickHouse counts from 1
		}
	}
	var found []PatternRow
	err := w.query(ctx, "pattern_sums", map[string]any{
		"study": p.Study, "instrument": p.Instrument, "sequence": p.Sequence,
		"visits": p.Visits, "baseline_visit": care.BaselineVisit,
		"atom_factors": factors, "atom_levels": levels, "columns": columns,
		"x_shift": p.XShift, "x_scale": p.XScale, "y_shift": p.YShift, "y_scale": p.YScale,
	}, func(rows driver.Rows) error {
		var row PatternRow
		var complete uint8
		if err := rows.Scan(&complete, &row.Observed, &row.N, &row.Products); err != nil {
			return err
		}
		row.Complete = complete == 1
		found = append(found, row)
		return nil
	})
	return found, err
}

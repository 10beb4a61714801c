package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"afterglow/internal/care"
	"afterglow/internal/fault"
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
// products are taken: (value - shift) / scale. Where Group is not empty, only
// subjects whose level of that factor is among Levels are summed.
type PatternParams struct {
	Study      string
	Instrument string
	Sequence   uint64
	Group      string
	Levels     []string
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

// mostElements bounds the columns of x and the visits together: a text with more sums is one that
// ClickHouse would not read.
const mostElements = 120

// PatternSums runs the one query that the MMRM needs.
func (w *Warehouse) PatternSums(ctx context.Context, p PatternParams) ([]PatternRow, error) {
	if n := len(p.Columns) + len(p.Visits); n > mostElements {
		return nil, fault.Invalid("model", "has %d columns and %d visits; at most %d are allowed together", len(p.Columns), len(p.Visits), mostElements)
	}
	factors, levels := make([]string, len(p.Atoms)), make([]string, len(p.Atoms))
	for i, a := range p.Atoms {
		factors[i], levels[i] = a.Factor, a.Level
	}
	var found []PatternRow
	err := w.queryShaped(ctx, "pattern_sums", shapeOf(p), map[string]any{
		"study": p.Study, "instrument": p.Instrument, "sequence": p.Sequence,
		"places": append(slices.Clone(p.Visits), care.BaselineVisit),
		"group":  p.Group, "group_levels": append([]string{}, p.Levels...),
		"atom_factors": factors, "atom_levels": levels,
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

// patternShape is what the text of the query depends on; everything counts from 1.
type patternShape struct {
	Places, Factors []int // Factors: the atoms that are a factor's level
	Columns         []patternColumn
	Visits          []patternVisit
	Rows            []patternRow // of the upper triangle of z z'
}

type patternColumn struct {
	Number  int
	Product string // of the names of its atoms
}

type patternVisit struct {
	Place, Element int // Element: its place in z
	Bit            uint64
}

type patternRow struct {
	Number int
	Others []int // from the diagonal on
}

func shapeOf(p PatternParams) patternShape {
	shape := patternShape{Places: upTo(len(p.Visits) + 1)}
	atoms := make([]string, len(p.Atoms))
	for i, a := range p.Atoms {
		atoms[i] = fmt.Sprintf("score%d", len(shape.Places)) // the baseline is the last place
		if a.Factor != "" {
			atoms[i] = fmt.Sprintf("atom%d", i+1)
			shape.Factors = append(shape.Factors, i+1)
		}
	}
	for i, column := range p.Columns {
		factors := []string{"toFloat64(1)"}
		for _, atom := range column {
			factors = append(factors, atoms[atom])
		}
		shape.Columns = append(shape.Columns, patternColumn{Number: i + 1, Product: strings.Join(factors, " * ")})
	}
	for v := range p.Visits {
		shape.Visits = append(shape.Visits, patternVisit{Place: v + 1, Element: len(p.Columns) + v + 1, Bit: 1 << v})
	}
	elements := len(p.Columns) + len(p.Visits)
	all := upTo(elements)
	for i := range all {
		shape.Rows = append(shape.Rows, patternRow{Number: i + 1, Others: all[i:]})
	}
	return shape
}

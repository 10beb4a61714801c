package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"afterglow/internal/care"
)

// CompletionParams asks who answered an instrument at which visit, by the
// levels of one factor.
type CompletionParams struct {
	Study      string
	Instrument string
	Sequence   uint64
	Group      string
	Visits     []string
}

// CompletionRow counts the subjects of a group and those with a score at the
// visit; the baseline is a visit of its own.
type CompletionRow struct {
	Group     string
	Visit     string
	Expected  int
	Answered  int
	Simulated bool
}

// Completion counts answers by group and visit.
func (w *Warehouse) Completion(ctx context.Context, p CompletionParams) ([]CompletionRow, error) {
	var found []CompletionRow
	err := w.query(ctx, "completion", map[string]any{
		"study": p.Study, "instrument": p.Instrument, "sequence": p.Sequence, "group": p.Group,
		"visits": p.Visits, "baseline_visit": care.BaselineVisit,
	}, func(rows driver.Rows) error {
		var row CompletionRow
		var expected, answered uint64
		var simulated uint8
		if err := rows.Scan(&row.Group, &row.Visit, &expected, &answered, &simulated); err != nil {
			return err
		}
		row.Expected, row.Answered, row.Simulated = int(expected), int(answered), simulated == 1
		found = append(found, row)
		return nil
	})
	return found, err
}

package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"afterglow/internal/care"
)

// LossInterval counts responders of a group with the same baseline, in whole
// points, who were in response at the visit From and were assessed next at the
// visit To: N of them, of whom Lost were no longer in response.
type LossInterval struct {
	Group    string
	From, To string
	Baseline int
	N, Lost  int
}

// LossIntervals counts what happened between assessments that follow each other,
// from the first one to the loss. Without a group in the parameters every row has
// the group "".
func (w *Warehouse) LossIntervals(ctx context.Context, p LossParams) ([]LossInterval, error) {
	var found []LossInterval
	err := w.query(ctx, "loss_intervals", map[string]any{
		"study": p.Study, "instrument": p.Instrument, "sequence": p.Sequence, "group": p.Group,
		"first_visit": p.FirstVisit, "baseline_visit": care.BaselineVisit, "fraction": p.Fraction,
	}, func(rows driver.Rows) error {
		var row LossInterval
		var baseline int32
		var n, lost uint64
		if err := rows.Scan(&row.Group, &row.From, &row.To, &baseline, &n, &lost); err != nil {
			return err
		}
		row.Baseline, row.N, row.Lost = int(baseline), int(n), int(lost)
		found = append(found, row)
		return nil
	})
	return found, err
}

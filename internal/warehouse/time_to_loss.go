package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"afterglow/internal/care"
)

// LossParams asks how long responders kept their response. Fraction is the fall
// from baseline that makes a response; Group is a factor's name, or empty for
// everyone together.
type LossParams struct {
	Study      string
	Instrument string
	Sequence   uint64
	Group      string
	FirstVisit string
	Fraction   float64
}

// LossStatus says what became of a course.
type LossStatus uint8

// The states of a course, each of which is exactly one.
const (
	LossNoBaseline LossStatus = iota
	LossNotAssessed
	LossNoResponse
	LossHeld
	LossLost
)

// LossRow counts courses of a group with the same status and number of days
// since the date of the first assessment.
type LossRow struct {
	Group  string
	Status LossStatus
	Days   int64
	N      int
}

// TimeToLoss counts courses by group, status and days.
func (w *Warehouse) TimeToLoss(ctx context.Context, p LossParams) ([]LossRow, error) {
	var found []LossRow
	err := w.query(ctx, "time_to_loss", map[string]any{
		"study": p.Study, "instrument": p.Instrument, "sequence": p.Sequence, "group": p.Group,
		"first_visit": p.FirstVisit, "baseline_visit": care.BaselineVisit, "fraction": p.Fraction,
	}, func(rows driver.Rows) error {
		var row LossRow
		var status uint8
		var n uint64
		if err := rows.Scan(&row.Group, &status, &row.Days, &n); err != nil {
			return err
		}
		row.Status, row.N = LossStatus(status), int(n)
		found = append(found, row)
		return nil
	})
	return found, err
}

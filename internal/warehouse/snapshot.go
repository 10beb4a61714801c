package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Snapshot names what is in the warehouse for a study: the newest journal row,
// the number of rows and subjects, and an order-free checksum of them.
type Snapshot struct {
	Sequence uint64
	Rows     uint64
	Checksum string
}

// Snapshot reads the study's snapshot; a question passes its Sequence on, so
// that rows which arrive meanwhile do not change the answer.
func (w *Warehouse) Snapshot(ctx context.Context, study string) (Snapshot, error) {
	var s Snapshot
	err := w.query(ctx, "snapshot", map[string]any{"study": study}, func(rows driver.Rows) error {
		return rows.Scan(&s.Sequence, &s.Rows, &s.Checksum)
	})
	return s, err
}

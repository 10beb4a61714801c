package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Sent names the rows of a shipment: versions of studies by id and sequence, as in
// "trial 17", the others by sequence.
type Sent struct {
	Studies                      []string
	Courses, Sessions, Responses []uint64
}

func (s Sent) rows() int {
	return len(s.Studies) + len(s.Courses) + len(s.Sessions) + len(s.Responses)
}

// Holds reports whether every row is here. ClickHouse notes a batch's token before the batch is in place;
// where it is killed between the two, it drops the next attempt as a repetition and says that all is well
// (the embedded engine puts that right at its start, a server does not). So an attempt that is not the
// first is only believed when its rows are here.
func (w *Warehouse) Holds(ctx context.Context, sent Sent) (bool, error) {
	var held uint64
	parameters := map[string]any{"studies": sent.Studies, "courses": sent.Courses, "sessions": sent.Sessions, "responses": sent.Responses}
	err := w.query(ctx, "held", parameters, func(rows driver.Rows) error { return rows.Scan(&held) })
	return held == uint64(sent.rows()), err
}

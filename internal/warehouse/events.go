package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"afterglow/internal/care"
)

// EventParams asks what the sessions of a study say of its courses, with boosters
// counted after time zero up to Until days later. FromLastSession makes the last
// session of the planned series time zero, rather than the start of the course.
type EventParams struct {
	Study           string
	FromLastSession bool
	Until           int
}

// EventRow counts the courses with so many sessions of the planned series under a
// version of a protocol. Courses without a session are in no row.
type EventRow struct {
	Protocol care.ProtocolRef
	InSeries int
	Courses  int
	Boosters int
	// Boosted are the courses with a booster in the time asked about; Died those
	// with an adverse event of grade 5, whenever it was.
	Boosted int
	Died    int
}

// Events counts what happened to the courses, from their sessions.
func (w *Warehouse) Events(ctx context.Context, p EventParams) ([]EventRow, error) {
	var found []EventRow
	err := w.query(ctx, "events", map[string]any{"study": p.Study, "from_last_session": p.FromLastSession, "until": int32(p.Until)}, func(rows driver.Rows) error {
		var row EventRow
		var version uint32
		var inSeries, courses, boosters, boosted, died uint64
		if err := rows.Scan(&row.Protocol.ID, &version, &inSeries, &courses, &boosters, &boosted, &died); err != nil {
			return err
		}
		row.Protocol.Version, row.InSeries, row.Courses = int(version), int(inSeries), int(courses)
		row.Boosters, row.Boosted, row.Died = int(boosters), int(boosted), int(died)
		found = append(found, row)
		return nil
	})
	return found, err
}

// HasItems says whether any answer to the instrument came with more items than so
// many: 1 for an instrument whose only item is its total, else 0.
func (w *Warehouse) HasItems(ctx context.Context, study, instrument string, sequence uint64, beside int) (bool, error) {
	var found uint8
	err := w.query(ctx, "has_items", map[string]any{"study": study, "instrument": instrument, "sequence": sequence, "beside": uint64(beside)}, func(rows driver.Rows) error {
		return rows.Scan(&found)
	})
	return found == 1, err
}

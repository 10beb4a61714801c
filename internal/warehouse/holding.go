package warehouse

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Pulse is what changes when ClickHouse may have lost something: how many parts
// of the database's tables it has set aside, and for how long it has been up.
type Pulse struct {
	Detached uint64
	Up       time.Duration
}

// Pulse reads it; it costs next to nothing.
func (w *Warehouse) Pulse(ctx context.Context) (Pulse, error) {
	var p Pulse
	err := w.query(ctx, "pulse", nil, func(rows driver.Rows) error {
		var up int64
		err := rows.Scan(&p.Detached, &up)
		p.Up = time.Duration(up) * time.Second
		return err
	})
	return p, err
}

// HoldingParams says what is counted of a study: the rows below a sequence, some
// of them left out.
type HoldingParams struct {
	Study                        string
	JournalBelow, SessionBelow   uint64
	JournalExcept, SessionExcept []uint64
}

// Holding is how much of a study is here, with the pulse of the same moment.
type Holding struct {
	Journal, Sessions, Subjects uint64
	Pulse                       Pulse
}

// Holding counts what is here of a study.
func (w *Warehouse) Holding(ctx context.Context, p HoldingParams) (Holding, error) {
	var h Holding
	parameters := map[string]any{"study": p.Study, "journal_below": p.JournalBelow, "session_below": p.SessionBelow,
		"journal_except": list(p.JournalExcept), "session_except": list(p.SessionExcept)}
	err := w.query(ctx, "holding", parameters, func(rows driver.Rows) error {
		var up int64
		err := rows.Scan(&h.Journal, &h.Sessions, &h.Subjects, &h.Pulse.Detached, &up)
		h.Pulse.Up = time.Duration(up) * time.Second
		return err
	})
	return h, err
}

// list is never nil: the driver has no text for a nil list.
func list(sequences []uint64) []uint64 {
	if sequences == nil {
		return []uint64{}
	}
	return sequences
}

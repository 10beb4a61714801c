package warehouse

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// JournalKey is what the warehouse has of one journal row.
type JournalKey struct {
	Sequence    uint64
	Key         string
	Receipt     string
	Instrument  string
	Revision    uint32
	ReceivedAt  time.Time
	Study       string
	ContentHash string
}

// JournalKeys hands every journal row that is in the warehouse to each, by
// sequence, each once however often it was shipped. It streams: memory does not
// grow with the number of rows.
func (w *Warehouse) JournalKeys(ctx context.Context, each func(JournalKey) error) error {
	return w.query(ctx, "journal_keys", nil, func(rows driver.Rows) error {
		var k JournalKey
		if err := rows.Scan(&k.Sequence, &k.Key, &k.Receipt, &k.Instrument, &k.Revision, &k.ReceivedAt, &k.Study, &k.ContentHash); err != nil {
			return err
		}
		return each(k)
	})
}

// DeleteJournalRows removes the rows of the given sequences, so that a repair or
// a rebuild can bring them back from the journal.
func (w *Warehouse) DeleteJournalRows(ctx context.Context, sequences []uint64) error {
	if len(sequences) == 0 {
		return nil
	}
	return w.exec(ctx, "delete_journal_rows", map[string]any{"sequences": sequences})
}

// Clear empties the record, for a rebuild.
func (w *Warehouse) Clear(ctx context.Context) error {
	for _, name := range []string{"clear_response", "clear_subject", "clear_study"} {
		if err := w.exec(ctx, name, nil); err != nil {
			return err
		}
	}
	return nil
}

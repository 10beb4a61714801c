package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"afterglow/internal/care"
)

// JournalRow is one journal row as the warehouse has it. Contents is how many
// different versions of it there are; anything but 1 is wrong.
type JournalRow struct {
	Response
	Contents uint64
}

// JournalRows hands every journal row that is in the warehouse to each, by
// sequence, each once however often it was shipped.
func (w *Warehouse) JournalRows(ctx context.Context, each func(JournalRow) error) error {
	return w.query(ctx, "journal_rows", nil, func(rows driver.Rows) error {
		var r JournalRow
		var subject, source string
		err := rows.Scan(&r.Sequence, &r.Key, &r.Receipt, &r.Instrument, &r.Revision, &r.ReceivedAt, &r.Study, &r.ContentHash,
			&subject, &r.Occasion, &r.Visit, &r.Day, &r.InstrumentVersion, &r.DefinitionHash,
			&r.Score, &r.Prorated, &r.Items, &r.Values, &source, &r.Contents)
		if err != nil {
			return err
		}
		r.Subject, r.Source = care.Pseudonym(subject), care.Source(source)
		return each(r)
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
	for _, name := range []string{"clear_response", "clear_session", "clear_subject", "clear_study"} {
		if err := w.exec(ctx, name, nil); err != nil {
			return err
		}
	}
	return nil
}

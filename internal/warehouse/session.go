package warehouse

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"afterglow/internal/care"
)

// Session is one revision of a session as the warehouse keeps it: pseudonymous,
// dated only by the day of its course, with codes where a person could have
// written words.
type Session struct {
	Study       string
	Subject     care.Pseudonym
	Course      uint64
	Revision    uint32
	Sequence    uint64
	Session     care.Session
	ContentHash string // SHA-256 in hexadecimal of the registry's row
}

// InsertSessions writes one batch and returns once it is on disk; the same token
// with the same rows has no effect the second time.
func (w *Warehouse) InsertSessions(ctx context.Context, token string, rows []Session) error {
	if len(rows) == 0 {
		return nil
	}
	batch, err := w.write.PrepareBatch(withToken(ctx, token), `INSERT INTO session (study, subject, course, number, revision, sequence,
		protocol, protocol_version, day, route, dose_mg, dose_mg_per_kg, depth, mode, booster, preparation_done,
		setting_index, setting_items, setting_values, adverse_events, adverse_grades, adverse_elicited, content_hash)`)
	if err != nil {
		return fmt.Errorf("open a batch of %d sessions: %w", len(rows), unavailable(err))
	}
	for _, r := range rows {
		if err := batch.Append(r.columns()...); err != nil {
			_ = batch.Abort()
			return fmt.Errorf("add session row %d to the batch: %w", r.Sequence, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert %d sessions: %w", len(rows), unavailable(err))
	}
	return nil
}

// columns gives the row's values in the order of the insert.
func (r Session) columns() []any {
	s := r.Session
	var depth *uint8
	if s.Depth != nil {
		d := uint8(*s.Depth) // a rating from 0 to 4
		depth = &d
	}
	var index *float64
	if v, known := s.Setting.Index(); known {
		index = &v
	}
	items := s.Setting.Codes()
	values := make([]bool, len(items))
	for i, code := range items {
		values[i] = s.Setting[code]
	}
	terms, grades, elicited := make([]string, len(s.AdverseEvents)), make([]uint8, len(s.AdverseEvents)), make([]bool, len(s.AdverseEvents))
	for i, e := range s.AdverseEvents {
		terms[i], grades[i], elicited[i] = e.Term, uint8(e.Grade), e.Elicited
	}
	return []any{
		r.Study, string(r.Subject), r.Course, uint32(s.Number), r.Revision, r.Sequence,
		s.Protocol.ID, uint32(s.Protocol.Version), int32(s.Day), string(s.Route), s.DoseMg, s.DoseMgPerKg, depth, string(s.Mode),
		s.Booster, s.PreparationDone, index, items, values, terms, grades, elicited, r.ContentHash,
	}
}

// SessionKey is what the warehouse has of one session row.
type SessionKey struct {
	Sequence    uint64
	Study       string
	ContentHash string
}

// SessionKeys hands every session row that is in the warehouse to each, by
// sequence, each once however often it was shipped.
func (w *Warehouse) SessionKeys(ctx context.Context, each func(SessionKey) error) error {
	return w.query(ctx, "session_keys", nil, func(rows driver.Rows) error {
		var k SessionKey
		if err := rows.Scan(&k.Sequence, &k.Study, &k.ContentHash); err != nil {
			return err
		}
		return each(k)
	})
}

// DeleteSessions removes the rows of the given sequences, so that a repair can
// bring them back from the registry.
func (w *Warehouse) DeleteSessions(ctx context.Context, sequences []uint64) error {
	if len(sequences) == 0 {
		return nil
	}
	return w.exec(ctx, "delete_sessions", map[string]any{"sequences": sequences})
}

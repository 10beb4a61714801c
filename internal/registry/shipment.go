package registry

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"afterglow/internal/care"
)

// ShippedStudy is a version of a study on its way; Sequence orders the versions.
type ShippedStudy struct {
	Study    care.Study
	Sequence uint64
}

// ShippedCourse is a version of a course on its way, which the warehouse knows as a
// subject; Sequence orders the versions and no two rows have the same.
type ShippedCourse struct {
	Course    Course
	Simulated bool
	Sequence  uint64
}

// Shipment is a batch for the warehouse. Its rows were recorded before the first
// attempt, so every attempt carries the same rows under the same token; the token
// comes from the shipment's id and the rows' ids and content, so other content
// never has it, and rows sent anew for a repair are not taken for a retry (SR-9).
type Shipment struct {
	ID    int64
	Token string
	// Again says that the shipment was under way before: an attempt may have been
	// made, with an end that nobody knows.
	Again   bool
	Studies []ShippedStudy
	Courses []ShippedCourse
	// Sessions and Rows are journal rows of their kinds, in order.
	Sessions []SessionRow
	Rows     []JournalRow
}

// NextShipment gives the shipment that is under way, or records a new one of at
// most limit waiting rows; false when nothing waits.
func (s *Store) NextShipment(ctx context.Context, limit int) (Shipment, bool, error) {
	var id int64
	var token string
	err := s.queryRow(ctx, "SELECT id, token FROM shipment WHERE confirmed_at IS NULL ORDER BY id LIMIT 1").Scan(&id, &token)
	if errors.Is(err, sql.ErrNoRows) {
		return s.composeShipment(ctx, limit)
	}
	if err != nil {
		return Shipment{}, false, fmt.Errorf("look for a shipment under way: %w", err)
	}
	shipment, err := loadShipment(ctx, s, id, token)
	if err == nil && shipment.damaged() {
		// Its token stands for rows that are not there any more.
		if err := s.breakUp(ctx, shipment); err != nil {
			return Shipment{}, false, err
		}
		return s.composeShipment(ctx, limit)
	}
	shipment.Again = true
	return shipment, err == nil, err
}

// damaged reports whether a row of the shipment is not as it was written.
func (b Shipment) damaged() bool {
	return slices.ContainsFunc(b.Rows, func(r JournalRow) bool { return r.Damaged }) ||
		slices.ContainsFunc(b.Sessions, func(r SessionRow) bool { return r.Damaged })
}

// breakUp gives a shipment's rows back to the outbox, the damaged ones marked, so
// that the next shipment carries the others under a token of its own.
func (s *Store) breakUp(ctx context.Context, b Shipment) error {
	return s.Write(ctx, System("shipping"), func(tx *Tx) error {
		if err := tx.markDamaged(b); err != nil {
			return err
		}
		if _, err := tx.keep("UPDATE outbox SET shipment = NULL WHERE shipment = ?", b.ID); err != nil {
			return fmt.Errorf("break shipment %d up: %w", b.ID, err)
		}
		if _, err := tx.keep("DELETE FROM shipment WHERE id = ? AND confirmed_at IS NULL", b.ID); err != nil {
			return fmt.Errorf("break shipment %d up: %w", b.ID, err)
		}
		return nil
	})
}

func (tx *Tx) markDamaged(b Shipment) error {
	for _, r := range b.Rows {
		if r.Damaged {
			if err := tx.addDamage(recordJournal, r.Sequence); err != nil {
				return err
			}
		}
	}
	for _, r := range b.Sessions {
		if r.Damaged {
			if err := tx.addDamage(recordSession, r.Sequence); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) composeShipment(ctx context.Context, limit int) (shipment Shipment, found bool, err error) {
	var waits bool
	if err := s.queryRow(ctx, "SELECT EXISTS (SELECT 1 FROM outbox w WHERE w.shipment IS NULL AND "+outboxIsOpen+" AND "+notDamaged+")").Scan(&waits); err != nil || !waits {
		return Shipment{}, false, err
	}
	err = s.Write(ctx, System("shipping"), func(tx *Tx) error {
		// The placeholder token is replaced below in the same transaction, once the rows are known.
		result, err := tx.keep("INSERT INTO shipment (token, row_count, created_at) VALUES (?, 1, ?)", newToken(), timeText(tx.now))
		if err != nil {
			return fmt.Errorf("record a shipment: %w", err)
		}
		id, err := result.LastInsertId()
		if err != nil {
			return fmt.Errorf("record a shipment: %w", err)
		}
		taken, err := tx.keep("UPDATE outbox SET shipment = ? WHERE id IN (SELECT w.id FROM outbox w WHERE w.shipment IS NULL AND "+outboxIsOpen+" AND "+notDamaged+" ORDER BY w.id LIMIT ?)", id, limit)
		if err != nil {
			return fmt.Errorf("fill shipment %d: %w", id, err)
		}
		count, err := taken.RowsAffected()
		if err != nil {
			return fmt.Errorf("fill shipment %d: %w", id, err)
		}
		if shipment, err = loadShipment(tx.ctx, tx, id, ""); err != nil {
			return err
		}
		if shipment.Token, err = shipment.contentToken(); err != nil {
			return err
		}
		if _, err = tx.keep("UPDATE shipment SET token = ?, row_count = ? WHERE id = ?", shipment.Token, count, id); err != nil {
			return fmt.Errorf("name shipment %d: %w", id, err)
		}
		return nil
	})
	if err == nil && shipment.damaged() {
		if err := s.breakUp(ctx, shipment); err != nil {
			return Shipment{}, false, err
		}
		return s.composeShipment(ctx, limit)
	}
	return shipment, err == nil, err
}

// contentToken is a SHA-256 over the shipment's id and the ids and content of everything in it.
func (b Shipment) contentToken() (string, error) {
	sum := sha256.New()
	encoder := json.NewEncoder(sum)
	for _, part := range []any{b.ID, b.Studies, b.Courses} {
		if err := encoder.Encode(part); err != nil {
			return "", fmt.Errorf("name a shipment: %w", err)
		}
	}
	for _, r := range b.Sessions {
		_, _ = fmt.Fprintf(sum, "session %d %x\n", r.Sequence, r.ContentHash) // a hash takes every write
	}
	for _, r := range b.Rows {
		_, _ = fmt.Fprintf(sum, "%d %x\n", r.Sequence, r.ContentHash)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func loadShipment(ctx context.Context, from source, id int64, token string) (Shipment, error) {
	b := Shipment{ID: id, Token: token}
	var err error
	b.Studies, err = shippedStudies(ctx, from, "JOIN outbox x ON x.study = v.study AND x.study_version = v.version WHERE x.shipment = ? ORDER BY x.id", id)
	if err != nil {
		return Shipment{}, fmt.Errorf("read the studies of shipment %d: %w", id, err)
	}
	if b.Courses, err = queuedCourses(ctx, from, id); err != nil {
		return Shipment{}, err
	}
	if err = eachSessionEvenDamaged(ctx, from, func(r SessionRow) error {
		b.Sessions = append(b.Sessions, r)
		return nil
	}, "JOIN outbox w ON w.session = s.sequence WHERE w.shipment = ? ORDER BY s.sequence", id); err != nil {
		return Shipment{}, err
	}
	err = eachEvenDamaged(ctx, from, func(r JournalRow) error {
		b.Rows = append(b.Rows, r)
		return nil
	}, "JOIN outbox w ON w.journal = j.sequence WHERE w.shipment = ? ORDER BY j.sequence", id)
	return b, err
}

// ConfirmShipment notes that the warehouse has the whole shipment.
func (s *Store) ConfirmShipment(ctx context.Context, id int64) error {
	return s.Write(ctx, System("shipping"), func(tx *Tx) error {
		if _, err := tx.keep("DELETE FROM outbox WHERE shipment = ?", id); err != nil {
			return fmt.Errorf("confirm shipment %d: %w", id, err)
		}
		if _, err := tx.keep("UPDATE shipment SET confirmed_at = ? WHERE id = ? AND confirmed_at IS NULL", timeText(tx.now), id); err != nil {
			return fmt.Errorf("confirm shipment %d: %w", id, err)
		}
		return nil
	})
}

// Requeue puts journal rows back into the outbox, to be shipped once more.
func (tx *Tx) Requeue(sequences []int64) error {
	for _, sequence := range sequences {
		if _, err := tx.keep("INSERT INTO outbox (journal) VALUES (?) ON CONFLICT (journal) DO NOTHING", sequence); err != nil {
			return fmt.Errorf("put journal row %d back into the outbox: %w", sequence, err)
		}
	}
	return tx.Audit(Event{Action: "warehouse-repaired", SubjectKind: "warehouse", Subject: "journal", Detail: map[string]any{"rows": len(sequences)}})
}

// RequeueSessions puts session rows back into the outbox, to be shipped once more.
func (tx *Tx) RequeueSessions(sequences []int64) error {
	for _, sequence := range sequences {
		if _, err := tx.keep("INSERT INTO outbox (session) VALUES (?) ON CONFLICT (session) DO NOTHING", sequence); err != nil {
			return fmt.Errorf("put session row %d back into the outbox: %w", sequence, err)
		}
	}
	return tx.Audit(Event{Action: "warehouse-repaired", SubjectKind: "warehouse", Subject: "sessions", Detail: map[string]any{"rows": len(sequences)}})
}

// RequeueAll puts every study, course, session and journal row back into the outbox, for
// a warehouse that is built anew. A shipment under way is dropped: its rows go
// with the rest.
func (tx *Tx) RequeueAll() error {
	for _, statement := range []string{
		"UPDATE outbox SET shipment = NULL WHERE shipment IS NOT NULL",
		"DELETE FROM shipment WHERE confirmed_at IS NULL",
		"INSERT INTO outbox (study, study_version) SELECT study, version FROM study_version WHERE true ORDER BY study, version ON CONFLICT DO NOTHING",
		"INSERT INTO outbox (course) SELECT id FROM course WHERE true ORDER BY id ON CONFLICT DO NOTHING",
		"INSERT INTO outbox (course, course_version) SELECT course, sequence FROM course_version WHERE true ORDER BY sequence ON CONFLICT DO NOTHING",
		"INSERT INTO outbox (session) SELECT sequence FROM session WHERE true ORDER BY sequence ON CONFLICT (session) DO NOTHING",
		"INSERT INTO outbox (journal) SELECT sequence FROM journal WHERE true ORDER BY sequence ON CONFLICT (journal) DO NOTHING",
	} {
		if _, err := tx.keep(statement); err != nil {
			return fmt.Errorf("put the whole journal back into the outbox: %w", err)
		}
	}
	return tx.Audit(Event{Action: "warehouse-rebuilt", SubjectKind: "warehouse", Subject: "journal"})
}

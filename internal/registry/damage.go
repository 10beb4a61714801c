package registry

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Damage names a row of the record that is not as it was written: of the journal
// of answers, or of the sessions.
type Damage struct {
	Kind     string    `json:"kind"`
	Sequence int64     `json:"sequence"`
	FoundAt  time.Time `json:"found_at"`
}

// String says which row it is.
func (d Damage) String() string { return fmt.Sprintf("%s row %d", d.Kind, d.Sequence) }

// notDamaged holds for an outbox row w that may be shipped.
const notDamaged = `NOT EXISTS (SELECT 1 FROM damage d WHERE d.kind = 'journal' AND d.sequence = w.journal OR d.kind = 'session' AND d.sequence = w.session)`

// Damage lists the rows that were found damaged and are not known to be whole
// again, by kind and sequence.
func (s *Store) Damage(ctx context.Context) ([]Damage, error) {
	list := []Damage{}
	err := each(ctx, s, func(rows *sql.Rows) error {
		var d Damage
		var at string
		if err := rows.Scan(&d.Kind, &d.Sequence, &at); err != nil {
			return err
		}
		var err error
		d.FoundAt, err = parseTime(at)
		list = append(list, d)
		return err
	}, "SELECT kind, sequence, found_at FROM damage ORDER BY kind, sequence")
	if err != nil {
		return nil, fmt.Errorf("list the damaged rows: %w", err)
	}
	return list, nil
}

// FindDamage holds every row of the journal and of the sessions against its seal
// and lists those that do not fit. It changes nothing.
func (s *Store) FindDamage(ctx context.Context) ([]Damage, error) {
	found := []Damage{}
	note := func(kind recordKind, sequence int64, damaged bool) {
		if damaged {
			found = append(found, Damage{Kind: string(kind), Sequence: sequence, FoundAt: s.Now()})
		}
	}
	if err := s.EachJournalRow(ctx, 0, func(r JournalRow) error {
		note(recordJournal, r.Sequence, r.Damaged)
		return nil
	}); err != nil {
		return nil, err
	}
	err := s.EachSessionKey(ctx, func(k SessionKey) error {
		note(recordSession, k.Sequence, k.Damaged)
		return nil
	})
	return found, err
}

// SetDamage makes the list of damaged rows what a whole look at the record found:
// new ones are added and leave an audit event, those that are whole again (after a
// backup was brought back) are taken off.
func (s *Store) SetDamage(ctx context.Context, found []Damage) error {
	known, err := s.Damage(ctx)
	if err != nil {
		return err
	}
	type name struct {
		kind     string
		sequence int64
	}
	gone, fresh := map[name]bool{}, []Damage{}
	for _, d := range known {
		gone[name{d.Kind, d.Sequence}] = true
	}
	for _, d := range found {
		if !gone[name{d.Kind, d.Sequence}] {
			fresh = append(fresh, d)
		}
		delete(gone, name{d.Kind, d.Sequence})
	}
	if len(gone)+len(fresh) == 0 {
		return nil
	}
	return s.Write(ctx, System("integrity"), func(tx *Tx) error {
		for _, d := range fresh {
			if err := tx.addDamage(recordKind(d.Kind), d.Sequence); err != nil {
				return err
			}
		}
		for d := range gone {
			if _, err := tx.exec("DELETE FROM damage WHERE kind = ? AND sequence = ?", d.kind, d.sequence); err != nil {
				return fmt.Errorf("take %s row %d off the damaged: %w", d.kind, d.sequence, err)
			}
			if err := tx.Audit(Event{Action: "record-whole-again", SubjectKind: d.kind, Subject: fmt.Sprint(d.sequence)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (tx *Tx) addDamage(kind recordKind, sequence int64) error {
	result, err := tx.exec("INSERT INTO damage (kind, sequence, found_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", string(kind), sequence, timeText(tx.now))
	if err != nil {
		return fmt.Errorf("mark %s row %d as damaged: %w", kind, sequence, err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return tx.Audit(Event{Action: "record-damaged", SubjectKind: string(kind), Subject: fmt.Sprint(sequence)})
}

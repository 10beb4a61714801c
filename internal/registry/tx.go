package registry

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ActorKind says what sort of actor did something.
type ActorKind string

// The kinds of actor.
const (
	ActorAccount ActorKind = "account"
	ActorPatient ActorKind = "patient"
	ActorSystem  ActorKind = "system"
	ActorCommand ActorKind = "command"
)

// Actor is who acts: an account's id, a patient's pseudonym, the name of a part
// of the system or of a command; never a person's name.
type Actor struct {
	Kind ActorKind
	ID   string
}

// System is a part of the system that acts by itself.
func System(part string) Actor { return Actor{Kind: ActorSystem, ID: part} }

// Tx is one caller's part of a shared transaction: it carries the time and the
// actor. It is valid only inside the function that Write calls.
type Tx struct {
	// ctx is the writer's: a statement is never interrupted half-way, since
	// that would undo what others wrote in the same transaction.
	ctx     context.Context
	w       *writer
	now     time.Time
	actor   Actor
	changed bool
	audited bool
	// held is the import that what is queued now belongs to, or nil: it is shipped
	// and shown once that import is completed.
	held any
	// broken is the first failure of the environment; it ends the whole batch.
	broken error
}

// Now is the server's time of the transaction, in UTC.
func (tx *Tx) Now() time.Time { return tx.now }

// Actor is who writes.
func (tx *Tx) Actor() Actor { return tx.actor }

// exec runs a statement that belongs to the record, so an audit row must follow.
func (tx *Tx) exec(query string, args ...any) (sql.Result, error) {
	tx.changed = true
	return tx.keep(query, args...)
}

// keep runs a statement of the machinery (outbox, drafts, web sessions,
// counters), which is not an event anybody answers for.
func (tx *Tx) keep(query string, args ...any) (sql.Result, error) {
	stmt, err := tx.w.prepare(tx.ctx, query)
	if err != nil {
		return nil, tx.noted(err)
	}
	result, err := stmt.ExecContext(tx.ctx, args...)
	return result, tx.noted(err)
}

func (tx *Tx) query(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := tx.w.prepare(tx.ctx, query)
	if err != nil {
		return nil, tx.noted(err)
	}
	rows, err := stmt.QueryContext(tx.ctx, args...)
	return rows, tx.noted(err)
}

func (tx *Tx) queryRow(_ context.Context, query string, args ...any) row {
	stmt, err := tx.w.prepare(tx.ctx, query)
	if err != nil {
		return row{err: tx.noted(err)}
	}
	return row{row: stmt.QueryRowContext(tx.ctx, args...), note: tx.noted}
}

func (tx *Tx) noted(err error) error {
	err = storageFault(err)
	if tx.broken == nil && isEnvironment(err) {
		tx.broken = err
	}
	return err
}

// source is where rows are read: the read pool, or a transaction that sees its
// own writes.
type source interface {
	query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	queryRow(ctx context.Context, query string, args ...any) row
	// noted classifies an error: it gives it a fault's kind.
	noted(err error) error
	// sealed reports whether mac is the seal of a row with this content.
	sealed(kind recordKind, sequence int64, whole [sha256.Size]byte, mac []byte) bool
}

// row is one row to scan, with the store's kinds of failure.
type row struct {
	row  *sql.Row
	err  error
	note func(error) error
}

// Scan copies the columns; sql.ErrNoRows when there is no row.
func (r row) Scan(into ...any) error {
	if r.err != nil {
		return r.err
	}
	return r.note(r.row.Scan(into...))
}

func (s *Store) noted(err error) error {
	if resultCode(err) == corruptCode {
		s.corrupt.Store(true)
	}
	return storageFault(err)
}

func (s *Store) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.reads.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return rows, s.noted(err)
}

func (s *Store) queryRow(ctx context.Context, query string, args ...any) row {
	stmt, err := s.reads.prepare(ctx, query)
	if err != nil {
		return row{err: err}
	}
	return row{row: stmt.QueryRowContext(ctx, args...), note: s.noted}
}

// each runs scan for every row of a query.
func each(ctx context.Context, from source, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	rows, err := from.query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.noted(rows.Close())) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return from.noted(rows.Err())
}

const timeLayout = "2006-01-02T15:04:05.000000Z"

func timeText(t time.Time) string { return t.UTC().Format(timeLayout) }

func optionalTimeText(t *time.Time) any {
	if t == nil {
		return nil
	}
	return timeText(*t)
}

func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(timeLayout, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("read a stored time: %w", err)
	}
	return t, nil
}

func parseOptionalTime(s sql.NullString) (*time.Time, error) {
	if !s.Valid {
		return nil, nil
	}
	t, err := parseTime(s.String)
	return &t, err
}

// text gives NULL for "".
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

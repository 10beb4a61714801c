package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Failures is a run of failed attempts.
type Failures struct {
	Count   int
	FirstAt time.Time
	LastAt  time.Time
}

// FailureClass says whose failed attempts a row counts, and so what is forgotten
// first when strangers make too many rows.
type FailureClass int

// The classes.
const (
	// FailuresOfNobody are those of a name that no account has.
	FailuresOfNobody FailureClass = iota
	// FailuresOfPlace are those of an account from one address or browser.
	FailuresOfPlace
	// FailuresOfAccount are those of an account from everywhere; there is one row
	// an account at most, and it is never forgotten for want of room.
	FailuresOfAccount
)

// MaxFailureRows bounds the rows of each class that strangers can add to: some
// megabyte each.
const MaxFailureRows = 5_000

// stoppedCount is where a run is worth more than its age: such rows are forgotten
// last.
const stoppedCount = 100

// Subject is what failed attempts are counted for: an account's name, alone or
// together with where the attempts come from. Both are kept as keyed hashes.
type Subject struct {
	Name  string
	Place string
}

func (s Subject) text() string {
	if s.Place == "" {
		return s.Name
	}
	return s.Name + "\x00" + s.Place
}

// CountFailure adds a failed attempt to the run of a subject. Failures older than
// forget start a new run.
func (tx *Tx) CountFailure(s Subject, class FailureClass, forget time.Duration) (Failures, error) {
	hash, err := tx.w.keys.indexOf("failed_attempt", "subject", s.text())
	if err != nil {
		return Failures{}, err
	}
	name, err := tx.w.keys.indexOf("failed_attempt", "subject", s.Name)
	if err != nil {
		return Failures{}, err
	}
	now, oldest := timeText(tx.now), timeText(tx.now.Add(-forget))
	if _, err := tx.keep(`INSERT INTO failed_attempt (subject_hash, count, first_at, last_at, class, name_hash) VALUES (?, 1, ?, ?, ?, ?)
		ON CONFLICT (subject_hash) DO UPDATE SET last_at = excluded.last_at, class = excluded.class, name_hash = excluded.name_hash,
			count = CASE WHEN last_at < ? THEN 1 ELSE count + 1 END,
			first_at = CASE WHEN last_at < ? THEN excluded.first_at ELSE first_at END`,
		hash, now, now, int(class), name, oldest, oldest); err != nil {
		return Failures{}, fmt.Errorf("count a failed attempt: %w", err)
	}
	run, err := failures(tx.ctx, tx, hash)
	if err == nil && run.Count == 1 && class != FailuresOfAccount {
		err = tx.boundFailures(class)
	}
	return run, err
}

// boundFailures forgets the oldest tenth of a class that has more rows than its
// bound, those of stopped runs last.
func (tx *Tx) boundFailures(class FailureClass) error {
	var rows int
	if err := tx.queryRow(tx.ctx, "SELECT count(*) FROM failed_attempt WHERE class = ?", int(class)).Scan(&rows); err != nil {
		return fmt.Errorf("count the failed attempts: %w", err)
	}
	if rows <= MaxFailureRows {
		return nil
	}
	if _, err := tx.keep(`DELETE FROM failed_attempt WHERE subject_hash IN (SELECT subject_hash FROM failed_attempt WHERE class = ?
		ORDER BY count >= ?, last_at LIMIT ?)`, int(class), stoppedCount, rows-MaxFailureRows*9/10); err != nil {
		return fmt.Errorf("bound the failed attempts: %w", err)
	}
	return nil
}

// Failures gives the run of failed attempts of a subject; zero when there is none.
func (tx *Tx) Failures(s Subject) (Failures, error) {
	hash, err := tx.w.keys.indexOf("failed_attempt", "subject", s.text())
	if err != nil {
		return Failures{}, err
	}
	return failures(tx.ctx, tx, hash)
}

// Failures gives the run of failed attempts of a subject; zero when there is none.
func (s *Store) Failures(ctx context.Context, of Subject) (Failures, error) {
	hash, err := s.keys.indexOf("failed_attempt", "subject", of.text())
	if err != nil {
		return Failures{}, err
	}
	return failures(ctx, s, hash)
}

func failures(ctx context.Context, from source, hash []byte) (Failures, error) {
	var f Failures
	var first, last string
	err := from.queryRow(ctx, "SELECT count, first_at, last_at FROM failed_attempt WHERE subject_hash = ?", hash).Scan(&f.Count, &first, &last)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Failures{}, nil
	case err != nil:
		return Failures{}, fmt.Errorf("read failed attempts: %w", err)
	}
	if f.FirstAt, err = parseTime(first); err != nil {
		return Failures{}, err
	}
	f.LastAt, err = parseTime(last)
	return f, err
}

// RestampFailures says that the newest failure of a subject happened now. It is
// for a run that was stamped while the clock was ahead, which would make the next
// attempt wait until the clock is there again.
func (tx *Tx) RestampFailures(s Subject) error {
	hash, err := tx.w.keys.indexOf("failed_attempt", "subject", s.text())
	if err != nil {
		return err
	}
	if _, err := tx.keep("UPDATE failed_attempt SET last_at = ? WHERE subject_hash = ?", timeText(tx.now), hash); err != nil {
		return fmt.Errorf("restamp failed attempts: %w", err)
	}
	return nil
}

// ClearFailures ends the run of failed attempts of a subject.
func (tx *Tx) ClearFailures(s Subject) error {
	hash, err := tx.w.keys.indexOf("failed_attempt", "subject", s.text())
	if err != nil {
		return err
	}
	if _, err := tx.keep("DELETE FROM failed_attempt WHERE subject_hash = ?", hash); err != nil {
		return fmt.Errorf("clear failed attempts: %w", err)
	}
	return nil
}

// ClearAllFailures ends every run of a name, wherever the attempts came from.
func (tx *Tx) ClearAllFailures(name string) error {
	hash, err := tx.w.keys.indexOf("failed_attempt", "subject", name)
	if err != nil {
		return err
	}
	if _, err := tx.keep("DELETE FROM failed_attempt WHERE subject_hash = ? OR name_hash = ?", hash, hash); err != nil {
		return fmt.Errorf("clear failed attempts: %w", err)
	}
	return nil
}

// ForgetFailures removes the runs whose newest attempt is older than a time.
func (s *Store) ForgetFailures(ctx context.Context, before time.Time) error {
	return s.Write(ctx, System("sign-in"), func(tx *Tx) error {
		if _, err := tx.keep("DELETE FROM failed_attempt WHERE last_at < ?", timeText(before)); err != nil {
			return fmt.Errorf("forget old failed attempts: %w", err)
		}
		return nil
	})
}

// FailureRows counts the stored runs of a class.
func (s *Store) FailureRows(ctx context.Context, class FailureClass) (n int, err error) {
	if err := s.queryRow(ctx, "SELECT count(*) FROM failed_attempt WHERE class = ?", int(class)).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the failed attempts: %w", err)
	}
	return n, nil
}

// BrowserMark is the keyed hash by which a browser shows that an account signed in
// with it before; nobody without the registry's keys can make one.
func (s *Store) BrowserMark(of string) ([]byte, error) {
	return s.keys.indexOf("account", "browser", of)
}

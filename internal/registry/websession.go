package registry

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"afterglow/internal/fault"
)

// WebSessions keeps the web sessions of scs. Whatever token it is given, only a
// hash of it is stored (SR-49).
type WebSessions struct{ store *Store }

// WebSessions gives the store of web sessions.
func (s *Store) WebSessions() WebSessions { return WebSessions{store: s} }

// FindCtx gives a session's data; false when there is none or it has expired.
func (w WebSessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var data []byte
	err := w.store.queryRow(ctx, "SELECT data FROM web_session WHERE token_hash = ? AND expires_at > ?", hashToken(token), timeText(w.store.Now())).
		Scan(&data)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("find a web session: %w", err)
	}
	return data, true, nil
}

// BeginCtx stores a session that is new; only a sign-in makes one.
func (w WebSessions) BeginCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	return w.write(ctx, "INSERT INTO web_session (token_hash, data, expires_at) VALUES (?, ?, ?)", hashToken(token), data, timeText(expiry))
}

// CommitCtx extends a session that is there. One that ended since it was read is
// a fault.Unauthenticated and stays ended: a request under way must not undo a
// sign-out.
func (w WebSessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	return w.store.Write(ctx, System("web-sessions"), func(tx *Tx) error {
		result, err := tx.keep("UPDATE web_session SET data = ?, expires_at = ? WHERE token_hash = ? AND expires_at > ?",
			data, timeText(expiry), hashToken(token), timeText(tx.now))
		if err != nil {
			return fmt.Errorf("extend a web session: %w", err)
		}
		extended, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("extend a web session: %w", err)
		}
		if extended == 0 {
			return fault.New(fault.KindUnauthenticated, "session", "has ended; sign in again")
		}
		return nil
	})
}

// DeleteCtx ends a session.
func (w WebSessions) DeleteCtx(ctx context.Context, token string) error {
	return w.write(ctx, "DELETE FROM web_session WHERE token_hash = ?", hashToken(token))
}

// DeleteExpired removes what no cookie opens any more.
func (w WebSessions) DeleteExpired(ctx context.Context) error {
	return w.write(ctx, "DELETE FROM web_session WHERE expires_at <= ?", timeText(w.store.Now()))
}

func (w WebSessions) write(ctx context.Context, query string, args ...any) error {
	return w.store.Write(ctx, System("web-sessions"), func(tx *Tx) error {
		if _, err := tx.keep(query, args...); err != nil {
			return fmt.Errorf("write a web session: %w", err)
		}
		return nil
	})
}

// Failures is a run of failed attempts.
type Failures struct {
	Count   int
	FirstAt time.Time
	LastAt  time.Time
}

// CountFailure adds a failed attempt to what is throttled: an account's name, an
// address. Failures older than forget start a new run.
func (s *Store) CountFailure(ctx context.Context, subject string, forget time.Duration) (f Failures, err error) {
	hash, err := s.keys.indexOf("failed_attempt", "subject", subject)
	if err != nil {
		return Failures{}, err
	}
	err = s.Write(ctx, System("sign-in"), func(tx *Tx) error {
		now := timeText(tx.now)
		if _, err := tx.keep(`INSERT INTO failed_attempt (subject_hash, count, first_at, last_at) VALUES (?, 1, ?, ?)
			ON CONFLICT (subject_hash) DO UPDATE SET last_at = excluded.last_at,
				count = CASE WHEN last_at < ? THEN 1 ELSE count + 1 END,
				first_at = CASE WHEN last_at < ? THEN excluded.first_at ELSE first_at END`,
			hash, now, now, timeText(tx.now.Add(-forget)), timeText(tx.now.Add(-forget))); err != nil {
			return fmt.Errorf("count a failed attempt: %w", err)
		}
		f, err = failures(tx.ctx, tx, hash)
		return err
	})
	return f, err
}

// Failures gives the run of failed attempts of a subject; zero when there is none.
func (s *Store) Failures(ctx context.Context, subject string) (Failures, error) {
	hash, err := s.keys.indexOf("failed_attempt", "subject", subject)
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

// ClearFailures ends the run of failed attempts of a subject.
func (s *Store) ClearFailures(ctx context.Context, subject string) error {
	hash, err := s.keys.indexOf("failed_attempt", "subject", subject)
	if err != nil {
		return err
	}
	return s.Write(ctx, System("sign-in"), func(tx *Tx) error {
		if _, err := tx.keep("DELETE FROM failed_attempt WHERE subject_hash = ?", hash); err != nil {
			return fmt.Errorf("clear failed attempts: %w", err)
		}
		return nil
	})
}

// SubjectHash is the keyed hash by which an audit event names somebody whose name
// must not stand in it.
func (s *Store) SubjectHash(subject string) (string, error) {
	hash, err := s.keys.indexOf("audit", "subject", subject)
	return hex.EncodeToString(hash), err
}

// Find is FindCtx without a caller's context; scs asks for it and does not call it.
func (w WebSessions) Find(token string) ([]byte, bool, error) {
	return w.FindCtx(w.store.writer.ctx, token)
}

// Commit is CommitCtx without a caller's context; scs asks for it and does not call it.
func (w WebSessions) Commit(token string, data []byte, expiry time.Time) error {
	return w.CommitCtx(w.store.writer.ctx, token, data, expiry)
}

// Delete is DeleteCtx without a caller's context; scs asks for it and does not call it.
func (w WebSessions) Delete(token string) error {
	return w.DeleteCtx(w.store.writer.ctx, token)
}

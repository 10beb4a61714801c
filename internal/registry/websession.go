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

// DeleteEnded removes what no cookie may open any more: sessions that have ended
// by now, and those that would end later than any session begun now could, which
// were made while the clock was ahead.
func (w WebSessions) DeleteEnded(ctx context.Context, latest time.Time) error {
	return w.write(ctx, "DELETE FROM web_session WHERE expires_at <= ? OR expires_at > ?", timeText(w.store.Now()), timeText(latest))
}

// Count gives how many sessions are stored, ended ones that were not cleared yet
// included.
func (w WebSessions) Count(ctx context.Context) (n int, err error) {
	if err := w.store.queryRow(ctx, "SELECT count(*) FROM web_session").Scan(&n); err != nil {
		return 0, fmt.Errorf("count the web sessions: %w", err)
	}
	return n, nil
}

func (w WebSessions) write(ctx context.Context, query string, args ...any) error {
	return w.store.Write(ctx, System("web-sessions"), func(tx *Tx) error {
		if _, err := tx.keep(query, args...); err != nil {
			return fmt.Errorf("write a web session: %w", err)
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

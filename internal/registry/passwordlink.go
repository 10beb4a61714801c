package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"afterglow/internal/fault"
)

// CreatePasswordLink gives the secret of a one-time link with which the person of
// an account sets a password. It dies on use or when its life ends; a new one ends
// the older.
func (tx *Tx) CreatePasswordLink(account int64, life time.Duration) (string, error) {
	token := newToken()
	if _, err := tx.exec(`INSERT INTO password_link (token_hash, account, created_at, expires_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (account) DO UPDATE SET token_hash = excluded.token_hash, created_at = excluded.created_at, expires_at = excluded.expires_at`,
		hashToken(token), account, timeText(tx.now), timeText(tx.now.Add(life))); err != nil {
		return "", fmt.Errorf("store a password link: %w", err)
	}
	return token, tx.Audit(Event{Action: "password-link-created", SubjectKind: "account", Subject: fmt.Sprint(account)})
}

// A link made later than now, by more than a clock's usual run, was made while the
// clock was ahead and would live too long.
const passwordLinkQuery = accountColumns + `WHERE disabled_at IS NULL AND id =
	(SELECT account FROM password_link WHERE token_hash = ? AND expires_at > ? AND created_at <= ?)`

// PasswordLink finds the account that a link's secret sets the password of.
// Unknown, used and expired ones are refused in the same words, as a
// fault.NotFound.
func (s *Store) PasswordLink(ctx context.Context, token string) (Account, error) {
	return passwordLink(ctx, s, token, s.Now())
}

func passwordLink(ctx context.Context, from source, token string, now time.Time) (Account, error) {
	a, err := scanAccount(from.queryRow(ctx, passwordLinkQuery, hashToken(token), timeText(now), timeText(now.Add(maxSkew))).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Account{}, fault.NotFound("password link", "is not valid: it was used, has expired or never existed")
	case err != nil:
		return Account{}, fmt.Errorf("find a password link: %w", err)
	}
	return a, nil
}

// UsePasswordLink spends a link and gives its account.
func (tx *Tx) UsePasswordLink(token string) (Account, error) {
	a, err := passwordLink(tx.ctx, tx, token, tx.now)
	if err != nil {
		return Account{}, err
	}
	if err := tx.dropPasswordLink(a.ID); err != nil {
		return Account{}, err
	}
	return a, tx.Audit(Event{Action: "password-link-used", SubjectKind: "account", Subject: fmt.Sprint(a.ID)})
}

// dropPasswordLink ends the link of an account, if there is one; the caller leaves
// the audit event.
func (tx *Tx) dropPasswordLink(account int64) error {
	if _, err := tx.exec("DELETE FROM password_link WHERE account = ?", account); err != nil {
		return fmt.Errorf("end a password link: %w", err)
	}
	return nil
}

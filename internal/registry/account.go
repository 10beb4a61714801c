package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"afterglow/internal/fault"
)

// Account is somebody of the staff. PasswordHash carries its own parameters; the
// registry never sees a password.
type Account struct {
	ID           int64
	Name         string
	Role         string
	PasswordHash string
	CreatedAt    time.Time
	Disabled     bool
	// SessionsEnded counts how often all sessions of the account were ended; a
	// session that began under another number is none.
	SessionsEnded int64
}

// Actor is the account as it stands in the audit trail.
func (a Account) Actor() Actor { return Actor{Kind: ActorAccount, ID: fmt.Sprint(a.ID)} }

// NewAccount is an account to create.
type NewAccount struct {
	Name         string
	Role         string
	PasswordHash string
}

// CreateAccount stores an account. Names do not distinguish capitals; one that
// is taken is a fault.Conflict.
func (tx *Tx) CreateAccount(a NewAccount) (Account, error) {
	name := accountName(a.Name)
	if name == "" || len(name) > 64 {
		return Account{}, fault.Invalid("account name", "must have 1 to 64 bytes")
	}
	result, err := tx.exec("INSERT INTO account (name, role, password_hash, created_at) VALUES (?, ?, ?, ?)",
		name, a.Role, a.PasswordHash, timeText(tx.now))
	if isConstraint(err) {
		return Account{}, fault.Conflict("account name", "is taken, or the role is empty")
	}
	if err != nil {
		return Account{}, fmt.Errorf("store an account: %w", err)
	}
	id, err := result.LastInsertId()
	if err != nil {
		return Account{}, fmt.Errorf("store an account: %w", err)
	}
	account := Account{ID: id, Name: name, Role: a.Role, PasswordHash: a.PasswordHash, CreatedAt: tx.now}
	return account, tx.Audit(Event{Action: "account-created", SubjectKind: "account", Subject: fmt.Sprint(id), Detail: map[string]any{"role": a.Role}})
}

func accountName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

const accountColumns = "SELECT id, name, role, password_hash, created_at, disabled_at IS NOT NULL, sessions_ended FROM account "

// AccountByName finds an account; false when there is none.
func (s *Store) AccountByName(ctx context.Context, name string) (Account, bool, error) {
	return oneAccount(ctx, s, accountColumns+"WHERE name = ?", accountName(name))
}

// AccountByID finds an account; false when there is none.
func (s *Store) AccountByID(ctx context.Context, id int64) (Account, bool, error) {
	return oneAccount(ctx, s, accountColumns+"WHERE id = ?", id)
}

func oneAccount(ctx context.Context, from source, query string, arg any) (Account, bool, error) {
	a, err := scanAccount(from.queryRow(ctx, query, arg).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Account{}, false, nil
	case err != nil:
		return Account{}, false, fmt.Errorf("read an account: %w", err)
	}
	return a, true, nil
}

func scanAccount(scan func(...any) error) (Account, error) {
	var a Account
	var created string
	if err := scan(&a.ID, &a.Name, &a.Role, &a.PasswordHash, &created, &a.Disabled, &a.SessionsEnded); err != nil {
		return Account{}, err
	}
	var err error
	a.CreatedAt, err = parseTime(created)
	return a, err
}

// Accounts lists all accounts by name.
func (s *Store) Accounts(ctx context.Context) ([]Account, error) {
	list := []Account{}
	err := each(ctx, s, func(rows *sql.Rows) error {
		a, err := scanAccount(rows.Scan)
		list = append(list, a)
		return err
	}, accountColumns+"ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

// HasAccounts reports whether any account exists, within the transaction.
func (tx *Tx) HasAccounts() (bool, error) { return hasAccounts(tx.ctx, tx) }

// HasAccounts reports whether any account exists.
func (s *Store) HasAccounts(ctx context.Context) (bool, error) { return hasAccounts(ctx, s) }

func hasAccounts(ctx context.Context, from source) (bool, error) {
	var any bool
	if err := from.queryRow(ctx, "SELECT EXISTS (SELECT 1 FROM account)").Scan(&any); err != nil {
		return false, fmt.Errorf("look for accounts: %w", err)
	}
	return any, nil
}

// SetPasswordHash replaces an account's password hash; why is a code such as
// "changed" or "rehashed".
func (tx *Tx) SetPasswordHash(account int64, hash, why string) error {
	return tx.changeAccount(account, "password-"+why, "UPDATE account SET password_hash = ? WHERE id = ?", hash, account)
}

// DisableAccount closes an account, its sessions and its password link; it is
// never deleted, since the trail names it.
func (tx *Tx) DisableAccount(account int64) error {
	if err := tx.dropPasswordLink(account); err != nil {
		return err
	}
	return tx.changeAccount(account, "account-disabled",
		"UPDATE account SET disabled_at = coalesce(disabled_at, ?), sessions_ended = sessions_ended + 1 WHERE id = ?", timeText(tx.now), account)
}

// EnableAccount opens a disabled account again.
func (tx *Tx) EnableAccount(account int64) error {
	return tx.changeAccount(account, "account-enabled", "UPDATE account SET disabled_at = NULL WHERE id = ?", account)
}

// EndSessions ends every session of an account; it acts on the next request.
func (tx *Tx) EndSessions(account int64) error {
	return tx.changeAccount(account, "sessions-ended", "UPDATE account SET sessions_ended = sessions_ended + 1 WHERE id = ?", account)
}

// AccountByName finds an account within the transaction; false when there is none.
func (tx *Tx) AccountByName(name string) (Account, bool, error) {
	return oneAccount(tx.ctx, tx, accountColumns+"WHERE name = ?", accountName(name))
}

func (tx *Tx) changeAccount(account int64, action, query string, args ...any) error {
	result, err := tx.exec(query, args...)
	if err != nil {
		return fmt.Errorf("change account %d: %w", account, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return fault.NotFound("account", "there is no account %d", account)
	}
	return tx.Audit(Event{Action: action, SubjectKind: "account", Subject: fmt.Sprint(account)})
}

// CreateSetupToken gives the one-time token that makes the first administrator;
// it dies on use or when its life ends (SR-54). A fault.Conflict once there is an
// account; a new token ends every older one.
func (tx *Tx) CreateSetupToken(life time.Duration) (string, error) {
	exists, err := tx.HasAccounts()
	if err != nil {
		return "", err
	}
	if exists {
		return "", fault.Conflict("setup", "this installation already has accounts")
	}
	if _, err := tx.exec("DELETE FROM setup_token"); err != nil {
		return "", fmt.Errorf("end older setup tokens: %w", err)
	}
	token := newToken()
	if _, err := tx.exec("INSERT INTO setup_token (token_hash, expires_at) VALUES (?, ?)", hashToken(token), timeText(tx.now.Add(life))); err != nil {
		return "", fmt.Errorf("store a setup token: %w", err)
	}
	return token, tx.Audit(Event{Action: "setup-token-created", SubjectKind: "setup", Subject: "first-administrator"})
}

// UseSetupToken spends the token. Unknown, used and expired ones are refused in
// the same words.
func (tx *Tx) UseSetupToken(token string) error {
	result, err := tx.exec("UPDATE setup_token SET used_at = ? WHERE token_hash = ? AND used_at IS NULL AND expires_at > ?",
		timeText(tx.now), hashToken(token), timeText(tx.now))
	if err != nil {
		return fmt.Errorf("use a setup token: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return fault.New(fault.KindUnauthenticated, "setup token", "is not valid; start the server again for a new one")
	}
	return tx.Audit(Event{Action: "setup-token-used", SubjectKind: "setup", Subject: "first-administrator"})
}

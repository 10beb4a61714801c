package access

import (
	"context"
	"fmt"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

// PasswordLinkLifetime is how long a link to set a password works.
const PasswordLinkLifetime = 24 * time.Hour

// PasswordLink is a one-time link with which a person sets the password of an
// account; whoever makes it hands it over.
type PasswordLink struct {
	Account string
	Role    Role
	// Token goes into the link; only its hash is stored.
	Token     string
	ExpiresAt time.Time
	// Reopened is true when the account had been disabled.
	Reopened bool
}

// Invite makes an account that nobody has a password of yet, with a link to set
// one. A name that is taken is a fault.Conflict.
func (s *Service) Invite(ctx context.Context, actor registry.Actor, name string, role Role) (PasswordLink, error) {
	a := NewAccount{Name: normalName(name), Role: role, Password: newSecret()}
	hash, err := s.hashNew(ctx, a)
	if err != nil {
		return PasswordLink{}, err
	}
	link := PasswordLink{Account: a.Name, Role: role}
	err = s.registry.Write(ctx, actor, func(tx *registry.Tx) error {
		made, err := tx.CreateAccount(registry.NewAccount{Name: a.Name, Role: string(a.Role), PasswordHash: hash})
		if err != nil {
			return err
		}
		link.ExpiresAt = tx.Now().Add(PasswordLinkLifetime)
		link.Token, err = tx.CreatePasswordLink(made.ID, PasswordLinkLifetime)
		return err
	})
	if err != nil {
		return PasswordLink{}, fmt.Errorf("add an account: %w", err)
	}
	return link, nil
}

// Reset takes an account's password away, ends its sessions, opens it again where
// it was stopped or disabled, and gives a link to set a new password.
func (s *Service) Reset(ctx context.Context, actor registry.Actor, name string) (PasswordLink, error) {
	hash, err := s.hasher.hash(ctx, newSecret())
	if err != nil {
		return PasswordLink{}, fmt.Errorf("reset an account: %w", err)
	}
	var link PasswordLink
	err = s.change(ctx, actor, name, func(tx *registry.Tx, account registry.Account) error {
		role, _ := ParseRole(account.Role)
		link = PasswordLink{Account: account.Name, Role: role, ExpiresAt: tx.Now().Add(PasswordLinkLifetime), Reopened: account.Disabled}
		if account.Disabled {
			if err := tx.EnableAccount(account.ID); err != nil {
				return err
			}
		}
		if err := s.replacePassword(tx, account, hash, "reset"); err != nil {
			return err
		}
		link.Token, err = tx.CreatePasswordLink(account.ID, PasswordLinkLifetime)
		return err
	})
	if err != nil {
		return PasswordLink{}, fmt.Errorf("reset an account: %w", err)
	}
	return link, nil
}

// replacePassword sets a hash, ends the sessions that began under the one before
// and lets the account take attempts again.
func (s *Service) replacePassword(tx *registry.Tx, account registry.Account, hash, why string) error {
	if err := tx.SetPasswordHash(account.ID, hash, why); err != nil {
		return err
	}
	if err := tx.EndSessions(account.ID); err != nil {
		return err
	}
	return tx.ClearAllFailures(account.Name)
}

// Disable closes an account; its sessions end with the next request.
func (s *Service) Disable(ctx context.Context, actor registry.Actor, name string) error {
	err := s.change(ctx, actor, name, func(tx *registry.Tx, account registry.Account) error { return tx.DisableAccount(account.ID) })
	if err != nil {
		return fmt.Errorf("disable an account: %w", err)
	}
	return nil
}

// Unlock lets an account take its password again from every place.
func (s *Service) Unlock(ctx context.Context, actor registry.Actor, name string) error {
	err := s.change(ctx, actor, name, func(tx *registry.Tx, account registry.Account) error {
		if err := tx.ClearAllFailures(account.Name); err != nil {
			return err
		}
		return tx.Audit(registry.Event{Action: "sign-in-unlocked", SubjectKind: "account", Subject: account.Actor().ID})
	})
	if err != nil {
		return fmt.Errorf("unlock an account: %w", err)
	}
	return nil
}

// change finds an account and changes it in one transaction.
func (s *Service) change(ctx context.Context, actor registry.Actor, name string, how func(*registry.Tx, registry.Account) error) error {
	return s.registry.Write(ctx, actor, func(tx *registry.Tx) error {
		account, found, err := tx.AccountByName(normalName(name))
		switch {
		case err != nil:
			return err
		case !found:
			return fault.NotFound("account", "there is no account %q; list them with: afterglow user list", normalName(name))
		}
		return how(tx, account)
	})
}

// PasswordLinkAccount gives the name of the account that a link sets the password
// of; a link that is not valid is a fault.NotFound.
func (s *Service) PasswordLinkAccount(ctx context.Context, token string) (string, error) {
	account, err := s.registry.PasswordLink(ctx, token)
	return account.Name, err
}

// SetPassword spends a link and sets the password of its account. A password that
// may not be is a fault.Invalid with details and does not use the link up; a link
// that is not valid is a fault.NotFound.
func (s *Service) SetPassword(ctx context.Context, token, password string) error {
	account, err := s.registry.PasswordLink(ctx, token)
	if err != nil {
		return fmt.Errorf("set a password: %w", err)
	}
	if faults := passwordFaults(password, account.Name, s.siteName); len(faults) > 0 {
		return fault.InvalidDetails("account", faults)
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("set a password: %w", err)
	}
	err = s.registry.Write(ctx, account.Actor(), func(tx *registry.Tx) error {
		account, err := tx.UsePasswordLink(token)
		if err != nil {
			return err
		}
		return s.replacePassword(tx, account, hash, "set")
	})
	if err != nil {
		return fmt.Errorf("set a password: %w", err)
	}
	return nil
}

// Person is an account as an administrator sees it.
type Person struct {
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	CreatedAt time.Time `json:"created_at"`
	Disabled  bool      `json:"disabled"`
	// WrongAttempts counts the wrong sign-ins in a row from all places but the
	// browsers that the account has signed in with.
	WrongAttempts int `json:"wrong_attempts"`
}

// People lists every account by name.
func (s *Service) People(ctx context.Context) ([]Person, error) {
	accounts, err := s.registry.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	people := make([]Person, len(accounts))
	for i, a := range accounts {
		run, err := s.registry.Failures(ctx, registry.Subject{Name: a.Name})
		if err != nil {
			return nil, err
		}
		people[i] = Person{Name: a.Name, Role: Role(a.Role), CreatedAt: a.CreatedAt, Disabled: a.Disabled, WrongAttempts: run.Count}
	}
	return people, nil
}

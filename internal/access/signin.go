package access

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

// errWrong is the one answer to a sign-in that did not work, whatever the
// reason: no such account, wrong password, disabled, stopped.
var errWrong = fault.New(fault.KindUnauthenticated, "sign-in", "the account or the password is not right")

// Attempt is one attempt to sign in.
type Attempt struct {
	Name     string
	Password string
	// Place is the class of addresses that the attempt comes from, such as an IPv4
	// address or an IPv6 network; wrong attempts are counted by place.
	Place string
	// Mark is what the browser was given when an account last signed in with it.
	Mark string
	// Replaces is the secret of the session that the browser had, if any; it ends.
	Replaces string
}

// Admission is what a sign-in that worked gives the browser.
type Admission struct {
	// Session is the secret of the new session.
	Session string
	// Mark makes the browser known for this account.
	Mark string
}

// SignIn is Enter for callers without a browser or an address of their own.
func (s *Service) SignIn(ctx context.Context, name, password string) (string, error) {
	admitted, err := s.Enter(ctx, Attempt{Name: name, Password: password})
	return admitted.Session, err
}

// Enter checks a name and a password, begins a session and ends the one that the
// browser had. Every refusal is the same fault.Unauthenticated after the same
// work, or a TooSoonError, which depends on the name typed, on where the attempt
// comes from and on what was tried before, and not on whether there is such an
// account.
func (s *Service) Enter(ctx context.Context, a Attempt) (Admission, error) {
	a.Name = normalName(a.Name)
	account, known, err := s.registry.AccountByName(ctx, a.Name)
	if err != nil {
		return Admission{}, fmt.Errorf("sign in: %w", err)
	}
	stored := s.dummy
	if known {
		stored = account.PasswordHash
	}
	from := origin{name: a.Name, place: a.Place, exists: known, marked: s.hasMark(a.Mark, a.Name, stored)}
	if from.marked {
		from.place = "browser " + a.Mark
	}
	stopped, err := s.countAttempt(ctx, from)
	if err != nil {
		return Admission{}, err
	}
	password := a.Password
	if len(password) > maxPasswordBytes {
		password = ""
	}
	right, stale, err := s.hasher.verify(ctx, password, stored)
	if err != nil {
		return Admission{}, fmt.Errorf("sign in: %w", err)
	}
	if !right || !known || account.Disabled || stopped {
		return Admission{}, errWrong
	}
	if stale {
		if account.PasswordHash, err = s.hasher.hash(ctx, password); err != nil {
			return Admission{}, fmt.Errorf("renew a password hash: %w", err)
		}
	}
	return s.admit(ctx, account, from, stale, a.Replaces)
}

// admit begins the session of someone who showed the right password; a hash with
// other than today's parameters was made anew while the password was here.
func (s *Service) admit(ctx context.Context, account registry.Account, from origin, renewed bool, replaces string) (Admission, error) {
	err := s.registry.Write(ctx, account.Actor(), func(tx *registry.Tx) error {
		if renewed {
			if err := tx.SetPasswordHash(account.ID, account.PasswordHash, "rehashed"); err != nil {
				return err
			}
		}
		for _, subject := range []registry.Subject{from.own(), from.everywhere()} {
			if err := tx.ClearFailures(subject); err != nil {
				return err
			}
		}
		return tx.Audit(registry.Event{Action: "signed-in", SubjectKind: "account", Subject: account.Actor().ID})
	})
	if err != nil {
		return Admission{}, fmt.Errorf("sign in: %w", err)
	}
	if replaces != "" {
		if err := s.End(ctx, replaces); err != nil {
			return Admission{}, err
		}
	}
	mark, err := s.newMark(account)
	if err != nil {
		return Admission{}, err
	}
	session, err := s.begin(ctx, account)
	return Admission{Session: session, Mark: mark}, err
}

// SignOut ends a session and leaves an audit event.
func (s *Service) SignOut(ctx context.Context, caller Caller, secret string) error {
	err := s.End(ctx, secret)
	if caller.AccountID == "" {
		return err
	}
	return errors.Join(err, s.registry.Write(ctx, registry.Actor{Kind: registry.ActorAccount, ID: caller.AccountID}, func(tx *registry.Tx) error {
		return tx.Audit(registry.Event{Action: "signed-out", SubjectKind: "account", Subject: caller.AccountID})
	}))
}

// normalName is how account names are kept: lowercase letters, no space around.
func normalName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

package access

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

const (
	// freeAttempts wrong attempts in a row cost no wait: people mistype.
	freeAttempts = 5
	// maxAttempts is where an account stops taking its password until an
	// administrator opens it again.
	maxAttempts = 100
	// longestWait bounds the wait between attempts, so that a stranger who
	// keeps trying cannot lock the person out for long.
	longestWait = time.Minute
	// runForgotten is the pause after which a run of wrong attempts starts anew.
	runForgotten = 30 * 24 * time.Hour
)

// TooSoonError says that the next attempt for this name must wait.
type TooSoonError struct{ Wait time.Duration }

// Error says how long, in whole seconds.
func (e *TooSoonError) Error() string {
	return fmt.Sprintf("the next attempt may be made in %.0f seconds", math.Ceil(e.Wait.Seconds()))
}

// errWrong is the one answer to a sign-in that did not work, whatever the
// reason: no such account, wrong password, disabled, stopped.
var errWrong = fault.New(fault.KindUnauthenticated, "sign-in", "the account or the password is not right")

// SignIn checks a name and a password and begins a session, whose secret it
// gives. Every refusal is the same fault.Unauthenticated after the same work,
// or a TooSoonError, which depends on the name typed and not on whether there
// is such an account.
func (s *Service) SignIn(ctx context.Context, name, password string) (string, error) {
	name = normalName(name)
	attempts, err := s.countAttempt(ctx, name)
	if err != nil {
		return "", err
	}
	account, known, err := s.registry.AccountByName(ctx, name)
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	stored := s.dummy
	if known {
		stored = account.PasswordHash
	}
	if len(password) > maxPasswordBytes {
		password = ""
	}
	right, stale, err := s.hasher.verify(ctx, password, stored)
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	if !right || !known || account.Disabled || attempts > maxAttempts {
		return "", errWrong
	}
	return s.admit(ctx, account, password, stale)
}

// admit begins the session of someone who showed the right password; a hash
// with other than today's parameters is made anew while the password is here.
func (s *Service) admit(ctx context.Context, account registry.Account, password string, stale bool) (string, error) {
	fresh := ""
	if stale {
		var err error
		if fresh, err = s.hasher.hash(ctx, password); err != nil {
			return "", fmt.Errorf("renew a password hash: %w", err)
		}
	}
	err := s.registry.Write(ctx, account.Actor(), func(tx *registry.Tx) error {
		if fresh != "" {
			if err := tx.SetPasswordHash(account.ID, fresh, "rehashed"); err != nil {
				return err
			}
		}
		return tx.Audit(registry.Event{Action: "signed-in", SubjectKind: "account", Subject: account.Actor().ID})
	})
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	if err := s.registry.ClearFailures(ctx, account.Name); err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	return s.begin(ctx, account.ID)
}

// countAttempt counts this attempt before it is judged, so that attempts made
// at the same moment count too, and refuses one that comes too soon.
func (s *Service) countAttempt(ctx context.Context, name string) (int, error) {
	before, err := s.registry.Failures(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("count a sign-in: %w", err)
	}
	if wait := before.LastAt.Add(waitAfter(before.Count)).Sub(s.registry.Now()); before.Count > 0 && wait > 0 {
		return 0, &TooSoonError{Wait: wait}
	}
	run, err := s.registry.CountFailure(ctx, name, runForgotten)
	if err != nil {
		return 0, fmt.Errorf("count a sign-in: %w", err)
	}
	if run.Count == maxAttempts {
		return run.Count, s.alarm(ctx, name)
	}
	return run.Count, nil
}

// alarm leaves the audit event of a name whose password is taken no more.
func (s *Service) alarm(ctx context.Context, name string) error {
	subject, err := s.registry.SubjectHash(name)
	if err != nil {
		return fmt.Errorf("record a stopped sign-in: %w", err)
	}
	err = s.registry.Write(ctx, registry.System("sign-in"), func(tx *registry.Tx) error {
		return tx.Audit(registry.Event{Action: "sign-in-stopped", SubjectKind: "account-name", Subject: subject})
	})
	if err != nil {
		return fmt.Errorf("record a stopped sign-in: %w", err)
	}
	s.log.Warn("a run of wrong sign-ins was stopped", "subject", subject)
	return nil
}

// Unlock lets a stopped account take its password again.
func (s *Service) Unlock(ctx context.Context, name string) error {
	if err := s.registry.ClearFailures(ctx, normalName(name)); err != nil {
		return fmt.Errorf("unlock an account: %w", err)
	}
	return nil
}

// waitAfter is the wait that follows a number of wrong attempts: none, then
// doubling from a second up to a minute.
func waitAfter(attempts int) time.Duration {
	if attempts < freeAttempts {
		return 0
	}
	wait := longestWait
	if doublings := attempts - freeAttempts; doublings < 6 {
		wait = time.Second << doublings
	}
	return min(wait, longestWait)
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

// normalName is how account names are kept: small letters, no space around.
func normalName(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

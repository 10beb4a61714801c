package access

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"github.com/alexedwards/scs/v2"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

const (
	// SessionIdle ends a session in which nothing is done.
	SessionIdle = 15 * time.Minute
	// SessionLifetime ends every session, a working day after sign-in.
	SessionLifetime = 8 * time.Hour
	// clockTolerance is how far a session's times may lie ahead of the clock, which
	// is set right by small steps now and then. A session from further ahead was
	// made with a wrong clock and would outlive its limits.
	clockTolerance = time.Minute
)

// What a session holds. Times are Unix nanoseconds of the service's clock.
const (
	keyAccount    = "account"
	keySignedIn   = "signed-in"
	keySeen       = "seen"
	keyGeneration = "generation"
)

// sessionStore keeps sessions in the registry under the hash of their secret.
// The expiry that scs computes comes from the machine's clock, so it is replaced
// by one of the service's clock.
type sessionStore struct {
	registry.WebSessions
	now func() time.Time
	// beginning is true for the sessions of sign-ins, which alone are inserted.
	beginning bool
}

// CommitCtx keeps a session until it would be idle for too long.
func (s sessionStore) CommitCtx(ctx context.Context, token string, data []byte, _ time.Time) error {
	expiry := s.now().Add(SessionIdle)
	if s.beginning {
		return s.BeginCtx(ctx, token, data, expiry)
	}
	return s.WebSessions.CommitCtx(ctx, token, data, expiry)
}

func newSessions(store sessionStore) *scs.SessionManager {
	m := scs.New()
	m.Store = store
	m.HashTokenInStore = true
	m.Lifetime = SessionLifetime
	return m
}

// begin makes a session for an account and gives the secret that goes into the
// cookie. The secret is always new, so a planted cookie never becomes a session.
func (s *Service) begin(ctx context.Context, account registry.Account) (string, error) {
	ctx, err := s.beginnings.Load(ctx, "")
	if err != nil {
		return "", fmt.Errorf("begin a session: %w", err)
	}
	now := s.now().UnixNano()
	s.beginnings.Put(ctx, keyAccount, account.ID)
	s.beginnings.Put(ctx, keyGeneration, account.SessionsEnded)
	s.beginnings.Put(ctx, keySignedIn, now)
	s.beginnings.Put(ctx, keySeen, now)
	secret, _, err := s.beginnings.Commit(ctx)
	if err != nil {
		return "", fmt.Errorf("begin a session: %w", err)
	}
	return secret, nil
}

// Resolve gives the caller of a session's secret, and Anonymous when it is no
// session, has ended, or the account is disabled. Being seen extends it.
func (s *Service) Resolve(ctx context.Context, secret string) (Caller, error) {
	return s.resolve(ctx, secret, true)
}

// Look is Resolve for what an open page asks by itself: nobody did anything, so the
// session ends when it would have ended (SR-50).
func (s *Service) Look(ctx context.Context, secret string) (Caller, error) {
	return s.resolve(ctx, secret, false)
}

func (s *Service) resolve(ctx context.Context, secret string, extend bool) (Caller, error) {
	session, err := s.sessions.Load(ctx, secret)
	if err != nil {
		return Anonymous, fmt.Errorf("read a session: %w", err)
	}
	id := s.sessions.GetInt64(session, keyAccount)
	if id == 0 {
		return Anonymous, nil
	}
	now := s.now()
	signedIn, seen := time.Unix(0, s.sessions.GetInt64(session, keySignedIn)), time.Unix(0, s.sessions.GetInt64(session, keySeen))
	account, found, err := s.registry.AccountByID(ctx, id)
	if err != nil {
		return Anonymous, fmt.Errorf("read a session's account: %w", err)
	}
	role, known := ParseRole(account.Role)
	ended := s.sessions.GetInt64(session, keyGeneration) != account.SessionsEnded || seen.After(now.Add(clockTolerance)) ||
		!now.Before(seen.Add(SessionIdle)) || !now.Before(signedIn.Add(SessionLifetime))
	if !found || account.Disabled || !known || ended {
		return Anonymous, s.destroy(session)
	}
	if extend {
		seen = now
		s.sessions.Put(session, keySeen, now.UnixNano())
		switch _, _, err := s.sessions.Commit(session); {
		case fault.Is(err, fault.KindUnauthenticated):
			return Anonymous, nil
		case fault.Is(err, fault.KindUnavailable):
			// A registry that cannot be written must not take the pages away that only
			// read; the session is then not extended, which is the safe side.
		case err != nil:
			return Anonymous, fmt.Errorf("extend a session: %w", err)
		}
	}
	ends := seen.Add(SessionIdle)
	if last := signedIn.Add(SessionLifetime); last.Before(ends) {
		ends = last
	}
	return Caller{AccountID: strconv.FormatInt(id, 10), Name: account.Name, Role: role, EndsAt: ends}, nil
}

// End ends the session of a secret; a secret that is no session is no error.
func (s *Service) End(ctx context.Context, secret string) error {
	session, err := s.sessions.Load(ctx, secret)
	if err != nil {
		return fmt.Errorf("read a session: %w", err)
	}
	return s.destroy(session)
}

func (s *Service) destroy(session context.Context) error {
	if err := s.sessions.Destroy(session); err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}

// newSecret draws 256 random bits.
func newSecret() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

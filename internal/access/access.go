// Package access decides who may do what: accounts, passwords, sign-in, web
// sessions, roles and the policy table. Floor: service.
//
// It must not know a page or a route; routes name a permission, and this
// package says which roles have it.
package access

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

// Config is what the service needs.
type Config struct {
	Registry *registry.Store
	Log      *slog.Logger
	// Now is the clock of sessions and of the waits between attempts.
	Now func() time.Time
	// SiteName is a word that no password may consist of.
	SiteName string
	// Hash is the cost of new password hashes; zero means DefaultHashParams.
	Hash HashParams
	// ParallelHashes bounds the memory of sign-in; zero means two.
	ParallelHashes int
	// Derive computes a password's hash; nil means Argon2id. Whoever wraps it sees
	// how often and how many at a time.
	Derive func(password, salt []byte, cost HashParams) []byte
}

// Validate says what is missing.
func (c Config) Validate() error {
	if c.Registry == nil || c.Log == nil || c.Now == nil {
		return fault.Invalid("access", "needs a registry, a log and a clock")
	}
	return nil
}

// Service is sign-in and sessions over the registry; safe for concurrent use.
type Service struct {
	registry *registry.Store
	log      *slog.Logger
	now      func() time.Time
	siteName string
	hasher   *hasher
	// dummy is a hash of a password nobody has: an unknown account costs the
	// same work as a known one.
	dummy string
	// beginnings makes sessions; sessions reads, extends and ends them.
	beginnings, sessions *scs.SessionManager
	refusals             refusals
}

// New makes the service; it computes one password hash.
func New(ctx context.Context, c Config) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Hash == (HashParams{}) {
		c.Hash = DefaultHashParams
	}
	if c.ParallelHashes == 0 {
		c.ParallelHashes = 2
	}
	if c.Derive == nil {
		c.Derive = Argon2id
	}
	s := &Service{
		registry: c.Registry, log: c.Log, now: c.Now, siteName: c.SiteName,
		hasher: newHasher(c.Hash, c.ParallelHashes, c.Derive),
	}
	dummy, err := s.hasher.hash(ctx, newSecret())
	if err != nil {
		return nil, fmt.Errorf("prepare sign-in: %w", err)
	}
	s.dummy = dummy
	s.beginnings = newSessions(sessionStore{WebSessions: c.Registry.WebSessions(), now: c.Now, beginning: true})
	s.sessions = newSessions(sessionStore{WebSessions: c.Registry.WebSessions(), now: c.Now})
	return s, nil
}

// Caller is who makes a request.
type Caller struct {
	AccountID string
	Name      string
	Role      Role
	// EndsAt is when the session ends if nothing more is done.
	EndsAt time.Time
}

// Actor is the caller as it stands in the audit trail.
func (c Caller) Actor() registry.Actor {
	return registry.Actor{Kind: registry.ActorAccount, ID: c.AccountID}
}

// PlausibleToken reports whether a text has the form of a link's secret; what has
// not opens nothing.
func PlausibleToken(s string) bool { return registry.IsToken(s) }

// Anonymous is a caller without a session.
var Anonymous = Caller{Role: RoleAnonymous}

// CookieName is the name of a cookie that holds a secret of this site.
type CookieName string

const hostPrefix = "__Host-"

// SessionCookie names the cookie of staff sessions. Behind https the browser is
// told by the prefix to take it from this host and over https only; over plain
// http, which is served on loopback only, browsers refuse that prefix.
func SessionCookie(https bool) CookieName { return cookieName("afterglow", https) }

// FormCookie names the cookie that ties a patient's unfinished form to one
// browser.
func FormCookie(https bool) CookieName { return cookieName("afterglow-form", https) }

// ReceiptCookie names the cookie that carries a sealed receipt from the answers
// to the page after them.
func ReceiptCookie(https bool) CookieName { return cookieName("afterglow-receipt", https) }

// BrowserCookie names the cookie by which a browser shows that an account signed
// in with it before. It opens nothing; see Attempt.
func BrowserCookie(https bool) CookieName { return cookieName("afterglow-browser", https) }

func cookieName(name string, https bool) CookieName {
	if https {
		return CookieName(hostPrefix + name)
	}
	return CookieName(name)
}

// Secure reports whether the cookie may travel over https only.
func (n CookieName) Secure() bool { return strings.HasPrefix(string(n), hostPrefix) }

package access_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

const goodPassword = "violet teapot under nine bridges"

// cheap keeps the many sign-ins of a test fast; one test uses the real cost.
var cheap = access.HashParams{Passes: 1, MemoryKiB: 64, Lanes: 1}

type bundle struct {
	*access.Service
	store *registry.Store
	clock *registrytest.Clock
}

func setup(t *testing.T, params access.HashParams) bundle {
	t.Helper()
	folder := registrytest.NewFolder(t)
	store := folder.Open(t)
	return bundle{serviceOn(t, store, folder.Clock, params), store, folder.Clock}
}

func serviceOn(t *testing.T, store *registry.Store, c *registrytest.Clock, params access.HashParams) *access.Service {
	t.Helper()
	s, err := access.New(t.Context(), access.Config{Registry: store, Log: slog.New(slog.DiscardHandler), Now: c.Now, SiteName: "Harbour Clinic", Hash: params, ParallelHashes: 4})
	require.NoError(t, err)
	return s
}

func (b bundle) account(t *testing.T, name string, role access.Role) {
	t.Helper()
	actor := registry.Actor{Kind: registry.ActorCommand, ID: "user"}
	require.NoError(t, b.CreateAccount(t.Context(), actor, access.NewAccount{Name: name, Role: role, Password: goodPassword}))
}

func TestSR45_Passwords(t *testing.T) {
	for _, test := range []struct {
		name, password string
		taken          bool
	}{
		{"fourteen characters", "violet teapot ", false},
		{"fifteen characters", "violet teapot u", true},
		{"two hundred characters", strings.Repeat("a long walk by the sea ", 9)[:200], false},
		{"two hundred characters of prose", longProse[:200], true},
		{"umlauts", "grüne Teekannen überm Fluss", true},
		{"no capital, digit or sign", "seven quiet lanterns drift", true},
		{"digits only, random", "83920175648201937465", true},
		{"digits that climb", "012345678901234567", false},
		{"one character", "aaaaaaaaaaaaaaaaaaa", false},
		{"one word over and over", "lanternlanternlantern", false},
		{"the alphabet", "abcdefghijklmnopqrs", false},
		{"a listed word with digits", "password12345678", false},
		{"listed words", "welcomehomeadministrator", false},
		{"listed words, disguised", "P@ssw0rd-Adm1nistr@tor!", false},
		{"the famous example", "correct horse battery staple", false},
		{"the site's name", "harbourclinic2026!!", false},
		{"the account's name", "anna-kowalska-1990", false},
		{"this program", "afterglowketamine1", false},
		{"not text", "violet teapot \xff under", false},
		{"NUL", "violet teapot \x00 under", false},
		{"too long to be a password", strings.Repeat(longProse, 10), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := access.CheckNewPassword(test.password, "anna-kowalska", "Harbour Clinic")
			require.Equal(t, test.taken, err == nil, "%v", err)
			if err != nil {
				require.Equal(t, fault.KindInvalid, fault.KindOf(err))
				require.NotContains(t, err.Error(), test.password)
			}
		})
	}
}

const longProse = "When the tide had gone out far enough, two of the older fishermen walked along the wet sand with a lamp and looked for what the storm had left: rope, cork, a chair without legs, once a violin in its case, quite dry."

func TestSR45_EveryByteOfAPasswordCounts(t *testing.T) {
	b := setup(t, cheap)
	long := longProse[:120]
	actor := registry.Actor{Kind: registry.ActorCommand, ID: "user"}
	require.NoError(t, b.CreateAccount(t.Context(), actor, access.NewAccount{Name: "anna", Role: access.RoleClinician, Password: long}))
	_, err := b.SignIn(t.Context(), "anna", long[:119]+"x")
	require.Equal(t, fault.KindUnauthenticated, fault.KindOf(err))
	_, err = b.SignIn(t.Context(), " Anna ", long)
	require.NoError(t, err)

	composed, decomposed := "gr\u00fcne Teekannen am Fluss", "gru\u0308ne Teekannen am Fluss"
	require.NoError(t, b.CreateAccount(t.Context(), actor, access.NewAccount{Name: "ben", Role: access.RoleResearcher, Password: composed}))
	_, err = b.SignIn(t.Context(), "ben", decomposed)
	require.NoError(t, err, "the same word typed on another keyboard")
}

func TestSR46_HashesCarryTheirCostAndAreRenewedWhenItRises(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	stored := func() string {
		account, found, err := b.store.AccountByName(t.Context(), "anna")
		require.NoError(t, err)
		require.True(t, found)
		return account.PasswordHash
	}
	require.Contains(t, stored(), "$argon2id$v=19$m=64,t=1,p=1$")

	raised := serviceOn(t, b.store, b.clock, access.DefaultHashParams)
	_, err := raised.SignIn(t.Context(), "anna", "not the password at all")
	require.Error(t, err)
	require.Contains(t, stored(), "m=64,", "a wrong password renews nothing")
	_, err = raised.SignIn(t.Context(), "anna", goodPassword)
	require.NoError(t, err)
	require.Contains(t, stored(), "$argon2id$v=19$m=19456,t=2,p=1$")
	_, err = raised.SignIn(t.Context(), "anna", goodPassword)
	require.NoError(t, err)
}

func TestSR43_KnownAndUnknownPeopleAreAnsweredAlike(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	for attempt := range 8 {
		_, known := b.SignIn(t.Context(), "anna", "a wrong password, number one")
		_, unknown := b.SignIn(t.Context(), "nobody", "a wrong password, number one")
		require.Equal(t, known.Error(), unknown.Error(), "attempt %d", attempt+1)
		require.Equal(t, fault.KindOf(known), fault.KindOf(unknown))
	}
}

func TestSR47_WrongAttemptsAreSlowedThenStopped(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	wrong := func() error {
		_, err := b.SignIn(t.Context(), "anna", "a wrong password, number one")
		return err
	}
	for range 5 {
		require.Equal(t, fault.KindUnauthenticated, fault.KindOf(wrong()))
	}
	var early *access.TooSoonError
	require.ErrorAs(t, wrong(), &early, "the sixth at once")
	require.LessOrEqual(t, early.Wait, time.Minute)
	b.clock.Advance(early.Wait)
	_, err := b.SignIn(t.Context(), "anna", goodPassword)
	require.NoError(t, err, "the person gets in after the wait, and the run ends")

	for range 100 {
		b.clock.Advance(time.Minute)
		require.Equal(t, fault.KindUnauthenticated, fault.KindOf(wrong()))
	}
	b.clock.Advance(time.Minute)
	_, err = b.SignIn(t.Context(), "anna", goodPassword)
	require.Equal(t, fault.KindUnauthenticated, fault.KindOf(err), "attempt 101 with the right password")
	require.Equal(t, 1, b.count(t, "sign-in-stopped"))

	require.NoError(t, b.Unlock(t.Context(), "anna"))
	_, err = b.SignIn(t.Context(), "anna", goodPassword)
	require.NoError(t, err)
}

func (b bundle) count(t *testing.T, action string) (n int) {
	t.Helper()
	require.NoError(t, b.store.EachAuditEntry(t.Context(), 0, func(e registry.AuditEntry) error {
		if e.Action == action {
			n++
		}
		return nil
	}))
	return n
}

func TestSR47_AttemptsAtTheSameMomentAllCount(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	for range 96 {
		b.clock.Advance(time.Minute)
		_, err := b.SignIn(t.Context(), "anna", "a wrong password, number one")
		require.Error(t, err)
	}
	b.clock.Advance(time.Minute)
	var group sync.WaitGroup
	var admitted atomic.Int32
	for range 30 {
		group.Go(func() {
			if _, err := b.SignIn(t.Context(), "anna", "a wrong password, number one"); err == nil {
				admitted.Add(1)
			}
		})
	}
	group.Wait()
	require.Zero(t, admitted.Load())
	b.clock.Advance(time.Minute)
	_, err := b.SignIn(t.Context(), "anna", goodPassword)
	if f, ferr := b.store.Failures(t.Context(), "anna"); ferr == nil && f.Count > 100 {
		require.Error(t, err)
	}
}

func TestSR49_SessionsAreNewAtEachSignInAndHashedAtRest(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	first, err := b.SignIn(t.Context(), "anna", goodPassword)
	require.NoError(t, err)
	second, err := b.SignIn(t.Context(), "anna", goodPassword)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	require.GreaterOrEqual(t, len(first), 43, "256 bits")

	caller, err := b.Resolve(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, access.RoleClinician, caller.Role)
	require.Equal(t, "anna", caller.Name)

	_, found, err := b.store.WebSessions().FindCtx(t.Context(), first)
	require.NoError(t, err)
	require.False(t, found, "the secret itself is not what the store knows")

	for _, planted := range []string{"", "x", strings.Repeat("A", 43), first + "A", strings.Repeat("x", 5000)} {
		caller, err := b.Resolve(t.Context(), planted)
		require.NoError(t, err)
		require.Equal(t, access.Anonymous, caller)
	}
}

func TestSR50_ARequestUnderWayDoesNotUndoASignOut(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	var secret string
	underWay := false
	// The service asks the time after it has read the session and before it
	// extends it: there the other request signs out.
	now := func() time.Time {
		if underWay {
			underWay = false
			require.NoError(t, b.End(t.Context(), secret))
		}
		return b.clock.Now()
	}
	service, err := access.New(t.Context(), access.Config{Registry: b.store, Log: slog.New(slog.DiscardHandler), Now: now, SiteName: "Harbour Clinic", Hash: cheap})
	require.NoError(t, err)
	secret, err = service.SignIn(t.Context(), "anna", goodPassword)
	require.NoError(t, err)

	underWay = true
	caller, err := service.Resolve(t.Context(), secret)
	require.NoError(t, err)
	require.Equal(t, access.Anonymous, caller)
	caller, err = service.Resolve(t.Context(), secret)
	require.NoError(t, err)
	require.Equal(t, access.Anonymous, caller, "the session stays ended")
}

func TestSR50_SessionsEndWhenIdleAndAfterAWorkingDay(t *testing.T) {
	role := func(b bundle, secret string) access.Role {
		caller, err := b.Resolve(t.Context(), secret)
		require.NoError(t, err)
		return caller.Role
	}
	begin := func(t *testing.T) (bundle, string) {
		b := setup(t, cheap)
		b.account(t, "anna", access.RoleClinician)
		secret, err := b.SignIn(t.Context(), "anna", goodPassword)
		require.NoError(t, err)
		return b, secret
	}
	t.Run("one second before the idle limit", func(t *testing.T) {
		b, secret := begin(t)
		b.clock.Advance(access.SessionIdle - time.Second)
		require.Equal(t, access.RoleClinician, role(b, secret))
		b.clock.Advance(access.SessionIdle - time.Second)
		require.Equal(t, access.RoleClinician, role(b, secret), "being seen extended it")
	})
	t.Run("one second after the idle limit", func(t *testing.T) {
		b, secret := begin(t)
		b.clock.Advance(access.SessionIdle + time.Second)
		require.Equal(t, access.RoleAnonymous, role(b, secret))
	})
	t.Run("around the end of the day", func(t *testing.T) {
		b, secret := begin(t)
		last := b.clock.Now().Add(access.SessionLifetime - time.Second)
		for b.clock.Now().Before(last.Add(-10 * time.Minute)) {
			b.clock.Advance(10 * time.Minute)
			require.Equal(t, access.RoleClinician, role(b, secret))
		}
		b.clock.Advance(last.Sub(b.clock.Now()))
		require.Equal(t, access.RoleClinician, role(b, secret))
		b.clock.Advance(2 * time.Second)
		require.Equal(t, access.RoleAnonymous, role(b, secret))
	})
}

func TestSR51_SignOutAndDeactivationActOnTheNextRequest(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	b.account(t, "ben", access.RoleResearcher)
	anna, err := b.SignIn(t.Context(), "anna", goodPassword)
	require.NoError(t, err)
	ben, err := b.SignIn(t.Context(), "ben", goodPassword)
	require.NoError(t, err)

	caller, err := b.Resolve(t.Context(), anna)
	require.NoError(t, err)
	require.NoError(t, b.SignOut(t.Context(), caller, anna))
	caller, err = b.Resolve(t.Context(), anna)
	require.NoError(t, err)
	require.Equal(t, access.Anonymous, caller)

	account, _, err := b.store.AccountByName(t.Context(), "ben")
	require.NoError(t, err)
	require.NoError(t, b.store.Write(t.Context(), registry.System("test"), func(tx *registry.Tx) error { return tx.DisableAccount(account.ID) }))
	caller, err = b.Resolve(t.Context(), ben)
	require.NoError(t, err)
	require.Equal(t, access.Anonymous, caller)
	_, err = b.SignIn(t.Context(), "ben", goodPassword)
	require.Equal(t, fault.KindUnauthenticated, fault.KindOf(err))
}

func TestSR54_TheFirstAdministratorIsMadeByAOneTimeToken(t *testing.T) {
	accounts := func(b bundle) int {
		list, err := b.store.Accounts(t.Context())
		require.NoError(t, err)
		return len(list)
	}
	t.Run("it works once", func(t *testing.T) {
		b := setup(t, cheap)
		require.Zero(t, accounts(b), "a fresh installation has no account")
		token, err := b.NewSetupToken(t.Context())
		require.NoError(t, err)
		require.Equal(t, fault.KindUnauthenticated, fault.KindOf(b.SetUp(t.Context(), "guess", "anna", goodPassword)))
		require.Equal(t, fault.KindInvalid, fault.KindOf(b.SetUp(t.Context(), token, "anna", "short")), "a mistake does not use it up")
		require.NoError(t, b.SetUp(t.Context(), token, "anna", goodPassword))
		require.Equal(t, fault.KindUnauthenticated, fault.KindOf(b.SetUp(t.Context(), token, "eve", goodPassword)))
		_, err = b.NewSetupToken(t.Context())
		require.Equal(t, fault.KindConflict, fault.KindOf(err))
		require.Equal(t, 1, accounts(b))
		secret, err := b.SignIn(t.Context(), "anna", goodPassword)
		require.NoError(t, err)
		caller, err := b.Resolve(t.Context(), secret)
		require.NoError(t, err)
		require.Equal(t, access.RoleAdministrator, caller.Role)
	})
	t.Run("it dies after an hour", func(t *testing.T) {
		b := setup(t, cheap)
		token, err := b.NewSetupToken(t.Context())
		require.NoError(t, err)
		b.clock.Advance(time.Hour)
		require.Equal(t, fault.KindUnauthenticated, fault.KindOf(b.SetUp(t.Context(), token, "anna", goodPassword)))
		require.Zero(t, accounts(b))
	})
	t.Run("of many at once, one wins", func(t *testing.T) {
		b := setup(t, cheap)
		token, err := b.NewSetupToken(t.Context())
		require.NoError(t, err)
		var made atomic.Int32
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				if b.SetUp(context.WithoutCancel(t.Context()), token, fmt.Sprintf("admin%d", i), goodPassword) == nil {
					made.Add(1)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 1, made.Load())
		require.Equal(t, 1, accounts(b))
	})
}

func TestSR59_DutiesAreApart(t *testing.T) {
	require.False(t, access.PermissionWorkAlerts.Grants(access.RoleAdministrator))
	require.False(t, access.PermissionWorkAlerts.Grants(access.RoleResearcher))
	require.False(t, access.PermissionAskQuestions.Grants(access.RoleClinician))
	require.False(t, access.Permission("").Grants(access.RoleAdministrator))
	require.False(t, access.Permission("anything").Known())
}

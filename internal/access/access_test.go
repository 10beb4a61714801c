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
	store  *registry.Store
	clock  *registrytest.Clock
	hashes *hashes
}

// hashes counts the password hashes that are computed.
type hashes struct {
	all atomic.Int64
}

func (h *hashes) derive(password, salt []byte, cost access.HashParams) []byte {
	h.all.Add(1)
	return access.Argon2id(password, salt, cost)
}

// since gives the hashes that were computed while something was done.
func (h *hashes) since(do func()) int {
	before := h.all.Load()
	do()
	return int(h.all.Load() - before)
}

func setup(t *testing.T, params access.HashParams) bundle {
	t.Helper()
	folder := registrytest.NewFolder(t)
	store := folder.Open(t)
	b := bundle{store: store, clock: folder.Clock, hashes: &hashes{}}
	b.Service = serviceOn(t, b, params)
	return b
}

func serviceOn(t *testing.T, b bundle, params access.HashParams) *access.Service {
	t.Helper()
	s, err := access.New(t.Context(), access.Config{
		Registry: b.store, Log: slog.New(slog.DiscardHandler), Now: b.clock.Now, SiteName: "Harbour Clinic", Hash: params, ParallelHashes: 3,
		Derive: b.hashes.derive,
	})
	require.NoError(t, err)
	return s
}

func (b bundle) account(t *testing.T, name string, role access.Role) {
	t.Helper()
	actor := registry.Actor{Kind: registry.ActorCommand, ID: "user"}
	require.NoError(t, b.CreateAccount(t.Context(), actor, access.NewAccount{Name: name, Role: role, Password: goodPassword}))
}

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

	raised := serviceOn(t, b, access.DefaultHashParams)
	_, err := raised.SignIn(t.Context(), "anna", "not the password at all")
	require.Error(t, err)
	require.Contains(t, stored(), "m=64,", "a wrong password renews nothing")
	_, err = raised.SignIn(t.Context(), "anna", goodPassword)
	require.NoError(t, err)
	require.Contains(t, stored(), "$argon2id$v=19$m=19456,t=2,p=1$")
	_, err = raised.SignIn(t.Context(), "anna", goodPassword)
	require.NoError(t, err)
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

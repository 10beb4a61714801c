package registry_test

import (
	"bytes"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

var _ scs.CtxStore = registry.WebSessions{}

func createAccount(s *registry.Store, name string) (a registry.Account, err error) {
	err = s.Write(ctx, system, func(tx *registry.Tx) (err error) {
		a, err = tx.CreateAccount(registry.NewAccount{Name: name, Role: "clinician", PasswordHash: "hash"})
		return err
	})
	return a, err
}

func TestAccounts(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	made, err := createAccount(s, " Nurse@Clinic ")
	require.NoError(t, err)
	found, known, err := s.AccountByName(ctx, "nurse@clinic")
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, made, found)
	_, err = createAccount(s, "NURSE@clinic")
	require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
	_, err = createAccount(s, "  ")
	require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)

	require.NoError(t, s.Write(ctx, made.Actor(), func(tx *registry.Tx) error {
		if err := tx.SetPasswordHash(made.ID, "new", "rehashed"); err != nil {
			return err
		}
		return tx.DisableAccount(made.ID)
	}))
	found, _, err = s.AccountByID(ctx, made.ID)
	require.NoError(t, err)
	require.Equal(t, "new", found.PasswordHash)
	require.True(t, found.Disabled)
	_, known, err = s.AccountByName(ctx, "nobody")
	require.NoError(t, err)
	require.False(t, known)
}

func TestSR54_TheSetupTokenMakesOneAdministrator(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	accounts, err := s.Accounts(ctx)
	require.NoError(t, err)
	require.Empty(t, accounts, "no default accounts")
	token := func() (made string, err error) {
		err = s.Write(ctx, system, func(tx *registry.Tx) (err error) {
			made, err = tx.CreateSetupToken(time.Hour)
			return err
		})
		return made, err
	}
	use := func(token, name string) error {
		return s.Write(ctx, system, func(tx *registry.Tx) error {
			if err := tx.UseSetupToken(token); err != nil {
				return err
			}
			_, err := tx.CreateAccount(registry.NewAccount{Name: name, Role: "admin", PasswordHash: "hash"})
			return err
		})
	}
	expired, err := token()
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	require.True(t, fault.Is(use(expired, "a"), fault.KindUnauthenticated))
	replaced, err := token()
	require.NoError(t, err)
	good, err := token()
	require.NoError(t, err)
	require.True(t, fault.Is(use(replaced, "a"), fault.KindUnauthenticated), "a new token ends the older one")

	results := make([]error, 50)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = use(good, string(rune('a'+i%26))+"dmin") })
	}
	all.Wait()
	made := 0
	for _, err := range results {
		if err == nil {
			made++
			continue
		}
		require.True(t, fault.Is(err, fault.KindUnauthenticated), "%v", err)
	}
	require.Equal(t, 1, made)
	_, err = token()
	require.True(t, fault.Is(err, fault.KindConflict), "a second set-up is refused")
}

func TestSR49_WebSessionsAreHashedAndEnd(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	sessions := s.WebSessions()
	const token = "a-token-that-only-the-cookie-holds"
	require.NoError(t, sessions.BeginCtx(ctx, token, []byte("one"), f.Clock.Now().Add(time.Hour)))
	require.NoError(t, sessions.CommitCtx(ctx, token, []byte("two"), f.Clock.Now().Add(time.Hour)))
	data, found, err := sessions.FindCtx(ctx, token)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "two", string(data))
	for _, file := range []string{f.Path, f.Path + "-wal"} {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		require.False(t, bytes.Contains(content, []byte(token)))
	}
	f.Clock.Advance(time.Hour)
	_, found, err = sessions.FindCtx(ctx, token)
	require.NoError(t, err)
	require.False(t, found, "an expired session is none")
	require.NoError(t, sessions.DeleteExpired(ctx))

	require.NoError(t, sessions.BeginCtx(ctx, token, []byte("x"), f.Clock.Now().Add(time.Hour)))
	require.NoError(t, sessions.DeleteCtx(ctx, token))
	err = sessions.CommitCtx(ctx, token, []byte("y"), f.Clock.Now().Add(time.Hour))
	require.True(t, fault.Is(err, fault.KindUnauthenticated), "what has ended is not extended: %v", err)
	_, found, err = sessions.FindCtx(ctx, token)
	require.NoError(t, err)
	require.False(t, found)
}

func TestFailedAttemptsAreCountedInRuns(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	began := f.Clock.Now()
	for i := range 3 {
		run, err := s.CountFailure(ctx, "account nurse", 15*time.Minute)
		require.NoError(t, err)
		require.Equal(t, registry.Failures{Count: i + 1, FirstAt: began, LastAt: f.Clock.Now()}, run)
		f.Clock.Advance(time.Minute)
	}
	other, err := s.Failures(ctx, "address 192.0.2.1")
	require.NoError(t, err)
	require.Zero(t, other)
	f.Clock.Advance(time.Hour)
	run, err := s.CountFailure(ctx, "account nurse", 15*time.Minute)
	require.NoError(t, err)
	require.Equal(t, 1, run.Count, "an old run is forgotten")
	require.NoError(t, s.ClearFailures(ctx, "account nurse"))
	run, err = s.Failures(ctx, "account nurse")
	require.NoError(t, err)
	require.Zero(t, run)
}

package registry_test

import (
	"bytes"
	"context"
	"os"
	"strings"
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
	require.NoError(t, sessions.DeleteEnded(ctx, f.Clock.Now().Add(time.Hour)))
	left, err := sessions.Count(ctx)
	require.NoError(t, err)
	require.Zero(t, left)

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
	nurse := registry.Subject{Name: "nurse", Place: "192.0.2.1"}
	count := func(of registry.Subject) (run registry.Failures) {
		require.NoError(t, s.Write(ctx, system, func(tx *registry.Tx) (err error) {
			run, err = tx.CountFailure(of, registry.FailuresOfPlace, 15*time.Minute)
			return err
		}))
		return run
	}
	began := f.Clock.Now()
	for i := range 3 {
		require.Equal(t, registry.Failures{Count: i + 1, FirstAt: began, LastAt: f.Clock.Now()}, count(nurse))
		f.Clock.Advance(time.Minute)
	}
	for _, other := range []registry.Subject{{Name: "nurse"}, {Name: "nurse", Place: "192.0.2.2"}, {Name: "doctor", Place: "192.0.2.1"}} {
		run, err := s.Failures(ctx, other)
		require.NoError(t, err)
		require.Zero(t, run)
	}
	f.Clock.Advance(time.Hour)
	require.Equal(t, 1, count(nurse).Count, "an old run is forgotten")
	f.Clock.Advance(-time.Hour)
	require.NoError(t, s.Write(ctx, system, func(tx *registry.Tx) error { return tx.RestampFailures(nurse) }))
	run, err := s.Failures(ctx, nurse)
	require.NoError(t, err)
	require.Equal(t, f.Clock.Now(), run.LastAt)

	count(registry.Subject{Name: "doctor"})
	require.NoError(t, s.Write(ctx, system, func(tx *registry.Tx) error { return tx.ClearAllFailures("nurse") }))
	for of, want := range map[registry.Subject]int{nurse: 0, {Name: "doctor"}: 1} {
		run, err = s.Failures(ctx, of)
		require.NoError(t, err)
		require.Equal(t, want, run.Count)
	}
}

// However many questions of the staff are under way, a patient's finds a
// connection.
func TestSR32_PatientsReadThroughConnectionsOfTheirOwn(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	patients := registrytest.Demo(t, s, 1)
	const staff = 40
	limited, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	busy, release := make(chan struct{}, staff), make(chan struct{})
	ended := make(chan error, staff)
	for range staff {
		go func() {
			first := true
			ended <- s.EachAuditEntry(limited, 0, func(registry.AuditEntry) error {
				if first {
					busy <- struct{}{}
					<-release
				}
				first = false
				return nil
			})
		}()
	}
	for range 4 { // as many as there are connections for the staff
		<-busy
	}
	for range 20 {
		found, err := s.ForPatients().OccasionByToken(limited, patients[0].Token)
		require.NoError(t, err)
		require.NotZero(t, found.ID)
	}
	close(release)
	for range staff {
		require.NoError(t, <-ended)
	}
}

func TestATokenHasOneForm(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	good := registrytest.Demo(t, s, 1)[0].Token
	require.True(t, registry.IsToken(good))
	for _, bad := range []string{"", good[1:], good + "A", good[:31] + "=", good[:31] + "+", good[:31] + "/", good[:31] + "\x00", good[:30] + "é", strings.Repeat("A", 60_000)} {
		require.False(t, registry.IsToken(bad))
	}
}

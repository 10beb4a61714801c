package access_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
)

func (b bundle) role(t *testing.T, secret string) access.Role {
	t.Helper()
	caller, err := b.Resolve(t.Context(), secret)
	require.NoError(t, err)
	return caller.Role
}

func (b bundle) signedIn(t *testing.T) string {
	t.Helper()
	secret, err := b.SignIn(t.Context(), "anna", goodPassword)
	require.NoError(t, err)
	return secret
}

// The limits are those of the requirement, not whatever the program says.
func TestSR50_SessionsEndWhenIdleAndAfterAWorkingDay(t *testing.T) {
	const idle, day = 15 * time.Minute, 8 * time.Hour
	begin := func(t *testing.T) (bundle, string) {
		b := setup(t, cheap)
		b.account(t, "anna", access.RoleClinician)
		return b, b.signedIn(t)
	}
	t.Run("one second before the idle limit", func(t *testing.T) {
		b, secret := begin(t)
		b.clock.Advance(idle - time.Second)
		require.Equal(t, access.RoleClinician, b.role(t, secret))
		b.clock.Advance(idle - time.Second)
		require.Equal(t, access.RoleClinician, b.role(t, secret), "being seen extended it")
	})
	t.Run("one second after the idle limit", func(t *testing.T) {
		b, secret := begin(t)
		b.clock.Advance(idle + time.Second)
		require.Equal(t, access.RoleAnonymous, b.role(t, secret))
	})
	t.Run("around the end of the day", func(t *testing.T) {
		b, secret := begin(t)
		last := b.clock.Now().Add(day - time.Second)
		for b.clock.Now().Before(last.Add(-10 * time.Minute)) {
			b.clock.Advance(10 * time.Minute)
			require.Equal(t, access.RoleClinician, b.role(t, secret))
		}
		b.clock.Advance(last.Sub(b.clock.Now()))
		require.Equal(t, access.RoleClinician, b.role(t, secret))
		b.clock.Advance(2 * time.Second)
		require.Equal(t, access.RoleAnonymous, b.role(t, secret))
	})
}

func TestSR49_ANewSignInEndsTheOldSessionOfThatBrowser(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	b.account(t, "ben", access.RoleResearcher)
	first, elsewhere := b.signedIn(t), b.signedIn(t)
	_, err := b.Enter(t.Context(), access.Attempt{Name: "ben", Password: "a wrong password, number one", Replaces: first})
	require.Error(t, err)
	require.Equal(t, access.RoleClinician, b.role(t, first), "a sign-in that fails ends nothing")
	second, err := b.Enter(t.Context(), access.Attempt{Name: "ben", Password: goodPassword, Replaces: first})
	require.NoError(t, err)
	require.Equal(t, access.RoleAnonymous, b.role(t, first))
	require.Equal(t, access.RoleResearcher, b.role(t, second.Session))
	require.Equal(t, access.RoleClinician, b.role(t, elsewhere), "another browser's session goes on")
}

// A clock that was ahead and is put right must not leave sessions that outlive
// their limits, neither at once nor when it is as late as it once said.
func TestSR18_SessionsMadeWithAWrongClockEndByTheRightOne(t *testing.T) {
	const ahead = 48 * time.Hour
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	b.clock.Advance(ahead)
	seen, untouched := b.signedIn(t), b.signedIn(t)
	b.clock.Advance(-ahead)
	require.Equal(t, access.RoleAnonymous, b.role(t, seen))
	require.NoError(t, b.Forget(t.Context()))
	left, err := b.store.WebSessions().Count(t.Context())
	require.NoError(t, err)
	require.Zero(t, left, "nothing is left to be valid again later")
	b.clock.Advance(ahead + time.Minute)
	require.Equal(t, access.RoleAnonymous, b.role(t, untouched))

	now := b.signedIn(t)
	b.clock.Advance(-20 * time.Second)
	require.Equal(t, access.RoleClinician, b.role(t, now), "a small step back signs nobody out")
}

func TestEndedSessionsAreClearedAndOthersKept(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	b.signedIn(t)
	b.clock.Advance(16 * time.Minute)
	current := b.signedIn(t)
	require.NoError(t, b.Forget(t.Context()))
	left, err := b.store.WebSessions().Count(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, left)
	require.Equal(t, access.RoleClinician, b.role(t, current))
}

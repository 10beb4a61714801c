package access_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

var command = registry.Actor{Kind: registry.ActorCommand, ID: "user"}

const otherPassword = "gargle plinth oboe soup"

func TestAnInvitedPersonSetsTheirOwnPasswordOnce(t *testing.T) {
	b := setup(t, cheap)
	link, err := b.Invite(t.Context(), command, " Ben ", access.RoleResearcher)
	require.NoError(t, err)
	require.True(t, access.PlausibleToken(link.Token))
	require.Equal(t, "ben", link.Account)
	name, err := b.PasswordLinkAccount(t.Context(), link.Token)
	require.NoError(t, err)
	require.Equal(t, "ben", name)
	require.Equal(t, fault.KindInvalid, fault.KindOf(b.SetPassword(t.Context(), link.Token, "short")), "a mistake does not use it up")
	require.Equal(t, fault.KindNotFound, fault.KindOf(b.SetPassword(t.Context(), strings.Repeat("A", 32), otherPassword)))

	var set atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if b.SetPassword(t.Context(), link.Token, otherPassword) == nil {
				set.Add(1)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, set.Load(), "it works once")
	secret, err := b.SignIn(t.Context(), "ben", otherPassword)
	require.NoError(t, err)
	require.Equal(t, access.RoleResearcher, b.role(t, secret))
	for _, action := range []string{"account-created", "password-link-created", "password-link-used", "password-set"} {
		require.Equal(t, 1, b.count(t, action), action)
	}

	_, err = b.Invite(t.Context(), command, "ben", access.RoleResearcher)
	require.Equal(t, fault.KindConflict, fault.KindOf(err))
	_, err = b.Invite(t.Context(), command, "B!", "owner")
	require.Equal(t, fault.KindInvalid, fault.KindOf(err))
}

func TestAPasswordLinkEnds(t *testing.T) {
	const lasts = 24 * time.Hour
	b := setup(t, cheap)
	invite := func(name string) access.PasswordLink {
		link, err := b.Invite(t.Context(), command, name, access.RoleClinician)
		require.NoError(t, err)
		require.Equal(t, b.clock.Now().Add(lasts), link.ExpiresAt)
		return link
	}
	inTime, late := invite("anna"), invite("ben")
	b.clock.Advance(lasts - time.Second)
	require.NoError(t, b.SetPassword(t.Context(), inTime.Token, otherPassword))
	b.clock.Advance(time.Second)
	require.Equal(t, fault.KindNotFound, fault.KindOf(b.SetPassword(t.Context(), late.Token, otherPassword)))

	older := invite("cora")
	newer, err := b.Reset(t.Context(), command, "cora")
	require.NoError(t, err)
	require.Equal(t, fault.KindNotFound, fault.KindOf(b.SetPassword(t.Context(), older.Token, otherPassword)), "a new link ends the older")
	require.NoError(t, b.Disable(t.Context(), command, "cora"))
	require.Equal(t, fault.KindNotFound, fault.KindOf(b.SetPassword(t.Context(), newer.Token, otherPassword)), "a disabled account has none")

	b.clock.Advance(48 * time.Hour)
	ahead := invite("dora")
	b.clock.Advance(-48 * time.Hour)
	require.Equal(t, fault.KindNotFound, fault.KindOf(b.SetPassword(t.Context(), ahead.Token, otherPassword)), "made by a clock that was ahead")
}

func TestSR51_ResetAndDisableActOnTheNextRequest(t *testing.T) {
	for name, end := range map[string]func(b bundle) error{
		"reset":   func(b bundle) error { _, err := b.Reset(t.Context(), command, "anna"); return err },
		"disable": func(b bundle) error { return b.Disable(t.Context(), command, "anna") },
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, cheap)
			b.account(t, "anna", access.RoleClinician)
			secret := b.signedIn(t)
			require.NoError(t, end(b))
			require.Equal(t, access.RoleAnonymous, b.role(t, secret))
			_, err := b.SignIn(t.Context(), "anna", goodPassword)
			require.Equal(t, fault.KindUnauthenticated, fault.KindOf(err), "the old password opens nothing")

			link, err := b.Reset(t.Context(), command, "anna")
			require.NoError(t, err)
			require.Equal(t, name == "disable", link.Reopened)
			require.NoError(t, b.SetPassword(t.Context(), link.Token, otherPassword))
			require.Equal(t, access.RoleAnonymous, b.role(t, secret), "an ended session does not come back")
			again, err := b.SignIn(t.Context(), "anna", otherPassword)
			require.NoError(t, err)
			require.Equal(t, access.RoleClinician, b.role(t, again))
		})
	}
}

func TestAResetOpensAnAccountThatStrangersHadStopped(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleAdministrator)
	for range 100 {
		b.clock.Advance(time.Minute)
		b.try(t, "anna", "")
	}
	people, err := b.People(t.Context())
	require.NoError(t, err)
	require.Equal(t, 100, people[0].WrongAttempts)
	link, err := b.Reset(t.Context(), command, "anna")
	require.NoError(t, err)
	require.NoError(t, b.SetPassword(t.Context(), link.Token, otherPassword))
	_, err = b.SignIn(t.Context(), "anna", otherPassword)
	require.NoError(t, err)
	for _, change := range []error{b.Unlock(t.Context(), command, "nobody"), b.Disable(t.Context(), command, "nobody")} {
		require.Equal(t, fault.KindNotFound, fault.KindOf(change))
	}
}

// A token that was drawn before there was an account makes none afterwards.
func TestSR54_AnOutstandingTokenMakesNoSecondAdministrator(t *testing.T) {
	b := setup(t, cheap)
	token, err := b.NewSetupToken(t.Context())
	require.NoError(t, err)
	_, err = b.Invite(t.Context(), command, "anna", access.RoleAdministrator)
	require.NoError(t, err)
	require.Equal(t, fault.KindUnauthenticated, fault.KindOf(b.SetUp(t.Context(), token, "eve", goodPassword)))
	accounts, err := b.store.Accounts(t.Context())
	require.NoError(t, err)
	require.Len(t, accounts, 1)
}

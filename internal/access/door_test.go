package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

func TestADoorOpensInADemoOnly(t *testing.T) {
	b := setup(t, cheap)
	b.account(t, "anna", access.RoleClinician)
	_, err := b.EnterDemo(t.Context(), "anna")
	require.True(t, fault.Is(err, fault.KindForbidden), "a clinic's folder has no doors: %v", err)
}

func TestADoorNeedsAnAccountThatIsInUse(t *testing.T) {
	b := setup(t, cheap)
	require.NoError(t, b.store.Write(t.Context(), registry.System("test"), func(tx *registry.Tx) error {
		return tx.SetSetting(registry.SettingDemo, "yes")
	}))
	b.account(t, "anna", access.RoleClinician)
	secret, err := b.EnterDemo(t.Context(), "Anna ")
	require.NoError(t, err)
	caller, err := b.Resolve(t.Context(), secret)
	require.NoError(t, err)
	require.Equal(t, access.RoleClinician, caller.Role)

	_, err = b.EnterDemo(t.Context(), "nobody")
	require.True(t, fault.Is(err, fault.KindNotFound), "%v", err)
	require.NoError(t, b.store.Write(t.Context(), registry.System("test"), func(tx *registry.Tx) error { return tx.DisableAccount(1) }))
	_, err = b.EnterDemo(t.Context(), "anna")
	require.True(t, fault.Is(err, fault.KindNotFound), "%v", err)
}

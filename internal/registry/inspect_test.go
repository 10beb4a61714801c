package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

func TestSR3_TheSettingsInForceCanBeReadBack(t *testing.T) {
	folder := registrytest.NewFolder(t)
	store := folder.Open(t)
	found, err := store.Inspect(ctx)
	require.NoError(t, err)
	names := map[string]string{}
	for _, s := range found.Settings {
		require.True(t, s.Right, "%s is %s, wanted %s", s.Name, s.Value, s.Want)
		names[s.Name] = s.Value
	}
	require.Equal(t, "wal", names["journal_mode"])
	require.Equal(t, "2", names["synchronous"])
	require.Positive(t, found.Schema)
	require.Zero(t, found.Waiting)
	require.Zero(t, found.OldestWaiting)

	list, err := store.Activations(ctx)
	require.NoError(t, err)
	require.Empty(t, list)
	registrytest.Demo(t, store, 1)
	list, err = store.Activations(ctx)
	require.NoError(t, err)
	require.Equal(t, []registry.Activation{{Instrument: "phq-9", Version: registrytest.PHQ9(t).Version, HasSafetyRules: true}}, list)
	found, err = store.Inspect(ctx)
	require.NoError(t, err)
	require.Equal(t, folder.Clock.Now(), found.LastEvent)
}

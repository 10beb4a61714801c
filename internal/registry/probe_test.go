package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

func TestCheckWritableSeesWhatAReadWouldNot(t *testing.T) {
	faults := registrytest.NewFaults(t)
	store := registrytest.NewFolder(t).Open(t, func(c *registry.Config) { c.Driver = faults.Name })
	require.NoError(t, store.CheckWritable(t.Context()))

	faults.FailAt(1, registrytest.CodeFull)
	err := store.CheckWritable(t.Context())
	require.True(t, fault.Is(err, fault.KindUnavailable), "%v", err)
	_, err = store.Setting(t.Context(), registry.SettingDemo)
	require.NoError(t, err, "reading still works, and says nothing")
	require.NoError(t, store.CheckWritable(t.Context()), "green again once the fault is gone")
}

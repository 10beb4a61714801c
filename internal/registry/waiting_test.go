package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

// A question waits for what is on its way, and for nothing else: a damaged row is
// never sent.
func TestWhatIsNotSentIsNotWaitedFor(t *testing.T) {
	f := three(t)
	replaceInFile(t, f.Path, `{"total":1}`, `{"total":7}`)
	s := f.Open(t)
	mark, err := s.OutboxMark(ctx)
	require.NoError(t, err)
	all, err := s.WaitingUpTo(ctx, mark)
	require.NoError(t, err)
	found, err := s.Examine(ctx)
	require.NoError(t, err)
	require.NoError(t, s.SetDamage(ctx, found.Damage))
	rest, err := s.WaitingUpTo(ctx, mark)
	require.NoError(t, err)
	require.Equal(t, all-1, rest)
}

// Whoever holds a registry keeps owners and imports out, and is kept out by them.
func TestAHeldRegistryIsNobodysElse(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	_, err := registry.Hold(f.Path)
	require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
	require.NoError(t, s.Close())
	release, err := registry.Hold(f.Path)
	require.NoError(t, err)
	_, err = registry.Open(ctx, f.Config(t))
	require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
	require.NoError(t, release())
	f.Open(t)
}

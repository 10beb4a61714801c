package registry_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

// archived opens the folder of the program before schema version 3.
func archived(t *testing.T) (registry.Config, registrytest.Kept) {
	t.Helper()
	folder, kept := registrytest.Archive(t, "../..", "00002-clinic")
	key, err := registry.ReadMasterKey(filepath.Join(folder, "keys", "master.key"))
	require.NoError(t, err)
	return registry.Config{Path: filepath.Join(folder, "registry.db"), MasterKey: key, Clock: time.Now, Logger: registrytest.Logger()}, kept
}

// requireTrail holds the audit trail to what it was: whole, with the entries of
// before unchanged.
func requireTrail(t *testing.T, s *registry.Store, kept registrytest.Kept) {
	t.Helper()
	report, err := s.VerifyAudit(ctx, registry.AuditCheckpoint{Sequence: kept.Audit.Entries, Hash: kept.Audit.Head})
	require.NoError(t, err)
	require.Zero(t, report.FirstBad, report.Why)
	require.GreaterOrEqual(t, report.Entries, kept.Audit.Entries)
}

func TestSR37_AnEarlierFolderIsCopiedAndMigrated(t *testing.T) {
	c, kept := archived(t)
	before, err := os.ReadFile(c.Path)
	require.NoError(t, err)
	s, err := registry.Open(ctx, c)
	require.NoError(t, err)
	requireTrail(t, s, kept)
	require.NoError(t, s.CheckIntegrity(ctx))
	require.NoError(t, s.Close())

	copied := c.Path + ".version-2"
	info, err := os.Stat(copied)
	require.NoError(t, err, "a copy is made first")
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it holds what the registry holds")
	require.NoFileExists(t, copied+".unfinished")

	// The copy is whole: put in the registry's place it is migrated like it.
	require.NoError(t, os.Remove(c.Path))
	require.NoError(t, os.Rename(copied, c.Path))
	s, err = registry.Open(ctx, c)
	require.NoError(t, err)
	requireTrail(t, s, kept)
	require.NoError(t, s.Close())

	// So is the folder as it was, for the earlier program.
	require.NoError(t, os.WriteFile(c.Path, before, 0o600))
}

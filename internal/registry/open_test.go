package registry_test

import (
	"context"
	"database/sql"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

var ctx = context.Background()

// TestSR3_SettingsAreInsistedOn starts with each setting wrong in turn.
func TestSR3_SettingsAreInsistedOn(t *testing.T) {
	for setting, pragma := range map[string]string{
		"journal_mode":       "PRAGMA journal_mode = delete",
		"synchronous":        "PRAGMA synchronous = normal",
		"foreign_keys":       "PRAGMA foreign_keys = 0",
		"recursive_triggers": "PRAGMA recursive_triggers = 0",
		"busy_timeout":       "PRAGMA busy_timeout = 4999",
	} {
		t.Run(setting, func(t *testing.T) {
			faults := registrytest.NewFaults(t)
			faults.OnConnect(pragma)
			c := registrytest.NewFolder(t).Config(t)
			c.Driver = faults.Name
			_, err := registry.Open(ctx, c)
			require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
			require.ErrorContains(t, err, setting)
		})
	}
}

func TestSR4_OneProcessOwnsTheRegistry(t *testing.T) {
	f := registrytest.NewFolder(t)
	beside := func(c *registry.Config) { c.Beside = true }

	c := f.Config(t)
	c.Beside = true
	_, err := registry.Open(ctx, c)
	require.True(t, fault.Is(err, fault.KindNotFound), "a command beside nothing says so: %v", err)

	owner := f.Open(t)
	_, err = registry.Open(ctx, f.Config(t))
	require.True(t, fault.Is(err, fault.KindConflict))
	require.ErrorContains(t, err, "another process serves this data folder")

	command := f.Open(t, beside)
	for i := range 250 {
		for _, s := range []*registry.Store{owner, command} {
			require.NoError(t, s.Write(ctx, registry.System("test"), func(tx *registry.Tx) error {
				return tx.Audit(registry.Event{Action: "tried", SubjectKind: "test", Subject: "beside", Detail: map[string]any{"i": i}})
			}))
		}
	}
	report, err := owner.VerifyAudit(ctx, registry.AuditCheckpoint{})
	require.NoError(t, err)
	require.Equal(t, int64(500), report.Entries)
	require.Zero(t, report.FirstBad)
	require.NoError(t, command.CheckIntegrity(ctx))
}

func TestANewerSchemaIsRefused(t *testing.T) {
	f := registrytest.NewFolder(t)
	require.NoError(t, f.Open(t).Close())
	db, err := sql.Open("sqlite", f.Path)
	require.NoError(t, err)
	_, err = db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = registry.Open(ctx, f.Config(t))
	require.True(t, fault.Is(err, fault.KindInvalid))
	require.ErrorContains(t, err, "use the newer program")
}

func TestSR70_KeyFilesThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	good := filepath.Join(dir, "good")
	require.NoError(t, registry.CreateMasterKey(good))
	content, err := os.ReadFile(good)
	require.NoError(t, err)
	for name, path := range map[string]string{
		"missing":        filepath.Join(dir, "none"),
		"empty":          write("empty", "", 0o600),
		"short":          write("short", "c2hvcnQ=", 0o600),
		"default":        write("default", strings.Repeat("A", 43)+"=", 0o600),
		"not base64":     write("text", strings.Repeat("?", 44), 0o600),
		"group-readable": write("group", string(content), 0o640),
		"world-readable": write("world", string(content), 0o604),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := registry.ReadMasterKey(path)
			require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
		})
	}
	require.Equal(t, fault.KindConflict, fault.KindOf(registry.CreateMasterKey(good)), "a key is never overwritten")
	kept, err := os.ReadFile(good)
	require.NoError(t, err)
	require.Equal(t, content, kept)

	f := registrytest.NewFolder(t)
	require.NoError(t, f.Open(t).Close())
	require.NoError(t, os.Remove(f.Key))
	require.NoError(t, registry.CreateMasterKey(f.Key))
	_, err = registry.Open(ctx, f.Config(t))
	require.ErrorContains(t, err, "it is not the key of this registry")
}

// TestSR70_ACrashLeavesNoHalfOfAKey: a process that may write ten bytes of the key and no more.
func TestSR70_ACrashLeavesNoHalfOfAKey(t *testing.T) {
	if path := os.Getenv("AFTERGLOW_TEST_KEY"); path != "" {
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 10, Max: 10}))
		if err := registry.CreateMasterKey(path); err != nil {
			os.Exit(3)
		}
		t.Fatal("the key was written past the limit")
	}
	path := filepath.Join(t.TempDir(), "master.key")
	child := osexec.Command(os.Args[0], "-test.run=^TestSR70_ACrashLeavesNoHalfOfAKey$")
	child.Env = append(os.Environ(), "AFTERGLOW_TEST_KEY="+path)
	output, err := child.CombinedOutput()
	require.Equal(t, 3, child.ProcessState.ExitCode(), "%v %s", err, output)
	require.NoFileExists(t, path)
	require.NoError(t, registry.CreateMasterKey(path), "the next start makes one")
	_, err = registry.ReadMasterKey(path)
	require.NoError(t, err)
}

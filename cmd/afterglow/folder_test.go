package main

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
)

// What an unpacked backup left open is closed at the start, and said.
func TestAnOpenFolderIsClosedAtTheStart(t *testing.T) {
	folder := imported(t)
	open := []string{folder, filepath.Join(folder, "registry.db"), filepath.Join(folder, "registry.db.lock"), filepath.Join(folder, "run"), filepath.Join(folder, "keys")}
	for _, path := range open {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Chmod(path, info.Mode().Perm()|0o055))
	}
	found, _, code := examined(t, nil, "--data", folder)
	require.Equal(t, exitFailed, code)
	require.Equal(t, verdictWrong, found.named("disk", "data folder").Verdict, "doctor says it and changes nothing")
	_, errs, code := runProgram(t, nil, "import", "study", filepath.Join(clone(t), "testdata/btheb/btheb.csv"), "--map", filepath.Join(clone(t), "studies/btheb.yaml"), "--data", folder)
	require.Equal(t, exitDone, code, errs)
	for _, path := range open {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
		require.Contains(t, errs, "path="+path+" ")
	}
}

// A folder with other files in it, such as somebody's home, is not ours to close.
func TestAFolderOfOtherFilesIsRefused(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Chmod(folder, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "letter.txt"), nil, 0o644))
	_, err := openFolder(folder)
	require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
	require.ErrorContains(t, err, "--data")
	info, err := os.Stat(folder)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode().Perm())
}

// A folder that cannot be written is something that is not there: exit 3, in one
// line. Root writes everywhere, so the program then runs as somebody else.
func TestAFolderThatCannotBeWrittenEndsWith3(t *testing.T) {
	base, err := os.MkdirTemp("", "afterglow-read-only-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(base)) })
	folder := filepath.Join(base, "data")
	for _, dir := range []string{folder, filepath.Join(folder, "keys"), filepath.Join(folder, "run")} {
		require.NoError(t, os.Mkdir(dir, 0o700))
	}
	cmd := program(t, []string{"AFTERGLOW_LISTEN=127.0.0.1:0"}, "serve", "--data", folder)
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.Path = readable(t, cmd.Path, base)
		require.NoError(t, os.Chmod(base, 0o755))
		for _, dir := range []string{folder, filepath.Join(folder, "keys"), filepath.Join(folder, "run")} {
			require.NoError(t, os.Chown(dir, nobody, nobody))
		}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	require.NoError(t, os.Chmod(folder, 0o500))
	t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
	said, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, exitMissing, cmd.ProcessState.ExitCode(), "%s", said)
	require.Contains(t, string(said), "cannot be written")
	require.NotContains(t, string(said), "goroutine")
}

// readable is a copy of a program that everybody may run.
func readable(t *testing.T, path, folder string) string {
	t.Helper()
	from, err := os.Open(path)
	require.NoError(t, err)
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(folder, "program"), os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(to, from)
	require.NoError(t, err)
	require.NoError(t, to.Close())
	return to.Name()
}

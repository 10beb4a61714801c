package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"afterglow/internal/fault"
)

// folder is the data folder: where everything lies that this program keeps.
type folder string

func (f folder) registry() string      { return filepath.Join(string(f), "registry.db") }
func (f folder) masterKey() string     { return filepath.Join(string(f), "keys", "master.key") }
func (f folder) clickhouse() string    { return filepath.Join(string(f), "clickhouse") }
func (f folder) run() string           { return filepath.Join(string(f), "run") }
func (f folder) serverPID() string     { return filepath.Join(f.run(), "serve.pid") }
func (f folder) serverURL() string     { return filepath.Join(f.run(), "serve.url") }
func (f folder) serverAddress() string { return filepath.Join(f.run(), "serve.listen") }
func (f folder) enginePID() string     { return filepath.Join(f.run(), "engine.pid") }

// runtime is the folder of the engine's sockets: in the data folder where its
// path is short enough for a Unix socket, else a place under the system's
// temporary folder that every command derives alike.
func (f folder) runtime() string {
	const longest = 90
	if inside := filepath.Join(f.run(), "engine"); len(inside) <= longest {
		return inside
	}
	sum := sha256.Sum256([]byte(f))
	return filepath.Join(os.TempDir(), fmt.Sprintf("afterglow-%d-%s", os.Getuid(), hex.EncodeToString(sum[:8])))
}

// openFolder makes the folder, closed to other users, and gives its real path.
func openFolder(path string) (folder, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the data folder: %w", err)
	}
	f := folder(absolute)
	for _, dir := range []string{absolute, filepath.Dir(f.masterKey()), f.run()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fault.Unavailable("data folder", err, "%s cannot be made (%v)", dir, rootCause(err))
		}
	}
	if err := f.close(); err != nil {
		return "", err
	}
	trial, err := os.CreateTemp(absolute, ".write-check-*")
	if err != nil {
		return "", fault.Unavailable("data folder", err, "%s cannot be written (%v): make it writable for this user, or name another with --data", absolute, rootCause(err))
	}
	return f, errors.Join(trial.Close(), os.Remove(trial.Name()))
}

// close closes the folder and what lies open in it to other users, and says so:
// whoever can read them has every answer in plain text.
func (f folder) close() error {
	for _, path := range append([]string{string(f), filepath.Dir(f.masterKey()), f.run()}, f.registryFiles()...) {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fault.Unavailable("data folder", err, "%s cannot be checked (%v)", path, rootCause(err))
		}
		open := info.Mode().Perm()
		if open&0o077 == 0 {
			continue
		}
		if path == string(f) && f.foreign() {
			return fault.Invalid("data folder", "%s is open to other users (mode %04o) and contains files that are not Afterglow's: use a separate folder with --data, or close it with chmod 700", path, open)
		}
		if err := os.Chmod(path, open&^0o077); err != nil {
			return fault.Unavailable("data folder", err, "%s is open to other users (mode %04o) and cannot be closed (%v): run chmod go= %s as its owner", path, open, rootCause(err), path)
		}
		slog.Warn("access by other users was removed", "path", path, "mode", fmt.Sprintf("%04o", open))
	}
	return nil
}

// foreign reports whether the folder holds something, and no registry: it may be
// somebody's home, which is not ours to close.
func (f folder) foreign() bool {
	if _, err := os.Stat(f.registry()); err == nil {
		return false
	}
	entries, err := os.ReadDir(string(f))
	return err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != "keys" && e.Name() != "run" })
}

// registryFiles are the registry and what SQLite and the lock keep next to it.
func (f folder) registryFiles() []string {
	path := f.registry()
	return []string{path, path + "-wal", path + "-shm", path + ".lock"}
}

// existingFolder is openFolder for commands that must not make one.
func existingFolder(path string) (folder, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the data folder: %w", err)
	}
	if _, err := os.Stat(folder(absolute).registry()); err != nil {
		return "", fault.Unavailable("data folder", nil, "there is no Afterglow data in %s; name its folder with --data, or make a demo with: afterglow demo", absolute)
	}
	return folder(absolute), nil
}

// announce records the running server's process id, the address that links carry
// and the one that it listens on for the commands beside it; the returned function
// takes all back.
func (f folder) announce(url, listens string) (func() error, error) {
	if err := os.WriteFile(f.serverAddress(), []byte(listens+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write where the server listens: %w", err)
	}
	if err := os.WriteFile(f.serverURL(), []byte(url+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write the server's address: %w", err)
	}
	if err := os.WriteFile(f.serverPID(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write the server's process id: %w", err)
	}
	return func() error {
		content, err := os.ReadFile(f.serverPID())
		if err != nil || strings.TrimSpace(string(content)) != strconv.Itoa(os.Getpid()) {
			return nil // another server has the folder by now
		}
		return errors.Join(os.Remove(f.serverPID()), os.Remove(f.serverURL()), os.Remove(f.serverAddress()))
	}, nil
}

// serverProcess is the process that says that it serves this folder, and whether
// there still is such a process. The error of a folder that nobody serves is
// fs.ErrNotExist.
func (f folder) serverProcess() (pid int, alive bool, err error) {
	content, err := os.ReadFile(f.serverPID())
	if err != nil {
		return 0, false, err
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil || pid <= 0 {
		return 0, false, fault.Invalid("process file", "%s does not contain a process number", f.serverPID())
	}
	return pid, !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH), nil
}

// listens is where the running server of this folder says that it listens; without
// one, what the settings say.
func (f folder) listens(setting string) string {
	if _, alive, err := f.serverProcess(); err != nil || !alive {
		return setting
	}
	said, err := os.ReadFile(f.serverAddress())
	if err != nil {
		return setting
	}
	return strings.TrimSpace(string(said))
}

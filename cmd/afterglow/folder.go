package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"afterglow/internal/fault"
)

// folder is the data folder: where everything lies that this program keeps.
type folder string

func (f folder) registry() string   { return filepath.Join(string(f), "registry.db") }
func (f folder) masterKey() string  { return filepath.Join(string(f), "keys", "master.key") }
func (f folder) clickhouse() string { return filepath.Join(string(f), "clickhouse") }
func (f folder) run() string        { return filepath.Join(string(f), "run") }
func (f folder) serverPID() string  { return filepath.Join(f.run(), "serve.pid") }
func (f folder) serverURL() string  { return filepath.Join(f.run(), "serve.url") }
func (f folder) enginePID() string  { return filepath.Join(f.run(), "engine.pid") }

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
			return "", fault.Unavailable("data folder", err, "%s cannot be made", dir)
		}
	}
	return f, nil
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

// announce records the running server's process id and address for the commands
// beside it; the returned function takes both back.
func (f folder) announce(url string) (func() error, error) {
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
		return errors.Join(os.Remove(f.serverPID()), os.Remove(f.serverURL()))
	}, nil
}

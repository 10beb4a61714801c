package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// Pool names one of the two ways into the engine.
type Pool string

const (
	// Write takes migrations, inserts and deletes.
	Write Pool = "rw"
	// Read takes reads within limits; everything else it refuses.
	Read Pool = "ro"
)

// maxSocketPath is the longest path of a Unix socket, in bytes.
const maxSocketPath = 107

// sockets is the runtime folder.
type sockets struct {
	folder string
	// own: the folder was made for this run and goes with it.
	own bool
}

func openSockets(folder string) (sockets, error) {
	s := sockets{folder: folder}
	var err error
	if folder == "" {
		s.own = true
		s.folder, err = os.MkdirTemp("", "afterglow-")
	} else {
		err = os.MkdirAll(folder, 0o700)
	}
	if err != nil {
		return s, fmt.Errorf("make the runtime folder: %w", err)
	}
	if n := len(s.path(Write)); n > maxSocketPath {
		s.remove()
		return s, fmt.Errorf("the runtime folder %s is too long by %d bytes for a Unix socket: choose a shorter one", s.folder, n-maxSocketPath)
	}
	if _, err := s.owned(); err != nil {
		return s, err
	}
	if err := os.Chmod(s.folder, 0o700); err != nil {
		return s, fmt.Errorf("close the runtime folder to others: %w", err)
	}
	return s, nil
}

// owned looks whether the runtime folder is a folder, and ours: whoever owns it can put sockets of
// their own in the place of the engine's. Its name in the temporary folder can be guessed.
func (s sockets) owned() (fs.FileInfo, error) {
	info, err := os.Lstat(s.folder)
	if err != nil {
		return nil, fmt.Errorf("look at the runtime folder: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("the runtime folder %s is not a folder", s.folder)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("the runtime folder %s belongs to user %d and not to the one that runs this program (%d): remove it, or run as that user", s.folder, stat.Uid, os.Geteuid())
	}
	return info, nil
}

// trusted is owned for a process that only connects: the folder must be closed to others too.
func (s sockets) trusted() error {
	info, err := s.owned()
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrDown, err)
	}
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("the runtime folder %s is open to other users (mode %04o): restart the server, which closes it", s.folder, info.Mode().Perm())
	}
	return err
}

func (s sockets) path(p Pool) string { return filepath.Join(s.folder, string(p)+".sock") }

// listen makes a socket anew and returns it as a file for a child to inherit.
func (s sockets) listen(p Pool) (*os.File, error) {
	path := s.path(p)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("remove the old socket: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	defer listener.Close()
	listener.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, fmt.Errorf("close %s to others: %w", path, err)
	}
	file, err := listener.File()
	if err != nil {
		return nil, fmt.Errorf("hand on %s: %w", path, err)
	}
	return file, nil
}

// remove deletes the sockets, and the folder if it was made for them. What cannot be removed is
// replaced by the next start.
func (s sockets) remove() {
	for _, p := range []Pool{Write, Read} {
		_ = os.Remove(s.path(p))
	}
	if s.own {
		_ = os.Remove(s.folder)
	}
}

package engine

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
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
	info, err := os.Lstat(s.folder)
	if err != nil {
		return s, fmt.Errorf("look at the runtime folder: %w", err)
	}
	if !info.IsDir() {
		return s, fmt.Errorf("the runtime folder %s is not a folder", s.folder)
	}
	// A folder of another user cannot be changed by us unless we are root.
	if err := os.Chmod(s.folder, 0o700); err != nil {
		return s, fmt.Errorf("close the runtime folder to others: %w", err)
	}
	return s, nil
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

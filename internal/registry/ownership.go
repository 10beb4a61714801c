package registry

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"afterglow/internal/fault"
)

// ownership is the lock that one serving process holds; the operating system
// gives it back when the process ends, however it ends.
type ownership struct{ file *os.File }

func takeOwnership(path string) (*ownership, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		closed := file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.Conflict("registry", "another process serves this data folder; stop it first or use another folder")
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), closed)
	}
	return &ownership{file: file}, nil
}

// Hold keeps every other process from owning the registry at path, and from
// importing into it, until release: whoever removes the file needs that. While
// another process does one of these it is a fault.Conflict.
func Hold(path string) (release func() error, err error) {
	owner, err := takeOwnership(lockOf(path))
	if err != nil {
		return nil, err
	}
	importer, err := takeOwnership(importLockOf(path))
	if err != nil {
		return nil, errors.Join(err, owner.release())
	}
	return func() error { return errors.Join(importer.release(), owner.release()) }, nil
}

func lockOf(path string) string { return path + ".lock" }

func importLockOf(path string) string { return path + ".import.lock" }

func (o *ownership) release() error { return o.file.Close() }

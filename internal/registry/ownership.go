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

func (o *ownership) release() error { return o.file.Close() }

package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrInUse: another process has the data folder.
var ErrInUse = errors.New("data folder in use")

// lockName is the one file in the data folder that is not ClickHouse's.
const lockName = "engine.lock"

// orphanWait is how long a start waits for the child of a parent that is gone: the kernel is about
// to end it.
const orphanWait = 5 * time.Second

// lock takes the data folder for this process. The child inherits the returned file and holds the
// lock with it, so the folder is free only when both are gone.
func lock(ctx context.Context, data string) (*os.File, error) {
	path := filepath.Join(data, lockName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data folder: %w", err)
	}
	deadline := time.Now().Add(orphanWait)
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		holder := lockHolder(path)
		if !errors.Is(err, unix.EWOULDBLOCK) || processLives(holder) || time.Now().After(deadline) {
			file.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, fmt.Errorf("%w: %s is held by process %d: stop that one or use another folder", ErrInUse, data, holder)
			}
			return nil, fmt.Errorf("lock the data folder %s: %w", data, err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("lock the data folder %s: %w", data, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := writeHolder(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("write the holder of the data folder's lock: %w", err)
	}
	return file, nil
}

func writeHolder(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// lockHolder is the process named in the lock file; 0 if none is.
func lockHolder(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

// processLives is true also for a process of another user.
func processLives(pid int) bool {
	return pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

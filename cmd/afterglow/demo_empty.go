package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

// emptyDemo takes out everything that the demo loaded or was told, so that the
// next start loads it again. The master key stays, and with it the passwords. A
// command that found nobody serving the folder has it for itself meanwhile; it is
// waited for, since it writes into what is removed.
func emptyDemo(ctx context.Context, f folder) error {
	const patience, pause = 2 * time.Minute, 200 * time.Millisecond
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		release, err := registry.Hold(f.registry())
		if err == nil {
			return errors.Join(f.removeDemo(), release())
		}
		if !fault.Is(err, fault.KindConflict) {
			return err
		}
		select {
		case <-limited.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func (f folder) removeDemo() error {
	for _, gone := range []string{f.registry(), f.registry() + "-wal", f.registry() + "-shm", f.clickhouse(), f.trustFile(), filepath.Join(f.run(), "demo.link")} {
		if err := os.RemoveAll(gone); err != nil {
			return fault.Unavailable("demo", err, "%s cannot be removed, so the demo cannot be put back", gone)
		}
	}
	return nil
}

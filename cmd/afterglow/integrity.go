package main

import (
	"context"
	"sync"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

const (
	// examineEvery is how often the whole registry is read and compared with its
	// own checks.
	examineEvery = 24 * time.Hour
	// corruptionLook is how soon a damaged page that a statement met leads to a
	// further examination.
	corruptionLook = time.Minute
)

// examiner examines the whole registry at the start and every day while a server
// runs, and keeps what it found. SQLite reads a page only when it is asked for, so
// damage may lie unseen where answers of years ago are.
type examiner struct {
	house *house

	mu    sync.Mutex
	done  bool
	found error
}

func newExaminer(h *house) *examiner { return &examiner{house: h} }

// run examines until ctx ends.
func (e *examiner) run(ctx context.Context) {
	look := time.NewTicker(corruptionLook)
	defer look.Stop()
	e.examine(ctx)
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			if e.house.store.SawCorruption() || time.Since(last) >= examineEvery {
				e.examine(ctx)
				last = time.Now()
			}
		}
	}
}

func (e *examiner) examine(ctx context.Context) {
	found, err := e.house.store.Examine(ctx)
	if err == nil && found.Structure == "" {
		err = e.house.store.SetDamage(ctx, found.Damage)
	}
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		err = found.Fault()
	}
	if err != nil {
		e.house.log.Error("the registry is not as it was written", "error", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done, e.found = true, err
}

// examined reports whether the first examination is over.
func (e *examiner) examined() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.done
}

// check is nil unless something is known to be wrong with the registry: by the last
// examination, by a page that a statement met, or by a row that a comparison met.
func (e *examiner) check(ctx context.Context) error {
	e.mu.Lock()
	found := e.found
	e.mu.Unlock()
	if found != nil {
		return found
	}
	if e.house.store.SawCorruption() {
		return fault.Unavailable("registry", nil, "the registry file is damaged; stop the server and restore a backup")
	}
	damaged, err := e.house.store.Damage(ctx)
	if err != nil {
		return err
	}
	return registry.DamageFault(damaged)
}

package intake

import (
	"context"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/warehouse"
)

// Run ships, and compares and repairs whenever there is a reason to, until ctx
// ends. While the warehouse does not answer it waits longer and longer, up to half
// a minute; intake does not notice. Nothing else may ship at the same time.
func (t *Trust) Run(ctx context.Context) {
	wait := lookEvery
	for {
		err := t.round(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = min(2*wait, longestBackoff)
			t.c.Logger.Warn("the warehouse cannot be used; what is received waits in the registry", "retry_in", wait, "error", err)
		default:
			wait = lookEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
			wait = lookEvery
		case <-time.After(wait):
		}
	}
}

// round is one look at ClickHouse and what follows from it.
func (t *Trust) round(ctx context.Context) error {
	if err := t.feel(ctx); err != nil {
		return err
	}
	trusted, since, counted := t.times()
	switch {
	case !trusted:
		err := t.Settle(ctx)
		if err == nil {
			t.failed = 0
			return nil
		}
		// At its start ClickHouse takes out what it cannot read.
		if t.failed++; t.failed%restartAfter == 0 && t.c.Restart != nil && ctx.Err() == nil {
			t.c.Restart()
		}
		return err
	case time.Since(since) >= compareEvery:
		return t.daily(ctx)
	case time.Since(counted) >= countEvery:
		if err := t.count(ctx); err != nil {
			return err
		}
	}
	return t.c.Shipper.Drain(ctx)
}

func (t *Trust) times() (trusted bool, compared, counted time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sameProcess()
	return t.standing.Trusted, t.compared, t.counted
}

// feel reads the pulse. A ClickHouse that does not answer may come back with less
// than it had.
func (t *Trust) feel(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	p, err := t.c.Warehouse.Pulse(limited)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			t.lose("ClickHouse did not answer")
		}
		return err
	}
	t.look(p)
	return nil
}

// count holds the number of rows of every study against the registry's.
func (t *Trust) count(ctx context.Context) error {
	studies, err := t.c.Store.Studies(ctx)
	if err != nil {
		return err
	}
	for _, study := range studies {
		_, err := CheckStudy(ctx, t.c.Store, t.c.Warehouse, study.ID)
		switch {
		case fault.Is(err, fault.KindConflict):
			t.mu.Lock()
			t.lose(messageOf(err))
			t.mu.Unlock()
			return nil
		case err != nil:
			return err
		}
	}
	t.mu.Lock()
	t.counted = time.Now()
	t.mu.Unlock()
	return nil
}

// daily compares everything while it is trusted: a difference ends the trust.
func (t *Trust) daily(ctx context.Context) error {
	found, err := Reconcile(ctx, t.c.Store, t.c.Warehouse)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.compared = time.Now()
	if found.Differs() {
		t.report(found)
		t.lose("the daily comparison found a difference")
	}
	return nil
}

// Settle checks the parts of the tables, compares everything, repairs what differs,
// ships what waits, and trusts the warehouse once a comparison finds no difference
// and ClickHouse was not started anew meanwhile. Nothing else may ship at the same
// time.
func (t *Trust) Settle(ctx context.Context) error {
	process := t.process()
	t.waits("the parts of the tables are being checked")
	if err := t.setAside(ctx); err != nil {
		return err
	}
	before, err := t.c.Warehouse.Pulse(ctx)
	if err != nil {
		return err
	}
	if err := t.repair(ctx); err != nil {
		t.waits("the comparison failed: %s", messageOf(err))
		return err
	}
	after, err := t.c.Warehouse.Pulse(ctx)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.process() != process || after.Up < before.Up || after.Detached != before.Detached {
		t.lose("ClickHouse was restarted, or set a part aside, while it was compared")
		return nil
	}
	t.up, t.compared, t.counted = after.Up, time.Now(), time.Now()
	t.say(Standing{Trusted: true, Process: process, Detached: after.Detached})
	return nil
}

func (t *Trust) process() string {
	if t.c.Process == nil {
		return ""
	}
	return t.c.Process()
}

// setAside takes the broken parts out of the tables, so that reading meets none.
// The journal brings their rows back.
func (t *Trust) setAside(ctx context.Context) error {
	broken, err := t.c.Warehouse.BrokenParts(ctx)
	if err != nil {
		if fault.Is(err, fault.KindUnavailable) || ctx.Err() != nil {
			return err
		}
		// The comparison reads every answer too; this only finds out sooner where.
		t.c.Logger.Warn("the parts of the warehouse's tables cannot be checked one by one", "error", err)
	}
	for _, p := range broken {
		t.c.Logger.Error("a part of the warehouse is broken and is set aside; its rows are sent again", "table", p.Table, "part", p.Name, "why", p.Why)
		if err := t.setOneAside(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// setOneAside is bounded: ClickHouse first waits for a merge of the part, which may
// be looking for a flipped bit. Given up, it makes the engine start anew.
func (t *Trust) setOneAside(ctx context.Context, p warehouse.BrokenPart) error {
	limited, cancel := context.WithTimeout(ctx, setAsideLimit)
	defer cancel()
	return t.c.Warehouse.SetAside(limited, p)
}

// repair compares and ships until a comparison finds no difference.
func (t *Trust) repair(ctx context.Context) error {
	for range mostRepairs {
		t.waits("everything is being compared")
		found, err := Reconcile(ctx, t.c.Store, t.c.Warehouse)
		if err != nil {
			return err
		}
		if found.Differs() {
			t.report(found)
		}
		backlog, err := t.c.Shipper.Backlog(ctx)
		if err != nil {
			return err
		}
		t.waits("%d received answers are on their way", backlog.Rows)
		if err := t.c.Shipper.Drain(ctx); err != nil {
			return err
		}
		if !found.Differs() {
			return nil
		}
	}
	return fault.Conflict("warehouse", "differs from the record after %d repairs: run afterglow warehouse rebuild", mostRepairs)
}

func (t *Trust) report(found Reconciliation) {
	t.c.Logger.Error("the warehouse differed from the journal and is being repaired", "sent_again", found.Requeued, "deleted", found.Deleted,
		"studies", found.Studies, "subjects", found.Subjects, "sessions", found.Sessions.Missing+found.Sessions.Altered+found.Sessions.Foreign)
}

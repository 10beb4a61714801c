package main

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/intake"
	"afterglow/internal/warehouse"
	"afterglow/internal/warehouse/engine"
	"afterglow/migrations"
)

// keeper keeps the warehouse in step while a server runs: it starts the engine,
// prepares the database, compares it with the record and ships the journal. Intake
// never waits for it.
type keeper struct {
	house   *house
	shipper *intake.Shipper
	trust   *intake.Trust

	mu       sync.Mutex
	engine   *engine.Engine
	prepared bool
}

// newKeeper makes the warehouse of a serving house, not yet reached.
func newKeeper(h *house) (*keeper, error) {
	k := &keeper{house: h}
	if h.settings.ClickHouse == "" {
		// A missing library is for a person to mend; waiting does not bring it.
		if _, err := h.findLibrary(); err != nil {
			return nil, err
		}
	}
	config, err := h.settings.warehouseConfig()
	if err != nil {
		return nil, err
	}
	if config.Server == "" {
		config.DialWrite, config.DialRead = k.dial(engine.Write), k.dial(engine.Read)
	}
	w, err := warehouse.New(config)
	if err != nil {
		return nil, err
	}
	h.warehouse = w
	h.onClose(w.Close)
	if k.shipper, err = h.shipper(w); err != nil {
		return nil, err
	}
	// What a server before said of another start of ClickHouse counts no more.
	if err := h.folder.withdrawTrust(); err != nil {
		return nil, err
	}
	trust := intake.TrustConfig{Store: h.store, Warehouse: w, Shipper: k.shipper, Logger: h.log.With("part", "comparison"), Told: k.tell}
	if config.Server == "" {
		trust.Process, trust.Restart = k.process, k.restart
	}
	k.trust, err = intake.NewTrust(trust)
	return k, err
}

// process names the engine's running child.
func (k *keeper) process() string {
	if e := k.running(); e != nil {
		return strconv.Itoa(e.Pid())
	}
	return ""
}

func (k *keeper) restart() {
	if e := k.running(); e != nil {
		e.Restart()
	}
}

// tell lets the commands beside this server know whether the warehouse may be
// believed. Where that cannot be written, they do not believe it.
func (k *keeper) tell(s intake.Standing) {
	if err := k.house.folder.announceTrust(s); err != nil {
		k.house.log.Error("other commands cannot be told whether the warehouse may be used", "error", err)
	}
}

func (k *keeper) dial(pool engine.Pool) warehouse.DialFunc {
	return func(ctx context.Context) (net.Conn, error) {
		e := k.running()
		if e == nil {
			return nil, engine.ErrDown
		}
		return e.Dial(pool)(ctx, "")
	}
}

func (k *keeper) running() *engine.Engine {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.engine
}

// start brings the warehouse up once; the error says why it could not.
func (k *keeper) start(ctx context.Context) error {
	if k.house.settings.ClickHouse == "" && k.running() == nil {
		e, err := k.house.startEngine(ctx)
		if err != nil {
			return err
		}
		k.house.onClose(e.Close)
		k.mu.Lock()
		k.engine = e
		k.mu.Unlock()
	}
	if err := k.house.warehouse.Prepare(ctx, migrations.ClickHouse()); err != nil {
		return err
	}
	k.mu.Lock()
	k.prepared = true
	k.mu.Unlock()
	return nil
}

// run brings the warehouse up, trying again as long as it takes, and then compares
// and ships until ctx ends.
func (k *keeper) run(ctx context.Context) error {
	const longest = 30 * time.Second
	for wait := time.Second; !k.ready(); wait = min(2*wait, longest) {
		err := k.start(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return nil
		}
		k.house.log.Warn("the warehouse cannot be reached; answers are accepted and wait in the registry", "retry_in", wait, "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
	k.trust.Run(ctx)
	return nil
}

func (k *keeper) ready() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.prepared
}

// check says whether questions can be asked now: ClickHouse answers, and is known
// to hold what was recorded.
func (k *keeper) check(ctx context.Context) error {
	if err := k.trusted(); err != nil {
		return err
	}
	return k.ping(ctx)
}

// trusted is the part of check that costs nothing, and must never be old.
func (k *keeper) trusted() error {
	if !k.ready() {
		return fault.Unavailable("warehouse", nil, "ClickHouse is starting or cannot be reached")
	}
	return k.trust.Check()
}

func (k *keeper) ping(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return k.house.warehouse.Ping(limited)
}

// engineState is a look at the embedded engine; false when a server is used or
// the engine has not started.
func (k *keeper) engineState() (engine.State, bool) {
	if e := k.running(); e != nil {
		return e.State(), true
	}
	return engine.State{}, false
}

// backlog is how many answers wait for the warehouse, and up to when it is
// complete; the zero time when it never was.
func (k *keeper) backlog(ctx context.Context) (int64, time.Time, error) {
	b, err := k.shipper.Backlog(ctx)
	if err != nil || b.DataAsOf == nil {
		return int64(b.Rows), time.Time{}, err
	}
	return int64(b.Rows), *b.DataAsOf, nil
}

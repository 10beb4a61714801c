package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"afterglow/internal/durability"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/warehouse"
	"afterglow/internal/warehouse/engine"
	"afterglow/migrations"
)

// settings come from the environment; every one has a default that works on a
// laptop.
type settings struct {
	Listen                 string         `help:"Address to listen on." env:"AFTERGLOW_LISTEN" default:"127.0.0.1:8080"`
	URL                    string         `help:"Address to use in links; default http://localhost:PORT." env:"AFTERGLOW_URL"`
	TrustedProxies         []netip.Prefix `help:"Addresses of the proxies in front, such as 192.0.2.7/32, whose X-Forwarded-For header is trusted." env:"AFTERGLOW_TRUSTED_PROXIES" placeholder:"PREFIX,..."`
	ClickHouse             string         `name:"clickhouse" help:"Address of a ClickHouse server to use instead of the embedded engine." env:"AFTERGLOW_CLICKHOUSE"`
	ClickHouseCA           string         `name:"clickhouse-ca" help:"Certificates (PEM) of the authority that issued the ClickHouse server's certificate; default: the system's." env:"AFTERGLOW_CLICKHOUSE_CA" type:"path"`
	ClickHousePasswordFile string         `name:"clickhouse-password-file" help:"File that contains the ClickHouse server's password." env:"AFTERGLOW_CLICKHOUSE_PASSWORD_FILE" type:"path"`
	Library                string         `name:"libchdb" help:"Path of libchdb." env:"AFTERGLOW_LIBCHDB" type:"path"`
	KeyFile                string         `help:"File of the master key that encrypts identities; default keys/master.key in the data folder." env:"AFTERGLOW_KEY_FILE" type:"path"`
}

// house is what is open, in the order it was opened.
type house struct {
	folder    folder
	settings  settings
	log       *slog.Logger
	library   *instrument.Library
	store     *registry.Store
	warehouse *warehouse.Warehouse
	// beside is true when another process serves this folder.
	beside  bool
	closers []func() error
}

func newHouse(f folder, s settings, log *slog.Logger) *house {
	if s.KeyFile == "" {
		s.KeyFile = f.masterKey()
	}
	return &house{folder: f, settings: s, log: log}
}

// close ends everything in reverse order.
func (h *house) close() error {
	var errs []error
	for i := len(h.closers) - 1; i >= 0; i-- {
		errs = append(errs, h.closers[i]())
	}
	h.closers = nil
	return errors.Join(errs...)
}

func (h *house) onClose(f func() error) { h.closers = append(h.closers, f) }

// openLibrary reads the shipped instruments and the site's own.
func (h *house) openLibrary() error {
	library, err := instrument.LoadLibrary(instrumentFolders(string(h.folder))...)
	if err != nil {
		return err
	}
	h.library = library
	return nil
}

// openStore opens the registry as its owner, or beside the server that owns it
// when mayBeBeside allows that.
func (h *house) openStore(ctx context.Context, mayBeBeside bool) error {
	key, err := h.masterKey()
	if err != nil {
		return err
	}
	config := registry.Config{Path: h.folder.registry(), MasterKey: key, Clock: time.Now, Logger: h.log}
	store, err := registry.Open(ctx, config)
	if mayBeBeside && fault.Is(err, fault.KindConflict) {
		config.Beside, h.beside = true, true
		store, err = registry.Open(ctx, config)
	}
	if err != nil {
		return err
	}
	h.store = store
	h.onClose(store.Close)
	return nil
}

// masterKey reads the key; the first start of a new folder draws one.
func (h *house) masterKey() (registry.MasterKey, error) {
	_, noKey := os.Stat(h.settings.KeyFile)
	_, noRegistry := os.Stat(h.folder.registry())
	if errors.Is(noKey, fs.ErrNotExist) && errors.Is(noRegistry, fs.ErrNotExist) {
		if err := registry.CreateMasterKey(h.settings.KeyFile); err != nil {
			return registry.MasterKey{}, err
		}
	}
	return registry.ReadMasterKey(h.settings.KeyFile)
}

// openWarehouse opens the clinic's database and prepares it, unless the process
// beside us did.
func (h *house) openWarehouse(ctx context.Context) error {
	config, err := h.reachClickHouse(ctx)
	if err != nil {
		return err
	}
	w, err := warehouse.New(config)
	if err != nil {
		return err
	}
	h.warehouse = w
	h.onClose(w.Close)
	if h.beside {
		return awaitAnswer(ctx, w)
	}
	return w.Prepare(ctx, migrations.ClickHouse())
}

// reachClickHouse finds ClickHouse: a server, the engine of the process beside
// us, or an engine of our own.
func (h *house) reachClickHouse(ctx context.Context) (warehouse.Config, error) {
	config, err := h.settings.warehouseConfig()
	if err != nil {
		return config, err
	}
	switch {
	case h.settings.ClickHouse != "":
	case h.beside:
		config.DialWrite, config.DialRead = attach(h.folder, engine.Write), attach(h.folder, engine.Read)
	default:
		e, err := h.startEngine(ctx)
		if err != nil {
			return config, err
		}
		h.onClose(e.Close)
		config.DialWrite, config.DialRead = dial(e, engine.Write), dial(e, engine.Read)
	}
	return config, nil
}

// awaitAnswer gives the process beside us a few seconds to bring ClickHouse up:
// it may have started a moment ago.
func awaitAnswer(ctx context.Context, w *warehouse.Warehouse) error {
	const patience, pause = 5 * time.Second, 200 * time.Millisecond
	for deadline := time.Now().Add(patience); ; {
		err := w.Ping(ctx)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (h *house) findLibrary() (string, error) {
	library, err := engine.FindLibrary(h.settings.Library, ".")
	if err != nil {
		return "", fault.Unavailable("engine", nil, "%s, or name a ClickHouse server with AFTERGLOW_CLICKHOUSE", err)
	}
	return library, nil
}

func (h *house) startEngine(ctx context.Context) (*engine.Engine, error) {
	library, err := h.findLibrary()
	if err != nil {
		return nil, err
	}
	e, err := engine.Start(ctx, engine.Config{Library: library, Data: h.folder.clickhouse(), Runtime: h.folder.runtime(),
		PIDFile: h.folder.enginePID(), Log: h.log.With("part", "engine")})
	if err != nil {
		return nil, fault.Unavailable("engine", err, "the embedded ClickHouse did not start: %v", err)
	}
	return e, nil
}

// shipper carries the journal to the warehouse.
func (h *house) shipper(w *warehouse.Warehouse) (*intake.Shipper, error) {
	return intake.NewShipper(intake.ShipperConfig{Store: h.store, Logger: h.log.With("part", "shipping"),
		Inserts: intake.Inserts{Study: w.InsertStudy, Subjects: w.InsertSubjects, Sessions: w.InsertSessions, Responses: w.InsertResponses, Holds: w.Holds}})
}

func (h *house) asker(trust durability.Trust) *durability.Asker {
	return durability.New(durability.Config{Warehouse: h.warehouse, Library: h.library, Protocols: h.store.Protocols, Software: software(), Now: time.Now, Trust: trust})
}

// trust is what a command's questions rest on: what the server beside it found, or
// a comparison of its own.
func (h *house) trust(ctx context.Context) (durability.Trust, error) {
	if h.beside {
		return &besideTrust{house: h}, nil
	}
	shipper, err := h.shipper(h.warehouse)
	if err != nil {
		return nil, err
	}
	trust, err := intake.NewTrust(intake.TrustConfig{Store: h.store, Warehouse: h.warehouse, Shipper: shipper, Logger: h.log.With("part", "comparison")})
	if err != nil {
		return nil, err
	}
	return trust, trust.Settle(ctx)
}

// openCommand opens what a command needs that works beside a running server or
// alone: the library, the registry and, when asked for, the warehouse with
// everything that waited for it.
func openCommand(ctx context.Context, root *cli, log *slog.Logger, withWarehouse bool) (*house, error) {
	f, err := existingFolder(root.Data)
	if err != nil {
		return nil, err
	}
	h := newHouse(f, root.settings, log)
	if err := h.openForCommand(ctx, withWarehouse); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *house) openForCommand(ctx context.Context, withWarehouse bool) error {
	if err := h.openLibrary(); err != nil {
		return err
	}
	if err := h.openStore(ctx, true); err != nil {
		return err
	}
	if !withWarehouse {
		return nil
	}
	if err := h.openWarehouse(ctx); err != nil {
		return err
	}
	return h.shipWaiting(ctx)
}

// shipWaiting brings the warehouse up to date, unless a server beside us does.
func (h *house) shipWaiting(ctx context.Context) error {
	if h.beside {
		return nil
	}
	shipper, err := h.shipper(h.warehouse)
	if err != nil {
		return err
	}
	return shipper.Drain(ctx)
}

// withRegistry runs a command on the registry and the instruments; it makes the
// data folder when there is none, since bringing data in is how one starts.
func withRegistry(ctx context.Context, root *cli, run func(*registry.Store, *instrument.Library) error) error {
	f, err := openFolder(root.Data)
	if err != nil {
		return err
	}
	h := newHouse(f, root.settings, slog.Default())
	if err := h.openForCommand(ctx, false); err != nil {
		return errors.Join(err, h.close())
	}
	return errors.Join(run(h.store, h.library), h.close())
}

// baseURL is the address that links carry: what was set, what the server beside
// us said when it started, or localhost with the port of the settings.
func (h *house) baseURL() (string, error) {
	if h.settings.URL != "" {
		return strings.TrimRight(h.settings.URL, "/"), nil
	}
	if said, err := os.ReadFile(h.folder.serverURL()); err == nil {
		return strings.TrimSpace(string(said)), nil
	}
	_, port, err := net.SplitHostPort(h.settings.Listen)
	if err != nil {
		return "", fault.Invalid("AFTERGLOW_LISTEN", "%q is not host:port", h.settings.Listen)
	}
	return "http://localhost:" + port, nil
}

func attach(f folder, pool engine.Pool) warehouse.DialFunc {
	connect := engine.DialAt(f.runtime(), pool)
	return func(ctx context.Context) (net.Conn, error) { return connect(ctx, "") }
}

func dial(e *engine.Engine, pool engine.Pool) warehouse.DialFunc {
	connect := e.Dial(pool)
	return func(ctx context.Context) (net.Conn, error) { return connect(ctx, "") }
}

package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/warehouse"
	"afterglow/internal/warehouse/engine"
	"afterglow/internal/web/middleware"
	"afterglow/migrations"
)

// checkAddress holds what the pages insist on: https, or this machine only.
func (d *doctor) checkAddress(demo bool) {
	const part = "pages"
	listens := d.house.folder.listens(d.house.settings.Listen)
	host, _, err := net.SplitHostPort(listens)
	if err != nil {
		d.wrong(part, "listens on", listens, "AFTERGLOW_LISTEN must be host:port")
		return
	}
	ip := net.ParseIP(host)
	local := host == "localhost" || ip != nil && ip.IsLoopback()
	base, err := d.house.baseURL()
	if err != nil {
		d.wrong(part, "address", oneLine(err), "correct AFTERGLOW_LISTEN")
		return
	}
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "":
		d.wrong(part, "address", base, "AFTERGLOW_URL must be an address like https://clinic.example")
	case u.Scheme != "https" && !(u.Scheme == "http" && middleware.IsLoopbackHost(u.Hostname())):
		d.wrong(part, "address", base, "links must be https: put a proxy that terminates TLS in front and set AFTERGLOW_URL to its https address")
	default:
		d.good(part, "address", base)
	}
	switch {
	case demo && !local:
		d.wrong(part, "listens on", listens, "a demo is served on this machine only: listen on 127.0.0.1")
	case !local && d.house.settings.URL == "":
		d.wrong(part, "listens on", listens, "other machines can reach this address: set AFTERGLOW_URL to the https address of the proxy in front")
	default:
		d.good(part, "listens on", listens)
	}
}

// checkWarehouse reaches ClickHouse the way the server does.
func (d *doctor) checkWarehouse(running bool) {
	ctx, cancel := context.WithTimeout(d.ctx, time.Minute)
	defer cancel()
	if d.house.settings.ClickHouse == "" {
		d.checkEngine(ctx, running)
		return
	}
	d.checkPasswordFile()
	config, err := d.house.settings.warehouseConfig()
	if err != nil {
		d.settle("ClickHouse", err)
		return
	}
	d.good("ClickHouse", "place", "a server; see AFTERGLOW_CLICKHOUSE above")
	d.checkRecord(ctx, config, running)
}

// settle notes an error of reaching something: missing when it is not there.
func (d *doctor) settle(part string, err error) {
	const do = "see docs/operations.md, ClickHouse; answers wait in the registry meanwhile"
	if fault.Is(err, fault.KindUnavailable) {
		d.missing(part, "reaching it", oneLine(err), do)
		return
	}
	d.wrong(part, "reaching it", oneLine(err), do)
}

func (d *doctor) checkPasswordFile() {
	path := d.house.settings.ClickHousePasswordFile
	if info, err := os.Stat(path); path != "" && err == nil && info.Mode().Perm()&0o007 != 0 {
		d.wrong("ClickHouse", "password file", fmt.Sprintf("%s, mode %04o", path, info.Mode().Perm()), "close it to other users: chmod 600 "+path)
	}
}

// checkEngine looks at the running server's engine, or starts one for a moment.
func (d *doctor) checkEngine(ctx context.Context, running bool) {
	const part = "engine"
	library, err := engine.FindLibrary(d.house.settings.Library, ".")
	if err != nil {
		d.missing(part, "libchdb", oneLine(err), "run npm ci, or name a ClickHouse server with AFTERGLOW_CLICKHOUSE")
		if !running {
			return
		}
	} else {
		d.good(part, "libchdb", library)
	}
	config := warehouse.Config{Database: "afterglow"}
	var state engine.State
	if running {
		if state, err = engine.StateAt(ctx, d.house.folder.runtime()); err != nil {
			d.wrong(part, "process", oneLine(err), "it restarts automatically; if it stays down, see the server's log")
			return
		}
		config.DialWrite, config.DialRead = attach(d.house.folder, engine.Write), attach(d.house.folder, engine.Read)
	} else {
		e, err := d.house.startEngine(ctx)
		if err != nil {
			d.wrong(part, "process", oneLine(err), "see docs/operations.md, ClickHouse")
			return
		}
		d.house.onClose(e.Close)
		state = e.State()
		config.DialWrite, config.DialRead = dial(e, engine.Write), dial(e, engine.Read)
	}
	d.good(part, "version", state.Library)
	d.checkConfinement(state.Confinement)
	d.checkRecord(ctx, config, running)
}

func (d *doctor) checkConfinement(c engine.Confinement) {
	const part = "engine"
	d.good(part, "layers in force", ifEmpty(strings.Join(c.Layers, ", "), "none"))
	if len(c.Missing) > 0 {
		d.note(part, "layers missing", strings.Join(c.Missing, "; "), "")
	}
	const do = "use a kernel with Landlock and seccomp, or a ClickHouse server; see docs/operations.md, Confinement"
	for _, held := range []struct {
		holds            bool
		what, yes, never string
	}{
		{c.Files, "other files", "cannot be opened by it", "it can open files outside its folder"},
		{c.Network, "the network", "cannot be reached by it", "it can open network connections"},
	} {
		if held.holds {
			d.good(part, held.what, held.yes)
		} else {
			d.wrong(part, held.what, held.never, do)
		}
	}
}

// checkRecord looks whether 'confirmed' means 'on disk, once'. Without a server
// it prepares the database first, as every command does.
func (d *doctor) checkRecord(ctx context.Context, config warehouse.Config, running bool) {
	const name = "ClickHouse"
	w, err := warehouse.New(config)
	if err != nil {
		d.settle(name, err)
		return
	}
	d.house.onClose(w.Close)
	if running {
		err = w.CheckDurable(ctx)
	} else {
		err = w.Prepare(ctx, migrations.ClickHouse())
	}
	if err != nil {
		d.settle(name, err)
		return
	}
	d.good(name, "durable settings", "fsync on insert, deduplication, no unconfirmed inserts")
	if running {
		d.checkComparison()
	}
}

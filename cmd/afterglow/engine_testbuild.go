//go:build testbuild

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/alecthomas/kong"

	"afterglow/internal/fault"
	"afterglow/internal/warehouse/engine"
)

// engineCmd is the child process of the embedded ClickHouse; a test build that is
// called by hand serves an engine at the address of --listen and prints what
// AFTERGLOW_CLICKHOUSE must be, so that the tests meet ClickHouse as a server.
type engineCmd struct{}

func (engineCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	if err := engine.RunChild(ctx); !errors.Is(err, engine.ErrNotAsked) {
		return err
	}
	address, err := net.ResolveTCPAddr("tcp", root.Listen)
	if err != nil {
		return fault.Invalid("listen", "%q is not host:port", root.Listen)
	}
	listener, err := net.ListenTCP("tcp", address)
	if err != nil {
		return fault.Unavailable("listen", err, "the server cannot listen on %s", root.Listen)
	}
	library, err := engine.FindLibrary(root.Library, ".")
	if err != nil {
		return fault.Unavailable("engine", err, "there is no engine")
	}
	config := engine.Config{Library: library, Data: root.Data, Log: slog.Default()}
	if err := config.ServeTCP(listener); err != nil {
		return err
	}
	e, err := engine.Start(ctx, config)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(k.Stdout, "http://%s/afterglow\n", listener.Addr())
	<-ctx.Done()
	return errors.Join(err, e.Close())
}

package engine

import (
	"context"
	"fmt"
	"net"
)

// DialAt gives the DialContext for one pool of an engine that another process
// runs, by its runtime folder: a command beside a server reaches the server's
// engine so. It fails with ErrDown while there is none, and always when the folder is another user's
// or open to others: what answers there may not be the engine.
func DialAt(runtime string, pool Pool) func(ctx context.Context, address string) (net.Conn, error) {
	at := sockets{folder: runtime}
	path := at.path(pool)
	return func(ctx context.Context, _ string) (net.Conn, error) {
		if err := at.trusted(); err != nil {
			return nil, err
		}
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDown, err)
		}
		return conn, nil
	}
}

// StateAt asks an engine that another process runs, by its runtime folder, what
// it is and what confines it. The error is ErrDown while there is none.
func StateAt(ctx context.Context, runtime string) (State, error) {
	at := sockets{folder: runtime}
	if err := at.trusted(); err != nil {
		return State{}, err
	}
	found, err := ask(ctx, healthClient(at))
	if err != nil {
		return State{}, fmt.Errorf("%w: %w", ErrDown, err)
	}
	return State{Phase: PhaseUp, Library: found.Library, Confinement: found.Confinement}, nil
}

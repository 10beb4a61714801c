package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"afterglow/internal/web/tour"
)

// errPutBack ends one round of the demo; the next begins with an empty folder.
var errPutBack = errors.New("the demo is put back")

// rounds serves the demo, and serves it anew each time that it is put back, on
// one listener: a browser that waits is never refused.
func (c *demoRunCmd) rounds(ctx context.Context, root *cli, out io.Writer, progress func(string, ...any), listener net.Listener) error {
	door := &sharedListener{Listener: listener}
	var pause *waiting
	for again := false; ; again = true {
		err := c.oneRound(ctx, root, out, pause.note(progress), door, again, pause)
		if !errors.Is(err, errPutBack) {
			return errors.Join(err, pause.end(), listener.Close())
		}
		if pause, err = newWaiting(door); err != nil {
			return errors.Join(err, listener.Close())
		}
		pause.note(progress)("Putting the demo back ...")
		f, err := existingFolder(root.Data)
		if err != nil {
			return errors.Join(err, pause.end(), listener.Close())
		}
		if err := emptyDemo(ctx, f); err != nil {
			return errors.Join(err, pause.end(), listener.Close())
		}
	}
}

// oneRound opens the folder and serves it until ctx ends or the demo is put back,
// which is errPutBack.
func (c *demoRunCmd) oneRound(ctx context.Context, root *cli, out io.Writer, progress func(string, ...any), door *sharedListener, again bool, pause *waiting) error {
	progress("Opening %s ...", root.Data)
	s, err := openServerOn(ctx, root, door.turn())
	if err != nil {
		return err
	}
	round, end := context.WithCancelCause(ctx)
	defer end(nil)
	s.putBack = func() { end(errPutBack) }
	err = errors.Join(c.round(round, out, progress, s, again, pause), s.close())
	if err == nil && errors.Is(context.Cause(round), errPutBack) {
		return errPutBack
	}
	return err
}

// waiting answers pages while the demo is put back, saying what is done now. A
// nil waiting is none.
type waiting struct {
	server *http.Server
	ended  chan error
	doing  atomic.Value
}

func newWaiting(door *sharedListener) (*waiting, error) {
	w := &waiting{ended: make(chan error, 1)}
	w.doing.Store("Putting the demo back")
	handler, err := tour.Waiting("Afterglow Demo Clinic", func() string { return w.doing.Load().(string) })
	if err != nil {
		return nil, err
	}
	w.server = &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	listener := door.turn()
	go func() { w.ended <- w.server.Serve(listener) }()
	return w, nil
}

// note passes progress on and keeps its words for the page.
func (w *waiting) note(progress func(string, ...any)) func(string, ...any) {
	if w == nil {
		return progress
	}
	return func(format string, args ...any) {
		w.doing.Store(fmt.Sprintf(format, args...))
		progress(format, args...)
	}
}

// end lets what is under way finish and gives the listener back.
func (w *waiting) end() error {
	if w == nil || w.server == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(context.Background(), 5*time.Second) // the caller's may have ended; this is bounded
	defer cancel()
	err := w.server.Shutdown(limited)
	w.server = nil
	if served := <-w.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// sharedListener lends one listener to one server after another. A server that
// closes its turn stops accepting; connections that arrive meanwhile wait for the
// next turn.
type sharedListener struct {
	net.Listener
	mu sync.Mutex
}

type deadliner interface{ SetDeadline(time.Time) error }

// turn begins the next server's turn.
func (l *sharedListener) turn() net.Listener {
	return &listenerTurn{shared: l}
}

type listenerTurn struct {
	shared *sharedListener
	ended  atomic.Bool
}

// Accept waits for a connection until the turn is closed.
func (t *listenerTurn) Accept() (net.Conn, error) {
	t.shared.mu.Lock()
	defer t.shared.mu.Unlock()
	if t.ended.Load() {
		return nil, net.ErrClosed
	}
	conn, err := t.shared.Listener.Accept()
	if err != nil && t.ended.Load() {
		// The deadline that woke this turn must not end the next one's.
		return nil, errors.Join(net.ErrClosed, t.shared.setDeadline(time.Time{}))
	}
	return conn, err
}

// Close ends the turn and wakes an Accept that waits.
func (t *listenerTurn) Close() error {
	if t.ended.Swap(true) {
		return nil
	}
	if err := t.shared.setDeadline(time.Unix(1, 0)); err != nil {
		return err
	}
	t.shared.mu.Lock() // the Accept that waited has returned
	defer t.shared.mu.Unlock()
	return t.shared.setDeadline(time.Time{})
}

// Addr is the address of the listener.
func (t *listenerTurn) Addr() net.Addr { return t.shared.Listener.Addr() }

func (l *sharedListener) setDeadline(at time.Time) error {
	d, ok := l.Listener.(deadliner)
	if !ok {
		return errors.New("the listener takes no deadline")
	}
	return d.SetDeadline(at)
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
)

// ErrDown: there is no engine to talk to right now; it is being restarted, or is closed.
var ErrDown = errors.New("the ClickHouse engine is down")

// Phase is where an Engine is in its life; doc.go has the picture.
type Phase string

const (
	PhaseStarting   Phase = "starting"
	PhaseUp         Phase = "up"
	PhaseRestarting Phase = "restarting"
	PhaseStopped    Phase = "stopped"
)

// State is a look at an Engine.
type State struct {
	Phase Phase
	// PID is the child's process id; 0 while there is none.
	PID int
	// Restarts counts the children after the first.
	Restarts int
	// LastError is why the last child was replaced; nil if none was.
	LastError error
	// Library is libchdb's version; "" before the first answer.
	Library string
	// Confinement is what the running child found out about itself.
	Confinement Confinement
}

// Engine is a supervised ClickHouse. Its methods may be called from any goroutine.
type Engine struct {
	config  Config
	sockets sockets
	lock    *os.File
	client  *http.Client
	stop    context.CancelFunc
	done    chan struct{}
	// restart asks the supervisor for another child.
	restart chan struct{}

	mu    sync.Mutex
	state State
	// changed is closed and replaced with every change of state.
	changed chan struct{}
}

// Start takes the data folder, starts the child and returns when it answers. ctx bounds the start
// only; Close ends the engine. The error is ErrInUse when another process has the folder; when the
// child ends before its first answer, it carries the child's last words.
func Start(ctx context.Context, config Config) (*Engine, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	config, err := config.completed()
	if err != nil {
		return nil, err
	}
	if len(config.Command) == 0 {
		program, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find the program to start as the engine: %w", err)
		}
		config.Command = []string{program, "engine"}
	}
	if err := os.MkdirAll(config.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the engine's data folder: %w", err)
	}
	held, err := lock(ctx, config.Data)
	if err != nil {
		return nil, err
	}
	sockets, err := openSockets(config.Runtime)
	if err != nil {
		held.Close()
		return nil, err
	}
	e := &Engine{
		config: config, sockets: sockets, lock: held,
		done: make(chan struct{}), restart: make(chan struct{}, 1), changed: make(chan struct{}),
		state: State{Phase: PhaseStarting},
	}
	e.client = healthClient(sockets)
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	first := make(chan error, 1)
	go e.supervise(life, first)
	select {
	case err = <-first:
	case <-ctx.Done():
		err = fmt.Errorf("wait for the engine to answer: %w", ctx.Err())
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func healthClient(at sockets) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", at.path(Write))
		},
	}}
}

// Close asks the child to end, waits for it, and gives the folder free. It may be called twice.
func (e *Engine) Close() error {
	e.stop()
	<-e.done
	return nil
}

// Restart ends the child, so that another one opens the folder anew and takes out what it cannot
// read. It does not wait.
func (e *Engine) Restart() {
	select {
	case e.restart <- struct{}{}:
	default: // asked for already
	}
}

// State is a look at the engine as it is now.
func (e *Engine) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// Pid is the child's process id; 0 while there is none.
func (e *Engine) Pid() int { return e.State().PID }

// WaitUp returns when the engine answers, or with ErrDown when ctx ends or the engine is closed
// before.
func (e *Engine) WaitUp(ctx context.Context) error {
	for {
		e.mu.Lock()
		state, changed := e.state, e.changed
		e.mu.Unlock()
		switch state.Phase {
		case PhaseUp:
			return nil
		case PhaseStopped:
			return ErrDown
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrDown, ctx.Err())
		}
	}
}

// Dial gives the DialContext for one pool, in the form of clickhouse-go's Options. A dial fails at
// once with ErrDown while the engine is down; the caller decides whether to wait.
func (e *Engine) Dial(pool Pool) func(ctx context.Context, address string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		if state := e.State(); state.Phase != PhaseUp {
			return nil, fmt.Errorf("%w (%s)", ErrDown, state.Phase)
		}
		conn, err := new(net.Dialer).DialContext(ctx, "unix", e.sockets.path(pool))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDown, err)
		}
		return conn, nil
	}
}

func (e *Engine) change(to func(*State)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	to(&e.state)
	close(e.changed)
	e.changed = make(chan struct{})
}

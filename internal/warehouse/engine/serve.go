package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// ServeConfig is what a parent hands to its child.
type ServeConfig struct {
	// Library is the path of libchdb; Data the folder that only this process opens.
	Library, Data string
	// Database is made when it is not there; clients name it as theirs.
	Database string
	// Write and Read bound the two pools.
	Write, Read Limits
	// FreeDiskBytes is what an insert must leave free on the disk.
	FreeDiskBytes int64
	// Cancelled is how long a statement that was cancelled may take to end before the child says
	// that it is not well.
	Cancelled time.Duration
	// Listeners is how many listeners the child inherited, from file descriptor 3 on: the write
	// socket, the read socket and, in tests, a TCP listener that serves the write pool.
	Listeners int
	// Confined is what the first stage did; nil in the first stage.
	Confined *Confinement
	// NamespaceMissing is why the child has no network namespace of its own; "" if it has.
	NamespaceMissing string
}

// Validate names everything that is wrong with the configuration.
func (c ServeConfig) Validate() error {
	var wrong []error
	if c.Library == "" {
		wrong = append(wrong, errors.New("no path of libchdb"))
	}
	if c.Data == "" {
		wrong = append(wrong, errors.New("no data folder"))
	}
	if c.Listeners < 2 {
		wrong = append(wrong, fmt.Errorf("%d inherited listeners, want 2 or more", c.Listeners))
	}
	if c.Write.Sessions < 1 || c.Read.Sessions < 1 {
		wrong = append(wrong, errors.New("a pool without sessions"))
	}
	return errors.Join(wrong...)
}

// firstFD is the first inherited file descriptor after standard input, output and error.
const firstFD = 3

// Serve is the child's main: it confines the process, loads libchdb and answers on the inherited
// listeners until ctx ends or standard input closes.
func Serve(ctx context.Context, config ServeConfig) error {
	if err := config.Validate(); err != nil {
		return fmt.Errorf("serve the engine: %w", err)
	}
	if config.Confined == nil {
		second, err := firstStage(config)
		if err != nil {
			return err
		}
		config = second
	}
	// The parent ends the child by closing its standard input; a signal to the whole group must
	// not take the child away before the parent has drained it.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // any end of it is the end of the parent's interest
		stop()
	}()
	listeners, err := inherited(config.Listeners)
	if err != nil {
		return err
	}
	confined := probe(*config.Confined, config)
	server, err := newServer(config, confined)
	if err != nil {
		return err
	}
	return server.run(ctx, listeners)
}

// firstStage confines the process and executes it again. It returns only where the system has no
// such stage, or with an error.
func firstStage(config ServeConfig) (ServeConfig, error) {
	runtime.LockOSThread()
	confined, err := confine(config)
	if err != nil {
		return config, err
	}
	if config.NamespaceMissing == "" {
		confined.Layers = append(confined.Layers, "network namespace")
	} else {
		confined.Missing = append(confined.Missing, "network namespace: "+config.NamespaceMissing)
	}
	config.Confined = &confined
	if runtime.GOOS != "linux" {
		return config, nil
	}
	environment, err := childEnvironment(config)
	if err != nil {
		return config, err
	}
	return config, fmt.Errorf("execute the engine's second stage: %w", replace(environment))
}

func inherited(count int) ([]net.Listener, error) {
	listeners := make([]net.Listener, count)
	for i := range listeners {
		file := os.NewFile(uintptr(firstFD+i), "listener "+strconv.Itoa(i))
		listener, err := net.FileListener(file)
		if err != nil {
			return nil, fmt.Errorf("take over inherited listener %d: %w", i, err)
		}
		if err := file.Close(); err != nil {
			return nil, fmt.Errorf("close the copy of listener %d: %w", i, err)
		}
		listeners[i] = listener
	}
	return listeners, nil
}

// server is the second stage: libchdb, its pools and the HTTP interface.
type server struct {
	config   ServeConfig
	confined Confinement
	lib      *library
	// keeper is the first session: it boots the engine and keeps it up between statements.
	keeper      *session
	write, read *pool
}

func newServer(config ServeConfig, confined Confinement) (*server, error) {
	if err := os.Chdir(config.Data); err != nil {
		return nil, fmt.Errorf("enter the data folder: %w", err)
	}
	lib, err := load(config.Library)
	if err != nil {
		return nil, err
	}
	// libchdb's handlers would replace the Go runtime's.
	lib.setSignalHandlers(0)
	s := &server{config: config, confined: confined, lib: lib}
	args := s.sessionArgs()
	if s.keeper, err = lib.open(args); err != nil {
		return nil, fmt.Errorf("open the data folder %s: %w", config.Data, err)
	}
	if err := checkSettings(s.keeper, s.requiredSettings()); err != nil {
		return nil, err
	}
	if config.Database != "" {
		make := "CREATE DATABASE IF NOT EXISTS " + quoteIdentifier(config.Database)
		if _, err := s.keeper.run(statement{sql: make, format: "TSV"}); err != nil {
			return nil, fmt.Errorf("make the database %s: %w", config.Database, err)
		}
	}
	tags := new(atomic.Uint64)
	s.write = &pool{name: "write", limits: config.Write, args: append(args, config.Write.args()...),
		lib: lib, running: make(chan struct{}, config.Write.Sessions), tags: tags, patience: config.Cancelled}
	s.read = &pool{name: "read", readOnly: true, limits: config.Read, args: append(args, config.Read.args()...),
		lib: lib, running: make(chan struct{}, config.Read.Sessions), tags: tags, patience: config.Cancelled}
	return s, nil
}

// run serves until ctx ends, then lets what runs finish for a moment, then cancels it.
func (s *server) run(ctx context.Context, listeners []net.Listener) error {
	servers := make([]*http.Server, len(listeners))
	failed := make(chan error, len(listeners))
	for i, listener := range listeners {
		pool := s.write
		if i == 1 {
			pool = s.read
		}
		servers[i] = &http.Server{
			Handler:           s.handler(pool),
			ReadHeaderTimeout: 30 * time.Second,
			// Parameters come in the URL: this bounds all of one request's together.
			MaxHeaderBytes: 8 << 20,
			ErrorLog:       log.New(os.Stderr, "", 0),
		}
		go func() { failed <- servers[i].Serve(listener) }()
	}
	fmt.Printf("serving libchdb %s\n", s.lib.version())
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	for _, server := range servers {
		if server.Shutdown(grace) != nil {
			err = errors.Join(err, server.Close())
		}
	}
	return err
}

// shutdownGrace is how long running statements may take to end once the child is asked to.
const shutdownGrace = 2 * time.Second

func (s *server) handler(p *pool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+healthPath, s.health)
	mux.Handle("/", &handler{pool: p})
	return mux
}

// healthPath is where the parent asks whether the child is alive. It needs no place in a pool, so a
// full pool does not look like a hang.
const healthPath = "/health"

// health is what the child says of itself.
type health struct {
	Library     string      `json:"library"`
	Confinement Confinement `json:"confinement"`
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	for _, p := range []*pool{s.write, s.read} {
		if n := p.stuck.Load(); n > 0 {
			http.Error(w, fmt.Sprintf("%d statements of the %s pool have not ended %s after they were cancelled", n, p.name, p.patience), http.StatusServiceUnavailable)
			return
		}
	}
	session, err := s.lib.open(s.sessionArgs())
	if err == nil {
		defer session.close()
		_, err = session.run(statement{sql: "SELECT 1", format: "TSV"})
	}
	if err != nil {
		http.Error(w, strings.TrimSpace(err.Error()), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// A parent that has gone does not need the answer.
	_ = json.NewEncoder(w).Encode(health{Library: s.lib.version(), Confinement: s.confined})
}

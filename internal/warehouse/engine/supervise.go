package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// supervise runs one child after another until ctx ends. The first child's start is told to first:
// nil when it answers, or why it did not.
func (e *Engine) supervise(ctx context.Context, first chan<- error) {
	defer close(e.done)
	// Linux ends the child when the thread that started it ends; this goroutine keeps its own.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pause := e.config.Watch.BackoffMin
	for ctx.Err() == nil {
		up, err := e.runChild(ctx, first)
		if ctx.Err() != nil {
			break
		}
		if e.State().Restarts == 0 && up == 0 {
			// The first start failed: the caller decides, not the back-off.
			first <- err
			break
		}
		if up >= e.config.Watch.BackoffMax {
			pause = e.config.Watch.BackoffMin
		}
		e.config.Log.Warn("restarting the engine", "cause", err, "pause", pause)
		e.change(func(s *State) { s.Phase, s.PID, s.LastError = PhaseRestarting, 0, err; s.Restarts++ })
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, e.config.Watch.BackoffMax)
	}
	e.change(func(s *State) { s.Phase, s.PID = PhaseStopped, 0 })
	e.sockets.remove()
	e.removePID()
	if e.config.tcp != nil {
		_ = e.config.tcp.Close() // nothing reaches it any more
	}
	_ = e.lock.Close() // the kernel gives the lock free with the last copy
}

// runChild starts a child and stays with it to its end. It returns how long it was up and why it
// ended.
func (e *Engine) runChild(ctx context.Context, first chan<- error) (up time.Duration, err error) {
	c, err := e.spawn()
	if err != nil {
		return 0, err
	}
	pid := c.cmd.Process.Pid
	e.change(func(s *State) { s.PID = pid })
	if err := e.writePID(pid); err != nil {
		c.kill()
		return 0, err
	}
	found, err := e.awaitAnswer(ctx, c)
	if err != nil {
		e.end(c)
		return 0, err
	}
	since := time.Now()
	if !found.Confinement.Holds() {
		e.config.Log.Warn("the engine's process is not confined",
			"files", found.Confinement.Files, "network", found.Confinement.Network, "missing", found.Confinement.Missing)
	}
	e.change(func(s *State) {
		s.Phase, s.Library, s.Confinement = PhaseUp, found.Library, found.Confinement
	})
	select {
	case first <- nil:
	default: // only the first child's start is waited for
	}
	err = e.monitor(ctx, c)
	if ctx.Err() != nil {
		e.change(func(s *State) { s.Phase = PhaseStopped })
		e.end(c)
	}
	return time.Since(since), err
}

// spawn puts the folder in order, opens the sockets anew and starts a child on them.
func (e *Engine) spawn() (*child, error) {
	lost, err := forgetLost(e.config.Data)
	if err != nil {
		return nil, err
	}
	if lost > 0 {
		e.config.Log.Warn("batches that the last child had recorded but not finished can be sent again", "batches", lost)
	}
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	for _, pool := range []Pool{Write, Read} {
		file, err := e.sockets.listen(pool)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	if e.config.tcp != nil {
		file, err := e.config.tcp.File()
		if err != nil {
			return nil, fmt.Errorf("pass the TCP listener to the child: %w", err)
		}
		files = append(files, file)
	}
	return startChild(e.config, append(files[:len(files):len(files)], e.lock))
}

// awaitAnswer asks the child until it answers, ends, or has had its time.
func (e *Engine) awaitAnswer(ctx context.Context, c *child) (health, error) {
	ctx, cancel := context.WithTimeout(ctx, e.config.Watch.Start)
	defer cancel()
	for {
		found, err := e.ask(ctx)
		if err == nil {
			return found, nil
		}
		select {
		case <-c.exited:
			return health{}, c.cause()
		case <-ctx.Done():
			return health{}, fmt.Errorf("the engine gave no answer within %s: %w", e.config.Watch.Start, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// monitor returns when the child has ended, is hung (and killed), or ctx ends.
func (e *Engine) monitor(ctx context.Context, c *child) error {
	misses := 0
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.exited:
			return c.cause()
		case <-e.restart:
			c.kill()
			return errors.New("another start was asked for")
		case <-time.After(e.config.Watch.Every):
		}
		asked, cancel := context.WithTimeout(ctx, e.config.Watch.Timeout)
		_, err := e.ask(asked)
		cancel()
		if err == nil {
			misses = 0
			continue
		}
		if misses++; misses >= e.config.Watch.Misses && ctx.Err() == nil {
			c.kill()
			return fmt.Errorf("the engine missed %d health queries: %w", misses, err)
		}
	}
}

func (e *Engine) ask(ctx context.Context) (health, error) { return ask(ctx, e.client) }

// ask sends one health query.
func ask(ctx context.Context, client *http.Client) (health, error) {
	var found health
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine"+healthPath, nil)
	if err != nil {
		return found, fmt.Errorf("ask the engine's health: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return found, fmt.Errorf("ask the engine's health: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return found, fmt.Errorf("read the engine's health: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return found, fmt.Errorf("the engine is not healthy: %s", strings.TrimSpace(string(body)))
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return found, fmt.Errorf("read the engine's health: %w", err)
	}
	return found, nil
}

// end asks a child to end and kills it when it does not.
func (e *Engine) end(c *child) {
	c.lifeline.Close()
	select {
	case <-c.exited:
	case <-time.After(e.config.Watch.Stop):
		e.config.Log.Warn("the engine did not stop when asked and was killed", "pid", c.cmd.Process.Pid)
		c.kill()
	}
}

func (e *Engine) writePID(pid int) error {
	path := e.config.PIDFile
	if path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the engine's pid file: %w", err)
	}
	if err := os.WriteFile(path+".new", []byte(strconv.Itoa(pid)+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the engine's pid file: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("put the engine's pid file in place: %w", err)
	}
	return nil
}

func (e *Engine) removePID() {
	if e.config.PIDFile != "" {
		_ = os.Remove(e.config.PIDFile) // a file that stays names a process that is gone
	}
}

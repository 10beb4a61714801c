package engine

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// child is one running process of the engine.
type child struct {
	cmd *exec.Cmd
	// lifeline is the child's standard input: closing it asks the child to end.
	lifeline io.WriteCloser
	exited   chan struct{}
	// ended and lastWords are written before exited is closed.
	ended     error
	lastWords string
}

// startChild starts the command with the given files from descriptor 3 on. The calling thread must
// live as long as the child: Linux sends the parent-death signal when that thread ends.
func startChild(config Config, files []*os.File) (*child, error) {
	serve := ServeConfig{
		Library: config.Library, Data: config.Data, Database: config.Database,
		Write: config.Write, Read: config.Read, FreeDiskBytes: config.FreeDiskBytes, Cancelled: config.Watch.Cancelled,
		// The last file is the lock, which the child only holds.
		Listeners: len(files) - 1,
	}
	ways := isolations()
	for {
		c, err := ways[0].start(config, serve, files)
		if err == nil || len(ways) == 1 {
			return c, err
		}
		ways = ways[1:]
	}
}

func (way isolation) start(config Config, serve ServeConfig, files []*os.File) (*child, error) {
	serve.NamespaceMissing = way.missing
	environment, err := childEnvironment(serve)
	if err != nil {
		return nil, err
	}
	words, said := io.Pipe()
	warnings, warned := io.Pipe()
	cmd := exec.Command(config.Command[0], config.Command[1:]...)
	cmd.Env, cmd.Dir, cmd.ExtraFiles = environment, config.Data, files
	cmd.Stdout, cmd.Stderr = said, warned
	cmd.SysProcAttr = way.attributes
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("open the engine's lifeline: %w", err)
	}
	if err := cmd.Start(); err != nil {
		lifeline.Close()
		return nil, fmt.Errorf("start the engine (%s): %w", config.Command[0], err)
	}
	c := &child{cmd: cmd, lifeline: lifeline, exited: make(chan struct{})}
	log := config.Log.With("engine", cmd.Process.Pid)
	var logged sync.WaitGroup
	logged.Go(func() { pass(words, log.Info) })
	logged.Go(func() {
		pass(warnings, func(line string, _ ...any) {
			c.lastWords = line
			log.Warn(line)
		})
	})
	go func() {
		c.ended = cmd.Wait()
		// Wait has returned, so nobody writes any more.
		_, _ = said.Close(), warned.Close()
		logged.Wait()
		close(c.exited)
	}()
	return c, nil
}

// pass gives the child's output to write, line by line.
func pass(output io.Reader, write func(line string, args ...any)) {
	lines := bufio.NewScanner(output)
	lines.Buffer(make([]byte, 0, 64<<10), 1<<20)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			write(line)
		}
	}
	// A line over the buffer ends the scanner; the child must not block on what follows.
	_, _ = io.Copy(io.Discard, output)
}

// cause says why the child ended.
func (c *child) cause() error {
	how := "with exit code 0"
	if c.ended != nil {
		how = c.ended.Error()
	}
	if c.lastWords != "" {
		return fmt.Errorf("the engine ended (%s): %s", how, c.lastWords)
	}
	return fmt.Errorf("the engine ended (%s)", how)
}

func (c *child) kill() {
	// The only error is that it has ended.
	_ = c.cmd.Process.Kill()
	<-c.exited
}

package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"
)

// Config is what Start needs. Library, Data and Log must be set; the rest has defaults.
type Config struct {
	// Library is the path of libchdb, as FindLibrary gives it.
	Library string
	// Data is the folder that the engine alone may open; it is made when missing. Nothing else
	// may lie in it.
	Data string
	// Runtime is the folder of the sockets. It must be short (a socket's path may have 107
	// bytes), is set to 0700, and is made under the system's temporary folder when empty.
	Runtime string
	// PIDFile, if set, holds the child's process id while there is one.
	PIDFile string
	// Database is made when missing; default "afterglow".
	Database string
	// Command starts the child: a program that calls RunChild. Default: this program with the
	// argument "engine".
	Command []string
	// Write and Read bound the two pools.
	Write, Read Limits
	// FreeDiskBytes is what an insert must leave free on the disk; default 256 MiB.
	FreeDiskBytes int64
	// Watch says how the child is watched and restarted.
	Watch Watch
	// Log takes the supervisor's messages and the child's output, line by line.
	Log *slog.Logger

	tcp *net.TCPListener
}

// Watch says when a child counts as hung and how soon the next one is started.
type Watch struct {
	// Start is how long a child may take to its first answer; default 60 s.
	Start time.Duration
	// Every is the pause between two health queries; default 2 s.
	Every time.Duration
	// Timeout is how long one health query may take; default 10 s.
	Timeout time.Duration
	// Misses is how many in a row make a child hung; default 2.
	Misses int
	// BackoffMin and BackoffMax bound the pause before a restart, which doubles with each child
	// that does not stay up for BackoffMax; defaults 100 ms and 10 s.
	BackoffMin, BackoffMax time.Duration
	// Stop is how long Close waits before it kills the child; default 15 s.
	Stop time.Duration
	// Cancelled is how long a statement that was cancelled may take to end. One that takes longer
	// makes the child unwell: some loops in ClickHouse ask nobody whether they may go on. Default 10 s.
	Cancelled time.Duration
}

// Validate names everything that is wrong with the configuration.
func (c Config) Validate() error {
	var wrong []error
	if c.Library == "" {
		wrong = append(wrong, errors.New("no Library is given: see FindLibrary"))
	}
	if c.Data == "" {
		wrong = append(wrong, errors.New("no Data folder is given"))
	}
	if c.Log == nil {
		wrong = append(wrong, errors.New("no Log is given"))
	}
	for _, l := range []struct {
		name string
		Limits
	}{{"Write", c.Write}, {"Read", c.Read}} {
		if l.Sessions < 0 || l.Queue < 0 || l.Time < 0 || l.MemoryBytes < 0 || l.ResultRows < 0 || l.ReadRows < 0 {
			wrong = append(wrong, fmt.Errorf("%s has a negative limit", l.name))
		}
	}
	if w := c.Watch; min(w.Start, w.Every, w.Timeout, w.BackoffMin, w.BackoffMax, w.Stop, w.Cancelled) < 0 || w.Misses < 0 {
		wrong = append(wrong, errors.New("Watch has a negative value"))
	}
	return errors.Join(wrong...)
}

// completed fills in the defaults and makes paths absolute.
func (c Config) completed() (Config, error) {
	for _, path := range []*string{&c.Data, &c.Runtime, &c.PIDFile, &c.Library} {
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return c, fmt.Errorf("make %s absolute: %w", *path, err)
		}
		*path = absolute
	}
	setDefault(&c.Database, "afterglow")
	setDefault(&c.FreeDiskBytes, 256<<20)
	setDefault(&c.Write.Sessions, 4)
	setDefault(&c.Write.Queue, 64)
	setDefault(&c.Read.Sessions, 4)
	setDefault(&c.Read.Queue, 64)
	setDefault(&c.Read.Time, 30*time.Second)
	setDefault(&c.Read.MemoryBytes, 2<<30)
	setDefault(&c.Read.ResultRows, 5_000_000)
	setDefault(&c.Watch.Start, time.Minute)
	setDefault(&c.Watch.Every, 2*time.Second)
	setDefault(&c.Watch.Timeout, 10*time.Second)
	setDefault(&c.Watch.Misses, 2)
	setDefault(&c.Watch.BackoffMin, 100*time.Millisecond)
	setDefault(&c.Watch.BackoffMax, 10*time.Second)
	setDefault(&c.Watch.Stop, 15*time.Second)
	setDefault(&c.Watch.Cancelled, 10*time.Second)
	return c, nil
}

func setDefault[T comparable](value *T, to T) {
	var zero T
	if *value == zero {
		*value = to
	}
}

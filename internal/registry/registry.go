// Package registry is the ACID store of record: identities (encrypted), courses,
// occasions, the journal of submissions, the outbox, alerts, accounts and the
// audit trail. Floor: store.
//
// It must not know the warehouse or any service: what is derived from the record
// asks it, never the other way round.
package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"afterglow/internal/fault"
)

// Config says where the registry is and who opens it.
type Config struct {
	// Path of the SQLite file; its folder must exist.
	Path      string
	MasterKey MasterKey
	// Clock gives the server's time; it is called once a transaction.
	Clock  func() time.Time
	Logger *slog.Logger
	// Beside is set by a command that runs while another process serves: it takes
	// no ownership and changes no schema.
	Beside bool
	// QueueLength bounds the writes that wait; more are refused as unavailable.
	// 0 means 4096.
	QueueLength int
	// Driver is the database/sql driver; "" means "sqlite".
	Driver string
}

// Validate checks the configuration.
func (c Config) Validate() error {
	switch {
	case c.Path == "":
		return fault.Invalid("registry path", "is empty")
	case !c.MasterKey.isSet():
		return fault.Invalid("registry master key", "is not given")
	case c.Clock == nil || c.Logger == nil:
		return fault.Invalid("registry", "needs a clock and a logger")
	case c.QueueLength < 0:
		return fault.Invalid("registry queue length", "must be 0 or more")
	}
	return nil
}

const (
	defaultQueueLength = 4096
	// readConnections is how many queries run at a time in each of the two pools.
	readConnections = 4
)

// Store is an open registry. It is safe for concurrent use.
type Store struct {
	*core
	reads *readPool
}

// core is what the views of one open registry share.
type core struct {
	clock func() time.Time
	log   *slog.Logger
	// importLock is the file that one import at a time locks; beside says that another
	// process owns the registry.
	importLock string
	beside     bool
	keys       *keyring
	lock       *ownership
	// general and patients are the read pools: however long the staff's questions
	// take, a patient's page finds a connection.
	general, patients *readPool
	writer            *writer
	closing           sync.Once
	closed            error
	// corrupt is set when SQLite meets a damaged page; see SawCorruption.
	corrupt atomic.Bool
}

// ForPatients gives the same registry with read connections that only patients'
// requests use. Closing either closes both.
func (s *Store) ForPatients() *Store { return &Store{core: s.core, reads: s.patients} }

// Open opens the registry, runs its migrations when it is the owner, and insists
// on the settings that durability rests on (SR-3). A fault.Conflict says that
// another process owns the file; a fault.Invalid names a setting or a schema that
// is not right. ctx bounds the opening; its values, not its end, live on in the
// writer.
func Open(ctx context.Context, c Config) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Driver == "" {
		c.Driver = "sqlite"
	}
	if c.QueueLength == 0 {
		c.QueueLength = defaultQueueLength
	}
	s := &Store{core: &core{clock: c.Clock, log: c.Logger, importLock: c.Path + ".import.lock", beside: c.Beside}}
	if err := s.open(ctx, c); err != nil {
		return nil, errors.Join(fmt.Errorf("open the registry %s: %w", c.Path, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, c Config) error {
	if err := s.own(c); err != nil {
		return err
	}
	if err := migrate(ctx, c); err != nil {
		return err
	}
	for _, pool := range []**readPool{&s.general, &s.patients} {
		opened, err := openReadPool(c)
		if err != nil {
			return err
		}
		*pool = opened
		if err := insistOn(ctx, opened.db); err != nil {
			return err
		}
	}
	s.reads = s.general
	w, err := newWriter(ctx, c)
	if err != nil {
		return err
	}
	s.keys, err = openKeyring(ctx, w.conn, keyringConfig{master: c.MasterKey, now: c.Clock().UTC(), create: !c.Beside})
	if err != nil {
		return errors.Join(err, w.close())
	}
	w.keys, w.corrupt = s.keys, &s.corrupt
	s.writer = w
	go w.run()
	if !c.Beside {
		return s.sealOld(ctx)
	}
	switch sealed, err := s.Setting(ctx, settingSealed); {
	case err != nil:
		return err
	case sealed == "":
		return fault.Unavailable("registry", nil, "the server is updating its record after an upgrade; try again in a minute")
	}
	return nil
}

// own takes the lock of a serving process and makes the file with a mode that
// only its owner reads.
func (s *Store) own(c Config) error {
	if c.Beside {
		if _, err := os.Stat(c.Path); err != nil {
			return fault.NotFound("registry", "there is no registry at %s; start the server once to make it", c.Path)
		}
		return nil
	}
	lock, err := takeOwnership(c.Path + ".lock")
	if err != nil {
		return err
	}
	s.lock = lock
	file, err := os.OpenFile(c.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("make the registry file: %w", err)
	}
	return file.Close()
}

// Close waits for the writes that are queued, then closes everything. Further
// calls give the same answer.
func (s *Store) Close() error {
	s.closing.Do(func() { s.closed = s.close() })
	return s.closed
}

func (s *Store) close() error {
	var errs []error
	if s.writer != nil {
		errs = append(errs, s.writer.stop())
	}
	for _, pool := range []*readPool{s.general, s.patients} {
		if pool != nil {
			errs = append(errs, pool.db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}

// Now is the registry's clock, in UTC.
func (s *Store) Now() time.Time { return s.clock().UTC() }

// CheckIntegrity asks SQLite to read the whole file: nil when every page, index
// and foreign key is right.
func (s *Store) CheckIntegrity(ctx context.Context) error {
	var verdict string
	if err := s.queryRow(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("check the registry: %w", s.noted(err))
	}
	if verdict != "ok" {
		return structureError(verdict)
	}
	rows, err := s.query(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return fmt.Errorf("check the registry's references: %w", err)
	}
	defer rows.Close()
	if rows.Next() {
		return structureError("a row refers to one that is not there")
	}
	return s.noted(rows.Err())
}

// dataSource is the connection string: every connection gets these settings, and
// insistOn reads them back.
func dataSource(path string, further ...string) string {
	q := url.Values{"_txlock": {"immediate"}}
	for _, pragma := range append([]string{
		"busy_timeout(5000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)", "recursive_triggers(1)",
	}, further...) {
		q.Add("_pragma", pragma)
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

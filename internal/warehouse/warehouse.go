// Package warehouse keeps pseudonymous facts in ClickHouse and answers the
// questions' queries. Floor: store.
//
// It must not know an identity or the registry: everything in it came from the
// journal and can be brought back from there, so losing it loses nothing.
package warehouse

import (
	"context"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"regexp"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/pressly/goose/v3"

	"afterglow/internal/fault"
)

// DialFunc connects to a ClickHouse HTTP interface.
type DialFunc func(ctx context.Context) (net.Conn, error)

// Config says where ClickHouse is. Either Server is an address, or DialWrite
// and DialRead reach the embedded engine's two pools.
type Config struct {
	Database string
	// Server is clickhouse://user@host:9440/database?secure=true, or
	// http(s)://…; plaintext is accepted for loopback only.
	Server string
	// Password is the server's, where Server does not carry it.
	Password string
	// RootCAs are the authorities that a server's certificate must come from; nil means the
	// system's authorities.
	RootCAs   *x509.CertPool
	DialWrite DialFunc
	DialRead  DialFunc
	// ReadLimit bounds the run time of one analysis query; 0 means 30 s.
	ReadLimit time.Duration
}

var databasePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// Validate checks the configuration and names what is wrong.
func (c Config) Validate() error {
	switch {
	case !databasePattern.MatchString(c.Database):
		return fault.Invalid("clickhouse database", "%q is not a name of lowercase letters, digits and underscores", c.Database)
	case c.Server == "" && (c.DialWrite == nil || c.DialRead == nil):
		return fault.Invalid("clickhouse", "neither a server address nor the embedded engine is given")
	case c.Server != "":
		_, err := serverOptions(c)
		return err
	}
	return nil
}

// Warehouse is an open ClickHouse database: one pool that writes and one that
// only reads, with limits that a question cannot change.
type Warehouse struct {
	config Config
	write  driver.Conn
	read   driver.Conn
}

// New makes the pools; it does not connect yet, so that a process can start and
// take answers while ClickHouse is away.
func New(c Config) (*Warehouse, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	write, err := clickhouse.Open(options(c, c.Database, writePool))
	if err != nil {
		return nil, fmt.Errorf("open the warehouse for writing: %w", err)
	}
	read, err := clickhouse.Open(options(c, c.Database, readPool))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the warehouse for reading: %w", err), write.Close())
	}
	return &Warehouse{config: c, write: write, read: read}, nil
}

// Prepare creates the database if it is missing, runs the migrations (goose
// files) and reads back the settings that durability rests on. It may be called
// again after a failure.
func (w *Warehouse) Prepare(ctx context.Context, migrations fs.FS) error {
	if err := createDatabase(ctx, w.config); err != nil {
		return err
	}
	if err := migrate(ctx, w.config, migrations); err != nil {
		return err
	}
	return w.CheckDurable(ctx)
}

// Close ends both pools.
func (w *Warehouse) Close() error { return errors.Join(w.write.Close(), w.read.Close()) }

// Ping reports whether both pools answer.
func (w *Warehouse) Ping(ctx context.Context) error {
	for _, conn := range []driver.Conn{w.write, w.read} {
		var one uint8
		if err := conn.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

func createDatabase(ctx context.Context, c Config) error {
	db := clickhouse.OpenDB(options(c, "default", writePool))
	defer db.Close()
	// The name passed Validate's pattern, so it can stand in the statement.
	if _, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+c.Database); err != nil {
		return fmt.Errorf("create database %s: %w", c.Database, unavailable(err))
	}
	return nil
}

func migrate(ctx context.Context, c Config, files fs.FS) error {
	db := clickhouse.OpenDB(options(c, c.Database, writePool))
	defer db.Close()
	return migrateDB(ctx, db, files)
}

func migrateDB(ctx context.Context, db *sql.DB, files fs.FS) error {
	provider, err := goose.NewProvider(goose.DialectClickHouse, db, files)
	if err != nil {
		return fmt.Errorf("read the warehouse's migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the warehouse: %w", err)
	}
	return nil
}

// unavailable marks failures to reach ClickHouse, so that a face says 'try
// later'; ClickHouse's own errors about a statement keep their code.
func unavailable(err error) error {
	var exception *clickhouse.Exception
	if err == nil || errors.As(err, &exception) || errors.Is(err, context.Canceled) {
		return err
	}
	return fault.Unavailable("warehouse", err, "ClickHouse does not answer; what was entered is safe, try again in a minute")
}

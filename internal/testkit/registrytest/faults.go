package registrytest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Result codes of SQLite that the environment causes.
const (
	CodeBusy     = 5
	CodeReadOnly = 8
	CodeIO       = 10 | 4<<8 // the fsync's
	CodeFull     = 13
)

// Faults is a database driver over SQLite's that counts statements and fails one
// of them.
type Faults struct {
	Name string

	mu      sync.Mutex
	failAt  int
	code    int
	seen    int
	pragmas []string
}

// CodeError is an error with one of SQLite's result codes.
type CodeError int

func (e CodeError) Error() string { return fmt.Sprintf("injected SQLite error (%d)", int(e)) }

// Code is SQLite's result code.
func (e CodeError) Code() int { return int(e) }

var (
	registerMu sync.Mutex
	registered int
)

// NewFaults registers a driver of its own.
func NewFaults(t testing.TB) *Faults {
	t.Helper()
	registerMu.Lock()
	defer registerMu.Unlock()
	registered++
	f := &Faults{Name: fmt.Sprintf("sqlite-with-faults-%d", registered)}
	plain, err := sql.Open("sqlite", "")
	require.NoError(t, err)
	require.NoError(t, plain.Close())
	sql.Register(f.Name, &faultDriver{faults: f, under: plain.Driver()})
	return f
}

// FailAt makes the k-th statement from now on fail with a code; 0 ends it.
func (f *Faults) FailAt(k, code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failAt, f.code, f.seen = k, code, 0
}

// Seen gives how many statements ran since FailAt.
func (f *Faults) Seen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// OnConnect runs pragmas on every new connection, after the registry's own.
func (f *Faults) OnConnect(pragmas ...string) { f.pragmas = pragmas }

func (f *Faults) statement() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen++
	if f.failAt > 0 && f.seen == f.failAt {
		return CodeError(f.code)
	}
	return nil
}

type faultDriver struct {
	faults *Faults
	under  driver.Driver
}

func (d *faultDriver) Open(name string) (driver.Conn, error) {
	under, err := d.under.Open(name)
	if err != nil {
		return nil, err
	}
	c := &faultConn{faults: d.faults, under: under}
	for _, pragma := range d.faults.pragmas {
		if _, err := c.underExec(context.Background(), pragma, nil); err != nil {
			return nil, err
		}
	}
	return c, nil
}

type faultConn struct {
	faults *Faults
	under  driver.Conn
}

func (c *faultConn) underExec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.under.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *faultConn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c *faultConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	under, err := c.under.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &faultStmt{faults: c.faults, Stmt: under}, nil
}

func (c *faultConn) Close() error { return c.under.Close() }

func (c *faultConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *faultConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	return c.under.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func (c *faultConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.faults.statement(); err != nil {
		return nil, err
	}
	return c.underExec(ctx, query, args)
}

func (c *faultConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.faults.statement(); err != nil {
		return nil, err
	}
	return c.under.(driver.QueryerContext).QueryContext(ctx, query, args)
}

type faultStmt struct {
	driver.Stmt
	faults *Faults
}

func (s *faultStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.faults.statement(); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s *faultStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.faults.statement(); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

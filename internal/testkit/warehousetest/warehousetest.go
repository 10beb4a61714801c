// Package warehousetest gives tests a real ClickHouse: one embedded engine a
// test program, one database a test. Floor: testkit.
//
// It must not be imported by anything but tests.
package warehousetest

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"afterglow/internal/warehouse"
	"afterglow/internal/warehouse/engine"
	"afterglow/migrations"
)

// Main is the TestMain of a package whose tests need a warehouse: the engine is
// this same test program, started again as a child.
func Main(m *testing.M) {
	engine.RunChildIfAsked(context.Background())
	code := m.Run()
	if shared.engine != nil {
		_ = shared.engine.Close()
		_ = os.RemoveAll(shared.folder)
	}
	os.Exit(code)
}

var shared struct {
	once     sync.Once
	engine   *engine.Engine
	folder   string
	err      error
	database atomic.Int64
}

// Repository is the root of the source tree.
func Repository() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../..")
}

// Engine gives the test program's engine, started at first use.
func Engine(t testing.TB) *engine.Engine {
	t.Helper()
	shared.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		shared.engine, shared.folder, shared.err = start(ctx)
	})
	require.NoError(t, shared.err)
	return shared.engine
}

func start(ctx context.Context) (*engine.Engine, string, error) {
	library, err := engine.FindLibrary("", Repository())
	if err != nil {
		return nil, "", err
	}
	folder, err := os.MkdirTemp("", "afterglow-test-")
	if err != nil {
		return nil, "", err
	}
	e, err := engine.Start(ctx, engine.Config{Library: library, Data: folder,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	return e, folder, err
}

// Config is a warehouse configuration with a database of its own: on the server
// that AFTERGLOW_CLICKHOUSE names, else on the test program's engine.
func Config(t testing.TB) warehouse.Config {
	t.Helper()
	database := fmt.Sprintf("test_%d_%d", os.Getpid(), shared.database.Add(1))
	if server := os.Getenv("AFTERGLOW_CLICKHOUSE"); server != "" {
		return warehouse.Config{Database: database, Server: server}
	}
	e := Engine(t)
	dial := func(pool engine.Pool) warehouse.DialFunc {
		connect := e.Dial(pool)
		return func(ctx context.Context) (net.Conn, error) { return connect(ctx, "") }
	}
	return warehouse.Config{
		Database:  database,
		DialWrite: dial(engine.Write), DialRead: dial(engine.Read),
	}
}

// Open gives an empty, migrated warehouse.
func Open(t testing.TB) *warehouse.Warehouse {
	t.Helper()
	return OpenConfig(t, Config(t))
}

// OpenConfig is Open for a configuration that the test keeps.
func OpenConfig(t testing.TB, c warehouse.Config) *warehouse.Warehouse {
	t.Helper()
	w, err := warehouse.New(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	require.NoError(t, w.Prepare(t.Context(), migrations.ClickHouse()))
	return w
}

// Direct is a driver connection of a test's own to a configuration's database,
// for statements that the warehouse does not offer.
func Direct(t testing.TB, c warehouse.Config) clickhouse.Conn {
	t.Helper()
	options := &clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{"engine.invalid:8123"},
		DialContext: func(ctx context.Context, _ string) (net.Conn, error) { return c.DialWrite(ctx) }}
	if c.Server != "" {
		var err error
		options, err = clickhouse.ParseDSN(c.Server)
		require.NoError(t, err)
	}
	options.Auth.Database, options.Auth.Username = c.Database, "default"
	conn, err := clickhouse.Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// OwnEngine is an engine that one test has to itself, to break its files and its
// process.
type OwnEngine struct {
	*engine.Engine
	// Folder is where ClickHouse keeps its files.
	Folder string
	Config warehouse.Config
}

// Own starts an engine of a test's own; change may alter how it is run.
func Own(t testing.TB, change ...func(*engine.Config)) OwnEngine {
	t.Helper()
	return OwnIn(t, t.TempDir(), change...)
}

// OwnIn is Own in a folder that may hold the files of an engine before.
func OwnIn(t testing.TB, folder string, change ...func(*engine.Config)) OwnEngine {
	t.Helper()
	library, err := engine.FindLibrary("", Repository())
	require.NoError(t, err)
	c := engine.Config{Library: library, Data: folder, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1}))}
	for _, apply := range change {
		apply(&c)
	}
	e, err := engine.Start(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	dial := func(pool engine.Pool) warehouse.DialFunc {
		connect := e.Dial(pool)
		return func(ctx context.Context) (net.Conn, error) { return connect(ctx, "") }
	}
	return OwnEngine{Engine: e, Folder: folder, Config: warehouse.Config{Database: "afterglow", DialWrite: dial(engine.Write), DialRead: dial(engine.Read)}}
}

// Parts lists the folders of a table's parts, oldest first. Merges are stopped, so
// that they stay what they are.
func Parts(t testing.TB, c warehouse.Config, table string) []string {
	t.Helper()
	conn := Direct(t, c)
	require.NoError(t, conn.Exec(t.Context(), "SYSTEM STOP MERGES"))
	// house:sql a test looks for the files that it breaks
	rows, err := conn.Query(t.Context(), "SELECT path FROM system.parts WHERE database = currentDatabase() AND table = {table:String} AND active ORDER BY min_block_number",
		clickhouse.Named("table", table))
	require.NoError(t, err)
	defer rows.Close()
	var paths []string
	for rows.Next() {
		var path string
		require.NoError(t, rows.Scan(&path))
		paths = append(paths, path)
	}
	require.NoError(t, rows.Err())
	return paths
}

// Flip turns the middle byte of a file around.
func Flip(t testing.TB, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotEmpty(t, content)
	content[len(content)/2] ^= 0xff
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

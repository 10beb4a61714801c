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

// Config is a warehouse configuration on the test's engine with a database of
// its own.
func Config(t testing.TB) warehouse.Config {
	t.Helper()
	e := Engine(t)
	dial := func(pool engine.Pool) warehouse.DialFunc {
		connect := e.Dial(pool)
		return func(ctx context.Context) (net.Conn, error) { return connect(ctx, "") }
	}
	return warehouse.Config{
		Database:  fmt.Sprintf("test_%d", shared.database.Add(1)),
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

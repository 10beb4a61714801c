package engine_test

import (
	"context"
	"log/slog"
	"os"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"afterglow/internal/warehouse/engine"
)

func TestMain(m *testing.M) {
	engine.RunChildIfAsked(context.Background())
	holdIfAsked()
	os.Exit(m.Run())
}

// repository is where node_modules lies, seen from this package.
const repository = "../../.."

func library(t testing.TB) string {
	t.Helper()
	path, err := engine.FindLibrary("", repository)
	require.NoError(t, err)
	return path
}

// config is an engine in a folder of its own.
func config(t testing.TB) engine.Config {
	t.Helper()
	return engine.Config{
		Library: library(t),
		Data:    t.TempDir(),
		Log:     slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	}
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(string(p))
	return len(p), nil
}

func start(t testing.TB, c engine.Config) *engine.Engine {
	t.Helper()
	e, err := engine.Start(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// connect opens clickhouse-go on one pool of an engine, as the warehouse does.
func connect(t testing.TB, e *engine.Engine, pool engine.Pool) clickhouse.Conn {
	t.Helper()
	return open(t, &clickhouse.Options{
		Protocol:    clickhouse.HTTP,
		Addr:        []string{"engine"},
		Auth:        clickhouse.Auth{Database: "afterglow"},
		DialContext: e.Dial(pool),
	})
}

func open(t testing.TB, options *clickhouse.Options) clickhouse.Conn {
	t.Helper()
	conn, err := clickhouse.Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

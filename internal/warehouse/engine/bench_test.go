package engine_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/warehouse/engine"
)

func quiet(b *testing.B) engine.Config {
	c := config(b)
	c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	return c
}

// BenchmarkStart is from nothing to the first answer, and back.
func BenchmarkStart(b *testing.B) {
	c := quiet(b)
	for b.Loop() {
		e, err := engine.Start(b.Context(), c)
		require.NoError(b, err)
		require.NoError(b, e.Close())
	}
}

// BenchmarkInsert is one durable batch of 1,000 rows.
func BenchmarkInsert(b *testing.B) {
	e := start(b, quiet(b))
	conn := connect(b, e, engine.Write)
	makeDurable(b, conn, "bench")
	batch := 0
	for b.Loop() {
		batch++
		require.NoError(b, sendBatch(b.Context(), conn, "bench", batch, 1000))
	}
}

// BenchmarkSmallQuery is what every statement pays: a session, a parameter, one row.
func BenchmarkSmallQuery(b *testing.B) {
	e := start(b, quiet(b))
	conn := connect(b, e, engine.Read)
	for b.Loop() {
		var n uint64
		require.NoError(b, conn.QueryRow(b.Context(), "SELECT count() FROM numbers(10)").Scan(&n))
	}
}

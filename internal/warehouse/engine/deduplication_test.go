package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/warehouse/engine"
)

// TestSR15_RememberedButLost: ClickHouse notes a batch's token before it puts the batch's part in
// place. A child that is killed between the two remembers a batch that is not there, and a client that
// sends it again would be told that all is well. Here the part is taken away while no child runs, as
// that moment leaves it.
func TestSR15_RememberedButLost(t *testing.T) {
	c := config(t)
	e := start(t, c)
	conn := connect(t, e, engine.Write)
	makeDurable(t, conn, "kept")
	for batch := range 3 {
		require.NoError(t, sendBatch(t.Context(), conn, "kept", batch, 10))
	}
	require.NoError(t, e.Close())
	parts, err := filepath.Glob(filepath.Join(c.Data, "store", "*", "*", "all_3_3_0"))
	require.NoError(t, err)
	require.Len(t, parts, 1)
	require.NoError(t, os.RemoveAll(parts[0]))

	e = start(t, c)
	conn = connect(t, e, engine.Write)
	require.NoError(t, sendBatch(t.Context(), conn, "kept", 2, 10))
	require.NoError(t, sendBatch(t.Context(), conn, "kept", 1, 10), "a batch that is there is still known")
	require.Equal(t, map[uint64]uint64{0: 10, 1: 10, 2: 10}, countByBatch(t, conn, "kept"))
}

// TestSR15_RememberedAndMerged: a batch whose part went into a merged one is still known after a
// restart, also when the process that wrote the token was killed in the middle of a line.
func TestSR15_RememberedAndMerged(t *testing.T) {
	c := config(t)
	e := start(t, c)
	conn := connect(t, e, engine.Write)
	makeDurable(t, conn, "kept")
	for batch := range 3 {
		require.NoError(t, sendBatch(t.Context(), conn, "kept", batch, 10))
	}
	require.NoError(t, conn.Exec(t.Context(), "OPTIMIZE TABLE kept FINAL"))
	require.NoError(t, e.Close())
	parts, err := filepath.Glob(filepath.Join(c.Data, "store", "*", "*", "all_?_?_0"))
	require.NoError(t, err)
	for _, part := range parts {
		require.NoError(t, os.RemoveAll(part)) // ClickHouse does so itself, minutes later
	}
	logs, err := filepath.Glob(filepath.Join(c.Data, "store", "*", "*", "deduplication_logs", "*.txt"))
	require.NoError(t, err)
	require.Len(t, logs, 1)
	file, err := os.OpenFile(logs[0], os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString("1\tall_4_4")
	require.NoError(t, err)
	require.NoError(t, file.Close())

	e = start(t, c)
	conn = connect(t, e, engine.Write)
	for batch := range 5 {
		require.NoError(t, sendBatch(t.Context(), conn, "kept", batch, 10))
	}
	require.Equal(t, map[uint64]uint64{0: 10, 1: 10, 2: 10, 3: 10, 4: 10}, countByBatch(t, conn, "kept"))
}

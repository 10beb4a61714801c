package engine_test

import (
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"afterglow/internal/warehouse/engine"
)

// notReads is one statement of each kind that a read pool must not run.
var notReads = []string{
	"INSERT INTO kept (batch, row, note) VALUES (2, 0, '')",
	"INSERT INTO kept SELECT * FROM kept",
	"ALTER TABLE kept DELETE WHERE 1",
	"DELETE FROM kept WHERE 1",
	"DROP TABLE kept",
	"TRUNCATE TABLE kept",
	"CREATE TABLE other (a Int32) ENGINE = Memory",
	"CREATE TEMPORARY TABLE other (a Int32)",
	"RENAME TABLE kept TO lost",
	"OPTIMIZE TABLE kept FINAL",
	"KILL QUERY WHERE 1",
	"SYSTEM STOP MERGES",
	"SET readonly = 0",
	"USE default",
	"BACKUP DATABASE afterglow TO File('b.tar')",
	"SELECT * FROM kept INTO OUTFILE 'out.tsv'",
}

func TestReadPool(t *testing.T) {
	c := config(t)
	c.Read = engine.Limits{Sessions: 2, Queue: 1, Time: time.Second, MemoryBytes: 64 << 20, ResultRows: 1000}
	e := start(t, c)
	write, read := connect(t, e, engine.Write), connect(t, e, engine.Read)
	makeDurable(t, write, "kept")
	require.NoError(t, sendBatch(t.Context(), write, "kept", 1, 10))

	t.Run("reads", func(t *testing.T) {
		require.NoError(t, read.Ping(t.Context()))
		require.Equal(t, map[uint64]uint64{1: 10}, countByBatch(t, read, "kept"))
	})

	t.Run("refuses everything but reads", func(t *testing.T) {
		for _, sql := range notReads {
			requireCode(t, 164, read.Exec(t.Context(), sql))
		}
		err := sendBatch(t.Context(), read, "kept", 2, 10)
		requireCode(t, 164, err)
		require.Equal(t, map[uint64]uint64{1: 10}, countByBatch(t, write, "kept"))
	})

	t.Run("a statement cannot lift its limits", func(t *testing.T) {
		requireCode(t, 164, read.Exec(t.Context(), "SELECT 1 SETTINGS max_execution_time = 0"))
		requireCode(t, 164, read.Exec(t.Context(), "SELECT 1 SETTINGS readonly = 0"))
		with := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_memory_usage": 0}))
		requireCode(t, 164, read.Exec(with, "SELECT 1"))
		var seconds string
		longer := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_execution_time": 3600}))
		require.NoError(t, read.QueryRow(longer, "SELECT toString(toUInt64(getSetting('max_execution_time')))").Scan(&seconds))
		require.Equal(t, "1", seconds)
	})

	t.Run("stops at its time limit", func(t *testing.T) {
		requireCode(t, 159, read.QueryRow(t.Context(), runsLong).Err())
	})
	t.Run("refuses more than its queue holds", func(t *testing.T) {
		refused := make(chan error)
		for range 4 {
			conn := connect(t, e, engine.Read)
			go func() { refused <- conn.QueryRow(t.Context(), runsLong).Err() }()
		}
		codes := map[int32]int{}
		for range 4 {
			var exception *clickhouse.Exception
			require.ErrorAs(t, <-refused, &exception)
			codes[exception.Code]++
		}
		require.Positive(t, codes[202], "TOO_MANY_SIMULTANEOUS_QUERIES: %v", codes)
		require.GreaterOrEqual(t, codes[159], 2, "those that ran reached the time limit: %v", codes)
	})
}

// On a busy machine a query may take longer than a second to reach its limit of
// memory or rows, so these have all the time there is.
func TestReadPoolBoundsMemoryAndRows(t *testing.T) {
	c := config(t)
	c.Read = engine.Limits{Sessions: 1, Queue: 1, Time: 5 * time.Minute, MemoryBytes: 64 << 20, ResultRows: 1000}
	read := connect(t, start(t, c), engine.Read)
	t.Run("stops at its memory limit", func(t *testing.T) {
		requireCode(t, 241, read.QueryRow(t.Context(), "SELECT length(groupArray(number)) FROM numbers(100000000)").Err())
	})
	t.Run("a result over the row limit is an error and not cut", func(t *testing.T) {
		rows, err := read.Query(t.Context(), "SELECT number FROM numbers(100000)")
		for err == nil && rows.Next() {
		}
		if err == nil {
			err = rows.Err()
		}
		requireCode(t, 396, err)
	})
}

package engine_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
)

// makeDurable makes a table as the warehouse does: written through to the disk, each batch once.
func makeDurable(t testing.TB, conn clickhouse.Conn, table string) {
	t.Helper()
	require.NoError(t, conn.Exec(t.Context(), `CREATE TABLE `+table+` (batch UInt64, row UInt64, note String)
		ENGINE = MergeTree ORDER BY (batch, row)
		SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1`))
}

// sendBatch inserts one batch under its token.
func sendBatch(ctx context.Context, conn clickhouse.Conn, table string, batch, rows int) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"insert_deduplication_token": fmt.Sprintf("%s-%d", table, batch),
	}))
	b, err := conn.PrepareBatch(ctx, "INSERT INTO "+table+" (batch, row, note)")
	if err != nil {
		return err
	}
	defer b.Close()
	for row := range rows {
		if err := b.Append(uint64(batch), uint64(row), "a note of a row"); err != nil {
			return err
		}
	}
	return b.Send()
}

func countByBatch(t testing.TB, conn clickhouse.Conn, table string) map[uint64]uint64 {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT batch, count() FROM "+table+" GROUP BY batch")
	require.NoError(t, err)
	counts := map[uint64]uint64{}
	for rows.Next() {
		var batch, count uint64
		require.NoError(t, rows.Scan(&batch, &count))
		counts[batch] = count
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	return counts
}

const (
	manyRows  = 1_000_000
	perBatch  = 100_000
	noteBytes = 120
)

// batchesAndStreaming moves 1 M rows of about 140 bytes both ways; neither the client nor the engine
// may hold the whole of them.
func batchesAndStreaming(t *testing.T, conn clickhouse.Conn, at target) {
	ctx := t.Context()
	require.NoError(t, conn.Exec(ctx, `CREATE TABLE many (id UInt64, at DateTime64(3, 'UTC'), note String, value Nullable(Float64))
		ENGINE = MergeTree ORDER BY id`))
	begin := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for batch := range manyRows / perBatch {
		b, err := conn.PrepareBatch(ctx, "INSERT INTO many")
		require.NoError(t, err)
		for i := range perBatch {
			id := uint64(batch*perBatch + i)
			var value *float64
			if id%10 != 0 {
				v := float64(id) / 4
				value = &v
			}
			note := fmt.Sprintf("%0*d", noteBytes, id*2654435761)
			if err := b.Append(id, begin.Add(time.Duration(id)*time.Millisecond), note, value); err != nil {
				require.NoError(t, err)
			}
		}
		require.NoError(t, b.Send())
	}

	runtime.GC()
	heapBefore := heap()
	engineBefore := resident(t, at)
	rows, err := conn.Query(ctx, "SELECT id, at, note, value FROM many ORDER BY id")
	require.NoError(t, err)
	var read, missing int
	var heapPeak uint64
	for rows.Next() {
		var id uint64
		var when time.Time
		var note string
		var value *float64
		if err := rows.Scan(&id, &when, &note, &value); err != nil {
			require.NoError(t, err)
		}
		if id != uint64(read) || len(note) < noteBytes || !when.Equal(begin.Add(time.Duration(id)*time.Millisecond)) {
			require.Failf(t, "a row came back changed", "row %d: %d %s %q", read, id, when, note)
		}
		if value == nil {
			missing++
		}
		if read++; read%perBatch == 0 {
			heapPeak = max(heapPeak, heap())
		}
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	require.Equal(t, manyRows, read)
	require.Equal(t, manyRows/10, missing)
	require.Less(t, heapPeak, heapBefore+100<<20, "the client holds blocks, not the result")
	require.Less(t, resident(t, at), engineBefore+400<<20, "the engine holds blocks, not the result")
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// resident is the most memory the engine has held at once so far; 0 for an engine elsewhere.
func resident(t *testing.T, at target) uint64 {
	t.Helper()
	if at.pid == nil || runtime.GOOS != "linux" {
		return 0
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", at.pid()))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(status), "VmHWM:")
	require.True(t, ok)
	kib, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
	require.NoError(t, err)
	return kib << 10
}

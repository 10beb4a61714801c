package engine_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// echo sends a value as a parameter of a type and reads it back.
func echo[T any](t *testing.T, conn clickhouse.Conn, kind string, value T) T {
	t.Helper()
	var got T
	row := conn.QueryRow(t.Context(), fmt.Sprintf("SELECT {value:%s}", kind), clickhouse.Named("value", value))
	require.NoError(t, row.Scan(&got), kind)
	return got
}

func parameters(t *testing.T, conn clickhouse.Conn, _ target) {
	awkward := []string{
		"", " ", "plain", "it's", `"quoted"`, "`tick`", `back\slash`, `\n is not a newline`, "new\nline", "tab\there", "\r\n",
		`\N`, "NULL", "nul\x00byte", "{value:String}", "%41&param_x=1+1", "Grüße, 你好, 🙂", "--", "/*", ";", strings.Repeat("long ", 20_000),
	}
	for i, s := range awkward {
		require.Equal(t, s, echo(t, conn, "String", s), "string %d", i)
	}
	require.Equal(t, awkward[:15], echo(t, conn, "Array(String)", awkward[:15]))
	require.Equal(t, []string{}, echo(t, conn, "Array(String)", []string{}))
	require.Equal(t, []int64{1, -2, 3}, echo(t, conn, "Array(Int64)", []int64{1, -2, 3}))

	text, number := "there's one", 2.5
	require.Equal(t, &text, echo(t, conn, "Nullable(String)", &text))
	require.Nil(t, echo[*string](t, conn, "Nullable(String)", nil))
	require.Equal(t, &number, echo(t, conn, "Nullable(Float64)", &number))
	require.Nil(t, echo[*float64](t, conn, "Nullable(Float64)", nil))

	for _, f := range []float64{0, 0.1, -1.0 / 3, math.MaxFloat64, math.SmallestNonzeroFloat64, 1e-300, 123456789.123456789, math.Inf(1), math.Inf(-1)} {
		require.Equal(t, f, echo(t, conn, "Float64", f))
	}
	require.True(t, math.IsNaN(echo(t, conn, "Float64", math.NaN())))
	require.Equal(t, int64(math.MinInt64), echo(t, conn, "Int64", int64(math.MinInt64)))
	require.Equal(t, uint64(math.MaxUint64), echo(t, conn, "UInt64", uint64(math.MaxUint64)))
	require.Equal(t, true, echo(t, conn, "Bool", true))
	id := uuid.MustParse("01234567-89ab-cdef-0123-456789abcdef")
	require.Equal(t, id, echo(t, conn, "UUID", id))

	for _, when := range []time.Time{
		time.Date(2024, 2, 29, 23, 59, 59, 0, time.UTC),
		time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 29, 1, 30, 0, 0, time.FixedZone("", 3600)),
	} {
		require.True(t, when.Equal(echo(t, conn, "DateTime('UTC')", when)), "%s", when)
	}
	fine := time.Date(2024, 2, 29, 23, 59, 59, 123e6, time.UTC)
	require.True(t, fine.Equal(echo(t, conn, "DateTime64(3, 'UTC')", fine)))
	var day time.Time
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT {day:Date}", clickhouse.Named("day", "2024-02-29")).Scan(&day))
	require.Equal(t, time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), day.UTC())
}

// parameterIsNeverSQL: SR-96, values reach the engine beside the statement and not inside it.
func parameterIsNeverSQL(t *testing.T, conn clickhouse.Conn, _ target) {
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE target (name String) ENGINE = MergeTree ORDER BY name"))
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO target VALUES ('kept')"))
	for _, hostile := range []string{
		"'; DROP TABLE target; --", "' OR 1 = 1 --", `\' OR 1 = 1 --`, "kept' UNION ALL SELECT name FROM target --", "') OR (1 = 1",
	} {
		var n uint64
		row := conn.QueryRow(t.Context(), "SELECT count() FROM target WHERE name = {name:String}", clickhouse.Named("name", hostile))
		require.NoError(t, row.Scan(&n), hostile)
		require.Zero(t, n, hostile)
	}
	err := conn.QueryRow(t.Context(), "SELECT {n:Int64}", clickhouse.Named("n", "1 OR 1")).Err()
	requireCode(t, 457, err)
}

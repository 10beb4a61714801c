package engine_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"afterglow/internal/warehouse/engine"
)

// target is a ClickHouse that the driver's tests run against.
type target struct {
	// options are the driver's, for a database of one's own.
	options func(database string) *clickhouse.Options
	// pid is the engine's process; nil when it is not ours to measure.
	pid func() int
}

// TestDriver is what every caller may expect through clickhouse-go, once on the socket and once by
// address: at AFTERGLOW_CLICKHOUSE, or at an engine that listens for this test.
func TestDriver(t *testing.T) {
	t.Run("socket", func(t *testing.T) {
		e := start(t, config(t))
		suite(t, target{pid: e.Pid, options: func(database string) *clickhouse.Options {
			return &clickhouse.Options{
				Protocol:    clickhouse.HTTP,
				Addr:        []string{"engine"},
				Auth:        clickhouse.Auth{Database: database},
				DialContext: e.Dial(engine.Write),
			}
		}})
	})
	t.Run("address", func(t *testing.T) {
		address, pid := byAddress(t)
		suite(t, target{pid: pid, options: func(database string) *clickhouse.Options {
			options, err := clickhouse.ParseDSN(address)
			require.NoError(t, err)
			options.Auth.Database = database
			return options
		}})
	})
}

func byAddress(t *testing.T) (address string, pid func() int) {
	t.Helper()
	if given := os.Getenv("AFTERGLOW_CLICKHOUSE"); given != "" {
		return given, nil
	}
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	c := config(t)
	require.NoError(t, c.ServeTCP(listener))
	e := start(t, c)
	return fmt.Sprintf("http://%s/afterglow", listener.Addr()), e.Pid
}

func suite(t *testing.T, at target) {
	database := fmt.Sprintf("suite_%d", time.Now().UnixNano())
	admin := open(t, at.options("default"))
	require.NoError(t, admin.Exec(t.Context(), "CREATE DATABASE "+database))
	t.Cleanup(func() {
		require.NoError(t, admin.Exec(context.Background(), "DROP DATABASE "+database))
	})
	conn := open(t, at.options(database))
	for _, test := range []struct {
		name string
		run  func(*testing.T, clickhouse.Conn, target)
	}{
		{"ping and version", pingAndVersion},
		{"the client's database", clientsDatabase},
		{"an unknown database", unknownDatabase},
		{"rows in by batches and out by streaming", batchesAndStreaming},
		{"parameters keep their values", parameters},
		{"a parameter is never SQL", parameterIsNeverSQL},
		{"a bad query gives code and message", badQueries},
		{"an exception in mid-stream is an error", midStreamException},
		{"a result with the bytes of an exception", exceptionLikeRows},
		{"settings hold for their statement", settingsOfOneStatement},
		{"a batch is taken once by its token", batchTakenOnce},
		{"a cancelled query stops", cancelledQueryStops},
		{"statements one at a time", oneStatement},
		{"show, describe and explain", metadata},
		{"more clients than sessions", manyClients},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, conn, at) })
	}
}

func pingAndVersion(t *testing.T, conn clickhouse.Conn, _ target) {
	require.NoError(t, conn.Ping(t.Context()))
	version, err := conn.ServerVersion()
	require.NoError(t, err)
	require.GreaterOrEqual(t, version.Version.Major, uint64(25))
	require.Equal(t, "UTC", strings.TrimPrefix(version.Timezone.String(), "Etc/"))
}

func clientsDatabase(t *testing.T, conn clickhouse.Conn, _ target) {
	var name string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT currentDatabase()").Scan(&name))
	require.Contains(t, name, "suite_")
}

func unknownDatabase(t *testing.T, _ clickhouse.Conn, at target) {
	requireCode(t, 81, open(t, at.options("nowhere")).Ping(t.Context()))
}

// requireCode wants ClickHouse's exception with its code and a message.
func requireCode(t *testing.T, code int32, err error) *clickhouse.Exception {
	t.Helper()
	var exception *clickhouse.Exception
	require.ErrorAs(t, err, &exception)
	require.Equal(t, code, exception.Code, exception.Message)
	require.NotEmpty(t, exception.Message)
	return exception
}

func badQueries(t *testing.T, conn clickhouse.Conn, _ target) {
	for _, test := range []struct {
		name, sql, mentions string
		code                int32
	}{
		{"syntax", "SELEC 1", "Syntax error", 62},
		{"unknown table", "SELECT * FROM nowhere", "nowhere", 60},
		{"unknown column", "SELECT nothing FROM system.one", "nothing", 47},
		{"unknown function", "SELECT nofunction(1)", "nofunction", 46},
		{"missing parameter", "SELECT {a:Int32}", "`a`", 456},
		{"division", "SELECT intDiv(1, 0)", "Division by zero", 153},
		{"empty", " ", "Empty query", 62},
	} {
		t.Run(test.name, func(t *testing.T) {
			rows, err := conn.Query(t.Context(), test.sql)
			if err == nil {
				require.NoError(t, rows.Close())
			}
			require.Contains(t, requireCode(t, test.code, err).Message, test.mentions)
			require.Error(t, conn.Exec(t.Context(), test.sql), "by Exec as well")
		})
	}
}

func midStreamException(t *testing.T, conn clickhouse.Conn, _ target) {
	rows, err := conn.Query(t.Context(), "SELECT throwIf(number = 3000000) FROM numbers(10000000) SETTINGS max_block_size = 65536")
	require.NoError(t, err)
	read := 0
	for rows.Next() {
		read++
	}
	require.Positive(t, read, "the exception comes after the first rows")
	require.Less(t, read, 10_000_000)
	message := requireCode(t, 395, rows.Err()).Message
	require.True(t, strings.HasSuffix(message, "(FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)"), message)
	require.ErrorIs(t, rows.Close(), rows.Err())
}

func exceptionLikeRows(t *testing.T, conn clickhouse.Conn, _ target) {
	const text = "\r\n__exception__\r\nCode: 60. DB::Exception: not one (UNKNOWN_TABLE)\n__exception__\r\n"
	rows, err := conn.Query(t.Context(), "SELECT {s:String} FROM numbers(3)", clickhouse.Named("s", text))
	require.NoError(t, err)
	n := 0
	for rows.Next() {
		var got string
		require.NoError(t, rows.Scan(&got))
		require.Equal(t, text, got)
		n++
	}
	require.NoError(t, rows.Err())
	require.Equal(t, 3, n)
	require.NoError(t, rows.Close())
}

func settingsOfOneStatement(t *testing.T, conn clickhouse.Conn, _ target) {
	const ask = "SELECT toString(getSetting('max_block_size'))"
	var before, within, after string
	require.NoError(t, conn.QueryRow(t.Context(), ask).Scan(&before))
	with := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 1234}))
	require.NoError(t, conn.QueryRow(with, ask).Scan(&within))
	require.NoError(t, conn.QueryRow(t.Context(), ask).Scan(&after))
	require.Equal(t, "1234", within)
	require.Equal(t, before, after)
	unknown := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"no_such_setting": 1}))
	requireCode(t, 115, conn.Exec(unknown, "SELECT 1"))
}

func batchTakenOnce(t *testing.T, conn clickhouse.Conn, _ target) {
	makeDurable(t, conn, "once")
	for range 3 {
		require.NoError(t, sendBatch(t.Context(), conn, "once", 7, 100))
	}
	require.NoError(t, sendBatch(t.Context(), conn, "once", 8, 100))
	require.Equal(t, map[uint64]uint64{7: 100, 8: 100}, countByBatch(t, conn, "once"))
}

// runsLong runs until it is stopped.
const runsLong = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"

func cancelledQueryStops(t *testing.T, conn clickhouse.Conn, _ target) {
	const running = "SELECT count() FROM system.processes WHERE query LIKE {mark:String} AND query NOT LIKE '%system.processes%'"
	for name, sql := range map[string]string{
		"before the first row": runsLong + " /* cancel-%d */",
		"in mid-stream":        "SELECT number FROM numbers(1000000000000) /* cancel-%d */",
		"not a read":           "CREATE TABLE cancelled ENGINE = Memory AS SELECT number FROM numbers(1000000000000) WHERE sipHash64(number) = 1 /* cancel-%d */",
	} {
		t.Run(name, func(t *testing.T) {
			id := time.Now().UnixNano()
			count := func() (n uint64) {
				mark := clickhouse.Named("mark", fmt.Sprintf("%%cancel-%d%%", id))
				require.NoError(t, conn.QueryRow(t.Context(), running, mark).Scan(&n))
				return n
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				if name == "not a read" {
					ended <- conn.Exec(ctx, fmt.Sprintf(sql, id))
					return
				}
				rows, err := conn.Query(ctx, fmt.Sprintf(sql, id))
				for err == nil && rows.Next() {
				}
				if err == nil {
					err = rows.Err()
				}
				ended <- err
			}()
			require.Eventually(t, func() bool { return count() == 1 }, 30*time.Second, 10*time.Millisecond, "the query runs")
			cancel()
			require.Error(t, <-ended)
			require.Eventually(t, func() bool { return count() == 0 }, 30*time.Second, 10*time.Millisecond, "the query has stopped")
		})
	}
}

func oneStatement(t *testing.T, conn clickhouse.Conn, _ target) {
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE kept (a Int32) ENGINE = Memory"))
	requireCode(t, 62, conn.Exec(t.Context(), "SELECT 1; DROP TABLE kept"))
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO kept VALUES (1), (2);"))
	var n uint64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count() FROM kept").Scan(&n))
	require.EqualValues(t, 2, n)
}

func metadata(t *testing.T, conn clickhouse.Conn, _ target) {
	makeDurable(t, conn, "shown")
	for _, sql := range []string{"SHOW DATABASES", "DESCRIBE TABLE system.one", "EXPLAIN SELECT 1", "EXISTS TABLE system.one", "SHOW CREATE TABLE shown"} {
		rows, err := conn.Query(t.Context(), sql)
		require.NoError(t, err, sql)
		require.True(t, rows.Next(), sql)
		require.NoError(t, rows.Close())
		require.NoError(t, rows.Err(), sql)
	}
	rows, err := conn.Query(t.Context(), "SELECT 1 WHERE 0")
	require.NoError(t, err)
	require.False(t, rows.Next())
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
}

// manyClients: what does not find a session waits for one.
func manyClients(t *testing.T, _ clickhouse.Conn, at target) {
	options := at.options("default")
	options.MaxOpenConns = 16
	conn := open(t, options)
	answers := make(chan error)
	for range 48 {
		go func() {
			var n uint64
			err := conn.QueryRow(t.Context(), "SELECT count() FROM numbers(100000)").Scan(&n)
			if err == nil && n != 100000 {
				err = fmt.Errorf("counted %d", n)
			}
			answers <- err
		}()
	}
	for range 48 {
		require.NoError(t, <-answers)
	}
}

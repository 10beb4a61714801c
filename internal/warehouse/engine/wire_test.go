package engine_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"afterglow/internal/warehouse/engine"
)

// refused are requests that get an exception, with its HTTP status.
var refused = []struct {
	name   string
	query  url.Values
	body   string
	status int
	code   string
}{
	{"a damaged insert", url.Values{"query": {"INSERT INTO lines FORMAT Native"}}, "\x01\x05garbage", 400, "33"},
	{"a setting that is no name", url.Values{"a b": {"1"}}, "SELECT 1", 400, "36"},
	{"a time limit that is no number", url.Values{"max_execution_time": {"soon"}}, "SELECT 1", 400, "36"},
	{"a time limit that is not finite", url.Values{"max_execution_time": {"NaN"}}, "SELECT 1", 400, "36"},
	{"compression", url.Values{"compress": {"1"}}, "SELECT 1", 500, "1"},
	{"a setting with a quote", url.Values{"log_queries_probability": {"1', readonly = '0"}}, "SELECT 1", 400, "27"},
	{"a database with a backtick", url.Values{"database": {"afterglow"}, "query": {"USE `no``where`"}}, "", 404, "81"},
}

// TestWire is what a well-behaved driver never sends, or what it cannot show.
func TestWire(t *testing.T) {
	e := start(t, config(t))
	conn := connect(t, e, engine.Write)
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE lines (line String) ENGINE = MergeTree ORDER BY line"))
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, addr string) (net.Conn, error) { return e.Dial(engine.Write)(ctx, addr) },
	}}
	send := func(query url.Values, body io.Reader) (status int, code, text string, err error) {
		query.Set("database", "afterglow")
		response, err := client.Post("http://engine/?"+query.Encode(), "", body)
		if err != nil {
			return 0, "", "", err
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, response.Header.Get("X-ClickHouse-Exception-Code"), string(answer), nil
	}
	lines := func() (n uint64) {
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count() FROM lines").Scan(&n))
		return n
	}
	const insert = "INSERT INTO lines FORMAT TSV"

	t.Run("a body that breaks off is not committed", func(t *testing.T) {
		broken := io.MultiReader(strings.NewReader("one\ntwo\n"), failing{})
		_, _, _, err := send(url.Values{"query": {insert}}, broken)
		require.Error(t, err)
		require.Zero(t, lines())
	})
	t.Run("an empty insert is refused", func(t *testing.T) {
		status, code, _, err := send(url.Values{"query": {insert}}, strings.NewReader(""))
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, status)
		require.Equal(t, "108", code)
	})
	t.Run("a whole body is committed", func(t *testing.T) {
		status, _, text, err := send(url.Values{"query": {insert}}, strings.NewReader("one\ntwo\n"))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, text)
		require.EqualValues(t, 2, lines())
	})
	for _, test := range refused {
		t.Run(test.name, func(t *testing.T) {
			status, code, text, err := send(test.query, strings.NewReader(test.body))
			require.NoError(t, err)
			require.Equal(t, test.code, code, text)
			require.Equal(t, test.status, status, text)
			require.True(t, strings.HasPrefix(text, "Code: "+test.code+". "), text)
		})
	}
	t.Run("the driver's own compression is refused in words", func(t *testing.T) {
		compressed := open(t, &clickhouse.Options{
			Protocol: clickhouse.HTTP, Addr: []string{"engine"}, DialContext: e.Dial(engine.Write),
			Compression: &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
		})
		require.ErrorContains(t, compressed.Ping(t.Context()), "set the client's compression to none")
	})
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the client broke off") }

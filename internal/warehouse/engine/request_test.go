package engine

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadRequest(t *testing.T) {
	for _, test := range []struct {
		name, query, body string
		want              request
	}{
		{"a read in the body", "database=d&default_format=Native&client_protocol_version=54460&param_b=2", "SELECT {b:Int8}",
			request{sql: "SELECT {b:Int8}", database: "d", format: "Native", revision: 54460, params: []param{{"b", "2"}}}},
		{"a statement in the URL", "query=SELECT+1", "", request{sql: "SELECT 1", format: "TabSeparated"}},
		{"settings in order", "b=2&a=1&query_id=x", "SELECT 1",
			request{sql: "SELECT 1", format: "TabSeparated", settings: []param{{"a", "1"}, {"b", "2"}}}},
		{"a time limit is rounded up", "max_execution_time=0.2", "SELECT 1", request{sql: "SELECT 1", format: "TabSeparated", maxSeconds: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := readRequest(post(test.query, test.body))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
	t.Run("rows after an insert", func(t *testing.T) {
		got, err := readRequest(post("query="+url.QueryEscape("INSERT INTO t (`a`)\nFORMAT Native")+"&default_format=Native", "rows"))
		require.NoError(t, err)
		require.Equal(t, "INSERT INTO t (`a`)", got.sql)
		require.Equal(t, "Native", got.format)
		require.NotNil(t, got.body)
	})
}

func post(query, body string) *http.Request {
	return &http.Request{Method: http.MethodPost, URL: &url.URL{RawQuery: query}, Header: http.Header{}, Body: readCloser{strings.NewReader(body)}}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// FuzzReadRequest: whatever comes, the answer is a request or an exception with a code, and no name
// of a setting can carry SQL.
func FuzzReadRequest(f *testing.F) {
	f.Add("database=d&param_x=1&max_threads=2", "SELECT {x:Int8}")
	f.Add("query=INSERT+INTO+t+FORMAT+Native", "\x01\x02")
	f.Add("max_execution_time=1e400", "")
	f.Fuzz(func(t *testing.T, query, body string) {
		got, err := readRequest(post(query, body))
		if err != nil {
			e := asException(err)
			require.Positive(t, e.code)
			require.True(t, strings.HasPrefix(e.text, "Code: "), e.text)
			return
		}
		require.NotEmpty(t, strings.TrimSpace(got.sql))
		require.GreaterOrEqual(t, got.maxSeconds, 0)
		for _, s := range got.settings {
			require.Regexp(t, settingName, s.name)
		}
	})
}

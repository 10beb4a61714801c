package engine

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// request is what a client of ClickHouse's HTTP interface asks for.
type request struct {
	sql        string
	database   string
	format     string
	revision   int
	params     []param
	settings   []param
	maxSeconds int
	// body holds the rows of an insert whose statement came in the URL; nil otherwise.
	body io.Reader
}

// maxStatement bounds a statement that comes in the body: SQL text, or an INSERT with its VALUES.
const maxStatement = 64 << 20

// addressed names the parts of the URL query that speak to the HTTP interface and are not settings
// of ClickHouse. wait_end_of_query and the like change nothing here: what is not streamed is
// answered when it has ended, and a stream that breaks off says so.
var addressed = []string{
	"query", "database", "default_format", "client_protocol_version", "query_id", "quota_key",
	"user", "password", "wait_end_of_query", "buffer_size", "network_compression_method",
	"network_zstd_compression_level", "max_execution_time", "send_progress_in_http_headers",
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// insertWithFormat is an INSERT as clickhouse-go sends it for a batch: the rows follow in the body,
// in the format named at its end.
var insertWithFormat = regexp.MustCompile(`(?is)^(\s*INSERT\s.*?)\s+FORMAT\s+([A-Za-z0-9_]+)\s*;?\s*$`)

func readRequest(r *http.Request) (request, error) {
	q := r.URL.Query()
	req := request{database: q.Get("database"), format: q.Get("default_format")}
	if req.format == "" {
		req.format = "TabSeparated"
	}
	if r.Header.Get("Content-Encoding") != "" || q.Get("compress") == "1" || q.Get("decompress") == "1" {
		return req, newException(codeUnsupportedMethod, "UNSUPPORTED_METHOD",
			"the embedded engine does not compress: set the client's compression to none")
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return req, newException(codeUnsupportedMethod, "UNSUPPORTED_METHOD", "the embedded engine takes no external tables")
	}
	req.revision, _ = strconv.Atoi(q.Get("client_protocol_version")) // absent: plain blocks
	if text := q.Get("max_execution_time"); text != "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil || !(seconds >= 0) {
			return req, newException(codeBadArguments, "BAD_ARGUMENTS", "max_execution_time is not a number of seconds")
		}
		req.maxSeconds = int(min(seconds+0.999, 1<<30))
	}
	for name := range q {
		switch {
		case slices.Contains(addressed, name) || name == "compress" || name == "decompress":
		case strings.HasPrefix(name, "param_"):
			req.params = append(req.params, param{strings.TrimPrefix(name, "param_"), q.Get(name)})
		case settingName.MatchString(name):
			req.settings = append(req.settings, param{name, q.Get(name)})
		default:
			return req, newException(codeBadArguments, "BAD_ARGUMENTS", fmt.Sprintf("%q is not the name of a setting", name))
		}
	}
	slices.SortFunc(req.settings, func(a, b param) int { return strings.Compare(a.name, b.name) })
	return req, req.readStatement(q.Get("query"), r)
}

// readStatement finds the SQL text: in the URL with rows in the body, in the URL alone, or in the
// body.
func (req *request) readStatement(inURL string, r *http.Request) error {
	if m := insertWithFormat.FindStringSubmatch(inURL); m != nil {
		req.sql, req.format, req.body = m[1], m[2], r.Body
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxStatement+1))
	if err != nil {
		return newException(codeNetwork, "NETWORK_ERROR", "the body of the request broke off: "+err.Error())
	}
	if len(text) > maxStatement {
		return newException(codeQuerySizeExceeded, "QUERY_IS_TOO_LARGE", fmt.Sprintf("the statement is longer than %d bytes", maxStatement))
	}
	req.sql = string(text)
	if inURL != "" {
		req.sql = strings.TrimRight(inURL+"\n"+req.sql, "\n")
	}
	if strings.TrimSpace(req.sql) == "" {
		return newException(codeSyntax, "SYNTAX_ERROR", "Empty query")
	}
	return nil
}

func (req request) statement() statement {
	return statement{sql: req.sql, format: req.format, params: req.params}
}

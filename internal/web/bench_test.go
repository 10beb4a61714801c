package web_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
	"afterglow/internal/testkit/sitetest"
	"afterglow/internal/web"
)

// patients send at once, each with a link of their own.
const patients = 200

// BenchmarkSubmissions compares, in turns on the same disk, submissions through
// HTTP with raw: the same rows of each (journal, occasion, outbox, audit)
// written by SQLite alone in groups of the same size. An iteration is a round of
// both; the medians over the rounds are reported. Use -benchtime 5x or more.
func BenchmarkSubmissions(b *testing.B) {
	const each = 20 // submissions of each patient in a round
	var raw, overHTTP, ratio, groups []float64
	var waits []time.Duration
	for b.Loop() {
		s := newLoadedSite(b, patients*each)
		before := s.copyRegistry(b)
		took, waited := s.sendAll(b)
		perSecond := float64(len(s.tokens)) / took.Seconds()
		group := float64(len(s.tokens)) / float64(s.commits())
		rawPerSecond := s.writeRaw(b, before, int(group+0.5))
		raw, overHTTP, groups = append(raw, rawPerSecond), append(overHTTP, perSecond), append(groups, group)
		ratio, waits = append(ratio, perSecond/rawPerSecond), append(waits, waited...)
		s.stop()
	}
	slices.Sort(waits)
	b.ReportMetric(median(overHTTP), "http/s")
	b.ReportMetric(median(raw), "raw/s")
	b.ReportMetric(100*median(ratio), "%raw")
	b.ReportMetric(median(groups), "per-commit")
	b.ReportMetric(milliseconds(waits[len(waits)/2]), "p50-ms")
	b.ReportMetric(milliseconds(waits[len(waits)*99/100]), "p99-ms")
}

// BenchmarkSubmissionsPaced is 200 patients who each send once a second: how long
// one waits while the server is not at its limit.
func BenchmarkSubmissionsPaced(b *testing.B) {
	const each, every = 5, time.Second
	var waits []time.Duration
	for b.Loop() {
		s := newLoadedSite(b, patients*each)
		_, waited := s.send(b, func(patient, n int) time.Duration {
			return time.Duration(n/patients)*every + time.Duration(patient)*every/patients
		})
		waits = append(waits, waited...)
		s.stop()
	}
	slices.Sort(waits)
	b.ReportMetric(milliseconds(waits[len(waits)/2]), "p50-ms")
	b.ReportMetric(milliseconds(waits[len(waits)*99/100]), "p99-ms")
}

// BenchmarkPages times the pages that answer from the registry alone.
func BenchmarkPages(b *testing.B) {
	s := newLoadedSite(b, 1)
	for _, page := range []struct{ name, path string }{
		{"patient-form", "/p/" + s.tokens[0]}, {"crisis", "/crisis"}, {"sign-in", "/sign-in"},
	} {
		b.Run(page.name, func(b *testing.B) {
			for b.Loop() {
				response, err := http.Get("http://" + s.address + page.path)
				require.NoError(b, err)
				_, err = io.Copy(io.Discard, response.Body)
				require.NoError(b, err)
				require.NoError(b, response.Body.Close())
				require.Equal(b, http.StatusOK, response.StatusCode)
			}
		})
	}
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// loadedSite is the whole site on a loopback listener, with open links.
type loadedSite struct {
	store   *registry.Store
	path    string
	address string
	tokens  []string
	ticks   atomic.Int64
	stop    func()
}

func newLoadedSite(b *testing.B, links int) *loadedSite {
	b.Helper()
	s := &loadedSite{}
	folder := registrytest.NewFolder(b)
	s.path = folder.Path
	log := slog.New(slog.NewTextHandler(io.Discard, nil)) // lines are made, not kept
	s.store = folder.Open(b, func(c *registry.Config) {
		c.Clock = func() time.Time { s.ticks.Add(1); return time.Now() }
		c.Logger = log
	})
	for _, p := range registrytest.Demo(b, s.store, links) {
		s.tokens = append(s.tokens, p.Token)
	}
	service, err := intake.New(intake.Config{Store: s.store, Instruments: registrytest.Instruments(b), Logger: log})
	require.NoError(b, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	s.address = listener.Addr().String()
	site := sitetest.New(b, "http://"+s.address, 1, func(c *web.Config) { c.Intake, c.Log, c.Now = service, log, time.Now })
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- site.Server.Serve(ctx, listener) }()
	s.stop = sync.OnceFunc(func() { cancel(); require.NoError(b, <-done) })
	b.Cleanup(s.stop)
	s.ticks.Store(0)
	return s
}

// commits is how often the registry committed: its clock is asked once for each
// write and once for each commit.
func (s *loadedSite) commits() int64 { return max(1, s.ticks.Load()-int64(len(s.tokens))) }

// copyRegistry keeps the registry as it is before the round.
func (s *loadedSite) copyRegistry(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "raw.sqlite")
	db, err := sql.Open("sqlite", s.path)
	require.NoError(b, err)
	defer db.Close()
	_, err = db.Exec("VACUUM INTO ?", path)
	require.NoError(b, err)
	return path
}

// sendAll has all patients send at once, each their own submissions one after
// the other without a pause, and gives how long all took and how long each waited.
func (s *loadedSite) sendAll(b *testing.B) (time.Duration, []time.Duration) {
	b.Helper()
	return s.send(b, func(int, int) time.Duration { return 0 })
}

// send is sendAll with each submission's earliest moment, from the start.
func (s *loadedSite) send(b *testing.B, at func(patient, n int) time.Duration) (time.Duration, []time.Duration) {
	b.Helper()
	connections := make([]*connection, patients)
	for i := range connections {
		connections[i] = connect(b, s.address)
	}
	waits := make([]time.Duration, len(s.tokens))
	var group sync.WaitGroup
	started := time.Now()
	for i, c := range connections {
		group.Go(func() {
			for n := i; n < len(s.tokens); n += patients {
				time.Sleep(at(i, n) - time.Since(started))
				sent := time.Now()
				status, err := c.submit(s.tokens[n], n)
				waits[n] = time.Since(sent)
				if err != nil || status != http.StatusCreated {
					b.Errorf("submission %d: status %d, %v", n, status, err)
					return
				}
			}
		})
	}
	group.Wait()
	return time.Since(started), waits
}

// connection is a browser's connection, with as little of its own work as can be:
// it shares the cores with the server.
type connection struct {
	net     net.Conn
	reader  *bufio.Reader
	address string
	buffer  bytes.Buffer
}

func connect(b *testing.B, address string) *connection {
	b.Helper()
	c, err := net.Dial("tcp", address)
	require.NoError(b, err)
	b.Cleanup(func() { _ = c.Close() })
	return &connection{net: c, reader: bufio.NewReader(c), address: address}
}

func (c *connection) submit(token string, n int) (status int, err error) {
	const answers = `"answers":{"1":2,"2":1,"3":2,"4":3,"5":0,"6":1,"7":1,"8":0,"9":0}}`
	body := fmt.Sprintf(`{"key":"bench-%d","instrument":"phq-9","version":"1.0.0",%s`, n, answers)
	c.buffer.Reset()
	fmt.Fprintf(&c.buffer, "POST /p/%s/answers HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		token, c.address, c.address, len(body), body)
	if _, err := c.net.Write(c.buffer.Bytes()); err != nil {
		return 0, err
	}
	return c.answer()
}

// answer reads a response and gives its status.
func (c *connection) answer() (status int, err error) {
	length := 0
	for first := true; ; first = false {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		if first {
			status, err = strconv.Atoi(string(line[9:12]))
		} else if name, value, _ := bytes.Cut(line, []byte(": ")); bytes.EqualFold(name, []byte("Content-Length")) {
			length, err = strconv.Atoi(string(value))
		}
		if err != nil {
			return 0, err
		}
	}
	_, err = c.reader.Discard(length)
	return status, err
}

// rawTables are the tables that a submission writes a row into.
var rawTables = []string{"journal", "outbox", "audit"}

// writeRaw writes the rows that the round left behind into the registry as it was
// before, with the same settings, in groups, and gives the submissions a second.
func (s *loadedSite) writeRaw(b *testing.B, before string, group int) float64 {
	b.Helper()
	source := "file:" + before + "?_txlock=immediate&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=foreign_keys(1)&_pragma=cache_size(-65536)"
	db, err := sql.Open("sqlite", source)
	require.NoError(b, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	rows := map[string][][]any{}
	inserts := map[string]*sql.Stmt{}
	for _, table := range rawTables {
		var columns int
		rows[table], columns = s.newRows(b, before, table)
		inserts[table], err = db.Prepare("INSERT INTO " + table + " VALUES (?" + string(bytes.Repeat([]byte(", ?"), columns-1)) + ")")
		require.NoError(b, err)
		require.Len(b, rows[table], len(s.tokens), table)
	}
	answered, err := db.Prepare("UPDATE occasion SET state = 'answered' WHERE id = ? AND state = 'open'")
	require.NoError(b, err)
	occasion := s.columnOf(b, "journal", "occasion")
	started := time.Now()
	for from := 0; from < len(s.tokens); from += group {
		tx, err := db.Begin()
		require.NoError(b, err)
		for i := from; i < min(from+group, len(s.tokens)); i++ {
			_, err := tx.Stmt(answered).Exec(rows["journal"][i][occasion])
			require.NoError(b, err)
			for _, table := range rawTables {
				_, err := tx.Stmt(inserts[table]).Exec(rows[table][i]...)
				require.NoError(b, err)
			}
		}
		require.NoError(b, tx.Commit())
	}
	took := time.Since(started)
	require.NoError(b, os.Remove(before))
	return float64(len(s.tokens)) / took.Seconds()
}

// newRows reads the rows of a table that are not in the registry as it was before.
func (s *loadedSite) newRows(b *testing.B, before, table string) (list [][]any, columns int) {
	b.Helper()
	db, err := sql.Open("sqlite", s.path)
	require.NoError(b, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.Exec("ATTACH ? AS before", before)
	require.NoError(b, err)
	found, err := db.Query("SELECT * FROM main." + table + " WHERE rowid > (SELECT coalesce(max(rowid), 0) FROM before." + table + ") ORDER BY rowid")
	require.NoError(b, err)
	defer found.Close()
	names, err := found.Columns()
	require.NoError(b, err)
	for found.Next() {
		row := make([]any, len(names))
		into := make([]any, len(names))
		for i := range row {
			into[i] = &row[i]
		}
		require.NoError(b, found.Scan(into...))
		list = append(list, row)
	}
	require.NoError(b, found.Err())
	return list, len(names)
}

func (s *loadedSite) columnOf(b *testing.B, table, column string) int {
	b.Helper()
	db, err := sql.Open("sqlite", s.path)
	require.NoError(b, err)
	defer db.Close()
	var place int
	require.NoError(b, db.QueryRow("SELECT cid FROM pragma_table_info(?) WHERE name = ?", table, column).Scan(&place))
	return place
}

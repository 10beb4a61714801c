package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/testkit/sitetest"
	"afterglow/internal/web/middleware"
)

// endless is a body without an end.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	e.read += int64(len(p))
	return len(p), nil
}

func TestSR21_LargeAndCompressedBodiesAreRefused(t *testing.T) {
	s := sitetest.New(t, local, 1)
	for _, r := range s.Server.Routes() {
		if r.Method != http.MethodPost {
			continue
		}
		session := ""
		for _, role := range access.AccountRoles {
			if r.Permission.Grants(role) && !r.Permission.Grants(access.RoleAnonymous) {
				session = s.SignIn(t, role)
			}
		}
		send := func(body io.Reader, length int64, encoding string) int {
			request := httptest.NewRequest(r.Method, concrete(r.Path, "link-only", s), body)
			request.ContentLength = length
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("Content-Encoding", encoding)
			request.Header.Set("Origin", local)
			request.AddCookie(&http.Cookie{Name: "afterglow", Value: session})
			recorder := httptest.NewRecorder()
			s.Server.Handler().ServeHTTP(recorder, request)
			return recorder.Code
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		stream := &endless{}
		require.Equal(t, http.StatusRequestEntityTooLarge, send(stream, -1, ""), r.Path)
		require.Less(t, stream.read, int64(2*middleware.MaxFormBytes))
		require.Equal(t, http.StatusRequestEntityTooLarge, send(&endless{}, 100<<20, ""), r.Path)
		require.Equal(t, http.StatusUnsupportedMediaType, send(strings.NewReader("\x1f\x8b"), 2, "gzip"), r.Path)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20), r.Path)
	}
}

func TestSR22_FieldsThatDoNotBelongAreRefused(t *testing.T) {
	s := sitetest.New(t, local, 1)
	for _, extra := range []string{"role", "clinic_id", "patient_id", "id", "occasion"} {
		for path, session := range map[string]string{
			"/p/" + s.Tokens[0] + "/notice": "", "/p/" + s.Tokens[0] + "/page": "", "/sign-in": "", "/setup": "",
			"/alerts/1/acknowledge": s.SignIn(t, access.RoleClinician),
		} {
			response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: path, Session: session, Form: url.Values{extra: {"1"}}})
			require.Equal(t, http.StatusBadRequest, response.StatusCode, "%s %s", path, extra)
		}
		form := url.Values{"key": {"k"}, "instrument": {"phq-9"}, "version": {"1.0.0"}, "1": {"1"}, extra: {"1"}}
		response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + s.Tokens[0] + "/answers", Form: form})
		require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode, extra)
	}
	require.Zero(t, journalCount(t, s))
}

func TestSR5_ParallelSendsOfOneKeyGetOneReceipt(t *testing.T) {
	s := sitetest.New(t, local, 1)
	var mu sync.Mutex
	bodies, statuses := map[string]int{}, map[int]int{}
	var group sync.WaitGroup
	for range 300 {
		group.Go(func() {
			response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + s.Tokens[0] + "/answers", JSON: submission("one", map[string]any{"1": 2, "9": 0})})
			body := sitetest.Text(t, response)
			mu.Lock()
			defer mu.Unlock()
			bodies[body]++
			statuses[response.StatusCode]++
		})
	}
	group.Wait()
	require.Len(t, bodies, 1)
	require.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusOK: 299}, statuses)
	require.Equal(t, 1, journalCount(t, s))
}

func TestSR32_WhatMustAlwaysAnswerNeverQueues(t *testing.T) {
	s := sitetest.New(t, local, 1)
	always := map[string]bool{"/crisis": true, "/healthz": true, "/readyz": true, "/assets/:file": true}
	for _, r := range s.Server.Routes() {
		require.Equal(t, always[r.Path], r.Rate == middleware.RateUnlimited, r.Path)
	}
}

func TestSR32_SlowSendersDoNotKeepAPatientOut(t *testing.T) {
	s := sitetest.New(t, local, 1)
	server := httptest.NewServer(s.Server.Handler())
	defer server.Close()
	address := server.Listener.Addr().String()
	send := func(path, body string, length int) net.Conn {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n%s",
			path, address, local, length, body)
		require.NoError(t, err)
		return conn
	}
	for i := range 300 {
		conn := send(fmt.Sprintf("/p/%032d/answers", i), "{", 200)
		defer conn.Close()
		// The server says so when it begins to read a body.
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, line, "100 Continue")
	}
	body := submission("one", map[string]any{"1": 2, "9": 0})
	conn := send("/p/"+s.Tokens[0]+"/answers", body, len(body))
	defer conn.Close()
	answer := bufio.NewReader(conn)
	line, err := answer.ReadString('\n')
	require.NoError(t, err)
	for strings.Contains(line, "100 Continue") || line == "\r\n" {
		line, err = answer.ReadString('\n')
		require.NoError(t, err)
	}
	require.Contains(t, line, "201 Created")
	require.Equal(t, 1, journalCount(t, s))
}

func TestSR31_TheSignInOfOneAddressIsLimited(t *testing.T) {
	s := sitetest.New(t, local, 1)
	for i := range 200 {
		response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/sign-in", Form: url.Values{"name": {fmt.Sprint("n", i)}, "password": {"x"}},
			Header: http.Header{"X-Forwarded-For": {fmt.Sprintf("198.51.100.%d", i)}, "X-Real-Ip": {fmt.Sprintf("198.51.100.%d", i)}}})
		if response.StatusCode == http.StatusTooManyRequests {
			require.NotEmpty(t, response.Header.Get("Retry-After"))
			return
		}
	}
	t.Fatal("200 attempts from one address were all judged")
}

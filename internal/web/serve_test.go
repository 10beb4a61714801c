package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/testkit/sitetest"
)

// serving runs the site on a listener of its own; stop tells it to end, and ended
// gives how it did.
func serving(t *testing.T, s *sitetest.Site) (address string, stop func(), ended <-chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := contextWithStop(t)
	served := make(chan error, 1)
	go func() { served <- s.Server.Serve(ctx, listener) }()
	return listener.Addr().String(), cancel, served
}

func dialled(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	// Only a server that never ends the connection lets this pass.
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return conn
}

// The bounds of the requirement, each of which is in force on the server that is run.
func TestSR28_EveryBoundOfAConnectionIsSet(t *testing.T) {
	server := sitetest.New(t, local, 1).Server.HTTP()
	for name, bound := range map[string]struct{ is, most time.Duration }{
		"headers": {server.ReadHeaderTimeout, 5 * time.Second},
		"reading": {server.ReadTimeout, 30 * time.Second},
		"writing": {server.WriteTimeout, 60 * time.Second},
		"idle":    {server.IdleTimeout, 120 * time.Second},
	} {
		require.Positive(t, bound.is, name)
		require.LessOrEqual(t, bound.is, bound.most, name)
	}
	require.Positive(t, server.MaxHeaderBytes)
	require.LessOrEqual(t, server.MaxHeaderBytes, 64<<10)
}

func TestSR28_ASenderWhoNeverEndsItsHeadersIsCut(t *testing.T) {
	address, _, _ := serving(t, sitetest.New(t, local, 1))
	conn := dialled(t, address)
	_, err := fmt.Fprintf(conn, "GET /crisis HTTP/1.1\r\nHost: %s\r\nX-Slow: ", address)
	require.NoError(t, err)
	_, err = io.ReadAll(conn)
	require.NoError(t, err, "the server ends the connection")
}

func TestSR28_HeadersAreLimited(t *testing.T) {
	address, _, _ := serving(t, sitetest.New(t, local, 1))
	for size, want := range map[int]string{32 << 10: "200", 80 << 10: "431"} {
		conn := dialled(t, address)
		_, err := fmt.Fprintf(conn, "GET /crisis HTTP/1.1\r\nHost: %s\r\nX-Long: %s\r\n\r\n", address, strings.Repeat("a", size))
		require.NoError(t, err)
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, line, want, "%d bytes", size)
	}
}

// A patient's answer that is on its way when the server is told to end is taken:
// the server waits for it, and takes no new connection meanwhile.
func TestTheServerLetsARequestUnderWayFinish(t *testing.T) {
	s := sitetest.New(t, local, 1)
	address, stop, ended := serving(t, s)
	body := submission("under-way", map[string]any{"1": 2, "9": 0})
	conn := dialled(t, address)
	_, err := fmt.Fprintf(conn, "POST /p/%s/answers HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		s.Tokens[0], address, local, len(body))
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	line, err := reader.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue", "the server has begun to read the answer")
	stop()
	require.Eventually(t, func() bool {
		late, err := net.Dial("tcp", address)
		if err == nil {
			_ = late.Close()
		}
		return err != nil
	}, time.Minute, time.Millisecond, "no new connection")
	_, err = io.WriteString(conn, body)
	require.NoError(t, err)
	_, err = reader.ReadString('\n')
	require.NoError(t, err)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, response.StatusCode)
	require.NoError(t, response.Body.Close())
	require.NoError(t, <-ended)
	require.Equal(t, 1, journalCount(t, s))
}

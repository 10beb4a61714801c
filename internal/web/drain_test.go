package web_test

import (
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/testkit/sitetest"
	"afterglow/internal/web"
)

// A request under way when the server is told to stop is answered; one that comes
// after is not taken.
func TestSR28_TheServerDrainsWhenItStops(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	s := sitetest.New(t, local, 1, func(c *web.Config) {
		c.Status.Confinement = func() string { close(inside); <-release; return "drained" }
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := contextWithStop(t)
	served := make(chan error, 1)
	go func() { served <- s.Server.Serve(ctx, listener) }()

	request, err := http.NewRequest(http.MethodGet, "http://"+listener.Addr().String()+"/status", nil)
	require.NoError(t, err)
	request.AddCookie(&http.Cookie{Name: "afterglow", Value: s.SignIn(t, access.RoleAdministrator)})
	type answer struct {
		response *http.Response
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		response, err := http.DefaultClient.Do(request)
		answered <- answer{response, err}
	}()
	<-inside
	stop()
	for err == nil { // until the listener is closed
		var conn net.Conn
		if conn, err = net.Dial("tcp", listener.Addr().String()); err == nil {
			require.NoError(t, conn.Close())
		}
	}
	select {
	case err := <-served:
		require.Failf(t, "the server ended", "while a request was under way: %v", err)
	default:
	}
	close(release)
	got := <-answered
	require.NoError(t, got.err)
	require.Equal(t, http.StatusOK, got.response.StatusCode)
	require.Contains(t, sitetest.Text(t, got.response), "drained")
	require.NoError(t, <-served)
}

package middleware_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/web/middleware"
	"afterglow/internal/web/page"
)

func ok(c echo.Context) error { return c.NoContent(http.StatusNoContent) }

func run(guard echo.MiddlewareFunc, r *http.Request, params ...string) (*httptest.ResponseRecorder, error) {
	w := httptest.NewRecorder()
	c := echo.New().NewContext(r, w)
	if len(params) == 2 {
		c.SetParamNames(params[0])
		c.SetParamValues(params[1])
	}
	return w, guard(ok)(c)
}

func TestSR66_OnlyOurOwnPagesMayChangeSomething(t *testing.T) {
	site, err := url.Parse("https://clinic.example")
	require.NoError(t, err)
	own := middleware.OwnOrigins(site)
	for _, test := range []struct {
		name, origin, fetchSite string
		allowed                 bool
	}{
		{"own origin", "https://clinic.example", "", true},
		{"own origin, same-origin", "https://clinic.example", "same-origin", true},
		{"same-origin alone", "", "same-origin", true},
		{"neither", "", "", false},
		{"null origin", "null", "", false},
		{"null origin, same-origin", "null", "same-origin", false},
		{"other site", "https://evil.example", "cross-site", false},
		{"other site that lies about nothing else", "https://evil.example", "", false},
		{"subdomain", "https://a.clinic.example", "same-site", false},
		{"subdomain without origin", "", "same-site", false},
		{"own origin, cross-site", "https://clinic.example", "cross-site", false},
		{"typed address", "", "none", false},
		{"plain http", "http://clinic.example", "", false},
		{"other port", "https://clinic.example:8443", "", false},
		{"own as a prefix", "https://clinic.example.evil.example", "", false},
		{"loopback", "http://localhost", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				r := httptest.NewRequest(method, "/", nil)
				r.Header.Set("Origin", test.origin)
				if test.fetchSite != "" {
					r.Header.Set("Sec-Fetch-Site", test.fetchSite)
				}
				_, err := run(own.Guard, r)
				require.Equal(t, test.allowed, err == nil, "%s: %v", method, err)
				if err != nil {
					require.Equal(t, fault.KindForbidden, fault.KindOf(err))
				}
			}
		})
	}
}

func TestLoopbackHasThreeSpellings(t *testing.T) {
	site, err := url.Parse("http://localhost:8080")
	require.NoError(t, err)
	own := middleware.OwnOrigins(site)
	require.True(t, own["http://127.0.0.1:8080"] && own["http://localhost:8080"] && own["http://[::1]:8080"])
	require.False(t, own["http://127.0.0.1:8081"])
	require.False(t, own["https://127.0.0.1:8080"])
}

func TestSR31_TheClientsAddressIsNotForged(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, test := range []struct {
		name, peer, forwarded, want string
		trusted                     []netip.Prefix
	}{
		{"no proxy, no header", "192.0.2.7:1", "", "192.0.2.7", nil},
		{"no proxy, forged header", "192.0.2.7:1", "198.51.100.1", "192.0.2.7", nil},
		{"stranger forges through a site with proxies", "192.0.2.7:1", "198.51.100.1", "192.0.2.7", proxies},
		{"one proxy", "10.0.0.1:1", "198.51.100.1", "198.51.100.1", proxies},
		{"client forged the first hop", "10.0.0.1:1", "203.0.113.9, 198.51.100.1", "198.51.100.1", proxies},
		{"two proxies", "10.0.0.1:1", "198.51.100.1, 10.0.0.2", "198.51.100.1", proxies},
		{"not an address", "10.0.0.1:1", "evil", "10.0.0.1", proxies},
		{"only proxies", "10.0.0.1:1", "10.0.0.3", "10.0.0.3", proxies},
		{"IPv4 in IPv6", "[::ffff:192.0.2.7]:1", "", "192.0.2.7", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = test.peer
			r.Header.Set("X-Forwarded-For", test.forwarded)
			r.Header.Set("X-Real-IP", "203.0.113.200")
			require.Equal(t, test.want, middleware.Addresses{TrustedProxies: test.trusted}.Client(r).String())
		})
	}
}

func TestSR31_BeyondTheLimitIs429WithRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 14, 10, 0, 0, 0, time.UTC)
	limits := map[middleware.RateClass]middleware.ClassLimit{
		middleware.RateLink:   {PerAddress: middleware.Limit{Burst: 3, PerSecond: 1}, PerTarget: middleware.Limit{Burst: 2, PerSecond: 0.5}},
		middleware.RateSignIn: {PerAddress: middleware.Limit{Burst: 1, PerSecond: 1}},
	}
	guard := func() (echo.MiddlewareFunc, echo.MiddlewareFunc) {
		l := middleware.NewRateLimiter(limits, middleware.Addresses{}, func() time.Time { return now })
		return l.Guard(middleware.RateLink), l.Guard(middleware.RateSignIn)
	}
	send := func(t *testing.T, g echo.MiddlewareFunc, peer, token string) int {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", strconv.Itoa(int(now.UnixNano())))
		w, err := run(g, r, "token", token)
		if err == nil {
			return http.StatusNoContent
		}
		var refused *echo.HTTPError
		require.ErrorAs(t, err, &refused)
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		return refused.Code
	}
	t.Run("by address", func(t *testing.T) {
		link, _ := guard()
		for i := range 3 {
			require.Equal(t, 204, send(t, link, "192.0.2.7:1", strconv.Itoa(i)))
		}
		require.Equal(t, 429, send(t, link, "192.0.2.7:2", "x"))
		require.Equal(t, 204, send(t, link, "192.0.2.8:1", "y"), "another address has its own bucket")
	})
	t.Run("by link, from loopback too", func(t *testing.T) {
		link, signIn := guard()
		require.Equal(t, 204, send(t, link, "127.0.0.1:1", "a"))
		require.Equal(t, 204, send(t, link, "127.0.0.1:1", "a"))
		require.Equal(t, 429, send(t, link, "127.0.0.1:1", "a"))
		require.Equal(t, 204, send(t, link, "127.0.0.1:1", "b"))
		require.Equal(t, 204, send(t, signIn, "127.0.0.1:1", ""))
		require.Equal(t, 429, send(t, signIn, "127.0.0.1:1", ""))
	})
	t.Run("and it opens again with time", func(t *testing.T) {
		link, _ := guard()
		send(t, link, "192.0.2.7:1", "a")
		send(t, link, "192.0.2.7:1", "a")
		require.Equal(t, 429, send(t, link, "192.0.2.7:1", "a"))
		now = now.Add(2 * time.Second)
		require.Equal(t, 204, send(t, link, "192.0.2.7:1", "a"))
	})
	t.Run("with bounded memory", func(t *testing.T) {
		link, _ := guard()
		for i := range 50_000 {
			send(t, link, "127.0.0.1:1", strconv.Itoa(i))
		}
		require.Equal(t, 204, send(t, link, "127.0.0.1:1", "0"), "the oldest bucket was forgotten")
	})
}

func TestSR32_BeyondTheCapacityIsRefusedAtOnce(t *testing.T) {
	capacity := middleware.NewCapacity(1, 1, time.Hour)
	inside, release := make(chan struct{}), make(chan struct{})
	slow := capacity.Guard(func(echo.Context) error {
		inside <- struct{}{}
		<-release
		return nil
	})
	request := func() echo.Context {
		return echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder())
	}
	done := make(chan error, 2)
	go func() { done <- slow(request()) }()
	<-inside
	// Of two more, one waits for its turn and the other is refused, whichever comes first.
	go func() { done <- slow(request()) }()
	go func() { done <- slow(request()) }()
	require.Equal(t, fault.KindUnavailable, fault.KindOf(<-done))
	release <- struct{}{}
	require.NoError(t, <-done)
	<-inside
	release <- struct{}{}
	require.NoError(t, <-done)
}

// stalled is a body whose sender stops before its end.
type stalled struct{ err error }

func (b stalled) Read([]byte) (int, error) { return 0, b.err }

func TestSR32_BodiesAreReadBeforeTheHandlerAndBounded(t *testing.T) {
	refusal := func(body io.Reader, bodies *middleware.Bodies) error {
		_, err := run(bodies.Guard, httptest.NewRequest(http.MethodPost, "/", body))
		return err
	}
	bodies := middleware.NewBodies(100_000, time.Hour)
	for _, test := range []struct {
		name string
		body io.Reader
		want int
	}{
		{"too slow", stalled{os.ErrDeadlineExceeded}, http.StatusRequestTimeout},
		{"broken off", stalled{io.ErrUnexpectedEOF}, http.StatusBadRequest},
		{"more than all may hold", strings.NewReader(strings.Repeat("x", 100_001)), http.StatusServiceUnavailable},
		{"as much as all may hold", strings.NewReader(strings.Repeat("x", 100_000)), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := refusal(test.body, bodies)
			if test.want == 0 {
				require.NoError(t, err, "what was refused before is held no more")
				return
			}
			require.Equal(t, test.want, page.Status(err), "%v", err)
		})
	}
	t.Run("what a handler still holds counts", func(t *testing.T) {
		handler := bodies.Guard(func(c echo.Context) error {
			read, err := middleware.ReadBody(c)
			require.NoError(t, err)
			require.Len(t, read, 60_000)
			return refusal(strings.NewReader(strings.Repeat("x", 60_000)), bodies)
		})
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 60_000)))
		err := handler(echo.New().NewContext(r, httptest.NewRecorder()))
		require.Equal(t, fault.KindUnavailable, fault.KindOf(err))
	})
}

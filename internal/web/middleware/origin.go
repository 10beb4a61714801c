package middleware

import (
	"net"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
)

// Origins is the set of addresses under which this site is its own origin.
type Origins map[string]bool

// OwnOrigins gives the origin of the configured address. A loopback address has
// three spellings that reach the same listener, and people type either.
func OwnOrigins(site *url.URL) Origins {
	own := Origins{site.Scheme + "://" + site.Host: true}
	if !IsLoopbackHost(site.Hostname()) {
		return own
	}
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		if port := site.Port(); port != "" {
			host += ":" + port
		}
		own[site.Scheme+"://"+host] = true
	}
	return own
}

// IsLoopbackHost reports whether a host name without port is this machine only.
func IsLoopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Guard refuses a request that would change something unless a page of our own
// sent it: Sec-Fetch-Site must say same-origin or, where the browser does not
// send it, Origin must be ours. A request with neither is refused, and so is
// one whose two headers disagree.
func (o Origins) Guard(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			return next(c)
		}
		origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
		originOK := o[origin] || origin == "" && site == "same-origin"
		siteOK := site == "" || site == "same-origin"
		if !originOK || !siteOK {
			return fault.Forbidden("origin", "this request did not come from a page of this site; open the page again and send it from there")
		}
		return next(c)
	}
}

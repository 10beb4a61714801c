package middleware

import (
	"net/http"
	"net/netip"
	"strings"
)

// Addresses works out a client's address. A forwarding header counts only when
// the connection comes from one of the trusted proxies; without any, the
// connection's own address is the answer whatever the headers say.
type Addresses struct {
	TrustedProxies []netip.Prefix
}

// Client gives the address of the client: the last address of X-Forwarded-For
// that is not itself a trusted proxy. A chain that does not parse is not
// believed at all.
func (a Addresses) Client(r *http.Request) netip.Addr {
	peer := peerAddress(r)
	if !a.trusts(peer) {
		return peer
	}
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	client := peer
	for i := len(chain) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(chain[i]))
		if err != nil {
			return client
		}
		client = hop.Unmap().WithZone("")
		if !a.trusts(client) {
			return client
		}
	}
	return client
}

func (a Addresses) trusts(addr netip.Addr) bool {
	for _, p := range a.TrustedProxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// peerAddress is the address of the connection; the zero Addr for a listener
// that has none, such as a Unix socket.
func peerAddress(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// bucketAddress is what the rate limit counts: an IPv4 address, or the /64 of
// an IPv6 one, since a household has a whole /64.
func bucketAddress(addr netip.Addr) string {
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

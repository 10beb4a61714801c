package main

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"

	"afterglow/internal/fault"
)

// plainHTTP is where the server may be reached without TLS.
type plainHTTP int

const (
	// fromThisMachine: the listener itself is on loopback.
	fromThisMachine plainHTTP = iota
	// behindTLS: the site's address is https, so a proxy that ends TLS is in front.
	behindTLS
	// fromProxies: only named proxies may connect from elsewhere.
	fromProxies
)

// decidePlainHTTP refuses settings under which other machines would speak plain
// HTTP with the server (SR-74).
func decidePlainHTTP(s settings) (plainHTTP, error) {
	address, err := net.ResolveTCPAddr("tcp", s.Listen)
	switch site, parsed := url.Parse(s.URL); {
	case err != nil:
		return 0, fault.Invalid("AFTERGLOW_LISTEN", "%q is not host:port", s.Listen)
	case address.IP.IsLoopback():
		return fromThisMachine, nil
	case parsed == nil && site.Scheme == "https":
		return behindTLS, nil
	case len(s.TrustedProxies) > 0:
		return fromProxies, nil
	}
	return 0, fault.Invalid("AFTERGLOW_LISTEN", "other machines can reach %s, and this server speaks plain HTTP: listen on 127.0.0.1 behind a proxy that terminates TLS, "+
		"or set AFTERGLOW_URL to the https address of that proxy, or name the proxies with AFTERGLOW_TRUSTED_PROXIES", s.Listen)
}

// guarded gives the listener through which connections come that may speak plain
// HTTP.
func (p plainHTTP) guarded(l net.Listener, proxies []netip.Prefix, log *slog.Logger) net.Listener {
	if p != fromProxies {
		return l
	}
	return &proxyListener{Listener: l, proxies: proxies, log: log}
}

// proxyListener closes connections of other machines than the named proxies.
type proxyListener struct {
	net.Listener
	proxies []netip.Prefix
	log     *slog.Logger
}

// Accept gives the next connection of a proxy or of this machine.
func (l *proxyListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || l.mayConnect(conn.RemoteAddr()) {
			return conn, err
		}
		l.log.Debug("closed a connection that did not come from a trusted proxy")
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			l.log.Debug("close a connection", "error", err)
		}
	}
}

func (l *proxyListener) mayConnect(from net.Addr) bool {
	peer, err := netip.ParseAddrPort(from.String())
	if err != nil {
		return false
	}
	address := peer.Addr().Unmap().WithZone("")
	if address.IsLoopback() {
		return true
	}
	for _, p := range l.proxies {
		if p.Contains(address) {
			return true
		}
	}
	return false
}

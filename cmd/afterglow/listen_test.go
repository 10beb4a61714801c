package main

import (
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
)

func TestSR74_PlainHTTPIsNotServedToOtherMachines(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}
	for _, c := range []struct {
		listen, url string
		proxies     []netip.Prefix
		want        plainHTTP
		refused     bool
	}{
		{"127.0.0.1:8080", "", nil, fromThisMachine, false},
		{"[::1]:8080", "", nil, fromThisMachine, false},
		{"localhost:8080", "", nil, fromThisMachine, false},
		{"127.0.0.1:8080", "https://clinic.example", proxies, fromThisMachine, false},
		{"0.0.0.0:8080", "https://clinic.example", nil, behindTLS, false},
		{"0.0.0.0:8080", "", proxies, fromProxies, false},
		{"0.0.0.0:8080", "http://localhost:8080", proxies, fromProxies, false},
		{"0.0.0.0:8080", "", nil, 0, true},
		{":8080", "", nil, 0, true},
		{"[::]:8080", "", nil, 0, true},
		{"192.0.2.1:8080", "http://localhost:8080", nil, 0, true},
		{"192.0.2.1:8080", "http://clinic.example", nil, 0, true},
		{"0.0.0.0:8080", "https", nil, 0, true},
		{"nowhere", "https://clinic.example", nil, 0, true},
	} {
		got, err := decidePlainHTTP(settings{Listen: c.listen, URL: c.url, TrustedProxies: c.proxies})
		require.Equal(t, c.refused, err != nil, "%s %s: %v", c.listen, c.url, err)
		require.Equal(t, c.want, got, "%s %s", c.listen, c.url)
		if err != nil {
			require.Equal(t, fault.KindInvalid, fault.KindOf(err))
		}
	}
	_, errs, code := runProgram(t, []string{"AFTERGLOW_LISTEN=0.0.0.0:0"}, "serve", "--data", t.TempDir())
	require.Equal(t, exitBadUse, code)
	for _, word := range []string{"AFTERGLOW_LISTEN", "AFTERGLOW_URL", "AFTERGLOW_TRUSTED_PROXIES", "127.0.0.1"} {
		require.Contains(t, errs, word)
	}
}

// told is a listener whose connections come from where the test says.
type told struct {
	net.Listener
	from []string
}

func (l *told) Accept() (net.Conn, error) {
	if len(l.from) == 0 {
		return nil, net.ErrClosed
	}
	next := l.from[0]
	l.from = l.from[1:]
	ours, theirs := net.Pipe()
	_ = theirs.Close()
	address, err := net.ResolveTCPAddr("tcp", next)
	return toldConn{ours, address}, err
}

type toldConn struct {
	net.Conn
	from net.Addr
}

func (c toldConn) RemoteAddr() net.Addr { return c.from }

func TestSR74_OnlyNamedProxiesConnectFromElsewhere(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/30"), netip.MustParsePrefix("2001:db8::7/128")}
	from := []string{"198.51.100.1:1", "192.0.2.3:1", "127.0.0.1:1", "192.0.2.4:1", "[2001:db8::7]:1", "[2001:db8::8]:1", "[::1]:1", "[::ffff:192.0.2.1]:1"}
	accepted := func(p plainHTTP) (all []string) {
		l := p.guarded(&told{from: from}, proxies, slog.New(slog.DiscardHandler))
		for {
			conn, err := l.Accept()
			if err != nil {
				return all
			}
			all = append(all, conn.RemoteAddr().String())
		}
	}
	require.Equal(t, []string{"192.0.2.3:1", "127.0.0.1:1", "[2001:db8::7]:1", "[::1]:1", "192.0.2.1:1"}, accepted(fromProxies))
	require.Len(t, accepted(behindTLS), len(from))
}

// The containers start as they are shipped: what comes through the published port
// has the address of their network's gateway.
func TestSR74_TheContainersNameTheirGateway(t *testing.T) {
	var c struct {
		Networks map[string]struct {
			IPAM struct {
				Config []struct{ Subnet, Gateway string }
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(shipped(t, "docker-compose.yml")), &c))
	front := c.Networks["front"].IPAM.Config
	require.Len(t, front, 1)
	gateway := netip.MustParseAddr(front[0].Gateway)
	require.True(t, netip.MustParsePrefix(front[0].Subnet).Contains(gateway))
	environment := composed(t).Services["afterglow"].Environment
	byDefault := regexp.MustCompile(`^\$\{[A-Z_]+:-(.*)\}$`)
	named := byDefault.FindStringSubmatch(environment["AFTERGLOW_TRUSTED_PROXIES"])
	require.Equal(t, gateway.String()+"/32", named[1])
	_, err := decidePlainHTTP(settings{Listen: environment["AFTERGLOW_LISTEN"], URL: byDefault.FindStringSubmatch(environment["AFTERGLOW_URL"])[1],
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix(named[1])}})
	require.NoError(t, err)
}

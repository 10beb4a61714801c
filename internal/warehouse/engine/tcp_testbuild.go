//go:build testbuild

package engine

import (
	"fmt"
	"net"
)

// ServeTCP makes the write pool answer on a loopback listener too, so that tests can reach an engine
// by address. It is compiled into test builds only: a released program cannot listen on TCP. The
// listener belongs to the engine from then on.
func (c *Config) ServeTCP(listener *net.TCPListener) error {
	if address := listener.Addr().(*net.TCPAddr); !address.IP.IsLoopback() {
		return fmt.Errorf("serve the engine on %s: loopback only", address)
	}
	c.tcp = listener
	return nil
}

//go:build !testbuild

package engine

import "net"

// ServeTCP is what tcp_testbuild.go gives to test builds; the tests of this package run in any.
func (c *Config) ServeTCP(listener *net.TCPListener) error {
	c.tcp = listener
	return nil
}

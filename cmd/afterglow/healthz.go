package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"afterglow/internal/fault"
)

type healthzCmd struct {
	Ready bool `help:"Check whether every part can be used, not only whether the process is alive."`
}

// Run asks the server that has the data folder, where it says that it listens;
// without one, whoever listens at this machine's AFTERGLOW_LISTEN. It ends with 0
// when the answer is 200, with 1 when it is another and with 3 when nobody answers.
func (c *healthzCmd) Run(ctx context.Context, root *cli) error {
	listens := folder(root.Data).listens(root.Listen)
	host, port, err := net.SplitHostPort(listens)
	if err != nil {
		return fault.Invalid("AFTERGLOW_LISTEN", "%q is not host:port", listens)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // it listens on every address, this machine's own among them
	}
	path := "/healthz"
	if c.Ready {
		path = "/readyz"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fault.Unavailable("server", nil, "no server answers at %s: %v", listens, rootCause(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return checkFailed{fmt.Sprintf("the server answers %s", response.Status)}
	}
	return nil
}

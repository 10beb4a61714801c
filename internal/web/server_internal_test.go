package web

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The bounds are those of the requirement, not whatever the program says.
func TestSR28_OneConnectionIsBounded(t *testing.T) {
	server := (&Server{log: slog.New(slog.DiscardHandler)}).HTTP()
	for name, bound := range map[string][2]time.Duration{
		"a header":         {server.ReadHeaderTimeout, 5 * time.Second},
		"a whole request":  {server.ReadTimeout, 30 * time.Second},
		"a response":       {server.WriteTimeout, 60 * time.Second},
		"an idle one":      {server.IdleTimeout, 120 * time.Second},
		"the drain at end": {drainTimeout, 30 * time.Second},
	} {
		require.Positive(t, bound[0], name)
		require.LessOrEqual(t, bound[0], bound[1], name)
	}
	require.Positive(t, server.MaxHeaderBytes)
	require.LessOrEqual(t, server.MaxHeaderBytes, 64<<10)
}

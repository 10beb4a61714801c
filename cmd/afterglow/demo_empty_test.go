package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
)

// A command may have taken the folder for itself just when the demo's server gave
// it back: nothing is removed before it has ended.
func TestADemoIsEmptiedOnceNobodyHasItOpen(t *testing.T) {
	data := imported(t)
	f := folder(data)
	kept := filepath.Join(data, "keys", "master.key")
	h, err := openCommand(t.Context(), &cli{Data: data}, slog.New(slog.DiscardHandler), false)
	require.NoError(t, err)
	require.False(t, h.beside)

	soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.True(t, fault.Is(emptyDemo(soon, f), fault.KindConflict))
	require.FileExists(t, f.registry())

	emptied := make(chan error, 1)
	go func() { emptied <- emptyDemo(t.Context(), f) }()
	_, err = h.store.Studies(t.Context())
	require.NoError(t, err)
	require.NoError(t, h.close())
	require.NoError(t, <-emptied)
	require.NoFileExists(t, f.registry())
	require.FileExists(t, kept, "the passwords stay")
	_, err = os.Stat(f.clickhouse())
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = existingFolder(data)
	require.True(t, fault.Is(err, fault.KindUnavailable), "a command finds no data, and makes none")
}

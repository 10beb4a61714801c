package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

func simulateRun(t *testing.T, args ...string) (stdout string, code int) {
	t.Helper()
	var out, errors bytes.Buffer
	var commands struct {
		Simulate simulateCmd `cmd:""`
	}
	data := filepath.Join(t.TempDir(), "none")
	parser, err := kong.New(&commands, kong.Writers(&out, &errors), kong.Bind(&cli{Data: data}), kong.BindTo(t.Context(), (*context.Context)(nil)))
	require.NoError(t, err)
	command, err := parser.Parse(append([]string{"simulate"}, args...))
	if err != nil {
		return "", exitBadUse
	}
	if err := command.Run(); err != nil {
		code = report(&errors, err)
	}
	_, missing := os.Stat(data)
	require.Error(t, missing, "files need no data folder")
	return out.String(), code
}

func TestSimulateWritesFilesAndTheirTruth(t *testing.T) {
	folder := t.TempDir()
	stdout, code := simulateRun(t, "--patients", "40", "--seed", "8", "--out", folder, "--json")
	require.Equal(t, exitDone, code)
	written, err := os.ReadFile(filepath.Join(folder, "truth.json"))
	require.NoError(t, err)
	require.JSONEq(t, string(written), stdout)
	var keys map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(written, &keys))
	for _, key := range []string{"seed", "profiles", "effects"} {
		require.Contains(t, keys, key)
	}
	for _, name := range []string{"patients", "courses", "sessions", "settings", "responses"} {
		require.FileExists(t, filepath.Join(folder, name+".csv"))
	}
}

func TestSimulateRefusesBadUse(t *testing.T) {
	for name, args := range map[string][]string{
		"no place":          {"--patients", "1", "--seed", "1"},
		"two places":        {"--patients", "1", "--seed", "1", "--out", t.TempDir(), "--warehouse"},
		"nobody":            {"--patients", "0", "--seed", "1", "--out", t.TempDir()},
		"no seed":           {"--patients", "1", "--out", t.TempDir()},
		"an unknown clinic": {"--patients", "1", "--seed", "1", "--profile", "spa", "--out", t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			_, code := simulateRun(t, args...)
			require.Equal(t, exitBadUse, code)
		})
	}
}

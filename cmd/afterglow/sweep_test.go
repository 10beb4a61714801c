package main

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

// A form that was left with thoughts in it, while no server ran, raises its alert
// once one does: serving sweeps. It also keeps the records of what was refused.
func TestSR110_ServingSweepsFormsThatWereLeft(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "keys"), 0o700))
	made := registrytest.NewFolder(t)
	made.Path, made.Key = filepath.Join(dir, "registry.db"), filepath.Join(dir, "keys", "master.key")
	require.NoError(t, registry.CreateMasterKey(made.Key))
	store, err := registry.Open(context.Background(), made.Config(t))
	require.NoError(t, err)
	patients := registrytest.Demo(t, store, 1)
	service, err := intake.New(intake.Config{Store: store, Instruments: registrytest.Instruments(t), Logger: registrytest.Logger()})
	require.NoError(t, err)
	require.NoError(t, service.SaveDraft(context.Background(), patients[0].Token, intake.DraftPage{
		Browser: "the browser that was put away", Page: 9, Answers: instrument.Answers{"9": instrument.Answer(1)}}))
	require.NoError(t, store.Close())

	alerts := func() string {
		out, _, _ := runProgram(t, nil, "alerts", "list", "--json", "--data", dir)
		return out
	}
	require.NotContains(t, alerts(), "phq-9-item-9")
	server := program(t, []string{"AFTERGLOW_LISTEN=127.0.0.1:0"}, "serve", "--data", dir)
	var said bytes.Buffer
	server.Stdout, server.Stderr = &said, &said
	require.NoError(t, server.Start())
	stop := sync.OnceFunc(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
	})
	defer stop()
	require.Eventually(t, func() bool { return bytes.Contains([]byte(alerts()), []byte(`"level":"amber"`)) }, time.Minute, 300*time.Millisecond, "no sweep ran")

	// Serving counts what it refuses, too, and records it at the latest at its end.
	url, err := os.ReadFile(folder(dir).serverURL())
	require.NoError(t, err)
	response, err := http.Post(strings.TrimSpace(string(url))+"/sign-in", "application/x-www-form-urlencoded", nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusForbidden, response.StatusCode)
	stop()
	refused := 0
	require.NoError(t, made.Open(t).EachAuditEntry(context.Background(), 0, func(e registry.AuditEntry) error {
		if e.Action == "requests-refused" {
			refused++
		}
		return nil
	}))
	require.Equal(t, 1, refused)
}

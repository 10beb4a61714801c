package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"afterglow/internal/caseload"
	"afterglow/internal/simulate"
	"afterglow/internal/warehouse/engine"
)

// A first start may be interrupted after any part: the next one brings in what is
// not there, and a further one nothing.
func TestAnInterruptedFirstStartIsMadeWhole(t *testing.T) {
	ctx := context.Background()
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	library, err := engine.FindLibrary("", "../..")
	require.NoError(t, err)
	s, err := openServer(ctx, &cli{Data: filepath.Join(t.TempDir(), "demo"), settings: settings{Listen: "127.0.0.1:0", Library: library}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.close()) })
	require.NoError(t, s.markDemo(ctx, false))
	first, err := simulate.StudyImport(s.library, 5, simulatedSeed)
	require.NoError(t, err)
	_, err = s.store.ImportStudy(ctx, command("demo"), first)
	require.NoError(t, err)

	var said []string
	progress := func(format string, _ ...any) { said = append(said, format) }
	require.NoError(t, s.loadSimulatedClinic(ctx, progress))
	_, err = s.store.Study(ctx, simulate.UnderWayID)
	require.NoError(t, err, "the second study, where only the first was stored")
	require.Len(t, said, 2, "the first is not loaded again")

	alerts, err := s.safety.Alerts(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, alerts)
	for _, a := range alerts {
		require.Equal(t, demoInstrument, a.Instrument)
		require.True(t, a.Simulated)
		require.NotEmpty(t, a.Submission, "raised by a submission, as any alert")
	}
	list, err := caseload.New(caseload.Config{Store: s.store, Instruments: s.library, Zone: s.site.zone})
	require.NoError(t, err)
	lines, err := list.Lines(ctx)
	require.NoError(t, err)
	worse, waiting := 0, 0
	for _, l := range lines {
		if l.IsWorse() {
			worse++
		}
		waiting += l.OpenAlerts
	}
	require.Positive(t, worse, "the caseload shows somebody who got reliably worse")
	require.Equal(t, len(alerts), waiting)

	said = nil
	require.NoError(t, s.loadSimulatedClinic(ctx, progress))
	require.Empty(t, said)
	again, err := s.safety.Alerts(ctx)
	require.NoError(t, err)
	require.Equal(t, alerts, again)

	// In the list, an alert's owner is a name, and nobody is null.
	accounts, err := s.demoAccounts(ctx)
	require.NoError(t, err)
	stored, err := s.store.Accounts(ctx)
	require.NoError(t, err)
	require.NoError(t, s.safety.Acknowledge(ctx, stored[0].Actor(), alerts[0].ID, "seen"))
	var out strings.Builder
	require.NoError(t, (&alertsListCmd{JSON: true}).print(ctx, &kong.Context{Kong: &kong.Kong{Stdout: &out}}, s.store))
	var owners []any
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var alert map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &alert))
		require.Contains(t, alert, "owner")
		owners = append(owners, alert["owner"])
	}
	require.Contains(t, []string{accounts[0].name, accounts[1].name, accounts[2].name}, owners[0])
	for _, owner := range owners[1:] {
		require.Nil(t, owner)
	}
}

func TestTheHelpShowsHowADemoIsStarted(t *testing.T) {
	out, _, code := runProgram(t, nil, "--help")
	require.Equal(t, exitDone, code)
	require.Contains(t, out, "demo run")
	require.Contains(t, out, "'afterglow demo' does the same")
}

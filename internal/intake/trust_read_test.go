package intake_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/intake"
	"afterglow/internal/testkit/registrytest"
	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse"
)

// A part may break while ClickHouse runs on. The first question that cannot be
// answered for it ends the trust, and the part is brought back.
func TestSR11_APartThatBreaksWithoutACrashIsBroughtBack(t *testing.T) {
	v := newWard(t)
	require.NoError(t, v.trust.Settle(ctx))
	before := v.snapshot(t)
	parts := warehousetest.Parts(t, v.engine.Config, "response")
	require.NoError(t, os.Truncate(filepath.Join(parts[0], "data.bin"), 10))
	v.forget(t)
	_, err := v.w.Snapshot(ctx, "small")
	require.ErrorIs(t, err, warehouse.ErrUnreadable)
	require.True(t, fault.Is(err, fault.KindUnavailable), "%v", err)
	require.NotZero(t, v.w.FailedReads())
	pid := v.engine.Pid()
	v.run(t)
	require.Eventually(t, func() bool {
		_, err := v.w.Snapshot(ctx, "small")
		return err == nil && v.trust.Check() == nil
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, pid, v.engine.Pid(), "the part was set aside without a start")
	require.Equal(t, before, v.snapshot(t))
}

// A command beside a server that cannot read the data makes the server look.
func TestSR11_TheDoubtOfACommandMakesTheServerCompare(t *testing.T) {
	v := newWard(t)
	var doubted atomic.Bool
	var lost []string
	trust, err := intake.NewTrust(intake.TrustConfig{Store: v.store, Warehouse: v.w, Shipper: v.ship, Logger: registrytest.Logger(),
		Doubted: func() bool { return doubted.Swap(false) }, Told: func(s intake.Standing) { lost = append(lost, s.Why) }})
	require.NoError(t, err)
	require.NoError(t, trust.Settle(ctx))
	v.trust = trust
	doubted.Store(true)
	stop := v.run(t)
	require.Eventually(t, func() bool { return !doubted.Load() && trust.Check() == nil }, time.Minute, 10*time.Millisecond)
	stop()
	require.Equal(t, []string{"", "a command could not read the data of ClickHouse", ""}, lost)
}

// While ClickHouse is away the loop waits between its looks; it must not wake
// itself.
func TestSR13_TheLoopRestsWhileClickHouseIsAway(t *testing.T) {
	b := setup(t, 0)
	away := func(context.Context) (net.Conn, error) { return nil, errors.New("nobody listens") }
	w, err := warehouse.New(warehouse.Config{Database: "afterglow", DialWrite: away, DialRead: away})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	var said lines
	trust, err := intake.NewTrust(intake.TrustConfig{Store: b.store, Warehouse: w, Shipper: shipper(t, b.store, w), Logger: slog.New(slog.NewTextHandler(&said, nil))})
	require.NoError(t, err)
	v := &ward{bench: b, w: w, trust: trust}
	stop := v.run(t)
	require.Eventually(t, func() bool { return said.Load() > 0 }, time.Minute, time.Millisecond)
	time.Sleep(200 * time.Millisecond) // thousands of rounds, were there no rest
	stop()
	require.Less(t, said.Load(), int64(10))
}

// lines counts what is written.
type lines struct{ atomic.Int64 }

func (l *lines) Write(p []byte) (int, error) {
	l.Add(1)
	return len(p), nil
}

// run keeps the trust as a server does.
func (v *ward) run(t *testing.T) (stop func()) {
	t.Helper()
	running, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); v.trust.Run(running) }()
	stop = func() { end(); <-ended }
	t.Cleanup(stop)
	return stop
}

// forget makes ClickHouse read its files anew.
func (v *ward) forget(t *testing.T) {
	t.Helper()
	direct := warehousetest.Direct(t, v.engine.Config)
	require.NoError(t, direct.Exec(ctx, "SYSTEM DROP MARK CACHE"))
	require.NoError(t, direct.Exec(ctx, "SYSTEM DROP UNCOMPRESSED CACHE"))
}

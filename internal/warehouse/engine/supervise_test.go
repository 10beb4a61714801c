package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/warehouse/engine"
)

// patience bounds every wait for something that must happen; nothing is concluded from how long it
// took.
const patience = time.Minute

// TestSR15_KilledDuringInserts: the child is killed again and again while batches are inserted; each
// batch is sent until it is acknowledged, and is there once.
func TestSR15_KilledDuringInserts(t *testing.T) {
	const (
		writers, batches, rows = 3, 40, 50
		kills                  = 5
	)
	c := config(t)
	c.Watch = engine.Watch{BackoffMin: 10 * time.Millisecond, BackoffMax: 20 * time.Millisecond}
	e := start(t, c)
	conn := connect(t, e, engine.Write)
	makeDurable(t, conn, "kept")

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var acknowledged atomic.Int64
	progress := make(chan struct{}, writers*batches)
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for b := range batches {
				for ctx.Err() == nil {
					if err := e.WaitUp(ctx); err != nil {
						t.Error(err)
						return
					}
					if sendBatch(ctx, conn, "kept", w*batches+b, rows) == nil {
						break
					}
				}
				acknowledged.Add(1)
				progress <- struct{}{}
			}
		})
	}
	for range kills {
		for range writers * batches / (kills + 1) {
			<-progress
		}
		if pid := e.Pid(); pid != 0 {
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
		}
	}
	writing.Wait()
	require.NoError(t, ctx.Err())
	require.EqualValues(t, writers*batches, acknowledged.Load())
	require.NoError(t, e.WaitUp(ctx))
	counts := countByBatch(t, conn, "kept")
	require.Len(t, counts, writers*batches)
	for batch, n := range counts {
		require.EqualValues(t, rows, n, "batch %d", batch)
	}
	require.Positive(t, e.State().Restarts)
	require.ErrorContains(t, e.State().LastError, "killed")
}

// TestSR15_Hang: a child that no longer answers is killed and replaced.
func TestSR15_Hang(t *testing.T) {
	c := config(t)
	c.Watch = engine.Watch{Every: 20 * time.Millisecond, Timeout: time.Second, Misses: 2}
	e := start(t, c)
	conn := connect(t, e, engine.Write)
	makeDurable(t, conn, "kept")
	require.NoError(t, sendBatch(t.Context(), conn, "kept", 1, 10))
	hung := e.Pid()
	require.NoError(t, syscall.Kill(hung, syscall.SIGSTOP))
	require.Eventually(t, func() bool {
		s := e.State()
		return s.Phase == engine.PhaseUp && s.PID != hung
	}, patience, 10*time.Millisecond)
	require.Positive(t, e.State().Restarts)
	require.ErrorContains(t, e.State().LastError, "missed 2 health queries")
	require.Equal(t, map[uint64]uint64{1: 10}, countByBatch(t, conn, "kept"))
}

// TestSR15_DownFailsCleanly: while the child is down, dialling says so at once and without a hang.
func TestSR15_DownFailsCleanly(t *testing.T) {
	c := config(t)
	c.Watch = engine.Watch{BackoffMin: time.Hour, BackoffMax: time.Hour}
	e := start(t, c)
	conn := connect(t, e, engine.Write)
	require.NoError(t, conn.Ping(t.Context()))
	require.NoError(t, syscall.Kill(e.Pid(), syscall.SIGKILL))
	require.Eventually(t, func() bool { return e.State().Phase == engine.PhaseRestarting }, patience, 10*time.Millisecond)
	require.ErrorIs(t, conn.Ping(t.Context()), engine.ErrDown)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, e.WaitUp(ended), engine.ErrDown)
	require.NoError(t, e.Close())
	require.Equal(t, engine.PhaseStopped, e.State().Phase)
	require.ErrorIs(t, e.WaitUp(t.Context()), engine.ErrDown)
}

func TestSecondOwnerIsRefused(t *testing.T) {
	c := config(t)
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holdVariable+"="+c.Data, "TMPDIR="+shortFolder(t))
	said, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	line, err := bufio.NewReader(said).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "engine ")))
	require.NoError(t, err, line)

	_, err = engine.Start(t.Context(), c)
	require.ErrorIs(t, err, engine.ErrInUse)
	require.ErrorContains(t, err, fmt.Sprintf("process %d", holder.Process.Pid))

	// A parent that is killed takes its child with it, and the folder is free.
	require.NoError(t, holder.Process.Kill())
	require.Error(t, holder.Wait())
	e := start(t, c)
	require.NoError(t, connect(t, e, engine.Write).Ping(t.Context()))
	require.Eventually(t, func() bool { return !runs(pid) }, patience, 10*time.Millisecond, "the other's child is gone")

	_, err = engine.Start(t.Context(), c)
	require.ErrorIs(t, err, engine.ErrInUse, "in the same process too")
}

func TestRestartKeepsTheData(t *testing.T) {
	c := config(t)
	c.PIDFile = filepath.Join(t.TempDir(), "run", "engine.pid")
	c.Runtime = shortFolder(t)
	for round := 1; round <= 2; round++ {
		e, err := engine.Start(t.Context(), c)
		require.NoError(t, err)
		written, err := os.ReadFile(c.PIDFile)
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(e.Pid()), strings.TrimSpace(string(written)))
		conn := connect(t, e, engine.Write)
		if round == 1 {
			makeDurable(t, conn, "kept")
		}
		require.NoError(t, sendBatch(t.Context(), conn, "kept", round, 10))
		require.Len(t, countByBatch(t, conn, "kept"), round)
		pid := e.Pid()
		require.NoError(t, e.Close())
		require.NoError(t, e.Close(), "twice")
		require.Equal(t, engine.State{Phase: engine.PhaseStopped}.Phase, e.State().Phase)
		require.Zero(t, e.State().Restarts)
		require.False(t, runs(pid))
		require.NoFileExists(t, c.PIDFile)
		left, err := os.ReadDir(c.Runtime)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

// TestDialAt: a command beside a running server reaches the server's engine by its runtime folder.
func TestDialAt(t *testing.T) {
	c := config(t)
	c.Runtime = shortFolder(t)
	_, err := engine.DialAt(c.Runtime, engine.Read)(t.Context(), "")
	require.ErrorIs(t, err, engine.ErrDown)
	start(t, c)
	conn, err := engine.DialAt(c.Runtime, engine.Read)(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// TestCloseWhileBusy: what still runs is cancelled, not waited for.
func TestCloseWhileBusy(t *testing.T) {
	c := config(t)
	e := start(t, c)
	conn := connect(t, e, engine.Write)
	ended := make(chan error, 1)
	go func() { ended <- conn.QueryRow(t.Context(), runsLong).Err() }()
	require.Eventually(t, func() bool {
		var n uint64
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count() FROM system.processes").Scan(&n))
		return n > 1
	}, patience, 10*time.Millisecond)
	require.NoError(t, e.Close())
	require.Error(t, <-ended)
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		name, says string
		change     func(*engine.Config)
	}{
		{"nothing set", "no Library is given", func(c *engine.Config) { *c = engine.Config{} }},
		{"not a library", "load libchdb", func(c *engine.Config) { c.Library = os.Args[0] + ".missing" }},
		{"a command that is not there", "start the engine", func(c *engine.Config) { c.Command = []string{filepath.Join(c.Data, "nothing")} }},
		{"a command that is no engine", "ended", func(c *engine.Config) { c.Command = []string{"/bin/true"} }},
		{"a long runtime folder", "choose a shorter one", func(c *engine.Config) {
			c.Runtime = filepath.Join(t.TempDir(), strings.Repeat("long/", 25))
		}},
		{"a negative limit", "Read has a negative limit", func(c *engine.Config) { c.Read.Sessions = -1 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config(t)
			test.change(&c)
			_, err := engine.Start(t.Context(), c)
			require.ErrorContains(t, err, test.says)
		})
	}
	t.Run("a context that has ended", func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := engine.Start(ended, config(t))
		require.ErrorIs(t, err, context.Canceled)
	})
}

// runs is false for a process that is gone or only waits to be reaped.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func shortFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "ag")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	return folder
}

// TestSR15_AStatementThatNothingEnds: ClickHouse looks for a single flipped bit in a block whose checksum
// is wrong, bit by bit, for many minutes, and asks nobody whether it may go on. Its end is the process's.
func TestSR15_AStatementThatNothingEnds(t *testing.T) {
	c := config(t)
	c.Read.Time = time.Second
	c.Watch = engine.Watch{Every: 50 * time.Millisecond, Cancelled: time.Second, BackoffMin: 10 * time.Millisecond}
	e, err := engine.Start(t.Context(), c)
	require.NoError(t, err)
	conn := connect(t, e, engine.Write)
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE noise (line String) ENGINE = MergeTree ORDER BY tuple()"))
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO noise SELECT randomString(127) FROM numbers(8192)"))
	require.NoError(t, e.Close())
	files, err := filepath.Glob(filepath.Join(c.Data, "store", "*", "*", "all_*", "data.bin"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	flipByte(t, files[0])

	e = start(t, c)
	first := e.Pid()
	read := connect(t, e, engine.Read)
	require.Error(t, read.QueryRow(t.Context(), "SELECT count() FROM noise WHERE NOT ignore(line)").Err())
	require.Eventually(t, func() bool {
		s := e.State()
		return s.Phase == engine.PhaseUp && s.PID != first
	}, patience, 10*time.Millisecond)
	require.ErrorContains(t, e.State().LastError, "have not ended 1s after they were cancelled")
	require.False(t, runs(first))
	require.NoError(t, connect(t, e, engine.Read).Ping(t.Context()), "and the next child answers")
}

// flipByte turns one byte in the middle of a file around.
func flipByte(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	content[len(content)/2] ^= 0xff
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

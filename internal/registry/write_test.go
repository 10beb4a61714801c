package registry_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/identity"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

var system = registry.System("test")

func audit(tx *registry.Tx) error {
	return tx.Audit(registry.Event{Action: "tried", SubjectKind: "test", Subject: "write"})
}

func setName(value string) func(*registry.Tx) error {
	return func(tx *registry.Tx) error { return tx.SetSetting(registry.SettingSiteName, value) }
}

func TestWritersShareATransactionButNotTheirFaults(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	var all sync.WaitGroup
	results := make([]error, 300)
	for i := range results {
		all.Go(func() {
			results[i] = s.Write(ctx, system, func(tx *registry.Tx) error {
				if err := tx.SetSetting(fmt.Sprintf("setting-%d", i), "x"); err != nil {
					return err
				}
				switch i % 3 {
				case 1:
					return errors.New("changed my mind")
				case 2:
					panic("a bug in one caller")
				}
				return nil
			})
		})
	}
	all.Wait()
	for i, err := range results {
		value, readErr := s.Setting(ctx, fmt.Sprintf("setting-%d", i))
		require.NoError(t, readErr)
		switch i % 3 {
		case 0:
			require.NoError(t, err)
			require.Equal(t, "x", value)
		case 1:
			require.ErrorContains(t, err, "changed my mind")
			require.Empty(t, value)
		case 2:
			require.ErrorContains(t, err, "panic: a bug in one caller")
			require.Empty(t, value, "SR-26: a panic takes its own transaction with it, and nothing else")
		}
	}
	report, err := s.VerifyAudit(ctx, registry.AuditCheckpoint{})
	require.NoError(t, err)
	require.Equal(t, int64(100), report.Entries)
	require.Zero(t, report.FirstBad, report.Why)
}

func TestSR76_AChangeWithoutAnAuditEventDoesNotCommit(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	err := s.Write(ctx, system, func(tx *registry.Tx) error {
		_, err := tx.CreateCourse(registry.NewCourse{Patient: "00000000000000000000000000000000"})
		return err
	})
	require.Error(t, err, "a course of no patient")

	var pseudonym care.Pseudonym
	require.NoError(t, s.Write(ctx, system, func(tx *registry.Tx) (err error) {
		pseudonym, err = tx.CreatePatient(identity.Person{Name: identity.NewText("Canary")})
		return err
	}))
	err = s.Write(ctx, system, func(tx *registry.Tx) error {
		_, err := tx.CreateCourse(registry.NewCourse{Patient: pseudonym})
		return err
	})
	require.ErrorContains(t, err, "left no audit event")
	courses, err := s.Courses(ctx, pseudonym)
	require.NoError(t, err)
	require.Empty(t, courses)
}

func TestAWaitEndsWithItsContextOnlyBeforeTheWrite(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	running, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- s.Write(ctx, system, func(tx *registry.Tx) error {
			close(running)
			<-release
			return audit(tx)
		})
	}()
	<-running
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	err := s.Write(cancelled, system, func(*registry.Tx) error { panic("an abandoned write never runs") })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, fault.KindCanceled, fault.KindOf(err))
	late, end := context.WithTimeout(ctx, 0)
	defer end()
	err = s.Write(late, system, func(*registry.Tx) error { panic("an abandoned write never runs") })
	require.Equal(t, fault.KindUnavailable, fault.KindOf(err), "the caller's time was up: the same call may work later")
	close(release)
	require.NoError(t, <-first)
	require.NoError(t, s.Write(ctx, system, audit))
	_, err = s.Accounts(cancelled)
	require.Equal(t, fault.KindCanceled, fault.KindOf(err), "a read that is given up: %v", err)
}

func TestAFullQueueIsUnavailable(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t, func(c *registry.Config) { c.QueueLength = 1 })
	running, release := make(chan struct{}), make(chan struct{})
	const callers = 9
	results := make(chan error, callers)
	go func() {
		results <- s.Write(ctx, system, func(tx *registry.Tx) error { close(running); <-release; return audit(tx) })
	}()
	<-running
	for range callers - 1 {
		go func() { results <- s.Write(ctx, system, audit) }()
	}
	for range callers - 2 { // one has the only place in the queue, and one is being served
		require.True(t, fault.Is(<-results, fault.KindUnavailable))
	}
	close(release)
	require.NoError(t, <-results)
	require.NoError(t, <-results)
	require.NoError(t, s.Close())
	require.True(t, fault.Is(s.Write(ctx, system, audit), fault.KindUnavailable), "a closed registry")
}

// TestSR6_EveryStatementMayFail fails each statement of a write in turn with each
// code: no acknowledgement, nothing half-done, and the next write works.
func TestSR6_EveryStatementMayFail(t *testing.T) {
	faults := registrytest.NewFaults(t)
	s := registrytest.NewFolder(t).Open(t, func(c *registry.Config) { c.Driver = faults.Name })
	require.NoError(t, s.Write(ctx, system, setName("before")))
	faults.FailAt(0, 0)
	require.NoError(t, s.Write(ctx, system, setName("counted")))
	statements := faults.Seen()
	require.Greater(t, statements, 5)
	for _, code := range []int{registrytest.CodeFull, registrytest.CodeReadOnly, registrytest.CodeBusy, registrytest.CodeIO} {
		for k := 1; k <= statements; k++ {
			faults.FailAt(0, 0)
			require.NoError(t, s.Write(ctx, system, setName("before")))
			faults.FailAt(k, code)
			err := s.Write(ctx, system, setName("after"))
			require.True(t, fault.Is(err, fault.KindUnavailable), "statement %d, code %d: %v", k, code, err)
			faults.FailAt(0, 0)
			value, err := s.Setting(ctx, registry.SettingSiteName)
			require.NoError(t, err)
			require.Equal(t, "before", value)
		}
	}
	require.NoError(t, s.Write(ctx, system, setName("after")))
	require.NoError(t, s.CheckIntegrity(ctx))
	report, err := s.VerifyAudit(ctx, registry.AuditCheckpoint{})
	require.NoError(t, err)
	require.Zero(t, report.FirstBad, report.Why)
}

// TestSR6_AFullDisk lets SQLite itself run out of pages.
func TestSR6_AFullDisk(t *testing.T) {
	f := registrytest.NewFolder(t)
	require.NoError(t, f.Open(t).Close())
	faults := registrytest.NewFaults(t)
	faults.OnConnect("PRAGMA max_page_count = 120")
	small := f.Open(t, func(c *registry.Config) { c.Driver = faults.Name })
	var acknowledged int64
	var err error
	for i := 0; err == nil && i < 10_000; i++ {
		if err = small.Write(ctx, system, audit); err == nil {
			acknowledged++
		}
	}
	require.True(t, fault.Is(err, fault.KindUnavailable), "%v", err)
	require.ErrorContains(t, err, "the registry's disk is full")
	require.NoError(t, small.CheckIntegrity(ctx))
	require.NoError(t, small.Close())

	roomy := f.Open(t)
	require.NoError(t, roomy.Write(ctx, system, audit))
	report, err := roomy.VerifyAudit(ctx, registry.AuditCheckpoint{})
	require.NoError(t, err)
	require.Equal(t, acknowledged+1, report.Entries, "what was acknowledged, and nothing else")
}

func TestSR6_ALockedFile(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	db, err := sql.Open("sqlite", f.Path)
	require.NoError(t, err)
	defer db.Close()
	conn, err := db.Conn(ctx)
	require.NoError(t, err)
	_, err = conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- s.Write(ctx, system, audit) }()
	_, err = conn.ExecContext(ctx, "COMMIT")
	require.NoError(t, err)
	require.NoError(t, <-done, "a write waits for another process's lock")
	require.NoError(t, conn.Close())
}

func TestSR18_AStepOfTheClockIsRecorded(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	require.NoError(t, s.Write(ctx, system, audit))
	var steps int
	for _, moved := range []time.Duration{48 * time.Hour, -96 * time.Hour, 48 * time.Hour} {
		f.Clock.Advance(moved)
		require.NoError(t, s.Write(ctx, system, audit))
	}
	var last int64
	require.NoError(t, s.EachAuditEntry(ctx, 0, func(e registry.AuditEntry) error {
		require.Equal(t, last+1, e.Sequence, "order comes from the sequence")
		last = e.Sequence
		if e.Action == "clock-stepped" {
			steps++
		}
		return nil
	}))
	require.Equal(t, 3, steps)
	report, err := s.VerifyAudit(ctx, registry.AuditCheckpoint{})
	require.NoError(t, err)
	require.Zero(t, report.FirstBad, report.Why)
}

// Package registrytest opens registries for tests: a data folder with a master
// key, a clock that the test moves, and a database driver that fails on demand.
// Floor: testkit.
//
// It must not be imported by anything but tests.
package registrytest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/instrument"
	"afterglow/internal/registry"
	"afterglow/schemas"
)

// Clock is a clock that stands until the test moves it.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now gives the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock, back too.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Folder is a data folder of a test.
type Folder struct {
	Path  string
	Key   string
	Clock *Clock
}

// NewFolder makes a folder with a master key and no registry yet.
func NewFolder(t testing.TB) *Folder {
	t.Helper()
	dir := t.TempDir()
	f := &Folder{
		Path: filepath.Join(dir, "registry.sqlite"), Key: filepath.Join(dir, "master.key"),
		Clock: &Clock{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)},
	}
	require.NoError(t, registry.CreateMasterKey(f.Key))
	return f
}

// Config is what opens the folder's registry.
func (f *Folder) Config(t testing.TB) registry.Config {
	t.Helper()
	key, err := registry.ReadMasterKey(f.Key)
	require.NoError(t, err)
	return registry.Config{Path: f.Path, MasterKey: key, Clock: f.Clock.Now, Logger: Logger()}
}

// Open opens the registry and closes it when the test ends.
func (f *Folder) Open(t testing.TB, change ...func(*registry.Config)) *registry.Store {
	t.Helper()
	c := f.Config(t)
	for _, apply := range change {
		apply(&c)
	}
	s, err := registry.Open(context.Background(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// Logger writes what is wrong to standard error.
func Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1}))
}

// Instruments loads the instruments that ship.
func Instruments(t testing.TB) *instrument.Library {
	t.Helper()
	library, err := instrument.LoadLibrary(schemas.Instruments())
	require.NoError(t, err)
	return library
}

// PHQ9 gives the newest version of the PHQ-9.
func PHQ9(t testing.TB) *instrument.Definition {
	t.Helper()
	d, err := Instruments(t).Latest("phq-9")
	require.NoError(t, err)
	return d
}

// Demo marks the registry as a demo, confirms a roster, offers the PHQ-9 and
// makes n simulated patients with one open occasion each.
func Demo(t testing.TB, s *registry.Store, n int) []registry.SimulatedPatient {
	t.Helper()
	d := PHQ9(t)
	require.NoError(t, s.Write(context.Background(), registry.System("test"), func(tx *registry.Tx) error {
		if err := tx.SetSetting(registry.SettingDemo, "yes"); err != nil {
			return err
		}
		if _, err := tx.AddRosterLine(registry.RosterLine{Person: "on call", Duty: registry.DutyPrimary, Days: registry.AllDays, ToMinute: 1440}); err != nil {
			return err
		}
		if err := tx.ConfirmRoster(); err != nil {
			return err
		}
		return tx.ActivateInstrument(registry.Activation{Instrument: d.ID, Version: d.Version, HasSafetyRules: true})
	}))
	patients, err := s.CreateSimulatedPatients(context.Background(), registry.System("test"), n,
		registry.SimulatedOccasion{Instrument: d.ID, Version: d.Version, Visit: "week-4", Day: 28})
	require.NoError(t, err)
	return patients
}

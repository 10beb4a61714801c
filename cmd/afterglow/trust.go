package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/intake"
)

// trustFile is where the server says which ClickHouse it has compared with the
// record; there is none while the warehouse may not be believed.
func (f folder) trustFile() string { return filepath.Join(f.run(), "warehouse.trusted") }

// trusted is the content of the file.
type trusted struct {
	// Process is the engine's child, "" for a server elsewhere.
	Process  string `json:"process"`
	Detached uint64 `json:"detached"`
}

func (f folder) withdrawTrust() error {
	if err := os.Remove(f.trustFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("withdraw the warehouse's state: %w", err)
	}
	return nil
}

// announceTrust writes the file whole, or takes it away.
func (f folder) announceTrust(s intake.Standing) error {
	if err := f.withdrawTrust(); err != nil || !s.Trusted {
		return err
	}
	content, err := json.Marshal(trusted{Process: s.Process, Detached: s.Detached})
	if err != nil {
		return fmt.Errorf("encode the warehouse's state: %w", err)
	}
	if err := os.WriteFile(f.trustFile()+".new", content, 0o600); err != nil {
		return fmt.Errorf("write the warehouse's state: %w", err)
	}
	return os.Rename(f.trustFile()+".new", f.trustFile())
}

// readTrust refuses when the server does not trust the warehouse, or has compared
// another start of the engine than the one that runs.
func (f folder) readTrust() (trusted, error) {
	var found trusted
	content, err := os.ReadFile(f.trustFile())
	if err == nil {
		err = json.Unmarshal(content, &found)
	}
	if err != nil {
		return trusted{}, intake.Refusal("the server has not finished this")
	}
	if found.Process == "" {
		return found, nil
	}
	if running, err := os.ReadFile(f.enginePID()); err != nil || strings.TrimSpace(string(running)) != found.Process {
		return trusted{}, intake.Refusal("ClickHouse was restarted")
	}
	return found, nil
}

// besideTrust is the trust of a command beside a server: what the server says, and
// the counts of the study looked at again.
type besideTrust struct {
	house *house
	begun atomic.Pointer[trusted]
}

func (t *besideTrust) Begin(context.Context) (uint64, error) {
	found, err := t.house.folder.readTrust()
	t.begun.Store(&found)
	return 0, err
}

func (t *besideTrust) Confirm(ctx context.Context, study string, _ uint64) ([]finding.Caveat, error) {
	held, err := intake.CheckStudy(ctx, t.house.store, t.house.warehouse, study)
	var f *fault.Error
	switch {
	case fault.Is(err, fault.KindConflict) && errors.As(err, &f):
		return nil, intake.Refusal(f.Message)
	case err != nil:
		return nil, err
	}
	now, err := t.house.folder.readTrust()
	if err != nil {
		return nil, err
	}
	if begun := t.begun.Load(); now != *begun || held.Pulse.Detached != now.Detached {
		return nil, intake.Refusal("ClickHouse set a part of a table aside")
	}
	return held.Caveats(), nil
}

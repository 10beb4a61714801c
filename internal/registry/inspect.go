package registry

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// SettingState is a setting of the database as it was read back, with what it
// must be.
type SettingState struct {
	Name  string
	Value string
	Want  string
	Right bool
}

// Inspection is what the registry says of itself. The times are the zero time
// where there is nothing yet.
type Inspection struct {
	Settings      []SettingState
	Schema        int64
	LastEvent     time.Time
	Waiting       int64
	OldestWaiting time.Time
}

// Inspect reads the settings, the schema version, the time of the newest audit
// event and what waits for the warehouse.
func (s *Store) Inspect(ctx context.Context) (Inspection, error) {
	var found Inspection
	for _, wanted := range wantedSettings {
		state := SettingState{Name: wanted.name, Want: wanted.want}
		if err := s.queryRow(ctx, wanted.query).Scan(&state.Value); err != nil {
			return Inspection{}, fmt.Errorf("read the setting %s: %w", wanted.name, err)
		}
		state.Right = wanted.ok(state.Value)
		found.Settings = append(found.Settings, state)
	}
	var last, oldest sql.NullString
	err := s.queryRow(ctx, `SELECT (SELECT max(version_id) FROM goose_db_version WHERE is_applied = 1),
		(SELECT at FROM audit ORDER BY sequence DESC LIMIT 1), (SELECT count(*) FROM outbox w WHERE w.journal IS NOT NULL AND `+outboxIsOpen+` AND `+notDamaged+`),
		(SELECT received_at FROM journal WHERE sequence = (SELECT min(journal) FROM outbox w WHERE `+outboxIsOpen+` AND `+notDamaged+`))`).Scan(&found.Schema, &last, &found.Waiting, &oldest)
	if err != nil {
		return Inspection{}, fmt.Errorf("inspect the registry: %w", err)
	}
	for _, t := range []struct {
		text sql.NullString
		into *time.Time
	}{{last, &found.LastEvent}, {oldest, &found.OldestWaiting}} {
		if !t.text.Valid {
			continue
		}
		if *t.into, err = parseTime(t.text.String); err != nil {
			return Inspection{}, err
		}
	}
	return found, nil
}

// Activations lists the instruments that the site offers, by name.
func (s *Store) Activations(ctx context.Context) ([]Activation, error) {
	list := []Activation{}
	err := each(ctx, s, func(rows *sql.Rows) error {
		var a Activation
		err := rows.Scan(&a.Instrument, &a.Version, &a.HasSafetyRules)
		list = append(list, a)
		return err
	}, "SELECT instrument, instrument_version, has_safety_rules FROM instrument_activation ORDER BY instrument, instrument_version")
	if err != nil {
		return nil, fmt.Errorf("list the instruments on offer: %w", err)
	}
	return list, nil
}

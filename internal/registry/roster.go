package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"afterglow/internal/fault"
)

// Duty is the order in which people on call are asked.
type Duty string

// The duties.
const (
	DutyPrimary Duty = "primary"
	DutyBackup  Duty = "backup"
	DutyLead    Duty = "lead"
)

// RosterLine says who is on call when. Days is a bit mask, Monday = 1 to Sunday
// = 64; minutes count from midnight of the site. A line counts once confirmed.
type RosterLine struct {
	ID          int64
	Person      string
	Duty        Duty
	Days        int
	FromMinute  int
	ToMinute    int
	ConfirmedBy string
	ConfirmedAt *time.Time
}

// AllDays is the bit mask of the whole week.
const AllDays = 127

// AddRosterLine stores a line that nobody has confirmed yet.
func (tx *Tx) AddRosterLine(l RosterLine) (int64, error) {
	result, err := tx.exec("INSERT INTO roster (person, duty, days, from_minute, to_minute) VALUES (?, ?, ?, ?, ?)",
		l.Person, string(l.Duty), l.Days, l.FromMinute, l.ToMinute)
	if isConstraint(err) {
		return 0, fault.Invalid("roster", "a line needs a person, a duty (primary, backup, lead), days and hours that end after they start")
	}
	if err != nil {
		return 0, fmt.Errorf("store a roster line: %w", err)
	}
	id, err := result.LastInsertId()
	if err != nil {
		return 0, fmt.Errorf("store a roster line: %w", err)
	}
	return id, tx.Audit(Event{Action: "roster-line-added", SubjectKind: "roster", Subject: fmt.Sprint(id)})
}

// ConfirmRoster confirms every line that is not yet; the actor answers for it.
func (tx *Tx) ConfirmRoster() error {
	result, err := tx.exec("UPDATE roster SET confirmed_by = ?, confirmed_at = ? WHERE confirmed_at IS NULL AND removed_at IS NULL",
		tx.actor.ID, timeText(tx.now))
	if err != nil {
		return fmt.Errorf("confirm the roster: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("confirm the roster: %w", err)
	}
	return tx.Audit(Event{Action: "roster-confirmed", SubjectKind: "roster", Subject: "all", Detail: map[string]any{"lines": n}})
}

// RemoveRosterLine takes a line out of the roster.
func (tx *Tx) RemoveRosterLine(id int64) error {
	result, err := tx.exec("UPDATE roster SET removed_at = ? WHERE id = ? AND removed_at IS NULL", timeText(tx.now), id)
	if err != nil {
		return fmt.Errorf("remove roster line %d: %w", id, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return fault.NotFound("roster", "there is no line %d", id)
	}
	return tx.Audit(Event{Action: "roster-line-removed", SubjectKind: "roster", Subject: fmt.Sprint(id)})
}

// Roster lists the lines that were not removed.
func (s *Store) Roster(ctx context.Context) ([]RosterLine, error) {
	list := []RosterLine{}
	err := each(ctx, s, func(rows *sql.Rows) error {
		var l RosterLine
		var duty string
		var confirmed sql.NullString
		if err := rows.Scan(&l.ID, &l.Person, &duty, &l.Days, &l.FromMinute, &l.ToMinute, &l.ConfirmedBy, &confirmed); err != nil {
			return err
		}
		l.Duty = Duty(duty)
		var err error
		l.ConfirmedAt, err = parseOptionalTime(confirmed)
		list = append(list, l)
		return err
	}, `SELECT id, person, duty, days, from_minute, to_minute, coalesce(confirmed_by, ''), confirmed_at
		FROM roster WHERE removed_at IS NULL ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list the roster: %w", err)
	}
	return list, nil
}

const confirmedRoster = "EXISTS (SELECT 1 FROM roster WHERE confirmed_at IS NOT NULL AND removed_at IS NULL)"

// Activation is an instrument that the site wants to offer.
type Activation struct {
	Instrument     string
	Version        string
	HasSafetyRules bool
}

// ActivateInstrument lets patients be asked with an instrument. One with safety
// rules needs a confirmed roster (SR-113): a fault.Conflict says so.
func (tx *Tx) ActivateInstrument(a Activation) error {
	var covered bool
	if err := tx.queryRow(tx.ctx, "SELECT "+confirmedRoster).Scan(&covered); err != nil {
		return fmt.Errorf("look for a confirmed roster: %w", err)
	}
	if a.HasSafetyRules && !covered {
		return fault.Conflict("instrument "+a.Instrument, "asks about risk; confirm who is on call, and when, before it is offered")
	}
	if _, err := tx.exec(`INSERT INTO instrument_activation (instrument, instrument_version, has_safety_rules, activated_by, activated_at)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, a.Instrument, a.Version, a.HasSafetyRules, tx.actor.ID, timeText(tx.now)); err != nil {
		return fmt.Errorf("activate %s: %w", a.Instrument, err)
	}
	return tx.Audit(Event{Action: "instrument-activated", SubjectKind: "instrument", Subject: a.Instrument + " " + a.Version})
}

// IsOffered reports whether an instrument is active and, when it has safety
// rules, the roster is still confirmed.
func (s *Store) IsOffered(ctx context.Context, instrument, version string) (bool, error) {
	var offered bool
	err := s.queryRow(ctx, `SELECT EXISTS (SELECT 1 FROM instrument_activation
		WHERE instrument = ? AND instrument_version = ? AND (has_safety_rules = 0 OR `+confirmedRoster+`))`, instrument, version).Scan(&offered)
	if err != nil {
		return false, fmt.Errorf("look whether %s is offered: %w", instrument, err)
	}
	return offered, nil
}

// The settings of a site.
const (
	SettingSiteName = "site-name"
	SettingCountry  = "country"
	SettingZone     = "zone"
	// SettingDemo is "yes" in a folder that holds no real patient, for ever.
	SettingDemo = "demo"
)

// Setting gives a setting's value, or "".
func (s *Store) Setting(ctx context.Context, name string) (string, error) {
	return setting(ctx, s, name)
}

// Setting is the same within the transaction.
func (tx *Tx) Setting(name string) (string, error) { return setting(tx.ctx, tx, name) }

func setting(ctx context.Context, from source, name string) (string, error) {
	var value string
	err := from.queryRow(ctx, "SELECT value FROM setting WHERE name = ?", name).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("read the setting %s: %w", name, err)
	}
	return value, nil
}

// SetSetting changes a setting. The demo mark can be set only before there is a
// patient, and never be taken away.
func (tx *Tx) SetSetting(name, value string) error {
	before, err := tx.Setting(name)
	if err != nil || before == value {
		return err
	}
	if name == SettingDemo {
		if err := tx.mayMarkDemo(before); err != nil {
			return err
		}
	}
	if _, err := tx.exec(`INSERT INTO setting (name, value, changed_at) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at`, name, value, timeText(tx.now)); err != nil {
		return fmt.Errorf("change the setting %s: %w", name, err)
	}
	return tx.Audit(Event{Action: "setting-changed", SubjectKind: "setting", Subject: name})
}

func (tx *Tx) mayMarkDemo(before string) error {
	var patients bool
	if err := tx.queryRow(tx.ctx, "SELECT EXISTS (SELECT 1 FROM patient)").Scan(&patients); err != nil {
		return fmt.Errorf("look for patients: %w", err)
	}
	if before != "" || patients {
		return fault.Conflict("demo", "a data folder is a demo from its first start or not at all")
	}
	return nil
}

// isDemo reports whether the registry may hold simulated patients only.
func (tx *Tx) isDemo() (bool, error) {
	value, err := tx.Setting(SettingDemo)
	return value == "yes", err
}

package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
)

// StepKind says what happened to an alert.
type StepKind string

// The kinds of step. StepSubmitted joins an alert of an unfinished form to the
// submission that followed.
const (
	StepRaised       StepKind = "raised"
	StepSubmitted    StepKind = "submitted"
	StepAcknowledged StepKind = "acknowledged"
	StepClosed       StepKind = "closed"
)

// AlertStep is one step of an alert; steps are only ever added. Code is a closed
// word such as "called-patient", never free text.
type AlertStep struct {
	At    time.Time
	What  StepKind
	Actor Actor
	Code  string
	// Submission is the key of the journal row that the step refers to, or "".
	Submission string
}

// Alert is a safety rule that was met, or could not be judged, with everything
// that happened to it since.
type Alert struct {
	ID       int64
	Rule     string
	Level    instrument.Level
	Item     string
	Patient  care.Pseudonym
	Occasion int64
	// Instrument and Version are what the occasion asks: rules belong to a version.
	Instrument string
	Version    string
	Simulated  bool
	RaisedAt   time.Time
	Steps      []AlertStep
}

// Submission is the key of the submission it belongs to, or that the unfinished
// form became; "" while the form is unfinished and for refused answers.
func (a Alert) Submission() string {
	for _, s := range a.Steps {
		if s.Submission != "" {
			return s.Submission
		}
	}
	return ""
}

// CodeNotRecorded marks the first step of an alert that answers raised which were
// refused, and so are not recorded.
const CodeNotRecorded = "not-recorded"

// NewAlert is an alert to raise. Journal is the sequence of the submission, or 0
// for an unfinished form and for refused answers, which have a code.
type NewAlert struct {
	Flag     instrument.Flag
	Occasion Occasion
	Journal  int64
	Code     string
}

// RaiseAlert writes an alert with its first step. When the unfinished form of the
// same occasion raised the same rule at the same level before, the submission is
// joined to that alert instead, so that one event is one alert. So are refused
// answers, until somebody has taken the alert on: what comes after that is news.
func (tx *Tx) RaiseAlert(a NewAlert) error {
	var known int64
	err := tx.queryRow(tx.ctx, `SELECT a.id FROM alert a WHERE a.occasion = ? AND a.rule = ? AND a.level = ? AND a.journal IS NULL
		AND NOT EXISTS (SELECT 1 FROM alert_step s WHERE s.alert = a.id AND (s.journal IS NOT NULL OR ? <> '' AND s.what = ?)) LIMIT 1`,
		a.Occasion.ID, a.Flag.Rule, string(a.Flag.Level), a.Code, string(StepAcknowledged)).Scan(&known)
	switch {
	case err == nil && a.Journal == 0:
		return nil
	case err == nil:
		return tx.addStep(known, StepSubmitted, "", a.Journal)
	case !errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("look for an alert of the unfinished form: %w", err)
	}
	var journal any
	if a.Journal != 0 {
		journal = a.Journal
	}
	result, err := tx.exec("INSERT INTO alert (rule, level, item, patient, occasion, journal, raised_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
		a.Flag.Rule, string(a.Flag.Level), a.Flag.Item, string(a.Occasion.Patient), a.Occasion.ID, journal, timeText(tx.now))
	if err != nil {
		return fmt.Errorf("raise an alert: %w", err)
	}
	id, err := result.LastInsertId()
	if err != nil {
		return fmt.Errorf("raise an alert: %w", err)
	}
	return tx.addStep(id, StepRaised, a.Code, a.Journal)
}

// HasAlert tells whether an occasion has an alert of the flag's rule and level
// that was raised with the code.
func (tx *Tx) HasAlert(occasion int64, flag instrument.Flag, code string) (bool, error) {
	var found bool
	err := tx.queryRow(tx.ctx, `SELECT EXISTS (SELECT 1 FROM alert a JOIN alert_step s ON s.alert = a.id
		WHERE a.occasion = ? AND a.rule = ? AND a.level = ? AND s.code = ?)`, occasion, flag.Rule, string(flag.Level), code).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("look for an alert of an occasion: %w", err)
	}
	return found, nil
}

// JoinDraftAlerts joins the alerts of an occasion's unfinished forms to the
// submission that they became, also where what was sent no longer meets the rule.
func (tx *Tx) JoinDraftAlerts(occasion, journal int64) error {
	var waiting []int64
	err := each(tx.ctx, tx, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		waiting = append(waiting, id)
		return err
	}, `SELECT a.id FROM alert a WHERE a.occasion = ? AND a.journal IS NULL
		AND NOT EXISTS (SELECT 1 FROM alert_step s WHERE s.alert = a.id AND (s.journal IS NOT NULL OR s.code = ?))`, occasion, CodeNotRecorded)
	if err != nil {
		return fmt.Errorf("look for the alerts of unfinished forms: %w", err)
	}
	for _, id := range waiting {
		if err := tx.addStep(id, StepSubmitted, "", journal); err != nil {
			return err
		}
	}
	return nil
}

// AddStep adds a step to an alert.
func (tx *Tx) AddStep(alert int64, what StepKind, code string) error {
	var exists bool
	if err := tx.queryRow(tx.ctx, "SELECT EXISTS (SELECT 1 FROM alert WHERE id = ?)", alert).Scan(&exists); err != nil {
		return fmt.Errorf("look for alert %d: %w", alert, err)
	}
	if !exists {
		return fault.NotFound("alert", "there is no alert %d", alert)
	}
	return tx.addStep(alert, what, code, 0)
}

func (tx *Tx) addStep(alert int64, what StepKind, code string, journal int64) error {
	var sequence any
	if journal != 0 {
		sequence = journal
	}
	if _, err := tx.exec("INSERT INTO alert_step (alert, at, what, actor_kind, actor, code, journal) VALUES (?, ?, ?, ?, ?, ?, ?)",
		alert, timeText(tx.now), string(what), string(tx.actor.Kind), tx.actor.ID, code, sequence); err != nil {
		return fmt.Errorf("add a step to alert %d: %w", alert, err)
	}
	return tx.Audit(Event{
		Action: "alert-" + string(what), SubjectKind: "alert", Subject: fmt.Sprint(alert), Detail: map[string]any{"code": code},
	})
}

// AlertFilter narrows a list of alerts; the zero value lists all.
type AlertFilter struct {
	ID      int64
	Patient care.Pseudonym
}

// Alerts lists alerts with their steps, oldest first.
func (s *Store) Alerts(ctx context.Context, f AlertFilter) ([]Alert, error) { return alerts(ctx, s, f) }

// Alerts is the same within the transaction.
func (tx *Tx) Alerts(f AlertFilter) ([]Alert, error) { return alerts(tx.ctx, tx, f) }

func alerts(ctx context.Context, from source, f AlertFilter) ([]Alert, error) {
	list := []Alert{}
	err := each(ctx, from, func(rows *sql.Rows) error {
		var a Alert
		var step AlertStep
		var level, patient, raised, at, what, kind string
		if err := rows.Scan(&a.ID, &a.Rule, &level, &a.Item, &patient, &a.Occasion, &a.Instrument, &a.Version, &a.Simulated, &raised,
			&at, &what, &kind, &step.Actor.ID, &step.Code, &step.Submission); err != nil {
			return err
		}
		a.Level, a.Patient = instrument.Level(level), care.Pseudonym(patient)
		step.What, step.Actor.Kind = StepKind(what), ActorKind(kind)
		var err error
		if a.RaisedAt, err = parseTime(raised); err != nil {
			return err
		}
		if step.At, err = parseTime(at); err != nil {
			return err
		}
		if len(list) == 0 || list[len(list)-1].ID != a.ID {
			list = append(list, a)
		}
		last := &list[len(list)-1]
		last.Steps = append(last.Steps, step)
		return nil
	}, `SELECT a.id, a.rule, a.level, a.item, a.patient, a.occasion, o.instrument, o.instrument_version, p.simulated, a.raised_at,
			s.at, s.what, s.actor_kind, s.actor, s.code, coalesce(j.key, '')
		FROM alert a JOIN occasion o ON o.id = a.occasion JOIN patient p ON p.pseudonym = a.patient
		JOIN alert_step s ON s.alert = a.id LEFT JOIN journal j ON j.sequence = s.journal
		WHERE (? = 0 OR a.id = ?) AND (? = '' OR a.patient = ?)
		ORDER BY a.id, s.id`, f.ID, f.ID, string(f.Patient), string(f.Patient))
	if err != nil {
		return nil, fmt.Errorf("list alerts: %w", err)
	}
	return list, nil
}

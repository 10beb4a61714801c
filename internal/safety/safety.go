// Package safety is what happens after a safety rule was met: the list of alerts,
// who acknowledged which, who is on call. Floor: service.
//
// It must not raise an alert: intake does, in the submission's own transaction.
// An alert never closes itself.
package safety

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// State says where an alert stands.
type State string

// The states.
const (
	StateOpen         State = "open"
	StateAcknowledged State = "acknowledged"
	StateClosed       State = "closed"
)

// Origin says which answers raised an alert.
type Origin string

// The origins: a submission; a form that was not sent at that time; answers that
// were refused, so that no record holds them.
const (
	OriginSubmission     Origin = "submission"
	OriginUnfinishedForm Origin = "unfinished-form"
	OriginNotRecorded    Origin = "not-recorded"
)

// Alert is an alert as people and scripts read it. Submission is the key of the
// submission that raised it or that the unfinished form became, or ""; Owner is
// the account that acknowledged it, or "".
type Alert struct {
	ID         int64            `json:"id"`
	Rule       string           `json:"rule"`
	Level      instrument.Level `json:"level"`
	Item       string           `json:"item"`
	Instrument string           `json:"instrument"`
	Version    string           `json:"version"`
	Patient    care.Pseudonym   `json:"patient"`
	Simulated  bool             `json:"simulated"`
	Origin     Origin           `json:"origin"`
	Submission string           `json:"submission"`
	RaisedAt   time.Time        `json:"raised_at"`
	Owner      string           `json:"owner"`
	State      State            `json:"state"`
	Steps      []Step           `json:"steps"`
}

// Step is one thing that happened to an alert.
type Step struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	Who  string    `json:"who"`
	Code string    `json:"code,omitempty"`
}

// Service lists alerts and takes what people do about them.
type Service struct{ store *registry.Store }

// New makes a Service.
func New(store *registry.Store) *Service { return &Service{store: store} }

// ForPatients gives the same service reading through the connections that are kept
// for patients' requests.
func (s *Service) ForPatients() *Service { return &Service{store: s.store.ForPatients()} }

// Alerts lists all alerts, oldest first.
func (s *Service) Alerts(ctx context.Context) ([]Alert, error) {
	return s.list(ctx, registry.AlertFilter{})
}

// PatientAlerts lists the alerts of one patient, oldest first.
func (s *Service) PatientAlerts(ctx context.Context, patient care.Pseudonym) ([]Alert, error) {
	return s.list(ctx, registry.AlertFilter{Patient: patient})
}

func (s *Service) list(ctx context.Context, f registry.AlertFilter) ([]Alert, error) {
	stored, err := s.store.Alerts(ctx, f)
	if err != nil {
		return nil, err
	}
	list := make([]Alert, len(stored))
	for i, a := range stored {
		list[i] = alert(a)
	}
	return list, nil
}

func alert(stored registry.Alert) Alert {
	a := Alert{
		ID: stored.ID, Rule: stored.Rule, Level: stored.Level, Item: stored.Item, Patient: stored.Patient,
		Instrument: stored.Instrument, Version: stored.Version, Simulated: stored.Simulated, Origin: origin(stored),
		Submission: stored.Submission(), RaisedAt: stored.RaisedAt, State: StateOpen, Steps: make([]Step, len(stored.Steps)),
	}
	for i, step := range stored.Steps {
		a.Steps[i] = Step{At: step.At, What: string(step.What), Who: who(step.Actor), Code: step.Code}
		switch {
		case step.What == registry.StepClosed:
			a.State = StateClosed
		case step.What == registry.StepAcknowledged:
			a.Owner = step.Actor.ID
			if a.State == StateOpen {
				a.State = StateAcknowledged
			}
		}
	}
	return a
}

func origin(stored registry.Alert) Origin {
	switch raised := stored.Steps[0]; {
	case raised.Submission != "":
		return OriginSubmission
	case raised.Code == registry.CodeNotRecorded:
		return OriginNotRecorded
	}
	return OriginUnfinishedForm
}

func who(a registry.Actor) string { return string(a.Kind) + " " + a.ID }

var codePattern = regexp.MustCompile(`^[a-z][a-z-]{0,39}$`)

// Acknowledge records that an account has seen an alert and takes it on; code
// says how, such as "seen" or "called-patient". A fault.Conflict when somebody
// has it already.
func (s *Service) Acknowledge(ctx context.Context, by registry.Actor, id int64, code string) error {
	if !codePattern.MatchString(code) {
		return fault.Invalid("code", "must be a short word of lowercase letters and hyphens")
	}
	if by.Kind != registry.ActorAccount {
		return fault.Forbidden("alert", "only a member of staff can acknowledge an alert")
	}
	err := s.store.Write(ctx, by, func(tx *registry.Tx) error {
		found, err := tx.Alerts(registry.AlertFilter{ID: id})
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.NotFound("alert", "there is no alert %d", id)
		}
		if a := alert(found[0]); a.State != StateOpen {
			return fault.Conflict("alert", "alert %d is already %s", id, a.State)
		}
		return tx.AddStep(id, registry.StepAcknowledged, code)
	})
	if err != nil {
		return fmt.Errorf("acknowledge alert %d: %w", id, err)
	}
	return nil
}

// Activate offers an instrument to patients. One with safety rules needs a
// confirmed roster (SR-113).
func (s *Service) Activate(ctx context.Context, by registry.Actor, d *instrument.Definition) error {
	err := s.store.Write(ctx, by, func(tx *registry.Tx) error {
		return tx.ActivateInstrument(registry.Activation{Instrument: d.ID, Version: d.Version, HasSafetyRules: len(d.Safety) > 0})
	})
	if err != nil {
		return fmt.Errorf("activate %s %s: %w", d.ID, d.Version, err)
	}
	return nil
}

// ConfirmRoster adds lines and confirms the whole roster; the actor answers for it.
func (s *Service) ConfirmRoster(ctx context.Context, by registry.Actor, lines []registry.RosterLine) error {
	err := s.store.Write(ctx, by, func(tx *registry.Tx) error {
		for _, line := range lines {
			if _, err := tx.AddRosterLine(line); err != nil {
				return err
			}
		}
		return tx.ConfirmRoster()
	})
	if err != nil {
		return fmt.Errorf("confirm the roster: %w", err)
	}
	return nil
}

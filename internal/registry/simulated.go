package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// SimulatedPatient is a patient of a demo with an open occasion.
type SimulatedPatient struct {
	Patient  care.Pseudonym
	Occasion int64
	// Token of the occasion's link; it is stored nowhere.
	Token string
}

// SimulatedOccasion is what each simulated patient is asked, on a day of their
// course that is today.
type SimulatedOccasion struct {
	Instrument string
	Version    string
	Visit      string
	Day        int
}

// CreateSimulatedPatients makes n patients with one open occasion each, in a demo
// folder only: anywhere else it is a fault.Forbidden.
func (s *Store) CreateSimulatedPatients(ctx context.Context, actor Actor, n int, o SimulatedOccasion) ([]SimulatedPatient, error) {
	if n < 1 || n > 100_000 {
		return nil, fault.Invalid("count", "must be 1 to 100000")
	}
	patients := make([]SimulatedPatient, 0, n)
	err := s.Write(ctx, actor, func(tx *Tx) error {
		demo, err := tx.isDemo()
		if err != nil {
			return err
		}
		if !demo {
			return fault.Forbidden("demo", "this data folder is not a demo; simulated patients do not belong in it")
		}
		for range n {
			p, err := tx.createSimulatedPatient(o)
			if err != nil {
				return err
			}
			patients = append(patients, p)
		}
		return tx.Audit(Event{Action: "simulated-patients-created", SubjectKind: "patient", Subject: "simulated", Detail: map[string]any{
			"count": n, "instrument": o.Instrument,
		}})
	})
	if err != nil {
		return nil, fmt.Errorf("make %d simulated patients: %w", n, err)
	}
	return patients, nil
}

// LinkSimulatedOccasions gives links to occasions of a simulated study that ask an
// instrument now, so that n of them are answered by form altogether: those that
// were already count. In a demo folder only; anywhere else it is a
// fault.Forbidden. There may be fewer that ask now.
func (s *Store) LinkSimulatedOccasions(ctx context.Context, actor Actor, study, instrument string, n int) ([]SimulatedPatient, error) {
	var links []SimulatedPatient
	err := s.Write(ctx, actor, func(tx *Tx) error {
		demo, err := tx.isDemo()
		if err != nil {
			return err
		}
		if !demo {
			return fault.Forbidden("demo", "this data folder is not a demo; simulated patients do not answer in it")
		}
		var answered int
		if err := tx.queryRow(ctx, "SELECT count(*) FROM journal WHERE study = ? AND instrument = ? AND source = ?",
			study, instrument, string(care.SourceForm)).Scan(&answered); err != nil {
			return err
		}
		open, err := occasions(ctx, tx, `WHERE c.study = ? AND p.simulated AND o.instrument = ? AND o.state = 'open'
			AND (o.opens_at IS NULL OR o.opens_at <= ?) AND o.closes_at > ? ORDER BY o.id LIMIT ?`,
			study, instrument, timeText(tx.now), timeText(tx.now), max(0, n-answered))
		if err != nil {
			return err
		}
		if len(open) == 0 {
			return errNoEffect
		}
		for _, o := range open {
			token := newToken()
			if _, err := tx.exec("UPDATE occasion SET token_hash = ? WHERE id = ?", hashToken(token), o.ID); err != nil {
				return err
			}
			links = append(links, SimulatedPatient{Patient: o.Patient, Occasion: o.ID, Token: token})
		}
		return tx.Audit(Event{Action: "simulated-occasions-linked", SubjectKind: "study", Subject: study, Detail: map[string]any{
			"count": len(links), "instrument": instrument,
		}})
	})
	if err != nil && !errors.Is(err, errNoEffect) {
		return nil, fmt.Errorf("give links to simulated occasions: %w", err)
	}
	return links, nil
}

func (tx *Tx) createSimulatedPatient(o SimulatedOccasion) (SimulatedPatient, error) {
	patient, err := tx.createUnnamedPatient(true)
	if err != nil {
		return SimulatedPatient{}, err
	}
	course, err := tx.CreateCourse(NewCourse{Patient: patient, StartedOn: tx.now.AddDate(0, 0, -o.Day).Format(time.DateOnly)})
	if err != nil {
		return SimulatedPatient{}, err
	}
	opens := tx.now.AddDate(0, 0, -1)
	id, token, err := tx.CreateOccasion(NewOccasion{
		Course: course.ID, Instrument: o.Instrument, Version: o.Version, Visit: o.Visit,
		Anchor: care.AnchorCourseStart, TargetDay: o.Day, OpensAt: &opens, Link: true,
	})
	return SimulatedPatient{Patient: patient, Occasion: id, Token: token}, err
}

package caseload

import (
	"context"
	"fmt"
	"slices"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

// Record reads one course of a patient, the newest when course is 0, and leaves
// the audit event that the viewer looked at it (SR-76); without that event there
// is no record. A fault.NotFound when the patient has no such course in care.
func (s *Service) Record(ctx context.Context, viewer registry.Actor, patient care.Pseudonym, course int64) (Record, error) {
	courses, err := s.careCourses(ctx, patient)
	if err != nil {
		return Record{}, err
	}
	if course == 0 && len(courses) > 0 {
		course = courses[len(courses)-1].ID
	}
	if !slices.ContainsFunc(courses, func(c registry.Course) bool { return c.ID == course }) {
		return Record{}, fault.NotFound("patient", "there is no such patient or course in care")
	}
	err = s.Store.Write(ctx, viewer, func(tx *registry.Tx) error {
		return tx.Audit(registry.Event{Action: "record-viewed", SubjectKind: "patient", Subject: string(patient), Detail: map[string]any{"course": course}})
	})
	if err != nil {
		return Record{}, fmt.Errorf("note that a record is looked at: %w", err)
	}
	stored, err := s.Store.Course(ctx, course)
	if err != nil {
		return Record{}, err
	}
	r, err := s.record(ctx, stored)
	if err != nil {
		return Record{}, fmt.Errorf("read course %d: %w", course, err)
	}
	for _, c := range courses {
		if c.ID != course {
			r.Others = append(r.Others, c.ID)
		}
	}
	return r, nil
}

func (s *Service) record(ctx context.Context, stored registry.CourseRecord) (Record, error) {
	r := Record{Line: Line{Patient: stored.Patient, Course: stored.ID, Simulated: stored.Simulated, Plan: plan(stored)}}
	if started, err := care.ParseDate(stored.StartedOn); err == nil {
		r.Started = &started
		r.Today = s.day(s.Store.Now()).DaysSince(started)
	}
	for _, a := range stored.Alerts {
		switch state(a) {
		case registry.StepAcknowledged:
			r.Line.TakenAlerts++
			r.Line.TakenBy = owner(a)
		case registry.StepRaised:
			r.Line.OpenAlerts++
		}
	}
	r.NextSession = nextSession(stored)
	r.Line.Next = s.nextOf(stored.Occasions)
	for _, row := range stored.Sessions {
		r.Trend.Sessions = append(r.Trend.Sessions, row.Session)
		r.Trend.LastDay = max(r.Trend.LastDay, row.Session.Day)
		r.Line.LastContact = later(r.Line.LastContact, row.Session.StartedAt)
	}
	for _, answer := range stored.Responses {
		r.Line.LastContact = later(r.Line.LastContact, answer.AnsweredAt)
	}
	if err := s.addScales(ctx, stored, &r); err != nil {
		return Record{}, err
	}
	ended, err := s.Store.CaseloadCounts(ctx, registry.CaseloadFilter{Course: stored.ID, Standing: registry.StandingEnded, QuietSince: s.quietSince()})
	if err != nil {
		return Record{}, err
	}
	if ended.Courses > 0 && !r.Line.LastContact.IsZero() {
		r.Ended = &r.Line.LastContact
	}
	if r.Today-r.Trend.LastDay <= quietDays {
		r.Trend.LastDay = max(r.Trend.LastDay, r.Today)
		if r.Started != nil {
			r.Trend.Today = &r.Today
		}
	}
	return r, nil
}

// quietDays is how long after the last session, answer or question the time that is shown runs on to
// today: a course that ended two years ago would shrink to the edge of its own chart. So long, too, a
// course whose last answer is in stays on the list of those in care.
const quietDays = 28

// state is where an alert stands: raised until somebody takes it on, and closed for
// good.
func state(a registry.Alert) registry.StepKind {
	is := registry.StepRaised
	for _, step := range a.Steps {
		switch step.What {
		case registry.StepClosed:
			return registry.StepClosed
		case registry.StepAcknowledged:
			is = registry.StepAcknowledged
		}
	}
	return is
}

// owner is the account that took an alert on.
func owner(a registry.Alert) string {
	for _, step := range a.Steps {
		if step.What == registry.StepAcknowledged {
			return step.Actor.ID
		}
	}
	return ""
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func plan(stored registry.CourseRecord) Plan {
	p := Plan{Protocol: stored.Protocol}
	if d := stored.Definition; d != nil {
		p.Title, p.Route, p.Mode, p.Planned = d.Title, d.Route, d.Mode, d.Sessions
	}
	for _, row := range stored.Sessions {
		p.Route = row.Session.Route
		if row.Session.Booster {
			p.Boosters++
		} else {
			p.Given++
		}
	}
	return p
}

func nextSession(stored registry.CourseRecord) *time.Time {
	p := plan(stored)
	if stored.Definition == nil || len(stored.Sessions) == 0 || p.Given >= p.Planned {
		return nil
	}
	next := stored.Sessions[len(stored.Sessions)-1].Session.StartedAt.AddDate(0, 0, stored.Definition.EveryDays)
	return &next
}

// nextOf picks, as the caseload does, the open occasion whose window closes
// first among those that still take answers, else the oldest that passed.
func (s *Service) nextOf(occasions []registry.Occasion) *Next {
	now := s.Store.Now()
	var best *registry.Occasion
	for i, o := range occasions {
		if o.State == registry.OccasionOpen && (best == nil || comesBefore(o, *best, now)) {
			best = &occasions[i]
		}
	}
	if best == nil {
		return nil
	}
	return s.next(*best)
}

func comesBefore(a, b registry.Occasion, now time.Time) bool {
	passed := func(o registry.Occasion) bool { return o.ClosesAt != nil && !now.Before(*o.ClosesAt) }
	switch {
	case passed(a) != passed(b):
		return passed(b)
	case a.ClosesAt == nil || b.ClosesAt == nil:
		return a.ClosesAt != nil && b.ClosesAt == nil
	}
	return a.ClosesAt.Before(*b.ClosesAt)
}

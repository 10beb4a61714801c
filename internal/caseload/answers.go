package caseload

import (
	"context"
	"fmt"
	"slices"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// SafetyHistory is what was answered over a course to one question that a safety
// rule watches, the oldest first. Definition is the newest version that was asked.
type SafetyHistory struct {
	Definition *instrument.Definition
	Item       string
	Answers    []SafetyAnswer
}

// SafetyAnswer is one answer; Value is nil where the question was left open. Flag
// is what the rules say of it, nil where they say nothing.
type SafetyAnswer struct {
	Occasion int64
	Day      int
	Visit    string
	Value    *int
	Flag     *instrument.Flag
}

func (s *Service) addSafety(stored registry.CourseRecord, r *Record, d *instrument.Definition, asked []registry.Occasion, answers map[int64]registry.CourseResponse) error {
	for _, rule := range d.Safety {
		history := SafetyHistory{Definition: d, Item: rule.Item}
		for _, o := range asked {
			answer, answered := answers[o.ID]
			if !answered {
				continue
			}
			given, err := s.Instruments.Get(answer.Instrument, answer.Version)
			if err != nil {
				return err
			}
			one := SafetyAnswer{Occasion: o.ID, Day: s.courseDay(stored, o, answer, true), Visit: o.Visit, Value: answer.Answers[rule.Item]}
			for _, f := range given.Flags(answer.Answers) {
				if f.Rule == rule.ID {
					one.Flag = &f
				}
			}
			history.Answers = append(history.Answers, one)
		}
		slices.SortStableFunc(history.Answers, func(a, b SafetyAnswer) int { return a.Day - b.Day })
		if len(history.Answers) > 0 {
			r.Safety = append(r.Safety, history)
		}
	}
	return nil
}

// Answers is a filled-in form item by item, with that of the time before.
type Answers struct {
	Patient   care.Pseudonym
	Course    int64
	Simulated bool
	Form      Form
	// Before is the answer to the same instrument before it in the course; nil where
	// it is the first.
	Before *Form
}

// Form is one filled-in form in the version that was asked.
type Form struct {
	Definition *instrument.Definition
	Occasion   int64
	Visit      string
	Day        int
	AnsweredAt time.Time
	Score      *float64
	Answers    instrument.Answers
	// Corrections are the revisions after the first, the newest last.
	Corrections []care.Correction
}

// Answers reads what a patient answered at an occasion and leaves the audit event
// that the viewer looked at it (SR-76). A fault.NotFound where the patient has not
// answered such an occasion.
func (s *Service) Answers(ctx context.Context, viewer registry.Actor, patient care.Pseudonym, occasion int64) (Answers, error) {
	courses, err := s.careCourses(ctx, patient)
	if err != nil {
		return Answers{}, err
	}
	for _, course := range courses {
		stored, err := s.Store.Course(ctx, course.ID)
		if err != nil {
			return Answers{}, err
		}
		forms, err := s.forms(ctx, stored, occasion)
		if err != nil {
			return Answers{}, err
		}
		at := slices.IndexFunc(forms, func(f Form) bool { return f.Occasion == occasion })
		if at < 0 {
			continue
		}
		err = s.Store.Write(ctx, viewer, func(tx *registry.Tx) error {
			return tx.Audit(registry.Event{Action: "record-viewed", SubjectKind: "patient", Subject: string(patient),
				Detail: map[string]any{"course": course.ID, "occasion": occasion}})
		})
		if err != nil {
			return Answers{}, fmt.Errorf("note that answers are looked at: %w", err)
		}
		found := Answers{Patient: patient, Course: course.ID, Simulated: stored.Simulated, Form: forms[at]}
		if at > 0 {
			found.Before = &forms[at-1]
		}
		return found, nil
	}
	return Answers{}, fault.NotFound("occasion", "the patient has no answers with that number")
}

// forms are the answered forms of the instrument of an occasion, by their day; none
// where the occasion is not of this course.
func (s *Service) forms(ctx context.Context, stored registry.CourseRecord, occasion int64) ([]Form, error) {
	at := slices.IndexFunc(stored.Occasions, func(o registry.Occasion) bool { return o.ID == occasion })
	if at < 0 {
		return nil, nil
	}
	occasions := map[int64]registry.Occasion{}
	for _, o := range stored.Occasions {
		if o.Instrument == stored.Occasions[at].Instrument {
			occasions[o.ID] = o
		}
	}
	var forms []Form
	for _, answer := range stored.Responses {
		o, same := occasions[answer.Occasion]
		if !same {
			continue
		}
		d, err := s.Instruments.Get(answer.Instrument, answer.Version)
		if err != nil {
			return nil, err
		}
		f := Form{Definition: d, Occasion: o.ID, Visit: o.Visit, Day: s.courseDay(stored, o, answer, true), AnsweredAt: answer.AnsweredAt,
			Score: answer.Score.Score, Answers: answer.Answers}
		if answer.Revision > 1 && o.ID == occasion {
			if f.Corrections, err = s.corrections(ctx, o.ID); err != nil {
				return nil, err
			}
		}
		forms = append(forms, f)
	}
	slices.SortStableFunc(forms, func(a, b Form) int { return a.Day - b.Day })
	return forms, nil
}

// careCourses are the patient's courses in the clinic's care, without those of
// imported trials.
func (s *Service) careCourses(ctx context.Context, patient care.Pseudonym) ([]registry.Course, error) {
	courses, err := s.Store.Courses(ctx, patient)
	return slices.DeleteFunc(courses, func(c registry.Course) bool { return c.Study != "" && c.Protocol.ID == "" }), err
}

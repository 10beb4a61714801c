package registry

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"afterglow/internal/care"
)

// CourseRecord is everything that one course holds.
type CourseRecord struct {
	Course
	Simulated bool
	// Definition is the version of the protocol that the course follows; nil when
	// none is known.
	Definition *care.Protocol
	// Occasions are all, by target day; their states say which were missed.
	Occasions []Occasion
	// Responses are the newest revisions, by target day.
	Responses []CourseResponse
	// Sessions are the newest revisions, by number.
	Sessions []SessionRow
	Alerts   []Alert
}

// CourseResponse is the newest revision of an answer. Its Revision above 1 says
// that it was corrected; Revisions lists them all by its occasion.
type CourseResponse struct {
	JournalRow
	// AnsweredAt is when the answer was given: the receipt of the first revision,
	// or what the source of an import says.
	AnsweredAt time.Time
}

// Course gives one course whole, or a fault.NotFound.
func (s *Store) Course(ctx context.Context, id int64) (CourseRecord, error) {
	course, err := courseByID(ctx, s, id)
	if err != nil {
		return CourseRecord{}, err
	}
	r := CourseRecord{Course: course}
	if err := s.queryRow(ctx, "SELECT simulated FROM patient WHERE pseudonym = ?", string(course.Patient)).Scan(&r.Simulated); err != nil {
		return CourseRecord{}, fmt.Errorf("read the patient of course %d: %w", id, err)
	}
	if course.Protocol.ID != "" {
		p, err := s.Protocol(ctx, course.Protocol)
		if err != nil {
			return CourseRecord{}, err
		}
		r.Definition = &p
	}
	if r.Occasions, err = occasions(ctx, s, "WHERE o.course = ? ORDER BY o.target_day, o.id", id); err != nil {
		return CourseRecord{}, err
	}
	if r.Responses, err = s.courseResponses(ctx, course); err != nil {
		return CourseRecord{}, err
	}
	if r.Sessions, err = s.Sessions(ctx, id); err != nil {
		return CourseRecord{}, err
	}
	all, err := s.Alerts(ctx, AlertFilter{Patient: course.Patient})
	if err != nil {
		return CourseRecord{}, err
	}
	own := map[int64]bool{}
	for _, o := range r.Occasions {
		own[o.ID] = true
	}
	r.Alerts = []Alert{}
	for _, a := range all {
		if own[a.Occasion] {
			r.Alerts = append(r.Alerts, a)
		}
	}
	return r, nil
}

func (s *Store) courseResponses(ctx context.Context, course Course) ([]CourseResponse, error) {
	list := []CourseResponse{}
	err := each(ctx, s, func(rows *sql.Rows) error {
		var at string
		row, err := scanJournal(func(into ...any) error { return rows.Scan(append(into, &at)...) })
		if err != nil {
			return err
		}
		moment, err := parseTime(at)
		list = append(list, CourseResponse{JournalRow: row, AnsweredAt: moment})
		return err
	}, "SELECT "+journalColumns+", "+answeredAt+` FROM journal j JOIN journal f ON f.occasion = j.occasion AND f.revision = 1
		WHERE j.patient = ? AND j.course = ? AND NOT EXISTS (SELECT 1 FROM journal n WHERE n.supersedes = j.sequence)
		ORDER BY j.target_day, j.sequence`, string(course.Patient), course.ID)
	if err != nil {
		return nil, fmt.Errorf("read the responses of course %d: %w", course.ID, err)
	}
	return list, nil
}

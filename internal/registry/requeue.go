package registry

import (
	"context"
	"database/sql"
	"fmt"

	"afterglow/internal/care"
)

// ShippedStudies and ShippedCourses are what the warehouse must have of studies
// and courses: everything that does not wait in the outbox.
func (s *Store) ShippedStudies(ctx context.Context) ([]ShippedStudy, error) {
	studies, err := s.Studies(ctx)
	if err != nil {
		return nil, err
	}
	var list []ShippedStudy
	for _, study := range studies {
		var waits bool
		if err := s.queryRow(ctx, "SELECT EXISTS (SELECT 1 FROM outbox WHERE study = ?)", study.ID).Scan(&waits); err != nil {
			return nil, fmt.Errorf("look whether study %s waits: %w", study.ID, err)
		}
		if !waits {
			list = append(list, ShippedStudy{Study: study})
		}
	}
	return list, nil
}

// ShippedCourses is ShippedStudies for courses, as they are now.
func (s *Store) ShippedCourses(ctx context.Context) ([]ShippedCourse, error) {
	var list []ShippedCourse
	err := each(ctx, s, func(rows *sql.Rows) error {
		c, err := scanShippedCourse(rows)
		list = append(list, c)
		return err
	}, "SELECT "+courseColumns+`, p.simulated, NULL FROM course c JOIN patient p ON p.pseudonym = c.patient
		WHERE NOT EXISTS (SELECT 1 FROM outbox x WHERE x.course = c.id) ORDER BY c.id`)
	if err != nil {
		return nil, fmt.Errorf("read the courses that the warehouse has: %w", err)
	}
	return list, nil
}

// HasSubject reports whether a study has a course of a subject.
func (s *Store) HasSubject(ctx context.Context, study string, subject care.Pseudonym) (known bool, err error) {
	err = s.queryRow(ctx, "SELECT EXISTS (SELECT 1 FROM course WHERE subject = ? AND coalesce(study, '') = ?)", string(subject), study).Scan(&known)
	if err != nil {
		return false, fmt.Errorf("look for a subject of study %s: %w", study, err)
	}
	return known, nil
}

// RequeueFrame puts studies and courses back into the outbox, to be shipped once
// more.
func (tx *Tx) RequeueFrame(studies []string, courses []int64) error {
	for _, id := range studies {
		if _, err := tx.keep("INSERT INTO outbox (study, study_version) SELECT study, version FROM study_version WHERE study = ? ORDER BY version ON CONFLICT DO NOTHING", id); err != nil {
			return fmt.Errorf("put study %s back into the outbox: %w", id, err)
		}
	}
	for _, id := range courses {
		for _, statement := range []string{
			"INSERT INTO outbox (course) VALUES (?) ON CONFLICT DO NOTHING",
			"INSERT INTO outbox (course, course_version) SELECT course, sequence FROM course_version WHERE course = ? ORDER BY sequence ON CONFLICT DO NOTHING",
		} {
			if _, err := tx.keep(statement, id); err != nil {
				return fmt.Errorf("put course %d back into the outbox: %w", id, err)
			}
		}
	}
	return tx.Audit(Event{Action: "warehouse-repaired", SubjectKind: "warehouse", Subject: "studies",
		Detail: map[string]any{"studies": len(studies), "courses": len(courses)}})
}

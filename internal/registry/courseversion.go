package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
)

// firstCourseVersion lies above every course's id: the warehouse orders the rows of
// a subject by one number, a course's first factors by its id, later ones by their
// own sequence behind all of those.
const firstCourseVersion = 1 << 40

// addCourseVersion stores a course's factors as they are from now on. reason is ""
// where a level became known that was not.
func (tx *Tx) addCourseVersion(course, studyImport int64, factors map[string]string, reason string) error {
	encoded, err := json.Marshal(factors)
	if err != nil {
		return fmt.Errorf("encode a course's factors: %w", err)
	}
	result, err := tx.exec("INSERT INTO course_version (course, import, factors, reason, author, recorded_at) VALUES (?, ?, ?, ?, ?, ?)",
		course, studyImport, string(encoded), text(reason), tx.actor.ID, timeText(tx.now))
	if err != nil {
		return fmt.Errorf("store a version of course %d: %w", course, err)
	}
	version, err := result.LastInsertId()
	if err != nil {
		return fmt.Errorf("store a version of course %d: %w", course, err)
	}
	if _, err := tx.keep("INSERT INTO outbox (course, course_version, import) VALUES (?, ?, ?)", course, version, tx.held); err != nil {
		return fmt.Errorf("queue a version of course %d for the warehouse: %w", course, err)
	}
	return nil
}

// queuedCourses are the versions of courses in a shipment, each as it was stored.
func queuedCourses(ctx context.Context, from source, shipment int64) ([]ShippedCourse, error) {
	var list []ShippedCourse
	err := each(ctx, from, func(rows *sql.Rows) error {
		c, err := scanShippedCourse(rows)
		list = append(list, c)
		return err
	}, `SELECT c.id, c.patient, coalesce(c.study, ''), c.subject, coalesce(v.factors, c.factors), coalesce(c.started_on, ''),
			coalesce(c.protocol, ''), coalesce(c.protocol_version, 0), p.simulated, v.sequence
		FROM outbox x JOIN course c ON c.id = x.course JOIN patient p ON p.pseudonym = c.patient
		LEFT JOIN course_version v ON v.sequence = x.course_version
		WHERE x.shipment = ? ORDER BY x.id`, shipment)
	if err != nil {
		return nil, fmt.Errorf("read courses for the warehouse: %w", err)
	}
	return list, nil
}

func scanShippedCourse(rows *sql.Rows) (ShippedCourse, error) {
	var simulated bool
	var version sql.NullInt64
	c, err := scanCourse(func(into ...any) error { return rows.Scan(append(into, &simulated, &version)...) })
	shipped := ShippedCourse{Course: c, Simulated: simulated, Sequence: uint64(c.ID)}
	if version.Valid {
		shipped.Sequence = firstCourseVersion + uint64(version.Int64)
	}
	return shipped, err
}

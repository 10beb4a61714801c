package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// newestStudy leaves the newest version of each study; a study that an import is
// still bringing in has none.
const newestStudy = "NOT EXISTS (SELECT 1 FROM study_version n WHERE n.study = v.study AND n.version > v.version)"

// Study gives a study's definition as it is now, or a fault.NotFound.
func (s *Store) Study(ctx context.Context, id string) (care.Study, error) {
	study, _, err := studyByID(ctx, s, id)
	return study, err
}

// studyByID also gives the number of the version.
func studyByID(ctx context.Context, from source, id string) (care.Study, int, error) {
	var definition string
	var version int
	err := from.queryRow(ctx, "SELECT v.definition, v.version FROM study_version v WHERE v.study = ? AND "+newestStudy, id).Scan(&definition, &version)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return care.Study{}, 0, fault.NotFound("study", "there is no study %q", id)
	case err != nil:
		return care.Study{}, 0, fmt.Errorf("read study %s: %w", id, err)
	}
	study, err := decodeStudy(id, definition)
	return study, version, err
}

func decodeStudy(id, definition string) (care.Study, error) {
	var study care.Study
	if err := json.Unmarshal([]byte(definition), &study); err != nil {
		return care.Study{}, fmt.Errorf("decode study %s: %w", id, err)
	}
	return study, nil
}

// Studies lists all studies by id, as they are now.
func (s *Store) Studies(ctx context.Context) ([]care.Study, error) {
	var studies []care.Study
	shipped, err := shippedStudies(ctx, s, "WHERE "+newestStudy+" ORDER BY v.study")
	for _, version := range shipped {
		studies = append(studies, version.Study)
	}
	return studies, err
}

func shippedStudies(ctx context.Context, from source, where string, args ...any) ([]ShippedStudy, error) {
	var list []ShippedStudy
	err := each(ctx, from, func(rows *sql.Rows) error {
		var id, definition, created string
		if err := rows.Scan(&id, &definition, &created); err != nil {
			return err
		}
		study, err := decodeStudy(id, definition)
		if err != nil {
			return err
		}
		at, err := parseTime(created)
		list = append(list, ShippedStudy{Study: study, Sequence: uint64(at.UnixMicro())})
		return err
	}, "SELECT v.study, v.definition, v.created_at FROM study_version v "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list studies: %w", err)
	}
	return list, nil
}

// addStudy makes room for a study that has no version yet, so that courses can
// name it. It is not there for readers.
func (tx *Tx) addStudy(study care.Study) error {
	definition, err := json.Marshal(study)
	if err != nil {
		return fmt.Errorf("encode study %s: %w", study.ID, err)
	}
	if _, err := tx.exec("INSERT INTO study (id, definition, created_at) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
		study.ID, string(definition), timeText(tx.now)); err != nil {
		return fmt.Errorf("store study %s: %w", study.ID, err)
	}
	return nil
}

// addStudyVersion stores a further version, from which on it counts, and queues it
// for the warehouse. Versions are ordered by their moments, so each is later than
// the one before, whatever the clock says.
func (tx *Tx) addStudyVersion(study care.Study) error {
	definition, err := json.Marshal(study)
	if err != nil {
		return fmt.Errorf("encode study %s: %w", study.ID, err)
	}
	var version int
	var last sql.NullString
	if err := tx.queryRow(tx.ctx, "SELECT coalesce(max(version), 0) + 1, max(created_at) FROM study_version WHERE study = ?", study.ID).Scan(&version, &last); err != nil {
		return fmt.Errorf("look for study %s: %w", study.ID, err)
	}
	at := tx.now
	before, err := parseOptionalTime(last)
	if err != nil {
		return err
	}
	if before != nil && !at.After(*before) {
		at = before.Add(time.Microsecond)
	}
	if _, err := tx.exec("INSERT INTO study_version (study, version, definition, author, created_at) VALUES (?, ?, ?, ?, ?)",
		study.ID, version, string(definition), tx.actor.ID, timeText(at)); err != nil {
		return fmt.Errorf("store version %d of study %s: %w", version, study.ID, err)
	}
	if _, err := tx.keep("INSERT INTO outbox (study, study_version) VALUES (?, ?)", study.ID, version); err != nil {
		return fmt.Errorf("queue study %s for the warehouse: %w", study.ID, err)
	}
	return nil
}

// WithoutStudy is the key of CoursesByStudy for courses outside every study.
const WithoutStudy = ""

// CoursesByStudy counts the courses of each study.
func (s *Store) CoursesByStudy(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	err := each(ctx, s, func(rows *sql.Rows) error {
		var study string
		var n int
		if err := rows.Scan(&study, &n); err != nil {
			return err
		}
		counts[study] = n
		return nil
	}, "SELECT coalesce(study, ''), count(*) FROM course GROUP BY 1")
	if err != nil {
		return nil, fmt.Errorf("count the courses of each study: %w", err)
	}
	return counts, nil
}

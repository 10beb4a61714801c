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

// Study gives a study's definition, or a fault.NotFound.
func (s *Store) Study(ctx context.Context, id string) (care.Study, error) {
	study, _, err := studyByID(ctx, s, id)
	return study, err
}

func studyByID(ctx context.Context, from source, id string) (care.Study, time.Time, error) {
	var definition, created string
	err := from.queryRow(ctx, "SELECT definition, created_at FROM study WHERE id = ?", id).Scan(&definition, &created)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return care.Study{}, time.Time{}, fault.NotFound("study", "there is no study %q", id)
	case err != nil:
		return care.Study{}, time.Time{}, fmt.Errorf("read study %s: %w", id, err)
	}
	var study care.Study
	if err := json.Unmarshal([]byte(definition), &study); err != nil {
		return care.Study{}, time.Time{}, fmt.Errorf("decode study %s: %w", id, err)
	}
	at, err := parseTime(created)
	return study, at, err
}

// Studies lists all studies by id.
func (s *Store) Studies(ctx context.Context) ([]care.Study, error) {
	var studies []care.Study
	err := each(ctx, s, func(rows *sql.Rows) error {
		var definition string
		if err := rows.Scan(&definition); err != nil {
			return err
		}
		var study care.Study
		err := json.Unmarshal([]byte(definition), &study)
		studies = append(studies, study)
		return err
	}, "SELECT definition FROM study ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("list studies: %w", err)
	}
	return studies, nil
}

// putStudy stores a study. One with the same content is left as it is; other
// content is a fault.Conflict, since results already name it.
func (tx *Tx) putStudy(study care.Study) (added bool, err error) {
	definition, err := json.Marshal(study)
	if err != nil {
		return false, fmt.Errorf("encode study %s: %w", study.ID, err)
	}
	var known string
	err = tx.queryRow(tx.ctx, "SELECT definition FROM study WHERE id = ?", study.ID).Scan(&known)
	switch {
	case err == nil && known == string(definition):
		return false, nil
	case err == nil:
		return false, fault.Conflict("study "+study.ID, "is stored with another definition; give the changed study another id")
	case !errors.Is(err, sql.ErrNoRows):
		return false, fmt.Errorf("look for study %s: %w", study.ID, err)
	}
	if _, err := tx.exec("INSERT INTO study (id, definition, created_at) VALUES (?, ?, ?)", study.ID, string(definition), timeText(tx.now)); err != nil {
		return false, fmt.Errorf("store study %s: %w", study.ID, err)
	}
	if _, err := tx.keep("INSERT INTO outbox (study) VALUES (?)", study.ID); err != nil {
		return false, fmt.Errorf("queue study %s for the warehouse: %w", study.ID, err)
	}
	return true, nil
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

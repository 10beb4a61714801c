package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// Holding is what the warehouse must hold of a study: counts of everything that
// it has confirmed, taken at one moment. Rows on their way may be there too.
type Holding struct {
	Study care.Study
	// StudyWaits says that the newest definition is on its way.
	StudyWaits bool
	// JournalBelow and SessionBelow are sequences; everything below them that is
	// not damaged is confirmed, and Journal and Sessions count that.
	JournalBelow, SessionBelow int64
	Journal, Sessions          int64
	// Subjects are confirmed, SubjectsWaiting on their way.
	Subjects, SubjectsWaiting int64
	// Waiting counts the study's answers and sessions that are on their way.
	Waiting int64
	// Damaged are the sequences of the study's journal rows and sessions that are
	// not as they were written. They count nowhere.
	DamagedJournal, DamagedSessions []int64
}

const holdingQuery = `
WITH waiting AS MATERIALIZED (
	SELECT w.journal, w.session, w.course, w.study FROM outbox w
	LEFT JOIN journal j ON j.sequence = w.journal
	LEFT JOIN session s ON s.sequence = w.session
	LEFT JOIN course c ON c.id = coalesce(w.course, s.course)
	WHERE (j.study = :study OR c.study = :study OR w.study = :study) AND ` + notDamaged + `
), bounds AS MATERIALIZED (
	SELECT coalesce((SELECT min(journal) FROM waiting), (SELECT max(sequence) + 1 FROM journal), 1) AS journal,
		coalesce((SELECT min(session) FROM waiting), (SELECT max(sequence) + 1 FROM session), 1) AS session
)
SELECT journal, session,
	(SELECT count(*) FROM journal j WHERE j.study = :study AND j.sequence < bounds.journal
		AND NOT EXISTS (SELECT 1 FROM damage d WHERE d.kind = 'journal' AND d.sequence = j.sequence)),
	(SELECT count(*) FROM session s JOIN course c ON c.id = s.course WHERE c.study = :study AND s.sequence < bounds.session
		AND NOT EXISTS (SELECT 1 FROM damage d WHERE d.kind = 'session' AND d.sequence = s.sequence)),
	(SELECT count(DISTINCT c.subject) FROM course c WHERE c.study = :study AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.course = c.id)),
	(SELECT count(*) FROM waiting WHERE course IS NOT NULL),
	(SELECT count(*) FROM waiting WHERE journal IS NOT NULL OR session IS NOT NULL),
	EXISTS (SELECT 1 FROM waiting WHERE study IS NOT NULL),
	(SELECT v.definition FROM study_version v WHERE v.study = :study AND ` + newestStudy + `)
FROM bounds`

// HoldingOf gives what the warehouse must hold of a study, or a fault.NotFound.
func (s *Store) HoldingOf(ctx context.Context, study string) (Holding, error) {
	var out Holding
	var definition sql.NullString
	err := s.queryRow(ctx, holdingQuery, sql.Named("study", study)).Scan(&out.JournalBelow, &out.SessionBelow, &out.Journal, &out.Sessions,
		&out.Subjects, &out.SubjectsWaiting, &out.Waiting, &out.StudyWaits, &definition)
	if err != nil {
		return Holding{}, fmt.Errorf("count what the warehouse must hold of study %s: %w", study, err)
	}
	if !definition.Valid {
		return Holding{}, fault.NotFound("study", "there is no study %q", study)
	}
	if err := json.Unmarshal([]byte(definition.String), &out.Study); err != nil {
		return Holding{}, fmt.Errorf("decode study %s: %w", study, err)
	}
	err = each(ctx, s, func(rows *sql.Rows) error {
		var kind string
		var sequence int64
		err := rows.Scan(&kind, &sequence)
		if recordKind(kind) == recordJournal {
			out.DamagedJournal = append(out.DamagedJournal, sequence)
		} else {
			out.DamagedSessions = append(out.DamagedSessions, sequence)
		}
		return err
	}, "SELECT kind, sequence FROM damage ORDER BY kind, sequence")
	if err != nil {
		return Holding{}, fmt.Errorf("list the damaged rows: %w", err)
	}
	return out, nil
}

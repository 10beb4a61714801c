package registry

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"afterglow/internal/care"
)

// AlertCounts says how many alerts nobody has taken on, how many somebody has and
// has not closed, and the newest step of any: what a list shows has changed when
// that has.
type AlertCounts struct {
	Waiting    int
	Taken      int
	NewestStep int64
}

// AlertCounts counts the alerts that are not closed.
func (s *Store) AlertCounts(ctx context.Context) (AlertCounts, error) {
	var n AlertCounts
	err := s.queryRow(ctx, `SELECT coalesce(sum(NOT taken), 0), coalesce(sum(taken), 0), coalesce((SELECT max(id) FROM alert_step), 0) FROM (
		SELECT EXISTS (SELECT 1 FROM alert_step t WHERE t.alert = a.id AND t.what = 'acknowledged') AS taken
		FROM alert a WHERE NOT EXISTS (SELECT 1 FROM alert_step t WHERE t.alert = a.id AND t.what = 'closed'))`).
		Scan(&n.Waiting, &n.Taken, &n.NewestStep)
	if err != nil {
		return AlertCounts{}, fmt.Errorf("count the alerts: %w", err)
	}
	return n, nil
}

// ItemAnswer is what a form holds for one item; Value is nil where the item was
// left open. Submission is the key of the form's first revision.
type ItemAnswer struct {
	Submission string
	Visit      string
	At         time.Time
	Version    string
	Value      *int
}

// ItemAnswers lists what a patient answered to one item of an instrument, by the
// newest revision of each form, the oldest first.
func (s *Store) ItemAnswers(ctx context.Context, patient care.Pseudonym, instrument, item string) ([]ItemAnswer, error) {
	list := []ItemAnswer{}
	err := each(ctx, s, func(rows *sql.Rows) error {
		var a ItemAnswer
		var at string
		if err := rows.Scan(&a.Submission, &a.Visit, &at, &a.Version, &a.Value); err != nil {
			return err
		}
		var err error
		a.At, err = parseTime(at)
		list = append(list, a)
		return err
	}, "SELECT f.key, j.visit, "+answeredAt+` AS at, j.instrument_version, (SELECT e.value FROM json_each(j.answers) e WHERE e.key = ?)
		FROM journal j JOIN journal f ON f.occasion = j.occasion AND f.revision = 1
		WHERE j.patient = ? AND j.instrument = ? AND NOT EXISTS (SELECT 1 FROM journal n WHERE n.supersedes = j.sequence)
		ORDER BY at, j.target_day, j.sequence`, item, string(patient), instrument)
	if err != nil {
		return nil, fmt.Errorf("read a patient's answers to an item: %w", err)
	}
	return list, nil
}

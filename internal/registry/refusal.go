package registry

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Refusal says how many submissions were refused on a day, and why.
type Refusal struct {
	Day    string `json:"day"`
	Reason string `json:"reason"`
	Count  int64  `json:"count"`
}

// CountRefusal adds one to today's count of a reason, which comes from the
// program's list, never from the sender.
func (tx *Tx) CountRefusal(reason string) error {
	if _, err := tx.keep(`INSERT INTO refusal (day, reason, count) VALUES (?, ?, 1)
		ON CONFLICT (day, reason) DO UPDATE SET count = count + 1`, tx.now.Format(time.DateOnly), reason); err != nil {
		return fmt.Errorf("count a refusal: %w", err)
	}
	return nil
}

// Refusals lists all counts by day.
func (s *Store) Refusals(ctx context.Context) ([]Refusal, error) {
	list := []Refusal{}
	err := each(ctx, s, func(rows *sql.Rows) error {
		var r Refusal
		err := rows.Scan(&r.Day, &r.Reason, &r.Count)
		list = append(list, r)
		return err
	}, "SELECT day, reason, count FROM refusal ORDER BY day, reason")
	if err != nil {
		return nil, fmt.Errorf("list refusals: %w", err)
	}
	return list, nil
}

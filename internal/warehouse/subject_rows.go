package warehouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"afterglow/internal/care"
)

// Subjects hands every subject that is in the warehouse to each, newest version,
// in no order.
func (w *Warehouse) Subjects(ctx context.Context, each func(Subject)) error {
	return w.query(ctx, "subjects", nil, func(rows driver.Rows) error {
		var s Subject
		var pseudonym string
		if err := rows.Scan(&s.Study, &pseudonym, &s.Factors, &s.Simulated); err != nil {
			return err
		}
		s.Subject = care.Pseudonym(pseudonym)
		each(s)
		return nil
	})
}

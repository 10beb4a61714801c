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

// SubjectName names a subject of a study.
type SubjectName struct {
	Study   string
	Subject care.Pseudonym
}

// DeleteSubjects removes every version of subjects, so that a repair can bring
// them back: beside an altered version that calls itself newer, the right one
// would not count.
func (w *Warehouse) DeleteSubjects(ctx context.Context, names []SubjectName) error {
	if len(names) == 0 {
		return nil
	}
	studies, subjects := make([]string, len(names)), make([]string, len(names))
	for i, n := range names {
		studies[i], subjects[i] = n.Study, string(n.Subject)
	}
	return w.exec(ctx, "delete_subjects", map[string]any{"studies": studies, "subjects": subjects})
}

// DeleteStudies removes every version of the definitions of studies.
func (w *Warehouse) DeleteStudies(ctx context.Context, studies []string) error {
	if len(studies) == 0 {
		return nil
	}
	return w.exec(ctx, "delete_studies", map[string]any{"studies": studies})
}

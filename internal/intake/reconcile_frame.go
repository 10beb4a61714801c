package intake

import (
	"context"
	"fmt"
	"maps"
	"reflect"

	"afterglow/internal/care"
	"afterglow/internal/registry"
	"afterglow/internal/warehouse"
)

// frameComparison is what answers stand in: studies and their subjects. A lost
// one makes a whole study invisible, so it is compared like the journal.
type frameComparison struct {
	studies []string
	courses []int64
}

func (f frameComparison) differs() bool { return len(f.studies)+len(f.courses) > 0 }

type subjectName struct {
	study   string
	subject care.Pseudonym
}

func compareFrame(ctx context.Context, store *registry.Store, w *warehouse.Warehouse) (frameComparison, error) {
	var out frameComparison
	// What the registry calls shipped is read first: whatever is confirmed later is
	// not missed.
	studies, err := store.ShippedStudies(ctx)
	if err != nil {
		return out, err
	}
	courses, err := store.ShippedCourses(ctx)
	if err != nil {
		return out, err
	}
	known, err := w.Studies(ctx)
	if err != nil {
		return out, err
	}
	definitions := map[string]care.Study{}
	for _, study := range known {
		definitions[study.ID] = study
	}
	for _, s := range studies {
		if got, ok := definitions[s.Study.ID]; !ok || !reflect.DeepEqual(got, s.Study) {
			out.studies = append(out.studies, s.Study.ID)
		}
	}
	subjects := map[subjectName]warehouse.Subject{}
	if err := w.Subjects(ctx, func(s warehouse.Subject) { subjects[subjectName{s.Study, s.Subject}] = s }); err != nil {
		return out, err
	}
	for _, c := range courses {
		want := subject(c)
		got, ok := subjects[subjectName{want.Study, want.Subject}]
		if !ok || got.Simulated != want.Simulated || !maps.Equal(got.Factors, want.Factors) {
			out.courses = append(out.courses, c.Course.ID)
		}
	}
	return out, nil
}

// repairFrame puts back into the outbox what differs.
func repairFrame(ctx context.Context, store *registry.Store, f frameComparison) error {
	if !f.differs() {
		return nil
	}
	err := store.Write(ctx, registry.System("reconcile"), func(tx *registry.Tx) error { return tx.RequeueFrame(f.studies, f.courses) })
	if err != nil {
		return fmt.Errorf("put studies and subjects back: %w", err)
	}
	return nil
}

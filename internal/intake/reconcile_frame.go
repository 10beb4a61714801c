package intake

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/warehouse"
)

// frameComparison is what answers stand in: studies and their subjects. A lost
// one makes a whole study invisible, so it is compared like the journal.
type frameComparison struct {
	// studies and courses are sent again.
	studies []string
	courses []int64
	// What stands in the warehouse with other content, or is known to nobody, is
	// deleted first: an altered version that calls itself newer would count.
	wrongStudies  []string
	wrongSubjects []warehouse.SubjectName
	// foreign are those of them that nothing replaces.
	foreignStudies, foreignSubjects int
}

func (f frameComparison) differs() bool { return f.studyCount()+f.subjectCount() > 0 }

func (f frameComparison) studyCount() int { return len(f.studies) + f.foreignStudies }

func (f frameComparison) subjectCount() int { return len(f.courses) + f.foreignSubjects }

// compareFrame reads the registry first, so whatever is confirmed later is not
// missed, and asks it again about what it did not know before it calls that
// foreign.
func compareFrame(ctx context.Context, store *registry.Store, w *warehouse.Warehouse) (frameComparison, error) {
	var out frameComparison
	studies, err := store.ShippedStudies(ctx)
	if err != nil {
		return out, err
	}
	courses, err := store.ShippedCourses(ctx)
	if err != nil {
		return out, err
	}
	if err := out.compareStudies(ctx, store, w, studies); err != nil {
		return out, err
	}
	return out, out.compareSubjects(ctx, store, w, courses)
}

func (f *frameComparison) compareStudies(ctx context.Context, store *registry.Store, w *warehouse.Warehouse, studies []registry.ShippedStudy) error {
	known, err := w.Studies(ctx)
	if err != nil {
		return err
	}
	definitions := map[string]care.Study{}
	for _, study := range known {
		definitions[study.ID] = study
	}
	for _, s := range studies {
		got, there := definitions[s.Study.ID]
		delete(definitions, s.Study.ID)
		switch {
		case there && reflect.DeepEqual(got, s.Study):
			continue
		case there && s.Study.Validate() != nil:
			return fault.Unavailable("registry", nil, "the definition of study %s is damaged in the registry, and the warehouse has a different one; restore the registry from a backup", s.Study.ID)
		case there:
			f.wrongStudies = append(f.wrongStudies, s.Study.ID)
		}
		f.studies = append(f.studies, s.Study.ID)
	}
	for id := range definitions {
		_, err := store.Study(ctx, id)
		switch {
		case fault.Is(err, fault.KindNotFound):
			f.wrongStudies = append(f.wrongStudies, id)
			f.foreignStudies++
		case err != nil:
			return err
		}
	}
	return nil
}

func (f *frameComparison) compareSubjects(ctx context.Context, store *registry.Store, w *warehouse.Warehouse, courses []registry.ShippedCourse) error {
	present := map[warehouse.SubjectName]warehouse.Subject{}
	if err := w.Subjects(ctx, func(s warehouse.Subject) { present[warehouse.SubjectName{Study: s.Study, Subject: s.Subject}] = s }); err != nil {
		return err
	}
	// A subject's newest course counts; courses come in the order of their ids.
	newest := map[warehouse.SubjectName]registry.ShippedCourse{}
	for _, c := range courses {
		newest[warehouse.SubjectName{Study: c.Course.Study, Subject: c.Course.Subject}] = c
	}
	for name, c := range newest {
		want := subject(c)
		got, there := present[name]
		delete(present, name)
		switch {
		case there && got.Simulated == want.Simulated && maps.Equal(got.Factors, want.Factors):
			continue
		case there:
			if err := fits(ctx, store, c.Course); err != nil {
				return err
			}
			f.wrongSubjects = append(f.wrongSubjects, name)
		}
		f.courses = append(f.courses, c.Course.ID)
	}
	slices.Sort(f.courses)
	for name := range present {
		known, err := store.HasSubject(ctx, name.Study, name.Subject)
		if err != nil {
			return err
		}
		if !known {
			f.wrongSubjects = append(f.wrongSubjects, name)
			f.foreignSubjects++
		}
	}
	return nil
}

// fits holds a course that the warehouse knows otherwise against its study: courses
// carry no seal, and a damaged one must not go over a good copy.
func fits(ctx context.Context, store *registry.Store, c registry.Course) error {
	if c.Study == "" {
		return nil
	}
	study, err := store.Study(ctx, c.Study)
	if err != nil {
		return err
	}
	known := map[string][]string{}
	for _, factor := range study.Factors() {
		known[factor.Name] = factor.Levels
	}
	for name, level := range c.Factors {
		if !slices.Contains(known[name], level) {
			return fault.Unavailable("registry", nil, "course %d is damaged in the registry (its %q is %q, which its study does not know), and the warehouse has a different one; restore the registry from a backup", c.ID, name, level)
		}
	}
	return nil
}

// repairFrame takes what is wrong out of the warehouse and puts what the registry
// knows back into the outbox.
func repairFrame(ctx context.Context, store *registry.Store, w *warehouse.Warehouse, f frameComparison) error {
	if !f.differs() {
		return nil
	}
	if err := w.DeleteStudies(ctx, f.wrongStudies); err != nil {
		return err
	}
	if err := w.DeleteSubjects(ctx, f.wrongSubjects); err != nil {
		return err
	}
	err := store.Write(ctx, registry.System("reconcile"), func(tx *registry.Tx) error { return tx.RequeueFrame(f.studies, f.courses) })
	if err != nil {
		return fmt.Errorf("put studies and subjects back: %w", err)
	}
	return nil
}

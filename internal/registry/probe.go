package registry

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"afterglow/internal/care"
	"afterglow/internal/instrument"
)

// settingWriteCheck is rewritten by CheckWritable; it says nothing to anybody.
const settingWriteCheck = "last-write-check"

// CheckWritable takes an answer of nobody the way that every answer is taken, into
// the same tables and indexes, undoes it, and commits one small row, which a full
// disk, a read-only file or a lock would refuse: nil means that an answer could be
// taken now.
func (s *Store) CheckWritable(ctx context.Context) error {
	err := s.Write(ctx, System("write check"), func(tx *Tx) error {
		if err := tx.tryAnswer(); err != nil {
			return err
		}
		_, err := tx.keep(`INSERT INTO setting (name, value, changed_at) VALUES (?, '', ?)
			ON CONFLICT (name) DO UPDATE SET changed_at = excluded.changed_at`, settingWriteCheck, timeText(tx.now))
		return err
	})
	if err != nil {
		return fmt.Errorf("check that the registry can be written: %w", err)
	}
	return nil
}

// tryAnswer writes an answer, with everything that comes with one, and takes it
// back: no row, sequence or audit event of it stays.
func (tx *Tx) tryAnswer() error {
	head, changed, audited := tx.w.head, tx.changed, tx.audited
	if _, err := tx.keep("SAVEPOINT trial"); err != nil {
		return err
	}
	tried := tx.writeAnswer()
	tx.w.head, tx.changed, tx.audited = head, changed, audited
	_, undone := tx.keep("ROLLBACK TO trial")
	_, released := tx.keep("RELEASE trial")
	return errors.Join(tried, undone, released)
}

func (tx *Tx) writeAnswer() error {
	const nothing = "write-check"
	patient, err := tx.createUnnamedPatient(true)
	if err != nil {
		return err
	}
	course, err := tx.CreateCourse(NewCourse{Patient: patient})
	if err != nil {
		return err
	}
	o := Occasion{Course: course.ID, Patient: patient, Subject: course.Subject, Instrument: nothing, Version: nothing, Visit: nothing, Anchor: care.AnchorCourseStart}
	if o.ID, err = tx.insertOccasion(NewOccasion{Course: o.Course, Instrument: o.Instrument, Version: o.Version, Visit: o.Visit, Anchor: o.Anchor}, OccasionAnswered, nil); err != nil {
		return err
	}
	row, err := tx.AppendJournal(Entry{Key: nothing + "-" + newToken(), BodyHash: sha256.Sum256(nil), Occasion: o, DefinitionHash: nothing,
		Answers: instrument.Answers{"1": instrument.Answer(0)}, Source: care.SourceForm})
	if err != nil {
		return err
	}
	if err := tx.RaiseAlert(NewAlert{Flag: instrument.Flag{Rule: nothing, Level: instrument.LevelUnknown, Item: "1"}, Occasion: o, Journal: row.Sequence}); err != nil {
		return err
	}
	return tx.Audit(Event{Action: nothing, SubjectKind: "submission", Subject: row.Key})
}

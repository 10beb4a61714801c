package registry

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

const maxImportFaults = 100

// errNoEffect undoes a write that found everything in place.
var errNoEffect = errors.New("nothing to do")

// ImportStudy stores the study, its subjects, occasions and journal rows in one
// transaction: all or nothing. The same data again has no effect. Other content
// for a subject's visit that is stored is a fault.Conflict that names every such
// row.
func (s *Store) ImportStudy(ctx context.Context, actor Actor, in StudyImport) (ImportReport, error) {
	return s.importStudy(ctx, actor, in, true)
}

// CheckImport finds out what ImportStudy would do, and leaves nothing.
func (s *Store) CheckImport(ctx context.Context, actor Actor, in StudyImport) (ImportReport, error) {
	return s.importStudy(ctx, actor, in, false)
}

func (s *Store) importStudy(ctx context.Context, actor Actor, in StudyImport, keep bool) (ImportReport, error) {
	if err := in.Study.Validate(); err != nil {
		return ImportReport{}, err
	}
	if in.Source != care.SourceImport && in.Source != care.SourceSimulation {
		return ImportReport{}, fault.Invalid("source", "must be %s or %s", care.SourceImport, care.SourceSimulation)
	}
	im := importer{in: in, report: ImportReport{Study: in.Study.ID}}
	err := s.Write(ctx, actor, func(tx *Tx) error {
		im.tx = tx
		if err := im.run(); err != nil {
			return err
		}
		if !keep {
			return errNoEffect
		}
		return nil
	})
	if err != nil && !errors.Is(err, errNoEffect) {
		return ImportReport{}, fmt.Errorf("import study %s: %w", in.Study.ID, err)
	}
	return im.report, nil
}

type importer struct {
	tx     *Tx
	in     StudyImport
	report ImportReport
	faults []fault.Detail
}

func (im *importer) run() error {
	var err error
	if im.report.StudyAdded, err = im.tx.putStudy(im.in.Study); err != nil {
		return err
	}
	for _, p := range im.in.Protocols {
		added, err := im.tx.putProtocol(p)
		if err != nil {
			return err
		}
		if added {
			im.report.ProtocolsAdded++
		}
	}
	for i, subject := range im.in.Subjects {
		if err := im.subject(i, subject); err != nil {
			return err
		}
	}
	if len(im.faults) > 0 {
		return &fault.Error{
			Kind: fault.KindConflict, Where: "study " + im.in.Study.ID, Details: im.faults,
			Message: "some rows differ from what is stored; stored values are changed only by a correction",
		}
	}
	r := im.report
	if !r.StudyAdded && r.SubjectsAdded+r.ResponsesAdded+r.ProtocolsAdded+r.SessionsAdded+r.OccasionsAdded == 0 {
		return errNoEffect
	}
	return im.tx.Audit(Event{Action: "study-imported", SubjectKind: "study", Subject: r.Study, Detail: map[string]any{
		"source": im.in.Source, "source_hash": im.in.SourceHash, "subjects_added": r.SubjectsAdded, "responses_added": r.ResponsesAdded,
		"protocols_added": r.ProtocolsAdded, "sessions_added": r.SessionsAdded, "occasions_added": r.OccasionsAdded,
	}})
}

func (im *importer) conflict(place, format string, args ...any) {
	if len(im.faults) < maxImportFaults {
		im.faults = append(im.faults, fault.Detail{Item: place, Message: fmt.Sprintf(format, args...)})
	}
}

func (im *importer) subject(i int, s ImportedSubject) error {
	factors, err := im.factors(i, s)
	if err != nil {
		return err
	}
	s.Factors = factors
	course, known, err := im.tx.courseByCode(im.in.Study.ID, s.Code)
	if err != nil {
		return err
	}
	place := fmt.Sprintf("subject %d", i+1)
	switch {
	case known && !sameFactors(course.Factors, s.Factors):
		im.conflict(place, "has other factor levels than are stored")
		return nil
	case known && (course.Protocol != s.Protocol || course.StartedOn != s.StartedOn):
		im.conflict(place, "has another protocol or start than is stored")
		return nil
	case known:
		im.report.SubjectsKnown++
	default:
		if course, err = im.addSubject(s); err != nil {
			return err
		}
	}
	if err := im.sessions(course, known, s.Sessions, place); err != nil {
		return err
	}
	var stored map[occasionName][sha256.Size]byte
	if known {
		if stored, err = im.storedBodies(course.ID); err != nil {
			return err
		}
	}
	for _, r := range s.Responses {
		if err := im.response(course, stored, r, i); err != nil {
			return err
		}
	}
	return im.unanswered(course, known, s.Unanswered)
}

func sameFactors(a, b map[string]string) bool {
	return len(a) == len(b) && maps.Equal(a, b)
}

func (im *importer) addSubject(s ImportedSubject) (Course, error) {
	patient, err := im.tx.createUnnamedPatient(im.in.Study.Simulated)
	if err != nil {
		return Course{}, err
	}
	im.report.SubjectsAdded++
	return im.tx.CreateCourse(NewCourse{
		Patient: patient, Study: im.in.Study.ID, Factors: s.Factors, SubjectCode: s.Code, StartedOn: s.StartedOn, Protocol: s.Protocol,
	})
}

type occasionName struct{ instrument, visit string }

// storedBodies gives the body hash of the first answer of each occasion of a
// course: what a further import is held against.
func (im *importer) storedBodies(course int64) (map[occasionName][sha256.Size]byte, error) {
	stored := map[occasionName][sha256.Size]byte{}
	err := eachJournalRow(im.tx.ctx, im.tx, func(r JournalRow) error {
		stored[occasionName{r.Instrument, r.Visit}] = r.BodyHash
		return nil
	}, "WHERE j.occasion IN (SELECT id FROM occasion WHERE course = ?) AND j.revision = 1", course)
	return stored, err
}

func (im *importer) response(course Course, stored map[occasionName][sha256.Size]byte, r ImportedResponse, subject int) error {
	body, err := importBody(r)
	if err != nil {
		return err
	}
	if before, known := stored[occasionName{r.Instrument, r.Visit}]; known {
		if before == body {
			im.report.ResponsesKnown++
			return nil
		}
		place := fmt.Sprintf("subject %d, visit %s", subject+1, r.Visit)
		if r.Row > 0 {
			place = fmt.Sprintf("row %d", r.Row)
		}
		im.conflict(place, "has another %s than is stored for visit %s", r.Instrument, r.Visit)
		return nil
	}
	anchor := im.anchor(r.Anchor)
	id, err := im.tx.insertOccasion(NewOccasion{
		Course: course.ID, Instrument: r.Instrument, Version: r.Version, Visit: r.Visit, Anchor: anchor, Session: r.Session, TargetDay: r.Day,
	}, OccasionAnswered, nil)
	if err != nil {
		return err
	}
	im.report.ResponsesAdded++
	_, err = im.tx.AppendJournal(Entry{
		Key: fmt.Sprintf("import-%s-%d", im.in.Study.ID, id), BodyHash: body,
		Occasion: Occasion{
			ID: id, Course: course.ID, Patient: course.Patient, Subject: course.Subject, Study: course.Study,
			Instrument: r.Instrument, Version: r.Version, Visit: r.Visit, Anchor: anchor, Session: r.Session, TargetDay: r.Day,
		},
		DefinitionHash: r.DefinitionHash, Answers: r.Answers, Score: r.Score, Source: im.in.Source, ClaimedAt: r.AnsweredAt,
	})
	return err
}

func importBody(r ImportedResponse) ([sha256.Size]byte, error) {
	body, err := json.Marshal([]any{r.Instrument, r.Version, r.Visit, r.Day, r.Answers})
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("encode an imported response: %w", err)
	}
	return sha256.Sum256(body), nil
}

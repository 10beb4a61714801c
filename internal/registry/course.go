package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// Course is a patient's course of treatment. Study is "" in the clinic's own
// care. Subject is the pseudonym that leaves the registry, another one in each
// study. Factors are levels by the study's factor names; one that was not
// recorded is absent.
type Course struct {
	ID      int64
	Patient care.Pseudonym
	Study   string
	Subject care.Pseudonym
	Factors map[string]string
	// StartedOn is written as 2006-01-02, or "" when it is not known.
	StartedOn string
	// Protocol is what the course follows; its ID is "" when that is not known.
	Protocol care.ProtocolRef
}

// NewCourse is a course to store. SubjectCode is the study's own code for the
// subject, kept encrypted, or "".
type NewCourse struct {
	Patient     care.Pseudonym
	Study       string
	Factors     map[string]string
	StartedOn   string
	SubjectCode string
	Protocol    care.ProtocolRef
}

// CreateCourse stores a course; it is announced to the warehouse as a subject.
// The caller leaves the audit event.
func (tx *Tx) CreateCourse(c NewCourse) (Course, error) {
	subject, err := tx.subjectOf(c.Patient, c.Study)
	if err != nil {
		return Course{}, err
	}
	code, err := tx.w.keys.sealSubjectCode(subject, c.SubjectCode)
	if err != nil {
		return Course{}, err
	}
	return tx.insertCourse(c, subject, code)
}

// sealedCode is a subject's code as it is stored: encrypted, with a keyed hash to
// find it by; empty without a code.
type sealedCode struct {
	Code    []byte `json:"code,omitempty"`
	Index   []byte `json:"index,omitempty"`
	Version int64  `json:"version,omitempty"`
}

func (k *keyring) sealSubjectCode(subject care.Pseudonym, code string) (sealedCode, error) {
	if code == "" {
		return sealedCode{}, nil
	}
	field, err := k.sealField(place{"course", "subject_code", string(subject)}, code)
	if err != nil {
		return sealedCode{}, err
	}
	sealed, _ := field.([]byte)
	index, err := k.indexOf("course", "subject_code", code)
	return sealedCode{Code: sealed, Index: index, Version: k.fieldVersion}, err
}

// columns are the three values as the database takes them.
func (c sealedCode) columns() (code, index, version any) {
	if c.Code == nil {
		return nil, nil, nil
	}
	return c.Code, c.Index, c.Version
}

// insertCourse stores a course under a subject's pseudonym. SubjectCode is not
// read: code holds it.
func (tx *Tx) insertCourse(c NewCourse, subject care.Pseudonym, sealed sealedCode) (Course, error) {
	code, index, version := sealed.columns()
	factors := c.Factors
	if factors == nil {
		factors = map[string]string{}
	}
	encoded, err := json.Marshal(factors)
	if err != nil {
		return Course{}, fmt.Errorf("encode a course's factors: %w", err)
	}
	var protocol, protocolVersion any
	if c.Protocol.ID != "" {
		if err := tx.checkProtocol(c.Protocol); err != nil {
			return Course{}, err
		}
		protocol, protocolVersion = c.Protocol.ID, c.Protocol.Version
	}
	result, err := tx.exec(`INSERT INTO course (patient, study, subject, factors, subject_code, subject_code_index, key_version, started_on, protocol, protocol_version, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, string(c.Patient), text(c.Study), string(subject), string(encoded), code, index, version,
		text(c.StartedOn), protocol, protocolVersion, timeText(tx.now))
	if err != nil {
		return Course{}, fmt.Errorf("store a course: %w", err)
	}
	id, err := result.LastInsertId()
	if err != nil {
		return Course{}, fmt.Errorf("store a course: %w", err)
	}
	if _, err := tx.keep("INSERT INTO outbox (course, import) VALUES (?, ?)", id, tx.held); err != nil {
		return Course{}, fmt.Errorf("queue a course for the warehouse: %w", err)
	}
	return Course{ID: id, Patient: c.Patient, Study: c.Study, Subject: subject, Factors: factors, StartedOn: c.StartedOn, Protocol: c.Protocol}, nil
}

// subjectOf gives the pseudonym that the patient already has in the study, or a
// new one.
func (tx *Tx) subjectOf(patient care.Pseudonym, study string) (care.Pseudonym, error) {
	var known string
	err := tx.queryRow(tx.ctx, "SELECT subject FROM course WHERE patient = ? AND study IS ? LIMIT 1", string(patient), text(study)).Scan(&known)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return newPseudonym(), nil
	case err != nil:
		return "", fmt.Errorf("look for the subject of a patient: %w", err)
	}
	return care.Pseudonym(known), nil
}

// courseColumns give a course with its factors as they are now.
const courseColumns = "c.id, c.patient, coalesce(c.study, ''), c.subject, " + newestFactors + ", coalesce(c.started_on, ''), coalesce(c.protocol, ''), coalesce(c.protocol_version, 0)"

// newestFactors are those of the newest version that is shown, or the first ones.
const newestFactors = `coalesce((SELECT v.factors FROM course_version v WHERE v.course = c.id AND v.import NOT IN ` + unfinishedImports + `
	ORDER BY v.sequence DESC LIMIT 1), c.factors)`

func scanCourse(scan func(...any) error) (Course, error) {
	var c Course
	var patient, subject, factors string
	if err := scan(&c.ID, &patient, &c.Study, &subject, &factors, &c.StartedOn, &c.Protocol.ID, &c.Protocol.Version); err != nil {
		return Course{}, err
	}
	c.Patient, c.Subject = care.Pseudonym(patient), care.Pseudonym(subject)
	if err := json.Unmarshal([]byte(factors), &c.Factors); err != nil {
		return Course{}, fmt.Errorf("decode the factors of course %d: %w", c.ID, err)
	}
	return c, nil
}

// Courses lists a patient's courses, first to last.
func (s *Store) Courses(ctx context.Context, patient care.Pseudonym) ([]Course, error) {
	var list []Course
	err := each(ctx, s, func(rows *sql.Rows) error {
		c, err := scanCourse(rows.Scan)
		list = append(list, c)
		return err
	}, "SELECT "+courseColumns+" FROM course c WHERE c.patient = ? ORDER BY c.id", string(patient))
	if err != nil {
		return nil, fmt.Errorf("list a patient's courses: %w", err)
	}
	return list, nil
}

func (tx *Tx) courseByID(id int64) (Course, error) { return courseByID(tx.ctx, tx, id) }

func courseByID(ctx context.Context, from source, id int64) (Course, error) {
	c, err := scanCourse(from.queryRow(ctx, "SELECT "+courseColumns+" FROM course c WHERE c.id = ?", id).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Course{}, fault.NotFound("course", "there is no course %d", id)
	case err != nil:
		return Course{}, fmt.Errorf("read course %d: %w", id, err)
	}
	return c, nil
}

// courseByIndex finds a study's course by the keyed hash of its subject's code.
func (tx *Tx) courseByIndex(study string, index []byte) (Course, bool, error) {
	c, err := scanCourse(tx.queryRow(tx.ctx, "SELECT "+courseColumns+" FROM course c WHERE c.study = ? AND c.subject_code_index = ?", study, index).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Course{}, false, nil
	case err != nil:
		return Course{}, false, fmt.Errorf("look for a subject: %w", err)
	}
	return c, true, nil
}

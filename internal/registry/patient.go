package registry

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/identity"
)

const pseudonymBytes = 16

// newPseudonym is random and derived from nothing (SR-73).
func newPseudonym() care.Pseudonym {
	return care.Pseudonym(hex.EncodeToString(random(pseudonymBytes)))
}

// CreatePatient stores who a patient is, encrypted, and gives the pseudonym that
// stands for them everywhere else.
func (tx *Tx) CreatePatient(p identity.Person) (care.Pseudonym, error) {
	if err := p.Validate(); err != nil {
		return "", err
	}
	if demo, err := tx.isDemo(); err != nil {
		return "", err
	} else if demo {
		return "", fault.Forbidden("patient", "a demo folder never holds real patients")
	}
	pseudonym := newPseudonym()
	sealed := make([]any, 0, 3)
	for _, field := range []struct {
		column string
		text   identity.Text
	}{{"name", p.Name}, {"contact", p.Contact}, {"birth_date", p.BirthDate}} {
		value, err := tx.w.keys.sealField(place{"patient", field.column, string(pseudonym)}, field.text.Reveal())
		if err != nil {
			return "", err
		}
		sealed = append(sealed, value)
	}
	var contactIndex any
	if !p.Contact.IsEmpty() {
		sum, err := tx.w.keys.indexOf("patient", "contact", normalContact(p.Contact))
		if err != nil {
			return "", err
		}
		contactIndex = sum
	}
	if _, err := tx.exec(`INSERT INTO patient (pseudonym, name, contact, birth_date, key_version, contact_index, simulated, created_at)
		VALUES (?, ?, ?, ?, ?, ?, 0, ?)`, string(pseudonym), sealed[0], sealed[1], sealed[2], tx.w.keys.fieldVersion,
		contactIndex, timeText(tx.now)); err != nil {
		return "", fmt.Errorf("store a patient: %w", err)
	}
	return pseudonym, tx.Audit(Event{Action: "patient-created", SubjectKind: "patient", Subject: string(pseudonym)})
}

// createUnnamedPatient is for subjects of an import and for simulated patients.
func (tx *Tx) createUnnamedPatient(simulated bool) (care.Pseudonym, error) {
	pseudonym := newPseudonym()
	if _, err := tx.exec("INSERT INTO patient (pseudonym, simulated, created_at) VALUES (?, ?, ?)",
		string(pseudonym), simulated, timeText(tx.now)); err != nil {
		return "", fmt.Errorf("store a patient without identity: %w", err)
	}
	return pseudonym, nil
}

// Person shows who a patient is; looking is an audit event of its own, so it
// needs a transaction. A patient of an import has no identity: the zero Person.
func (tx *Tx) Person(pseudonym care.Pseudonym) (identity.Person, error) {
	var sealed [3][]byte
	var version sql.NullInt64
	err := tx.queryRow(tx.ctx, "SELECT name, contact, birth_date, key_version FROM patient WHERE pseudonym = ?", string(pseudonym)).
		Scan(&sealed[0], &sealed[1], &sealed[2], &version)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return identity.Person{}, fault.NotFound("patient", "there is no such patient")
	case err != nil:
		return identity.Person{}, fmt.Errorf("read a patient: %w", err)
	}
	var fields [3]identity.Text
	for i, column := range []string{"name", "contact", "birth_date"} {
		plain, err := tx.w.keys.openField(place{"patient", column, string(pseudonym)}, version.Int64, sealed[i])
		if err != nil {
			return identity.Person{}, err
		}
		fields[i] = identity.NewText(plain)
	}
	person := identity.Person{Name: fields[0], Contact: fields[1], BirthDate: fields[2]}
	return person, tx.Audit(Event{Action: "patient-viewed", SubjectKind: "patient", Subject: string(pseudonym)})
}

// PatientsByContact finds patients by their exact contact.
func (s *Store) PatientsByContact(ctx context.Context, contact identity.Text) ([]care.Pseudonym, error) {
	index, err := s.keys.indexOf("patient", "contact", normalContact(contact))
	if err != nil {
		return nil, err
	}
	var found []care.Pseudonym
	err = each(ctx, s, func(rows *sql.Rows) error {
		var p string
		err := rows.Scan(&p)
		found = append(found, care.Pseudonym(p))
		return err
	}, "SELECT pseudonym FROM patient WHERE contact_index = ? ORDER BY pseudonym", index)
	if err != nil {
		return nil, fmt.Errorf("find a patient by contact: %w", err)
	}
	return found, nil
}

func normalContact(t identity.Text) string { return strings.ToLower(t.Reveal()) }

// PatientSummary is a line of the clinic's list: nothing that identifies.
type PatientSummary struct {
	Pseudonym care.Pseudonym
	Simulated bool
	Open      int
	Answered  int
}

// Patients lists the patients of the clinic's own care (not those of imported
// studies), newest first.
func (s *Store) Patients(ctx context.Context, limit int) ([]PatientSummary, error) {
	var list []PatientSummary
	err := each(ctx, s, func(rows *sql.Rows) error {
		var p PatientSummary
		var pseudonym string
		err := rows.Scan(&pseudonym, &p.Simulated, &p.Open, &p.Answered)
		p.Pseudonym = care.Pseudonym(pseudonym)
		list = append(list, p)
		return err
	}, `SELECT p.pseudonym, p.simulated,
			(SELECT count(*) FROM course c JOIN occasion o ON o.course = c.id WHERE c.patient = p.pseudonym AND o.state = 'open'),
			(SELECT count(*) FROM course c JOIN occasion o ON o.course = c.id WHERE c.patient = p.pseudonym AND o.state = 'answered')
		FROM patient p
		WHERE EXISTS (SELECT 1 FROM course c WHERE c.patient = p.pseudonym AND c.study IS NULL)
		ORDER BY p.created_at DESC, p.pseudonym LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("list patients: %w", err)
	}
	return list, nil
}

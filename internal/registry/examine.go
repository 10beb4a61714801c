package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"afterglow/internal/fault"
)

// Examination is what a whole look at the registry found.
type Examination struct {
	// Structure says what SQLite finds wrong with its file; "" when nothing is. A
	// row that breaks a rule of its table is among it.
	Structure string
	Audit     AuditReport
	// Damage lists the rows that are not as they were written.
	Damage []Damage
}

// Whole reports whether everything is as it was written.
func (e Examination) Whole() bool {
	return e.Structure == "" && e.Audit.FirstBad == 0 && len(e.Damage) == 0
}

// Fault is nil for a whole registry, else what is wrong and what to do, for people.
func (e Examination) Fault() error {
	switch {
	case e.Structure != "" && len(e.Damage) > 0:
		return fault.Unavailable("registry", nil, "the registry file is damaged (%s; %s); stop the server and restore a backup", e.Structure, NameDamage(e.Damage))
	case e.Structure != "":
		return fault.Unavailable("registry", nil, "the registry file is damaged (%s); stop the server and restore a backup", e.Structure)
	case e.Audit.FirstBad != 0:
		return fault.Unavailable("registry", nil, "event %d of the audit trail %s; keep a copy of the folder and restore a backup", e.Audit.FirstBad, e.Audit.Why)
	case len(e.Damage) > 0:
		return DamageFault(e.Damage)
	}
	return nil
}

// DamageFault says which rows are damaged and what to do; nil when none is.
func DamageFault(rows []Damage) error {
	if len(rows) == 0 {
		return nil
	}
	return fault.Unavailable("registry", nil, "these rows are not as they were written: %s. The warehouse's copies of them are kept; restore the rows from a backup of the registry", NameDamage(rows))
}

// NameDamage names damaged rows in a few words.
func NameDamage(rows []Damage) string {
	const most = 5
	names := make([]string, 0, most)
	for _, d := range rows[:min(len(rows), most)] {
		names = append(names, d.String())
	}
	if more := len(rows) - most; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// Examine reads the whole registry: SQLite's own structures, the chain of the audit
// trail, and every row of the record against its seal. It changes nothing; only
// what kept it from looking is an error.
func (s *Store) Examine(ctx context.Context) (Examination, error) {
	var out Examination
	// One part that cannot be read does not keep the others from being looked at.
	for _, look := range []func() error{
		func() error { return s.CheckIntegrity(ctx) },
		func() (err error) { out.Audit, err = s.VerifyAudit(ctx, AuditCheckpoint{}); return err },
		func() (err error) { out.Damage, err = s.FindDamage(ctx); return err },
	} {
		err := look()
		var broken structureError
		switch {
		case errors.As(err, &broken):
			out.Structure = string(broken)
		case resultCode(err) == corruptCode && out.Structure == "":
			out.Structure = "pages of it cannot be read"
		case err != nil && resultCode(err) != corruptCode:
			return Examination{}, fmt.Errorf("examine the registry: %w", err)
		}
	}
	s.corrupt.Store(out.Structure != "")
	return out, nil
}

// SawCorruption reports whether SQLite has met a damaged page since the last
// examination that found none.
func (s *Store) SawCorruption() bool { return s.corrupt.Load() }

// structureError is what integrity_check says.
type structureError string

func (e structureError) Error() string { return "check the registry: " + string(e) }

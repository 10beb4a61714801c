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

// PutProtocol stores a version of a protocol and reports whether it was added.
// The same content again has no effect; other content under a stored version is
// a fault.Conflict, since courses already follow it.
func (tx *Tx) PutProtocol(p care.Protocol) (added bool, err error) {
	if added, err = tx.putProtocol(p); err != nil || !added {
		return false, err
	}
	return true, tx.Audit(Event{
		Action: "protocol-added", SubjectKind: "protocol", Subject: p.ID, Detail: map[string]any{"version": p.Version},
	})
}

func (tx *Tx) putProtocol(p care.Protocol) (added bool, err error) {
	if err := p.Validate(); err != nil {
		return false, err
	}
	if p.Schedule == nil {
		p.Schedule = []care.PlannedOccasion{}
	}
	definition, err := json.Marshal(p)
	if err != nil {
		return false, fmt.Errorf("encode protocol %s: %w", p.ID, err)
	}
	var known string
	err = tx.queryRow(tx.ctx, "SELECT definition FROM protocol WHERE id = ? AND version = ?", p.ID, p.Version).Scan(&known)
	switch {
	case err == nil && known == string(definition):
		return false, nil
	case err == nil:
		return false, fault.Conflict("protocol "+p.ID, "version %d is stored with different content; give the changed protocol a higher version", p.Version)
	case !errors.Is(err, sql.ErrNoRows):
		return false, fmt.Errorf("look for protocol %s: %w", p.ID, err)
	}
	if _, err := tx.exec("INSERT INTO protocol (id, version, definition, created_at) VALUES (?, ?, ?, ?)",
		p.ID, p.Version, string(definition), timeText(tx.now)); err != nil {
		return false, fmt.Errorf("store protocol %s: %w", p.ID, err)
	}
	return true, nil
}

// Protocols lists every version of every protocol, by id and version.
func (s *Store) Protocols(ctx context.Context) ([]care.Protocol, error) {
	list := []care.Protocol{}
	err := each(ctx, s, func(rows *sql.Rows) error {
		var definition string
		if err := rows.Scan(&definition); err != nil {
			return err
		}
		p, err := decodeProtocol(definition)
		list = append(list, p)
		return err
	}, "SELECT definition FROM protocol ORDER BY id, version")
	if err != nil {
		return nil, fmt.Errorf("list protocols: %w", err)
	}
	return list, nil
}

// Protocol gives one version of a protocol, or a fault.NotFound.
func (s *Store) Protocol(ctx context.Context, ref care.ProtocolRef) (care.Protocol, error) {
	var definition string
	err := s.queryRow(ctx, "SELECT definition FROM protocol WHERE id = ? AND version = ?", ref.ID, ref.Version).Scan(&definition)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return care.Protocol{}, fault.NotFound("protocol", "there is no version %d of protocol %q", ref.Version, ref.ID)
	case err != nil:
		return care.Protocol{}, fmt.Errorf("read protocol %s: %w", ref.ID, err)
	}
	return decodeProtocol(definition)
}

func decodeProtocol(definition string) (care.Protocol, error) {
	var p care.Protocol
	if err := json.Unmarshal([]byte(definition), &p); err != nil {
		return care.Protocol{}, fmt.Errorf("decode a protocol: %w", err)
	}
	return p, nil
}

func (tx *Tx) checkProtocol(ref care.ProtocolRef) error {
	var known bool
	err := tx.queryRow(tx.ctx, "SELECT EXISTS (SELECT 1 FROM protocol WHERE id = ? AND version = ?)", ref.ID, ref.Version).Scan(&known)
	if err != nil {
		return fmt.Errorf("look for protocol %s: %w", ref.ID, err)
	}
	if !known {
		return fault.Invalid("protocol", "version %d of %q is not stored; store the protocol first", ref.Version, ref.ID)
	}
	return nil
}

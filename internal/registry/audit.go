package registry

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Event is one entry of the audit trail. Detail holds pseudonyms, hashes, counts
// and codes; never a name, a contact, an answer or free text (SR-79).
type Event struct {
	Action      string
	SubjectKind string
	Subject     string
	Detail      map[string]any
}

// AuditEntry is an event as it stands in the trail.
type AuditEntry struct {
	Sequence    int64           `json:"sequence"`
	At          string          `json:"at"`
	ActorKind   ActorKind       `json:"actor_kind"`
	Actor       string          `json:"actor"`
	Action      string          `json:"action"`
	SubjectKind string          `json:"subject_kind"`
	Subject     string          `json:"subject"`
	Detail      json.RawMessage `json:"detail"`

	previous []byte
	hash     []byte
}

// auditHead is the last entry that the next one is chained to.
type auditHead struct {
	sequence int64
	hash     [sha256.Size]byte
	at       time.Time
}

func (w *writer) loadHead() error {
	stmt, err := w.prepare(w.ctx, "SELECT sequence, at, hash FROM audit ORDER BY sequence DESC LIMIT 1")
	if err != nil {
		return err
	}
	var at string
	var hash []byte
	head := auditHead{}
	switch err := stmt.QueryRowContext(w.ctx).Scan(&head.sequence, &at, &hash); {
	case errors.Is(err, sql.ErrNoRows):
		w.head = head
		return nil
	case err != nil:
		return fmt.Errorf("read the head of the audit trail: %w", err)
	}
	copy(head.hash[:], hash)
	if head.at, err = parseTime(at); err != nil {
		return err
	}
	w.head = head
	return nil
}

// Audit adds an event in the same transaction as what it tells of.
func (tx *Tx) Audit(e Event) error {
	if e.Detail == nil {
		e.Detail = map[string]any{}
	}
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return fmt.Errorf("encode the audit event %s: %w", e.Action, err)
	}
	head := tx.w.head
	entry := AuditEntry{
		Sequence: head.sequence + 1, At: timeText(tx.now), ActorKind: tx.actor.Kind, Actor: tx.actor.ID,
		Action: e.Action, SubjectKind: e.SubjectKind, Subject: e.Subject, Detail: detail, previous: head.hash[:],
	}
	sum := entry.sum(tx.w.keys.audit)
	if _, err := tx.keep(`INSERT INTO audit (sequence, at, actor_kind, actor, action, subject_kind, subject, detail, previous, hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, entry.Sequence, entry.At, string(entry.ActorKind), entry.Actor, entry.Action,
		entry.SubjectKind, entry.Subject, string(detail), entry.previous, sum[:]); err != nil {
		return fmt.Errorf("write the audit event %s: %w", e.Action, err)
	}
	tx.w.head = auditHead{sequence: entry.Sequence, hash: sum, at: tx.now}
	tx.audited = true
	return nil
}

// sum is HMAC-SHA-256 over every field, each with its length before it, so that
// no text can move from one field to the next. The key keeps whoever owns only
// the file from making a chain of their own.
func (e AuditEntry) sum(key []byte) [sha256.Size]byte {
	mac := hmac.New(sha256.New, key)
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(e.Sequence))
	mac.Write(number[:])
	for _, field := range [][]byte{
		[]byte(e.At), []byte(e.ActorKind), []byte(e.Actor), []byte(e.Action),
		[]byte(e.SubjectKind), []byte(e.Subject), e.Detail, e.previous,
	} {
		binary.BigEndian.PutUint64(number[:], uint64(len(field)))
		mac.Write(number[:])
		mac.Write(field)
	}
	var sum [sha256.Size]byte
	mac.Sum(sum[:0])
	return sum
}

// AuditReport says what a verification found. FirstBad is the first sequence
// that is not what was written, or 0; Why says in what.
type AuditReport struct {
	Entries  int64  `json:"entries"`
	Head     string `json:"head"`
	FirstBad int64  `json:"first_bad"`
	Why      string `json:"why,omitempty"`
}

// VerifyAudit walks the whole trail: sequences without a gap, each entry chained
// to the one before, each hash right (SR-78). A trail cut off at its end shows
// only against a head that was kept elsewhere: pass it as known, or the zero
// value.
func (s *Store) VerifyAudit(ctx context.Context, known AuditCheckpoint) (AuditReport, error) {
	var report AuditReport
	var previous [sha256.Size]byte
	bad := func(sequence int64, why string) error {
		report.FirstBad, report.Why = sequence, why
		return errStop
	}
	check := func(e AuditEntry) error {
		expected := report.Entries + 1
		switch {
		case e.Sequence != expected:
			return bad(expected, "an entry is missing or out of order")
		case !hmac.Equal(e.previous, previous[:]):
			return bad(e.Sequence, "is not chained to the entry before")
		}
		sum := e.sum(s.keys.audit)
		if !hmac.Equal(sum[:], e.hash) {
			return bad(e.Sequence, "was changed")
		}
		if known.Sequence == e.Sequence && known.Hash != fmt.Sprintf("%x", sum) {
			return bad(e.Sequence, "is not the entry that the checkpoint saw")
		}
		previous, report.Entries, report.Head = sum, e.Sequence, fmt.Sprintf("%x", sum)
		return nil
	}
	if err := s.EachAuditEntry(ctx, 0, check); err != nil && !errors.Is(err, errStop) {
		return AuditReport{}, fmt.Errorf("verify the audit trail: %w", err)
	}
	if report.FirstBad == 0 && report.Entries < known.Sequence {
		_ = bad(report.Entries+1, "the trail ends before the checkpoint")
	}
	return report, nil
}

var errStop = errors.New("stop")

// AuditCheckpoint is a head of the trail that was seen before; Hash is in hex.
type AuditCheckpoint struct {
	Sequence int64
	Hash     string
}

// EachAuditEntry gives the entries after a sequence, in order, until fn returns
// an error.
func (s *Store) EachAuditEntry(ctx context.Context, after int64, fn func(AuditEntry) error) error {
	return each(ctx, s, func(rows *sql.Rows) error {
		var e AuditEntry
		var kind, detail string
		if err := rows.Scan(&e.Sequence, &e.At, &kind, &e.Actor, &e.Action, &e.SubjectKind, &e.Subject, &detail, &e.previous, &e.hash); err != nil {
			return err
		}
		e.ActorKind, e.Detail = ActorKind(kind), json.RawMessage(detail)
		return fn(e)
	}, `SELECT sequence, at, actor_kind, actor, action, subject_kind, subject, detail, previous, hash
		FROM audit WHERE sequence > ? ORDER BY sequence`, after)
}

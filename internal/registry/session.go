package registry

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// SessionRow is one revision of a session, as it will always stand.
type SessionRow struct {
	Sequence int64
	Course   int64
	Patient  care.Pseudonym
	Subject  care.Pseudonym
	Study    string
	// Revision counts from 1; Supersedes is the sequence that a correction
	// replaces, or 0, and Reason its reason code.
	Revision   int
	Supersedes int64
	Reason     string
	// Author is the id of the actor who recorded this revision.
	Author     string
	RecordedAt time.Time
	Session    care.Session
	// Shipped reports whether the warehouse has confirmed the row.
	Shipped bool
	// ContentHash is the SHA-256 of the row as it is stored.
	ContentHash [sha256.Size]byte
	// Damaged says that the row is not as it was written; see JournalRow.
	Damaged bool

	whole [sha256.Size]byte
	mac   []byte
}

// RecordSession adds a session of a course and queues it for the warehouse. A
// fault.Conflict when the course has a session of that number: correct it then.
func (tx *Tx) RecordSession(course int64, s care.Session) (SessionRow, error) {
	c, err := tx.courseByID(course)
	if err != nil {
		return SessionRow{}, err
	}
	row, err := tx.insertSession(c, s, SessionRow{Revision: 1})
	if err != nil {
		return SessionRow{}, err
	}
	return row, tx.auditSession("session-recorded", row, map[string]any{"after": hex.EncodeToString(row.ContentHash[:])})
}

// CorrectSession adds a further revision in place of a row, with the actor as
// author and a reason code (SR-8). A fault.Conflict when the row was corrected
// already.
func (tx *Tx) CorrectSession(of SessionRow, s care.Session, reason string) (SessionRow, error) {
	if reason == "" {
		return SessionRow{}, fault.Invalid("reason", "a correction needs a reason code")
	}
	if s.Number != of.Session.Number {
		return SessionRow{}, fault.Invalid("session", "a correction keeps the session's number %d", of.Session.Number)
	}
	c, err := tx.courseByID(of.Course)
	if err != nil {
		return SessionRow{}, err
	}
	row, err := tx.insertSession(c, s, SessionRow{Revision: of.Revision + 1, Supersedes: of.Sequence, Reason: reason})
	if err != nil {
		return SessionRow{}, err
	}
	return row, tx.auditSession("session-corrected", row, map[string]any{
		"supersedes": of.Sequence, "before": hex.EncodeToString(of.ContentHash[:]),
		"after": hex.EncodeToString(row.ContentHash[:]), "reason": reason,
	})
}

func (tx *Tx) auditSession(action string, row SessionRow, detail map[string]any) error {
	detail["course"], detail["number"] = row.Course, row.Session.Number
	return tx.Audit(Event{Action: action, SubjectKind: "session", Subject: fmt.Sprint(row.Sequence), Detail: detail})
}

// insertSession stores a revision and queues it. The caller leaves the audit
// event.
func (tx *Tx) insertSession(c Course, s care.Session, row SessionRow) (SessionRow, error) {
	if err := s.Validate(); err != nil {
		return SessionRow{}, err
	}
	if err := tx.checkProtocol(s.Protocol); err != nil {
		return SessionRow{}, err
	}
	row.Course, row.Patient, row.Subject, row.Study = c.ID, c.Patient, c.Subject, c.Study
	row.Author, row.RecordedAt, row.Session = tx.actor.ID, tx.now, normalSession(s)
	body, err := encodeSession(row.Session)
	if err != nil {
		return SessionRow{}, err
	}
	var supersedes any
	if row.Supersedes != 0 {
		supersedes = row.Supersedes
	}
	result, err := tx.exec(`INSERT INTO session (course, number, revision, supersedes, reason, author, protocol, protocol_version, body, recorded_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, c.ID, s.Number, row.Revision, supersedes, text(row.Reason), row.Author,
		s.Protocol.ID, s.Protocol.Version, body, timeText(row.RecordedAt))
	switch {
	case isConstraint(err):
		return SessionRow{}, &fault.Error{
			Kind: fault.KindConflict, Where: fmt.Sprintf("session %d", s.Number), Err: err,
			Message: "the course has this session already, or it was corrected meanwhile; look at the newest revision and correct that",
		}
	case err != nil:
		return SessionRow{}, fmt.Errorf("store a session: %w", err)
	}
	if row.Sequence, err = result.LastInsertId(); err != nil {
		return SessionRow{}, fmt.Errorf("store a session: %w", err)
	}
	if _, err := tx.keep("INSERT INTO outbox (session, import) VALUES (?, ?)", row.Sequence, tx.held); err != nil {
		return SessionRow{}, fmt.Errorf("queue session row %d for the warehouse: %w", row.Sequence, err)
	}
	row.ContentHash = row.contentHash(body)
	row.whole = row.wholeHash(body, timeText(row.RecordedAt))
	if row.mac, err = tx.seal(recordSession, row.Sequence, row.whole); err != nil {
		return SessionRow{}, err
	}
	return row, nil
}

// normalSession has one way to write each value, so that the same session is the
// same text.
func normalSession(s care.Session) care.Session {
	s.StartedAt = s.StartedAt.UTC().Truncate(time.Microsecond)
	if s.Setting == nil {
		s.Setting = care.Setting{}
	}
	if len(s.AdverseEvents) == 0 {
		s.AdverseEvents = nil
	}
	return s
}

func encodeSession(s care.Session) (string, error) {
	body, err := json.Marshal(normalSession(s))
	if err != nil {
		return "", fmt.Errorf("encode a session: %w", err)
	}
	return string(body), nil
}

// contentHash covers everything that the warehouse is told of the row.
func (r SessionRow) contentHash(body string) [sha256.Size]byte {
	content, err := json.Marshal([]any{r.Sequence, r.Course, r.Subject, r.Study, r.Revision, r.Supersedes, body})
	if err != nil {
		panic(err) // house:panic numbers and strings always encode
	}
	return sha256.Sum256(content)
}

const sessionColumns = `s.sequence, s.course, c.patient, c.subject, coalesce(c.study, ''), s.revision, coalesce(s.supersedes, 0),
	coalesce(s.reason, ''), s.author, s.body, s.recorded_at, NOT EXISTS (SELECT 1 FROM outbox x WHERE x.session = s.sequence),
	(SELECT mac FROM seal WHERE kind = 'session' AND seal.sequence = s.sequence)`

const newestSession = " NOT EXISTS (SELECT 1 FROM session n WHERE n.supersedes = s.sequence) "

func scanSession(scan func(...any) error) (SessionRow, error) {
	var r SessionRow
	var patient, subject, body, recorded string
	if err := scan(&r.Sequence, &r.Course, &patient, &subject, &r.Study, &r.Revision, &r.Supersedes,
		&r.Reason, &r.Author, &body, &recorded, &r.Shipped, &r.mac); err != nil {
		return SessionRow{Sequence: r.Sequence}, err
	}
	r.Patient, r.Subject = care.Pseudonym(patient), care.Pseudonym(subject)
	if err := json.Unmarshal([]byte(body), &r.Session); err != nil {
		return SessionRow{Sequence: r.Sequence}, fmt.Errorf("decode session row %d: %w", r.Sequence, err)
	}
	r.ContentHash = r.contentHash(body)
	r.whole = r.wholeHash(body, recorded)
	var err error
	r.RecordedAt, err = parseTime(recorded)
	return r, err
}

// wholeHash covers the row's own fields; who the course belongs to is not among
// them.
func (r SessionRow) wholeHash(body, recorded string) [sha256.Size]byte {
	return hashFields(r.Sequence, r.Course, r.Revision, r.Supersedes, r.Reason, r.Author, body, recorded)
}

func sessions(ctx context.Context, from source, where string, args ...any) ([]SessionRow, error) {
	list := []SessionRow{}
	err := eachSession(ctx, from, func(r SessionRow, err error) error {
		list = append(list, r)
		return err
	}, where, args...)
	return list, err
}

// eachSession gives each row with the error of decoding it.
func eachSession(ctx context.Context, from source, fn func(SessionRow, error) error, where string, args ...any) error {
	err := each(ctx, from, func(rows *sql.Rows) error {
		r, err := scanSession(rows.Scan)
		r.Damaged = err == nil && !from.sealed(recordSession, r.Sequence, r.whole, r.mac)
		return fn(r, err)
	}, "SELECT "+sessionColumns+" FROM session s JOIN course c ON c.id = s.course "+where, args...)
	if err != nil {
		return fmt.Errorf("read sessions: %w", err)
	}
	return nil
}

// eachSessionEvenDamaged does not stop at a row that cannot be decoded.
func eachSessionEvenDamaged(ctx context.Context, from source, fn func(SessionRow) error, where string, args ...any) error {
	return eachSession(ctx, from, func(r SessionRow, err error) error {
		if err != nil && !isEnvironment(from.noted(err)) && r.Sequence != 0 {
			r.Damaged, err = true, nil
		}
		if err != nil {
			return err
		}
		return fn(r)
	}, where, args...)
}

// Sessions lists the newest revision of each session of a course, by number.
func (s *Store) Sessions(ctx context.Context, course int64) ([]SessionRow, error) {
	return sessions(ctx, s, "WHERE s.course = ? AND"+newestSession+"ORDER BY s.number", course)
}

// PatientSessions lists the newest revision of each session of a patient, by
// course and number.
func (s *Store) PatientSessions(ctx context.Context, patient care.Pseudonym) ([]SessionRow, error) {
	return sessions(ctx, s, "WHERE c.patient = ? AND"+newestSession+"ORDER BY s.course, s.number", string(patient))
}

// SessionHistory lists every revision of a course's session, first to last.
func (s *Store) SessionHistory(ctx context.Context, course int64, number int) ([]SessionRow, error) {
	return sessions(ctx, s, "WHERE s.course = ? AND s.number = ? ORDER BY s.revision", course, number)
}

// SessionKey is what a session row must be like in the warehouse.
type SessionKey struct {
	Sequence    int64
	Study       string
	Shipped     bool
	ContentHash [sha256.Size]byte
	// Damaged rows say nothing of what the warehouse must have.
	Damaged bool
}

// EachSessionKey gives the key of every revision of every session, by sequence,
// until fn returns an error; one row at a time is in memory.
func (s *Store) EachSessionKey(ctx context.Context, fn func(SessionKey) error) error {
	return eachSessionEvenDamaged(ctx, s, func(r SessionRow) error {
		return fn(SessionKey{Sequence: r.Sequence, Study: r.Study, Shipped: r.Shipped, ContentHash: r.ContentHash, Damaged: r.Damaged})
	}, "ORDER BY s.sequence")
}

// LastSession is the highest sequence of a session row, 0 when there is none.
func (s *Store) LastSession(ctx context.Context) (sequence int64, err error) {
	if err := s.queryRow(ctx, "SELECT coalesce(max(sequence), 0) FROM session").Scan(&sequence); err != nil {
		return 0, fmt.Errorf("read the last session: %w", err)
	}
	return sequence, nil
}

package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// OccasionState says whether an occasion still takes answers.
type OccasionState string

// The states: open, then answered by a submission, or closed without one.
const (
	OccasionOpen     OccasionState = "open"
	OccasionAnswered OccasionState = "answered"
	OccasionClosed   OccasionState = "closed"
)

// Occasion is one time that a patient is asked to fill in one instrument.
type Occasion struct {
	ID         int64
	Course     int64
	Patient    care.Pseudonym
	Subject    care.Pseudonym
	Study      string
	Simulated  bool
	Instrument string
	Version    string
	Visit      string
	Anchor     care.Anchor
	// Session is the number of the session that is the anchor, or 0.
	Session int
	// TargetDay counts from the anchor.
	TargetDay int
	OpensAt   *time.Time
	TargetAt  *time.Time
	ClosesAt  *time.Time
	State     OccasionState
	// BegunAt is when the first of the unfinished copies of the form was begun;
	// nil where there is none.
	BegunAt *time.Time
	// AnsweredLate says that the answers came after the window had closed.
	AnsweredLate bool
}

// FinishWithin is how long after its window a form may be finished that was begun
// within it.
const FinishWithin = 24 * time.Hour

// TakesAnswers reports whether the occasion is open and its window is too, or was
// when the form was begun and FinishWithin is not over.
func (o Occasion) TakesAnswers(now time.Time) bool {
	switch {
	case o.State != OccasionOpen, o.OpensAt != nil && now.Before(*o.OpensAt):
		return false
	case !o.IsLate(now):
		return true
	}
	return o.BegunAt != nil && o.BegunAt.Before(*o.ClosesAt) && now.Before(o.ClosesAt.Add(FinishWithin))
}

// IsLate reports whether the window has closed: ClosesAt is the first instant that
// is too late.
func (o Occasion) IsLate(now time.Time) bool { return o.ClosesAt != nil && !now.Before(*o.ClosesAt) }

// NewOccasion is an occasion to store. With Link it can be opened by a link.
type NewOccasion struct {
	Course     int64
	Instrument string
	Version    string
	Visit      string
	Anchor     care.Anchor
	Session    int
	TargetDay  int
	OpensAt    *time.Time
	TargetAt   *time.Time
	ClosesAt   *time.Time
	Link       bool
}

// CreateOccasion stores an open occasion and gives its id and, with Link, the
// token of its link, which is stored nowhere. The caller leaves the audit event.
func (tx *Tx) CreateOccasion(o NewOccasion) (id int64, token string, err error) {
	var tokenHash any
	if o.Link {
		token = newToken()
		tokenHash = hashToken(token)
	}
	id, err = tx.insertOccasion(o, OccasionOpen, tokenHash)
	return id, token, err
}

func (tx *Tx) insertOccasion(o NewOccasion, state OccasionState, tokenHash any) (int64, error) {
	var session any
	if o.Session != 0 {
		session = o.Session
	}
	result, err := tx.exec(`INSERT INTO occasion (course, instrument, instrument_version, visit, anchor, session, target_day, opens_at, target_at,
		closes_at, state, token_hash, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, o.Course, o.Instrument, o.Version, o.Visit,
		string(o.Anchor), session, o.TargetDay, optionalTimeText(o.OpensAt), optionalTimeText(o.TargetAt), optionalTimeText(o.ClosesAt),
		string(state), tokenHash, timeText(tx.now))
	if isConstraint(err) {
		return 0, fault.Conflict("occasion", "the course already has an occasion of %s at visit %s, or its window or anchor is not right", o.Instrument, o.Visit)
	}
	if err != nil {
		return 0, fmt.Errorf("store an occasion: %w", err)
	}
	return result.LastInsertId()
}

const occasionColumns = `o.id, o.course, c.patient, c.subject, coalesce(c.study, ''), p.simulated, o.instrument, o.instrument_version,
	o.visit, o.anchor, coalesce(o.session, 0), o.target_day, o.opens_at, o.target_at, o.closes_at, o.state, o.answered_late,
	(SELECT min(begun.started_at) FROM draft begun WHERE begun.occasion = o.id)`

const occasionJoin = " FROM occasion o JOIN course c ON c.id = o.course JOIN patient p ON p.pseudonym = c.patient "

func scanOccasion(scan func(...any) error) (Occasion, error) {
	var o Occasion
	var patient, subject, anchor, state string
	var opens, target, closes, begun sql.NullString
	if err := scan(&o.ID, &o.Course, &patient, &subject, &o.Study, &o.Simulated, &o.Instrument, &o.Version,
		&o.Visit, &anchor, &o.Session, &o.TargetDay, &opens, &target, &closes, &state, &o.AnsweredLate, &begun); err != nil {
		return Occasion{}, err
	}
	o.Patient, o.Subject = care.Pseudonym(patient), care.Pseudonym(subject)
	o.Anchor, o.State = care.Anchor(anchor), OccasionState(state)
	var err error
	if o.OpensAt, err = parseOptionalTime(opens); err != nil {
		return Occasion{}, err
	}
	if o.TargetAt, err = parseOptionalTime(target); err != nil {
		return Occasion{}, err
	}
	if o.ClosesAt, err = parseOptionalTime(closes); err != nil {
		return Occasion{}, err
	}
	o.BegunAt, err = parseOptionalTime(begun)
	return o, err
}

// OccasionByToken finds the occasion that a link opens, or a fault.NotFound that
// says no more than that.
func (s *Store) OccasionByToken(ctx context.Context, token string) (Occasion, error) {
	return occasionByToken(ctx, s, token)
}

// OccasionByToken is the same within the transaction.
func (tx *Tx) OccasionByToken(token string) (Occasion, error) {
	return occasionByToken(tx.ctx, tx, token)
}

func occasionByToken(ctx context.Context, from source, token string) (Occasion, error) {
	o, err := scanOccasion(from.queryRow(ctx, "SELECT "+occasionColumns+occasionJoin+"WHERE o.token_hash = ?", hashToken(token)).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Occasion{}, fault.NotFound("link", "this link does not open anything")
	case err != nil:
		return Occasion{}, fmt.Errorf("find the occasion of a link: %w", err)
	}
	return o, nil
}

// OccasionByID finds an occasion within the transaction.
func (tx *Tx) OccasionByID(id int64) (Occasion, error) {
	o, err := scanOccasion(tx.queryRow(tx.ctx, "SELECT "+occasionColumns+occasionJoin+"WHERE o.id = ?", id).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Occasion{}, fault.NotFound("occasion", "there is no occasion %d", id)
	case err != nil:
		return Occasion{}, fmt.Errorf("read occasion %d: %w", id, err)
	}
	return o, nil
}

// Occasions lists a patient's occasions by day.
func (s *Store) Occasions(ctx context.Context, patient care.Pseudonym) ([]Occasion, error) {
	return occasions(ctx, s, "WHERE c.patient = ? ORDER BY o.target_day, o.id", string(patient))
}

func occasions(ctx context.Context, from source, where string, args ...any) ([]Occasion, error) {
	var list []Occasion
	err := each(ctx, from, func(rows *sql.Rows) error {
		o, err := scanOccasion(rows.Scan)
		list = append(list, o)
		return err
	}, "SELECT "+occasionColumns+occasionJoin+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list occasions: %w", err)
	}
	return list, nil
}

// NextOccasion gives the occasion of a course that comes next: open, its window not
// over, the one that opens first. False when none is planned.
func (s *Store) NextOccasion(ctx context.Context, course int64) (Occasion, bool, error) {
	o, err := scanOccasion(s.queryRow(ctx, "SELECT "+occasionColumns+occasionJoin+`WHERE o.course = ? AND o.state = 'open'
		AND (o.closes_at IS NULL OR o.closes_at > ?) ORDER BY coalesce(o.opens_at, ''), o.id LIMIT 1`, course, timeText(s.Now())).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Occasion{}, false, nil
	case err != nil:
		return Occasion{}, false, fmt.Errorf("find the next occasion of a course: %w", err)
	}
	return o, true, nil
}

// MarkAnswered moves an open occasion to answered, whatever its window says, and
// notes when the answers came after it.
func (tx *Tx) MarkAnswered(occasion int64) error {
	result, err := tx.exec("UPDATE occasion SET state = 'answered', answered_late = (closes_at IS NOT NULL AND closes_at <= ?) WHERE id = ? AND state = 'open'",
		timeText(tx.now), occasion)
	if err != nil {
		return fmt.Errorf("mark occasion %d as answered: %w", occasion, err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return fault.Conflict("occasion", "occasion %d is not open", occasion)
	}
	return nil
}

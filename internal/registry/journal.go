package registry

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
)

// JournalRow is one accepted submission or correction, as it will always stand.
type JournalRow struct {
	Sequence       int64
	Key            string
	BodyHash       [sha256.Size]byte
	Receipt        string
	Occasion       int64
	Patient        care.Pseudonym
	Subject        care.Pseudonym
	Course         int64
	Study          string
	Visit          string
	TargetDay      int
	Instrument     string
	Version        string
	DefinitionHash string
	Revision       int
	// Supersedes is the sequence that a correction replaces, or 0; Reason is its
	// reason code and Author the account that made it.
	Supersedes int64
	Reason     string
	Author     string
	Answers    instrument.Answers
	Score      instrument.Score
	Source     care.Source
	Language   string
	ReceivedAt time.Time
	// ClaimedAt is the device's time; nothing is ordered by it (SR-18).
	ClaimedAt *time.Time
	// Shipped reports whether the warehouse has confirmed the row.
	Shipped bool
	// ContentHash is the SHA-256 of the row as it is stored.
	ContentHash [sha256.Size]byte
	// Damaged says that the row is not as it was written: its seal does not fit, or
	// it cannot be decoded, and then it holds no more than its Sequence.
	Damaged bool

	// whole is the SHA-256 of every field, and mac the seal that is stored for it.
	whole [sha256.Size]byte
	mac   []byte
}

// Entry is what a caller brings for a journal row; the rest comes from the
// occasion, the server's clock and, for a correction, the row it replaces.
type Entry struct {
	Key            string
	BodyHash       [sha256.Size]byte
	Occasion       Occasion
	DefinitionHash string
	Answers        instrument.Answers
	Score          instrument.Score
	Source         care.Source
	Language       string
	ClaimedAt      *time.Time
}

// AppendJournal adds the first answer of an occasion and queues it for the
// warehouse. A fault.Conflict when the occasion was answered or the key was used.
// The caller leaves the audit event.
func (tx *Tx) AppendJournal(e Entry) (JournalRow, error) {
	return tx.appendRow(e, JournalRow{Revision: 1})
}

// Correct adds a further revision in place of a row, with the actor as author
// and a reason code (SR-8). A fault.Conflict when the row was corrected already.
func (tx *Tx) Correct(e Entry, of JournalRow, reason string) (JournalRow, error) {
	if reason == "" {
		return JournalRow{}, fault.Invalid("reason", "a correction needs a reason code")
	}
	row, err := tx.appendRow(e, JournalRow{Revision: of.Revision + 1, Supersedes: of.Sequence, Reason: reason, Author: tx.actor.ID})
	if err != nil {
		return JournalRow{}, err
	}
	return row, tx.Audit(Event{Action: "submission-corrected", SubjectKind: "submission", Subject: row.Key, Detail: map[string]any{
		"supersedes": of.Sequence, "sequence": row.Sequence, "before": hex.EncodeToString(of.BodyHash[:]),
		"after": hex.EncodeToString(row.BodyHash[:]), "reason": reason,
	}})
}

const insertJournal = `INSERT INTO journal (key, body_hash, receipt, occasion, patient, subject, course, study, visit, target_day,
	instrument, instrument_version, definition_hash, revision, supersedes, reason, author, answers, score, flags, source, language,
	received_at, claimed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

func (tx *Tx) appendRow(e Entry, row JournalRow) (JournalRow, error) {
	o := e.Occasion
	row.Key, row.BodyHash, row.Receipt = e.Key, e.BodyHash, newToken()
	row.Occasion, row.Patient, row.Subject, row.Course, row.Study = o.ID, o.Patient, o.Subject, o.Course, o.Study
	row.Visit, row.TargetDay, row.Instrument, row.Version = o.Visit, o.TargetDay, o.Instrument, o.Version
	row.DefinitionHash, row.Answers, row.Score = e.DefinitionHash, e.Answers, e.Score
	row.Source, row.Language, row.ReceivedAt, row.ClaimedAt = e.Source, e.Language, tx.now, e.ClaimedAt
	if row.Score.Flags == nil {
		row.Score.Flags = []instrument.Flag{}
	}
	answers, score, flags, err := encodeAnswers(row)
	if err != nil {
		return JournalRow{}, err
	}
	var supersedes any
	if row.Supersedes != 0 {
		supersedes = row.Supersedes
	}
	result, err := tx.exec(insertJournal, row.Key, row.BodyHash[:], row.Receipt, row.Occasion, string(row.Patient), string(row.Subject),
		row.Course, text(row.Study), row.Visit, row.TargetDay, row.Instrument, row.Version, row.DefinitionHash, row.Revision, supersedes,
		text(row.Reason), text(row.Author), answers, score, flags, string(row.Source), row.Language, timeText(row.ReceivedAt),
		optionalTimeText(row.ClaimedAt))
	switch {
	case isConstraint(err):
		return JournalRow{}, &fault.Error{Kind: fault.KindConflict, Where: "submission", Message: "the occasion is answered, or the key was used", Err: err}
	case err != nil:
		return JournalRow{}, fmt.Errorf("write to the journal: %w", err)
	}
	if row.Sequence, err = result.LastInsertId(); err != nil {
		return JournalRow{}, fmt.Errorf("write to the journal: %w", err)
	}
	if _, err := tx.keep("INSERT INTO outbox (journal, import) VALUES (?, ?)", row.Sequence, tx.held); err != nil {
		return JournalRow{}, fmt.Errorf("queue journal row %d for the warehouse: %w", row.Sequence, err)
	}
	row.ContentHash = row.contentHash(answers, score)
	row.whole = row.wholeHash(answers, score, timeText(row.ReceivedAt), claimedText(row.ClaimedAt))
	if row.mac, err = tx.seal(recordJournal, row.Sequence, row.whole); err != nil {
		return JournalRow{}, err
	}
	return row, nil
}

func encodeAnswers(row JournalRow) (answers, score, flags string, err error) {
	var encoded [3][]byte
	for i, value := range []any{row.Answers, row.Score, row.Score.Flags} {
		if encoded[i], err = json.Marshal(value); err != nil {
			return "", "", "", fmt.Errorf("encode a submission for the journal: %w", err)
		}
	}
	return string(encoded[0]), string(encoded[1]), string(encoded[2]), nil
}

// contentHash covers everything that the warehouse is told of the row. JSON
// keeps the fields apart, and maps are written with sorted keys.
func (r JournalRow) contentHash(answers, score string) [sha256.Size]byte {
	content, err := json.Marshal([]any{
		r.Sequence, r.Key, r.Occasion, r.Subject, r.Course, r.Study, r.Visit, r.TargetDay, r.Instrument, r.Version,
		r.DefinitionHash, r.Revision, r.Supersedes, answers, score, r.Source, timeText(r.ReceivedAt),
	})
	if err != nil {
		panic(err) // house:panic numbers and strings always encode
	}
	return sha256.Sum256(content)
}

const journalColumns = `j.sequence, j.key, j.body_hash, j.receipt, j.occasion, j.patient, j.subject, j.course, coalesce(j.study, ''),
	j.visit, j.target_day, j.instrument, j.instrument_version, j.definition_hash, j.revision, coalesce(j.supersedes, 0),
	coalesce(j.reason, ''), coalesce(j.author, ''), j.answers, j.score, j.source, j.language, j.received_at, j.claimed_at,
	NOT EXISTS (SELECT 1 FROM outbox x WHERE x.journal = j.sequence), (SELECT mac FROM seal WHERE kind = 'journal' AND seal.sequence = j.sequence)`

func scanJournal(scan func(...any) error) (JournalRow, error) {
	var r JournalRow
	var body []byte
	var patient, subject, answers, score, source, received string
	var claimed sql.NullString
	if err := scan(&r.Sequence, &r.Key, &body, &r.Receipt, &r.Occasion, &patient, &subject, &r.Course, &r.Study,
		&r.Visit, &r.TargetDay, &r.Instrument, &r.Version, &r.DefinitionHash, &r.Revision, &r.Supersedes,
		&r.Reason, &r.Author, &answers, &score, &source, &r.Language, &received, &claimed, &r.Shipped, &r.mac); err != nil {
		return JournalRow{Sequence: r.Sequence}, err
	}
	copy(r.BodyHash[:], body)
	r.Patient, r.Subject, r.Source = care.Pseudonym(patient), care.Pseudonym(subject), care.Source(source)
	if err := errors.Join(json.Unmarshal([]byte(answers), &r.Answers), json.Unmarshal([]byte(score), &r.Score)); err != nil {
		return JournalRow{Sequence: r.Sequence}, fmt.Errorf("decode journal row %d: %w", r.Sequence, err)
	}
	var err error
	if r.ReceivedAt, err = parseTime(received); err != nil {
		return JournalRow{Sequence: r.Sequence}, err
	}
	if r.ClaimedAt, err = parseOptionalTime(claimed); err != nil {
		return JournalRow{Sequence: r.Sequence}, err
	}
	r.ContentHash = r.contentHash(answers, score)
	r.whole = r.wholeHash(answers, score, received, claimed.String)
	return r, nil
}

func claimedText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return timeText(*t)
}

// wholeHash covers every field that is ever read back, as it is stored.
func (r JournalRow) wholeHash(answers, score, received, claimed string) [sha256.Size]byte {
	return hashFields(r.Sequence, r.Key, r.BodyHash[:], r.Receipt, r.Occasion, string(r.Patient), string(r.Subject), r.Course, r.Study,
		r.Visit, r.TargetDay, r.Instrument, r.Version, r.DefinitionHash, r.Revision, r.Supersedes, r.Reason, r.Author,
		answers, score, string(r.Source), r.Language, received, claimed)
}

// JournalByKey finds the row of an idempotency key; false when there is none.
func (tx *Tx) JournalByKey(key string) (JournalRow, bool, error) {
	return oneJournalRow(tx.ctx, tx, "WHERE j.key = ?", key)
}

// JournalByKey finds the row of an idempotency key; false when there is none.
func (s *Store) JournalByKey(ctx context.Context, key string) (JournalRow, bool, error) {
	return oneJournalRow(ctx, s, "WHERE j.key = ?", key)
}

// JournalByReceipt finds the row that a receipt promised.
func (s *Store) JournalByReceipt(ctx context.Context, receipt string) (JournalRow, bool, error) {
	return oneJournalRow(ctx, s, "WHERE j.receipt = ?", receipt)
}

// RecordedAnswers says whether an occasion has answers, and whether one of their
// revisions is the given body.
func (tx *Tx) RecordedAnswers(occasion int64, body [sha256.Size]byte) (answered, same bool, err error) {
	err = tx.queryRow(tx.ctx, "SELECT count(*) > 0, coalesce(max(body_hash = ?), 0) FROM journal WHERE occasion = ?", body[:], occasion).Scan(&answered, &same)
	if err != nil {
		return false, false, fmt.Errorf("look for the answers of occasion %d: %w", occasion, err)
	}
	return answered, same, nil
}

// JournalBySequence finds a row by its place in the journal.
func (tx *Tx) JournalBySequence(sequence int64) (JournalRow, bool, error) {
	return oneJournalRow(tx.ctx, tx, "WHERE j.sequence = ?", sequence)
}

func oneJournalRow(ctx context.Context, from source, where string, arg any) (JournalRow, bool, error) {
	r, err := scanJournal(from.queryRow(ctx, "SELECT "+journalColumns+" FROM journal j "+where, arg).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return JournalRow{}, false, nil
	case err != nil:
		return JournalRow{}, false, fmt.Errorf("read the journal: %w", err)
	}
	r.Damaged = !from.sealed(recordJournal, r.Sequence, r.whole, r.mac)
	return r, true, nil
}

// EachJournalRow gives the rows after a sequence, in order, until fn returns an
// error; one row at a time is in memory. Damaged rows are given too, and say so.
func (s *Store) EachJournalRow(ctx context.Context, after int64, fn func(JournalRow) error) error {
	return eachEvenDamaged(ctx, s, fn, "WHERE j.sequence > ? AND "+journalIsShown+" ORDER BY j.sequence", after)
}

// Responses lists the rows of a patient that no correction replaced, by day.
func (s *Store) Responses(ctx context.Context, patient care.Pseudonym) ([]JournalRow, error) {
	var list []JournalRow
	err := eachJournalRow(ctx, s, func(r JournalRow) error {
		list = append(list, r)
		return nil
	}, `WHERE j.patient = ? AND `+journalIsShown+` AND NOT EXISTS (SELECT 1 FROM journal n WHERE n.supersedes = j.sequence AND `+newerIsShown+`)
		ORDER BY j.target_day, j.sequence`, string(patient))
	return list, err
}

// Revisions lists every revision of an occasion's answer, first to last.
func (s *Store) Revisions(ctx context.Context, occasion int64) ([]JournalRow, error) {
	var list []JournalRow
	err := eachJournalRow(ctx, s, func(r JournalRow) error {
		list = append(list, r)
		return nil
	}, "WHERE j.occasion = ? ORDER BY j.revision", occasion)
	return list, err
}

func eachJournalRow(ctx context.Context, from source, fn func(JournalRow) error, where string, args ...any) error {
	return scanEachJournalRow(ctx, from, func(r JournalRow, err error) error {
		if err != nil {
			return err
		}
		return fn(r)
	}, where, args...)
}

// eachEvenDamaged does not stop at a row that cannot be decoded: one bad row must
// not keep the others from being shipped and compared.
func eachEvenDamaged(ctx context.Context, from source, fn func(JournalRow) error, where string, args ...any) error {
	return scanEachJournalRow(ctx, from, func(r JournalRow, err error) error {
		if err != nil && !isEnvironment(from.noted(err)) && r.Sequence != 0 {
			r.Damaged, err = true, nil
		}
		if err != nil {
			return err
		}
		return fn(r)
	}, where, args...)
}

func scanEachJournalRow(ctx context.Context, from source, fn func(JournalRow, error) error, where string, args ...any) error {
	err := each(ctx, from, func(rows *sql.Rows) error {
		r, err := scanJournal(rows.Scan)
		r.Damaged = err == nil && !from.sealed(recordJournal, r.Sequence, r.whole, r.mac)
		return fn(r, err)
	}, "SELECT "+journalColumns+" FROM journal j "+where, args...)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	return nil
}

// JournalCounts says how much there is and how much of it waits for the
// warehouse. ConfirmedUntil is when the newest row was received such that it and
// everything before it is in the warehouse; nil when nothing is.
type JournalCounts struct {
	Rows int64
	// Last is the highest sequence, 0 when there is no row.
	Last int64
	// Waiting rows are on their way; a damaged one is not sent, so it does not wait.
	Waiting        int64
	ConfirmedUntil *time.Time
}

// JournalCounts counts the journal.
func (s *Store) JournalCounts(ctx context.Context) (JournalCounts, error) {
	var c JournalCounts
	var until sql.NullString
	err := s.queryRow(ctx, `SELECT (SELECT count(*) FROM journal) - (SELECT count(*) FROM outbox WHERE journal IS NOT NULL AND import IN `+unfinishedImports+`),
		(SELECT coalesce(max(sequence), 0) FROM journal), (SELECT count(*) FROM outbox w WHERE w.journal IS NOT NULL AND `+notDamaged+` AND `+outboxIsOpen+`),
		(SELECT received_at FROM journal j WHERE sequence < coalesce((SELECT min(journal) FROM outbox w WHERE `+notDamaged+` AND `+outboxIsOpen+`), 9223372036854775807)
			AND `+journalIsShown+` ORDER BY sequence DESC LIMIT 1)`).Scan(&c.Rows, &c.Last, &c.Waiting, &until)
	if err != nil {
		return JournalCounts{}, fmt.Errorf("count the journal: %w", err)
	}
	c.ConfirmedUntil, err = parseOptionalTime(until)
	return c, err
}

package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"afterglow/internal/instrument"
)

// Draft is what a browser saved of an unfinished form.
type Draft struct {
	Occasion int64
	// Browser is the secret of the browser that wrote it; only its hash is kept,
	// and without it a draft cannot be read (SR-41).
	Browser string
	Page    int
	// Answers holds nil for an item that the person chose not to answer.
	Answers instrument.Answers
}

// SaveDraft keeps the newest state of a browser's draft.
func (tx *Tx) SaveDraft(d Draft) error {
	answers, err := json.Marshal(d.Answers)
	if err != nil {
		return fmt.Errorf("encode a draft: %w", err)
	}
	now := timeText(tx.now)
	if _, err := tx.keep(`INSERT INTO draft (occasion, browser_hash, page, answers, started_at, saved_at, raised) VALUES (?, ?, ?, ?, ?, ?, 0)
		ON CONFLICT (occasion, browser_hash) DO UPDATE SET page = excluded.page, answers = excluded.answers, saved_at = excluded.saved_at, raised = 0`,
		d.Occasion, hashToken(d.Browser), d.Page, string(answers), now, now); err != nil {
		return fmt.Errorf("save a draft: %w", err)
	}
	return nil
}

// LoadDraft gives what this browser saved for the occasion; false when it saved
// nothing.
func (s *Store) LoadDraft(ctx context.Context, occasion int64, browser string) (Draft, bool, error) {
	return loadDraft(ctx, s, occasion, browser)
}

// LoadDraft is the same within the transaction: what is read is what the write
// that follows changes.
func (tx *Tx) LoadDraft(occasion int64, browser string) (Draft, bool, error) {
	return loadDraft(tx.ctx, tx, occasion, browser)
}

func loadDraft(ctx context.Context, from source, occasion int64, browser string) (Draft, bool, error) {
	d := Draft{Occasion: occasion, Browser: browser}
	var answers string
	err := from.queryRow(ctx, "SELECT page, answers FROM draft WHERE occasion = ? AND browser_hash = ?", occasion, hashToken(browser)).
		Scan(&d.Page, &answers)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Draft{}, false, nil
	case err != nil:
		return Draft{}, false, fmt.Errorf("load a draft: %w", err)
	}
	if err := json.Unmarshal([]byte(answers), &d.Answers); err != nil {
		return Draft{}, false, fmt.Errorf("decode a draft: %w", err)
	}
	return d, true, nil
}

// DeleteDrafts removes every draft of an occasion, once it is answered.
func (tx *Tx) DeleteDrafts(occasion int64) error {
	if _, err := tx.keep("DELETE FROM draft WHERE occasion = ?", occasion); err != nil {
		return fmt.Errorf("delete the drafts of occasion %d: %w", occasion, err)
	}
	return nil
}

// LeftDraft is a draft that nobody has touched for a while.
type LeftDraft struct {
	Occasion Occasion
	Answers  instrument.Answers
	// Unreadable is set when the stored answers do not decode; one such row must
	// not hide the others.
	Unreadable bool
	// Raised says that a sweep has looked at it since it was saved.
	Raised      bool
	browserHash []byte
	savedAt     string
}

// LeftDrafts lists drafts of unanswered occasions that were last saved at or before
// a time and that no sweep has looked at since.
func (s *Store) LeftDrafts(ctx context.Context, savedUntil time.Time) ([]LeftDraft, error) {
	var list []LeftDraft
	err := each(ctx, s, func(rows *sql.Rows) error {
		var d LeftDraft
		var answers string
		var err error
		d.Occasion, err = scanOccasion(func(into ...any) error {
			return rows.Scan(append(into, &answers, &d.browserHash, &d.savedAt)...)
		})
		if err != nil {
			return err
		}
		d.Unreadable = json.Unmarshal([]byte(answers), &d.Answers) != nil
		list = append(list, d)
		return nil
	}, "SELECT "+occasionColumns+", d.answers, d.browser_hash, d.saved_at"+occasionJoin+
		"JOIN draft d ON d.occasion = o.id WHERE d.raised = 0 AND d.saved_at <= ? AND o.state <> 'answered' ORDER BY d.saved_at", timeText(savedUntil))
	if err != nil {
		return nil, fmt.Errorf("list drafts that were left: %w", err)
	}
	return list, nil
}

// Drafts gives an occasion's drafts, whichever browser wrote them, the one saved
// longest ago first.
func (tx *Tx) Drafts(o Occasion) ([]LeftDraft, error) {
	var list []LeftDraft
	err := each(tx.ctx, tx, func(rows *sql.Rows) error {
		d := LeftDraft{Occasion: o}
		var text string
		if err := rows.Scan(&text, &d.browserHash, &d.savedAt, &d.Raised); err != nil {
			return err
		}
		d.Unreadable = json.Unmarshal([]byte(text), &d.Answers) != nil
		list = append(list, d)
		return nil
	}, "SELECT answers, browser_hash, saved_at, raised FROM draft WHERE occasion = ? ORDER BY saved_at, browser_hash", o.ID)
	if err != nil {
		return nil, fmt.Errorf("read the drafts of occasion %d: %w", o.ID, err)
	}
	return list, nil
}

// DeleteDraft removes one draft, unless it was saved again since it was read.
func (tx *Tx) DeleteDraft(d LeftDraft) error {
	if _, err := tx.keep("DELETE FROM draft WHERE occasion = ? AND browser_hash = ? AND saved_at = ?", d.Occasion.ID, d.browserHash, d.savedAt); err != nil {
		return fmt.Errorf("delete a draft of occasion %d: %w", d.Occasion.ID, err)
	}
	return nil
}

// overDrafts picks drafts that a sweep has looked at and that can serve nobody any
// more: last saved before a time, or of a form that was over before another.
const overDrafts = ` FROM draft WHERE raised = 1 AND (saved_at <= ? OR EXISTS (SELECT 1 FROM occasion o
	WHERE o.id = draft.occasion AND (o.state <> 'open' OR o.closes_at <= ?)))`

// HasOverDrafts reports whether there are drafts for DeleteOverDrafts.
func (s *Store) HasOverDrafts(ctx context.Context, savedUntil, closedUntil time.Time) (bool, error) {
	var found bool
	err := s.queryRow(ctx, "SELECT EXISTS (SELECT 1"+overDrafts+")", timeText(savedUntil), timeText(closedUntil)).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("look for drafts that are over: %w", err)
	}
	return found, nil
}

// DeleteOverDrafts removes drafts that were last saved at or before a time, or
// whose form closed at or before another, and gives how many. One that no sweep
// has looked at stays: what it shows must be raised first.
func (tx *Tx) DeleteOverDrafts(savedUntil, closedUntil time.Time) (int64, error) {
	result, err := tx.keep("DELETE"+overDrafts, timeText(savedUntil), timeText(closedUntil))
	if err != nil {
		return 0, fmt.Errorf("delete drafts that are over: %w", err)
	}
	return result.RowsAffected()
}

// MarkSwept notes that a sweep has looked at the draft; false when it was saved
// again, sent or swept meanwhile, so there is nothing to raise for it now.
func (tx *Tx) MarkSwept(d LeftDraft) (bool, error) {
	result, err := tx.keep("UPDATE draft SET raised = 1 WHERE occasion = ? AND browser_hash = ? AND saved_at = ? AND raised = 0",
		d.Occasion.ID, d.browserHash, d.savedAt)
	if err != nil {
		return false, fmt.Errorf("mark a draft as swept: %w", err)
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// AcceptNotice records that the patient accepted a version of the notice that
// nobody watches answers live (SR-114).
func (tx *Tx) AcceptNotice(o Occasion, version string) error {
	result, err := tx.keep("INSERT INTO notice_acceptance (patient, version, occasion, accepted_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
		string(o.Patient), version, o.ID, timeText(tx.now))
	if err != nil {
		return fmt.Errorf("record the acceptance of a notice: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err // accepted before
	}
	return tx.Audit(Event{Action: "notice-accepted", SubjectKind: "patient", Subject: string(o.Patient), Detail: map[string]any{"version": version}})
}

// NoticeAccepted reports whether the patient accepted this version.
func (s *Store) NoticeAccepted(ctx context.Context, o Occasion, version string) (bool, error) {
	var accepted bool
	err := s.queryRow(ctx, "SELECT EXISTS (SELECT 1 FROM notice_acceptance WHERE patient = ? AND version = ?)", string(o.Patient), version).Scan(&accepted)
	if err != nil {
		return false, fmt.Errorf("look for an accepted notice: %w", err)
	}
	return accepted, nil
}

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
	Answers instrument.Answers
}

// SaveDraft keeps the newest state of a browser's draft.
func (tx *Tx) SaveDraft(d Draft) error {
	answers, err := json.Marshal(d.Answers)
	if err != nil {
		return fmt.Errorf("encode a draft: %w", err)
	}
	if _, err := tx.keep(`INSERT INTO draft (occasion, browser_hash, page, answers, saved_at, raised) VALUES (?, ?, ?, ?, ?, 0)
		ON CONFLICT (occasion, browser_hash) DO UPDATE SET page = excluded.page, answers = excluded.answers, saved_at = excluded.saved_at, raised = 0`,
		d.Occasion, hashToken(d.Browser), d.Page, string(answers), timeText(tx.now)); err != nil {
		return fmt.Errorf("save a draft: %w", err)
	}
	return nil
}

// LoadDraft gives what this browser saved for the occasion; false when it saved
// nothing.
func (s *Store) LoadDraft(ctx context.Context, occasion int64, browser string) (Draft, bool, error) {
	d := Draft{Occasion: occasion, Browser: browser}
	var answers string
	err := s.queryRow(ctx, "SELECT page, answers FROM draft WHERE occasion = ? AND browser_hash = ?", occasion, hashToken(browser)).
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
	Unreadable  bool
	browserHash []byte
	savedAt     string
}

// LeftDrafts lists drafts of open occasions that were last saved at or before a
// time and that no sweep has looked at since.
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
		"JOIN draft d ON d.occasion = o.id WHERE d.raised = 0 AND d.saved_at <= ? AND o.state = 'open' ORDER BY d.saved_at", timeText(savedUntil))
	if err != nil {
		return nil, fmt.Errorf("list drafts that were left: %w", err)
	}
	return list, nil
}

// UnsweptDrafts gives an occasion's drafts that no sweep has looked at, whichever
// browser wrote them.
func (tx *Tx) UnsweptDrafts(occasion int64) ([]LeftDraft, error) {
	var list []LeftDraft
	err := each(tx.ctx, tx, func(rows *sql.Rows) error {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		var d LeftDraft
		d.Unreadable = json.Unmarshal([]byte(text), &d.Answers) != nil
		list = append(list, d)
		return nil
	}, "SELECT answers FROM draft WHERE occasion = ? AND raised = 0", occasion)
	if err != nil {
		return nil, fmt.Errorf("read the drafts of occasion %d: %w", occasion, err)
	}
	return list, nil
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

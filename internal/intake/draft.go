package intake

import (
	"context"
	"fmt"
	"maps"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// DraftPage is a page of a form that was filled in but not sent.
type DraftPage struct {
	// Browser is a random secret in a cookie of the browser that fills in the form.
	Browser string
	Page    int
	// Answers holds nil for an item that the person chose not to answer.
	Answers instrument.Answers
}

const (
	shortestBrowserSecret = 16
	longestBrowserSecret  = 200
	highestPage           = 1000
)

// maxDrafts is how many browsers may each keep an unfinished copy of one form.
const maxDrafts = 5

// SaveDraft keeps the answers so far, for this browser only (SR-41), in place of
// what it saved before. Answers that are there must be right; others may be
// missing.
func (s *Service) SaveDraft(ctx context.Context, token string, d DraftPage) error {
	_, err := s.EditDraft(ctx, token, d.Browser, func(now *DraftPage) error {
		now.Page, now.Answers = d.Page, d.Answers
		return nil
	})
	return err
}

// EditDraft changes what this browser saved of a form. It is read in the
// transaction that writes it, so that two saves at once both stand. edit gets the
// newest state, an empty one at page 1 where nothing was saved, and may be called
// again when the transaction is tried again; its error ends the edit and is given
// back as it is. Errors else: those of OpenForm, and fault.Invalid for answers that
// do not fit.
func (s *Service) EditDraft(ctx context.Context, token, browser string, edit func(*DraftPage) error) (DraftPage, error) {
	d, err := s.editDraft(ctx, token, browser, edit)
	if err != nil {
		return DraftPage{}, fmt.Errorf("save a draft: %w", err)
	}
	return d, nil
}

func (s *Service) editDraft(ctx context.Context, token, browser string, edit func(*DraftPage) error) (DraftPage, error) {
	if len(browser) < shortestBrowserSecret || len(browser) > longestBrowserSecret {
		return DraftPage{}, fault.Invalid("draft", "needs a browser secret")
	}
	o, err := s.openOccasion(ctx, token)
	if err != nil {
		return DraftPage{}, err
	}
	definition, err := s.instruments.Get(o.Instrument, o.Version)
	if err != nil {
		return DraftPage{}, err
	}
	var saved DraftPage
	err = s.store.Write(ctx, patient(o), func(tx *registry.Tx) error {
		now, err := tx.OccasionByID(o.ID)
		if err != nil {
			return err
		}
		if !now.TakesAnswers(tx.Now()) {
			return notOpen(now)
		}
		before, found, err := tx.LoadDraft(o.ID, browser)
		if err != nil {
			return err
		}
		saved = DraftPage{Browser: browser, Page: 1, Answers: instrument.Answers{}}
		if found {
			saved.Page = before.Page
			maps.Copy(saved.Answers, before.Answers)
		}
		if err := edit(&saved); err != nil {
			return err
		}
		if saved.Page < 0 || saved.Page > highestPage {
			return fault.Invalid("draft", "needs a page")
		}
		if faults := definition.Check(answered(saved.Answers)); len(faults) > 0 {
			return fault.InvalidDetails("answers", faults)
		}
		if !found {
			if err := s.makeRoom(tx, now); err != nil {
				return err
			}
		}
		return tx.SaveDraft(registry.Draft{Occasion: o.ID, Browser: browser, Page: saved.Page, Answers: saved.Answers})
	})
	return saved, err
}

// makeRoom lets the copy of a form go that nobody has touched for longest when
// there are as many as may be: one that shows nothing that a safety rule watches,
// or whose alert was raised. Where every copy shows something, it is raised now.
func (s *Service) makeRoom(tx *registry.Tx, o registry.Occasion) error {
	drafts, err := tx.Drafts(o)
	if err != nil || len(drafts) < maxDrafts {
		return err
	}
	for _, d := range drafts {
		if len(s.draftShows(d)) == 0 {
			return tx.DeleteDraft(d)
		}
	}
	oldest := drafts[0]
	if err := raise(tx, s.draftShows(oldest), o, 0); err != nil {
		return err
	}
	return tx.DeleteDraft(oldest)
}

// LoadDraft gives what this browser saved; false when it saved nothing.
func (s *Service) LoadDraft(ctx context.Context, token, browser string) (DraftPage, bool, error) {
	o, err := s.openOccasion(ctx, token)
	if err != nil {
		return DraftPage{}, false, fmt.Errorf("load a draft: %w", err)
	}
	d, found, err := s.store.LoadDraft(ctx, o.ID, browser)
	return DraftPage{Browser: d.Browser, Page: d.Page, Answers: d.Answers}, found, err
}

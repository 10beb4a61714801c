package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// Form is what a link opens: nothing that says who the patient is, nothing that
// they answered before (SR-41).
type Form struct {
	Occasion       registry.Occasion
	Definition     *instrument.Definition
	NoticeAccepted bool
}

// OpenForm finds the form of a link and whether the patient accepted this version
// of the notice. Errors: fault.NotFound for a link that opens nothing,
// fault.Conflict when it was answered or is not open now, fault.Forbidden when the
// instrument is not offered: somebody must confirm who is on call (SR-113).
func (s *Service) OpenForm(ctx context.Context, token, noticeVersion string) (Form, error) {
	form, err := s.openForm(ctx, token, noticeVersion)
	if err != nil {
		return Form{}, fmt.Errorf("open a form: %w", err)
	}
	return form, nil
}

func (s *Service) openForm(ctx context.Context, token, noticeVersion string) (Form, error) {
	o, err := s.openOccasion(ctx, token)
	if err != nil {
		return Form{}, err
	}
	definition, err := s.instruments.Get(o.Instrument, o.Version)
	if err != nil {
		return Form{}, err
	}
	offered, err := s.store.IsOffered(ctx, o.Instrument, o.Version)
	if err != nil {
		return Form{}, err
	}
	if !offered {
		return Form{}, fault.Forbidden("instrument", "this form is not offered now; please ask your clinic")
	}
	accepted, err := s.store.NoticeAccepted(ctx, o, noticeVersion)
	return Form{Occasion: o, Definition: definition, NoticeAccepted: accepted}, err
}

func (s *Service) openOccasion(ctx context.Context, token string) (registry.Occasion, error) {
	o, err := s.store.OccasionByToken(ctx, token)
	if err != nil {
		return registry.Occasion{}, err
	}
	if !o.TakesAnswers(s.store.Now()) {
		return registry.Occasion{}, notOpen(o)
	}
	return o, nil
}

// AcceptNotice records that the patient of a link accepted a version of the notice.
func (s *Service) AcceptNotice(ctx context.Context, token, version string) error {
	o, err := s.openOccasion(ctx, token)
	if err != nil {
		return fmt.Errorf("accept the notice: %w", err)
	}
	if version == "" || len(version) > 64 {
		return fault.Invalid("notice", "has no version")
	}
	return s.store.Write(ctx, patient(o), func(tx *registry.Tx) error { return tx.AcceptNotice(o, version) })
}

// ReceiptFor finds a receipt again for the link that it belongs to; any other
// receipt is a fault.NotFound.
func (s *Service) ReceiptFor(ctx context.Context, token, receipt string) (Receipt, registry.Occasion, error) {
	o, err := s.store.OccasionByToken(ctx, token)
	if err != nil {
		return Receipt{}, registry.Occasion{}, fmt.Errorf("find a receipt: %w", err)
	}
	row, found, err := s.store.JournalByReceipt(ctx, receipt)
	if err != nil {
		return Receipt{}, registry.Occasion{}, fmt.Errorf("find a receipt: %w", err)
	}
	if !found || row.Occasion != o.ID {
		return Receipt{}, registry.Occasion{}, fault.NotFound("receipt", "there is no such receipt")
	}
	return receiptOf(row), o, nil
}

// DraftPage is a page of a form that was filled in but not sent.
type DraftPage struct {
	// Browser is a random secret in a cookie of the browser that fills in the form.
	Browser string
	Page    int
	Answers instrument.Answers
}

const (
	shortestBrowserSecret = 16
	longestBrowserSecret  = 200
	highestPage           = 1000
)

// SaveDraft keeps the answers so far, for this browser only (SR-41). Answers that
// are there must be right; others may be missing.
func (s *Service) SaveDraft(ctx context.Context, token string, d DraftPage) error {
	if err := s.saveDraft(ctx, token, d); err != nil {
		return fmt.Errorf("save a draft: %w", err)
	}
	return nil
}

func (s *Service) saveDraft(ctx context.Context, token string, d DraftPage) error {
	if len(d.Browser) < shortestBrowserSecret || len(d.Browser) > longestBrowserSecret || d.Page < 0 || d.Page > highestPage {
		return fault.Invalid("draft", "needs a browser secret and a page")
	}
	o, err := s.openOccasion(ctx, token)
	if err != nil {
		return err
	}
	definition, err := s.instruments.Get(o.Instrument, o.Version)
	if err != nil {
		return err
	}
	answers := answered(d.Answers)
	if faults := definition.Check(answers); len(faults) > 0 {
		return fault.InvalidDetails("answers", faults)
	}
	return s.store.Write(ctx, patient(o), func(tx *registry.Tx) error {
		now, err := tx.OccasionByID(o.ID)
		if err != nil {
			return err
		}
		if !now.TakesAnswers(tx.Now()) {
			return notOpen(now)
		}
		return tx.SaveDraft(registry.Draft{Occasion: o.ID, Browser: d.Browser, Page: d.Page, Answers: answers})
	})
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

// How long a draft rests before a sweep looks at it, and how often one runs:
// together well inside the 10 minutes of SR-110.
const (
	IdleBeforeSweep = 5 * time.Minute
	sweepEvery      = time.Minute
)

// Sweep raises alerts for what abandoned drafts show (SR-110) and gives how many
// drafts it looked at. An item that is not answered yet is no alert while the
// form is unfinished.
func (s *Service) Sweep(ctx context.Context) (int, error) {
	drafts, err := s.store.LeftDrafts(ctx, s.store.Now().Add(-IdleBeforeSweep))
	if err != nil {
		return 0, fmt.Errorf("sweep drafts: %w", err)
	}
	// A draft that cannot be judged must not keep the others waiting.
	var errs []error
	for _, d := range drafts {
		if err := s.sweepOne(ctx, d); err != nil {
			errs = append(errs, fmt.Errorf("sweep the draft of occasion %d: %w", d.Occasion.ID, err))
		}
	}
	return len(drafts), errors.Join(errs...)
}

// RuleUnjudged is raised for an unfinished form that cannot be read or scored any
// more: a person has to look, since nobody can say what it holds.
const RuleUnjudged = "unfinished-form-not-judged"

func (s *Service) sweepOne(ctx context.Context, d registry.LeftDraft) error {
	met, err := s.draftFlags(d.Occasion, d.Answers)
	if d.Unreadable || err != nil {
		s.log.Error("an unfinished form cannot be judged; an alert says so", "occasion", d.Occasion.ID, "error", err)
		met = []instrument.Flag{{Rule: RuleUnjudged, Level: instrument.LevelUnknown}}
	}
	return s.store.Write(ctx, registry.System("draft-sweep"), func(tx *registry.Tx) error {
		fresh, err := tx.MarkSwept(d)
		if err != nil || !fresh {
			return err
		}
		return raise(tx, met, d.Occasion, 0)
	})
}

// draftFlags are the safety rules that an unfinished form meets. An item that is
// not answered yet is no alert.
func (s *Service) draftFlags(o registry.Occasion, answers instrument.Answers) ([]instrument.Flag, error) {
	definition, err := s.instruments.Get(o.Instrument, o.Version)
	if err != nil {
		return nil, err
	}
	score, err := definition.Score(answers, s.scoring)
	if err != nil {
		return nil, err
	}
	met := make([]instrument.Flag, 0, len(score.Flags))
	for _, flag := range score.Flags {
		if flag.Value != nil {
			met = append(met, flag)
		}
	}
	return met, nil
}

// raiseDrafts raises what unfinished copies of a form show that is sent now: a
// patient who told of thoughts on the phone and sent from a laptop without them
// told of them all the same.
func (s *Service) raiseDrafts(tx *registry.Tx, o registry.Occasion, sent []instrument.Flag) error {
	drafts, err := tx.UnsweptDrafts(o.ID)
	if err != nil {
		return err
	}
	for _, d := range drafts {
		met, err := s.draftFlags(o, d.Answers)
		if d.Unreadable || err != nil {
			met = []instrument.Flag{{Rule: RuleUnjudged, Level: instrument.LevelUnknown}}
		}
		met = slices.DeleteFunc(met, func(m instrument.Flag) bool {
			return slices.ContainsFunc(sent, func(f instrument.Flag) bool { return f.Rule == m.Rule && f.Level == m.Level })
		})
		if err := raise(tx, met, o, 0); err != nil {
			return err
		}
	}
	return nil
}

// RunSweeps sweeps once a minute until ctx ends.
func (s *Service) RunSweeps(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("drafts were not swept", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

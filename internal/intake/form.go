package intake

import (
	"context"
	"fmt"
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

// SentBy finds the receipt of what was sent from a link under a key; false when
// nothing was, or under another key.
func (s *Service) SentBy(ctx context.Context, token, key string) (Receipt, bool, error) {
	o, err := s.store.OccasionByToken(ctx, token)
	if fault.Is(err, fault.KindNotFound) {
		return Receipt{}, false, nil
	}
	if err != nil {
		return Receipt{}, false, fmt.Errorf("find what was sent: %w", err)
	}
	row, found, err := s.store.JournalByKey(ctx, key)
	if err != nil || !found || row.Occasion != o.ID {
		return Receipt{}, false, err
	}
	return receiptOf(row), true, nil
}

// Next is what a course asks next. The zero value is: nothing is planned.
type Next struct {
	Planned bool
	// OpensAt is when its window opens; nil where it is open already.
	OpensAt *time.Time
}

// NextFor says what the course that a link belongs to asks next.
func (s *Service) NextFor(ctx context.Context, token string) (Next, error) {
	o, err := s.store.OccasionByToken(ctx, token)
	if err != nil {
		return Next{}, fmt.Errorf("find what comes next: %w", err)
	}
	next, found, err := s.store.NextOccasion(ctx, o.Course)
	if err != nil || !found {
		return Next{}, err
	}
	if next.OpensAt != nil && !s.store.Now().Before(*next.OpensAt) {
		next.OpensAt = nil
	}
	return Next{Planned: true, OpensAt: next.OpensAt}, nil
}

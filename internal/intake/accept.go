package intake

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// Accept checks, scores and journals a submission and gives the receipt once all
// of it is on disk. The same key and body again give the same receipt, marked as
// replayed. Errors: fault.Invalid for a bad key or answers (with a detail per
// item, as a BadAnswersError), fault.NotFound for a link that opens nothing or an unknown instrument,
// fault.Conflict, as a NotRecordedError, for a key used with another body or an
// occasion that is not open, as a ChangedSinceError when the browser saved something
// else after it showed them for review, fault.Unavailable when nothing could be written.
func (s *Service) Accept(ctx context.Context, sub Submission) (Receipt, error) {
	receipt, reason, err := s.accept(ctx, sub)
	if err == nil {
		return receipt, nil
	}
	if reason != "" {
		s.refuse(ctx, reason)
	}
	return Receipt{}, fmt.Errorf("accept a submission: %w", err)
}

func (s *Service) accept(ctx context.Context, sub Submission) (Receipt, Reason, error) {
	if err := checkKey(sub); err != nil {
		return Receipt{}, ReasonBadKey, err
	}
	o, err := s.store.OccasionByToken(ctx, sub.Token)
	if err != nil {
		return Receipt{}, reasonIf(err, fault.KindNotFound, ReasonUnknownLink), err
	}
	p, reason, err := s.prepare(sub, o)
	var bad *BadAnswersError
	if errors.As(err, &bad) {
		s.raiseBad(ctx, sub, o, bad)
	}
	if err != nil {
		return Receipt{}, reason, err
	}
	p.entry.Source = care.SourceForm
	var outcome outcome
	err = s.store.Write(ctx, patient(o), func(tx *registry.Tx) error {
		if err := newerDraft(tx, sub, o, p.entry.Answers); err != nil {
			return err
		}
		outcome, err = s.journal(tx, p.entry)
		return err
	})
	if err != nil {
		return Receipt{}, "", err
	}
	return outcome.receipt, outcome.reason, outcome.refused
}

func patient(o registry.Occasion) registry.Actor {
	return registry.Actor{Kind: registry.ActorPatient, ID: string(o.Patient)}
}

func reasonIf(err error, kind fault.Kind, reason Reason) Reason {
	if fault.Is(err, kind) {
		return reason
	}
	return ""
}

// outcome of a transaction that commits: a receipt, or a refusal whose audit
// event must stay.
type outcome struct {
	receipt Receipt
	reason  Reason
	refused error
}

// journal writes one submission: the row, the occasion's new state, the alerts
// and the audit event, or the event of a refusal.
func (s *Service) journal(tx *registry.Tx, e registry.Entry) (outcome, error) {
	known, found, err := tx.JournalByKey(e.Key)
	if err != nil {
		return outcome{}, err
	}
	if found && known.BodyHash == e.BodyHash {
		receipt := receiptOf(known)
		receipt.Replayed = true
		return outcome{receipt: receipt}, nil
	}
	if found {
		return refusal(tx, e, ReasonKeyReused, fault.Conflict("key", "was used for another submission; a changed form needs a new key"))
	}
	// Somebody may have answered since the occasion was read: marking it says so.
	taken := e.Occasion.TakesAnswers(tx.Now())
	if taken {
		err = tx.MarkAnswered(e.Occasion.ID)
		taken = err == nil
		if err != nil && !fault.Is(err, fault.KindConflict) {
			return outcome{}, err
		}
	}
	if !taken {
		now, err := tx.OccasionByID(e.Occasion.ID)
		if err != nil {
			return outcome{}, err
		}
		return refusal(tx, e, ReasonNotOpen, notOpen(now))
	}
	row, err := tx.AppendJournal(e)
	if err != nil {
		return outcome{}, err
	}
	if err := raise(tx, row.Score.Flags, e.Occasion, row.Sequence); err != nil {
		return outcome{}, err
	}
	if err := s.raiseDrafts(tx, e.Occasion, row.Score.Flags); err != nil {
		return outcome{}, err
	}
	if err := tx.JoinDraftAlerts(e.Occasion.ID, row.Sequence); err != nil {
		return outcome{}, err
	}
	if err := tx.DeleteDrafts(e.Occasion.ID); err != nil {
		return outcome{}, err
	}
	return outcome{receipt: receiptOf(row)}, tx.Audit(registry.Event{
		Action: "submission-accepted", SubjectKind: "submission", Subject: row.Key, Detail: map[string]any{
			"sequence": row.Sequence, "occasion": row.Occasion, "instrument": row.Instrument + " " + row.Version,
			"body": hex.EncodeToString(row.BodyHash[:]), "late": e.Occasion.IsLate(tx.Now()),
		},
	})
}

func notOpen(o registry.Occasion) error {
	if o.State == registry.OccasionAnswered {
		return fault.Conflict("occasion", "this form was sent already; thank you")
	}
	return fault.Conflict("occasion", "this form is not open now")
}

func raise(tx *registry.Tx, flags []instrument.Flag, o registry.Occasion, sequence int64) error {
	for _, flag := range flags {
		if err := tx.RaiseAlert(registry.NewAlert{Flag: flag, Occasion: o, Journal: sequence}); err != nil {
			return err
		}
	}
	return nil
}

func receiptOf(r registry.JournalRow) Receipt {
	flags := r.Score.Flags
	if flags == nil {
		flags = []instrument.Flag{}
	}
	return Receipt{Receipt: r.Receipt, Sequence: r.Sequence, ReceivedAt: r.ReceivedAt, Flags: flags}
}

// refuse counts a refusal. It cannot change the answer to the sender, so when the
// registry does not take it the log has it.
func (s *Service) refuse(ctx context.Context, reason Reason) {
	err := s.store.Write(ctx, registry.System("intake"), func(tx *registry.Tx) error { return tx.CountRefusal(string(reason)) })
	if err != nil {
		s.log.Warn("a refusal was not counted", "reason", string(reason), "error", err)
	}
}

// Correction replaces the answers of a journaled submission by a further
// revision.
type Correction struct {
	Sequence int64
	Key      string
	Answers  instrument.Answers
	// Reason is a code such as "entry-error".
	Reason string
}

// Correct journals a correction with its author and reason (SR-8). The row it
// replaces stays. Errors are those of Accept; the rules that the corrected answers
// meet raise alerts as a submission does.
func (s *Service) Correct(ctx context.Context, author registry.Actor, c Correction) (Receipt, error) {
	if err := checkKey(Submission{Key: c.Key}); err != nil {
		return Receipt{}, fmt.Errorf("correct submission %d: %w", c.Sequence, err)
	}
	var receipt Receipt
	err := s.store.Write(ctx, author, func(tx *registry.Tx) error {
		before, found, err := tx.JournalBySequence(c.Sequence)
		if err != nil {
			return err
		}
		if !found {
			return fault.NotFound("submission", "there is no journal row %d", c.Sequence)
		}
		o, err := tx.OccasionByID(before.Occasion)
		if err != nil {
			return err
		}
		p, _, err := s.prepare(Submission{Key: c.Key, Instrument: before.Instrument, Version: before.Version, Answers: c.Answers}, o)
		if err != nil {
			return err
		}
		p.entry.Source, p.entry.Language = before.Source, before.Language
		row, err := tx.Correct(p.entry, before, c.Reason)
		if err != nil {
			return err
		}
		receipt = receiptOf(row)
		return raise(tx, row.Score.Flags, o, row.Sequence)
	})
	if err != nil {
		return Receipt{}, fmt.Errorf("correct submission %d: %w", c.Sequence, err)
	}
	return receipt, nil
}

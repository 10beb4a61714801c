package intake

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// NotRecordedError is the refusal of answers that fit their form but came when
// it takes none: it was answered before, or is not open. The answers are not
// kept. Rules that they meet raise alerts all the same, since somebody told of
// something.
type NotRecordedError struct {
	// Flags are the safety rules that the refused answers meet.
	Flags []instrument.Flag
	// Answered says that earlier answers to the same questions stand.
	Answered bool
	// Same says that the earlier answers are these very ones.
	Same bool
	// Err is the refusal as a fault.Conflict.
	Err error
}

// Error is that of the refusal.
func (e *NotRecordedError) Error() string { return e.Err.Error() }

// Unwrap gives the refusal.
func (e *NotRecordedError) Unwrap() error { return e.Err }

// refusal leaves the audit event of a refused submission and raises what its
// answers show. Answers that are recorded already have raised it.
func refusal(tx *registry.Tx, e registry.Entry, reason Reason, refused error) (outcome, error) {
	answered, same, err := tx.RecordedAnswers(e.Occasion.ID, e.BodyHash)
	if err != nil {
		return outcome{}, err
	}
	if !same {
		for _, flag := range e.Score.Flags {
			if err := tx.RaiseAlert(registry.NewAlert{Flag: flag, Occasion: e.Occasion, Code: registry.CodeNotRecorded}); err != nil {
				return outcome{}, err
			}
		}
	}
	err = tx.Audit(registry.Event{
		Action: "submission-refused", SubjectKind: "occasion", Subject: fmt.Sprint(e.Occasion.ID), Detail: map[string]any{
			"reason": reason, "key": e.Key, "body": hex.EncodeToString(e.BodyHash[:]),
		},
	})
	return outcome{reason: reason, refused: &NotRecordedError{Flags: e.Score.Flags, Answered: answered, Same: same, Err: refused}}, err
}

// ChangedSinceError is the refusal of answers that were shown for review before the
// same browser saved something else, in another window say. Neither is lost: the
// saved ones are to be looked over and sent.
type ChangedSinceError struct {
	// Answers are what the browser saved last.
	Answers instrument.Answers
	// Err is the refusal as a fault.Conflict.
	Err error
}

// Error is that of the refusal.
func (e *ChangedSinceError) Error() string { return e.Err.Error() }

// Unwrap gives the refusal.
func (e *ChangedSinceError) Unwrap() error { return e.Err }

// newerDraft refuses reviewed answers that are not those that the browser saved
// last. Once they are journaled there is no draft, so a replay passes.
func newerDraft(tx *registry.Tx, sub Submission, o registry.Occasion, sent instrument.Answers) error {
	if sub.Reviewed == "" {
		return nil
	}
	draft, found, err := tx.LoadDraft(o.ID, sub.Reviewed)
	switch {
	case fault.Is(err, fault.KindUnavailable):
		return err
	case err != nil || !found: // one that cannot be read says nothing against what is sent
		return nil
	}
	saved := answered(draft.Answers)
	if maps.EqualFunc(saved, sent, func(a, b *int) bool { return *a == *b }) {
		return nil
	}
	return &ChangedSinceError{Answers: saved, Err: fault.Conflict("answers", "an answer was saved after these were shown; check them again")}
}

// BadAnswersError is the refusal of answers that do not fit their form. Nothing of
// them is kept, but an answer among them that meets a safety rule has told of
// something, whether or not the rest is ever mended and sent again.
type BadAnswersError struct {
	// Flags are the safety rules that the usable answers meet or leave open.
	Flags []instrument.Flag
	// Err is the refusal as a fault.Invalid with a detail per answer.
	Err error
}

// Error is that of the refusal.
func (e *BadAnswersError) Error() string { return e.Err.Error() }

// Unwrap gives the refusal.
func (e *BadAnswersError) Unwrap() error { return e.Err }

// raiseBad raises alerts for what refused answers tell, once a rule and level for
// the occasion however often they are sent; an item left open among them is no
// news yet. The sender's answer does not depend on it: when the registry does not
// take it, the log has it.
func (s *Service) raiseBad(ctx context.Context, sub Submission, o registry.Occasion, bad *BadAnswersError) {
	told := slices.DeleteFunc(slices.Clone(bad.Flags), func(f instrument.Flag) bool { return f.Value == nil })
	if len(told) == 0 || !o.TakesAnswers(s.store.Now()) {
		return
	}
	err := s.store.Write(ctx, patient(o), func(tx *registry.Tx) error {
		for _, flag := range told {
			raised, err := tx.HasAlert(o.ID, flag, registry.CodeNotRecorded)
			if err != nil {
				return err
			}
			if raised {
				continue
			}
			if err := tx.RaiseAlert(registry.NewAlert{Flag: flag, Occasion: o, Code: registry.CodeNotRecorded}); err != nil {
				return err
			}
		}
		return tx.Audit(registry.Event{Action: "submission-refused", SubjectKind: "occasion", Subject: fmt.Sprint(o.ID),
			Detail: map[string]any{"reason": ReasonBadAnswers, "key": sub.Key}})
	})
	if err != nil {
		s.log.Error("an alert of refused answers was not raised", "occasion", o.ID, "error", err)
	}
}

package intake

import (
	"encoding/hex"
	"fmt"

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

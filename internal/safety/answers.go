package safety

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// Answers are what a patient said to the item of an alert. Given is what raised it,
// nil where no form that was sent holds it; Before are those of the forms before,
// the newest first.
type Answers struct {
	Given  *ItemAnswer
	Before []ItemAnswer
}

// ItemAnswer is what a form of an instrument's version held for an item; Value is
// nil where it was left open.
type ItemAnswer struct {
	Visit, Version string
	At             time.Time
	Value          *int
}

// AnswersOf reads what stands behind alerts, by their id, and leaves the audit event
// that the viewer looked at it (SR-76); without that event there is nothing to see.
func (s *Service) AnswersOf(ctx context.Context, viewer registry.Actor, alerts []Alert) (map[int64]Answers, error) {
	found := make(map[int64]Answers, len(alerts))
	if len(alerts) == 0 {
		return found, nil
	}
	ids := make([]int64, len(alerts))
	for i, a := range alerts {
		ids[i] = a.ID
	}
	err := s.store.Write(ctx, viewer, func(tx *registry.Tx) error {
		return tx.Audit(registry.Event{Action: "alerts-viewed", SubjectKind: "alerts", Subject: fmt.Sprint(len(ids)), Detail: map[string]any{"alerts": ids}})
	})
	if err != nil {
		return nil, fmt.Errorf("note that alerts are looked at: %w", err)
	}
	for _, a := range alerts {
		if a.Item == "" {
			continue
		}
		all, err := s.store.ItemAnswers(ctx, a.Patient, a.Instrument, a.Item)
		if err != nil {
			return nil, err
		}
		found[a.ID] = behind(a, all)
	}
	return found, nil
}

// behind splits a patient's answers, the oldest first, at what raised the alert.
func behind(a Alert, all []registry.ItemAnswer) Answers {
	var found Answers
	for _, answer := range all {
		one := ItemAnswer{Visit: answer.Visit, Version: answer.Version, At: answer.At, Value: answer.Value}
		switch {
		case a.Submission != "" && answer.Submission == a.Submission:
			found.Given = &one
		case answer.At.Before(a.RaisedAt) && found.Given == nil:
			found.Before = append([]ItemAnswer{one}, found.Before...)
		}
	}
	return found
}

// Counts are how many alerts wait for somebody and how many somebody has. Mark
// changes whenever something happens to any of them.
type Counts struct {
	Waiting, Taken int
	Mark           int64
}

// Counts counts the alerts that are not closed.
func (s *Service) Counts(ctx context.Context) (Counts, error) {
	n, err := s.store.AlertCounts(ctx)
	return Counts{Waiting: n.Waiting, Taken: n.Taken, Mark: n.NewestStep}, err
}

// urgency orders levels: what cannot wait comes first. A question that was left open
// may hide anything, so it comes before an answer that can wait until evening.
var urgency = []instrument.Level{instrument.LevelCritical, instrument.LevelRed, instrument.LevelUnknown, instrument.LevelAmber}

// SortByUrgency orders alerts by level, critical first, and those of one level by
// age, the oldest first.
func SortByUrgency(alerts []Alert) {
	rank := func(l instrument.Level) int {
		if i := slices.Index(urgency, l); i >= 0 {
			return i
		}
		return 0 // a level that is not known here is not put off
	}
	slices.SortStableFunc(alerts, func(a, b Alert) int {
		return cmp.Or(rank(a.Level)-rank(b.Level), a.RaisedAt.Compare(b.RaisedAt), cmp.Compare(a.ID, b.ID))
	})
}

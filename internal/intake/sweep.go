package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// How long a draft rests before a sweep looks at it, and how often one runs:
// together well inside the 10 minutes of SR-110.
const (
	IdleBeforeSweep = 5 * time.Minute
	sweepEvery      = time.Minute
)

// draftLife is how long a copy of a form is kept that nobody touches: as long as
// the browser keeps the secret that opens it.
const draftLife = 30 * 24 * time.Hour

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
	errs = append(errs, s.forgetDrafts(ctx))
	return len(drafts), errors.Join(errs...)
}

// forgetDrafts deletes the copies of forms that nobody can finish any more and that
// a sweep has looked at.
func (s *Service) forgetDrafts(ctx context.Context) error {
	now := s.store.Now()
	savedUntil, closedUntil := now.Add(-draftLife), now.Add(-registry.FinishWithin)
	over, err := s.store.HasOverDrafts(ctx, savedUntil, closedUntil)
	if err != nil || !over {
		return err
	}
	return s.store.Write(ctx, registry.System("draft-sweep"), func(tx *registry.Tx) error {
		_, err := tx.DeleteOverDrafts(savedUntil, closedUntil)
		return err
	})
}

// RuleUnjudged is raised for an unfinished form that cannot be read or scored any
// more: a person has to look, since nobody can say what it holds.
const RuleUnjudged = "unfinished-form-not-judged"

func (s *Service) sweepOne(ctx context.Context, d registry.LeftDraft) error {
	met := s.draftShows(d)
	return s.store.Write(ctx, registry.System("draft-sweep"), func(tx *registry.Tx) error {
		fresh, err := tx.MarkSwept(d)
		if err != nil || !fresh {
			return err
		}
		return raise(tx, met, d.Occasion, 0)
	})
}

// draftShows are the alerts that an unfinished form calls for.
func (s *Service) draftShows(d registry.LeftDraft) []instrument.Flag {
	met, err := s.draftFlags(d.Occasion, d.Answers)
	if d.Unreadable || err != nil {
		s.log.Error("an unfinished form cannot be judged; an alert says so", "occasion", d.Occasion.ID, "error", err)
		return []instrument.Flag{{Rule: RuleUnjudged, Level: instrument.LevelUnknown}}
	}
	return met
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
	drafts, err := tx.Drafts(o)
	if err != nil {
		return err
	}
	for _, d := range drafts {
		if d.Raised {
			continue
		}
		met := slices.DeleteFunc(s.draftShows(d), func(m instrument.Flag) bool {
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
	ticks, stop := s.ticks(sweepEvery)
	defer stop()
	for {
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("old drafts were not removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
	}
}

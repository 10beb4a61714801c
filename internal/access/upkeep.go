package access

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"afterglow/internal/registry"
)

// RefusalKind is why a request was refused.
type RefusalKind string

// The kinds of refusal that the trail counts.
const (
	RefusedSignIn    RefusalKind = "wrong-sign-in"
	RefusedForbidden RefusalKind = "forbidden"
	RefusedTooMany   RefusalKind = "too-many"
)

// refusals counts what was refused since it was last written to the trail. There
// are as many counters as kinds and classes, whatever strangers send.
type refusals struct {
	mu     sync.Mutex
	counts map[string]map[RefusalKind]int
}

// CountRefusal counts a refused request of a class of routes, which comes from the
// site map and never from the sender.
func (s *Service) CountRefusal(class string, kind RefusalKind) {
	s.refusals.mu.Lock()
	defer s.refusals.mu.Unlock()
	if s.refusals.counts == nil {
		s.refusals.counts = map[string]map[RefusalKind]int{}
	}
	if s.refusals.counts[class] == nil {
		s.refusals.counts[class] = map[RefusalKind]int{}
	}
	s.refusals.counts[class][kind]++
}

// RecordRefusals writes what was counted to the audit trail, one event a class of
// routes, and begins to count anew.
func (s *Service) RecordRefusals(ctx context.Context) error {
	s.refusals.mu.Lock()
	counts := s.refusals.counts
	s.refusals.counts = nil
	s.refusals.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	err := s.registry.Write(ctx, registry.System("web"), func(tx *registry.Tx) error {
		for class, kinds := range counts {
			detail := map[string]any{}
			for kind, n := range kinds {
				detail[string(kind)] = n
			}
			if err := tx.Audit(registry.Event{Action: "requests-refused", SubjectKind: "route-class", Subject: class, Detail: detail}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record refused requests: %w", err)
	}
	return nil
}

// Forget clears away what no longer counts: sessions that have ended and old runs
// of wrong attempts.
func (s *Service) Forget(ctx context.Context) error {
	now := s.now()
	return errors.Join(
		s.registry.WebSessions().DeleteEnded(ctx, now.Add(SessionIdle+clockTolerance)),
		s.registry.ForgetFailures(ctx, now.Add(-runForgotten)))
}

// Run keeps the records of sign-in small until ctx ends: at once and every hour it
// forgets what no longer counts, every minute it records what was refused.
func (s *Service) Run(ctx context.Context) {
	const lastPatience = 5 * time.Second
	s.report(s.Forget(ctx))
	hourly, minutely := time.NewTicker(time.Hour), time.NewTicker(time.Minute)
	defer hourly.Stop()
	defer minutely.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastPatience)
			defer cancel()
			s.report(s.RecordRefusals(last))
			return
		case <-hourly.C:
			s.report(s.Forget(ctx))
		case <-minutely.C:
			s.report(s.RecordRefusals(ctx))
		}
	}
}

func (s *Service) report(err error) {
	if err != nil {
		s.log.Warn("the records of sign-in were not kept up; nothing is admitted for that", "error", err)
	}
}

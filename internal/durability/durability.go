// Package durability asks the domain's questions: a study, a question and its
// settings in, a finding out. Floor: service.
//
// It is the one place where domain and numerics meet. It must not know an
// identity, the registry or a page, and it reads no clock but the one it is
// given.
package durability

import (
	"context"
	"slices"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/instrument"
	"afterglow/internal/warehouse"
)

// Config is what an Asker works with.
type Config struct {
	Warehouse *warehouse.Warehouse
	Library   *instrument.Library
	// Protocols lists the clinic's protocols, every version, oldest first: what they
	// are called and plan. Nil where there is no clinic.
	Protocols func(ctx context.Context) ([]care.Protocol, error)
	Software  string
	Now       func() time.Time
	// Trust says whether the warehouse may be answered from; nil where nothing but
	// the warehouse is there, as in a simulation of its own.
	Trust Trust
}

// Trust says whether the warehouse holds what was recorded. Begin gives a mark or
// refuses; Confirm refuses when the answer that was worked out since must not be
// given, and else says what is not in it.
type Trust interface {
	Begin(ctx context.Context) (mark uint64, err error)
	Confirm(ctx context.Context, study string, mark uint64) ([]finding.Caveat, error)
}

// Asker answers questions on the warehouse.
type Asker struct {
	warehouse *warehouse.Warehouse
	library   *instrument.Library
	protocols func(ctx context.Context) ([]care.Protocol, error)
	software  string
	now       func() time.Time
	trust     Trust
}

// New makes an Asker.
func New(c Config) *Asker {
	return &Asker{warehouse: c.Warehouse, library: c.Library, protocols: c.Protocols, software: c.Software, now: c.Now, trust: c.Trust}
}

// question is one of the domain's questions: it takes its settings, then
// answers within a frame.
type question struct {
	name   string
	answer func(ctx context.Context, a *Asker, f *frame, s *settings) (finding.Finding, error)
}

var questions = []question{
	{"retained-benefit", answerRetainedBenefit},
	{"time-to-loss", answerTimeToLoss},
}

// Questions lists the names of the questions that can be asked.
func Questions() []string {
	names := make([]string, len(questions))
	for i, q := range questions {
		names[i] = q.name
	}
	return names
}

// Ask answers a question of a study. Settings are names and values as given by
// a person; an unknown name or value is an invalid fault that says what is
// accepted.
func (a *Asker) Ask(ctx context.Context, name, study string, given map[string]string) (finding.Finding, error) {
	i := slices.IndexFunc(questions, func(q question) bool { return q.name == name })
	if i < 0 {
		return finding.Finding{}, fault.Invalid("question", "there is no question %q; the questions are %s", name, list(Questions()))
	}
	if a.trust == nil {
		return a.answer(ctx, questions[i], study, given)
	}
	mark, err := a.trust.Begin(ctx)
	if err != nil {
		return finding.Finding{}, err
	}
	found, err := a.answer(ctx, questions[i], study, given)
	// A failure may be the warehouse's loss too: a study whose definition is gone.
	caveats, refused := a.trust.Confirm(ctx, study, mark)
	if refused != nil && (err == nil || !fault.Is(refused, fault.KindNotFound)) {
		return finding.Finding{}, refused
	}
	found.Caveats = append(found.Caveats, caveats...)
	return found, err
}

func (a *Asker) answer(ctx context.Context, q question, study string, given map[string]string) (finding.Finding, error) {
	s := newSettings(given)
	f, err := a.frame(ctx, study, s)
	if err != nil {
		return finding.Finding{}, err
	}
	return q.answer(ctx, a, f, s)
}

// Studies lists the studies that can be asked about.
func (a *Asker) Studies(ctx context.Context) ([]care.Study, error) { return a.warehouse.Studies(ctx) }

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
}

// Asker answers questions on the warehouse.
type Asker struct {
	warehouse *warehouse.Warehouse
	library   *instrument.Library
	protocols func(ctx context.Context) ([]care.Protocol, error)
	software  string
	now       func() time.Time
}

// New makes an Asker.
func New(c Config) *Asker {
	return &Asker{warehouse: c.Warehouse, library: c.Library, protocols: c.Protocols, software: c.Software, now: c.Now}
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
		return finding.Finding{}, fault.Invalid("question", "there is no question %q; there are %s", name, list(Questions()))
	}
	s := newSettings(given)
	f, err := a.frame(ctx, study, s)
	if err != nil {
		return finding.Finding{}, err
	}
	return questions[i].answer(ctx, a, f, s)
}

// Studies lists the studies that can be asked about.
func (a *Asker) Studies(ctx context.Context) ([]care.Study, error) { return a.warehouse.Studies(ctx) }

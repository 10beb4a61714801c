package intake

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
)

// Submission is what a form sends: the link's token, a key that the sender drew
// and keeps until it has a receipt, and the answers to one exact version.
type Submission struct {
	Token      string
	Key        string
	Instrument string
	Version    string
	Answers    instrument.Answers
	// Unreadable lists answers that are no answers at all, such as words for a
	// number; they are refused together with those that do not fit the form.
	Unreadable []fault.Detail
	// Language is the BCP 47 tag of the words that were shown, or "".
	Language string
	// ClaimedAt is the device's time, or nil.
	ClaimedAt *time.Time
	// Reviewed is the secret of the browser that showed these answers for review
	// before they were sent, or "". What it saved since must not be lost.
	Reviewed string
}

// Receipt promises that the submission is on disk.
type Receipt struct {
	Receipt    string            `json:"receipt"`
	Sequence   int64             `json:"sequence"`
	ReceivedAt time.Time         `json:"received_at"`
	Flags      []instrument.Flag `json:"flags"`
	// Replayed says that this key and body had been accepted before.
	Replayed bool `json:"-"`
}

// Reason says why a submission was refused; the list is closed.
type Reason string

// The reasons.
const (
	ReasonBadKey            Reason = "bad-key"
	ReasonUnknownLink       Reason = "unknown-link"
	ReasonUnknownInstrument Reason = "unknown-instrument"
	ReasonOtherInstrument   Reason = "other-instrument"
	ReasonBadAnswers        Reason = "bad-answers"
	ReasonKeyReused         Reason = "key-reused"
	ReasonNotOpen           Reason = "not-open"
)

// Config is what a Service works with.
type Config struct {
	Store       *registry.Store
	Instruments *instrument.Library
	Scoring     instrument.ScoreOptions
	Logger      *slog.Logger
	// Ticks gives a channel that ticks in a period, and its end; nil means the
	// machine's own clock.
	Ticks func(every time.Duration) (ticks <-chan time.Time, stop func())
}

// Validate checks the configuration.
func (c Config) Validate() error {
	if c.Store == nil || c.Instruments == nil || c.Logger == nil {
		return fault.Invalid("intake", "needs a registry, an instrument library and a logger")
	}
	return nil
}

// Service accepts submissions and keeps drafts. It is safe for concurrent use.
type Service struct {
	store       *registry.Store
	instruments *instrument.Library
	scoring     instrument.ScoreOptions
	log         *slog.Logger
	ticks       func(every time.Duration) (<-chan time.Time, func())
}

// New makes a Service.
func New(c Config) (*Service, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Ticks == nil {
		c.Ticks = func(every time.Duration) (<-chan time.Time, func()) {
			ticker := time.NewTicker(every)
			return ticker.C, ticker.Stop
		}
	}
	return &Service{store: c.Store, instruments: c.Instruments, scoring: c.Scoring, log: c.Logger, ticks: c.Ticks}, nil
}

// importPrefix starts the keys that imports draw for themselves.
const importPrefix = "import-"

var (
	keyPattern      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)
	languagePattern = regexp.MustCompile(`^([A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3})?$`)
)

// prepared is a submission that was checked and scored.
type prepared struct {
	entry      registry.Entry
	definition *instrument.Definition
}

// prepare checks everything that needs no transaction. The reason goes with the
// error.
func (s *Service) prepare(sub Submission, o registry.Occasion) (prepared, Reason, error) {
	definition, err := s.instruments.Get(sub.Instrument, sub.Version)
	asks := fault.Invalid("instrument", "this link asks for %s, version %s", o.Instrument, o.Version)
	if err != nil {
		return prepared{}, ReasonUnknownInstrument, asks
	}
	if o.Instrument != definition.ID || o.Version != definition.Version {
		return prepared{}, ReasonOtherInstrument, asks
	}
	answers := answered(sub.Answers)
	if faults := slices.Concat(sub.Unreadable, definition.Check(answers)); len(faults) > 0 {
		return prepared{}, ReasonBadAnswers, &BadAnswersError{Flags: definition.Flags(answers), Err: fault.InvalidDetails("answers", faults)}
	}
	score, err := definition.Score(answers, s.scoring)
	if err != nil {
		return prepared{}, ReasonBadAnswers, err
	}
	body, err := bodyHash(o.ID, definition, answers)
	if err != nil {
		return prepared{}, ReasonBadAnswers, err
	}
	return prepared{definition: definition, entry: registry.Entry{
		Key: sub.Key, BodyHash: body, Occasion: o, DefinitionHash: definition.Hash(), Answers: answers, Score: score,
		Language: sub.Language, ClaimedAt: sub.ClaimedAt,
	}}, "", nil
}

func checkKey(sub Submission) error {
	switch {
	case !keyPattern.MatchString(sub.Key) || strings.HasPrefix(sub.Key, importPrefix):
		return fault.Invalid("key", "must be 1 to 128 letters, digits, dots, colons, hyphens or underscores, and not start with %q", importPrefix)
	case !languagePattern.MatchString(sub.Language):
		return fault.Invalid("language", "is not a language tag")
	}
	return nil
}

// answered drops what was not answered: null and absent mean the same.
func answered(a instrument.Answers) instrument.Answers {
	given := make(instrument.Answers, len(a))
	for item, value := range a {
		if value != nil {
			given[item] = value
		}
	}
	return given
}

// bodyHash is what makes two sends the same: the occasion, the exact instrument
// and the answers; not the device's clock.
func bodyHash(occasion int64, d *instrument.Definition, answers instrument.Answers) ([sha256.Size]byte, error) {
	body, err := json.Marshal([]any{occasion, d.ID, d.Version, answers})
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("encode a submission: %w", err)
	}
	return sha256.Sum256(body), nil
}

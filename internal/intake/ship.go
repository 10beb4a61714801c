package intake

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/warehouse"
)

// Inserts are the warehouse's ways in; each returns once its rows are on disk,
// and the same token with the same rows has no effect the second time. Holds
// tells whether rows are there.
type Inserts struct {
	Study     func(ctx context.Context, token string, study care.Study, sequence uint64) error
	Subjects  func(ctx context.Context, token string, rows []warehouse.Subject) error
	Sessions  func(ctx context.Context, token string, rows []warehouse.Session) error
	Responses func(ctx context.Context, token string, rows []warehouse.Response) error
	Holds     func(ctx context.Context, sent warehouse.Sent) (bool, error)
}

func (i Inserts) complete() bool {
	return i.Study != nil && i.Subjects != nil && i.Sessions != nil && i.Responses != nil && i.Holds != nil
}

// ShipperConfig is what a Shipper works with.
type ShipperConfig struct {
	Store   *registry.Store
	Inserts Inserts
	Logger  *slog.Logger
	// BatchRows bounds a shipment; 0 means 10000.
	BatchRows int
}

// Validate checks the configuration.
func (c ShipperConfig) Validate() error {
	switch {
	case c.Store == nil || c.Logger == nil || !c.Inserts.complete():
		return fault.Invalid("shipping", "needs a registry, a logger and the warehouse's inserts")
	case c.BatchRows < 0:
		return fault.Invalid("shipping batch", "must be 0 or more rows")
	}
	return nil
}

const (
	defaultBatchRows = 10_000
	// shipEvery keeps a row from waiting longer than the 2 s that pages promise.
	shipEvery      = time.Second
	longestBackoff = 30 * time.Second
	// insertLimit ends an attempt at a warehouse that hangs; the next one carries
	// the same batch.
	insertLimit = 30 * time.Second
)

// Shipper carries the outbox to the warehouse. One at a time: Run and Drain must
// not be called at once.
type Shipper struct {
	store     *registry.Store
	inserts   Inserts
	log       *slog.Logger
	batchRows int
}

// NewShipper makes a Shipper.
func NewShipper(c ShipperConfig) (*Shipper, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.BatchRows == 0 {
		c.BatchRows = defaultBatchRows
	}
	return &Shipper{store: c.Store, inserts: c.Inserts, log: c.Logger, batchRows: c.BatchRows}, nil
}

// Run ships until ctx ends. While the warehouse does not answer it waits longer
// and longer, up to half a minute; intake does not notice.
func (s *Shipper) Run(ctx context.Context) {
	wait := shipEvery
	for {
		err := s.Drain(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = min(2*wait, longestBackoff)
			s.log.Warn("the warehouse does not accept rows; they wait in the registry", "retry_in", wait, "error", err)
		default:
			wait = shipEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// Drain ships until nothing waits, or until the first failure. An import that was
// interrupted is brought to its end first, so that its rows do not wait for ever;
// where that fails, what others sent is shipped all the same.
func (s *Shipper) Drain(ctx context.Context) error {
	unfinished := s.store.FinishImports(ctx)
	for {
		shipped, err := s.shipOne(ctx)
		if err != nil || !shipped {
			return errors.Join(unfinished, err)
		}
	}
}

func (s *Shipper) shipOne(ctx context.Context) (bool, error) {
	b, found, err := s.store.NextShipment(ctx, s.batchRows)
	if err != nil || !found {
		return false, err
	}
	limited, cancel := context.WithTimeout(ctx, insertLimit)
	defer cancel()
	if err := s.deliver(limited, b); err != nil {
		return false, fmt.Errorf("ship batch %d: %w", b.ID, err)
	}
	if err := s.store.ConfirmShipment(ctx, b.ID); err != nil {
		return false, fmt.Errorf("confirm batch %d: %w", b.ID, err)
	}
	return true, nil
}

// mostTokens bounds the tokens that one batch is sent under in a row; each but
// the first stands for a warehouse that was killed at one moment of an insert.
const mostTokens = 10

// deliver sends a batch. An attempt that is not the first is believed only when
// the rows are there: the warehouse may have noted the token and lost the rows.
// Then they go out under another token.
func (s *Shipper) deliver(ctx context.Context, b registry.Shipment) error {
	token := b.Token
	for again := 1; ; again++ {
		if err := s.insert(ctx, token, b); err != nil || !b.Again {
			return err
		}
		held, err := s.inserts.Holds(ctx, sent(b))
		if err != nil || held {
			return err
		}
		if again == mostTokens {
			return fault.New(fault.KindUnavailable, "warehouse", "accepted the batch under %d tokens but does not have its rows", again)
		}
		s.log.Warn("the warehouse remembers a batch whose rows it does not have; the batch is sent under another token", "batch", b.ID)
		token = fmt.Sprintf("%s-%d", b.Token, again)
	}
}

func sent(b registry.Shipment) warehouse.Sent {
	var rows warehouse.Sent
	for _, study := range b.Studies {
		rows.Studies = append(rows.Studies, fmt.Sprintf("%s %d", study.Study.ID, study.Sequence))
	}
	for _, c := range b.Courses {
		rows.Courses = append(rows.Courses, c.Sequence)
	}
	for _, r := range b.Sessions {
		rows.Sessions = append(rows.Sessions, uint64(r.Sequence))
	}
	for _, r := range b.Rows {
		rows.Responses = append(rows.Responses, uint64(r.Sequence))
	}
	return rows
}

// insert sends what a response refers to before the response.
func (s *Shipper) insert(ctx context.Context, token string, b registry.Shipment) error {
	for _, study := range b.Studies {
		if err := s.inserts.Study(ctx, fmt.Sprintf("%s-study-%s-%d", token, study.Study.ID, study.Sequence), study.Study, study.Sequence); err != nil {
			return err
		}
	}
	if len(b.Courses) > 0 {
		subjects := make([]warehouse.Subject, len(b.Courses))
		for i, c := range b.Courses {
			subjects[i] = subject(c)
		}
		if err := s.inserts.Subjects(ctx, token+"-subjects", subjects); err != nil {
			return err
		}
	}
	if len(b.Sessions) > 0 {
		sessions := make([]warehouse.Session, len(b.Sessions))
		for i, r := range b.Sessions {
			sessions[i] = session(r)
		}
		if err := s.inserts.Sessions(ctx, token+"-sessions", sessions); err != nil {
			return err
		}
	}
	if len(b.Rows) == 0 {
		return nil
	}
	rows := make([]warehouse.Response, len(b.Rows))
	for i, r := range b.Rows {
		rows[i] = response(r)
	}
	return s.inserts.Responses(ctx, token, rows)
}

func subject(c registry.ShippedCourse) warehouse.Subject {
	return warehouse.Subject{
		Study: c.Course.Study, Subject: c.Course.Subject, Factors: c.Course.Factors,
		Simulated: c.Simulated, Sequence: c.Sequence,
	}
}

func session(r registry.SessionRow) warehouse.Session {
	return warehouse.Session{
		Study: r.Study, Subject: r.Subject, Course: uint64(r.Course), Revision: uint32(r.Revision), Sequence: uint64(r.Sequence),
		Session: r.Session, ContentHash: hex.EncodeToString(r.ContentHash[:]),
	}
}

func response(r registry.JournalRow) warehouse.Response {
	out := warehouse.Response{
		Study: r.Study, Instrument: r.Instrument, Subject: r.Subject, Occasion: uint64(r.Occasion), Revision: uint32(r.Revision),
		Sequence: uint64(r.Sequence), Key: r.Key, Receipt: r.Receipt, Visit: r.Visit, Day: int32(r.TargetDay), InstrumentVersion: r.Version,
		DefinitionHash: r.DefinitionHash, Score: r.Score.Score, Prorated: r.Score.Prorated, Source: r.Source,
		ReceivedAt: r.ReceivedAt, ContentHash: hex.EncodeToString(r.ContentHash[:]),
	}
	for item := range r.Answers {
		out.Items = append(out.Items, item)
	}
	slices.Sort(out.Items)
	for _, item := range out.Items {
		out.Values = append(out.Values, value(r.Answers[item]))
	}
	return out
}

func value(v *int) *int32 {
	if v == nil {
		return nil
	}
	n := int32(*v) // an instrument's answers have at most nine digits
	return &n
}

// Backlog says what waits for the warehouse, and until when it is complete.
type Backlog struct {
	Rows int64
	// DataAsOf is when the newest row was received such that it and all before it
	// are in the warehouse; nil when none is.
	DataAsOf *time.Time
}

// Backlog reads the state of shipping from the registry, so it stands while the
// warehouse is down.
func (s *Shipper) Backlog(ctx context.Context) (Backlog, error) {
	counts, err := s.store.JournalCounts(ctx)
	if err != nil {
		return Backlog{}, err
	}
	return Backlog{Rows: counts.Waiting, DataAsOf: counts.ConfirmedUntil}, nil
}

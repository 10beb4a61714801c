package warehouse

import (
	"context"
	"fmt"
	"time"

	"afterglow/internal/care"
)

// Response is one journal row as the warehouse keeps it: pseudonymous, with
// answers only as the coded values of their items.
type Response struct {
	Study             string
	Instrument        string
	Subject           care.Pseudonym
	Occasion          uint64
	Revision          uint32
	Sequence          uint64
	Key               string
	Receipt           string
	Visit             string
	Day               int32 // days since the study's anchor
	InstrumentVersion string
	DefinitionHash    string // SHA-256 in hexadecimal
	Score             *float64
	Prorated          bool
	Items             []string
	Values            []*int32
	Source            care.Source
	ReceivedAt        time.Time
	ContentHash       string // SHA-256 in hexadecimal of the journal row
}

// Subject is what is known of a study's subject before treatment, as levels of
// the study's factors. A factor that was not recorded is absent.
type Subject struct {
	Study     string
	Subject   care.Pseudonym
	Factors   map[string]string
	Simulated bool
	Sequence  uint64
}

// InsertResponses writes one batch and returns once it is on disk. The token
// stands for the batch's rows and their content: the same token with the same
// rows has no effect the second time, however often it is sent.
func (w *Warehouse) InsertResponses(ctx context.Context, token string, rows []Response) error {
	if len(rows) == 0 {
		return nil
	}
	batch, err := w.write.PrepareBatch(withToken(ctx, token), `INSERT INTO response (study, instrument, subject, occasion,
		revision, sequence, key, receipt, visit, day, instrument_version, definition_hash, score, prorated, items, item_values,
		source, received_at, content_hash)`)
	if err != nil {
		return fmt.Errorf("open a batch of %d responses: %w", len(rows), unavailable(err))
	}
	for _, r := range rows {
		err := batch.Append(r.Study, r.Instrument, string(r.Subject), r.Occasion, r.Revision, r.Sequence, r.Key, r.Receipt, r.Visit,
			r.Day, r.InstrumentVersion, r.DefinitionHash, r.Score, r.Prorated, r.Items, r.Values, string(r.Source),
			r.ReceivedAt, r.ContentHash)
		if err != nil {
			_ = batch.Abort()
			return fmt.Errorf("add journal row %d to the batch: %w", r.Sequence, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert %d responses: %w", len(rows), unavailable(err))
	}
	return nil
}

// InsertSubjects writes subjects; the row with the highest sequence counts.
func (w *Warehouse) InsertSubjects(ctx context.Context, token string, rows []Subject) error {
	if len(rows) == 0 {
		return nil
	}
	batch, err := w.write.PrepareBatch(withToken(ctx, token), `INSERT INTO subject (study, subject, factors, simulated, sequence)`)
	if err != nil {
		return fmt.Errorf("open a batch of %d subjects: %w", len(rows), unavailable(err))
	}
	for _, s := range rows {
		if err := batch.Append(s.Study, string(s.Subject), s.Factors, s.Simulated, s.Sequence); err != nil {
			_ = batch.Abort()
			return fmt.Errorf("add a subject of study %s to the batch: %w", s.Study, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert %d subjects: %w", len(rows), unavailable(err))
	}
	return nil
}

package simulate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/warehouse"
)

// Database is the ClickHouse database of simulated clinics. It is never the
// clinic's, and stands outside reconciliation, rebuild and backup.
const Database = "afterglow_sim"

// fillBatch is how many patients go into the warehouse at once.
const fillBatch = 2_000

// Fill empties a warehouse of simulated data and writes this clinic into it in
// batches; memory does not grow with the number of patients. Run tells one
// filling from another, so that the warehouse does not take the second for a
// repetition of the first.
func (s *Simulator) Fill(ctx context.Context, w *warehouse.Warehouse, run string) (Truth, error) {
	studies, err := w.Studies(ctx)
	if err != nil {
		return Truth{}, err
	}
	for _, study := range studies {
		if !study.Simulated {
			return Truth{}, fault.Forbidden("database", "it contains study %s, which is not simulated, so it was not emptied", study.ID)
		}
	}
	if err := w.Clear(ctx); err != nil {
		return Truth{}, err
	}
	f := &filler{simulator: s, warehouse: w, run: run, sequence: 1, ints: wholeNumbers()}
	if err := w.InsertStudy(ctx, f.token("study"), s.Study(), f.sequence); err != nil {
		return Truth{}, err
	}
	counts := newTally()
	err = s.Each(func(p *Patient) error {
		counts.add(p)
		f.add(p)
		if p.Number%fillBatch == 0 {
			return f.flush(ctx)
		}
		return nil
	})
	if err != nil {
		return Truth{}, err
	}
	if err := f.flush(ctx); err != nil {
		return Truth{}, err
	}
	return s.truth(counts), nil
}

// filler gathers rows until there are enough for an insert.
type filler struct {
	simulator *Simulator
	warehouse *warehouse.Warehouse
	run       string
	batch     int
	sequence  uint64
	ints      []*int32

	subjects  []warehouse.Subject
	sessions  []warehouse.Session
	responses []warehouse.Response
}

// wholeNumbers are the values that an answer can have, one pointer for each.
func wholeNumbers() []*int32 {
	out := make([]*int32, 128)
	for i := range out {
		v := int32(i)
		out[i] = &v
	}
	return out
}

func (f *filler) token(kind string) string { return fmt.Sprintf("sim-%s-%d-%s", f.run, f.batch, kind) }

func (f *filler) next() uint64 {
	f.sequence++
	return f.sequence
}

func (f *filler) add(p *Patient) {
	factors := map[string]string{care.FactorProtocol: p.Protocol.ID, care.FactorMode: string(p.Protocol.Mode), care.FactorPreparation: p.Preparation}
	if p.Setting != "" {
		factors[care.FactorSetting] = p.Setting
	}
	f.subjects = append(f.subjects, warehouse.Subject{Study: StudyID, Subject: p.Pseudonym, Factors: factors, Simulated: true, Sequence: f.next()})
	for i := range p.Sessions {
		one := warehouse.Session{Study: StudyID, Subject: p.Pseudonym, Course: uint64(p.Number), Revision: 1, Sequence: f.next(), Session: p.Sessions[i].record(p)}
		one.ContentHash = contentHash(one.Subject, one.Sequence, nil)
		f.sessions = append(f.sessions, one)
	}
	occasion := uint64(p.Number) << 8
	for i := range p.Responses {
		r := &p.Responses[i]
		if r.Revision == 1 {
			occasion++
		}
		f.responses = append(f.responses, f.response(p, r, occasion))
	}
}

func (f *filler) response(p *Patient, r *Response, occasion uint64) warehouse.Response {
	form := &f.simulator.forms[r.scale]
	out := warehouse.Response{Study: StudyID, Instrument: scaleIDs[r.scale], Subject: p.Pseudonym, Occasion: occasion, Revision: uint32(r.Revision),
		Sequence: f.next(), Visit: r.Visit, Day: int32(r.Day), InstrumentVersion: form.version, DefinitionHash: form.hash, Prorated: r.Prorated,
		Items: form.items, Source: care.SourceSimulation, ReceivedAt: r.AnsweredAt}
	out.Key = fmt.Sprintf("sim-%d-%d", f.simulator.config.Seed, out.Sequence)
	out.ContentHash = contentHash(out.Subject, out.Sequence, r.Answers)
	if r.Valid {
		score := float64(r.Score)
		out.Score = &score
	}
	out.Values = make([]*int32, len(r.Answers))
	for i, v := range r.Answers {
		if v != unanswered {
			out.Values[i] = f.ints[v]
		}
	}
	return out
}

func contentHash(subject care.Pseudonym, sequence uint64, answers []int8) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %v", subject, sequence, answers))
	return hex.EncodeToString(sum[:])
}

func (f *filler) flush(ctx context.Context) error {
	f.batch++
	if err := f.warehouse.InsertSubjects(ctx, f.token("subjects"), f.subjects); err != nil {
		return err
	}
	if err := f.warehouse.InsertSessions(ctx, f.token("sessions"), f.sessions); err != nil {
		return err
	}
	if err := f.warehouse.InsertResponses(ctx, f.token("responses"), f.responses); err != nil {
		return err
	}
	f.subjects, f.sessions, f.responses = f.subjects[:0], f.sessions[:0], f.responses[:0]
	return nil
}

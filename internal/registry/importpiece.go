package registry

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
)

// piece is what an import does to one subject, or a part of it that fits into a
// chunk. Index finds the course, which a piece before may have made.
type piece struct {
	Index []byte      `json:"index"`
	New   *newSubject `json:"new,omitempty"`
	// Factors are the course's from now on; nil leaves them. Changed says that a
	// level was corrected, not only added.
	Factors     map[string]string  `json:"factors,omitempty"`
	Changed     bool               `json:"changed,omitempty"`
	Sessions    []care.Session     `json:"sessions,omitempty"`
	Responses   []ImportedResponse `json:"responses,omitempty"`
	Corrections []correction       `json:"corrections,omitempty"`
	Unanswered  []ImportedOccasion `json:"unanswered,omitempty"`
}

type newSubject struct {
	Subject   care.Pseudonym    `json:"subject"`
	Code      sealedCode        `json:"code"`
	Factors   map[string]string `json:"factors"`
	StartedOn string            `json:"started_on,omitempty"`
	Protocol  care.ProtocolRef  `json:"protocol"`
}

// correction replaces the newest answers of an occasion; without answers it
// retracts them.
type correction struct {
	Occasion int64             `json:"occasion"`
	Response *ImportedResponse `json:"response,omitempty"`
}

// rows counts what a piece adds to the record.
func (p piece) rows() int {
	n := len(p.Sessions) + len(p.Responses) + len(p.Corrections) + len(p.Unanswered)
	if p.New != nil {
		n++
	}
	if p.Factors != nil {
		n++
	}
	return n
}

// split cuts a piece into ones of at most most rows.
func (p piece) split(most int) []piece {
	if p.rows() <= most {
		return []piece{p}
	}
	first, rest := piece{Index: p.Index, New: p.New, Factors: p.Factors, Changed: p.Changed}, p
	rest.New, rest.Factors = nil, nil
	room := most - first.rows()
	first.Sessions, rest.Sessions = cut(p.Sessions, &room)
	first.Responses, rest.Responses = cut(p.Responses, &room)
	first.Corrections, rest.Corrections = cut(p.Corrections, &room)
	first.Unanswered, rest.Unanswered = cut(p.Unanswered, &room)
	return append([]piece{first}, rest.split(most)...)
}

func cut[T any](list []T, room *int) (first, rest []T) {
	n := min(len(list), *room)
	*room -= n
	return list[:n], list[n:]
}

// chunks groups pieces into transactions.
func chunks(pieces []piece) [][]piece {
	var all [][]piece
	rows := 0
	for _, p := range pieces {
		if len(all) == 0 || rows+p.rows() > ImportChunkRows || len(all[len(all)-1]) == chunkPieces {
			all, rows = append(all, nil), 0
		}
		all[len(all)-1] = append(all[len(all)-1], p)
		rows += p.rows()
	}
	return all
}

// carryOut writes a piece. What it meets was checked when the import was planned,
// and nobody else imports meanwhile; patients may have answered, and their answers
// stay.
func (tx *Tx) carryOut(id int64, f frame, p piece, reason string) error {
	course, err := tx.importedCourse(f, p)
	if err != nil {
		return err
	}
	if p.Factors != nil {
		why := ""
		if p.Changed {
			why = reason
		}
		if err := tx.addCourseVersion(course.ID, id, p.Factors, why); err != nil {
			return err
		}
	}
	for _, s := range p.Sessions {
		if _, err := tx.insertSession(course, s, SessionRow{Revision: 1}); err != nil {
			return fmt.Errorf("session %d: %w", s.Number, err)
		}
	}
	for _, r := range p.Responses {
		if err := tx.importResponse(course, f, r); err != nil {
			return err
		}
	}
	for _, c := range p.Corrections {
		if err := tx.importCorrection(f, c, reason); err != nil {
			return err
		}
	}
	for _, o := range p.Unanswered {
		state := OccasionOpen
		if o.Missed {
			state = OccasionClosed
		}
		_, err := tx.insertOccasion(NewOccasion{
			Course: course.ID, Instrument: o.Instrument, Version: o.Version, Visit: o.Visit, Anchor: f.anchor(o.Anchor), Session: o.Session,
			TargetDay: o.Day, OpensAt: o.OpensAt, TargetAt: o.TargetAt, ClosesAt: o.ClosesAt,
		}, state, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

func (f frame) anchor(given care.Anchor) care.Anchor {
	if given == "" {
		return f.Study.Anchor
	}
	return given
}

func (tx *Tx) importedCourse(f frame, p piece) (Course, error) {
	course, known, err := tx.courseByIndex(f.Study.ID, p.Index)
	switch {
	case err != nil || known:
		return course, err
	case p.New == nil:
		return Course{}, fault.NotFound("course", "a piece of the import belongs to a subject that is not stored")
	}
	patient, err := tx.createUnnamedPatient(f.Study.Simulated)
	if err != nil {
		return Course{}, err
	}
	n := p.New
	return tx.insertCourse(NewCourse{Patient: patient, Study: f.Study.ID, Factors: n.Factors, StartedOn: n.StartedOn, Protocol: n.Protocol}, n.Subject, n.Code)
}

// importResponse stores the first answers of an occasion: a new one, or one that
// waited for them.
func (tx *Tx) importResponse(course Course, f frame, r ImportedResponse) error {
	body, err := importBody(r)
	if err != nil {
		return err
	}
	list, err := occasions(tx.ctx, tx, "WHERE o.course = ? AND o.instrument = ? AND o.visit = ?", course.ID, r.Instrument, r.Visit)
	if err != nil {
		return err
	}
	var id int64
	switch {
	case len(list) == 0:
		id, err = tx.insertOccasion(NewOccasion{
			Course: course.ID, Instrument: r.Instrument, Version: r.Version, Visit: r.Visit, Anchor: f.anchor(r.Anchor), Session: r.Session, TargetDay: r.Day,
		}, OccasionAnswered, nil)
	case list[0].State == OccasionOpen:
		id, err = list[0].ID, tx.MarkAnswered(list[0].ID)
	default:
		return nil // answered meanwhile by form
	}
	if err != nil {
		return err
	}
	_, err = tx.AppendJournal(Entry{
		Key: importKey(f.Study.ID, id, 1), BodyHash: body,
		Occasion: Occasion{
			ID: id, Course: course.ID, Patient: course.Patient, Subject: course.Subject, Study: course.Study,
			Instrument: r.Instrument, Version: r.Version, Visit: r.Visit, Anchor: f.anchor(r.Anchor), Session: r.Session, TargetDay: r.Day,
		},
		DefinitionHash: r.DefinitionHash, Answers: r.Answers, Score: r.Score, Source: f.Source, ClaimedAt: r.AnsweredAt,
	})
	return err
}

// importKey names the revisions that an import brings.
func importKey(study string, occasion int64, revision int) string {
	key := fmt.Sprintf("%s%s-%d", importKeyPrefix, study, occasion)
	if revision > 1 {
		key += fmt.Sprintf("-%d", revision)
	}
	return key
}

const importKeyPrefix = "import-"

func (tx *Tx) importCorrection(f frame, c correction, reason string) error {
	newest, found, err := oneJournalRow(tx.ctx, tx, "WHERE j.occasion = ? ORDER BY j.revision DESC LIMIT 1", c.Occasion)
	if err != nil {
		return err
	}
	if !found {
		return fault.NotFound("occasion", "occasion %d has no answers to correct", c.Occasion)
	}
	o, err := tx.OccasionByID(c.Occasion)
	if err != nil {
		return err
	}
	r := c.Response
	if r == nil {
		retracted := retraction(newest)
		r = &retracted
	}
	body, err := importBody(*r)
	if err != nil {
		return err
	}
	_, err = tx.Correct(Entry{
		Key: importKey(f.Study.ID, c.Occasion, newest.Revision+1), BodyHash: body, Occasion: o,
		DefinitionHash: r.DefinitionHash, Answers: r.Answers, Score: r.Score, Source: f.Source, ClaimedAt: r.AnsweredAt,
	}, newest, reason)
	return err
}

// retraction is a revision without answers and without a score, which no question
// counts.
func retraction(of JournalRow) ImportedResponse {
	answers := instrument.Answers{}
	for item := range of.Answers {
		answers[item] = nil
	}
	return ImportedResponse{
		Visit: of.Visit, Day: of.TargetDay, Instrument: of.Instrument, Version: of.Version, DefinitionHash: of.DefinitionHash, Answers: answers,
		Score: instrument.Score{Instrument: of.Instrument, Version: of.Version, Subscales: map[string]instrument.SubscaleScore{}, Flags: []instrument.Flag{}},
	}
}

func importBody(r ImportedResponse) ([sha256.Size]byte, error) {
	body, err := json.Marshal([]any{r.Instrument, r.Version, r.Visit, r.Day, r.Answers})
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("encode an imported response: %w", err)
	}
	return sha256.Sum256(body), nil
}

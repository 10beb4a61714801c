package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// errNoEffect undoes a write that found everything in place.
var errNoEffect = errors.New("nothing to do")

// reasonPattern keeps a reason to a few plain words.
var reasonPattern = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} .,:;()/'’_-]{0,119}$`)

// ImportStudy stores a study with its subjects, occasions and journal rows: all or
// nothing for every reader, whenever it is interrupted. It never holds the registry
// for long: what it will do is written down and carried out in chunks, and shown
// once the last one is in. The same data again has no effect, and further data add
// to what is stored. A value that differs from the stored one, or is empty now, is a
// fault.Conflict that names every such row, unless in.Correct gives a reason: then
// it is a correction. The report is returned with a fault too, with the differences. A
// fault.Unavailable says that another import is under way.
func (s *Store) ImportStudy(ctx context.Context, actor Actor, in StudyImport) (ImportReport, error) {
	report, err := s.importStudy(ctx, actor, in)
	if err != nil {
		err = fmt.Errorf("import study %s: %w", in.Study.ID, err)
	}
	return report, err
}

func (s *Store) importStudy(ctx context.Context, actor Actor, in StudyImport) (ImportReport, error) {
	lock, err := s.takeImportLock()
	if err != nil {
		return ImportReport{}, err
	}
	defer lock.release() //nolint:errcheck // closing the lock's file gives it back
	if err := s.settleImports(ctx); err != nil {
		return ImportReport{}, err
	}
	p, err := s.planImport(ctx, in)
	if err != nil || !p.hasEffect() {
		return p.report, err
	}
	id, err := s.stageImport(ctx, actor, p)
	if err != nil {
		return ImportReport{}, err
	}
	return p.report, s.completeImport(ctx, actor, id)
}

// CheckImport finds out what ImportStudy would do, and leaves nothing.
func (s *Store) CheckImport(ctx context.Context, _ Actor, in StudyImport) (ImportReport, error) {
	p, err := s.planImport(ctx, in)
	if err != nil {
		err = fmt.Errorf("check the import of study %s: %w", in.Study.ID, err)
	}
	return p.report, err
}

func checkImport(in StudyImport) error {
	if err := in.Study.Validate(); err != nil {
		return err
	}
	if in.Source != care.SourceImport && in.Source != care.SourceSimulation {
		return fault.Invalid("source", "must be %s or %s", care.SourceImport, care.SourceSimulation)
	}
	if in.Correct != "" && !reasonPattern.MatchString(in.Correct) {
		return fault.Invalid("reason", "must be 1 to 120 letters, digits, spaces and plain punctuation, and must not name a person")
	}
	return nil
}

// frame is what an import is about as a whole.
type frame struct {
	Study        care.Study      `json:"study"`
	StudyChanged bool            `json:"study_changed"`
	Protocols    []care.Protocol `json:"protocols"`
	Source       care.Source     `json:"source"`
	SourceHash   string          `json:"source_hash"`
	Counts       map[string]int  `json:"counts"`
}

// stageImport writes the plan down, chunk by chunk, and decides it. An error, or a
// crash, before the decision leaves nothing that counts.
func (s *Store) stageImport(ctx context.Context, actor Actor, p *importPlan) (int64, error) {
	encoded, err := json.Marshal(p.frame())
	if err != nil {
		return 0, fmt.Errorf("encode the import: %w", err)
	}
	var id int64
	err = s.Write(ctx, actor, func(tx *Tx) error {
		result, err := tx.keep("INSERT INTO study_import (study, frame, reason, actor_kind, actor, started_at) VALUES (?, ?, ?, ?, ?, ?)",
			p.study.ID, string(encoded), text(p.in.Correct), string(actor.Kind), actor.ID, timeText(tx.now))
		if err != nil {
			return fmt.Errorf("begin the import: %w", err)
		}
		id, err = result.LastInsertId()
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, chunk := range chunks(p.pieces) {
		if err := s.pause(ctx); err != nil {
			return 0, err
		}
		err := s.Write(ctx, actor, func(tx *Tx) error { return tx.stagePieces(id, chunk) })
		if err != nil {
			return 0, err
		}
	}
	return id, s.Write(ctx, actor, func(tx *Tx) error {
		_, err := tx.keep("UPDATE study_import SET decided_at = ? WHERE id = ?", timeText(tx.now), id)
		return err
	})
}

func (tx *Tx) stagePieces(id int64, chunk []piece) error {
	for _, p := range chunk {
		body, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("encode a piece of the import: %w", err)
		}
		if _, err := tx.keep("INSERT INTO import_piece (import, body) VALUES (?, ?)", id, string(body)); err != nil {
			return fmt.Errorf("write down a piece of the import: %w", err)
		}
	}
	return nil
}

package registry

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"afterglow/internal/fault"
)

// ImportChunkRows is the most rows of the record that one transaction of an import
// writes.
const ImportChunkRows = 500

// chunkPieces bounds the pieces of one transaction.
const chunkPieces = 200

func (s *Store) takeImportLock() (*ownership, error) {
	lock, err := takeOwnership(s.importLock)
	if fault.Is(err, fault.KindConflict) {
		return nil, fault.Unavailable("import", nil, "another import is running in this data folder; wait until it has ended")
	}
	return lock, err
}

// FinishImports brings to its end what an import that was interrupted left behind:
// one that was decided is carried out, another is discarded. It does nothing while
// an import is under way.
func (s *Store) FinishImports(ctx context.Context) error {
	var waits bool
	if err := s.queryRow(ctx, "SELECT EXISTS "+unfinishedImports).Scan(&waits); err != nil || !waits {
		return err
	}
	lock, err := s.takeImportLock()
	if fault.Is(err, fault.KindUnavailable) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.release() //nolint:errcheck // closing the lock's file gives it back
	return s.settleImports(ctx)
}

// settleImports is FinishImports for whoever holds the lock.
func (s *Store) settleImports(ctx context.Context) error {
	var id int64
	var study string
	var decided bool
	var actor Actor
	err := s.queryRow(ctx, "SELECT id, study, decided_at IS NOT NULL, actor_kind, actor FROM study_import WHERE completed_at IS NULL").
		Scan(&id, &study, &decided, &actor.Kind, &actor.ID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for an unfinished import: %w", err)
	case decided:
		s.log.Warn("an import was interrupted; it is now being completed", "study", study)
		return s.completeImport(ctx, actor, id)
	}
	s.log.Warn("an import was interrupted before all of it was written down; it is discarded", "study", study)
	return s.discardImport(ctx, actor, id, study)
}

func (s *Store) discardImport(ctx context.Context, actor Actor, id int64, study string) error {
	for left := true; left; {
		err := s.Write(ctx, actor, func(tx *Tx) error {
			result, err := tx.keep("DELETE FROM import_piece WHERE id IN (SELECT id FROM import_piece WHERE import = ? ORDER BY id LIMIT ?)", id, chunkPieces)
			if err != nil {
				return fmt.Errorf("discard an import: %w", err)
			}
			n, err := result.RowsAffected()
			left = n > 0
			if err != nil || left {
				return err
			}
			if _, err := tx.keep("DELETE FROM study_import WHERE id = ? AND decided_at IS NULL", id); err != nil {
				return fmt.Errorf("discard an import: %w", err)
			}
			return tx.Audit(Event{Action: "study-import-discarded", SubjectKind: "study", Subject: study})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// completeImport carries a decided import out and shows it. Every step may be
// repeated: a piece leaves in the transaction that carries it out.
func (s *Store) completeImport(ctx context.Context, actor Actor, id int64) error {
	var encoded string
	var reason sql.NullString
	if err := s.queryRow(ctx, "SELECT frame, reason FROM study_import WHERE id = ?", id).Scan(&encoded, &reason); err != nil {
		return fmt.Errorf("read the import: %w", err)
	}
	var f frame
	if err := json.Unmarshal([]byte(encoded), &f); err != nil {
		return fmt.Errorf("decode the import: %w", err)
	}
	if err := s.Write(ctx, actor, func(tx *Tx) error { return tx.beginImport(f) }); err != nil {
		return err
	}
	for left := true; left; {
		if err := s.pause(ctx); err != nil {
			return err
		}
		err := s.Write(ctx, actor, func(tx *Tx) (err error) {
			left, err = tx.importChunk(id, f, reason.String)
			return err
		})
		if err != nil {
			return err
		}
	}
	return s.Write(ctx, actor, func(tx *Tx) error { return tx.showImport(id, f, reason.String) })
}

// beginImport stores what the pieces refer to.
func (tx *Tx) beginImport(f frame) error {
	if err := tx.addStudy(f.Study); err != nil {
		return err
	}
	for _, p := range f.Protocols {
		if _, err := tx.putProtocol(p); err != nil {
			return err
		}
	}
	return tx.Audit(Event{Action: "study-import-begun", SubjectKind: "study", Subject: f.Study.ID, Detail: map[string]any{"source_hash": f.SourceHash}})
}

// importChunk carries out the next pieces, up to ImportChunkRows rows; false when
// none was left.
func (tx *Tx) importChunk(id int64, f frame, reason string) (bool, error) {
	tx.held = id
	type staged struct {
		id   int64
		body string
	}
	var next []staged
	err := each(tx.ctx, tx, func(rows *sql.Rows) error {
		var p staged
		err := rows.Scan(&p.id, &p.body)
		next = append(next, p)
		return err
	}, "SELECT id, body FROM import_piece WHERE import = ? ORDER BY id LIMIT ?", id, chunkPieces)
	if err != nil || len(next) == 0 {
		return false, err
	}
	written := 0
	for _, one := range next {
		var p piece
		if err := json.Unmarshal([]byte(one.body), &p); err != nil {
			return false, fmt.Errorf("decode a piece of the import: %w", err)
		}
		if written > 0 && written+p.rows() > ImportChunkRows {
			break
		}
		if err := tx.carryOut(id, f, p, reason); err != nil {
			return false, err
		}
		if _, err := tx.keep("DELETE FROM import_piece WHERE id = ?", one.id); err != nil {
			return false, fmt.Errorf("finish a piece of the import: %w", err)
		}
		written += p.rows()
	}
	return true, tx.Audit(Event{Action: "study-import-part", SubjectKind: "study", Subject: f.Study.ID, Detail: map[string]any{"rows": written}})
}

// showImport marks the import as completed: from this commit on readers and the
// shipper see all of it.
func (tx *Tx) showImport(id int64, f frame, reason string) error {
	if f.StudyChanged {
		if err := tx.addStudyVersion(f.Study); err != nil {
			return err
		}
	}
	if _, err := tx.keep("UPDATE study_import SET completed_at = ? WHERE id = ?", timeText(tx.now), id); err != nil {
		return fmt.Errorf("complete the import: %w", err)
	}
	detail := map[string]any{"source": f.Source, "source_hash": f.SourceHash}
	for name, n := range f.Counts {
		detail[name] = n
	}
	if reason != "" {
		detail["reason"] = reason
	}
	return tx.Audit(Event{Action: "study-imported", SubjectKind: "study", Subject: f.Study.ID, Detail: detail})
}

// besidePause is how long an import beside a server leaves the registry alone
// between two transactions: a writer that finds it locked looks again after a tenth
// of a second at most.
const besidePause = 40 * time.Millisecond

// pause lets the server's writes in. In one process they queue in turn and need
// none.
func (s *Store) pause(ctx context.Context) error {
	if !s.beside {
		return nil
	}
	select {
	case <-ctx.Done():
		return storageFault(ctx.Err())
	case <-time.After(besidePause):
		return nil
	}
}

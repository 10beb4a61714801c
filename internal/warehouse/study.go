package warehouse

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"

	"afterglow/internal/care"
	"afterglow/internal/fault"
)

// InsertStudy writes a study's definition; the one with the highest sequence
// counts.
func (w *Warehouse) InsertStudy(ctx context.Context, token string, study care.Study, sequence uint64) error {
	definition, err := json.Marshal(study)
	if err != nil {
		return fmt.Errorf("encode study %s: %w", study.ID, err)
	}
	batch, err := w.write.PrepareBatch(withToken(ctx, token), "INSERT INTO study (study, definition, sequence)")
	if err != nil {
		return fmt.Errorf("open a batch for study %s: %w", study.ID, unavailable(err))
	}
	if err := batch.Append(study.ID, string(definition), sequence); err != nil {
		_ = batch.Abort()
		return fmt.Errorf("add study %s to the batch: %w", study.ID, err)
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("insert study %s: %w", study.ID, unavailable(err))
	}
	return nil
}

// Study gives a study's definition, or a not-found fault.
func (w *Warehouse) Study(ctx context.Context, id string) (care.Study, error) {
	var definition string
	err := w.read.QueryRow(ctx, "SELECT argMax(definition, sequence) FROM study WHERE study = {study:String} HAVING count() > 0",
		clickhouse.Named("study", id)).Scan(&definition)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return care.Study{}, fault.NotFound("study", "there is no study %q; import one with: afterglow import study", id)
	case err != nil:
		return care.Study{}, fmt.Errorf("read study %s: %w", id, unavailable(err))
	}
	return decodeStudy(definition)
}

// Studies lists the definitions of all studies, by id.
func (w *Warehouse) Studies(ctx context.Context) ([]care.Study, error) {
	rows, err := w.read.Query(ctx, "SELECT argMax(definition, sequence) FROM study GROUP BY study ORDER BY study")
	if err != nil {
		return nil, fmt.Errorf("list studies: %w", unavailable(err))
	}
	defer rows.Close()
	studies := []care.Study{}
	for rows.Next() {
		var definition string
		if err := rows.Scan(&definition); err != nil {
			return nil, fmt.Errorf("read a study: %w", err)
		}
		study, err := decodeStudy(definition)
		if err != nil {
			return nil, err
		}
		studies = append(studies, study)
	}
	return studies, unavailable(rows.Err())
}

func decodeStudy(definition string) (care.Study, error) {
	var study care.Study
	if err := json.Unmarshal([]byte(definition), &study); err != nil {
		return care.Study{}, fmt.Errorf("decode a study's definition: %w", err)
	}
	return study, nil
}

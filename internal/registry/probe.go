package registry

import (
	"context"
	"fmt"
)

// settingWriteCheck is rewritten by CheckWritable; it says nothing to anybody.
const settingWriteCheck = "last-write-check"

// CheckWritable commits one small row, which a full disk, a read-only file or a
// lock would refuse: nil means that an answer could be taken now.
func (s *Store) CheckWritable(ctx context.Context) error {
	err := s.Write(ctx, System("write check"), func(tx *Tx) error {
		_, err := tx.keep(`INSERT INTO setting (name, value, changed_at) VALUES (?, '', ?)
			ON CONFLICT (name) DO UPDATE SET changed_at = excluded.changed_at`, settingWriteCheck, timeText(tx.now))
		return err
	})
	if err != nil {
		return fmt.Errorf("check that the registry can be written: %w", err)
	}
	return nil
}

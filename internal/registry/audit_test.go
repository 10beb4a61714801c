package registry_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

// TestSR78_VerifyNamesTheFirstBadEntry does to the file what its owner could do,
// triggers taken away first.
func TestSR78_VerifyNamesTheFirstBadEntry(t *testing.T) {
	for _, c := range []struct {
		name     string
		tamper   string
		firstBad int64
	}{
		{"an edit", "UPDATE audit SET actor = 'somebody' WHERE sequence = 7", 7},
		{"an edited detail", `UPDATE audit SET detail = '{"i":8}' WHERE sequence = 7`, 7},
		{"a text moved to the next field", "UPDATE audit SET actor = actor || substr(action, 1, 1), action = substr(action, 2) WHERE sequence = 7", 7},
		{"a deletion", "DELETE FROM audit WHERE sequence = 7", 7},
		{"a deletion closed up", "DELETE FROM audit WHERE sequence = 7; UPDATE audit SET sequence = sequence - 1 WHERE sequence > 7", 7},
		{"an insertion", "UPDATE audit SET sequence = -sequence - 1 WHERE sequence >= 7; UPDATE audit SET sequence = -sequence WHERE sequence < 0; INSERT INTO audit SELECT 7, at, actor_kind, actor, action, subject_kind, subject, detail, previous, hash FROM audit WHERE sequence = 8", 8},
		{"a new order", "UPDATE audit SET sequence = -7 WHERE sequence = 7; UPDATE audit SET sequence = 7 WHERE sequence = 8; UPDATE audit SET sequence = 8 WHERE sequence = -7", 7},
		{"a chain of one's own", "UPDATE audit SET previous = zeroblob(32), hash = zeroblob(32) WHERE sequence = 7", 7},
		{"a cut-off end", "DELETE FROM audit WHERE sequence > 10", 11},
		{"everything gone", "DELETE FROM audit", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := registrytest.NewFolder(t)
			s := f.Open(t)
			for i := range 12 {
				require.NoError(t, s.Write(ctx, system, func(tx *registry.Tx) error {
					return tx.Audit(registry.Event{Action: "tried", SubjectKind: "test", Subject: "chain", Detail: map[string]any{"i": i}})
				}))
			}
			good, err := s.VerifyAudit(ctx, registry.AuditCheckpoint{})
			require.NoError(t, err)
			require.Equal(t, int64(12), good.Entries)
			require.Zero(t, good.FirstBad)
			checkpoint := registry.AuditCheckpoint{Sequence: good.Entries, Hash: good.Head}

			db := raw(t, f)
			exec(t, db, "DROP TRIGGER audit_keeps_rows; DROP TRIGGER audit_loses_nothing")
			exec(t, db, c.tamper)
			report, err := s.VerifyAudit(ctx, checkpoint)
			require.NoError(t, err)
			require.Equal(t, c.firstBad, report.FirstBad, report.Why)
			require.NotEmpty(t, report.Why)
		})
	}
}

func exec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	_, err := db.Exec(statement)
	require.NoError(t, err)
}

func BenchmarkVerifyAudit(b *testing.B) {
	s := registrytest.NewFolder(b).Open(b)
	require.NoError(b, s.Write(ctx, system, func(tx *registry.Tx) error {
		for i := range b.N {
			if err := tx.Audit(registry.Event{Action: "tried", SubjectKind: "bench", Subject: "chain", Detail: map[string]any{"i": i}}); err != nil {
				return err
			}
		}
		return nil
	}))
	b.ResetTimer()
	report, err := s.VerifyAudit(ctx, registry.AuditCheckpoint{})
	require.NoError(b, err)
	require.Equal(b, int64(b.N), report.Entries)
}

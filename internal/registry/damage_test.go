package registry_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

// replaceInFile puts other bytes of the same length in the place of the one
// occurrence of some, as a disk that turns a bit around does. The registry is closed.
func replaceInFile(t *testing.T, path, from, to string) {
	t.Helper()
	require.Len(t, to, len(from))
	compact(t, path)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, bytes.Count(content, []byte(from)), "%s must stand in the file once", from)
	require.NoError(t, os.WriteFile(path, bytes.Replace(content, []byte(from), []byte(to), 1), 0o600))
}

// three is a closed registry with three imported answers; its file is whole.
func three(t *testing.T) *registrytest.Folder {
	t.Helper()
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	_, err := s.ImportStudy(ctx, system, trial(3))
	require.NoError(t, err)
	found, err := s.Examine(ctx)
	require.NoError(t, err)
	require.True(t, found.Whole(), "%+v", found)
	require.NoError(t, found.Fault())
	require.NoError(t, s.Close())
	return f
}

// compact leaves no copy of a row in pages that are free: what an import had staged
// may lie there.
func compact(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(ctx, "VACUUM")
	require.NoError(t, errors.Join(err, db.Close()))
}

// SQLite has no checksums: a changed byte of a row is found by the row's seal,
// whichever field it is in, and the row is not sent.
func TestSR11_AChangedByteOfTheJournalIsFoundAndNotSent(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		sqlite   bool // SQLite itself sees that something is wrong
	}{
		"an answer":                {`{"total":1}`, `{"total":7}`, false},
		"a score":                  {`"score":1,`, `"score":9,`, false},
		"an answer that is none":   {`{"total":1}`, `{"total":x}`, true},
		"answers of another shape": {`{"total":1}`, `["total",1]`, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := three(t)
			replaceInFile(t, f.Path, c.from, c.to)
			s := f.Open(t)
			require.Equal(t, c.sqlite, s.CheckIntegrity(ctx) != nil)
			found, err := s.Examine(ctx)
			require.NoError(t, err)
			require.False(t, found.Whole())
			require.Len(t, found.Damage, 1)
			require.Equal(t, "journal row 2", found.Damage[0].String())
			require.True(t, fault.Is(found.Fault(), fault.KindUnavailable))
			if !c.sqlite {
				require.ErrorContains(t, found.Fault(), "journal row 2")
			}

			shipment, more, err := s.NextShipment(ctx, 100)
			require.NoError(t, err)
			require.True(t, more)
			sequences := []int64{}
			for _, r := range shipment.Rows {
				sequences = append(sequences, r.Sequence)
			}
			require.Equal(t, []int64{1, 3}, sequences, "one bad row keeps nothing else back")
			require.NoError(t, s.ConfirmShipment(ctx, shipment.ID))
			_, more, err = s.NextShipment(ctx, 100)
			require.NoError(t, err)
			require.False(t, more, "and it is not tried again and again")
			counts, err := s.JournalCounts(ctx)
			require.NoError(t, err)
			require.Zero(t, counts.Waiting)
			listed, err := s.Damage(ctx)
			require.NoError(t, err)
			require.Equal(t, found.Damage, listed)

			// Once the row is brought back, the next whole look takes it off the list.
			require.NoError(t, s.Close())
			replaceInFile(t, f.Path, c.to, c.from)
			s = f.Open(t)
			found, err = s.Examine(ctx)
			require.NoError(t, err)
			require.True(t, found.Whole())
			require.NoError(t, s.SetDamage(ctx, found.Damage))
			shipment, _, err = s.NextShipment(ctx, 100)
			require.NoError(t, err)
			require.Len(t, shipment.Rows, 1)
			report, err := s.VerifyAudit(ctx, registry.AuditCheckpoint{})
			require.NoError(t, err)
			require.Zero(t, report.FirstBad)
		})
	}
}

// A shipment that was under way when a row of it went bad goes out again without
// the row, under another token.
func TestSR9_AShipmentWithADamagedRowIsMadeAnew(t *testing.T) {
	f := three(t)
	s := f.Open(t)
	first, _, err := s.NextShipment(ctx, 100)
	require.NoError(t, err)
	require.Len(t, first.Rows, 3)
	require.NoError(t, s.Close())
	replaceInFile(t, f.Path, `{"total":1}`, `{"total":2}`)
	s = f.Open(t)
	second, _, err := s.NextShipment(ctx, 100)
	require.NoError(t, err)
	require.Len(t, second.Rows, 2)
	require.NotEqual(t, first.Token, second.Token)
	require.False(t, second.Again)
}

func TestSR11_AChangedByteOfASessionIsFound(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	_, err := s.ImportStudy(ctx, system, clinic(1, 1, 0))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	replaceInFile(t, f.Path, `"dose_mg":51,`, `"dose_mg":91,`)
	s = f.Open(t)
	found, err := s.Examine(ctx)
	require.NoError(t, err)
	require.Len(t, found.Damage, 1)
	require.Equal(t, "session row 1", found.Damage[0].String())
}

// A page of the journal's own tree that holds rubbish: reading the settings works,
// an answer cannot be taken, and the check says so.
func TestTheWriteCheckTriesTheTablesOfAnAnswer(t *testing.T) {
	for _, table := range []string{"journal", "occasion", "outbox", "alert", "seal", "audit"} {
		t.Run(table, func(t *testing.T) {
			f := three(t)
			registrytest.SpoilRoot(t, f.Path, table)
			key, err := registry.ReadMasterKey(f.Key)
			require.NoError(t, err)
			s, err := registry.Open(ctx, registry.Config{Path: f.Path, MasterKey: key, Clock: f.Clock.Now, Logger: registrytest.Logger()})
			require.NoError(t, err)
			t.Cleanup(func() { _ = s.Close() })
			_, err = s.Setting(ctx, registry.SettingDemo)
			require.NoError(t, err, "reading works, and says nothing")
			require.True(t, fault.Is(s.CheckWritable(ctx), fault.KindUnavailable))
			require.True(t, s.SawCorruption())
			found, err := s.Examine(ctx)
			require.NoError(t, err)
			require.NotEmpty(t, found.Structure)
			require.ErrorContains(t, found.Fault(), "restore a backup")
		})
	}
}

func TestTheWriteCheckLeavesNothing(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	registrytest.Demo(t, s, 1)
	db := raw(t, f)
	state := func() (out string) {
		for _, table := range []string{"patient", "course", "occasion", "journal", "outbox", "seal", "alert", "alert_step", "audit"} {
			var n int
			require.NoError(t, db.QueryRow("SELECT count(*) FROM "+table).Scan(&n))
			out += fmt.Sprintf("%s %d ", table, n)
		}
		var next string
		require.NoError(t, db.QueryRow("SELECT group_concat(name || seq) FROM sqlite_sequence").Scan(&next))
		return out + next
	}
	before := state()
	for range 3 {
		require.NoError(t, s.CheckWritable(ctx))
	}
	require.Equal(t, before, state())
	require.NotZero(t, auditEntries(t, s), "and the chain holds")
}

// A folder of the version before seals: its rows are sealed by the first start;
// one whose own hash does not fit any more is found as damaged.
func TestRowsOfBeforeSealsAreSealedOnce(t *testing.T) {
	f := three(t)
	db := raw(t, f)
	exec(t, db, "DROP TRIGGER seal_loses_nothing; DROP TRIGGER seal_keeps_rows; DELETE FROM seal; DELETE FROM setting WHERE name = 'record-sealed'")
	exec(t, db, `DROP TRIGGER journal_keeps_rows; UPDATE journal SET answers = '{"total":7}' WHERE sequence = 2`)
	s := f.Open(t)
	found, err := s.FindDamage(ctx)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.EqualValues(t, 2, found[0].Sequence)
	require.NoError(t, s.Close())

	exec(t, db, "DELETE FROM seal WHERE sequence = 3")
	s = f.Open(t)
	found, err = s.FindDamage(ctx)
	require.NoError(t, err)
	require.Len(t, found, 2, "a row that lost its seal is not sealed again")
	require.NoError(t, s.Close())

	exec(t, db, "DELETE FROM setting WHERE name = 'record-sealed'")
	_, err = registry.Open(ctx, beside(f.Config(t)))
	require.True(t, fault.Is(err, fault.KindUnavailable), "a command waits for the server to seal: %v", err)
}

func TestSR77_SealsStay(t *testing.T) {
	db := raw(t, three(t))
	for _, statement := range []string{"UPDATE seal SET mac = zeroblob(32)", "DELETE FROM seal"} {
		_, err := db.Exec(statement)
		require.ErrorContains(t, err, "append-only", statement)
	}
}

func beside(c registry.Config) registry.Config {
	c.Beside = true
	return c
}

// The token comes from the ids and the content. Two registries that went apart
// after a backup was brought back can meet in one warehouse: the same shipment of
// the same rows with other answers has another token.
func TestSR9_OtherContentNeverReusesAToken(t *testing.T) {
	tokens := map[string]bool{}
	for total := range 3 {
		f := registrytest.NewFolder(t)
		s := f.Open(t)
		in := trial(1)
		in.Subjects[0].Responses = nil
		_, err := s.ImportStudy(ctx, system, in)
		require.NoError(t, err)
		first, _, err := s.NextShipment(ctx, 100)
		require.NoError(t, err)
		require.NoError(t, s.ConfirmShipment(ctx, first.ID))
		in = trial(1)
		in.Subjects[0].Responses[0].Answers["total"] = instrument.Answer(total)
		_, err = s.ImportStudy(ctx, system, in)
		require.NoError(t, err)
		b, _, err := s.NextShipment(ctx, 100)
		require.NoError(t, err)
		require.EqualValues(t, 2, b.ID)
		require.Len(t, b.Rows, 1)
		require.Empty(t, b.Courses, "nothing but the answer tells the shipments apart")
		require.EqualValues(t, 1, b.Rows[0].Sequence)
		tokens[b.Token] = true
	}
	require.Len(t, tokens, 3)
}

// Four reads at once must be possible: a walk through the journal does not keep a
// page from being shown.
func TestReadsDoNotWaitForEachOther(t *testing.T) {
	s := registrytest.NewFolder(t).Open(t)
	_, err := s.ImportStudy(ctx, system, trial(2))
	require.NoError(t, err)
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var walk func(depth int) error
	walk = func(depth int) error {
		if depth == 0 {
			_, err := s.Setting(limited, registry.SettingDemo)
			return err
		}
		return s.EachJournalRow(limited, 1, func(registry.JournalRow) error { return walk(depth - 1) })
	}
	require.NoError(t, walk(3))
}

func TestSR18_AStepOfMinutesIsRecordedASmallOneIsNot(t *testing.T) {
	f := registrytest.NewFolder(t)
	s := f.Open(t)
	require.NoError(t, s.Write(ctx, system, audit))
	var seen []int
	for _, moved := range []time.Duration{6 * time.Minute, -6 * time.Minute, 4 * time.Minute, -4 * time.Minute} {
		f.Clock.Advance(moved)
		require.NoError(t, s.Write(ctx, system, audit))
		steps := 0
		require.NoError(t, s.EachAuditEntry(ctx, 0, func(e registry.AuditEntry) error {
			if e.Action == "clock-stepped" {
				steps++
			}
			return nil
		}))
		seen = append(seen, steps)
	}
	require.Equal(t, []int{1, 2, 2, 2}, seen)
}

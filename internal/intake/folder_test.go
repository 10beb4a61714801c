package intake_test

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
	"afterglow/internal/testkit/warehousetest"
)

// made is what the program of then noted of the folder that it made.
type made struct {
	Tokens        []string          `json:"tokens"`
	Receipts      map[string]string `json:"receipts"`
	Batch         string            `json:"batch"`
	AuditEntries  int64             `json:"audit_entries"`
	AuditHead     string            `json:"audit_head"`
	JournalHashes []string          `json:"journal_hashes"`
}

// oldFolder is a copy of a kept folder.
func oldFolder(t *testing.T, name string) (*registrytest.Folder, made) {
	t.Helper()
	kept := filepath.Join("../../testdata/folders", name)
	f := registrytest.NewFolder(t)
	packed, err := os.Open(filepath.Join(kept, "registry.db.gz"))
	require.NoError(t, err)
	defer packed.Close()
	plain, err := gzip.NewReader(packed)
	require.NoError(t, err)
	data, err := io.ReadAll(plain)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(f.Path, data, 0o600))
	key, err := os.ReadFile(filepath.Join(kept, "master.key"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(f.Key, key, 0o600))
	var m made
	notes, err := os.ReadFile(filepath.Join(kept, "made.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(notes, &m))
	return f, m
}

// A folder of the schema before is opened by the program of today: what was under
// way goes on, and what was promised holds.
func TestSR37_AFolderOfSchema2GoesOn(t *testing.T) {
	f, m := oldFolder(t, "schema-2")
	b := &bench{folder: f, phq9: registrytest.PHQ9(t)}
	b.open(t)
	for _, token := range m.Tokens {
		b.patients = append(b.patients, registry.SimulatedPatient{Token: token})
	}
	require.NoError(t, b.store.CheckIntegrity(ctx))
	audit, err := b.store.VerifyAudit(ctx, registry.AuditCheckpoint{Sequence: m.AuditEntries, Hash: m.AuditHead})
	require.NoError(t, err)
	require.Zero(t, audit.FirstBad, audit.Why)

	draft, found, err := b.service.LoadDraft(ctx, m.Tokens[0], "a browser's secret")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, 3, draft.Page, "the link opens at its question")
	require.Equal(t, instrument.Answers{"1": instrument.Answer(1), "2": instrument.Answer(2)}, draft.Answers)
	receipt, err := b.service.Accept(ctx, b.submission(1, "key-1", answers(0)))
	require.NoError(t, err)
	require.True(t, receipt.Replayed)
	require.Equal(t, m.Receipts["key-1"], receipt.Receipt)

	alerts := func() (list []registry.Alert) {
		require.NoError(t, b.store.Write(ctx, registry.System("test"), func(tx *registry.Tx) (err error) {
			list, err = tx.Alerts(registry.AlertFilter{})
			return err
		}))
		return list
	}
	before := len(alerts())
	b.folder.Clock.Advance(time.Hour)
	_, err = b.service.Sweep(ctx)
	require.NoError(t, err)
	require.Len(t, alerts(), before+1, "the draft alerts")
	require.NoError(t, b.store.Write(ctx, registry.Actor{Kind: registry.ActorAccount, ID: "1"}, func(tx *registry.Tx) error {
		if err := tx.AddStep(1, "closed", "called"); err != nil {
			return err
		}
		return tx.Audit(registry.Event{Action: "alert-closed", SubjectKind: "alert", Subject: "1"})
	}))

	batch, found, err := b.store.NextShipment(ctx, 1)
	require.NoError(t, err)
	require.True(t, found && batch.Again)
	require.Equal(t, m.Batch, batch.Token)
	w := warehousetest.Open(t)
	require.NoError(t, shipper(t, b.store, w).Drain(ctx))
	var hashes []string
	require.NoError(t, b.store.EachJournalRow(ctx, 0, func(r registry.JournalRow) error {
		require.True(t, r.Shipped)
		hashes = append(hashes, hex.EncodeToString(r.ContentHash[:]))
		return nil
	}))
	require.Equal(t, m.JournalHashes, hashes)
	require.Len(t, keys(t, w), len(hashes), "each row once")
	compared, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.False(t, compared.Differs(), "%+v", compared)

	report, err := b.store.ImportStudy(ctx, registry.System("test"), study())
	require.NoError(t, err)
	require.Equal(t, registry.ImportReport{Study: "small", SubjectsKnown: 6, ResponsesKnown: 12}, report)
}

// The migration is killed at each of its statements in turn; the next start does it.
func TestSR37_AMigrationThatWasKilledStartsAgain(t *testing.T) {
	faults := registrytest.NewFaults(t)
	whole, _ := oldFolder(t, "schema-2")
	faults.FailAt(0, 0)
	whole.Open(t, func(c *registry.Config) { c.Driver = faults.Name })
	statements, killed := faults.Seen(), 0
	for statement := 1; statement <= statements; statement++ {
		f, m := oldFolder(t, "schema-2")
		c := f.Config(t)
		c.Driver = faults.Name
		faults.FailAt(statement, registrytest.CodeIO)
		broken, err := registry.Open(ctx, c)
		faults.FailAt(0, 0)
		if err == nil { // the statement is one that may fail, as a look that is done again
			require.NoError(t, broken.Close())
		} else {
			killed++
		}
		store, err := registry.Open(ctx, f.Config(t))
		require.NoError(t, err, "after statement %d failed", statement)
		rows := 0
		require.NoError(t, store.EachJournalRow(ctx, 0, func(registry.JournalRow) error {
			rows++
			return nil
		}))
		require.Len(t, m.JournalHashes, rows)
		require.NoError(t, store.Close())
	}
	require.Greater(t, killed, 20, "of %d statements", statements)
}

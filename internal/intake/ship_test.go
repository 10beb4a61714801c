package intake_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse"
)

func shipper(t testing.TB, store *registry.Store, w *warehouse.Warehouse, change ...func(*intake.ShipperConfig)) *intake.Shipper {
	t.Helper()
	c := intake.ShipperConfig{Store: store, Logger: registrytest.Logger(), Inserts: intake.Inserts{
		Study: w.InsertStudy, Subjects: w.InsertSubjects, Sessions: w.InsertSessions, Responses: w.InsertResponses, Holds: w.Holds,
	}}
	for _, apply := range change {
		apply(&c)
	}
	s, err := intake.NewShipper(c)
	require.NoError(t, err)
	return s
}

func keys(t testing.TB, w *warehouse.Warehouse) map[string]uint64 {
	t.Helper()
	all := map[string]uint64{}
	require.NoError(t, w.JournalRows(ctx, func(k warehouse.JournalRow) error {
		all[k.Key] = k.Sequence
		return nil
	}))
	return all
}

func (b *bench) sendAll(t testing.TB, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		_, err := b.service.Accept(ctx, b.submission(i, fmt.Sprintf("key-%d", i), answers(i%4)))
		require.NoError(t, err)
	}
}

// study is a small trial with two arms and two visits.
func study() registry.StudyImport {
	s := care.Study{
		ID: "small", Anchor: care.AnchorCourseStart, VisitName: "visit",
		Visits:   []care.Visit{{Name: "2m", Day: 61}, {Name: "3m", Day: 91}},
		Arm:      care.Factor{Name: "arm", Levels: []string{"TAU", "new"}},
		Measures: []care.Measure{{Instrument: "bdi-ii", Version: "1.0.0", Total: "bdi"}},
	}
	in := registry.StudyImport{Study: s, Source: care.SourceImport, SourceHash: "f00d"}
	for i := range 6 {
		subject := registry.ImportedSubject{Code: fmt.Sprintf("S%03d", i), Factors: map[string]string{"arm": s.Arm.Levels[i%2]}}
		for v, visit := range s.Visits {
			score := float64(10 + i + v)
			subject.Responses = append(subject.Responses, registry.ImportedResponse{
				Visit: visit.Name, Day: visit.Day, Instrument: "bdi-ii", Version: "1.0.0", DefinitionHash: fmt.Sprintf("%064d", 1),
				Answers: instrument.Answers{"total": instrument.Answer(int(score))},
				Score:   instrument.Score{Instrument: "bdi-ii", Version: "1.0.0", Score: &score, Valid: true},
			})
		}
		in.Subjects = append(in.Subjects, subject)
	}
	return in
}

// TestSR9_ABatchArrivesOnce breaks shipping between insert and confirmation,
// again and again, and once before the insert is known to have worked.
func TestSR9_ABatchArrivesOnce(t *testing.T) {
	w := warehousetest.Open(t)
	rows := size(40, 750) // two of three attempts break: 500 in a soak
	b := setup(t, rows)
	var sent []string
	breakAfter := true
	lossy := shipper(t, b.store, w, func(c *intake.ShipperConfig) {
		c.BatchRows = 7
		insert := c.Inserts.Responses
		c.Inserts.Responses = func(ctx context.Context, token string, rows []warehouse.Response) error {
			sent = append(sent, token)
			if err := insert(ctx, token, rows); err != nil || !breakAfter {
				return err
			}
			return errors.New("the connection broke after the insert")
		}
	})
	for i := range rows {
		b.sendAll(t, i, i+1) // new rows never join a batch that is under way
		breakAfter = i%3 != 2
		err := lossy.Drain(ctx)
		require.Equal(t, breakAfter, err != nil)
	}
	breakAfter = false
	require.NoError(t, lossy.Drain(ctx))
	require.Less(t, distinct(sent), len(sent), "the same batch went out again under its token")
	arrived := keys(t, w)
	require.Len(t, arrived, rows)
	for _, r := range b.rows(t) {
		require.True(t, r.Shipped)
		require.Equal(t, uint64(r.Sequence), arrived[r.Key])
	}
	backlog, err := lossy.Backlog(ctx)
	require.NoError(t, err)
	require.Zero(t, backlog.Rows)
	require.Equal(t, b.folder.Clock.Now(), *backlog.DataAsOf)
}

// TestSR9_RememberedButNotHeld: a ClickHouse that was killed after it noted a
// batch's token and before the batch was in place drops the next attempt and
// says that all is well.
func TestSR9_RememberedButNotHeld(t *testing.T) {
	w := warehousetest.Open(t)
	b := setup(t, 10)
	b.sendAll(t, 0, 10)
	all := make([]uint64, 10)
	for i := range all {
		all[i] = uint64(i + 1)
	}
	first := true
	s := shipper(t, b.store, w, func(c *intake.ShipperConfig) {
		insert := c.Inserts.Responses
		c.Inserts.Responses = func(ctx context.Context, token string, rows []warehouse.Response) error {
			if err := insert(ctx, token, rows); err != nil || !first {
				return err
			}
			first = false
			require.NoError(t, w.DeleteJournalRows(ctx, all), "the token stays, the rows are gone")
			return errors.New("the server was killed")
		}
	})
	require.Error(t, s.Drain(ctx))
	require.Empty(t, keys(t, w))
	require.NoError(t, s.Drain(ctx))
	require.Len(t, keys(t, w), 10)
}

func distinct(list []string) int {
	seen := map[string]bool{}
	for _, s := range list {
		seen[s] = true
	}
	return len(seen)
}

// TestSR13_IntakeDoesNotNoticeThatTheWarehouseIsDown lets rows wait and then
// drains them.
func TestSR13_IntakeDoesNotNoticeThatTheWarehouseIsDown(t *testing.T) {
	w := warehousetest.Open(t)
	b := setup(t, 60)
	down := true
	s := shipper(t, b.store, w, func(c *intake.ShipperConfig) {
		insert := c.Inserts.Responses
		c.Inserts.Responses = func(ctx context.Context, token string, rows []warehouse.Response) error {
			if down {
				return fault.Unavailable("warehouse", nil, "ClickHouse does not answer")
			}
			return insert(ctx, token, rows)
		}
	})
	b.sendAll(t, 0, 20)
	require.True(t, fault.Is(s.Drain(ctx), fault.KindUnavailable))
	b.folder.Clock.Advance(time.Hour)
	b.sendAll(t, 20, 60)
	backlog, err := s.Backlog(ctx)
	require.NoError(t, err)
	require.Equal(t, intake.Backlog{Rows: 60}, backlog, "nothing has arrived, so there is no 'data as of'")
	down = false
	require.NoError(t, s.Drain(ctx))
	require.Len(t, keys(t, w), 60)
}

// TestSR14_TheWarehouseIsRebuiltFromTheJournal compares checksums before and
// after, and with a journal that was sent three times (SR-12).
func TestSR14_TheWarehouseIsRebuiltFromTheJournal(t *testing.T) {
	w := warehousetest.Open(t)
	b := setup(t, 0)
	_, err := b.store.ImportStudy(ctx, registry.System("test"), study())
	require.NoError(t, err)
	s := shipper(t, b.store, w)
	require.NoError(t, s.Drain(ctx))
	before, err := w.Snapshot(ctx, "small")
	require.NoError(t, err)

	for range 3 {
		require.NoError(t, b.store.Write(ctx, registry.System("test"), func(tx *registry.Tx) error { return tx.RequeueAll() }))
		require.NoError(t, s.Drain(ctx))
		replayed, err := w.Snapshot(ctx, "small")
		require.NoError(t, err)
		require.Equal(t, before, replayed, "SR-12: a replay changes nothing")
	}
	require.NoError(t, intake.Rebuild(ctx, b.store, w))
	empty, err := w.Snapshot(ctx, "small")
	require.NoError(t, err)
	require.NotEqual(t, before, empty)
	require.NoError(t, s.Drain(ctx))
	after, err := w.Snapshot(ctx, "small")
	require.NoError(t, err)
	require.Equal(t, before, after)
	definition, err := w.Study(ctx, "small")
	require.NoError(t, err)
	require.Equal(t, study().Study, definition)
}

// TestSR11_DifferencesAreFoundAndRepaired removes one row and puts another and a
// foreign one in with other content.
func TestSR11_DifferencesAreFoundAndRepaired(t *testing.T) {
	w := warehousetest.Open(t)
	b := setup(t, 12)
	s := shipper(t, b.store, w)
	b.sendAll(t, 0, 10)
	require.NoError(t, s.Drain(ctx))
	b.sendAll(t, 10, 12)
	clean, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.Equal(t, intake.Reconciliation{Journal: 12, Waiting: 2, Warehouse: 10, Differences: []intake.Difference{}, Damaged: []registry.Damage{}}, clean)

	rows := b.rows(t)
	require.NoError(t, w.DeleteJournalRows(ctx, []uint64{uint64(rows[0].Sequence), uint64(rows[1].Sequence)}))
	forged := warehouse.Response{
		Instrument: rows[1].Instrument, Subject: rows[1].Subject, Occasion: uint64(rows[1].Occasion), Revision: 1, Sequence: uint64(rows[1].Sequence),
		Key: rows[1].Key, Visit: rows[1].Visit, DefinitionHash: rows[1].DefinitionHash, ReceivedAt: rows[1].ReceivedAt,
		Source: rows[1].Source, ContentHash: fmt.Sprintf("%064d", 7),
	}
	early, late := forged, forged
	early.Sequence, early.Key = 11, "early" // a place that the journal gives to a row that still waits
	late.Sequence, late.Key = 99, "late"
	require.NoError(t, w.InsertResponses(ctx, "forged", []warehouse.Response{forged, early, late}))

	found, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.Equal(t, []intake.Difference{{Day: "2026-03-01", Journal: 11, Warehouse: 11, Missing: 1, Altered: 2, Foreign: 1}}, found.Differences)
	require.NoError(t, s.Drain(ctx))
	repaired, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.Empty(t, repaired.Differences)
	require.Equal(t, 12, repaired.Warehouse)
}

// ClickHouse's folder was deleted: the responses came back, the study and its
// subjects did not, and pages said that there were no patients.
func TestSR11_AWholeLossIsRepairedWithStudiesAndSubjects(t *testing.T) {
	w := warehousetest.Open(t)
	b := setup(t, 0)
	s := shipper(t, b.store, w)
	_, err := b.store.ImportStudy(ctx, registry.System("test"), study())
	require.NoError(t, err)
	require.NoError(t, s.Drain(ctx))
	id := study().Study.ID
	before, err := w.Snapshot(ctx, id)
	require.NoError(t, err)
	require.NoError(t, w.Clear(ctx))
	found, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.True(t, found.Differs())
	require.Equal(t, 1, found.Studies)
	require.Equal(t, 6, found.Subjects)
	require.Equal(t, 12, found.Requeued)
	require.NoError(t, s.Drain(ctx))
	after, err := w.Snapshot(ctx, id)
	require.NoError(t, err)
	require.Equal(t, before, after)
	clean, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.False(t, clean.Differs())
}

// A row without a score was taken for altered at every comparison: the hash of a
// NULL is NULL.
func TestSR11_ARowWithoutAScoreIsNoDifference(t *testing.T) {
	w := warehousetest.Open(t)
	b := setup(t, 1)
	s := shipper(t, b.store, w)
	_, err := b.service.Accept(ctx, b.submission(0, "left-open", instrument.Answers{"9": instrument.Answer(0)}))
	require.NoError(t, err)
	require.NoError(t, s.Drain(ctx))
	found, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.False(t, found.Differs(), "%+v", found)
}

// A stored hash does not notice a changed score: the data themselves are compared.
func TestSR11_AChangedScoreAndADoubledRowAreFound(t *testing.T) {
	config := warehousetest.Config(t)
	w := warehousetest.OpenConfig(t, config)
	b := setup(t, 3)
	s := shipper(t, b.store, w)
	b.sendAll(t, 0, 3)
	require.NoError(t, s.Drain(ctx))
	direct := warehousetest.Direct(t, config)
	rows := b.rows(t)
	require.NoError(t, direct.Exec(ctx, "ALTER TABLE response UPDATE score = 27 WHERE sequence = {sequence:UInt64} SETTINGS mutations_sync = 2",
		clickhouse.Named("sequence", uint64(rows[0].Sequence))))
	require.NoError(t, direct.Exec(ctx, `INSERT INTO response SELECT * REPLACE (26 AS score) FROM response WHERE sequence = {sequence:UInt64}`,
		clickhouse.Named("sequence", uint64(rows[1].Sequence))))
	found, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.Len(t, found.Differences, 1)
	require.Equal(t, 2, found.Differences[0].Altered)
	require.NoError(t, s.Drain(ctx))
	clean, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.False(t, clean.Differs())
}

func TestAShipmentCarriesNoIdentity(t *testing.T) {
	b := setup(t, 0)
	_, err := b.store.ImportStudy(ctx, registry.System("test"), study())
	require.NoError(t, err)
	shipment, found, err := b.store.NextShipment(ctx, 1000)
	require.NoError(t, err)
	require.True(t, found)
	require.Len(t, shipment.Studies, 1)
	require.Len(t, shipment.Courses, 6)
	require.Len(t, shipment.Rows, 12)
	again, _, err := b.store.NextShipment(ctx, 1)
	require.NoError(t, err)
	shipment.Again = true
	require.Equal(t, shipment, again, "until it is confirmed, the next shipment is the same one")
	require.NotContains(t, fmt.Sprintf("%+v", shipment), "S00", "the study's own codes stay in the registry")
}

// TestSR13_IntakeDoesNotWaitForASlowWarehouse: an insert that hangs holds nothing
// that an answer needs.
func TestSR13_IntakeDoesNotWaitForASlowWarehouse(t *testing.T) {
	w := warehousetest.Open(t)
	b := setup(t, 30)
	hangs, goOn := make(chan struct{}), make(chan struct{})
	s := shipper(t, b.store, w, func(c *intake.ShipperConfig) {
		insert := c.Inserts.Responses
		c.Inserts.Responses = func(ctx context.Context, token string, rows []warehouse.Response) error {
			hangs <- struct{}{}
			<-goOn
			return insert(ctx, token, rows)
		}
	})
	b.sendAll(t, 0, 1)
	shipped := make(chan error, 1)
	go func() { shipped <- s.Drain(ctx) }()
	<-hangs
	b.sendAll(t, 1, 30)
	require.Len(t, b.rows(t), 30, "taken while the insert hangs")
	go func() {
		for range hangs {
		}
	}()
	close(goOn)
	require.NoError(t, <-shipped)
	close(hangs)
	require.Len(t, keys(t, w), 30)
}

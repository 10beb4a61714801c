package intake_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/care"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse"
)

// clinic is a simulated clinic of six subjects with two sessions each.
func clinic() registry.StudyImport {
	protocol := care.Protocol{
		ProtocolRef: care.ProtocolRef{ID: "im-series", Version: 1}, Title: "IM series", Route: care.RouteIntramuscular,
		Mode: care.ModeInPerson, Sessions: 2, EveryDays: 7,
	}
	in := registry.StudyImport{Source: care.SourceSimulation, SourceHash: "5eed", Protocols: []care.Protocol{protocol}, Study: care.Study{
		ID: "clinic", Anchor: care.AnchorLastSession, VisitName: "visit", Simulated: true,
		Visits:     []care.Visit{{Name: "+7 d", Day: 7}},
		Arm:        care.Factor{Name: care.FactorProtocol, Levels: []string{"im-series"}},
		Covariates: []care.Factor{{Name: care.FactorMode, Levels: care.ModeLevels}},
		Measures:   []care.Measure{{Instrument: "phq-9", Version: "1.0.0", Total: "phq9", Baseline: "phq9_pre"}},
	}}
	for i := range 6 {
		subject := registry.ImportedSubject{Code: fmt.Sprintf("canary-%d", i), StartedOn: "2026-01-07", Protocol: protocol.ProtocolRef}
		for number := 1; number <= 2; number++ {
			dose := 50 + float64(i)
			subject.Sessions = append(subject.Sessions, care.Session{
				Number: number, Protocol: protocol.ProtocolRef, StartedAt: time.Date(2026, 1, 7*number, 9, 0, 0, 0, time.UTC), Day: 7 * (number - 1),
				Route: protocol.Route, DoseMg: &dose, Mode: protocol.Mode, Setting: care.Setting{"space-quiet": true},
			})
		}
		for day, visit := range map[int]string{0: care.BaselineVisit, 7: "+7 d"} {
			score := float64(20 - day)
			subject.Responses = append(subject.Responses, registry.ImportedResponse{
				Visit: visit, Day: day, Instrument: "phq-9", Version: "1.0.0", DefinitionHash: fmt.Sprintf("%064d", 1),
				Answers: instrument.Answers{"1": instrument.Answer(1)}, Score: instrument.Score{Score: &score, Valid: true},
			})
		}
		in.Subjects = append(in.Subjects, subject)
	}
	return in
}

func (b *bench) correctSession(t testing.TB) {
	t.Helper()
	rows, err := b.store.Caseload(ctx, registry.CaseloadFilter{})
	require.NoError(t, err)
	given, err := b.store.Sessions(ctx, rows[0].Course)
	require.NoError(t, err)
	require.NoError(t, b.store.Write(ctx, registry.System("test"), func(tx *registry.Tx) error {
		right := given[0].Session
		right.Route = care.RouteIntravenous
		_, err := tx.CorrectSession(given[0], right, "entry-error")
		return err
	}))
}

// TestSR14_SessionsAreRebuiltFromTheRecord replays and rebuilds a clinic and
// compares its checksums to the byte (SR-12).
func TestSR14_SessionsAreRebuiltFromTheRecord(t *testing.T) {
	config := warehousetest.Config(t)
	w := warehousetest.OpenConfig(t, config)
	b := setup(t, 0)
	_, err := b.store.ImportStudy(ctx, registry.System("test"), clinic())
	require.NoError(t, err)
	s := shipper(t, b.store, w)
	require.NoError(t, s.Drain(ctx))
	snapshot := func() warehouse.Snapshot {
		got, err := w.Snapshot(ctx, "clinic")
		require.NoError(t, err)
		return got
	}
	uncorrected := snapshot()
	require.EqualValues(t, 6+12+12, uncorrected.Rows, "subjects, responses and sessions")
	b.correctSession(t)
	require.NoError(t, s.Drain(ctx))
	before := snapshot()
	require.NotEqual(t, uncorrected.Checksum, before.Checksum)
	require.Equal(t, uncorrected.Sequence, before.Sequence, "a session does not move the journal's sequence")

	for range 3 {
		require.NoError(t, b.store.Write(ctx, registry.System("test"), func(tx *registry.Tx) error { return tx.RequeueAll() }))
		require.NoError(t, s.Drain(ctx))
		require.Equal(t, before, snapshot(), "SR-12: a replay changes nothing")
	}
	require.NoError(t, intake.Rebuild(ctx, b.store, w))
	require.Zero(t, snapshot().Rows)
	require.NoError(t, s.Drain(ctx))
	require.Equal(t, before, snapshot())

	var newest string
	require.NoError(t, warehousetest.Direct(t, config).QueryRow(ctx,
		"SELECT argMax(route, revision) FROM session WHERE study = 'clinic' GROUP BY course, number HAVING max(revision) = 2").Scan(&newest))
	require.Equal(t, "intravenous", newest)
}

// TestSR9_SessionsArriveOnce breaks the shipment after its sessions and before
// its responses, so that the sessions go out twice.
func TestSR9_SessionsArriveOnce(t *testing.T) {
	config := warehousetest.Config(t)
	w := warehousetest.OpenConfig(t, config)
	b := setup(t, 0)
	_, err := b.store.ImportStudy(ctx, registry.System("test"), clinic())
	require.NoError(t, err)
	attempts := 0
	s := shipper(t, b.store, w, func(c *intake.ShipperConfig) {
		insert := c.Inserts.Sessions
		c.Inserts.Sessions = func(ctx context.Context, token string, rows []warehouse.Session) error {
			if err := insert(ctx, token, rows); err != nil {
				return err
			}
			if attempts++; attempts == 1 {
				return errors.New("the connection broke after the insert")
			}
			return nil
		}
	})
	require.Error(t, s.Drain(ctx))
	rows, err := b.store.Caseload(ctx, registry.CaseloadFilter{})
	require.NoError(t, err)
	waiting, err := b.store.Sessions(ctx, rows[0].Course)
	require.NoError(t, err)
	require.False(t, waiting[0].Shipped)
	require.NoError(t, s.Drain(ctx))
	require.Equal(t, 2, attempts)
	var stored uint64
	require.NoError(t, warehousetest.Direct(t, config).QueryRow(ctx, "SELECT count() FROM session").Scan(&stored))
	require.EqualValues(t, 12, stored)
	waiting, err = b.store.Sessions(ctx, rows[0].Course)
	require.NoError(t, err)
	require.True(t, waiting[0].Shipped)
}

// TestSR8_ACorrectionIsWhatTheWarehouseReads follows a corrected answer from the
// form to a question's counts.
func TestSR8_ACorrectionIsWhatTheWarehouseReads(t *testing.T) {
	w := warehousetest.Open(t)
	b := setup(t, 0)
	_, err := b.store.ImportStudy(ctx, registry.System("test"), clinic())
	require.NoError(t, err)
	s := shipper(t, b.store, w)
	require.NoError(t, s.Drain(ctx))
	var first registry.JournalRow
	for _, r := range b.rows(t) {
		if r.Visit == "+7 d" {
			first = r
			break
		}
	}
	answered := func() int {
		snapshot, err := w.Snapshot(ctx, "clinic")
		require.NoError(t, err)
		rows, err := w.Completion(ctx, warehouse.CompletionParams{
			Study: "clinic", Instrument: "phq-9", Sequence: snapshot.Sequence, Group: care.FactorProtocol, Visits: []string{"+7 d"},
		})
		require.NoError(t, err)
		return rows[len(rows)-1].Answered
	}
	require.Equal(t, 6, answered())

	nurse := registry.Actor{Kind: registry.ActorAccount, ID: "7"}
	correct := func(of int64, key string, a instrument.Answers) int64 {
		receipt, err := b.service.Correct(ctx, nurse, intake.Correction{Sequence: of, Key: key, Answers: a, Reason: "entry-error"})
		require.NoError(t, err)
		require.NoError(t, s.Drain(ctx))
		return receipt.Sequence
	}
	unanswered := instrument.Answers{}
	for _, item := range b.phq9.Items {
		unanswered[item.ID] = nil
	}
	second := correct(first.Sequence, "taken-back", unanswered)
	require.Equal(t, 5, answered(), "the newest revision has no total")
	third := correct(second, "entered-again", answers(0))
	require.Equal(t, 6, answered())

	history, err := b.store.Revisions(ctx, first.Occasion)
	require.NoError(t, err)
	require.Len(t, history, 3)
	for i, r := range history[1:] {
		require.Equal(t, i+2, r.Revision)
		require.Equal(t, "entry-error", r.Reason)
		require.Equal(t, "7", r.Author)
		require.Equal(t, "1.0.0", r.Version, "the instrument's version stays")
		require.Equal(t, history[i].Sequence, r.Supersedes)
	}
	require.Equal(t, third, history[2].Sequence)
	require.Equal(t, 2, b.actions(t, "submission-corrected"))
}

// TestSR11_SessionsThatDifferAreRepaired removes one session, alters another and
// adds one that nobody recorded.
func TestSR11_SessionsThatDifferAreRepaired(t *testing.T) {
	w := warehousetest.Open(t)
	b := setup(t, 0)
	_, err := b.store.ImportStudy(ctx, registry.System("test"), clinic())
	require.NoError(t, err)
	s := shipper(t, b.store, w)
	require.NoError(t, s.Drain(ctx))
	b.correctSession(t)
	before, err := w.Snapshot(ctx, "clinic")
	require.NoError(t, err)
	clean, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.Equal(t, intake.SessionReconciliation{Registry: 13, Waiting: 1, Warehouse: 12}, clean.Sessions)

	var hashes []string
	require.NoError(t, w.SessionKeys(ctx, func(k warehouse.SessionKey) error {
		hashes = append(hashes, k.ContentHash)
		return nil
	}))
	require.NoError(t, w.DeleteSessions(ctx, []uint64{1, 2}))
	altered := warehouse.Session{Study: "clinic", Subject: "0123456789abcdef0123456789abcdef", Revision: 1, Sequence: 2, ContentHash: hashes[2]}
	foreign := altered
	foreign.Sequence = 99
	require.NoError(t, w.InsertSessions(ctx, "forged", []warehouse.Session{altered, foreign}))
	found, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.Equal(t, intake.SessionReconciliation{Registry: 13, Waiting: 1, Warehouse: 12, Missing: 1, Altered: 1, Foreign: 1}, found.Sessions)
	require.NoError(t, s.Drain(ctx))
	repaired, err := intake.Reconcile(ctx, b.store, w)
	require.NoError(t, err)
	require.Equal(t, intake.SessionReconciliation{Registry: 13, Warehouse: 13}, repaired.Sessions)
	after, err := w.Snapshot(ctx, "clinic")
	require.NoError(t, err)
	require.Equal(t, before.Rows+1, after.Rows)
}

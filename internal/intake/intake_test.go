package intake_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

var ctx = context.Background()

type bench struct {
	folder   *registrytest.Folder
	store    *registry.Store
	service  *intake.Service
	phq9     *instrument.Definition
	patients []registry.SimulatedPatient
}

func setup(t testing.TB, patients int, change ...func(*registry.Config)) *bench {
	t.Helper()
	b := &bench{folder: registrytest.NewFolder(t), phq9: registrytest.PHQ9(t)}
	b.open(t, change...)
	if patients > 0 {
		b.patients = registrytest.Demo(t, b.store, patients)
	}
	return b
}

func (b *bench) open(t testing.TB, change ...func(*registry.Config)) {
	t.Helper()
	b.store = b.folder.Open(t, change...)
	b.service = service(t, b.store)
}

func service(t testing.TB, store *registry.Store) *intake.Service {
	t.Helper()
	s, err := intake.New(intake.Config{Store: store, Instruments: registrytest.Instruments(t), Logger: registrytest.Logger()})
	require.NoError(t, err)
	return s
}

// answers gives every item of the PHQ-9 a value: item 9 its own.
func answers(item9 int) instrument.Answers {
	a := instrument.Answers{}
	for i := 1; i <= 8; i++ {
		a[fmt.Sprint(i)] = instrument.Answer(1)
	}
	a["9"] = instrument.Answer(item9)
	return a
}

func (b *bench) submission(i int, key string, a instrument.Answers) intake.Submission {
	return intake.Submission{Token: b.patients[i].Token, Key: key, Instrument: b.phq9.ID, Version: b.phq9.Version, Answers: a, Language: "en"}
}

// closed makes a link of the first patient whose window is over.
func (b *bench) closed(t testing.TB) (token string) {
	t.Helper()
	have, err := b.store.Occasions(ctx, b.patients[0].Patient)
	require.NoError(t, err)
	closes := b.folder.Clock.Now().Add(-time.Hour)
	opens := closes.Add(-time.Hour)
	require.NoError(t, b.store.Write(ctx, registry.System("test"), func(tx *registry.Tx) error {
		_, made, err := tx.CreateOccasion(registry.NewOccasion{
			Course: have[0].Course, Instrument: b.phq9.ID, Version: b.phq9.Version, Visit: "over", Anchor: have[0].Anchor, TargetDay: 1,
			OpensAt: &opens, TargetAt: &opens, ClosesAt: &closes, Link: true,
		})
		token = made
		return errors.Join(err, tx.Audit(registry.Event{Action: "occasion-created", SubjectKind: "occasion", Subject: "over"}))
	}))
	return token
}

func (b *bench) rows(t testing.TB) []registry.JournalRow {
	t.Helper()
	var rows []registry.JournalRow
	require.NoError(t, b.store.EachJournalRow(ctx, 0, func(r registry.JournalRow) error {
		rows = append(rows, r)
		return nil
	}))
	return rows
}

func (b *bench) alerts(t testing.TB) []registry.Alert {
	t.Helper()
	list, err := b.store.Alerts(ctx, registry.AlertFilter{})
	require.NoError(t, err)
	return list
}

func (b *bench) actions(t testing.TB, action string) int {
	t.Helper()
	n := 0
	require.NoError(t, b.store.EachAuditEntry(ctx, 0, func(e registry.AuditEntry) error {
		if e.Action == action {
			n++
		}
		return nil
	}))
	return n
}

func TestAcceptLeavesEverythingInOneTransaction(t *testing.T) {
	b := setup(t, 1)
	claimed := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	sub := b.submission(0, "key-1", answers(2))
	sub.ClaimedAt = &claimed
	receipt, err := b.service.Accept(ctx, sub)
	require.NoError(t, err)
	require.Equal(t, int64(1), receipt.Sequence)
	require.Equal(t, b.folder.Clock.Now(), receipt.ReceivedAt, "SR-18: the server's time, not the device's")
	require.False(t, receipt.Replayed)
	require.Len(t, receipt.Flags, 1)
	require.Equal(t, "9", receipt.Flags[0].Item)

	rows := b.rows(t)
	require.Len(t, rows, 1)
	row := rows[0]
	require.Equal(t, receipt.Receipt, row.Receipt)
	require.Equal(t, 10.0, *row.Score.Score)
	require.Equal(t, b.phq9.Hash(), row.DefinitionHash)
	require.Equal(t, claimed, *row.ClaimedAt)
	require.Equal(t, sha256.Size, len(row.ContentHash))
	require.NotEqual(t, b.patients[0].Patient, row.Subject, "SR-73: what leaves the registry has a pseudonym of its own")

	list := b.alerts(t)
	require.Len(t, list, 1)
	require.Equal(t, "key-1", list[0].Submission())
	require.Equal(t, 1, b.actions(t, "submission-accepted"))
	occasions, err := b.store.Occasions(ctx, b.patients[0].Patient)
	require.NoError(t, err)
	require.Equal(t, registry.OccasionAnswered, occasions[0].State)

	again, occasion, err := b.service.ReceiptFor(ctx, sub.Token, receipt.Receipt)
	require.NoError(t, err)
	require.Equal(t, receipt, again)
	require.Equal(t, occasions[0].ID, occasion.ID)
}

func TestSR108_AnUnansweredRiskItemIsNotAZero(t *testing.T) {
	b := setup(t, 2)
	missing := answers(0)
	missing["9"] = nil
	receipt, err := b.service.Accept(ctx, b.submission(0, "missing", missing))
	require.NoError(t, err)
	require.Equal(t, instrument.LevelUnknown, receipt.Flags[0].Level)
	require.Len(t, b.alerts(t), 1)

	receipt, err = b.service.Accept(ctx, b.submission(1, "zero", answers(0)))
	require.NoError(t, err)
	require.Empty(t, receipt.Flags)
	require.NotNil(t, receipt.Flags, "no flags are an empty list, not null")
	require.Len(t, b.alerts(t), 1)
}

// TestSR5_OneKeyIsOneRow sends one key a thousand times at once, then again
// after a restart, then with another body.
func TestSR5_OneKeyIsOneRow(t *testing.T) {
	b := setup(t, 2)
	const sends = 1000
	receipts, errs := make([]intake.Receipt, sends), make([]error, sends)
	var all sync.WaitGroup
	for i := range sends {
		all.Go(func() { receipts[i], errs[i] = b.service.Accept(ctx, b.submission(0, "one-key", answers(3))) })
	}
	all.Wait()
	fresh := 0
	for i := range sends {
		require.NoError(t, errs[i])
		require.Equal(t, receipts[0].Receipt, receipts[i].Receipt)
		require.Equal(t, receipts[0].Sequence, receipts[i].Sequence)
		if !receipts[i].Replayed {
			fresh++
		}
	}
	require.Equal(t, 1, fresh)

	check := func(alerts int) {
		require.Len(t, b.rows(t), 1)
		require.Len(t, b.alerts(t), alerts)
		require.Equal(t, 1, b.actions(t, "submission-accepted"))
		again, err := b.service.Accept(ctx, b.submission(0, "one-key", answers(3)))
		require.NoError(t, err)
		require.True(t, again.Replayed)
		require.Equal(t, receipts[0].Receipt, again.Receipt)
	}
	check(1)
	require.NoError(t, b.store.Close())
	b.open(t)
	check(1)

	refused := b.actions(t, "submission-refused")
	_, err := b.service.Accept(ctx, b.submission(0, "one-key", answers(2)))
	require.True(t, fault.Is(err, fault.KindConflict), "another body: %v", err)
	require.Equal(t, refused+1, b.actions(t, "submission-refused"), "a conflict leaves an audit event")
	check(2) // what the refused set tells of is not passed over
}

func TestOneOccasionIsAnsweredOnce(t *testing.T) {
	b := setup(t, 1)
	const senders = 100
	errs := make([]error, senders)
	var all sync.WaitGroup
	for i := range senders {
		all.Go(func() {
			_, errs[i] = b.service.Accept(ctx, b.submission(0, fmt.Sprintf("key-%d", i), answers(0)))
		})
	}
	all.Wait()
	accepted := 0
	for _, err := range errs {
		if err == nil {
			accepted++
			continue
		}
		require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
	}
	require.Equal(t, 1, accepted)
	require.Len(t, b.rows(t), 1)
}

func TestARefusalHasAReasonThatIsCounted(t *testing.T) {
	b := setup(t, 3)
	_, err := b.service.Accept(ctx, b.submission(0, "sent", answers(0)))
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		change func(*intake.Submission)
		kind   fault.Kind
		reason intake.Reason
	}{
		{"no key", func(s *intake.Submission) { s.Key = "" }, fault.KindInvalid, intake.ReasonBadKey},
		{"an import's key", func(s *intake.Submission) { s.Key = "import-btheb-1" }, fault.KindInvalid, intake.ReasonBadKey},
		{"an unknown link", func(s *intake.Submission) { s.Token = "x" + s.Token }, fault.KindNotFound, intake.ReasonUnknownLink},
		{"an unknown version", func(s *intake.Submission) { s.Version = "9.9.9" }, fault.KindInvalid, intake.ReasonUnknownInstrument},
		{"another instrument", func(s *intake.Submission) { s.Instrument, s.Version = other(t) }, fault.KindInvalid, intake.ReasonOtherInstrument},
		{"an answer that is none", func(s *intake.Submission) { s.Answers["3"] = instrument.Answer(4) }, fault.KindInvalid, intake.ReasonBadAnswers},
		{"an item that is none", func(s *intake.Submission) { s.Answers["11"] = instrument.Answer(0) }, fault.KindInvalid, intake.ReasonBadAnswers},
		{"a used key", func(s *intake.Submission) { s.Key, s.Token, s.Answers = "sent", b.patients[0].Token, answers(2) }, fault.KindConflict, intake.ReasonKeyReused},
		{"an answered occasion", func(s *intake.Submission) { s.Token = b.patients[0].Token }, fault.KindConflict, intake.ReasonNotOpen},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := count(t, b, c.reason)
			sub := b.submission(1, "a-key", answers(0))
			c.change(&sub)
			_, err := b.service.Accept(ctx, sub)
			require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
			require.Equal(t, before+1, count(t, b, c.reason))
			require.Len(t, b.rows(t), 1)
		})
	}
}

func other(t testing.TB) (id, version string) {
	d, err := registrytest.Instruments(t).Latest("bdi-ii")
	require.NoError(t, err)
	return d.ID, d.Version
}

func count(t testing.TB, b *bench, reason intake.Reason) int64 {
	list, err := b.store.Refusals(ctx)
	require.NoError(t, err)
	for _, r := range list {
		if r.Reason == string(reason) {
			return r.Count
		}
	}
	return 0
}

func TestAnOccasionTakesAnswersInItsWindowOnly(t *testing.T) {
	b := setup(t, 1)
	b.folder.Clock.Advance(-48 * time.Hour)
	_, err := b.service.Accept(ctx, b.submission(0, "early", answers(0)))
	require.ErrorContains(t, err, "this form is not open now")
	b.folder.Clock.Advance(48 * time.Hour)
	_, err = b.service.Accept(ctx, b.submission(0, "in-time", answers(0)))
	require.NoError(t, err)
}

func TestSR8_ACorrectionIsAFurtherRevision(t *testing.T) {
	b := setup(t, 1)
	_, err := b.service.Accept(ctx, b.submission(0, "first", answers(0)))
	require.NoError(t, err)
	nurse := registry.Actor{Kind: registry.ActorAccount, ID: "7"}
	correction := intake.Correction{Sequence: 1, Key: "second", Answers: answers(1), Reason: "entry-error"}
	receipt, err := b.service.Correct(ctx, nurse, correction)
	require.NoError(t, err)
	require.Equal(t, int64(2), receipt.Sequence)
	require.Len(t, b.alerts(t), 1, "the corrected answer meets the safety rule")

	rows := b.rows(t)
	require.Len(t, rows, 2, "both values are there")
	require.Zero(t, *rows[0].Answers["9"])
	require.Equal(t, 1, *rows[1].Answers["9"])
	require.Equal(t, 2, rows[1].Revision)
	require.Equal(t, int64(1), rows[1].Supersedes)
	require.Equal(t, "7", rows[1].Author)
	require.Equal(t, "entry-error", rows[1].Reason)
	newest, err := b.store.Responses(ctx, b.patients[0].Patient)
	require.NoError(t, err)
	require.Len(t, newest, 1)
	require.Equal(t, int64(2), newest[0].Sequence)

	correction.Key = "third"
	_, err = b.service.Correct(ctx, nurse, correction)
	require.True(t, fault.Is(err, fault.KindConflict), "row 1 was corrected already: %v", err)
	correction.Sequence, correction.Reason = 2, ""
	_, err = b.service.Correct(ctx, nurse, correction)
	require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
}

// A client compares receipts byte for byte, so the first one carries no more of
// the time than the journal keeps.
func TestAReplayedReceiptIsTheFirstOneToTheByte(t *testing.T) {
	f := registrytest.NewFolder(t)
	f.Clock.Advance(123456789 * time.Nanosecond)
	store := f.Open(t)
	patient := registrytest.Demo(t, store, 1)[0]
	service, err := intake.New(intake.Config{Store: store, Instruments: registrytest.Instruments(t), Logger: registrytest.Logger()})
	require.NoError(t, err)
	d := registrytest.PHQ9(t)
	submission := intake.Submission{Token: patient.Token, Key: "same-key", Instrument: d.ID, Version: d.Version, Answers: instrument.Answers{"1": instrument.Answer(1)}}
	first, err := service.Accept(t.Context(), submission)
	require.NoError(t, err)
	again, err := service.Accept(t.Context(), submission)
	require.NoError(t, err)
	one, err := json.Marshal(first)
	require.NoError(t, err)
	two, err := json.Marshal(again)
	require.NoError(t, err)
	require.Equal(t, string(one), string(two))
}

func TestSR110_RefusedAnswersThatTellOfARiskRaiseAnAlertInTheRefusalsTransaction(t *testing.T) {
	refused := func(t *testing.T, b *bench, sub intake.Submission) *intake.NotRecordedError {
		t.Helper()
		_, err := b.service.Accept(ctx, sub)
		require.True(t, fault.Is(err, fault.KindConflict), "%v", err)
		var known *intake.NotRecordedError
		require.ErrorAs(t, err, &known)
		return known
	}
	t.Run("a second, different set", func(t *testing.T) {
		b := setup(t, 1)
		_, err := b.service.Accept(ctx, b.submission(0, "first", answers(0)))
		require.NoError(t, err)
		known := refused(t, b, b.submission(0, "second", answers(2)))
		require.True(t, known.Answered)
		require.False(t, known.Same)
		require.Len(t, known.Flags, 1)
		list := b.alerts(t)
		require.Len(t, list, 1)
		require.Equal(t, instrument.LevelRed, list[0].Level)
		require.Empty(t, list[0].Submission())
		require.Equal(t, registry.CodeNotRecorded, list[0].Steps[0].Code)
		require.Equal(t, 1, b.actions(t, "alert-raised"))
		require.Equal(t, 1, b.actions(t, "submission-refused"))
		require.Len(t, b.rows(t), 1)

		refused(t, b, b.submission(0, "first", answers(2)))
		require.Len(t, b.alerts(t), 1, "sent again, with another key, it is the same event")
		require.NoError(t, b.store.Write(ctx, registry.System("test"), func(tx *registry.Tx) error {
			return tx.AddStep(list[0].ID, registry.StepAcknowledged, "seen")
		}))
		refused(t, b, b.submission(0, "third", answers(2)))
		require.Len(t, b.alerts(t), 2, "after somebody took the first on, it is news")
	})
	t.Run("the same set again", func(t *testing.T) {
		b := setup(t, 1)
		_, err := b.service.Accept(ctx, b.submission(0, "first", answers(2)))
		require.NoError(t, err)
		known := refused(t, b, b.submission(0, "second", answers(2)))
		require.True(t, known.Same)
		require.Len(t, known.Flags, 1, "the sender is shown whom to turn to")
		require.Len(t, b.alerts(t), 1, "it raised its alert when it was recorded")
	})
	t.Run("a form that was never answered and has closed", func(t *testing.T) {
		b := setup(t, 1)
		late := b.submission(0, "late", answers(1))
		late.Token = b.closed(t)
		known := refused(t, b, late)
		require.False(t, known.Answered)
		require.Len(t, b.alerts(t), 1)
	})
	t.Run("an alert that cannot be written undoes the refusal's event too", func(t *testing.T) {
		faults := registrytest.NewFaults(t)
		b := setup(t, 1, func(c *registry.Config) { c.Driver = faults.Name })
		_, err := b.service.Accept(ctx, b.submission(0, "first", answers(0)))
		require.NoError(t, err)
		for k := 1; ; k++ {
			faults.FailAt(k, registrytest.CodeFull)
			_, err := b.service.Accept(ctx, b.submission(0, "second", answers(2)))
			faults.FailAt(0, 0)
			require.Equal(t, len(b.alerts(t)), b.actions(t, "submission-refused"), "statement %d", k)
			if fault.Is(err, fault.KindConflict) {
				break
			}
		}
		require.Len(t, b.alerts(t), 1)
	})
}

package intake_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

func secretOf(n int) string { return fmt.Sprintf("the secret of browser %d", n) }

func (b *bench) save(t testing.TB, token, browser string, a instrument.Answers) {
	t.Helper()
	require.NoError(t, b.service.SaveDraft(ctx, token, intake.DraftPage{Browser: browser, Page: 2, Answers: a}))
}

// drafts counts the stored copies, as nothing but the file shows them once a form
// is sent.
func (b *bench) drafts(t testing.TB) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", b.folder.Path)
	require.NoError(t, err)
	require.NoError(t, db.QueryRow("SELECT count(*) FROM draft").Scan(&n))
	require.NoError(t, db.Close())
	return n
}

func (b *bench) sweep(t testing.TB, after time.Duration) {
	t.Helper()
	b.folder.Clock.Advance(after)
	_, err := b.service.Sweep(ctx)
	require.NoError(t, err)
}

// window makes a link of the first patient that closes at an instant.
func (b *bench) window(t testing.TB, visit string, closes time.Time) (token string) {
	t.Helper()
	have, err := b.store.Occasions(ctx, b.patients[0].Patient)
	require.NoError(t, err)
	opens := closes.AddDate(0, 0, -7)
	require.NoError(t, b.store.Write(ctx, registry.System("test"), func(tx *registry.Tx) error {
		_, made, err := tx.CreateOccasion(registry.NewOccasion{
			Course: have[0].Course, Instrument: b.phq9.ID, Version: b.phq9.Version, Visit: visit, Anchor: have[0].Anchor, TargetDay: 1,
			OpensAt: &opens, TargetAt: &opens, ClosesAt: &closes, Link: true,
		})
		token = made
		return errors.Join(err, tx.Audit(registry.Event{Action: "occasion-created", SubjectKind: "occasion", Subject: visit}))
	}))
	return token
}

func (b *bench) occasion(t testing.TB, visit string) registry.Occasion {
	t.Helper()
	have, err := b.store.Occasions(ctx, b.patients[0].Patient)
	require.NoError(t, err)
	for _, o := range have {
		if o.Visit == visit {
			return o
		}
	}
	require.Fail(t, "no such occasion", visit)
	return registry.Occasion{}
}

// Any number of edits of one browser at the same moment: each item ends with a
// value that was written to it, and none is missing.
func TestEditsOfOneDraftAtOnceAllStand(t *testing.T) {
	b := setup(t, 1)
	token := b.patients[0].Token
	rapid.Check(t, func(rt *rapid.T) {
		browser := secretOf(rapid.IntRange(0, 3).Draw(rt, "browser"))
		items := rapid.SliceOfNDistinct(rapid.IntRange(1, 9), 2, 9, rapid.ID).Draw(rt, "items")
		value := rapid.IntRange(0, 3).Draw(rt, "value")
		var group sync.WaitGroup
		errs := make([]error, len(items))
		for i, item := range items {
			group.Go(func() {
				_, errs[i] = b.service.EditDraft(ctx, token, browser, func(d *intake.DraftPage) error {
					d.Answers[fmt.Sprint(item)] = instrument.Answer(value)
					return nil
				})
			})
		}
		group.Wait()
		if err := errors.Join(errs...); err != nil {
			rt.Fatal(err)
		}
		draft, _, err := b.service.LoadDraft(ctx, token, browser)
		if err != nil {
			rt.Fatal(err)
		}
		for _, item := range items {
			if got := draft.Answers[fmt.Sprint(item)]; got == nil || *got != value {
				rt.Fatalf("item %d of %v is lost", item, items)
			}
		}
	})
}

func TestAFailedEditLeavesTheDraftAsItWas(t *testing.T) {
	b := setup(t, 1)
	token := b.patients[0].Token
	b.save(t, token, browser, instrument.Answers{"1": instrument.Answer(2), "2": nil})
	wrong := errors.New("the caller's own")
	_, err := b.service.EditDraft(ctx, token, browser, func(d *intake.DraftPage) error {
		d.Answers["1"] = instrument.Answer(0)
		return wrong
	})
	require.ErrorIs(t, err, wrong)
	draft, _, err := b.service.LoadDraft(ctx, token, browser)
	require.NoError(t, err)
	require.Equal(t, instrument.Answers{"1": instrument.Answer(2), "2": nil}, draft.Answers, "an item that was passed stays one")
}

func TestTheWindowClosesAtItsInstant(t *testing.T) {
	b := setup(t, 1)
	closes := b.folder.Clock.Now().Add(time.Hour)
	const early, late = "open", "not open"
	state := func(token string) string {
		_, err := b.service.OpenForm(ctx, token, "1")
		if fault.Is(err, fault.KindConflict) {
			return late
		}
		require.NoError(t, err)
		return early
	}
	begun, notBegun := b.window(t, "begun", closes), b.window(t, "not begun", closes)
	for _, c := range []struct {
		at              time.Duration
		begun, notBegun string
	}{
		{-time.Microsecond, early, early},
		{0, early, late},
		{registry.FinishWithin - time.Microsecond, early, late},
		{registry.FinishWithin, late, late},
	} {
		b.folder.Clock.Advance(closes.Add(c.at).Sub(b.folder.Clock.Now()))
		if c.at < 0 {
			b.save(t, begun, browser, instrument.Answers{"1": instrument.Answer(1)})
		}
		require.Equal(t, c.begun, state(begun), c.at)
		require.Equal(t, c.notBegun, state(notBegun), c.at)
		require.Equal(t, c.notBegun == early, b.occasion(t, "not begun").TakesAnswers(b.store.Now()))
	}
}

func TestAFormBegunInTimeIsFinishedLateAndMarked(t *testing.T) {
	b := setup(t, 1)
	closes := b.folder.Clock.Now().Add(time.Hour)
	send := func(token, key string) error {
		_, err := b.service.Accept(ctx, intake.Submission{Token: token, Key: key, Instrument: b.phq9.ID, Version: b.phq9.Version, Answers: answers(0)})
		return err
	}
	inTime, late, never := b.window(t, "in time", closes), b.window(t, "late", closes), b.window(t, "never begun", closes)
	b.save(t, late, browser, instrument.Answers{"1": instrument.Answer(1)})
	b.folder.Clock.Advance(time.Hour - time.Microsecond)
	require.NoError(t, send(inTime, "k1"))
	b.folder.Clock.Advance(time.Hour)
	b.save(t, late, browser, instrument.Answers{"1": instrument.Answer(1), "2": instrument.Answer(2)})
	require.NoError(t, send(late, "k2"), "another device may finish it too")
	require.True(t, fault.Is(send(never, "k3"), fault.KindConflict))
	require.False(t, b.occasion(t, "in time").AnsweredLate)
	require.True(t, b.occasion(t, "late").AnsweredLate)
	require.True(t, fault.Is(b.service.SaveDraft(ctx, never, intake.DraftPage{Browser: browser}), fault.KindConflict), "a form is not begun after its window")
	lates := 0
	require.NoError(t, b.store.EachAuditEntry(ctx, 0, func(e registry.AuditEntry) error {
		if e.Action == "submission-accepted" && strings.Contains(string(e.Detail), `"late":true`) {
			lates++
		}
		return nil
	}))
	require.Equal(t, 1, lates)
}

func TestDraftsOfALinkAreFewAndNoThoughtIsLost(t *testing.T) {
	b := setup(t, 2)
	token := b.patients[0].Token
	for n := range 600 {
		b.folder.Clock.Advance(time.Second)
		a := instrument.Answers{"1": instrument.Answer(1)}
		if n == 3 {
			a["9"] = instrument.Answer(2)
		}
		b.save(t, token, secretOf(n), a)
	}
	require.Equal(t, 5, b.drafts(t))
	draft, found, err := b.service.LoadDraft(ctx, token, secretOf(3))
	require.NoError(t, err)
	require.True(t, found, "the copy that tells of thoughts stays, whatever comes after it")
	require.Equal(t, 2, *draft.Answers["9"])
	_, found, err = b.service.LoadDraft(ctx, token, secretOf(599))
	require.NoError(t, err)
	require.True(t, found, "and so does the newest")
	require.Empty(t, b.alerts(t))

	other := b.patients[1].Token
	for n := range 6 {
		b.folder.Clock.Advance(time.Second)
		b.save(t, other, secretOf(n), instrument.Answers{"9": instrument.Answer(1 + n%3)})
	}
	require.Equal(t, 10, b.drafts(t))
	list := b.alerts(t)
	require.Len(t, list, 1, "where all of them tell of something, the one that goes raises its alert first")
	require.Equal(t, b.patients[1].Patient, list[0].Patient)
}

func TestSR110_EveryPositiveAnswerOfAnUnfinishedFormAlerts(t *testing.T) {
	for value, level := range map[int]instrument.Level{1: instrument.LevelAmber, 2: instrument.LevelRed, 3: instrument.LevelRed} {
		b := setup(t, 1)
		b.save(t, b.patients[0].Token, browser, instrument.Answers{"9": instrument.Answer(value)})
		b.sweep(t, intake.IdleBeforeSweep)
		list := b.alerts(t)
		require.Len(t, list, 1, value)
		require.Equal(t, level, list[0].Level)
	}
}

func TestSR110_ADraftThatChangesAfterASweepIsSweptAgain(t *testing.T) {
	b := setup(t, 1)
	token := b.patients[0].Token
	b.save(t, token, browser, instrument.Answers{"1": instrument.Answer(1)})
	b.sweep(t, intake.IdleBeforeSweep)
	require.Empty(t, b.alerts(t))
	b.save(t, token, browser, instrument.Answers{"1": instrument.Answer(1), "9": instrument.Answer(2)})
	b.sweep(t, intake.IdleBeforeSweep)
	require.Len(t, b.alerts(t), 1, "the thoughts came after a pause")
}

// From the last save to the alert there are at most ten minutes by the clock that
// the sweeps run by, however often they ask to run.
func TestSR110_TheSweepsThemselvesComeInTime(t *testing.T) {
	b := setup(t, 1)
	b.save(t, b.patients[0].Token, browser, instrument.Answers{"9": instrument.Answer(1)})
	saved := b.folder.Clock.Now()
	ticks := make(chan time.Time)
	asked := make(chan time.Duration, 1)
	service, err := intake.New(intake.Config{Store: b.store, Instruments: registrytest.Instruments(t), Logger: registrytest.Logger(),
		Ticks: func(every time.Duration) (<-chan time.Time, func()) { asked <- every; return ticks, func() {} }})
	require.NoError(t, err)
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { service.RunSweeps(running); close(ended) }()
	every := <-asked
	for b.folder.Clock.Now().Sub(saved)+every <= 10*time.Minute {
		b.folder.Clock.Advance(every)
		ticks <- b.folder.Clock.Now() // taken once the sweep before has ended
	}
	ticks <- b.folder.Clock.Now() // the last sweep has ended too
	stop()
	<-ended
	require.Len(t, b.alerts(t), 1)
}

func TestDraftsGoWhenTheyCanServeNobody(t *testing.T) {
	b := setup(t, 3)
	b.save(t, b.patients[0].Token, browser, instrument.Answers{"9": instrument.Answer(3)})
	b.save(t, b.patients[0].Token, secretOf(2), instrument.Answers{"1": instrument.Answer(3)})
	_, err := b.service.Accept(ctx, b.submission(0, "sent", answers(0)))
	require.NoError(t, err)
	require.Zero(t, b.drafts(t), "once a form is sent, no copy stays")

	closes := b.folder.Clock.Now().Add(time.Hour)
	token := b.window(t, "left", closes)
	b.save(t, token, browser, instrument.Answers{"9": instrument.Answer(1)})
	b.save(t, b.patients[1].Token, browser, instrument.Answers{"1": instrument.Answer(1)})
	b.sweep(t, time.Hour+registry.FinishWithin-time.Second)
	require.Equal(t, 2, b.drafts(t), "it could still be finished")
	require.Len(t, b.alerts(t), 2)
	b.sweep(t, time.Second)
	require.Equal(t, 1, b.drafts(t), "its window and the day after it are over")
	b.sweep(t, 29*24*time.Hour)
	require.Zero(t, b.drafts(t), "no browser has the secret of the other any more")
}

// A copy that no sweep has looked at outlasts its window until one has.
func TestADraftIsJudgedBeforeItGoes(t *testing.T) {
	b := setup(t, 1)
	token := b.window(t, "left", b.folder.Clock.Now().Add(time.Minute))
	b.save(t, token, browser, instrument.Answers{"9": instrument.Answer(2)})
	b.sweep(t, 100*24*time.Hour)
	require.Len(t, b.alerts(t), 1)
	require.Zero(t, b.drafts(t))
}

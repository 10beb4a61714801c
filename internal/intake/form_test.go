package intake_test

import (
	"bytes"
	"database/sql"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/registrytest"
)

const browser = "a-browser-with-a-secret"

func TestSR113_WithoutAConfirmedRosterTheFormIsNotOffered(t *testing.T) {
	b := setup(t, 1)
	_, err := b.service.OpenForm(ctx, b.patients[0].Token, "1")
	require.NoError(t, err)
	roster, err := b.store.Roster(ctx)
	require.NoError(t, err)
	activate := func(tx *registry.Tx) error {
		return tx.ActivateInstrument(registry.Activation{Instrument: "x", Version: "1.0.0", HasSafetyRules: true})
	}
	require.NoError(t, b.store.Write(ctx, registry.System("test"), func(tx *registry.Tx) error { return tx.RemoveRosterLine(roster[0].ID) }))
	_, err = b.service.OpenForm(ctx, b.patients[0].Token, "1")
	require.True(t, fault.Is(err, fault.KindForbidden), "%v", err)
	require.True(t, fault.Is(b.store.Write(ctx, registry.System("test"), activate), fault.KindConflict))
	_, err = b.service.Accept(ctx, b.submission(0, "k", answers(1)))
	require.NoError(t, err, "answers that were given are never turned away")
}

func TestSR114_TheNoticeIsAcceptedByVersion(t *testing.T) {
	b := setup(t, 1)
	accepted := func(version string) bool {
		form, err := b.service.OpenForm(ctx, b.patients[0].Token, version)
		require.NoError(t, err)
		return form.NoticeAccepted
	}
	require.False(t, accepted("1"))
	require.NoError(t, b.service.AcceptNotice(ctx, b.patients[0].Token, "1"))
	require.NoError(t, b.service.AcceptNotice(ctx, b.patients[0].Token, "1"))
	require.True(t, accepted("1"))
	require.False(t, accepted("2"), "changed text asks again")
	require.Equal(t, 1, b.actions(t, "notice-accepted"))
}

func TestSR41_OnlyTheBrowserThatWroteADraftReadsIt(t *testing.T) {
	b := setup(t, 2)
	token := b.patients[0].Token
	require.NoError(t, b.service.SaveDraft(ctx, token, intake.DraftPage{Browser: browser, Page: 1, Answers: instrument.Answers{"1": instrument.Answer(2)}}))
	require.NoError(t, b.service.SaveDraft(ctx, token, intake.DraftPage{Browser: browser, Page: 2, Answers: instrument.Answers{"1": instrument.Answer(3)}}))
	draft, found, err := b.service.LoadDraft(ctx, token, browser)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, 2, draft.Page)
	require.Equal(t, 3, *draft.Answers["1"])

	_, found, err = b.service.LoadDraft(ctx, token, "another-browser-has-the-link")
	require.NoError(t, err)
	require.False(t, found)
	_, found, err = b.service.LoadDraft(ctx, b.patients[1].Token, browser)
	require.NoError(t, err)
	require.False(t, found)

	require.True(t, fault.Is(b.service.SaveDraft(ctx, token, intake.DraftPage{Browser: "short"}), fault.KindInvalid))
	bad := intake.DraftPage{Browser: browser, Answers: instrument.Answers{"1": instrument.Answer(9)}}
	require.True(t, fault.Is(b.service.SaveDraft(ctx, token, bad), fault.KindInvalid))

	_, err = b.service.Accept(ctx, b.submission(0, "sent", answers(0)))
	require.NoError(t, err)
	_, _, err = b.service.LoadDraft(ctx, token, browser)
	require.True(t, fault.Is(err, fault.KindConflict), "once it was sent, the link shows nothing of it: %v", err)
	_, _, err = b.service.ReceiptFor(ctx, b.patients[1].Token, b.rows(t)[0].Receipt)
	require.True(t, fault.Is(err, fault.KindNotFound), "a receipt is shown for its own link only: %v", err)
}

func TestSR110_AnAbandonedPositivePageAlertsWithinTenMinutes(t *testing.T) {
	b := setup(t, 3)
	save := func(patient int, a instrument.Answers) {
		require.NoError(t, b.service.SaveDraft(ctx, b.patients[patient].Token, intake.DraftPage{Browser: browser, Page: 9, Answers: a}))
	}
	minutes := func(n int) {
		for range n {
			b.folder.Clock.Advance(time.Minute)
			_, err := b.service.Sweep(ctx)
			require.NoError(t, err)
		}
	}
	save(0, instrument.Answers{"9": instrument.Answer(2)})
	save(1, instrument.Answers{"9": instrument.Answer(0)})
	save(2, instrument.Answers{"1": instrument.Answer(3)})
	minutes(4)
	require.Empty(t, b.alerts(t), "somebody may still be writing")
	minutes(6)
	list := b.alerts(t)
	require.Len(t, list, 1, "one positive draft; an item not reached yet is no alert")
	require.Equal(t, b.patients[0].Patient, list[0].Patient)
	require.Empty(t, list[0].Submission())

	save(0, instrument.Answers{"9": instrument.Answer(2), "1": instrument.Answer(1)})
	minutes(10)
	require.Len(t, b.alerts(t), 1, "the same page saved again is the same event")

	_, err := b.service.Accept(ctx, b.submission(0, "finished", answers(2)))
	require.NoError(t, err)
	list = b.alerts(t)
	require.Len(t, list, 1, "the submission joins the alert of its draft")
	require.Equal(t, "finished", list[0].Submission())
}

func TestSR110_AnAlertOfADraftIsJoinedToWhatWasSentWhateverItSays(t *testing.T) {
	b := setup(t, 2)
	draft := intake.DraftPage{Browser: browser, Page: 9, Answers: instrument.Answers{"9": instrument.Answer(2)}}
	require.NoError(t, b.service.SaveDraft(ctx, b.patients[0].Token, draft))
	b.folder.Clock.Advance(time.Hour)
	_, err := b.service.Sweep(ctx)
	require.NoError(t, err)
	require.NoError(t, b.service.SaveDraft(ctx, b.patients[1].Token, draft))
	for i, key := range []string{"swept", "not-swept"} {
		_, err := b.service.Accept(ctx, b.submission(i, key, answers(0)))
		require.NoError(t, err)
	}
	list := b.alerts(t)
	require.Len(t, list, 2)
	for i, key := range []string{"swept", "not-swept"} {
		require.Equal(t, key, list[i].Submission())
		require.Empty(t, list[i].Steps[0].Submission, "it was raised before anything was sent")
		require.Equal(t, registry.StepSubmitted, list[i].Steps[1].What)
		require.True(t, list[i].Simulated)
		require.Equal(t, b.phq9.Version, list[i].Version)
	}
}

func TestSR39_NoTokenIsInTheDatabase(t *testing.T) {
	b := setup(t, 5)
	require.NoError(t, b.service.SaveDraft(ctx, b.patients[1].Token, intake.DraftPage{Browser: browser, Answers: instrument.Answers{}}))
	_, err := b.service.Accept(ctx, b.submission(0, "k", answers(1)))
	require.NoError(t, err)
	for _, file := range []string{b.folder.Path, b.folder.Path + "-wal"} {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, p := range b.patients {
			require.False(t, bytes.Contains(content, []byte(p.Token)), "%s holds a link's token", file)
			require.GreaterOrEqual(t, len(p.Token), 22, "at least 128 bits in base64")
		}
		require.False(t, bytes.Contains(content, []byte(browser)), "%s holds a browser's secret", file)
	}
	for _, altered := range []string{"", b.patients[0].Token[1:], strings.ToUpper(b.patients[0].Token), b.patients[0].Token + "="} {
		_, err := b.service.OpenForm(ctx, altered, "1")
		require.Equal(t, fault.KindNotFound, fault.KindOf(err))
	}
}

func TestSR6_EveryStatementOfAcceptMayFail(t *testing.T) {
	faults := registrytest.NewFaults(t)
	b := setup(t, 200, func(c *registry.Config) { c.Driver = faults.Name })
	send := func(patient int) error {
		_, err := b.service.Accept(ctx, b.submission(patient, "key-of-"+b.patients[patient].Token[:20], answers(1)))
		return err
	}
	require.NoError(t, send(0), "statements are prepared")
	faults.FailAt(0, 0)
	require.NoError(t, send(1))
	statements, patient := faults.Seen(), 2
	require.Greater(t, statements, 10)
	for _, code := range []int{registrytest.CodeFull, registrytest.CodeReadOnly, registrytest.CodeBusy, registrytest.CodeIO} {
		for k := 1; k <= statements; k++ {
			rows := len(b.rows(t))
			faults.FailAt(k, code)
			err := send(patient)
			faults.FailAt(0, 0)
			require.True(t, fault.Is(err, fault.KindUnavailable), "statement %d, code %d: %v", k, code, err)
			require.Len(t, b.rows(t), rows, "nothing of a submission without a receipt")
		}
		require.NoError(t, send(patient), "the same send works once the fault is gone")
		patient++
	}
	require.NoError(t, b.store.CheckIntegrity(ctx))
	require.Len(t, b.alerts(t), len(b.rows(t)), "each of these answers raises one alert")
	report, err := b.store.VerifyAudit(ctx, registry.AuditCheckpoint{})
	require.NoError(t, err)
	require.Zero(t, report.FirstBad, report.Why)
}

// The phone said 3 at item 9 and was put away; the laptop then sent the form
// without it. Both were the patient: the thoughts must reach somebody.
func TestSR110_AnotherBrowsersDraftIsRaisedBeforeItGoes(t *testing.T) {
	b := setup(t, 1)
	token := b.patients[0].Token
	require.NoError(t, b.service.SaveDraft(ctx, token, intake.DraftPage{Browser: "the phone's own secret", Page: 9, Answers: instrument.Answers{"9": instrument.Answer(3)}}))
	_, err := b.service.Accept(ctx, intake.Submission{Token: token, Key: "laptop", Instrument: b.phq9.ID, Version: b.phq9.Version,
		Answers: instrument.Answers{"9": instrument.Answer(0)}})
	require.NoError(t, err)
	alerts, err := b.store.Alerts(ctx, registry.AlertFilter{})
	require.NoError(t, err)
	require.Len(t, alerts, 1)
	require.EqualValues(t, instrument.LevelRed, alerts[0].Level)
}

// A form whose definition is gone from the site sorted before every other draft
// and stopped their alerts for ever.
func TestSR110_ADraftThatCannotBeJudgedHidesNoOther(t *testing.T) {
	b := setup(t, 2)
	require.NoError(t, b.service.SaveDraft(ctx, b.patients[0].Token, intake.DraftPage{Browser: "the first browser's secret", Page: 2, Answers: instrument.Answers{"1": instrument.Answer(1)}}))
	db, err := sql.Open("sqlite", b.folder.Path)
	require.NoError(t, err)
	_, err = db.Exec("UPDATE draft SET answers = '[]'")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	b.folder.Clock.Advance(time.Second)
	require.NoError(t, b.service.SaveDraft(ctx, b.patients[1].Token, intake.DraftPage{Browser: "the second browser's secret", Page: 9, Answers: instrument.Answers{"9": instrument.Answer(2)}}))
	b.folder.Clock.Advance(intake.IdleBeforeSweep)
	_, err = b.service.Sweep(ctx)
	require.NoError(t, err)
	alerts, err := b.store.Alerts(ctx, registry.AlertFilter{})
	require.NoError(t, err)
	levels := []string{}
	for _, a := range alerts {
		levels = append(levels, string(a.Level))
	}
	require.ElementsMatch(t, []string{string(instrument.LevelUnknown), string(instrument.LevelRed)}, levels)
	again, err := b.service.Sweep(ctx)
	require.NoError(t, err)
	require.Zero(t, again, "each is raised once")
}

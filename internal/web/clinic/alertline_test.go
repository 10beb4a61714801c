package clinic_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/safety"
	"afterglow/internal/web/clinic"
	"afterglow/schemas"
)

// twoVersions holds the PHQ-9 that ships and a later one that asks for something
// else.
func twoVersions(t *testing.T) *instrument.Library {
	t.Helper()
	shipped, err := fs.ReadFile(schemas.Instruments(), "phq-9.yaml")
	require.NoError(t, err)
	later := strings.NewReplacer("version: 1.0.0", "version: 2.0.0", "Contact the patient now", "Ring the ward").Replace(string(shipped))
	library, err := instrument.LoadLibrary(fstest.MapFS{
		"phq-9@1.0.0.yaml": {Data: shipped}, "phq-9@2.0.0.yaml": {Data: []byte(later)},
	})
	require.NoError(t, err)
	return library
}

func TestAnAlertIsSaidInTheWordsOfItsVersion(t *testing.T) {
	library := twoVersions(t)
	alert := func(change func(*safety.Alert)) clinic.AlertLine {
		a := safety.Alert{Rule: "phq-9-item-9", Level: instrument.LevelRed, Item: "9", Instrument: "phq-9", Version: "1.0.0", RaisedAt: seen.Now, Origin: safety.OriginSubmission}
		change(&a)
		return clinic.NewAlertLine(a, library, clinic.Behind{}, seen.Now)
	}
	first := alert(func(*safety.Alert) {})
	require.Equal(t, "PHQ-9, item 9", first.Rule)
	require.Contains(t, first.Action, "Contact the patient now")
	require.Empty(t, first.From)
	require.Contains(t, alert(func(a *safety.Alert) { a.Version = "2.0.0" }).Action, "Ring the ward")

	gone := alert(func(a *safety.Alert) { a.Version = "0.9.0" })
	require.Equal(t, "phq-9-item-9", gone.Rule)
	require.Equal(t, "Review by a clinician.", gone.Action)

	unjudged := alert(func(a *safety.Alert) {
		a.Rule, a.Level, a.Item, a.Origin = intake.RuleUnjudged, instrument.LevelUnknown, "", safety.OriginUnfinishedForm
	})
	require.Equal(t, "Cannot be judged", unjudged.LevelWord)
	require.Equal(t, "PHQ-9, a form left unfinished", unjudged.Rule)
	require.Contains(t, unjudged.Action, "Ask the patient")
}

func TestAnAlertSaysWhichAnswersRaisedIt(t *testing.T) {
	library := twoVersions(t)
	for _, test := range []struct {
		origin     safety.Origin
		submission string
		want       string
	}{
		{safety.OriginSubmission, "key", ""},
		{safety.OriginUnfinishedForm, "", "from a form that was not sent"},
		{safety.OriginUnfinishedForm, "key", "from the form before it was sent; it has been sent since"},
		{safety.OriginNotRecorded, "", "from answers that were not recorded: the form no longer accepts answers"},
	} {
		require.Equal(t, test.want, clinic.NewAlertLine(safety.Alert{Origin: test.origin, Submission: test.submission}, library, clinic.Behind{}, seen.Now).From)
	}
}

func TestAnAlertShowsTheAnswerAndThoseBefore(t *testing.T) {
	library := twoVersions(t)
	at := seen.Now.AddDate(0, 0, -7)
	value := func(v int) *int { return &v }
	alert := safety.Alert{Rule: "phq-9-item-9", Level: instrument.LevelRed, Item: "9", Instrument: "phq-9", Version: "1.0.0", RaisedAt: seen.Now, Owner: "1", State: safety.StateAcknowledged,
		Steps: []safety.Step{{What: "raised", Who: "system intake", At: seen.Now}, {What: "acknowledged", Who: "account 1", Code: "calling-patient", At: seen.Now},
			{What: "submitted", Who: "link x", At: seen.Now}, {What: "acknowledged", Who: "account 9", Code: "other-code", At: seen.Now}}}
	names := map[string]string{"1": "anna"}

	unknown := clinic.NewAlertLine(alert, library, clinic.Behind{Names: names}, seen.Now)
	require.Equal(t, "More than half the days (2) or Nearly every day (3)", unknown.Given, "what the level says where no form holds the answer")
	require.False(t, unknown.AnswersKnown)
	require.Equal(t, "Thoughts that you would be better off dead, or of hurting yourself in some way", unknown.Question)
	require.Equal(t, "anna", unknown.Owner)
	require.Equal(t, []clinic.AlertStep{
		{What: "Taken on: calling the patient now", Who: "anna", At: seen.Now}, {What: "The form was sent", At: seen.Now},
		{What: "Taken on: other code", Who: "a member of staff", At: seen.Now}}, unknown.Steps)

	line := clinic.NewAlertLine(alert, library, clinic.Behind{Names: names, Answers: &safety.Answers{
		Given:  &safety.ItemAnswer{Version: "1.0.0", Value: value(2)},
		Before: []safety.ItemAnswer{{Version: "1.0.0", At: at, Value: value(0)}, {Version: "0.1.0", At: at, Value: value(1)}, {Version: "1.0.0", At: at}}}}, seen.Now)
	require.Equal(t, "More than half the days (2)", line.Given)
	require.True(t, line.AnswersKnown)
	require.Equal(t, []clinic.EarlierAnswer{{Text: "Not at all (0)", At: at}, {Text: "1", At: at}, {Text: "left open", At: at}}, line.Before, "a version that is gone gives the number; nothing is not 0")

	open := alert
	open.Level, open.Owner = instrument.LevelUnknown, ""
	require.Equal(t, "left open", clinic.NewAlertLine(open, library, clinic.Behind{}, seen.Now).Given)
	alert.Owner = "77"
	require.Equal(t, "a member of staff", clinic.NewAlertLine(alert, library, clinic.Behind{}, seen.Now).Owner, "an account without a name still has it")
}

func TestTheAlertsPageSortsAndCounts(t *testing.T) {
	at := func(minutes int) time.Time { return seen.Now.Add(-time.Duration(minutes) * time.Minute) }
	alert := func(id int64, level instrument.Level, state safety.State, minutes int) safety.Alert {
		return safety.Alert{ID: id, Rule: "phq-9-item-9", Level: level, Item: "9", Instrument: "phq-9", Version: "1.0.0", State: state, RaisedAt: at(minutes), Owner: map[safety.State]string{safety.StateAcknowledged: "1"}[state]}
	}
	page := clinic.NewAlertsPage([]safety.Alert{
		alert(1, instrument.LevelAmber, safety.StateOpen, 90), alert(2, instrument.LevelUnknown, safety.StateOpen, 5), alert(3, instrument.LevelRed, safety.StateOpen, 1),
		alert(4, instrument.LevelRed, safety.StateAcknowledged, 60), alert(5, instrument.LevelRed, safety.StateOpen, 50)},
		nil, map[string]string{"1": "anna"}, twoVersions(t), seen.Now)
	var order []int64
	for _, a := range page.Alerts {
		order = append(order, a.ID)
	}
	require.Equal(t, []int64{5, 3, 2, 1}, order)
	require.Len(t, page.Acknowledged, 1)
	require.Equal(t, "anna", page.Acknowledged[0].Owner)
}

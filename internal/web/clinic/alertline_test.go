package clinic_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

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
		return clinic.NewAlertLine(a, library, seen.Now)
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
		{safety.OriginUnfinishedForm, "key", "from the form before it was sent; it was sent since"},
		{safety.OriginNotRecorded, "", "from answers that were not recorded: the form takes none any more"},
	} {
		require.Equal(t, test.want, clinic.NewAlertLine(safety.Alert{Origin: test.origin, Submission: test.submission}, library, seen.Now).From)
	}
}

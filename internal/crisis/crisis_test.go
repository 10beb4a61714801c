package crisis_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"afterglow/internal/crisis"
	"afterglow/internal/fault"
	"afterglow/schemas"
)

func shipped(t *testing.T) *crisis.Directories {
	t.Helper()
	ds, err := crisis.Load(schemas.Crisis())
	require.NoError(t, err)
	return ds
}

func TestShippedListsWaitForTheSite(t *testing.T) {
	ds := shipped(t)
	require.Equal(t, []string{"international", "us"}, ds.Countries())
	for _, country := range ds.Countries() {
		d := ds.For(country)
		require.False(t, d.ConfirmedBySite, "nobody at the site has tried the contacts of %s yet", country)
		for _, c := range d.Contacts {
			require.NotEmpty(t, c.Source, "%s %s has a source", country, c.ID)
			require.NotEmpty(t, c.AsOf, "%s %s has a date", country, c.ID)
			require.NotEmpty(t, c.Instruction.In("en"), "%s %s says what to do", country, c.ID)
		}
		require.Equal(t, "emergency", d.Contacts[0].ID, "the emergency number comes first")
	}
}

func TestContactsOfTheUnitedStates(t *testing.T) {
	links := map[string]string{}
	for _, c := range shipped(t).For("US").Contacts {
		links[c.ID] = c.Href()
	}
	require.Equal(t, map[string]string{
		"emergency":        "tel:911",
		"lifeline-call":    "tel:988",
		"lifeline-text":    "sms:988",
		"lifeline-chat":    "https://988lifeline.org/",
		"crisis-text-line": "sms:741741?body=HOME",
	}, links)
}

func TestACountryWithoutAListGetsTheInternationalOne(t *testing.T) {
	for _, country := range []string{"", "fr", "US-CA", "international"} {
		require.Equal(t, "international", shipped(t).For(country).Country, "%q", country)
	}
}

const siteList = `country: us
titles: {en: Our county}
languages: [en]
confirmed_by_site: true
contacts:
  - {id: desk, kind: phone, value: "+15550100", label: {en: Our desk}, instruction: {en: Call us}, hours: {en: Mon-Fri 9-17}, source: ourselves, as_of: "2026-11-22"}
`

func TestTheSiteReplacesAList(t *testing.T) {
	ds, err := crisis.Load(schemas.Crisis(), fstest.MapFS{"us.yaml": {Data: []byte(siteList)}})
	require.NoError(t, err)
	require.True(t, ds.For("us").ConfirmedBySite)
	require.Len(t, ds.For("us").Contacts, 1)
	require.Equal(t, "international", ds.For("fr").Country)
}

func TestParseNamesThePlaceOfAFault(t *testing.T) {
	for _, c := range []struct {
		name, old, new, place string
	}{
		{"a number with letters", `"+15550100"`, `"CALL-US"`, "contacts/0/value (line 6)"},
		{"a link that is a script", `kind: phone, value: "+15550100"`, `kind: url, value: "javascript:alert(1)"`, "contacts/0/value (line 6)"},
		{"a link without encryption", `kind: phone, value: "+15550100"`, `kind: url, value: "http://x.org/"`, "contacts/0/value (line 6)"},
		{"a phone without a number", `value: "+15550100", `, ``, "contacts/0 (line 6)"},
		{"a message on a call", `kind: phone`, `kind: phone, message: HOME`, "contacts/0/kind (line 6)"},
		{"a text in a language that is not listed", `{en: Our desk}`, `{en: Our desk, fr: Accueil}`, "contacts/0/label (line 6)"},
		{"an unknown field", `languages: [en]`, "languages: [en]\nphone: x", "document (line 1)"},
		{"no date", `, as_of: "2026-11-22"`, ``, "contacts/0 (line 6)"},
		{"a country of three letters", `country: us`, `country: usa`, "country (line 1)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Contains(t, siteList, c.old)
			_, err := crisis.Parse([]byte(strings.Replace(siteList, c.old, c.new, 1)))
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Equal(t, fault.KindInvalid, f.Kind)
			require.Equal(t, c.place, f.Details[0].Item, "%v", f.Details)
		})
	}
}

func TestLoadIsAllOrNothing(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   fstest.MapFS
		message string
	}{
		{"no international list", fstest.MapFS{"us.yaml": {Data: []byte(siteList)}}, "there is no international.yaml"},
		{"a file under another name", fstest.MapFS{"ca.yaml": {Data: []byte(siteList)}}, "must be named us.yaml"},
		{"a file that is not YAML", fstest.MapFS{"us.yaml": {Data: []byte("a: [")}}, "us.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := crisis.Load(c.files)
			require.ErrorContains(t, err, c.message)
		})
	}
}

func TestTextFallsBack(t *testing.T) {
	text := crisis.Text{"de": "Hallo", "en": "Hello"}
	require.Equal(t, "Hallo", text.In("de"))
	require.Equal(t, "Hello", text.In("fr"))
	require.Equal(t, "Hola", crisis.Text{"es": "Hola"}.In("fr"))
	require.Empty(t, crisis.Text(nil).In("en"))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(siteList))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := crisis.Parse(data)
		if err != nil {
			require.Equal(t, fault.KindInvalid, fault.KindOf(err))
			return
		}
		for _, c := range d.Contacts {
			require.NotContains(t, c.Href(), " ")
		}
	})
}

package instrument_test

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/schemas"
)

func phq9Source(t testing.TB) string {
	t.Helper()
	data, err := fs.ReadFile(schemas.Instruments(), "phq-9.yaml")
	require.NoError(t, err)
	return string(data)
}

func clustersSource(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/clusters.yaml")
	require.NoError(t, err)
	return string(data)
}

// edit replaces one piece of a source and fails when it is not there once.
func edit(t testing.TB, source, old, new string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(source, old), "%q", old)
	return strings.Replace(source, old, new, 1)
}

func TestParseNamesTheFaultAndItsPlace(t *testing.T) {
	for _, c := range []struct{ name, old, new, place, message string }{
		{"unknown field", "entry: items", "entry: items\nprice: 3", "document", "additional properties 'price'"},
		{"unknown operation", "op: sum\n", "op: product\n", "score/op", "one of"},
		{"unknown comparison", "{op: equals, value: 1, level: amber", "{op: is, value: 1, level: amber", "safety/0/when/0/op", "one of"},
		{"unknown level", "level: amber", "level: green", "safety/0/when/0/level", "one of"},
		{"unknown licence class", "class: A", "class: D", "licence/class", "one of"},
		{"a version that is a number", "version: 1.0.0", "version: 1.0", "version", "put it in quotes"},
		{"an id with spaces", "id: phq-9\n", "id: phq 9\n", "id", "pattern"},
		{"an item id that is no text", `- id: "1"`, "- id: 1", "items/0/id", "put it in quotes"},
		{"an item twice", `- id: "2"`, `- id: "1"`, "items/1/id", "used twice"},
		{"an item with a reserved name", `- id: "10"`, `- id: instrument`, "items/9/id", "another field of a submission"},
		{"an item named total", `- id: "10"`, `- id: total`, "items", "kept for instruments whose entry is total"},
		{"an unknown answer set", "answers: difficulty", "answers: hardness", "items/9/answers", "no answer set hardness"},
		{"an unused answer set", "answers: difficulty", "answers: frequency", "answer_sets/difficulty", "no item uses"},
		{"an option twice", "{value: 3, label: {en: Extremely", "{value: 2, label: {en: Extremely", "answer_sets/difficulty/options/3/value", "used twice"},
		{"an option without words", "{value: 3, label: {en: Extremely difficult}, ", "{value: 3, ", "answer_sets/difficulty/options/3", "no label"},
		{"a language that is not listed", "titles: {en: Patient", "titles: {fr: Questionnaire, en: Patient", "titles/fr", "not among the languages"},
		{"a language that is missing", "languages: [en]", "languages: [en, de]", "titles", "de is missing"},
		{"wording against the licence", "wording_included: true", "wording_included: false", "items/0/text", "wording is not included"},
		{"an item without words", "    text: {en: Poor appetite or overeating}\n", "", "items/4", "has no text"},
		{"a scored item left out of the score", `items: ["1", "2", `, `items: ["2", `, "items/0", "in no scale"},
		{"an unscored item in the score", `"8", "9"]`, `"8", "9", "10"]`, "score/items/9", "not scored"},
		{"an unknown item in the score", `"8", "9"]`, `"8", "9", "12"]`, "score/items/9", "no item 12"},
		{"a maximum that is not attainable", "maximum: 27", "maximum: 28", "score/minimum", "items give 0 to 27"},
		{"more missing than items", "up_to: 2", "up_to: 9", "score/missing", "below the number of items"},
		{"prorating without a limit", "    up_to: 2\n", "", "score/missing", "at least 1"},
		{"a limit without prorating", "rule: prorate", "rule: all-items", "score/missing/up_to", "prorate only"},
		{"count without a limit", "op: sum\n", "op: count\n", "score", "at_least"},
		{"a field of another operation", "op: sum\n", "op: sum\n  at_least: 2\n", "score", "at_least"},
		{"bands that do not start at the minimum", "{name: minimal, from: 0", "{name: minimal, from: 1", "bands/0/from", "start at the minimum"},
		{"bands that fall", "{name: moderate, from: 10", "{name: moderate, from: 5", "bands/2/from", "above the band before"},
		{"a band above the maximum", "{name: severe, from: 20", "{name: severe, from: 30", "bands/4/from", "above the maximum"},
		{"a band name twice", "{name: severe,", "{name: mild,", "bands/4/name", "used twice"},
		{"bands without a source", "bands_source: {citation:", "notes_source: {citation:", "document", "notes_source"},
		{"a screen toward the better end", "    op: at-least\n    value: 10", "    op: at-most\n    value: 10", "screening/0/op", "worse end"},
		{"remission toward the worse end", "kind: remission, op: below", "kind: remission, op: above", "thresholds/1", "better end"},
		{"caseness toward the better end", "kind: caseness, op: at-least", "kind: caseness, op: below", "thresholds/5", "worse end"},
		{"a limit out of range", "kind: remission, op: below, value: 5", "kind: remission, op: below, value: 50", "thresholds/1/value", "outside the range"},
		{"a response that is a limit", "kind: response, percent: 50", "kind: response, op: below, value: 5", "thresholds/0", "percent or points"},
		{"a threshold of two kinds", "kind: response, percent: 50", "kind: response, points: 5, percent: 50", "thresholds/0", "oneOf"},
		{"a threshold without a source", `points: 5, citation: "Löwe et al. 2004, Med Care, doi 10.1097/00005650-200412000-00006 (2 SEM, n = 434)",`, "points: 5,", "thresholds/4", "citation"},
		{"a threshold name twice", "{name: remission,", "{name: response,", "thresholds/1/name", "used twice"},
		{"a safety rule of no item", `    item: "9"`, `    item: "11"`, "safety/0/item", "no item 11"},
		{"a safety row that nothing meets", "{op: at-least, value: 2, level: red", "{op: at-least, value: 4, level: red", "safety/0/when/1", "no answer to item 9 can meet"},
		{"entry total with items", "entry: items", "entry: total", "items", "one item, total"},
		{"too many decimals", "percent: 50", "percent: 50.00001", "thresholds/0/percent", "multipleOf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := edit(t, phq9Source(t), c.old, c.new)
			_, err := instrument.Parse([]byte(source))
			requireFault(t, source, err, c.place, c.message)
		})
	}
}

func TestParseOfSubscalesNamesTheFaultAndItsPlace(t *testing.T) {
	for _, c := range []struct{ name, old, new, place, message string }{
		{"a total of an unknown subscale", "subscales: [b, c]", "subscales: [b, d]", "score/subscales/1", "no subscale d"},
		{"a subscale twice", "- id: c\n", "- id: b\n", "subscales/1/id", "used twice"},
		{"a subscale named like a column", "- id: c\n", "- id: band\n", "subscales/1/id", "column of the vectors"},
		{"a reversed item of another scale", "reverse: [b3]", "reverse: [c1]", "subscales/0/scale/reverse/0", "not in this scale"},
		{"a subscale that adds up subscales", "{op: sum, items: [c1, c2]", "{op: sum-of-subscales, items: [c1, c2]", "subscales/1/scale/op", "only the main score"},
		{"a count that is prorated", "maximum: 4, missing: {rule: all-items", "maximum: 4, missing: {rule: prorate, up_to: 1", "subscales/2/scale/missing", "only a sum or a mean"},
		{"a bound within the missing items without prorating", "maximum: 4, missing: {rule: all-items", "maximum: 4, missing: {rule: all-items, within: [{items: [c1], up_to: 0}]", "subscales/2/scale/missing/within", "prorate only"},
		{"a sum of subscales with items", "op: sum-of-subscales", "op: sum-of-subscales\n  items: [b1]", "score", "no items of its own"},
		{"prorating over different ranges", "{id: b3, topic: {en: B three, de: B drei}, range: {from: 0, to: 4}}", "{id: b3, topic: {en: B three, de: B drei}, range: {from: 0, to: 5}}", "subscales/0/scale/missing", "different ranges"},
		{"a range upside down", "{id: c2, topic: {en: C two, de: C zwei}, range: {from: 0, to: 4}}", "{id: c2, topic: {en: C two, de: C zwei}, range: {from: 4, to: 0}}", "items/4/range", "from must be below to"},
		{"no topic and no wording", "{id: c2, topic: {en: C two, de: C zwei}, ", "{id: c2, ", "items/4", "needs a topic"},
		{"a stem against the licence", "recall:", "stem: {en: How often, de: Wie oft}\nrecall:", "stem", "wording is not included"},
		{"an instruction against the licence", "recall:", "instruction: {en: Read this, de: Lies}\nrecall:", "instruction", "wording is not included"},
		{"a condition on a later item", "{id: b1, topic: {en: B one, de: B eins}, ", "{id: b1, ask_when: {any_of: [c1], op: equals, value: 1, otherwise: 0}, topic: {en: B one, de: B eins}, ", "items/0/ask_when/any_of/0", "does not come before"},
		{"a condition on an unknown item", "{id: c2, ", "{id: c2, ask_when: {any_of: [zz], op: equals, value: 1, otherwise: 0}, ", "items/4/ask_when/any_of/0", "no item zz"},
		{"a scored item that may be skipped without a value", "{id: c2, ", "{id: c2, ask_when: {any_of: [c1], op: equals, value: 1}, ", "items/4/ask_when", "needs otherwise"},
		{"a value for a skipped item that is no option", "{id: c2, ", "{id: c2, ask_when: {any_of: [c1], op: equals, value: 1, otherwise: 9}, ", "items/4/ask_when/otherwise", "not one of the item's options"},
		{"an item with options and a range", "{id: c2, ", "{id: c2, options: [{value: 1}, {value: 2}], ", "items/4", "oneOf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := edit(t, clustersSource(t), c.old, c.new)
			_, err := instrument.Parse([]byte(source))
			requireFault(t, source, err, c.place, c.message)
		})
	}
}

func TestParseOfLookupNamesTheFaultAndItsPlace(t *testing.T) {
	data, err := os.ReadFile("testdata/tscore.yaml")
	require.NoError(t, err)
	for _, c := range []struct{ name, old, new, place, message string }{
		{"a gap in the table", "{raw: 4, value: 53.9}, ", "", "score/lookup/table/2/raw", "count up by one"},
		{"a table that ends too early", ", {raw: 6, value: 65.7}", "", "score/lookup/table", "from raw 2 to raw 6"},
		{"a table and a linear change", "decimals: 1", "decimals: 1\n  linear: {multiply: 2, add: 0}", "score/lookup", "directly"},
		{"a range that the table does not give", "maximum: 65.7", "maximum: 70", "score/minimum", "items give 41 to 65.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := edit(t, string(data), c.old, c.new)
			_, err := instrument.Parse([]byte(source))
			requireFault(t, source, err, c.place, c.message)
		})
	}
}

func TestParseRefusesAPercentageOfAScoreThatCanBeNegative(t *testing.T) {
	data, err := fs.ReadFile(schemas.Instruments(), "bdi-ii.yaml")
	require.NoError(t, err)
	source := edit(t, string(data), "range: {from: 0", "range: {from: -5")
	source = edit(t, source, "minimum: 0", "minimum: -5")
	source = edit(t, source, "{name: minimal, from: 0", "{name: minimal, from: -5")
	_, err = instrument.Parse([]byte(source))
	requireFault(t, source, err, "thresholds/0/percent", "no meaning on a score that can be negative")
}

// requireFault wants a detail at the place, with a line of the source that exists.
func requireFault(t *testing.T, source string, err error, place, message string) {
	t.Helper()
	require.Equal(t, fault.KindInvalid, fault.KindOf(err))
	details := detailsOf(err)
	for _, d := range details {
		var line int
		if strings.HasPrefix(d.Item, place+" (line ") && strings.Contains(d.Message, message) {
			_, err := fmt.Sscanf(strings.TrimPrefix(d.Item, place), " (line %d)", &line)
			require.NoError(t, err)
			require.LessOrEqual(t, line, strings.Count(source, "\n")+1)
			return
		}
	}
	t.Fatalf("no fault at %q with %q among %v", place, message, details)
}

func TestParseGathersAllFaults(t *testing.T) {
	source := edit(t, phq9Source(t), "maximum: 27", "maximum: 30")
	source = edit(t, source, "{name: minimal, from: 0", "{name: minimal, from: 1")
	source = edit(t, source, "kind: remission, op: below", "kind: remission, op: above")
	_, err := instrument.Parse([]byte(source))
	require.Len(t, detailsOf(err), 3, "%v", detailsOf(err))
}

func TestPlaceNamesTheLine(t *testing.T) {
	source := phq9Source(t)
	line := 1 + strings.Count(source[:strings.Index(source, "maximum: 27")], "\n")
	_, err := instrument.Parse([]byte(edit(t, source, "maximum: 27", "maximum: many")))
	require.Equal(t, fmt.Sprintf("score/maximum (line %d)", line), detailsOf(err)[0].Item)
}

// Comments and the order of keys are not content; everything else is.
func TestSR121_HashIsOfTheContent(t *testing.T) {
	source := phq9Source(t)
	same := "# another comment\n" + edit(t, edit(t, source, "id: phq-9\n", ""), "entry: items\n", "entry: \"items\"\nid: phq-9\n")
	first, err := instrument.Parse([]byte(source))
	require.NoError(t, err)
	second, err := instrument.Parse([]byte(same))
	require.NoError(t, err)
	require.Equal(t, first.Hash(), second.Hash())
	require.Len(t, first.Hash(), 64)
	require.Equal(t, "phq-9 1.0.0 sha256:"+first.Hash(), first.ScoringVersion())
	require.Equal(t, "PHQ-9", first.ShortTitle("en"))
	unnamed, err := instrument.Parse([]byte(edit(t, source, "short_titles: {en: PHQ-9}\n", "")))
	require.NoError(t, err)
	require.Equal(t, first.Hash(), unnamed.Hash(), "a name for pages changes no result")
	require.Equal(t, unnamed.Titles.In("en"), unnamed.ShortTitle("en"))
	for _, c := range [][2]string{{"{name: mild, from: 5", "{name: mild, from: 6"}, {"Poor appetite", "Low appetite"}, {"up_to: 2", "up_to: 1"}} {
		other, err := instrument.Parse([]byte(edit(t, source, c[0], c[1])))
		require.NoError(t, err)
		require.NotEqual(t, first.Hash(), other.Hash(), c[1])
	}
}

func TestARuleIsNamedInAFewWords(t *testing.T) {
	for citation, words := range map[string]string{
		"Bischoff et al. 2020, doi 10.5964/pch.v8i1.309 (116 retested, 332 clinical)": "Bischoff 2020",
		"NHS Talking Therapies (IAPT) manual, as quoted on cbtwatch.com":              "NHS Talking Therapies",
	} {
		require.Equal(t, words, instrument.Source{Citation: citation, Confirmed: true}.Words())
	}
	require.Equal(t, "unconfirmed", instrument.Source{Citation: "1.96*sqrt(2)*SEM, both unchecked"}.Words())
}

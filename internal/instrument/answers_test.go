package instrument_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
)

// Each generated submission is right but for one fault; all are refused, and the
// fault names the item. 10,000 for each instrument.
func TestSR23_GeneratedInvalidAnswersAreRefused(t *testing.T) {
	for _, d := range everyDefinition(t) {
		t.Run(d.ID, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				a := drawAnswers(t, d)
				it := &d.Items[rapid.IntRange(0, len(d.Items)-1).Draw(t, "item")]
				where := it.ID
				switch rapid.SampledFrom([]string{"value", "item", "skipped"}).Draw(t, "fault") {
				case "value":
					v := rapid.IntRange(-100_000, 100_000).Filter(func(v int) bool { return !it.Allows(v) }).Draw(t, "value")
					a[it.ID] = &v
				case "item":
					where = rapid.StringMatching(`[a-zA-Z0-9_ .-]{1,12}`).Filter(func(id string) bool {
						_, known := d.Item(id)
						return !known
					}).Draw(t, "unknown item")
					a[where] = rapid.SampledFrom([]*int{nil, instrument.Answer(0)}).Draw(t, "value")
				case "skipped":
					if it.AskWhen == nil {
						return
					}
					for _, earlier := range it.AskWhen.AnyOf {
						a[earlier] = instrument.Answer(0)
					}
					a[it.ID] = instrument.Answer(1)
				}
				faults := d.Check(a)
				require.NotEmpty(t, faults)
				require.Equal(t, where, faults[0].Item)
				_, err := d.Score(a, instrument.ScoreOptions{})
				require.Equal(t, fault.KindInvalid, fault.KindOf(err))
			})
		})
	}
}

func TestSR23_GeneratedValidAnswersAreAccepted(t *testing.T) {
	for _, d := range everyDefinition(t) {
		t.Run(d.ID, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				a := drawAnswers(t, d)
				require.Empty(t, d.Check(a))
				_, err := d.Score(a, instrument.ScoreOptions{})
				require.NoError(t, err)
			})
		})
	}
}

func TestSR23_CheckNamesEveryFaultWithoutTheAnswer(t *testing.T) {
	d := shipped(t, "phq-9")
	faults := d.Check(instrument.Answers{
		"1": instrument.Answer(77), "9": instrument.Answer(-55), "pain": nil, "2": instrument.Answer(3),
		strings.Repeat("x\x1b", 100): nil,
	})
	items := []string{}
	for _, f := range faults {
		items = append(items, f.Item)
		require.NotContains(t, f.Message, "77")
		require.NotContains(t, f.Message, "55")
	}
	require.Len(t, items, 4)
	require.Equal(t, "pain", items[0])
	require.NotContains(t, items[1], "\x1b", "a foreign key cannot move the cursor of a terminal")
	require.Less(t, len(items[1]), 400)
	require.Equal(t, []string{"1", "9"}, items[2:])
}

func TestUnansweredListsWhatAFormAsksOnceMore(t *testing.T) {
	for _, c := range []struct {
		id, answers string
		want        []string
	}{
		{"screen", "0,0,", nil},
		{"screen", "1,0,", []string{"now"}},
		{"screen", ",0,", []string{"q1", "now"}},
		{"wellbeing", "1,1,1,1,1", nil},
		{"wellbeing", "", []string{"a", "b", "c", "d", "e"}},
	} {
		d := testDefinition(t, c.id)
		a, err := d.ParseAnswerList(c.answers)
		require.NoError(t, err)
		require.Equal(t, c.want, d.Unanswered(a), "%s %q", c.id, c.answers)
	}
	d := shipped(t, "phq-9")
	require.Equal(t, 9, len(d.Unanswered(nil)), "item 10 is optional")
}

func TestParseAnswerList(t *testing.T) {
	d := shipped(t, "phq-9")
	a, err := d.ParseAnswerList("2, 3,,1")
	require.NoError(t, err)
	require.Equal(t, instrument.Answers{"1": instrument.Answer(2), "2": instrument.Answer(3), "3": nil, "4": instrument.Answer(1)}, a)
	for _, c := range []struct{ name, list, message string }{
		{"words", "2,often", "2: the answer is not a whole number"},
		{"a fraction", "1.5", "1: the answer is not a whole number"},
		{"a sign", "+1", "1: the answer is not a whole number"},
		{"minus zero", "-0", "1: the answer is not a whole number"},
		{"a leading zero", "01", "1: the answer is not a whole number"},
		{"other digits", "١", "1: the answer is not a whole number"},
		{"a number that would overflow", "99999999999999999999", "1: the answer is not a whole number"},
		{"a new line", "1\n", "1: the answer is not a whole number"},
		{"one place too many", "0,0,0,0,0,0,0,0,0,0,", "11 places given, but phq-9 1.0.0 has 10 items"},
		{"far too long", strings.Repeat(",", 70_000), "longer than"},
		{"two faults", "a,b", "2: the answer is not a whole number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := d.ParseAnswerList(c.list)
			require.ErrorContains(t, err, c.message)
			require.Equal(t, fault.KindInvalid, fault.KindOf(err))
		})
	}
}

func TestSR20_ParseAnswersJSON(t *testing.T) {
	d := shipped(t, "phq-9")
	a, err := d.ParseAnswersJSON([]byte(` {"1": 2, "9": null, "2": 0} `))
	require.NoError(t, err)
	require.Equal(t, instrument.Answers{"1": instrument.Answer(2), "9": nil, "2": instrument.Answer(0)}, a)
	for _, c := range []struct{ name, json, message string }{
		{"a key twice", `{"1":2,"1":0}`, "1: given twice"},
		{"a key twice by escape", `{"1":2,"\u0031":0}`, "1: given twice"},
		{"an unknown key", `{"11":2}`, "11: phq-9 1.0.0 has no such item"},
		{"a key of another case", `{"TOTAL":2}`, "TOTAL: phq-9 1.0.0 has no such item"},
		{"trailing data", `{"1":2} {}`, "not one JSON value"},
		{"trailing comma", `{"1":2,}`, "not one JSON value"},
		{"depth", strings.Repeat("[", 33) + strings.Repeat("]", 33), "nested deeper than 32 levels"},
		{"great depth", strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000), "not one JSON value"},
		{"nesting", `{"1":{"value":2}}`, "1: the answer is not a whole number"},
		{"a list", `[1,2]`, "expected an object"},
		{"nothing", ``, "not one JSON value"},
		{"NUL", "{\"1\x00\":2}", "contains a NUL character"},
		{"escaped NUL", `{"1\u0000":2}`, "contains a NUL character"},
		{"bytes that are not UTF-8", "{\"1\xff\":2}", "not UTF-8"},
		{"half a surrogate pair", `{"\ud800":2}`, "has no such item"},
		{"NaN", `{"1":NaN}`, "not one JSON value"},
		{"overflow", `{"1":1e999}`, "1: the answer is not a whole number"},
		{"a large number", `{"1":12345678901234567890}`, "1: the answer is not a whole number"},
		{"a fraction", `{"1":1.0}`, "1: the answer is not a whole number"},
		{"an exponent", `{"1":1e0}`, "1: the answer is not a whole number"},
		{"text", `{"1":"2"}`, "1: the answer is not a whole number"},
		{"true", `{"1":true}`, "1: the answer is not a whole number"},
		{"too many values", manyValues(60), "more values than phq-9 1.0.0 has items"},
		{"too many bytes", `{"1":2}` + strings.Repeat(" ", 70_000), "more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := d.ParseAnswersJSON([]byte(c.json))
			require.ErrorContains(t, err, c.message)
			require.Equal(t, fault.KindInvalid, fault.KindOf(err))
		})
	}
}

func manyValues(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"` + strings.Repeat("x", i+1) + `":1`)
	}
	return "{" + b.String()[1:] + "}"
}

func TestParseAnswer(t *testing.T) {
	v, err := instrument.ParseAnswer("")
	require.NoError(t, err)
	require.Nil(t, v)
	v, err = instrument.ParseAnswer("3")
	require.NoError(t, err)
	require.Equal(t, 3, *v)
	for _, text := range []string{" ", "3 ", "x", "1e1", "0x1", "--1"} {
		_, err = instrument.ParseAnswer(text)
		require.Equal(t, fault.KindInvalid, fault.KindOf(err), "%q", text)
	}
}

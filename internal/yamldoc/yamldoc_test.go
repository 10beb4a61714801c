package yamldoc_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/yamldoc"
)

var schema = yamldoc.MustCompile("test document", []byte(`{
	"type": "object",
	"additionalProperties": false,
	"properties": {
		"name": {"type": "string"},
		"size": {"type": "number", "maximum": 10},
		"on": {"type": "boolean"},
		"list": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}}
	}
}`))

func details(t *testing.T, err error) []fault.Detail {
	t.Helper()
	var f *fault.Error
	require.True(t, errors.As(err, &f), "%v", err)
	require.Equal(t, fault.KindInvalid, f.Kind)
	return f.Details
}

func TestReadGivesTheTree(t *testing.T) {
	doc, err := schema.Read([]byte("name: >\n  two\n  lines\nsize: 1.50\non: true\nlist:\n  - n: -3\n  - {n: 0}\n"))
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"two lines\n","size":1.50,"on":true,"list":[{"n":-3},{"n":0}]}`, string(doc.Canonical()))
	var v struct {
		Name string `json:"name"`
		Size json.Number
		On   bool
		List []struct{ N int }
	}
	require.NoError(t, doc.Decode(&v))
	require.Equal(t, -3, v.List[0].N)
	require.Equal(t, "list/1/n (line 8)", doc.Place("list", "1", "n"))
	require.Equal(t, "list/1/gone (line 8)", doc.Place("list", "1", "gone"), "the nearest node that exists")
	require.Equal(t, "document (line 1)", doc.Place())
	require.Error(t, doc.Decode(&struct{ Name string }{}), "a field that the type does not know")
}

func TestReadRefusesWhatSaysMoreThanItShows(t *testing.T) {
	for _, c := range []struct{ name, source, place, message string }{
		{"an alias", "name: &a x\nlist: [*a]", "name (line 1)", "Anchor"},
		{"a merge key", "list:\n  - <<: {n: 1}", "list/0 (line 2)", "not text"},
		{"a tag", "name: !!binary aGk=", "name (line 1)", "Tag"},
		{"two documents", "name: a\n---\nname: b", "document (line 3)", "more than one document"},
		{"a directive", "%YAML 1.2\n---\nname: a", "document (line 1)", "directives"},
		{"a key twice", "name: a\nname: b", "document (line 2)", "already defined"},
		{"a key that is a number", "1: a", "document (line 1)", "put it in quotes"},
		{"a number in hexadecimal", "size: 0x1F", "size (line 1)", "plain decimal"},
		{"a number with a leading zero", "size: 012", "size (line 1)", "plain decimal"},
		{"a number with underscores", "size: 1_000", "size (line 1)", "plain decimal"},
		{"a number with an exponent", "size: 1.5e3", "size (line 1)", "plain decimal"},
		{"infinity", "size: .inf", "size (line 1)", "not used"},
		{"not a number", "size: .nan", "size (line 1)", "not used"},
		{"a tab for a space", "list:\n\t- n: 1", "document (line 2)", "not YAML"},
		{"nothing", "", "document", "holds nothing"},
		{"only a comment", "# x", "document", "holds nothing"},
		{"lists too deep", strings.Repeat("[", 100_000), "document (line 1)", "deeper than 32"},
		{"lists in lists on one line", "list:\n  " + strings.Repeat("- ", 100) + "x", "document (line 2)", "deeper than 32"},
		{"an indent too wide", "list:\n" + strings.Repeat(" ", 300) + "- n: 1", "document (line 2)", "deeper than 32"},
		{"mappings too deep", steps(40), "", "deeper than 32"},
		{"too many parts", strings.Repeat("-\n", 60_000), "document", "more than 50000 parts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := schema.Read([]byte(c.source))
			found := details(t, err)
			require.Contains(t, found[0].Message, c.message)
			if c.place != "" {
				require.Equal(t, c.place, found[0].Item)
			}
		})
	}
	for name, source := range map[string]string{"NUL": "name: \x00", "bytes that are not UTF-8": "name: \xff", "too large": strings.Repeat("#", yamldoc.MaxBytes+1)} {
		_, err := schema.Read([]byte(source))
		require.Equal(t, fault.KindInvalid, fault.KindOf(err), name)
	}
}

// steps nests n mappings, each a space further in.
func steps(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestReadGathersEveryFaultOfTheSchema(t *testing.T) {
	_, err := schema.Read([]byte("name: 3\nsize: 11\nlist:\n  - n: x\n"))
	var places []string
	for _, d := range details(t, err) {
		places = append(places, d.Item)
	}
	require.Equal(t, []string{"list/0/n (line 4)", "name (line 1)", "size (line 2)"}, places)
}

func TestCanonicalFormIsFreeOfLayout(t *testing.T) {
	one, err := schema.Read([]byte("name: a # why\nsize: 2\n"))
	require.NoError(t, err)
	two, err := schema.Read([]byte("{size: 2, \"name\": 'a'}"))
	require.NoError(t, err)
	require.Equal(t, string(one.Canonical()), string(two.Canonical()))
}

func TestMustCompilePanicsOnABrokenSchema(t *testing.T) {
	require.Panics(t, func() { yamldoc.MustCompile("broken", []byte(`{"type": 3}`)) })
	require.Panics(t, func() { yamldoc.MustCompile("broken", []byte(`{`)) })
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("name: a\nlist: [{n: 1}]\n"))
	f.Add([]byte("a: &x [*x]\n<<: *x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := schema.Read(data)
		if err != nil {
			require.Equal(t, fault.KindInvalid, fault.KindOf(err))
			return
		}
		require.True(t, json.Valid(doc.Canonical()))
	})
}

// Codes are often digits: YAML then reads a number, and a schema that wants text
// says so with what to do.
func TestTextThatYAMLTakesForSomethingElseGoesInQuotes(t *testing.T) {
	for _, c := range []struct{ name, source, message string }{
		{"a number", "name: -99", "is read as a number; it is text here, so put it in quotes"},
		{"a decimal", "name: 1.0", "is read as a number; it is text here, so put it in quotes"},
		{"a leading zero", "name: 01", "put it in quotes"},
		{"true", "name: true", "is read as true or false; it is text here, so put it in quotes"},
		{"nothing", "name: ~", "is read as nothing; it is text here, so put it in quotes"},
		{"left out", "name:", "is read as nothing; it is text here, so put it in quotes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := schema.Read([]byte(c.source))
			found := details(t, err)
			require.Len(t, found, 1)
			require.Equal(t, "name (line 1)", found[0].Item)
			require.Contains(t, found[0].Message, c.message)
		})
	}
}

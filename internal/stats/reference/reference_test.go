package reference_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/stats"
	"afterglow/internal/stats/reference"
)

const file = `{"cases": [{"id": "one", "kind": "k",
	"expected": {"a": 1, "b": {"a": [100, 2], "x": null}, "s": "text", "w": [[3]]},
	"tolerance": {"default": {"rel": 0, "abs": 0.5}, "b": {"rel": 0.01, "abs": 0}, "w": {"rel": 0, "abs": 0}}}]}`

type object = map[string]any

func TestCompareFindsWhatDoesNotHold(t *testing.T) {
	cases := []struct {
		name   string
		result any
		fields []string
	}{
		{"equal", object{"a": 1, "b": object{"a": []int{100, 2}, "x": nil}, "s": "text", "w": [][]int{{3}}}, nil},
		{"more than asked", object{"a": 1, "b": object{"a": []int{100, 2}}, "s": "text", "w": [][]int{{3}}, "z": 1}, nil},
		{"the default tolerance", object{"a": 1.5, "b": object{"a": []int{100, 2}}, "s": "text", "w": [][]int{{3}}}, nil},
		{"beyond it", object{"a": 1.6, "b": object{"a": []int{100, 2}}, "s": "text", "w": [][]int{{3}}}, []string{"a"}},
		{"the nearest field's", object{"a": 1, "b": object{"a": []float64{101, 2.1}}, "s": "text", "w": [][]int{{3}}}, []string{"b.a[1]"}},
		{"a value for null", object{"a": 1, "b": object{"a": []int{100, 2}, "x": 0}, "s": "text", "w": [][]int{{3}}}, []string{"b.x"}},
		{"null for a value", object{"a": stats.Number{}, "b": object{"a": []int{100, 2}}, "s": "text", "w": [][]int{{3}}}, []string{"a"}},
		{"absent", object{"a": 1, "b": object{"a": []int{100, 2}}, "w": [][]int{{3}}}, []string{"s"}},
		{"another length", object{"a": 1, "b": object{"a": []int{100}}, "s": "text", "w": [][]int{{3}}}, []string{"b.a"}},
		{"another shape", object{"a": 1, "b": 3, "s": "text", "w": [][]int{{3}}}, []string{"b"}},
	}
	read, err := reference.Read([]byte(file))
	require.NoError(t, err)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			// "a" is a key of no tolerance inside b: b's own holds there
			differences, n, err := read[0].Compare(c.result)
			require.NoError(t, err)
			require.NotZero(t, n)
			var fields []string
			for _, d := range differences {
				fields = append(fields, d.Name)
			}
			require.Equal(t, c.fields, fields)
		})
	}
}

func TestFiltersDropRowsWithoutTheColumn(t *testing.T) {
	data, err := reference.ReadCSV([]byte("id,x,g\na,1,u\nb,,u\nc,3,v\n"))
	require.NoError(t, err)
	cases := map[string]struct {
		filter reference.Filter
		kept   []string
	}{
		"not missing":            {reference.Filter{Column: "x", Op: "not_missing"}, []string{"a", "c"}},
		"equal":                  {reference.Filter{Column: "g", Op: "==", Value: []byte(`"v"`)}, []string{"c"}},
		"not equal":              {reference.Filter{Column: "x", Op: "!=", Value: []byte(`1`)}, []string{"c"}},
		"a text is not a number": {reference.Filter{Column: "g", Op: "!=", Value: []byte(`1`)}, []string{"a", "b", "c"}},
		"less":                   {reference.Filter{Column: "x", Op: "<", Value: []byte(`3`)}, []string{"a"}},
		"at least":               {reference.Filter{Column: "x", Op: ">=", Value: []byte(`1`)}, []string{"a", "c"}},
		"among":                  {reference.Filter{Column: "g", Op: "in", Value: []byte(`["u", "w"]`)}, []string{"a", "b"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			kept, err := data.Keep([]reference.Filter{c.filter})
			require.NoError(t, err)
			require.Equal(t, c.kept, kept.Frame("id").Texts["id"])
		})
	}
	_, err = data.Keep([]reference.Filter{{Column: "x", Op: "~", Value: []byte("1")}})
	require.Error(t, err)
	_, err = data.Keep([]reference.Filter{{Column: "nowhere", Op: "not_missing"}})
	require.Error(t, err)
}

func TestFiltersThatMakeNoSenseAreRefused(t *testing.T) {
	data, err := reference.ReadCSV([]byte("id,x\na,1\n"))
	require.NoError(t, err)
	for name, filter := range map[string]reference.Filter{
		"no relation": {Column: "x", Value: []byte("1")}, "no value": {Column: "x", Op: "=="}, "a list": {Column: "x", Op: "<", Value: []byte("[1]")},
		"in without a list": {Column: "x", Op: "in", Value: []byte("1")}, "a truth": {Column: "x", Op: "!=", Value: []byte("true")}, "no JSON": {Column: "x", Op: "==", Value: []byte("{")},
	} {
		_, err := data.Keep([]reference.Filter{filter})
		var failure *stats.Failure
		require.ErrorAs(t, err, &failure, name)
		require.Equal(t, "x", failure.Where, name)
	}
}

func TestTablesThatAreNone(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "a short row": "a,b\n1\n", "a quote": "a,b\n\"1,2\n", "a column twice": "a,b,a\n1,2,3\n"} {
		_, err := reference.ReadCSV([]byte(text))
		var failure *stats.Failure
		require.ErrorAs(t, err, &failure, name)
		require.NotEmpty(t, failure.Where, name)
	}
	data, err := reference.ReadCSV([]byte("\ufeffx,y\n1,\n"))
	require.NoError(t, err)
	require.Contains(t, data.Frame().Numbers, "x", "a byte order mark is no part of the name")
}

// Any text is read or refused, and a filter of any kind keeps no more rows than there are.
func FuzzData(f *testing.F) {
	f.Add("id,x\na,1\nb,\n", "x", "<", "2")
	f.Add("x\n\n1\n", "x", "in", "[1, \"a\", null]")
	f.Fuzz(func(t *testing.T, text, column, op, value string) {
		data, err := reference.ReadCSV([]byte(text))
		if err != nil {
			return
		}
		all := data.Frame()
		kept, err := data.Keep([]reference.Filter{{Column: column, Op: op, Value: []byte(value)}})
		if err != nil {
			return
		}
		require.LessOrEqual(t, kept.Frame().Length(), all.Length())
		_, _ = data.Integers()
	})
}

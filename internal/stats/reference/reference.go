// Package reference reads reference cases of other statistical software and compares results with them. Floor: ground.
// It must not loosen a tolerance: a case says what is expected and how near a result has to come.
package reference

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"afterglow/internal/stats"
)

// Tolerance allows a difference of max(Abs, Rel * |expected|).
type Tolerance struct {
	Rel float64 `json:"rel"`
	Abs float64 `json:"abs"`
}

// Case is one reference case; Input is what its kind needs, Expected what the other software gave.
type Case struct {
	ID        string               `json:"id"`
	Kind      string               `json:"kind"`
	Title     string               `json:"title"`
	Dataset   string               `json:"dataset"`
	Rows      []Filter             `json:"rows"`
	Input     json.RawMessage      `json:"input"`
	Expected  json.RawMessage      `json:"expected"`
	Tolerance map[string]Tolerance `json:"tolerance"`
	// Unknown lists the fields that a case does not have, those of its filters led by "rows.".
	Unknown []string `json:"-"`
}

// CaseFields are the fields of a case; those that Case does not hold are remarks on where its numbers come from. FilterFields
// are those of a filter.
var (
	CaseFields = []string{"id", "kind", "title", "dataset", "rows", "input", "expected", "tolerance", "r_call", "packages",
		"crosscheck", "notes", "source"}
	FilterFields = []string{"column", "op", "value"}
)

// UnmarshalJSON reads a case and notes the fields that it does not know, so that none is passed over.
func (c *Case) UnmarshalJSON(text []byte) error {
	type plain Case
	if err := json.Unmarshal(text, (*plain)(c)); err != nil {
		return fmt.Errorf("read a case: %w", err)
	}
	var members map[string]json.RawMessage
	var filters struct {
		Rows []map[string]json.RawMessage `json:"rows"`
	}
	if err := errors.Join(json.Unmarshal(text, &members), json.Unmarshal(text, &filters)); err != nil {
		return fmt.Errorf("read a case: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(CaseFields, name) {
			c.Unknown = append(c.Unknown, name)
		}
	}
	for _, filter := range filters.Rows {
		for _, name := range slices.Sorted(maps.Keys(filter)) {
			if !slices.Contains(FilterFields, name) {
				c.Unknown = append(c.Unknown, "rows."+name)
			}
		}
	}
	return nil
}

// Read reads the cases of a reference file.
func Read(file []byte) ([]Case, error) {
	var document struct {
		Cases []Case `json:"cases"`
	}
	if err := json.Unmarshal(file, &document); err != nil {
		return nil, fmt.Errorf("read reference cases: %w", err)
	}
	if document.Cases == nil {
		return nil, errors.New("read reference cases: there is no list of cases")
	}
	return document.Cases, nil
}

// Field is one compared field of a case. RelativeDifference is of numbers other than 0; Tolerance is the difference that
// was allowed, undefined where the field had to be equal.
type Field struct {
	Case               string       `json:"case"`
	Name               string       `json:"field"`
	Expected           string       `json:"expected"`
	Got                string       `json:"got"`
	RelativeDifference stats.Number `json:"relative_difference"`
	Tolerance          stats.Number `json:"tolerance"`
	Pass               bool         `json:"pass"`
}

// String is a line for the log of a comparison.
func (f Field) String() string {
	return fmt.Sprintf("%s: %s: expected %s, got %s", f.Case, f.Name, f.Expected, f.Got)
}

// Compare gives the fields that do not hold, and how many were compared.
func (c Case) Compare(result any) ([]Field, int, error) {
	fields, err := c.Fields(result)
	return slices.DeleteFunc(slices.Clone(fields), func(f Field) bool { return f.Pass }), len(fields), err
}

// Fields walks the expected fields of the case through the result as JSON. A number holds within the tolerance of the
// nearest enclosing field name that the case lists, else within its default; everything else must be equal. An absent
// field holds where null is expected.
func (c Case) Fields(result any) ([]Field, error) {
	text, err := json.Marshal(result)
	if err != nil {
		return nil, fmt.Errorf("write the result of %s: %w", c.ID, err)
	}
	var expected, got any
	if err := json.Unmarshal(c.Expected, &expected); err != nil {
		return nil, fmt.Errorf("read what %s expects: %w", c.ID, err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return nil, fmt.Errorf("read the result of %s: %w", c.ID, err)
	}
	w := walk{name: c.ID, tolerance: c.Tolerance}
	w.value(expected, got, "", "default")
	return w.fields, nil
}

type walk struct {
	name      string
	tolerance map[string]Tolerance
	fields    []Field
}

func (w *walk) equal(path string, expected, got any, pass bool) {
	w.fields = append(w.fields, Field{Case: w.name, Name: path, Expected: fmt.Sprint(expected), Got: fmt.Sprint(got), Pass: pass})
}

func (w *walk) value(expected, got any, path, key string) {
	switch e := expected.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			w.equal(path, "an object", got, false)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(e)) {
			w.member(name, e[name], g, path, key)
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(e) {
			w.equal(path, fmt.Sprintf("a list of %d", len(e)), got, false)
			return
		}
		for i := range e {
			w.value(e[i], g[i], path+"["+strconv.Itoa(i)+"]", key)
		}
	case float64:
		w.number(e, got, path, w.tolerance[key])
	default:
		w.equal(path, expected, got, expected == got)
	}
}

func (w *walk) number(expected float64, got any, path string, t Tolerance) {
	allowed := math.Max(t.Abs, t.Rel*math.Abs(expected))
	f := Field{Case: w.name, Name: path, Expected: strconv.FormatFloat(expected, 'g', -1, 64), Got: fmt.Sprint(got), Tolerance: stats.Of(allowed)}
	if g, ok := got.(float64); ok {
		f.Got = strconv.FormatFloat(g, 'g', -1, 64)
		f.RelativeDifference = stats.Of(math.Abs(g-expected) / math.Abs(expected))
		f.Pass = math.Abs(g-expected) <= allowed
	}
	w.fields = append(w.fields, f)
}

func (w *walk) member(name string, expected any, got map[string]any, path, key string) {
	if path != "" {
		path += "."
	}
	if _, ok := w.tolerance[name]; ok {
		key = name
	}
	value, present := got[name]
	switch {
	case present:
		w.value(expected, value, path+name, key)
	case expected != nil:
		w.equal(path+name, expected, "absent", false)
	}
}

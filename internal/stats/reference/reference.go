// Package reference reads reference cases of other statistical software and compares results with them. Floor: ground.
// It must not loosen a tolerance: a case says what is expected and how near a result has to come.
package reference

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
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
}

// Read reads the cases of a reference file.
func Read(file []byte) ([]Case, error) {
	var document struct {
		Cases []Case `json:"cases"`
	}
	if err := json.Unmarshal(file, &document); err != nil {
		return nil, fmt.Errorf("read reference cases: %w", err)
	}
	return document.Cases, nil
}

// Difference is a field that does not hold.
type Difference struct {
	Case     string `json:"case"`
	Field    string `json:"field"`
	Expected string `json:"expected"`
	Got      string `json:"got"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s: expected %s, got %s", d.Case, d.Field, d.Expected, d.Got)
}

// Compare walks the expected fields of the case through the result as JSON. It returns the fields that
// do not hold and the number of fields compared. A number holds within the tolerance of the nearest
// enclosing field name that the case lists, else within its default; everything else must be equal. An
// absent field holds where null is expected.
func (c Case) Compare(result any) ([]Difference, int, error) {
	text, err := json.Marshal(result)
	if err != nil {
		return nil, 0, fmt.Errorf("write the result of %s: %w", c.ID, err)
	}
	var expected, got any
	if err := json.Unmarshal(c.Expected, &expected); err != nil {
		return nil, 0, fmt.Errorf("read what %s expects: %w", c.ID, err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return nil, 0, fmt.Errorf("read the result of %s: %w", c.ID, err)
	}
	w := walk{name: c.ID, tolerance: c.Tolerance}
	w.value(expected, got, "", "default")
	return w.differences, w.fields, nil
}

type walk struct {
	name        string
	tolerance   map[string]Tolerance
	fields      int
	differences []Difference
}

func (w *walk) differ(path string, expected, got any) {
	w.differences = append(w.differences, Difference{w.name, path, fmt.Sprint(expected), fmt.Sprint(got)})
}

func (w *walk) value(expected, got any, path, key string) {
	switch e := expected.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			w.fields++
			w.differ(path, "an object", got)
			return
		}
		for name, value := range e {
			w.member(name, value, g, path, key)
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(e) {
			w.fields++
			w.differ(path, fmt.Sprintf("a list of %d", len(e)), got)
			return
		}
		for i := range e {
			w.value(e[i], g[i], path+"["+strconv.Itoa(i)+"]", key)
		}
	case float64:
		w.fields++
		g, ok := got.(float64)
		t := w.tolerance[key]
		if !ok || !(math.Abs(g-e) <= math.Max(t.Abs, t.Rel*math.Abs(e))) {
			w.differ(path, e, got)
		}
	default:
		w.fields++
		if expected != got {
			w.differ(path, expected, got)
		}
	}
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
		w.fields++
		w.differ(path+name, expected, "absent")
	}
}

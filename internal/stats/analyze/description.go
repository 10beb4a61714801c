package analyze

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"afterglow/internal/stats"
)

// Description says what a kind of analysis takes and gives.
type Description struct {
	Kind   string  `json:"kind"`
	About  string  `json:"about"`
	Input  []Field `json:"input"`
	Result []Field `json:"result"`
}

// Field is a field of a JSON object; Fields are those of the object, or of the objects of the list, that it holds.
type Field struct {
	Name   string  `json:"name"`
	Type   string  `json:"type"`
	Fields []Field `json:"fields,omitempty"`
}

// Kinds describes every kind of analysis, in the order of the families.
func Kinds() []Description {
	out := make([]Description, len(kinds))
	for i, k := range kinds {
		out[i] = Description{Kind: k.name, About: k.about, Input: fields(k.input)}
		for _, form := range k.results {
			for _, f := range fields(form) {
				if !slices.ContainsFunc(out[i].Result, func(g Field) bool { return g.Name == f.Name }) {
					out[i].Result = append(out[i].Result, f)
				}
			}
		}
	}
	return out
}

var (
	number    = reflect.TypeFor[stats.Number]()
	rawJSON   = reflect.TypeFor[json.RawMessage]()
	marshaler = reflect.TypeFor[json.Marshaler]()
)

// fields lists the JSON fields of a struct, those of embedded structs among them.
func fields(t reflect.Type) []Field {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == number {
		return nil
	}
	out := []Field{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" { // its fields stand among the struct's own, as in JSON; an own one of the same name wins
			for _, inner := range fields(f.Type) {
				if !slices.ContainsFunc(out, func(g Field) bool { return g.Name == inner.Name }) {
					out = append(out, inner)
				}
			}
			continue
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name) // labels that a type writes itself, such as an arm by its column's name
		}
		out = append(out, Field{name, typeName(f.Type), fields(f.Type)})
	}
	return out
}

func typeName(t reflect.Type) string {
	switch {
	case t == number:
		return "number or null"
	case t == rawJSON:
		return "any"
	case t.Kind() == reflect.Pointer:
		return typeName(t.Elem()) + " or null"
	case t.Kind() == reflect.Slice:
		return "list of " + typeName(t.Elem())
	case t.Kind() == reflect.Map:
		return "object of " + typeName(t.Elem())
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Struct, t.Implements(marshaler):
		return "object"
	}
	return "number"
}

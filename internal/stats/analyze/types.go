package analyze

import (
	"encoding/json"
	"reflect"
	"strings"

	"afterglow/internal/stats"
)

// wrongType says which field of a case's input is of another type than its kind
// takes, in the words of `analyze --kinds`.
func wrongType(kind string, input json.RawMessage, of reflect.Type) error {
	if !strings.HasPrefix(strings.TrimSpace(string(input)), "{") {
		return stats.Errorf(stats.BadInput, "input", "is no object with the fields of %s", kind)
	}
	if name, takes := misfit(input, of); name != "" {
		return stats.Errorf(stats.BadInput, name, "is of another type than %s takes here: %s", kind, takes)
	}
	return stats.Errorf(stats.BadInput, "input", "holds a value of another type than %s takes", kind)
}

// misfit finds the first field of the input, in the order of the kind's own fields,
// that cannot be read as its type, and what that type is called.
func misfit(input json.RawMessage, of reflect.Type) (name, takes string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(input, &members) != nil {
		return "", ""
	}
	for _, f := range reflect.VisibleFields(of) {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		value, given := members[tag]
		if tag == "" || f.Anonymous || !given {
			continue
		}
		if json.Unmarshal(value, reflect.New(f.Type).Interface()) != nil {
			return tag, strings.ReplaceAll(typeName(f.Type), "number", numberWord(f.Type))
		}
	}
	return "", ""
}

// numberWord tells whole numbers from others.
func numberWord(t reflect.Type) string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64 {
		return "whole number"
	}
	return "number"
}

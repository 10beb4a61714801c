package analyze

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"afterglow/internal/stats"
)

// common are the fields that the input of every kind may hold: a kind that reports no interval has no use for the level, and
// the source is a remark.
var common = []string{"level", "source"}

// onlyKnown refuses a field of a case's input that its kind does not take, by its name and with the name that it may have been
// meant to be. A field's name has to be written as it is described, upper and lower case included.
func onlyKnown(kind string, input json.RawMessage, of reflect.Type) error {
	return knownIn(kind, "", input, of, common)
}

func knownIn(kind, path string, value json.RawMessage, of reflect.Type, further []string) error {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch {
	case of.Kind() == reflect.Slice:
		var elements []json.RawMessage
		if json.Unmarshal(value, &elements) != nil { // text, or null
			return nil
		}
		for _, element := range elements {
			if err := knownIn(kind, path, element, of.Elem(), nil); err != nil {
				return err
			}
		}
	case of.Kind() == reflect.Map:
		var members map[string]json.RawMessage
		if json.Unmarshal(value, &members) != nil {
			return nil
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if err := knownIn(kind, path, members[name], of.Elem(), nil); err != nil {
				return err
			}
		}
	case of.Kind() == reflect.Struct && !reflect.PointerTo(of).Implements(reflect.TypeFor[json.Unmarshaler]()):
		return knownFields(kind, path, value, of, further)
	}
	return nil
}

func knownFields(kind, path string, value json.RawMessage, of reflect.Type, further []string) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(value, &members) != nil {
		return nil
	}
	types := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(of) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			types[name] = f.Type
		}
	}
	known := slices.Concat(slices.Sorted(maps.Keys(types)), further)
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return unknown(kind+" takes", path+name, name, known)
		}
		if inner, described := types[name]; described {
			if err := knownIn(kind, path+name+".", members[name], inner, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// unknown is the failure of a name that there is not; takes says what takes no such field.
func unknown(takes, where, name string, known []string) error {
	if near := nearest(name, known); near != "" {
		return stats.Errorf(stats.BadInput, where, "%s no such field; did you mean %q?", takes, near)
	}
	return stats.Errorf(stats.BadInput, where, "%s no such field; there are %s", takes, strings.Join(slices.Compact(slices.Sorted(slices.Values(known))), ", "))
}

// nearest is the known name that is fewest changed, missing, added or swapped letters away, at most a third of the letters;
// empty where none is that near.
func nearest(name string, known []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least && d < len(name) {
			best, least = k, d
		}
	}
	if best != "" {
		return best
	}
	for _, k := range known { // a plural, a longer or a shorter form
		if len(k) > 1 && len(name) > 2 && (strings.HasPrefix(name, k) || strings.HasPrefix(k, name)) {
			return k
		}
	}
	return ""
}

// distance counts the letters to change, leave out, add, or swap with their neighbour (optimal string alignment; Damerau 1964,
// Commun ACM 7:171).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

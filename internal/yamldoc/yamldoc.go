// Package yamldoc reads a YAML document written by people against a JSON Schema
// and says where each fault stands. Floor: ground.
//
// It must not know what a document means: the rooms that own a format (an
// instrument, a list of crisis contacts) keep their schema and their own checks.
//
// The YAML it takes is a plain tree of mappings, lists and scalars. Anchors,
// aliases, merge keys, tags, several documents in one file, keys that are not
// text and keys given twice are refused: each lets a file say something other
// than what its reader sees.
package yamldoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"afterglow/internal/fault"
)

// MaxBytes is the largest document that is read; a definition written by people
// is far below it.
const MaxBytes = 256 << 10

// Schema is a compiled JSON Schema with the name that messages use for it.
type Schema struct {
	name     string
	compiled *jsonschema.Schema
}

// MustCompile compiles a schema that ships with the program. It panics when the
// schema is broken, which is a programming error.
func MustCompile(name string, source []byte) *Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(source))
	if err != nil {
		panic(fmt.Sprintf("schema %s: %v", name, err)) // house:panic a schema that ships broken is a programming error
	}
	compiler := jsonschema.NewCompiler()
	const url = "mem:///schema.json"
	if err := compiler.AddResource(url, doc); err != nil {
		panic(fmt.Sprintf("schema %s: %v", name, err)) // house:panic a schema that ships broken is a programming error
	}
	return &Schema{name: name, compiled: compiler.MustCompile(url)}
}

// Document is a tree that has passed its schema, with the line of every node.
type Document struct {
	canonical []byte
	lines     map[string]int
}

// Read parses and validates. A fault.Invalid carries every fault found; Item of
// each detail is the place, as in "items/3/text (line 42)".
func (s *Schema) Read(data []byte) (*Document, error) {
	if len(data) > MaxBytes {
		return nil, fault.Invalid(s.name, "the file is larger than %d bytes", MaxBytes)
	}
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, fault.Invalid(s.name, "the file is not UTF-8 text")
	}
	r := reader{lines: map[string]int{}}
	tree := r.read(data)
	if len(r.faults) > 0 {
		return nil, fault.InvalidDetails(s.name, r.faults)
	}
	doc := &Document{lines: r.lines}
	if err := s.compiled.Validate(tree); err != nil {
		return nil, fault.InvalidDetails(s.name, doc.schemaFaults(err))
	}
	canonical, err := json.Marshal(tree)
	if err != nil {
		return nil, fault.Invalid(s.name, "the file cannot be written in canonical form: %v", err)
	}
	doc.canonical = canonical
	return doc, nil
}

// Canonical gives the document as JSON with sorted keys: equal for files that
// differ only in comments, order of keys, quoting or layout.
func (d *Document) Canonical() []byte { return d.canonical }

// CanonicalWithout is Canonical without some keys: those named alone stand at the
// top of the document, one named list[].key in each entry of a list there. What is
// left is what a hash is to hold.
func (d *Document) CanonicalWithout(keys ...string) ([]byte, error) {
	top := map[string]json.RawMessage{}
	if err := json.Unmarshal(d.canonical, &top); err != nil {
		return nil, fault.Invalid("document", "%v", err)
	}
	for _, key := range keys {
		list, field, nested := strings.Cut(key, "[].")
		if !nested {
			delete(top, key)
			continue
		}
		if _, there := top[list]; !there {
			continue
		}
		var entries []map[string]json.RawMessage
		if err := json.Unmarshal(top[list], &entries); err != nil {
			return nil, fault.Invalid("document", "%v", err)
		}
		for _, entry := range entries {
			delete(entry, field)
		}
		var err error
		if top[list], err = json.Marshal(entries); err != nil {
			return nil, fault.Invalid("document", "%v", err)
		}
	}
	left, err := json.Marshal(top)
	if err != nil {
		return nil, fault.Invalid("document", "%v", err)
	}
	return left, nil
}

// Decode fills v from the document. A field that v does not know is an error:
// schema and Go type must say the same.
func (d *Document) Decode(v any) error {
	dec := json.NewDecoder(bytes.NewReader(d.canonical))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fault.Invalid("document", "%v", err)
	}
	return nil
}

// Place names a node for people: its path and the line on which it stands, or
// the line of the nearest node above it that exists.
func (d *Document) Place(path ...string) string {
	return place(d.lines, path)
}

func place(lines map[string]int, path []string) string {
	name := strings.Join(path, "/")
	if name == "" {
		name = "document"
	}
	for n := len(path); n >= 0; n-- {
		if line, ok := lines[pointer(path[:n])]; ok {
			return name + " (line " + strconv.Itoa(line) + ")"
		}
	}
	return name
}

// pointer joins with a byte that no YAML key can hold, so that a key with a
// slash in it does not meet another path.
func pointer(path []string) string { return strings.Join(path, "\x00") }

func (d *Document) schemaFaults(err error) []fault.Detail {
	invalid, ok := err.(*jsonschema.ValidationError)
	if !ok {
		return []fault.Detail{{Item: "document", Message: err.Error()}}
	}
	printer := message.NewPrinter(language.English)
	var details []fault.Detail
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) > 0 {
			for _, cause := range e.Causes {
				walk(cause)
			}
			return
		}
		details = append(details, fault.Detail{
			Item:    d.Place(e.InstanceLocation...),
			Message: e.ErrorKind.LocalizedString(printer),
		})
	}
	walk(invalid)
	sort.SliceStable(details, func(i, j int) bool { return details[i].Item < details[j].Item })
	return details
}

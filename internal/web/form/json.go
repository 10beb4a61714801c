package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
	"afterglow/internal/web/middleware"
)

// maxDepth is how deep a JSON document may be nested.
const maxDepth = 32

// Object is a JSON object. Its values are string, json.Number, bool, nil,
// Object and []any.
type Object map[string]any

// ReadJSON reads a body that is exactly one JSON object; see ParseJSON.
func ReadJSON(c echo.Context) (Object, error) {
	body, err := middleware.ReadBody(c)
	if err != nil {
		return nil, err
	}
	return ParseJSON(body)
}

// ParseJSON reads exactly one JSON object. Refused are what encoding/json lets
// pass or alters in silence: a key given twice, invalid UTF-8, text after the
// object, a NUL, a number beyond float64; and nesting deeper than 32, more than
// 500 members or elements in all.
func ParseJSON(body []byte) (Object, error) {
	if !utf8.Valid(body) {
		return nil, fault.Invalid("json", "is not valid UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	p := parser{decoder: decoder}
	value, err := p.value(0)
	if err != nil {
		return nil, err
	}
	object, ok := value.(Object)
	if !ok {
		return nil, fault.Invalid("json", "must be an object")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fault.Invalid("json", "has text after its end")
	}
	return object, nil
}

// Only refuses an object that has a member besides the named ones; case counts.
func (o Object) Only(names ...string) error {
	for name := range o {
		if !slices.Contains(names, name) {
			return fault.Invalid("json", "has a member that does not belong here")
		}
	}
	return nil
}

// Text gives a member that must be a string; absent is "".
func (o Object) Text(name string) (string, error) {
	value, given := o[name]
	if !given {
		return "", nil
	}
	text, ok := value.(string)
	if !ok {
		return "", fault.Invalid(name, "must be a string")
	}
	return text, nil
}

type parser struct {
	decoder *json.Decoder
	count   int
}

func (p *parser) value(depth int) (any, error) {
	token, err := p.decoder.Token()
	if err != nil {
		return nil, fault.Invalid("json", "is not well-formed")
	}
	if p.count++; p.count > maxFields {
		return nil, fault.Invalid("json", "holds more than %d values", maxFields)
	}
	switch t := token.(type) {
	case json.Delim:
		if depth >= maxDepth {
			return nil, fault.Invalid("json", "is nested deeper than %d", maxDepth)
		}
		if t == '{' {
			return p.object(depth)
		}
		return p.array(depth)
	case string:
		return t, checkText(t)
	case json.Number:
		if _, err := strconv.ParseFloat(t.String(), 64); err != nil {
			return nil, fault.Invalid("json", "holds a number that is too large")
		}
		return t, nil
	default:
		return token, nil
	}
}

func (p *parser) object(depth int) (any, error) {
	object := Object{}
	for p.decoder.More() {
		token, err := p.decoder.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return nil, fault.Invalid("json", "is not well-formed")
		}
		if _, twice := object[key]; twice {
			return nil, fault.Invalid("json", "gives a key twice")
		}
		if err := checkText(key); err != nil {
			return nil, err
		}
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		object[key] = value
	}
	return object, p.end()
}

func (p *parser) array(depth int) (any, error) {
	list := []any{}
	for p.decoder.More() {
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, p.end()
}

func (p *parser) end() error {
	if _, err := p.decoder.Token(); err != nil {
		return fault.Invalid("json", "is not well-formed")
	}
	return nil
}

// checkText refuses NUL and the replacement character: the decoder puts the
// latter where an escaped half of a surrogate pair stood.
func checkText(s string) error {
	for _, r := range s {
		if r == 0 || r == utf8.RuneError {
			return fault.Invalid("json", "holds characters that are not text")
		}
	}
	return nil
}

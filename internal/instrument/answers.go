package instrument

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"afterglow/internal/fault"
)

// Answers are the values chosen, by item id. A nil value and an absent key both
// mean: not answered. Not answered is never 0.
type Answers map[string]*int

// Answer makes an answered value.
func Answer(v int) *int { return &v }

const (
	maxAnswersBytes = 64 << 10
	maxAnswersDepth = 32
)

// wholeNumber is how an answer is written; the length keeps it far inside int.
var wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,8})$`)

// Check says everything that is wrong with answers, in the order of the form;
// nil when they can be scored. It never repeats an answer's value.
func (d *Definition) Check(a Answers) []fault.Detail {
	var faults []fault.Detail
	for _, id := range sortedKeys(a) {
		if _, known := d.index[id]; !known {
			faults = append(faults, fault.Detail{Item: printable(id), Message: d.ID + " " + d.Version + " has no such item"})
		}
	}
	states := d.askedStates(a)
	for i := range d.Items {
		it := &d.Items[i]
		v := a[it.ID]
		if v == nil {
			continue
		}
		if !it.Allows(*v) {
			faults = append(faults, fault.Detail{Item: it.ID, Message: "the answer is not one of the item's options"})
		}
		if states[i] == askedNo {
			faults = append(faults, fault.Detail{Item: it.ID, Message: "the item has an answer, but the earlier answers skip it"})
		}
	}
	return faults
}

// Unanswered lists the items that are asked, are not optional and have no
// answer, in the order of the form: what a form asks for once more.
func (d *Definition) Unanswered(a Answers) []string {
	var ids []string
	states := d.askedStates(a)
	for i := range d.Items {
		it := &d.Items[i]
		if a[it.ID] == nil && !it.Optional && states[i] != askedNo {
			ids = append(ids, it.ID)
		}
	}
	return ids
}

type asked int

const (
	askedYes asked = iota
	askedNo
	// askedUnclear: no earlier answer asks for the item, but one that could is missing.
	askedUnclear
)

// askedStates follows the skip logic once, in the order of the form: a condition
// looks at earlier items only. An answer that is not scored is like none: it does
// not say whether a later item applies.
func (d *Definition) askedStates(a Answers) []asked {
	a = d.scoredAnswers(a)
	states := make([]asked, len(d.Items))
	for i := range d.Items {
		if when := d.Items[i].AskWhen; when != nil {
			states[i] = d.conditionState(when, a, states)
		}
	}
	return states
}

func (d *Definition) conditionState(when *Condition, a Answers, states []asked) asked {
	state := askedNo
	for _, id := range when.AnyOf {
		v := a[id]
		switch {
		case v != nil && when.Op.ints(*v, when.Value):
			return askedYes
		case v == nil && states[d.index[id]] != askedNo:
			state = askedUnclear
		}
	}
	return state
}

// ParseAnswerList reads "2,3,,1": the answers in the order of the form, an empty
// place for one not given. A shorter list leaves the rest not answered.
func (d *Definition) ParseAnswerList(list string) (Answers, error) {
	if len(list) > maxAnswersBytes {
		return nil, fault.Invalid("answers", "the list is longer than %d bytes", maxAnswersBytes)
	}
	places := strings.Split(list, ",")
	if len(places) > len(d.Items) {
		return nil, fault.Invalid("answers", "%d places given, but %s %s has %d items", len(places), d.ID, d.Version, len(d.Items))
	}
	answers := Answers{}
	var faults []fault.Detail
	for i, text := range places {
		id := d.Items[i].ID
		text = strings.Trim(text, " ")
		if text == "" {
			answers[id] = nil
			continue
		}
		v, ok := parseWhole(text)
		if !ok {
			faults = append(faults, fault.Detail{Item: id, Message: "the answer is not a whole number"})
			continue
		}
		answers[id] = v
	}
	if len(faults) > 0 {
		return nil, fault.InvalidDetails("answers", faults)
	}
	return answers, nil
}

// ParseAnswersJSON reads {"item": value, ...} where a value is a whole number or
// null. It refuses what decoders differ on: keys given twice, keys of another
// case, text or fractions for numbers, nesting, trailing data, NUL, and bytes
// that are not UTF-8 (SR-20).
func (d *Definition) ParseAnswersJSON(data []byte) (Answers, error) {
	if err := checkJSON(data); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, fault.Invalid("answers", "expected an object of item ids and values")
	}
	answers := Answers{}
	var faults []fault.Detail
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, fault.Invalid("answers", "not JSON")
		}
		id, _ := key.(string)
		if len(answers) > len(d.Items) {
			return nil, fault.Invalid("answers", "more values than %s %s has items", d.ID, d.Version)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, fault.Invalid("answers", "not JSON")
		}
		v, problem := d.jsonAnswer(id, raw)
		if _, twice := answers[id]; twice {
			problem = "given twice"
		}
		if problem != "" {
			faults = append(faults, fault.Detail{Item: printable(id), Message: problem})
		}
		answers[id] = v
	}
	if len(faults) > 0 {
		return nil, fault.InvalidDetails("answers", faults)
	}
	return answers, nil
}

func (d *Definition) jsonAnswer(id string, raw json.RawMessage) (v *int, problem string) {
	if _, known := d.index[id]; !known {
		return nil, d.ID + " " + d.Version + " has no such item"
	}
	if string(raw) == "null" {
		return nil, ""
	}
	v, ok := parseWhole(string(raw))
	if !ok {
		return nil, "the answer is not a whole number"
	}
	return v, ""
}

func checkJSON(data []byte) error {
	switch {
	case len(data) > maxAnswersBytes:
		return fault.Invalid("answers", "more than %d bytes", maxAnswersBytes)
	case !utf8.Valid(data):
		return fault.Invalid("answers", "not UTF-8")
	case bytes.IndexByte(data, 0) >= 0 || bytes.Contains(data, []byte(`\u0000`)):
		return fault.Invalid("answers", "contains a NUL character")
	case !json.Valid(data):
		return fault.Invalid("answers", "not one JSON value")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	depth := 0
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault.Invalid("answers", "not JSON")
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxAnswersDepth {
			return fault.Invalid("answers", "nested deeper than %d levels", maxAnswersDepth)
		}
	}
}

// ParseAnswer reads one field of a form: "" is not answered.
func ParseAnswer(text string) (*int, error) {
	if text == "" {
		return nil, nil
	}
	v, ok := parseWhole(text)
	if !ok {
		return nil, fault.Invalid("answer", "the answer is not a whole number")
	}
	return v, nil
}

func parseWhole(text string) (*int, bool) {
	if !wholeNumber.MatchString(text) {
		return nil, false
	}
	v, err := strconv.Atoi(text)
	if err != nil {
		return nil, false
	}
	return &v, true
}

// printable shows a foreign key without letting it fill a page or a terminal.
func printable(id string) string {
	const longest = 60
	runes := []rune(id)
	if len(runes) > longest {
		id = string(runes[:longest]) + "…"
	}
	quoted := fmt.Sprintf("%+q", id)
	return strings.TrimSuffix(strings.TrimPrefix(quoted, `"`), `"`)
}

// Package identity holds a patient's name, contact and birth date. Floor: ground.
//
// It must not print itself: every way of formatting a value gives [redacted], so
// a person reaches a log, an error or JSON only by a deliberate Reveal.
package identity

import (
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"afterglow/internal/fault"
)

const redacted = "[redacted]"

// Text is a piece of identifying text.
type Text struct{ value string }

// NewText wraps identifying text, without the blanks around it.
func NewText(s string) Text { return Text{value: strings.TrimSpace(s)} }

// Reveal gives the text itself, for encryption and for the one page that shows it.
func (t Text) Reveal() string { return t.value }

// IsEmpty reports whether there is no text.
func (t Text) IsEmpty() bool { return t.value == "" }

// Format writes [redacted] for every verb.
func (t Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText writes [redacted] wherever an encoder asks, as JSON does.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue writes [redacted] to a structured log.
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// Person is a patient's identity. An empty field was not recorded.
type Person struct {
	Name    Text
	Contact Text
	// BirthDate is written as 2006-01-02.
	BirthDate Text
}

const maxTextBytes = 500

// Validate names every field that cannot be stored, never its value.
func (p Person) Validate() error {
	var faults []fault.Detail
	for _, field := range []struct {
		name string
		text Text
	}{{"name", p.Name}, {"contact", p.Contact}, {"birth date", p.BirthDate}} {
		v := field.text.value
		if len(v) > maxTextBytes || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			faults = append(faults, fault.Detail{Item: field.name, Message: fmt.Sprintf("must be text of at most %d bytes", maxTextBytes)})
		}
	}
	if p.Name.IsEmpty() {
		faults = append(faults, fault.Detail{Item: "name", Message: "is empty"})
	}
	if !p.BirthDate.IsEmpty() && !isDate(p.BirthDate.value) {
		faults = append(faults, fault.Detail{Item: "birth date", Message: "must be written as year-month-day, like 1980-05-31"})
	}
	if len(faults) > 0 {
		return fault.InvalidDetails("person", faults)
	}
	return nil
}

var monthDays = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func isDate(s string) bool {
	var year, month, day int
	if n, err := fmt.Sscanf(s, "%4d-%2d-%2d", &year, &month, &day); n != 3 || err != nil || len(s) != 10 {
		return false
	}
	if year < 1850 || month < 1 || month > 12 || day < 1 || day > monthDays[month] {
		return false
	}
	leap := year%4 == 0 && (year%100 != 0 || year%400 == 0)
	return month != 2 || day < 29 || leap
}

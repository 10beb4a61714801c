package page

import (
	"afterglow/internal/crisis"
)

// Contacts are those that a person in crisis can turn to, ready to be shown. It is
// made once at the start, so showing it reads nothing.
type Contacts struct {
	Lines []ContactLine
	// Confirmed is false until somebody at the site has tried each of them.
	Confirmed bool
}

// ContactLine is one contact in one language.
type ContactLine struct {
	Kind        string `json:"kind"`
	Value       string `json:"value,omitempty"`
	Message     string `json:"message,omitempty"`
	Label       string `json:"label"`
	Instruction string `json:"instruction"`
	Hours       string `json:"hours"`
}

// Number is what stands first on the contact's card: the number to call or to
// text, or "".
func (l ContactLine) Number() string {
	if l.Kind == string(crisis.KindPhone) || l.Kind == string(crisis.KindText) {
		return l.Value
	}
	return ""
}

// First are the first n contacts, or all where there are fewer.
func (c Contacts) First(n int) Contacts {
	c.Lines = c.Lines[:min(n, len(c.Lines))]
	return c
}

// After are the contacts after the first n.
func (c Contacts) After(n int) Contacts {
	c.Lines = c.Lines[min(n, len(c.Lines)):]
	return c
}

// NewContacts puts a country's list into a language. The first line is a phone
// number wherever the list has one.
func NewContacts(d *crisis.Directory, lang string) Contacts {
	contacts := Contacts{Confirmed: d.ConfirmedBySite}
	var others []ContactLine
	for _, c := range d.Contacts {
		line := ContactLine{
			Kind: string(c.Kind), Value: c.Value, Message: c.Message,
			Label: c.Label.In(lang), Instruction: c.Instruction.In(lang), Hours: c.Hours.In(lang),
		}
		if c.Kind == crisis.KindPhone {
			contacts.Lines = append(contacts.Lines, line)
		} else {
			others = append(others, line)
		}
	}
	contacts.Lines = append(contacts.Lines, others...)
	return contacts
}

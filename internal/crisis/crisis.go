// Package crisis has the contacts for a person in crisis, by country, as data.
// Floor: ground.
//
// It must not decide when contacts are shown, nor fetch anything: the contacts
// must be there when everything else is down.
package crisis

import (
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"

	"afterglow/internal/fault"
	"afterglow/internal/yamldoc"
	"afterglow/schemas"
)

var schema = yamldoc.MustCompile("crisis contacts", schemas.CrisisContacts)

// International is the country of the list for where no other is kept.
const International = "international"

// Kind says how a contact is reached.
type Kind string

// The kinds. A notice has words only: the number differs from place to place.
const (
	KindPhone  Kind = "phone"
	KindText   Kind = "text"
	KindURL    Kind = "url"
	KindNotice Kind = "notice"
)

// Text is the same words in several languages, by BCP 47 tag.
type Text map[string]string

// In gives the words in a language, else in English, else in the first language
// by name.
func (t Text) In(lang string) string {
	for _, l := range []string{lang, "en"} {
		if s, ok := t[l]; ok {
			return s
		}
	}
	langs := make([]string, 0, len(t))
	for l := range t {
		langs = append(langs, l)
	}
	if len(langs) == 0 {
		return ""
	}
	return t[slices.Min(langs)]
}

// Directory is the list of one country. ConfirmedBySite is false until somebody
// at the site has tried every contact.
type Directory struct {
	Country         string    `json:"country"`
	Titles          Text      `json:"titles"`
	Languages       []string  `json:"languages"`
	ConfirmedBySite bool      `json:"confirmed_by_site"`
	Words           *Words    `json:"words,omitempty"`
	Contacts        []Contact `json:"contacts"`
}

// Words stand above the contacts where a questionnaire's safety rule brings none
// of its own: a heading, then the words after an answer that meets the rule or
// after its item was left open.
type Words struct {
	Heading    Text `json:"heading"`
	Answered   Text `json:"answered"`
	Unanswered Text `json:"unanswered"`
}

// Contact is one way to reach help. Value is a number or an address; Message is
// the word to send in a text; AsOf is the day the entry was written.
type Contact struct {
	ID          string `json:"id"`
	Kind        Kind   `json:"kind"`
	Value       string `json:"value,omitempty"`
	Message     string `json:"message,omitempty"`
	Label       Text   `json:"label"`
	Instruction Text   `json:"instruction"`
	Hours       Text   `json:"hours"`
	Source      string `json:"source"`
	AsOf        string `json:"as_of"`
}

// Href is the link that starts a call, a text or a page; "" for a notice.
func (c Contact) Href() string {
	switch c.Kind {
	case KindPhone:
		return "tel:" + c.Value
	case KindText:
		if c.Message != "" {
			return "sms:" + c.Value + "?body=" + c.Message
		}
		return "sms:" + c.Value
	case KindURL:
		return c.Value
	case KindNotice:
		return ""
	}
	return ""
}

// Parse reads the list of one country. A fault.Invalid carries every fault found,
// with its path and line.
func Parse(data []byte) (*Directory, error) {
	doc, err := schema.Read(data)
	if err != nil {
		return nil, err
	}
	d := &Directory{}
	if err := doc.Decode(d); err != nil {
		return nil, err
	}
	var faults []fault.Detail
	hold := func(t Text, path ...string) {
		if !slices.Equal(languages(t), sorted(d.Languages)) {
			faults = append(faults, fault.Detail{Item: doc.Place(path...), Message: "must have exactly the languages of the list"})
		}
	}
	hold(d.Titles, "titles")
	if d.Words != nil {
		hold(d.Words.Heading, "words", "heading")
		hold(d.Words.Answered, "words", "answered")
		hold(d.Words.Unanswered, "words", "unanswered")
	}
	seen := map[string]bool{}
	for i, c := range d.Contacts {
		at := fmt.Sprint(i)
		hold(c.Label, "contacts", at, "label")
		hold(c.Instruction, "contacts", at, "instruction")
		hold(c.Hours, "contacts", at, "hours")
		if seen[c.ID] {
			faults = append(faults, fault.Detail{Item: doc.Place("contacts", at, "id"), Message: "the id is used twice"})
		}
		seen[c.ID] = true
	}
	if len(faults) > 0 {
		return nil, fault.InvalidDetails("crisis contacts "+d.Country, faults)
	}
	return d, nil
}

func languages(t Text) []string {
	langs := make([]string, 0, len(t))
	for l := range t {
		langs = append(langs, l)
	}
	sort.Strings(langs)
	return langs
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	sort.Strings(list)
	return list
}

// Directories holds the lists of all countries that are known.
type Directories struct {
	byCountry map[string]*Directory
}

// Load reads every *.yaml at the top of the given folders, in order; a later
// folder (the site's own) replaces the list of a country. A list without words has
// those of the list that it replaces, or of the international one. It is all or
// nothing, and there must be an international list.
func Load(folders ...fs.FS) (*Directories, error) {
	ds := &Directories{byCountry: map[string]*Directory{}}
	for _, folder := range folders {
		names, err := fs.Glob(folder, "*.yaml")
		if err != nil {
			return nil, fmt.Errorf("list crisis contacts: %w", err)
		}
		for _, name := range names {
			data, err := fs.ReadFile(folder, name)
			if err != nil {
				return nil, fmt.Errorf("read crisis contacts %s: %w", name, err)
			}
			d, err := Parse(data)
			if err != nil {
				return nil, fmt.Errorf("read crisis contacts %s: %w", name, err)
			}
			if name != d.Country+".yaml" {
				return nil, fault.Invalid(name, "holds the list of %s and must be named %s.yaml", d.Country, d.Country)
			}
			if before := ds.byCountry[d.Country]; before != nil && d.Words == nil {
				d.Words = before.Words
			}
			ds.byCountry[d.Country] = d
		}
	}
	international := ds.byCountry[International]
	if international == nil {
		return nil, fault.Invalid("crisis contacts", "there is no %s.yaml", International)
	}
	if international.Words == nil {
		return nil, fault.Invalid(International+".yaml", "has no words: what a patient reads above the contacts")
	}
	for _, d := range ds.byCountry {
		if d.Words == nil {
			d.Words = international.Words
		}
	}
	return ds, nil
}

// For gives the list of a country (two letters, any case), or the international
// one where no list of the country is kept.
func (ds *Directories) For(country string) *Directory {
	if d, ok := ds.byCountry[strings.ToLower(country)]; ok {
		return d
	}
	return ds.byCountry[International]
}

// Countries lists the countries that have a list, sorted.
func (ds *Directories) Countries() []string {
	countries := make([]string, 0, len(ds.byCountry))
	for c := range ds.byCountry {
		countries = append(countries, c)
	}
	sort.Strings(countries)
	return countries
}

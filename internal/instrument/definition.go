// Package instrument holds what a questionnaire or rating is: its definition as
// data, the check of answers against it, its score, bands, change thresholds and
// safety rules. Floor: ground.
//
// It must not read a clock, a file or a store, and no instrument has code of its
// own: a new one is a YAML file with vectors in the same folder.
package instrument

import (
	"sort"
	"strings"
)

// Text is the same words in several languages, by BCP 47 tag.
type Text map[string]string

// In gives the words in a language, else in English, else in the first language
// there is; "" when there are none.
func (t Text) In(lang string) string {
	if s, ok := t[lang]; ok {
		return s
	}
	if s, ok := t["en"]; ok {
		return s
	}
	langs := make([]string, 0, len(t))
	for l := range t {
		langs = append(langs, l)
	}
	if len(langs) == 0 {
		return ""
	}
	sort.Strings(langs)
	return t[langs[0]]
}

// Direction says whether a higher score is the worse or the better state.
type Direction string

// The two directions.
const (
	DirectionHigherIsWorse  Direction = "higher-is-worse"
	DirectionHigherIsBetter Direction = "higher-is-better"
)

// Entry says what is recorded: each item, or only the total of a form whose
// wording may not be shown here.
type Entry string

// The two ways of entry.
const (
	EntryItems Entry = "items"
	EntryTotal Entry = "total"
)

// TotalItem is the one item of a total-only instrument.
const TotalItem = "total"

// Definition is one version of one instrument; Total is its main score. It is read-only after Parse and
// safe for concurrent use.
type Definition struct {
	ID                  string               `json:"id"`
	Version             string               `json:"version"`
	Titles              Text                 `json:"titles"`
	ShortTitles         Text                 `json:"short_titles,omitempty"`
	Construct           string               `json:"construct"`
	Reporter            string               `json:"reporter"`
	Direction           Direction            `json:"direction"`
	Entry               Entry                `json:"entry"`
	Languages           []string             `json:"languages"`
	MinimumIntervalDays int                  `json:"minimum_interval_days,omitempty"`
	Recall              Text                 `json:"recall"`
	Instruction         Text                 `json:"instruction,omitempty"`
	Stem                Text                 `json:"stem,omitempty"`
	Licence             Licence              `json:"licence"`
	LOINC               Codes                `json:"loinc"`
	AnswerSets          map[string]AnswerSet `json:"answer_sets,omitempty"`
	Items               []Item               `json:"items"`
	Total               Scale                `json:"score"`
	Subscales           []Subscale           `json:"subscales,omitempty"`
	Bands               []Band               `json:"bands,omitempty"`
	BandsSource         *Source              `json:"bands_source,omitempty"`
	Screening           []ScreeningCut       `json:"screening,omitempty"`
	Thresholds          []Threshold          `json:"thresholds,omitempty"`
	Safety              []SafetyRule         `json:"safety,omitempty"`
	Notes               []string             `json:"notes,omitempty"`

	index map[string]int
	hash  string
}

// Licence says who owns the wording and on what terms it is used. Class A: free
// to ship; B: free with conditions; C: licensed, the site brings its own.
type Licence struct {
	Class           string `json:"class"`
	Holder          string `json:"holder"`
	Credit          string `json:"credit"`
	Terms           string `json:"terms"`
	Source          string `json:"source"`
	WordingIncluded bool   `json:"wording_included"`
}

// Code is a LOINC code; Confirmed is false while nobody has read it at its source.
type Code struct {
	Code      string `json:"code"`
	Confirmed bool   `json:"confirmed"`
}

// Codes are the LOINC codes of the whole instrument.
type Codes struct {
	Panel *Code `json:"panel,omitempty"`
	Total *Code `json:"total,omitempty"`
}

// Source says where a rule comes from; Confirmed is false while it is only
// common practice or memory.
type Source struct {
	Citation  string `json:"citation"`
	Confirmed bool   `json:"confirmed"`
}

// Words name the source in the few words shown with a number: the first
// part of the citation, or that nobody has confirmed the rule.
func (s Source) Words() string {
	if !s.Confirmed {
		return "unconfirmed"
	}
	first, _, _ := strings.Cut(s.Citation, ",")
	first, _, _ = strings.Cut(first, " (")
	return strings.ReplaceAll(first, " et al.", "")
}

// AnswerSet is a list of options that several items share.
type AnswerSet struct {
	LOINC   *Code    `json:"loinc,omitempty"`
	Options []Option `json:"options"`
}

// Option is one answer that may be chosen. Scored is false for an answer that is
// none on the scale, such as 'prefer not to answer': it is stored as it was given
// and counts as a missing answer wherever a score, a skip or a safety rule looks.
type Option struct {
	Value  int   `json:"value"`
	Label  Text  `json:"label,omitempty"`
	LOINC  *Code `json:"loinc,omitempty"`
	Scored *bool `json:"scored,omitempty"`
}

// IsScored reports whether the option is a value of the scale; options are unless
// they say not.
func (o *Option) IsScored() bool { return o.Scored == nil || *o.Scored }

// Range is a whole number from From to To, both allowed.
type Range struct {
	From      int  `json:"from"`
	To        int  `json:"to"`
	FromLabel Text `json:"from_label,omitempty"`
	ToLabel   Text `json:"to_label,omitempty"`
}

// Item is one question. After Parse exactly one of Options and Range is set;
// Answers keeps the name of the shared set the options came from.
type Item struct {
	ID       string     `json:"id"`
	Text     Text       `json:"text,omitempty"`
	Topic    Text       `json:"topic,omitempty"`
	Answers  string     `json:"answers,omitempty"`
	Options  []Option   `json:"options,omitempty"`
	Range    *Range     `json:"range,omitempty"`
	Scored   *bool      `json:"scored,omitempty"`
	Optional bool       `json:"optional,omitempty"`
	AskWhen  *Condition `json:"ask_when,omitempty"`
	LOINC    *Code      `json:"loinc,omitempty"`
}

// IsScored reports whether the item enters a score; items do unless they say not.
func (it *Item) IsScored() bool { return it.Scored == nil || *it.Scored }

// Allows reports whether v is one of the item's answers.
func (it *Item) Allows(v int) bool {
	if it.Range != nil {
		return v >= it.Range.From && v <= it.Range.To
	}
	for _, o := range it.Options {
		if o.Value == v {
			return true
		}
	}
	return false
}

// Scores reports whether v is one of the item's answers and a value of its scale.
func (it *Item) Scores(v int) bool {
	if it.Range != nil {
		return it.Allows(v)
	}
	for i := range it.Options {
		if it.Options[i].Value == v {
			return it.Options[i].IsScored()
		}
	}
	return false
}

// Bounds gives the lowest and the highest answer that is scored.
func (it *Item) Bounds() (lowest, highest int) {
	if it.Range != nil {
		return it.Range.From, it.Range.To
	}
	first := true
	for i := range it.Options {
		o := &it.Options[i]
		if !o.IsScored() {
			continue
		}
		if first || o.Value < lowest {
			lowest = o.Value
		}
		if first || o.Value > highest {
			highest = o.Value
		}
		first = false
	}
	return lowest, highest
}

// Condition is the one kind of skip logic: ask the item when any of the earlier
// items has an answer that meets the comparison. Otherwise, if given, is the
// value that scoring takes when the item is not asked.
type Condition struct {
	AnyOf     []string   `json:"any_of"`
	Op        Comparison `json:"op"`
	Value     int        `json:"value"`
	Otherwise *int       `json:"otherwise,omitempty"`
}

// Band is a named stretch of the score, from From up to the next band.
type Band struct {
	Name   string  `json:"name"`
	From   Decimal `json:"from"`
	Labels Text    `json:"labels"`
}

// ScreeningCut marks a positive screen; ForSex is set where the published cut
// differs by sex.
type ScreeningCut struct {
	Name   string     `json:"name"`
	ForSex string     `json:"for_sex,omitempty"`
	Op     Comparison `json:"op"`
	Value  Decimal    `json:"value"`
	Source
}

// SafetyRule watches one item. The highest level met is raised; no answer raises
// LevelUnknown.
type SafetyRule struct {
	ID   string        `json:"id"`
	Item string        `json:"item"`
	When []SafetyLevel `json:"when"`
	// Words are what the patient reads; nil where the rule has none of its own.
	Words *SafetyWords `json:"words,omitempty"`
	Source
}

// SafetyWords stand above the crisis contacts: a heading, then the words for who
// gave an answer that meets the rule or for who left its item open.
type SafetyWords struct {
	Heading    Text `json:"heading"`
	Answered   Text `json:"answered"`
	Unanswered Text `json:"unanswered"`
}

// SafetyLevel is one row of a safety rule. Action is what staff do by default.
type SafetyLevel struct {
	Op     Comparison `json:"op"`
	Value  int        `json:"value"`
	Level  Level      `json:"level"`
	Action string     `json:"action"`
}

// ShortTitle is the name that pages have room for: the short title, or the title
// where none is given.
func (d *Definition) ShortTitle(lang string) string {
	if len(d.ShortTitles) > 0 {
		return d.ShortTitles.In(lang)
	}
	return d.Titles.In(lang)
}

// Item gives the item with an id.
func (d *Definition) Item(id string) (*Item, bool) {
	i, ok := d.index[id]
	if !ok {
		return nil, false
	}
	return &d.Items[i], true
}

// SafetyRule gives the safety rule with an id.
func (d *Definition) SafetyRule(id string) (*SafetyRule, bool) {
	for i := range d.Safety {
		if d.Safety[i].ID == id {
			return &d.Safety[i], true
		}
	}
	return nil, false
}

// IsSafetyItem reports whether a safety rule watches the item.
func (d *Definition) IsSafetyItem(id string) bool {
	for _, r := range d.Safety {
		if r.Item == id {
			return true
		}
	}
	return false
}

// CanBeShown reports whether a patient can be given this form: the items and
// their wording are here. Where the licence keeps the wording out, the site
// imports its own.
func (d *Definition) CanBeShown() bool {
	return d.Entry == EntryItems && d.Licence.WordingIncluded
}

// Hash is the SHA-256, in hex, of the canonical form of the definition without its
// short titles and the words of its safety rules, which change no result.
func (d *Definition) Hash() string { return d.hash }

// ScoringVersion is what every stored result carries: the exact rules that gave
// it, so that a recomputation can be compared byte by byte (SR-121).
func (d *Definition) ScoringVersion() string {
	return d.ID + " " + d.Version + " sha256:" + d.hash
}

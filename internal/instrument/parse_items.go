package instrument

import (
	"slices"
	"sort"
)

// reservedItems are the other fields of a submission (form or JSON).
var reservedItems = []string{"key", "instrument", "version", "csrf"}

// sortedKeys gives faults and listings an order that does not change.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func (c *checker) checkTexts() {
	d := c.d
	c.text(at("titles"), d.Titles)
	c.text(at("short_titles"), d.ShortTitles)
	c.text(at("recall"), d.Recall)
	c.text(at("instruction"), d.Instruction)
	c.text(at("stem"), d.Stem)
	for _, name := range sortedKeys(d.AnswerSets) {
		c.options(at("answer_sets", name, "options"), d.AnswerSets[name].Options)
	}
	for i := range d.Subscales {
		c.text(at("subscales", i, "titles"), d.Subscales[i].Titles)
	}
	for i := range d.Bands {
		c.text(at("bands", i, "labels"), d.Bands[i].Labels)
	}
}

// text checks the words that are there against the languages of the definition.
func (c *checker) text(path []any, t Text) {
	if len(t) == 0 {
		return
	}
	for _, lang := range c.d.Languages {
		if _, ok := t[lang]; !ok {
			c.fault(path, "the language %s is missing", lang)
		}
	}
	for _, lang := range sortedKeys(t) {
		if !slices.Contains(c.d.Languages, lang) {
			c.fault(below(path, lang), "%s is not among the languages of the definition", lang)
		}
	}
}

func (c *checker) options(path []any, options []Option) {
	seen := map[int]bool{}
	for i, o := range options {
		if seen[o.Value] {
			c.fault(below(path, i, "value"), "the value %d is used twice", o.Value)
		}
		seen[o.Value] = true
		c.text(below(path, i, "label"), o.Label)
		if c.d.Licence.WordingIncluded && len(o.Label) == 0 {
			c.fault(below(path, i), "the option has no label")
		}
	}
}

func (c *checker) checkItems() {
	for i := range c.d.Items {
		it := &c.d.Items[i]
		path := at("items", i)
		if slices.Contains(reservedItems, it.ID) {
			c.fault(below(path, "id"), "%s is the name of another field of a submission", it.ID)
		}
		c.text(below(path, "text"), it.Text)
		c.text(below(path, "topic"), it.Topic)
		c.checkWording(path, it)
		if it.Answers == "" {
			c.options(below(path, "options"), it.Options)
		}
		if r := it.Range; r != nil {
			c.text(below(path, "range", "from_label"), r.FromLabel)
			c.text(below(path, "range", "to_label"), r.ToLabel)
			if r.From >= r.To {
				c.fault(below(path, "range"), "from must be below to")
			}
		}
		c.checkScoredOptions(path, it)
		c.checkCondition(path, i, it)
	}
	for name, words := range map[string]Text{"stem": c.d.Stem, "instruction": c.d.Instruction} {
		if len(words) > 0 && !c.d.Licence.WordingIncluded {
			c.fault(at(name), "the licence says that the wording is not included")
		}
	}
}

// checkScoredOptions wants a scale of two values at least behind what is scored or
// watched, whatever further answers an item offers.
func (c *checker) checkScoredOptions(path []any, it *Item) {
	if it.Range != nil || !it.IsScored() && !c.d.IsSafetyItem(it.ID) {
		return
	}
	if lowest, highest := it.Bounds(); lowest == highest {
		c.fault(below(path, "options"), "at least two options must be scored")
	}
}

func (c *checker) checkWording(path []any, it *Item) {
	switch {
	case c.d.Licence.WordingIncluded && len(it.Text) == 0:
		c.fault(path, "the item has no text, but licence/wording_included is true")
	case !c.d.Licence.WordingIncluded && len(it.Text) > 0:
		c.fault(below(path, "text"), "the licence says that the wording is not included")
	case !c.d.Licence.WordingIncluded && len(it.Topic) == 0:
		c.fault(path, "without wording an item needs a topic")
	}
}

func (c *checker) checkCondition(path []any, i int, it *Item) {
	when := it.AskWhen
	if when == nil {
		return
	}
	path = below(path, "ask_when")
	for n, id := range when.AnyOf {
		earlier, ok := c.d.index[id]
		if !ok {
			c.fault(below(path, "any_of", n), "there is no item %s", id)
		} else if earlier >= i {
			c.fault(below(path, "any_of", n), "item %s does not come before item %s", id, it.ID)
		}
	}
	switch {
	case it.IsScored() && when.Otherwise == nil:
		c.fault(path, "a scored item that may be skipped needs otherwise: the value it then has in the score")
	case when.Otherwise != nil && !it.Scores(*when.Otherwise):
		c.fault(below(path, "otherwise"), "the value is not one of the item's options that are scored")
	}
}

// checkEntry holds a total-only instrument to its one item.
func (c *checker) checkEntry() {
	d := c.d
	if d.Entry == EntryItems {
		if _, ok := d.index[TotalItem]; ok {
			c.fault(at("items"), "the item id %s is kept for instruments whose entry is total", TotalItem)
		}
		return
	}
	if len(d.Items) != 1 || d.Items[0].ID != TotalItem || d.Items[0].Range == nil {
		c.fault(at("items"), "an instrument whose entry is total has one item, %s, with a range", TotalItem)
	}
	if d.Licence.WordingIncluded {
		c.fault(at("licence", "wording_included"), "an instrument whose entry is total has no wording")
	}
}

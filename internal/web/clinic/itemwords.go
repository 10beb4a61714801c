package clinic

import (
	"fmt"
	"strings"

	"afterglow/internal/instrument"
)

const leftOpen = "left open"

// itemText is an item's wording, or its topic where the licence keeps the wording
// out; "" where neither is here.
func itemText(d *instrument.Definition, id string) string {
	item, known := d.Item(id)
	if !known {
		return ""
	}
	if text := item.Text.In("en"); text != "" {
		return text
	}
	return capital(item.Topic.In("en"))
}

// itemAnswerWords is an answer as its form puts it, with its value.
func itemAnswerWords(d *instrument.Definition, id string, value *int) string {
	item, known := d.Item(id)
	if value == nil || !known {
		return numberWords(value)
	}
	if item.Range != nil {
		return fmt.Sprintf("%d, of %d to %d", *value, item.Range.From, item.Range.To)
	}
	for _, o := range item.Options {
		if o.Value == *value && o.Label.In("en") != "" {
			return fmt.Sprintf("%s (%d)", o.Label.In("en"), *value)
		}
	}
	return numberWords(value)
}

func numberWords(value *int) string {
	if value == nil {
		return leftOpen
	}
	return fmt.Sprint(*value)
}

// impliedAnswer is what an answer must have been for a rule to say a level: the
// answer itself is not always in the record.
func impliedAnswer(d *instrument.Definition, rule instrument.SafetyRule, level instrument.Level) string {
	if level == instrument.LevelUnknown {
		return leftOpen
	}
	item, known := d.Item(rule.Item)
	if !known {
		return ""
	}
	var could []string
	lowest, highest := item.Bounds()
	for v := lowest; v <= highest; v++ {
		for _, flag := range d.Flags(instrument.Answers{rule.Item: &v}) {
			if flag.Rule == rule.ID && flag.Level == level {
				could = append(could, itemAnswerWords(d, rule.Item, &v))
			}
		}
	}
	return strings.Join(could, " or ")
}

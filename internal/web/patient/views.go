package patient

import (
	"fmt"
	"strconv"

	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/web/page"
)

// lang is the language of the words shown; more come with the definitions.
const lang = "en"

func (p *Pages) notice(token string, d *instrument.Definition) *NoticePage {
	shown := &NoticePage{
		Frame: frame("Before you start"), Token: token, Instrument: d.Titles.In(lang),
		Version: NoticeVersion, Points: NoticePoints, Contacts: p.contacts,
	}
	for i := range d.Items {
		if d.Items[i].IsScored() {
			shown.Questions++
		} else {
			shown.Further++
		}
	}
	if shown.Questions == 0 {
		shown.Questions, shown.Further = shown.Further, 0
	}
	return shown
}

// asking says how a question is shown: where the person came from, and whether an
// answer that calls for support was given on the page before.
type asking struct {
	fromReview bool
	toldNow    bool
}

// question shows the number-th asked item. A question that was passed before
// without an answer says so.
func (p *Pages) question(token string, d *instrument.Definition, draft intake.DraftPage, number int, how asking) *QuestionPage {
	asked := d.Asked(draft.Answers)
	number = min(number, len(asked))
	item, _ := d.Item(asked[number-1])
	chosen, passed := draft.Answers[item.ID]
	shown := &QuestionPage{
		Frame: frame(fmt.Sprintf("Question %d of %d", number, len(asked))), Token: token, Item: item.ID, Number: number, Of: len(asked),
		Text: item.Text.In(lang), Stem: recall(d), Skipped: passed && chosen == nil, FromReview: how.fromReview,
		Support: p.supportBeside(d, draft.Answers, number, how.toldNow),
	}
	if !item.IsScored() {
		shown.Stem = ""
	}
	if number == 1 {
		shown.Instruction = d.Instruction.In(lang)
	}
	if d.IsSafetyItem(item.ID) {
		shown.Safety = SafetyNotice
	}
	for _, option := range choices(item) {
		option.Chosen = chosen != nil && *chosen == option.Value
		shown.Choices = append(shown.Choices, option)
	}
	return shown
}

// recall is the sentence that stays in sight: the stem, which names the time
// that the answers are about, or that time alone.
func recall(d *instrument.Definition) string {
	if stem := d.Stem.In(lang); stem != "" {
		return stem
	}
	return d.Recall.In(lang)
}

// choices lists an item's answers; those of a range are its numbers, the ends
// with their words.
func choices(item *instrument.Item) []Choice {
	var list []Choice
	for _, o := range item.Options {
		list = append(list, Choice{Value: o.Value, Label: o.Label.In(lang)})
	}
	if item.Range == nil {
		return list
	}
	for v := item.Range.From; v <= item.Range.To; v++ {
		label := strconv.Itoa(v)
		switch v {
		case item.Range.From:
			label = joined(label, item.Range.FromLabel.In(lang))
		case item.Range.To:
			label = joined(label, item.Range.ToLabel.In(lang))
		}
		list = append(list, Choice{Value: v, Label: label})
	}
	return list
}

func joined(number, words string) string {
	if words == "" {
		return number
	}
	return number + " – " + words
}

type reviewInput struct {
	token, key string
	definition *instrument.Definition
	answers    instrument.Answers
	notices    []page.Notice
}

// review shows the asked items with their answers, which the page's form carries
// along, so that sending again needs nothing from the store.
func (p *Pages) review(in reviewInput) *ReviewPage {
	d := in.definition
	shown := &ReviewPage{
		Frame: frame("Check your answers"), Token: in.token, Key: in.key, InstrumentID: d.ID, InstrumentVersion: d.Version,
		Credit: d.Licence.Credit,
	}
	shown.Notices, shown.Support = in.notices, p.supportFor(d, d.Flags(in.answers))
	for i, id := range d.Asked(in.answers) {
		item, _ := d.Item(id)
		line := ReviewLine{Item: id, Number: i + 1, Text: item.Text.In(lang)}
		if v := in.answers[id]; v != nil && item.Allows(*v) {
			line.Value = strconv.Itoa(*v)
			for _, choice := range choices(item) {
				if choice.Value == *v {
					line.Answer = choice.Label
				}
			}
		} else {
			shown.Open++
		}
		shown.Lines = append(shown.Lines, line)
	}
	return shown
}

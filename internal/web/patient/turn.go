package patient

import (
	"errors"
	"slices"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/web/form"
)

// way is where a button of a question leads.
type way string

const (
	wayNext way = "next"
	wayBack way = "back"
	waySkip way = "skip"
)

// turn is one press of a button on the page of a question. value is nil where
// nothing was chosen, or where the person chose not to answer.
type turn struct {
	item       *instrument.Item
	value      *int
	way        way
	fromReview bool
}

var errNothingChosen = errors.New("no answer is chosen")

func readTurn(d *instrument.Definition, fields form.Fields) (turn, error) {
	item, known := d.Item(fields["item"])
	if !known {
		return turn{}, fault.Invalid("item", "is not a question of this form")
	}
	t := turn{item: item, way: way(fields["go"]), fromReview: fields["from"] == fromReview}
	if !slices.Contains([]way{wayNext, wayBack, waySkip}, t.way) {
		return turn{}, fault.Invalid("go", "is not a direction")
	}
	if t.way == waySkip {
		return t, nil
	}
	value, err := instrument.ParseAnswer(fields["value"])
	// What is no answer of the item counts as none: the page asks for one.
	if err == nil && (value == nil || item.Allows(*value)) {
		t.value = value
	} else {
		t.way = wayNext
	}
	return t, nil
}

// number is the place of the question among those asked.
func (t turn) number(d *instrument.Definition, answers instrument.Answers) int {
	return max(slices.Index(d.Asked(answers), t.item.ID)+1, 1)
}

// apply puts the answer into what the browser saved and sets the page that comes
// next. Going back keeps what was chosen; going on needs a choice.
func (t turn) apply(d *instrument.Definition, draft *intake.DraftPage) error {
	if !slices.Contains(d.Asked(draft.Answers), t.item.ID) {
		return fault.Invalid("item", "is not a question of this form")
	}
	switch {
	case t.value != nil || t.way == waySkip:
		draft.Answers[t.item.ID] = t.value
	case t.way == wayNext:
		return errNothingChosen
	}
	prune(d, draft.Answers)
	number := t.number(d, draft.Answers)
	switch {
	case t.way == wayBack:
		draft.Page = max(number-1, 1)
	case t.fromReview:
		draft.Page = afterChange(d, draft.Answers, number)
	default:
		draft.Page = number + 1
	}
	return nil
}

// afterChange is the review, unless the changed answer asks a question that has
// not been seen.
func afterChange(d *instrument.Definition, answers instrument.Answers, number int) int {
	asked := d.Asked(answers)
	for i := number; i < len(asked); i++ {
		item, _ := d.Item(asked[i])
		if _, seen := answers[asked[i]]; !seen && item.AskWhen != nil {
			return i + 1
		}
	}
	return len(asked) + 1
}

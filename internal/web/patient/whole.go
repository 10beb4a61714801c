package patient

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/web/form"
	"afterglow/internal/web/page"
)

// WholePage shows every question at once, for a browser that gives no cookie
// back: what is answered page by page could not be found again for it.
type WholePage struct {
	page.Frame
	Token             string
	Key               string
	InstrumentID      string
	InstrumentVersion string
	Title             string
	Instruction       string
	Stem              string
	Questions         []WholeQuestion
	Credit            string
	// Support is there when the answers so far met a safety rule.
	Support  *Support
	Contacts page.Contacts
}

// WholeQuestion is one item among the others.
type WholeQuestion struct {
	Item    string
	Number  int
	Text    string
	Choices []Choice
	// Depends is true where earlier answers may make the question needless.
	Depends bool
	// Safety repeats the notice at an item that a safety rule watches.
	Safety string
}

// withoutCookies goes on with a form whose browser gave no cookie back: the page
// with all questions, the answer just given filled in. An answer that a safety
// rule watches is kept besides, so that it reaches the clinic if nothing more is
// sent.
func (p *Pages) withoutCookies(c echo.Context, token string, d *instrument.Definition, fields form.Fields) error {
	answers := instrument.Answers{}
	item, known := d.Item(fields["item"])
	value, err := instrument.ParseAnswer(fields["value"])
	switch {
	case known && fields["go"] == "skip":
		answers[item.ID] = nil
	case known && err == nil && value != nil && item.Allows(*value):
		answers[item.ID] = value
	}
	browser := newBrowserSecret()
	shown := p.whole(reviewInput{token: token, key: submissionKey(token, browser), definition: d, answers: answers})
	if known && answers[item.ID] != nil && d.IsSafetyItem(item.ID) {
		err := p.intake.SaveDraft(c.Request().Context(), token, intake.DraftPage{Browser: browser, Page: 1, Answers: answers})
		switch {
		case fault.Is(err, fault.KindUnavailable):
			return p.unavailable(c, "patient/whole", shown)
		case isClosed(err):
			return p.closed(c, http.StatusNotFound)
		case err != nil:
			return err
		}
	}
	return p.renderer.HTML(c, http.StatusOK, "patient/whole", shown)
}

// whole shows all items with the answers so far. Contacts stand on it always: it
// holds the items that a safety rule watches.
func (p *Pages) whole(in reviewInput) *WholePage {
	d := in.definition
	shown := &WholePage{
		Frame: frame("All questions"), Token: in.token, Key: in.key, InstrumentID: d.ID, InstrumentVersion: d.Version,
		Title: d.Titles.In(lang), Instruction: d.Instruction.In(lang), Stem: recall(d), Credit: d.Licence.Credit, Contacts: p.contacts,
		Support: p.supportFor(d, told(d, in.answers)),
	}
	shown.Notices = append([]page.Notice{NoCookie}, in.notices...)
	for i := range d.Items {
		item := &d.Items[i]
		question := WholeQuestion{Item: item.ID, Number: i + 1, Text: item.Text.In(lang), Depends: item.AskWhen != nil}
		if d.IsSafetyItem(item.ID) {
			question.Safety = SafetyNotice
		}
		chosen := in.answers[item.ID]
		for _, option := range choices(item) {
			option.Chosen = chosen != nil && *chosen == option.Value
			question.Choices = append(question.Choices, option)
		}
		shown.Questions = append(shown.Questions, question)
	}
	return shown
}

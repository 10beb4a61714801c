package patient

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/web/form"
	"afterglow/internal/web/page"
)

// Open shows what comes next on the link: the notice, a question, or the review.
// It stores nothing, so a mail scanner that opens links does no harm.
func (p *Pages) Open(c echo.Context) error {
	token := c.Param("token")
	opened, err := p.intake.OpenForm(c.Request().Context(), token, NoticeVersion)
	switch {
	case isClosed(err):
		return p.closed(c, http.StatusNotFound)
	case err != nil:
		return err
	case !opened.NoticeAccepted:
		return p.renderer.HTML(c, http.StatusOK, "patient/notice", p.notice(token, opened.Definition))
	}
	draft, err := p.draft(c, token)
	if err != nil {
		return err
	}
	draft.Browser = p.ensureBrowser(c)
	asked := opened.Definition.Asked(draft.Answers)
	number := draft.Page
	if q, err := strconv.Atoi(c.QueryParam("q")); err == nil && q >= 1 {
		number = q
	}
	if number > len(asked) {
		return p.renderer.HTML(c, http.StatusOK, "patient/review", p.review(reviewInput{
			token: token, key: submissionKey(token, draft.Browser), definition: opened.Definition, answers: draft.Answers,
		}))
	}
	return p.renderer.HTML(c, http.StatusOK, "patient/question", p.question(token, opened.Definition, draft, max(number, 1)))
}

// draft is what this browser saved, or an empty one. Page is the question that
// comes next, from 1.
func (p *Pages) draft(c echo.Context, token string) (intake.DraftPage, error) {
	empty := intake.DraftPage{Browser: p.browser(c), Page: 1, Answers: instrument.Answers{}}
	if empty.Browser == "" {
		return empty, nil
	}
	draft, found, err := p.intake.LoadDraft(c.Request().Context(), token, empty.Browser)
	if err != nil || !found {
		return empty, err
	}
	if draft.Answers == nil {
		draft.Answers = instrument.Answers{}
	}
	return draft, nil
}

// AcceptNotice records that the notice was accepted and goes to the questions.
func (p *Pages) AcceptNotice(c echo.Context) error {
	token := c.Param("token")
	fields, err := form.Read(c, "version")
	if err != nil {
		return err
	}
	if fields["version"] != NoticeVersion {
		return page.Redirect(c, "/p/"+pathToken(token))
	}
	err = p.intake.AcceptNotice(c.Request().Context(), token, NoticeVersion)
	switch {
	case isClosed(err):
		return p.closed(c, http.StatusNotFound)
	case err != nil:
		return err
	}
	p.ensureBrowser(c)
	return page.Redirect(c, "/p/"+pathToken(token))
}

// SavePage saves the answer of one question and goes to the next, to the one
// before, or on without an answer.
func (p *Pages) SavePage(c echo.Context) error {
	token := c.Param("token")
	fields, err := form.Read(c, "item", "value", "go")
	if err != nil {
		return err
	}
	opened, err := p.intake.OpenForm(c.Request().Context(), token, NoticeVersion)
	switch {
	case isClosed(err):
		return p.closed(c, http.StatusNotFound)
	case err != nil:
		return err
	case !opened.NoticeAccepted:
		return page.Redirect(c, "/p/"+pathToken(token))
	case p.browser(c) == "":
		return p.withoutCookies(c, token, opened.Definition, fields)
	}
	draft, err := p.draft(c, token)
	if err != nil {
		return err
	}
	asked := opened.Definition.Asked(draft.Answers)
	number := slices.Index(asked, fields["item"]) + 1
	if number == 0 {
		return fault.Invalid("item", "is not a question of this form")
	}
	next, err := turn(opened.Definition, fields, &draft, number)
	if err != nil {
		shown := p.question(token, opened.Definition, draft, number)
		shown.Wrong = ChooseFirst
		return p.renderer.HTML(c, http.StatusUnprocessableEntity, "patient/question", shown)
	}
	draft.Page = next
	prune(opened.Definition, draft.Answers)
	err = p.intake.SaveDraft(c.Request().Context(), token, draft)
	switch {
	case fault.Is(err, fault.KindUnavailable):
		shown := p.question(token, opened.Definition, draft, number)
		shown.Notices = []page.Notice{NotSaved}
		return p.unavailable(c, "patient/question", shown)
	case isClosed(err):
		return p.closed(c, http.StatusNotFound)
	case err != nil:
		return err
	}
	return page.Redirect(c, "/p/"+pathToken(token)+"?q="+strconv.Itoa(next))
}

// turn puts the page's answer into the draft and gives the number of the
// question to show next. Going back keeps what was chosen; going on needs a
// choice.
func turn(d *instrument.Definition, fields form.Fields, draft *intake.DraftPage, number int) (int, error) {
	item, _ := d.Item(fields["item"])
	value, err := instrument.ParseAnswer(fields["value"])
	if err != nil || value != nil && !item.Allows(*value) {
		return 0, fault.Invalid("value", "is not one of the answers")
	}
	switch fields["go"] {
	case "skip":
		delete(draft.Answers, item.ID)
		return number + 1, nil
	case "back":
		if value != nil {
			draft.Answers[item.ID] = value
		}
		return max(number-1, 1), nil
	case "next":
		if value == nil {
			return 0, fault.Invalid("value", "is missing")
		}
		draft.Answers[item.ID] = value
		return number + 1, nil
	}
	return 0, fault.Invalid("go", "is not a direction")
}

// prune takes out the answers of items that the others now skip. What is no item
// at all stays, to be refused.
func prune(d *instrument.Definition, answers instrument.Answers) {
	asked := d.Asked(answers)
	for i := range d.Items {
		if !slices.Contains(asked, d.Items[i].ID) {
			delete(answers, d.Items[i].ID)
		}
	}
}

// unavailable shows the same page again, with what was typed, and says when to
// try anew.
func (p *Pages) unavailable(c echo.Context, name string, shown page.Page) error {
	c.Response().Header().Set("Retry-After", page.RetryAfterSeconds)
	return p.renderer.HTML(c, http.StatusServiceUnavailable, name, shown)
}

// pathToken keeps a redirect inside the site whatever the path parameter holds:
// the tokens we draw have no other characters.
func pathToken(token string) string {
	for _, r := range token {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			return "unknown"
		}
	}
	return token
}

package patient

import (
	"errors"
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
	number := draft.Page
	if q, err := strconv.Atoi(c.QueryParam("q")); err == nil && q >= 1 {
		number = q
	}
	how := asking{fromReview: c.QueryParam("from") == fromReview, toldNow: c.QueryParam("help") != ""}
	name, shown := p.step(token, opened.Definition, draft, number, how)
	return p.renderer.HTML(c, http.StatusOK, name, shown)
}

// fromReview is the value of the field and of the parameter that say that the
// person came from the review.
const fromReview = "review"

// step is the page of a question by its number or, after the last one, the review.
func (p *Pages) step(token string, d *instrument.Definition, draft intake.DraftPage, number int, how asking) (string, page.Page) {
	if number > len(d.Asked(draft.Answers)) {
		return "patient/review", p.review(reviewInput{token: token, key: submissionKey(token, draft.Browser), definition: d, answers: draft.Answers})
	}
	return "patient/question", p.question(token, d, draft, max(number, 1), how)
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
// before, on without an answer, or back to the review.
func (p *Pages) SavePage(c echo.Context) error {
	token := c.Param("token")
	fields, err := form.Read(c, "item", "value", "go", "from")
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
	t, err := readTurn(opened.Definition, fields)
	if err != nil {
		return err
	}
	// What this browser saved is read in the transaction that writes it: another
	// window may save another answer at this moment.
	draft, err := p.intake.EditDraft(c.Request().Context(), token, p.browser(c), func(d *intake.DraftPage) error {
		return t.apply(opened.Definition, d)
	})
	switch {
	case errors.Is(err, errNothingChosen):
		return p.chooseFirst(c, token, opened.Definition, t)
	case fault.Is(err, fault.KindUnavailable):
		return p.notSaved(c, token, opened.Definition, t)
	case isClosed(err):
		return p.closed(c, http.StatusNotFound)
	case err != nil:
		return err
	}
	return p.afterSave(c, token, opened.Definition, draft, t)
}

// afterSave leads on. When the answer calls for support, the response itself
// carries the page with the crisis contacts.
func (p *Pages) afterSave(c echo.Context, token string, d *instrument.Definition, draft intake.DraftPage, t turn) error {
	asked := d.Asked(draft.Answers)
	how := asking{fromReview: t.fromReview && draft.Page <= len(asked)}
	for _, f := range told(d, draft.Answers) {
		how.toldNow = how.toldNow || f.Item == t.item.ID
	}
	target := "/p/" + pathToken(token) + "?q=" + strconv.Itoa(draft.Page)
	if how.fromReview {
		target += "&from=" + fromReview
	}
	if !how.toldNow {
		return page.Redirect(c, target)
	}
	name, shown := p.step(token, d, draft, draft.Page, how)
	return p.renderer.SeeOther(c, target+"&help=1", name, shown)
}

// chooseFirst shows the question again, saying that it needs a choice.
func (p *Pages) chooseFirst(c echo.Context, token string, d *instrument.Definition, t turn) error {
	draft, err := p.draft(c, token)
	if err != nil {
		return err
	}
	shown := p.question(token, d, draft, t.number(d, draft.Answers), asking{fromReview: t.fromReview})
	shown.Wrong, shown.Title = ChooseFirst, "Error: "+shown.Title
	return p.renderer.HTML(c, http.StatusUnprocessableEntity, "patient/question", shown)
}

// notSaved shows the question again with what was chosen, which could not be
// saved.
func (p *Pages) notSaved(c echo.Context, token string, d *instrument.Definition, t turn) error {
	draft, err := p.draft(c, token)
	if err != nil {
		draft = intake.DraftPage{Answers: instrument.Answers{}}
	}
	if t.value != nil || t.way == waySkip {
		draft.Answers[t.item.ID] = t.value
	}
	shown := p.question(token, d, draft, t.number(d, draft.Answers), asking{fromReview: t.fromReview, toldNow: true})
	shown.Notices = []page.Notice{NotSaved}
	return p.unavailable(c, "patient/question", shown)
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

package patient

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/web/form"
	"afterglow/internal/web/middleware"
	"afterglow/internal/web/page"
)

// accepted is the JSON of a receipt. Crisis is there when a safety rule was met
// or its item was left open.
type accepted struct {
	intake.Receipt
	Crisis []page.ContactLine `json:"crisis,omitempty"`
}

// Send takes the answers, as a form or as JSON, and answers once they are on
// disk.
//
// When a safety rule was met, or its item left open, this same response carries
// the crisis contacts: in JSON as a field, for a form as the body of the 303.
// A browser shows the page that the 303 leads to; what that page needs travels
// sealed in a cookie set here, so it reads no store and stands even if the
// registry went away right after the commit.
func (p *Pages) Send(c echo.Context) error {
	asJSON := form.IsJSON(c.Request())
	submission, malformed, err := p.read(c, asJSON)
	if err != nil {
		return err
	}
	submission.Token, submission.Language = c.Param("token"), lang
	if d, unknown := p.instruments.Get(submission.Instrument, submission.Version); unknown == nil && !asJSON && p.browser(c) == "" {
		prune(d, submission.Answers)
	}
	submission.Unreadable = malformed
	receipt, err := p.intake.Accept(c.Request().Context(), submission)
	if err == nil {
		return p.sent(c, submission, receipt, asJSON)
	}
	var refused *intake.NotRecordedError
	var changed *intake.ChangedSinceError
	switch {
	case errors.As(err, &refused):
		return p.notRecorded(c, submission, refused, asJSON)
	case errors.As(err, &changed):
		return p.lookAgain(c, submission, changed.Answers)
	case asJSON:
		return p.notSentJSON(c, submission, withDetails(err))
	}
	return p.notSent(c, submission, err)
}

// unsent is the JSON of answers that were not accepted. Crisis is there when they
// met a safety rule or left its item open.
type unsent struct {
	page.Problem
	Crisis []page.ContactLine `json:"crisis,omitempty"`
}

// notSentJSON shows the crisis contacts even if the answers could not be accepted:
// whoever told of something may never send them again.
func (p *Pages) notSentJSON(c echo.Context, s intake.Submission, err error) error {
	d, unknown := p.instruments.Get(s.Instrument, s.Version)
	if unknown != nil || concernOf(d.Flags(s.Answers)) == concernNone {
		return err
	}
	status := page.Status(err)
	if status == http.StatusServiceUnavailable {
		c.Response().Header().Set("Retry-After", page.RetryAfterSeconds)
	}
	return c.JSON(status, unsent{Problem: page.Describe(err, status, middleware.Reference(c)), Crisis: p.contacts.Lines})
}

func (p *Pages) read(c echo.Context, asJSON bool) (intake.Submission, []fault.Detail, error) {
	if asJSON {
		return readJSON(c)
	}
	return p.readForm(c)
}

// readJSON reads {"key","instrument","version","answers":{"item":value}}. The
// second result lists answers that are no whole numbers.
func readJSON(c echo.Context) (s intake.Submission, malformed []fault.Detail, err error) {
	object, err := form.ReadJSON(c)
	if err != nil {
		return s, nil, err
	}
	if err := object.Only("key", "instrument", "version", "answers"); err != nil {
		return s, nil, err
	}
	for name, into := range map[string]*string{"key": &s.Key, "instrument": &s.Instrument, "version": &s.Version} {
		if *into, err = object.Text(name); err != nil {
			return s, nil, err
		}
	}
	answers, ok := object["answers"].(form.Object)
	if !ok {
		return s, nil, fault.Invalid("answers", "must be an object of item ids and values")
	}
	s.Answers = instrument.Answers{}
	for item, value := range answers {
		number, isNumber := value.(json.Number)
		parsed, err := instrument.ParseAnswer(number.String())
		if err != nil || value != nil && !isNumber {
			malformed = append(malformed, notWhole(item))
			continue
		}
		s.Answers[item] = parsed
	}
	return s, malformed, nil
}

// reviewedField is the field of the review page's form that says so; no item can
// have its name.
const reviewedField = "_reviewed"

// readForm reads key, instrument and version and whether the answers come from the
// review, and takes every other field as an item's answer.
func (p *Pages) readForm(c echo.Context) (s intake.Submission, malformed []fault.Detail, err error) {
	fields, err := form.Read(c)
	if err != nil {
		return s, nil, err
	}
	s = intake.Submission{Key: fields["key"], Instrument: fields["instrument"], Version: fields["version"], Answers: instrument.Answers{}}
	if fields[reviewedField] != "" {
		s.Reviewed = p.browser(c)
	}
	for item, text := range fields {
		switch item {
		case "key", "instrument", "version", reviewedField:
			continue
		}
		value, err := instrument.ParseAnswer(text)
		if err != nil {
			malformed = append(malformed, notWhole(item))
			continue
		}
		s.Answers[item] = value
	}
	return s, malformed, nil
}

func notWhole(item string) fault.Detail {
	return fault.Detail{Item: shortened(item), Message: "the answer is not a whole number"}
}

// shortened bounds how much of a sender's own text an error repeats.
func shortened(s string) string {
	const longest = 60
	if runes := []rune(s); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return s
}

// withDetails gives every invalid submission its list of errors, also where the
// fault is not in an item.
func withDetails(err error) error {
	var known *fault.Error
	if errors.As(err, &known) && known.Kind == fault.KindInvalid && len(known.Details) == 0 {
		return fault.InvalidDetails(known.Where, []fault.Detail{{Item: known.Where, Message: known.Message}})
	}
	return err
}

// notSent answers a form that was not accepted. While the registry cannot take
// it, and where answers do not fit, the page they were sent from comes again with
// everything that was sent and the same key: the review, or all questions for a
// browser without cookies, which could not go back to a single one.
func (p *Pages) notSent(c echo.Context, s intake.Submission, err error) error {
	kind := fault.KindOf(err)
	switch kind {
	case fault.KindNotFound:
		return p.closed(c, http.StatusNotFound)
	case fault.KindConflict, fault.KindForbidden:
		return p.closed(c, http.StatusConflict)
	case fault.KindInvalid, fault.KindUnavailable:
	default:
		return err
	}
	d, unknown := p.instruments.Get(s.Instrument, s.Version)
	if unknown != nil {
		return err
	}
	in := reviewInput{token: s.Token, key: s.Key, definition: d, answers: s.Answers}
	name, again := "patient/review", func() page.Page { return p.review(in) }
	if p.browser(c) == "" {
		name, again = "patient/whole", func() page.Page { return p.whole(in) }
	}
	if kind == fault.KindInvalid {
		in.notices = append(in.notices, NotRight)
		return p.renderer.HTML(c, http.StatusUnprocessableEntity, name, again())
	}
	in.notices = append(in.notices, NotSent)
	return p.unavailable(c, name, again())
}

// lookAgain shows the review with what the browser saved after the one that was
// sent: neither may be lost.
func (p *Pages) lookAgain(c echo.Context, s intake.Submission, saved instrument.Answers) error {
	d, err := p.instruments.Get(s.Instrument, s.Version)
	if err != nil {
		return err
	}
	return p.renderer.HTML(c, http.StatusConflict, "patient/review", p.review(reviewInput{
		token: s.Token, key: s.Key, definition: d, answers: saved, notices: []page.Notice{Changed},
	}))
}

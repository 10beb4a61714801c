package patient

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
	"afterglow/internal/intake"
	"afterglow/internal/web/middleware"
	"afterglow/internal/web/page"
)

// unrecorded is the JSON of answers that were not recorded. Crisis is there when
// they met a safety rule or left its item open.
type unrecorded struct {
	Kind      fault.Kind         `json:"kind"`
	Message   string             `json:"message"`
	Where     string             `json:"where"`
	Reference string             `json:"reference"`
	Crisis    []page.ContactLine `json:"crisis,omitempty"`
}

// notRecorded answers a set of answers that came when the form takes none. It
// says what became of them and, where a safety rule was met, who to turn to:
// they raised an alert as recorded ones do.
func (p *Pages) notRecorded(c echo.Context, s intake.Submission, refused *intake.NotRecordedError, asJSON bool) error {
	found := concernOf(refused.Flags)
	if asJSON {
		body := unrecorded{Kind: fault.KindConflict, Message: refused.Error(), Reference: middleware.Reference(c)}
		var known *fault.Error
		if errors.As(refused, &known) {
			body.Message, body.Where = known.Message, known.Where
		}
		if found != concernNone {
			body.Crisis = p.contacts.Lines
		}
		return c.JSON(http.StatusConflict, body)
	}
	shown := &NotRecordedPage{Frame: frame("Not recorded"), Earlier: refused.Answered, Same: refused.Same, Contacts: p.contacts}
	if found != concernNone {
		d, err := p.instruments.Get(s.Instrument, s.Version)
		if err != nil {
			return err
		}
		shown.Support, shown.WhoSees = p.supportFor(d, refused.Flags), p.whoSees(c)
	}
	if refused.Same {
		shown.Title = "Received before"
	}
	return p.renderer.HTML(c, http.StatusConflict, "patient/notrecorded", shown)
}

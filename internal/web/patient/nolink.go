package patient

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
	"afterglow/internal/web/form"
)

// NoLink answers an address that is no link of ours, such as one that a message
// broke off, as a link that does not open; a program is told in JSON.
func (p *Pages) NoLink(c echo.Context) error {
	if form.IsJSON(c.Request()) {
		return fault.NotFound("link", "this link is not open")
	}
	return p.closed(c, http.StatusNotFound)
}

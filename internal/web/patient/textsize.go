package patient

import (
	"strings"

	"github.com/labstack/echo/v4"

	"afterglow/internal/web/form"
	"afterglow/internal/web/page"
)

// TextSize makes the text larger, or as it was, and shows the page again.
func (p *Pages) TextSize(c echo.Context) error {
	// The page's own form has no field that a send of answers could take along.
	if _, err := form.Read(c, "go"); err != nil {
		return err
	}
	page.SetTextSize(c, c.Param("size"), p.formCookie.Secure())
	to := c.QueryParam("back")
	if !page.Local(to) || !strings.HasPrefix(to, "/p/") {
		to = "/crisis"
	}
	return page.Redirect(c, to)
}

package account

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/web/form"
	"afterglow/internal/web/page"
)

// ShowSetPassword asks, on a one-time link, for the new password of its account.
// It changes nothing, so a scanner that opens links does no harm.
func (p Pages) ShowSetPassword(c echo.Context) error {
	return p.setPassword(c, http.StatusOK, nil)
}

// SetPassword sets the password and uses the link up.
func (p Pages) SetPassword(c echo.Context) error {
	fields, err := form.Read(c, "password")
	if err != nil {
		return err
	}
	err = p.Access.SetPassword(c.Request().Context(), c.Param("token"), fields["password"])
	var wrong *fault.Error
	switch {
	case err == nil:
		return page.Redirect(c, "/sign-in")
	case errors.As(err, &wrong) && wrong.Kind == fault.KindInvalid && len(wrong.Details) > 0:
		return p.setPassword(c, http.StatusUnprocessableEntity, sentences(wrong.Details))
	case fault.Is(err, fault.KindNotFound):
		return p.NoPasswordLink(c)
	}
	return err
}

func (p Pages) setPassword(c echo.Context, status int, wrong []fault.Detail) error {
	name, err := p.Access.PasswordLinkAccount(c.Request().Context(), c.Param("token"))
	switch {
	case fault.Is(err, fault.KindNotFound):
		return p.NoPasswordLink(c)
	case err != nil:
		return err
	}
	return p.Renderer.HTML(c, status, "account/setpassword", &SetPasswordPage{
		Frame: page.Frame{Title: "Set a password"}, Token: c.Param("token"), Name: name, Wrong: wrong, MinPassword: access.MinPasswordRunes,
	})
}

// NoPasswordLink answers a link that is not valid: used, ended, or none of ours.
func (p Pages) NoPasswordLink(c echo.Context) error {
	return p.Renderer.HTML(c, http.StatusNotFound, "account/nolink", &NoLinkPage{Frame: page.Frame{Title: "This link does not work"}})
}

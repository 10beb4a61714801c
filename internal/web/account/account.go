package account

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/web/form"
	"afterglow/internal/web/middleware"
	"afterglow/internal/web/page"
)

// WrongSignIn is the one sentence for every sign-in that did not work.
const WrongSignIn = "The account or the password is not right."

// Pages handles the routes of one's own account.
type Pages struct {
	Access   *access.Service
	Renderer *page.Renderer
	Cookie   access.CookieName
	// Mark is the cookie by which a browser is known that somebody signed in with.
	Mark access.CookieName
	// Navigation lists the pages of the roles; home is the first that a role may see.
	Navigation []page.NavEntry
}

// ShowSignIn asks for an account and its password.
func (p Pages) ShowSignIn(c echo.Context) error {
	return p.signIn(c, http.StatusOK, SignInPage{})
}

// SignIn begins a session.
func (p Pages) SignIn(c echo.Context) error {
	fields, err := form.Read(c, "name", "password")
	if err != nil {
		return err
	}
	admitted, err := p.Access.Enter(c.Request().Context(), access.Attempt{
		Name: fields["name"], Password: fields["password"], Place: middleware.Place(c),
		Mark: middleware.CookieValue(c, p.Mark), Replaces: middleware.CookieValue(c, p.Cookie),
	})
	var early *access.TooSoonError
	switch {
	case errors.As(err, &early):
		return middleware.TooMany(c, early.Wait)
	case fault.Is(err, fault.KindUnauthenticated):
		return p.signIn(c, http.StatusUnauthorized, SignInPage{Name: fields["name"], Wrong: WrongSignIn})
	case err != nil:
		return err
	}
	middleware.SetSessionCookie(c, p.Cookie, admitted.Session)
	middleware.SetMarkCookie(c, p.Mark, admitted.Mark)
	return page.Redirect(c, "/")
}

func (p Pages) signIn(c echo.Context, status int, shown SignInPage) error {
	shown.Title = "Sign in"
	return p.Renderer.HTML(c, status, "account/signin", &shown)
}

// SignOut ends the session; the next request with its cookie is anonymous.
func (p Pages) SignOut(c echo.Context) error {
	if _, err := form.Read(c, "go"); err != nil {
		return err
	}
	cookie, err := c.Request().Cookie(string(p.Cookie))
	if err == nil {
		if err := p.Access.SignOut(c.Request().Context(), middleware.Caller(c), cookie.Value); err != nil {
			return err
		}
	}
	middleware.SetSessionCookie(c, p.Cookie, "")
	c.Response().Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return page.Redirect(c, "/sign-in")
}

// Extend keeps the session; being here already did. It says for how long. The
// form of a page without scripts sends no field either.
func (p Pages) Extend(c echo.Context) error {
	body, err := middleware.ReadBody(c)
	switch {
	case err != nil:
		return err
	case len(body) > 0:
		return fault.Invalid("body", "must be empty")
	}
	return c.JSON(http.StatusOK, map[string]int{"ends_in_seconds": int(access.SessionIdle.Seconds())})
}

// ShowSetup asks for the one-time token and the first administrator's account. A
// site that has an account needs none.
func (p Pages) ShowSetup(c echo.Context) error {
	done, err := p.Access.IsSetUp(c.Request().Context())
	if err != nil {
		return err
	}
	if done {
		return p.Renderer.HTML(c, http.StatusOK, "account/setupdone", &SetupDonePage{Frame: page.Frame{Title: "Already set up"}})
	}
	return p.setup(c, http.StatusOK, SetupPage{})
}

// Setup makes the first administrator.
func (p Pages) Setup(c echo.Context) error {
	fields, err := form.Read(c, "token", "name", "password")
	if err != nil {
		return err
	}
	err = p.Access.SetUp(c.Request().Context(), fields["token"], fields["name"], fields["password"])
	var wrong *fault.Error
	switch {
	case err == nil:
		return page.Redirect(c, "/sign-in")
	case errors.As(err, &wrong) && wrong.Kind == fault.KindInvalid && len(wrong.Details) > 0:
		return p.setup(c, http.StatusUnprocessableEntity, SetupPage{Name: fields["name"], Wrong: sentences(wrong.Details)})
	case errors.As(err, &wrong) && wrong.Kind == fault.KindUnauthenticated:
		return p.setup(c, http.StatusUnauthorized, SetupPage{Name: fields["name"], Wrong: []fault.Detail{{Item: "token", Message: "The token " + wrong.Message + "."}}})
	}
	return err
}

// sentences makes messages that start small into sentences.
func sentences(details []fault.Detail) []fault.Detail {
	whole := slices.Clone(details)
	for i, d := range whole {
		whole[i].Message = strings.ToUpper(d.Message[:1]) + d.Message[1:] + "."
	}
	return whole
}

func (p Pages) setup(c echo.Context, status int, shown SetupPage) error {
	shown.Title, shown.MinPassword = "First administrator", access.MinPasswordRunes
	return p.Renderer.HTML(c, status, "account/setup", &shown)
}

// ShowHome leads to the page that the caller's role works with, the first of its
// navigation; without a session, to sign-in.
func (p Pages) ShowHome(c echo.Context) error {
	caller := middleware.Caller(c)
	if caller.Role == access.RoleAnonymous {
		return page.Redirect(c, "/sign-in")
	}
	for _, entry := range p.Navigation {
		if entry.Permission.Grants(caller.Role) {
			return page.Redirect(c, entry.Path)
		}
	}
	return p.Renderer.HTML(c, http.StatusOK, "account/home", &HomePage{Frame: page.Frame{Title: "Home"}})
}

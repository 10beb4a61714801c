package page

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"
)

// textCookie holds that a browser wants larger text on a patient's pages. It says
// nothing else.
const textCookie = "afterglow-text"

const (
	textLarge     = "large"
	textCookieAge = 365 * 24 * 3600
)

// SetTextSize makes the text of the pages that follow larger, or as it was.
func SetTextSize(c echo.Context, size string, secure bool) {
	age := -1
	if size == textLarge {
		age = textCookieAge
	}
	c.SetCookie(&http.Cookie{Name: textCookie, Value: textLarge, Path: "/", MaxAge: age, HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode})
}

func hasLargeText(c echo.Context) bool {
	cookie, err := c.Request().Cookie(textCookie)
	return err == nil && cookie.Value == textLarge
}

// An address of ours that the switch may lead back to: what a stranger put into an
// address is not repeated.
var (
	ownPath  = regexp.MustCompile(`^/p/[A-Za-z0-9_-]+(/receipt/[A-Za-z0-9_-]+)?$`)
	ownQuery = regexp.MustCompile(`^[a-z0-9=&]{1,60}$`)
)

// back is the page itself or, where it answers a form, the link's first page.
func back(c echo.Context) string {
	r := c.Request()
	path := r.URL.Path
	if parts := strings.SplitN(path, "/", 4); r.Method != http.MethodGet && len(parts) > 2 {
		path = "/" + parts[1] + "/" + parts[2]
	}
	switch {
	case !ownPath.MatchString(path):
		return "/crisis"
	case r.Method == http.MethodGet && ownQuery.MatchString(r.URL.RawQuery):
		return path + "?" + r.URL.RawQuery
	}
	return path
}

package middleware

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
	"afterglow/internal/fault"
)

// Sessions turns a session cookie into a caller.
type Sessions struct {
	Access *access.Service
	Cookie access.CookieName
}

// Identify sets who calls. A cookie that is not, or no longer, a session is
// anonymous: whether that is enough is the route's permission to say.
func (s Sessions) Identify(next echo.HandlerFunc) echo.HandlerFunc {
	return s.identify(next, s.Access.Resolve)
}

// IdentifyUnattended is Identify for what an open page asks by itself, which does
// not keep a session alive.
func (s Sessions) IdentifyUnattended(next echo.HandlerFunc) echo.HandlerFunc {
	return s.identify(next, s.Access.Look)
}

func (s Sessions) identify(next echo.HandlerFunc, resolve func(context.Context, string) (access.Caller, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		cookie, err := c.Request().Cookie(string(s.Cookie))
		if err != nil || cookie.Value == "" {
			return next(c)
		}
		caller, err := resolve(c.Request().Context(), cookie.Value)
		if err != nil {
			return err
		}
		SetCaller(c, caller)
		return next(c)
	}
}

// Require refuses callers whose role does not have the permission: 401 for
// those who have not signed in, 403 for those who have.
func Require(permission access.Permission) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			caller := Caller(c)
			if permission.Grants(caller.Role) {
				return next(c)
			}
			if caller.Role == access.RoleAnonymous {
				return fault.New(fault.KindUnauthenticated, "session", "sign in to see this page")
			}
			return fault.Forbidden("permission", "your role does not include this page")
		}
	}
}

// SetSessionCookie writes a session's secret, or removes it when empty. The
// cookie ends with the browser; its age is decided by the session's own times.
func SetSessionCookie(c echo.Context, name access.CookieName, value string) {
	cookie := &http.Cookie{
		Name: string(name), Value: value, Path: "/",
		HttpOnly: true, Secure: name.Secure(), SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	c.SetCookie(cookie)
}

// CookieValue gives the value of a cookie, or "".
func CookieValue(c echo.Context, name access.CookieName) string {
	cookie, err := c.Request().Cookie(string(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// SetMarkCookie makes the browser one that somebody signed in with. It opens
// nothing and stays over sign-out.
func SetMarkCookie(c echo.Context, name access.CookieName, value string) {
	const day = 24 * 3600
	c.SetCookie(&http.Cookie{
		Name: string(name), Value: value, Path: "/", MaxAge: access.MarkDays * day,
		HttpOnly: true, Secure: name.Secure(), SameSite: http.SameSiteLaxMode,
	})
}

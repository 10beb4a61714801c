package middleware

import (
	"strings"

	"github.com/labstack/echo/v4"
)

// contentPolicy lets a page load scripts, styles, icons and data from our own
// address only, and nothing inline. Charts set their styles by script, property by
// property, which this permits; `unsafe-inline` is nowhere needed.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"

// Headers sets the security headers of every response, errors included. All
// responses are no-store; the asset handler alone says otherwise.
//
// Referrer-Policy is strict-origin on the pages whose address holds a link's
// secret: the requests for their assets carry no path, which a proxy's log would
// keep. no-referrer would turn a form's Origin into null.
func Headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Referrer-Policy", referrerPolicy(c.Request().URL.Path))
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-store")
		return next(c)
	}
}

func referrerPolicy(path string) string {
	if strings.HasPrefix(path, "/p/") {
		return "strict-origin"
	}
	return "same-origin"
}

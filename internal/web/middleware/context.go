package middleware

import (
	"crypto/rand"
	"encoding/base32"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
)

const (
	callerKey    = "afterglow.caller"
	referenceKey = "afterglow.reference"
	jsonKey      = "afterglow.json"
	routeKey     = "afterglow.route"
	placeKey     = "afterglow.place"
)

// Caller is who makes the request; anonymous where no session was shown.
func Caller(c echo.Context) access.Caller {
	if caller, ok := c.Get(callerKey).(access.Caller); ok {
		return caller
	}
	return access.Anonymous
}

// Place is where the request comes from as far as limits go: an IPv4 address, or
// the /64 of an IPv6 one. It is set by the rate limiter.
func Place(c echo.Context) string {
	place, _ := c.Get(placeKey).(string)
	return place
}

// SetCaller says who makes the request.
func SetCaller(c echo.Context, caller access.Caller) { c.Set(callerKey, caller) }

// Reference is the request's random id, the same on an error page and in the
// log, so that one can be found from the other.
func Reference(c echo.Context) string {
	ref, _ := c.Get(referenceKey).(string)
	return ref
}

// WantsJSON reports whether the route speaks JSON to this caller.
func WantsJSON(c echo.Context) bool {
	wants, _ := c.Get(jsonKey).(bool)
	return wants
}

// SetWantsJSON marks the request as one to be answered with JSON, errors too.
func SetWantsJSON(c echo.Context) { c.Set(jsonKey, true) }

var referenceEncoding = base32.NewEncoding("ABCDEFGHJKMNPQRSTVWXYZ0123456789").WithPadding(base32.NoPadding)

func newReference() string {
	b := make([]byte, 5)
	rand.Read(b)
	return referenceEncoding.EncodeToString(b)
}

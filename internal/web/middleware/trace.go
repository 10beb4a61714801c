package middleware

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/fault"
)

// Trace gives each request its reference, turns a panic into an error, has
// errors answered, and logs one line. The line names the route's pattern, never
// the path, which may hold a link's secret, and no address, header or body.
func Trace(log *slog.Logger, now func() time.Time) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			started := now()
			c.Set(referenceKey, newReference())
			err := withoutPanic(next, c)
			if err != nil {
				c.Error(err)
			}
			line := []any{
				"reference", Reference(c), "method", methodLabel(c.Request().Method), "route", routeLabel(c),
				"status", c.Response().Status, "duration_ms", now().Sub(started).Milliseconds(),
			}
			if c.Response().Status >= http.StatusInternalServerError && err != nil {
				log.Error("request", append(line, "error", err.Error())...)
				return nil
			}
			log.Info("request", line...)
			return nil
		}
	}
}

// withoutPanic runs the handler; a panic becomes an internal error that carries
// where it happened. The value of the panic is left out: it may hold input.
func withoutPanic(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.New(fault.KindInternal, "handler", "panic of type %T\n%s", p, debug.Stack())
		}
	}()
	return next(c)
}

// MarkRoute records which line of the site map answers the request, for the log
// and the form of errors: JSON on a route that speaks it, and to who sent it.
func MarkRoute(pattern string, json bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Set(routeKey, pattern)
			if json || strings.HasPrefix(c.Request().Header.Get("Content-Type"), "application/json") {
				SetWantsJSON(c)
			}
			return next(c)
		}
	}
}

func routeLabel(c echo.Context) string {
	if pattern, ok := c.Get(routeKey).(string); ok {
		return pattern
	}
	return "none"
}

// methodLabel keeps a made-up method out of the log.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

package middleware

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
	"afterglow/internal/fault"
)

// CountRefusals has the audit trail count what the routes of a class refuse.
func CountRefusals(count func(class string, kind access.RefusalKind), class RateClass) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			switch status := refusedWith(c, err); {
			case status == http.StatusUnauthorized && class == RateSignIn:
				count(string(class), access.RefusedSignIn)
			case status == http.StatusForbidden:
				count(string(class), access.RefusedForbidden)
			case status == http.StatusTooManyRequests:
				count(string(class), access.RefusedTooMany)
			}
			return err
		}
	}
}

// refusedWith is the status of a refusal, also of one that is an error and will
// be answered further out.
func refusedWith(c echo.Context, err error) int {
	var framework *echo.HTTPError
	switch {
	case err == nil:
		return c.Response().Status
	case errors.As(err, &framework):
		return framework.Code
	case fault.Is(err, fault.KindForbidden):
		return http.StatusForbidden
	}
	return 0
}

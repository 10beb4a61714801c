package middleware

import (
	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
)

// PlausibleLinks answers with closed what shows no secret that a link could have.
// It stands before everything that keeps, counts or looks up: a made-up address of
// any length costs one small page.
func PlausibleLinks(closed echo.HandlerFunc) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if access.PlausibleToken(c.Param("token")) {
				return next(c)
			}
			return closed(c)
		}
	}
}

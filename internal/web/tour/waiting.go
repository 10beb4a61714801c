package tour

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/web/assets"
	"afterglow/internal/web/middleware"
	"afterglow/internal/web/page"
)

// goOn makes a browser ask for the start page again, without a script.
func goOn(c echo.Context) { c.Response().Header().Set("Refresh", "2; url=/") }

// Waiting answers in the site's place while the demo is put back: every page
// says what is done now, and readiness is red. doing gives the words.
func Waiting(name string, doing func() string) (http.Handler, error) {
	set, err := assets.Load()
	if err != nil {
		return nil, err
	}
	renderer, err := page.NewRenderer(page.Site{Name: name, Zone: time.UTC, Demo: true, Now: time.Now}, set, Templates)
	if err != nil {
		return nil, fmt.Errorf("build the waiting page: %w", err)
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = renderer.HandleError(slog.New(slog.DiscardHandler))
	e.Use(middleware.Headers)
	e.GET(assets.Prefix+":file", set.Serve)
	e.GET("/healthz", func(c echo.Context) error { return c.JSON(http.StatusOK, map[string]string{"status": "alive"}) })
	e.GET("/readyz", func(c echo.Context) error {
		return c.JSON(http.StatusServiceUnavailable, map[string][]string{"red": {"demo"}})
	})
	e.Any("/*", func(c echo.Context) error {
		goOn(c)
		c.Response().Header().Set("Retry-After", page.RetryAfterSeconds)
		return renderer.HTML(c, http.StatusServiceUnavailable, "tour/back", NewBackPage(doing()))
	})
	return e, nil
}

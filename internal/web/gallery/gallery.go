// Package gallery shows every page in every state with canned data: one subject
// for screenshots, accessibility checks and template tests. Floor: face.
//
// It must not be part of the served site, and it calls no service.
package gallery

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
	"afterglow/internal/crisis"
	"afterglow/internal/web/account"
	"afterglow/internal/web/admin"
	"afterglow/internal/web/assets"
	"afterglow/internal/web/clinic"
	"afterglow/internal/web/middleware"
	"afterglow/internal/web/page"
	"afterglow/internal/web/patient"
	"afterglow/internal/web/research"
	"afterglow/internal/web/tour"
	"afterglow/schemas"
)

// State is one page in one state. Err, where set, is an error that the error
// page shows.
type State struct {
	Name     string
	Template string
	Page     page.Page
	Err      error
	Role     access.Role
	// EndsIn is when the session ends, if not after its usual time.
	EndsIn time.Duration
}

// now is the time at which every page of the gallery is seen.
var now = time.Date(2026, 3, 14, 10, 42, 0, 0, time.UTC)

var navigation = []page.NavEntry{
	{Label: "Patients", Path: "/clinic-patients", Purpose: "Who is in care, who is due, late or worse; one patient's course over time.", Permission: access.PermissionSeePatients},
	{Label: "Alerts", Path: "/clinic-alerts", Purpose: "Answers that need a person, the most urgent first.", Permission: access.PermissionWorkAlerts,
		Count: func(context.Context) (int, error) { return 4, nil }},
	{Label: "Does it last?", Path: "/research-study", Purpose: "Ask the question of a study; read the answer with its uncertainty.", Permission: access.PermissionAskQuestions},
	{Label: "Status", Path: "/admin-status", Purpose: "How this installation is doing.", Permission: access.PermissionSeeStatus},
}

// Path is where the gallery serves a state. States of patients lie under /p/, as
// in the site.
func (s State) Path() string {
	if s.Role == access.RolePatientLink {
		return "/p/" + s.Name
	}
	return "/" + s.Name
}

// Handler serves every state at its path, with the site's headers and assets.
func Handler() (http.Handler, error) {
	set, err := assets.Load()
	if err != nil {
		return nil, err
	}
	contacts, err := contacts()
	if err != nil {
		return nil, err
	}
	renderer, err := page.NewRenderer(page.Site{
		Name: "Harbour Clinic", Zone: time.UTC, Now: func() time.Time { return now }, Contacts: contacts,
		Nav: navigation,
	}, set, patient.Templates, clinic.Templates, research.Templates, admin.Templates, account.Templates, tour.Templates)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	e := echo.New()
	e.HTTPErrorHandler = renderer.HandleError(log)
	e.Use(middleware.Trace(log, time.Now), middleware.Headers)
	e.GET(assets.Prefix+":file", set.Serve)
	for i, state := range States(contacts) {
		// The renderer fills a page's frame, so every request gets a new page.
		e.GET(state.Path(), func(c echo.Context) error { return States(contacts)[i].serve(c, renderer) })
	}
	return e, nil
}

func (s State) serve(c echo.Context, renderer *page.Renderer) error {
	if s.Role != access.RoleAnonymous && s.Role != access.RolePatientLink {
		endsIn := s.EndsIn
		if endsIn == 0 {
			endsIn = access.SessionIdle
		}
		middleware.SetCaller(c, access.Caller{AccountID: "1", Name: "anna", Role: s.Role, EndsAt: now.Add(endsIn)})
	}
	if s.Err != nil {
		return s.Err
	}
	return renderer.HTML(c, http.StatusOK, s.Template, s.Page)
}

func contacts() (page.Contacts, error) {
	directories, err := crisis.Load(schemas.Crisis())
	if err != nil {
		return page.Contacts{}, fmt.Errorf("read the crisis contacts: %w", err)
	}
	return page.NewContacts(directories.For("us"), "en"), nil
}

// All gives every state, for tests and screenshots.
func All() ([]State, error) {
	contacts, err := contacts()
	if err != nil {
		return nil, err
	}
	return States(contacts), nil
}

package web

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
	"afterglow/internal/web/assets"
	"afterglow/internal/web/middleware"
)

// Route is one line of the site map.
type Route struct {
	Method     string
	Path       string
	Permission access.Permission
	Rate       middleware.RateClass
	Handler    echo.HandlerFunc
	// Identify looks at the session of a page that is open to everyone.
	Identify bool
	// Unattended is asked by an open page by itself: it does not keep the session.
	Unattended bool
	// JSON answers errors as JSON too.
	JSON bool
}

// Validate refuses a route that says less than everything: who may, how often.
func (r Route) Validate() error {
	switch {
	case !r.Permission.Known():
		return fmt.Errorf("route %s %s declares no permission of the policy", r.Method, r.Path)
	case r.Rate == "":
		return fmt.Errorf("route %s %s declares no rate class", r.Method, r.Path)
	case r.Handler == nil:
		return fmt.Errorf("route %s %s has no handler", r.Method, r.Path)
	}
	return nil
}

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// routes is the site map: every address there is, who may use it, how often.
// The matrix of routes and roles in testdata is read beside it.
func (s *site) routes() []Route {
	return []Route{
		// Everyone
		{Method: get, Path: "/", Permission: access.PermissionPublic, Rate: middleware.RateStaff, Handler: s.account.ShowHome, Identify: true},
		{Method: get, Path: "/crisis", Permission: access.PermissionPublic, Rate: middleware.RateUnlimited, Handler: s.patient.Crisis},
		{Method: post, Path: "/text-size/:size", Permission: access.PermissionPublic, Rate: middleware.RateStaff, Handler: s.patient.TextSize},
		{Method: get, Path: "/healthz", Permission: access.PermissionPublic, Rate: middleware.RateUnlimited, Handler: s.health, JSON: true},
		{Method: get, Path: "/readyz", Permission: access.PermissionPublic, Rate: middleware.RateUnlimited, Handler: s.ready, JSON: true},
		{Method: get, Path: assets.Prefix + ":file", Permission: access.PermissionPublic, Rate: middleware.RateUnlimited, Handler: s.assets.Serve},

		// A patient with a link
		{Method: get, Path: "/p/:token", Permission: access.PermissionAnswerByLink, Rate: middleware.RateLink, Handler: s.patient.Open},
		{Method: post, Path: "/p/:token/notice", Permission: access.PermissionAnswerByLink, Rate: middleware.RateLink, Handler: s.patient.AcceptNotice},
		{Method: post, Path: "/p/:token/page", Permission: access.PermissionAnswerByLink, Rate: middleware.RateLink, Handler: s.patient.SavePage},
		{Method: post, Path: "/p/:token/answers", Permission: access.PermissionAnswerByLink, Rate: middleware.RateLink, Handler: s.patient.Send},
		{Method: get, Path: "/p/:token/receipt/:receipt", Permission: access.PermissionAnswerByLink, Rate: middleware.RateLink, Handler: s.patient.Receipt},

		// One's own account
		{Method: get, Path: "/sign-in", Permission: access.PermissionPublic, Rate: middleware.RateStaff, Handler: s.account.ShowSignIn},
		{Method: post, Path: "/sign-in", Permission: access.PermissionPublic, Rate: middleware.RateSignIn, Handler: s.account.SignIn},
		{Method: post, Path: "/sign-out", Permission: access.PermissionOwnSession, Rate: middleware.RateStaff, Handler: s.account.SignOut},
		{Method: post, Path: "/session/extend", Permission: access.PermissionOwnSession, Rate: middleware.RateStaff, Handler: s.account.Extend, JSON: true},
		{Method: get, Path: "/setup", Permission: access.PermissionPublic, Rate: middleware.RateStaff, Handler: s.account.ShowSetup},
		{Method: post, Path: "/setup", Permission: access.PermissionPublic, Rate: middleware.RateSignIn, Handler: s.account.Setup},

		// Clinicians
		{Method: get, Path: "/patients", Permission: access.PermissionSeePatients, Rate: middleware.RateStaff, Handler: s.clinic.Patients},
		{Method: get, Path: "/patients/:patient", Permission: access.PermissionSeePatients, Rate: middleware.RateStaff, Handler: s.clinic.Patient},
		{Method: get, Path: "/patients/:patient/answers/:occasion", Permission: access.PermissionSeePatients, Rate: middleware.RateStaff, Handler: s.clinic.Answers},
		{Method: get, Path: "/alerts", Permission: access.PermissionWorkAlerts, Rate: middleware.RateStaff, Handler: s.clinic.Alerts},
		{Method: get, Path: "/alerts/waiting", Permission: access.PermissionWorkAlerts, Rate: middleware.RateStaff, Handler: s.clinic.Waiting, JSON: true, Unattended: true},
		{Method: post, Path: "/alerts/:alert/acknowledge", Permission: access.PermissionWorkAlerts, Rate: middleware.RateStaff, Handler: s.clinic.Acknowledge},

		// Researchers
		{Method: get, Path: "/research", Permission: access.PermissionAskQuestions, Rate: middleware.RateStaff, Handler: s.research.ShowStudies},
		{Method: get, Path: "/research/studies/:study", Permission: access.PermissionAskQuestions, Rate: middleware.RateStaff, Handler: s.research.ShowStudy},

		// Administrators
		{Method: get, Path: "/status", Permission: access.PermissionSeeStatus, Rate: middleware.RateStaff, Handler: s.admin.Status},
	}
}

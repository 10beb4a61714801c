package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
	"afterglow/internal/caseload"
	"afterglow/internal/crisis"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/safety"
	"afterglow/internal/web/account"
	"afterglow/internal/web/admin"
	"afterglow/internal/web/assets"
	"afterglow/internal/web/clinic"
	"afterglow/internal/web/middleware"
	"afterglow/internal/web/page"
	"afterglow/internal/web/patient"
	"afterglow/internal/web/research"
)

// Config is what the site is made of.
type Config struct {
	// Name is the clinic's name, on every page.
	Name string
	// URL is the site's own address; every absolute link and the check of a
	// request's origin come from it. Plain http is for loopback only.
	URL  *url.URL
	Zone *time.Location
	// Demo marks every page of a demonstration.
	Demo bool
	Log  *slog.Logger
	Now  func() time.Time
	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Limits are the rate limits by class; nil means middleware.DefaultLimits.
	Limits map[middleware.RateClass]middleware.ClassLimit

	Contacts    *crisis.Directory
	Instruments *instrument.Library
	Intake      *intake.Service
	Access      *access.Service
	Safety      *safety.Service
	Caseload    *caseload.Service
	Status      admin.Sources
	Research    research.Service
}

// Validate says what is missing or does not fit.
func (c Config) Validate() error {
	switch {
	case c.Name == "" || c.Zone == nil || c.Log == nil || c.Now == nil:
		return fault.Invalid("site", "needs a name, a time zone, a log and a clock")
	case c.URL == nil || c.URL.Host == "" || c.URL.Path != "" && c.URL.Path != "/":
		return fault.Invalid("site address", "must be an address without a path, such as https://clinic.example")
	case c.URL.Scheme != "https" && !(c.URL.Scheme == "http" && middleware.IsLoopbackHost(c.URL.Hostname())):
		return fault.Invalid("site address", "must be https, or http on this machine only (localhost)")
	case c.Contacts == nil || c.Instruments == nil || c.Intake == nil || c.Access == nil || c.Safety == nil || c.Caseload == nil:
		return fault.Invalid("site", "needs crisis contacts, instruments and the intake, access, safety and caseload services")
	}
	if err := c.Research.Validate(); err != nil {
		return err
	}
	return c.Status.Validate()
}

// site is the pages and the guards, put together.
type site struct {
	renderer *page.Renderer
	assets   *assets.Set
	status   admin.Sources
	guards   guards

	patient  *patient.Pages
	account  account.Pages
	clinic   clinic.Pages
	research research.Pages
	admin    admin.Pages
}

// navigation is what staff see at the top, each entry by its permission.
var navigation = []page.NavEntry{
	{Label: "Patients", Path: "/patients", Purpose: "Who is in care, who is due, late or worse; one patient's course over time.", Permission: access.PermissionSeePatients},
	{Label: "Alerts", Path: "/alerts", Purpose: "Answers that need a person, the most urgent first.", Permission: access.PermissionWorkAlerts},
	{Label: "Does it last?", Path: "/research", Purpose: "Ask the question of a study; read the answer with its uncertainty.", Permission: access.PermissionAskQuestions},
	{Label: "Status", Path: "/status", Purpose: "How this installation is doing.", Permission: access.PermissionSeeStatus},
}

// counted gives the navigation with the number of alerts that wait.
func counted(alerts *safety.Service) []page.NavEntry {
	list := slices.Clone(navigation)
	for i := range list {
		if list[i].Permission == access.PermissionWorkAlerts {
			list[i].Count = func(ctx context.Context) (int, error) {
				n, err := alerts.Counts(ctx)
				return n.Waiting, err
			}
		}
	}
	return list
}

func assemble(c Config) (*site, error) {
	set, err := assets.Load()
	if err != nil {
		return nil, err
	}
	contacts := page.NewContacts(c.Contacts, "en")
	renderer, err := page.NewRenderer(page.Site{
		Name: c.Name, Zone: c.Zone, Demo: c.Demo, Now: c.Now, Nav: counted(c.Safety), Contacts: contacts,
	}, set, patient.Templates, clinic.Templates, research.Templates, admin.Templates, account.Templates)
	if err != nil {
		return nil, err
	}
	https := c.URL.Scheme == "https"
	forms, err := patient.New(patient.Config{Intake: c.Intake, Instruments: c.Instruments, Renderer: renderer, Contacts: contacts, Words: c.Contacts.Words,
		Safety: c.Safety, Now: c.Now, Zone: c.Zone, HTTPS: https})
	if err != nil {
		return nil, err
	}
	limits := c.Limits
	if limits == nil {
		limits = middleware.DefaultLimits
	}
	return &site{
		renderer: renderer, assets: set, status: c.Status, patient: forms,
		account:  account.Pages{Access: c.Access, Renderer: renderer, Cookie: access.SessionCookie(https), Navigation: navigation},
		clinic:   clinic.Pages{Config: clinic.Config{Safety: c.Safety, Caseload: c.Caseload, Access: c.Access, Instruments: c.Instruments, Renderer: renderer, Now: c.Now, Zone: c.Zone}},
		research: research.Pages{Renderer: renderer, Service: c.Research},
		admin:    admin.Pages{Renderer: renderer, Sources: c.Status, Now: c.Now},
		guards: guards{
			bodies:   middleware.NewBodies(heldBodyBytes, bodyPatience),
			capacity: middleware.NewCapacity(workingRequests, waitingRequests, waitingPatience),
			rate:     middleware.NewRateLimiter(limits, middleware.Addresses{TrustedProxies: c.TrustedProxies}, c.Now),
			origins:  middleware.OwnOrigins(c.URL),
			sessions: middleware.Sessions{Access: c.Access, Cookie: access.SessionCookie(https)},
		},
	}, nil
}

// health answers while the process is alive.
func (s *site) health(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "alive"})
}

// ready answers 200 when every part can be used, and 503 naming those that
// cannot.
func (s *site) ready(c echo.Context) error {
	red := s.status.Red(c.Request().Context())
	status := http.StatusOK
	if len(red) > 0 {
		status = http.StatusServiceUnavailable
		c.Response().Header().Set("Retry-After", page.RetryAfterSeconds)
	}
	return c.JSON(status, map[string][]string{"red": red})
}

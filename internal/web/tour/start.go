// Package tour holds the start page of a demonstration: a door for each kind of
// user, signed in at once, a tour of seven stops, and the way to put the
// demonstration back. Floor: face.
//
// It must not open a door anywhere else: the site offers these routes for a
// demo folder only, and they answer only to this machine.
package tour

import (
	"context"
	"embed"
	"net"
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/web/form"
	"afterglow/internal/web/middleware"
	"afterglow/internal/web/page"
)

//go:embed *.html
var files embed.FS

// Templates lists the pages of this folder.
var Templates = page.Templates{Folder: "tour", Files: files, Pages: map[string][]string{"start": {}, "back": {}}}

// Service is what the start page does. Every function is needed.
type Service struct {
	// Enter begins a session of the demo's account of a role, without a
	// password, and gives its secret.
	Enter func(ctx context.Context, role access.Role) (secret string, err error)
	// FormLink gives the token of an open questionnaire of the demo's patient.
	FormLink func(ctx context.Context) (token string, err error)
	// LostBenefit gives the code of a patient whose benefit was had and lost,
	// or "" when there is none.
	LostBenefit func(ctx context.Context) (patient string, err error)
	// Contents counts what the demo holds.
	Contents func(ctx context.Context) (Contents, error)
	// PutBack begins to put the demo back as it was at its first start.
	PutBack func()
}

// Validate says whether every function is there.
func (s Service) Validate() error {
	if s.Enter == nil || s.FormLink == nil || s.LostBenefit == nil || s.Contents == nil || s.PutBack == nil {
		return fault.Invalid("demo pages", "need what signs in, gives a link, finds a patient, counts and puts back")
	}
	return nil
}

// Contents is what the demo holds, by where it comes from.
type Contents struct {
	Studies []Study
	// LinkPatients counts the made-up patients who answer by link.
	LinkPatients int
}

// Study is one study of the demo.
type Study struct {
	ID        string
	Title     string
	Patients  int
	Simulated bool
}

// Pages serves the start page.
type Pages struct {
	Renderer *page.Renderer
	Cookie   access.CookieName
	Access   *access.Service
	// Service is nil on a site that is no demo: every route is then not found.
	Service *Service
}

// Show is the start page.
func (p Pages) Show(c echo.Context) error {
	if err := p.open(c); err != nil {
		return err
	}
	contents, err := p.Service.Contents(c.Request().Context())
	if err != nil {
		return err
	}
	return p.Renderer.HTML(c, http.StatusOK, "tour/start", NewStartPage(contents))
}

// Enter opens a door or a stop of the tour: it signs in as the role that the
// stop needs, in place of whoever was signed in, and goes there.
func (p Pages) Enter(c echo.Context) error {
	if err := p.open(c); err != nil {
		return err
	}
	fields, err := form.Read(c, "to")
	if err != nil {
		return err
	}
	stop, found := stopNamed(fields["to"])
	if !found {
		return fault.Invalid("to", "is not one of the doors of this page")
	}
	ctx := c.Request().Context()
	if stop.role == access.RolePatientLink {
		token, err := p.Service.FormLink(ctx)
		if err != nil {
			return err
		}
		return page.Redirect(c, "/p/"+token)
	}
	path := stop.path
	if stop.id == stopLost {
		if path, err = p.lostPath(ctx, path); err != nil {
			return err
		}
	}
	if cookie, err := c.Request().Cookie(string(p.Cookie)); err == nil {
		if err := p.Access.End(ctx, cookie.Value); err != nil {
			return err
		}
	}
	secret, err := p.Service.Enter(ctx, stop.role)
	if err != nil {
		return err
	}
	middleware.SetSessionCookie(c, p.Cookie, secret)
	return page.Redirect(c, path)
}

// lostPath is the page of a patient whose benefit was lost; without one, the
// list where such patients stand.
func (p Pages) lostPath(ctx context.Context, list string) (string, error) {
	patient, err := p.Service.LostBenefit(ctx)
	if err != nil || patient == "" {
		return list, err
	}
	return "/patients/" + patient, nil
}

// PutBack begins to put the demo back and shows that it is under way.
func (p Pages) PutBack(c echo.Context) error {
	if err := p.open(c); err != nil {
		return err
	}
	if _, err := form.Read(c, "go"); err != nil {
		return err
	}
	middleware.SetSessionCookie(c, p.Cookie, "")
	goOn(c)
	err := p.Renderer.HTML(c, http.StatusAccepted, "tour/back", NewBackPage("Closing what is open"))
	p.Service.PutBack()
	return err
}

// open refuses everything on a site that is no demo, and callers from elsewhere
// than this machine: a door signs in without a password.
func (p Pages) open(c echo.Context) error {
	if p.Service == nil {
		return fault.NotFound("path", "there is no such page")
	}
	if !fromThisMachine(c.Request()) {
		return fault.Forbidden("demo", "the doors of a demo open on its own machine only; sign in instead")
	}
	return nil
}

// fromThisMachine reports whether a request came over the loopback interface, to
// a loopback name, and through no proxy that might stand for somebody else.
func fromThisMachine(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return middleware.IsLoopbackHost(host)
}

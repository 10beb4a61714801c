package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/sitetest"
	"afterglow/internal/web"
	"afterglow/internal/web/tour"
)

// demoSite is a site with the doors of a demo, whose accounts are the test's.
func demoSite(t *testing.T) (*sitetest.Site, *int) {
	t.Helper()
	var s *sitetest.Site
	putBack := new(int)
	s = sitetest.New(t, "http://localhost:8080", 1, func(c *web.Config) {
		c.DemoDoors = &tour.Service{
			Enter: func(ctx context.Context, role access.Role) (string, error) {
				return c.Access.EnterDemo(ctx, string(role))
			},
			FormLink:    func(context.Context) (string, error) { return s.Tokens[0], nil },
			LostBenefit: func(context.Context) (string, error) { return "", nil },
			Contents: func(context.Context) (tour.Contents, error) {
				return tour.Contents{Studies: []tour.Study{{ID: "trial", Title: "A trial", Patients: 100}, {ID: "made", Patients: 500, Simulated: true}}, LinkPatients: 3}, nil
			},
			PutBack: func() { *putBack++ },
		}
	})
	return s, putBack
}

// knock asks the start page's routes as a browser on this machine does.
func knock(s *sitetest.Site, method, path string, form url.Values, change ...func(*http.Request)) *http.Response {
	r := httptest.NewRequest(method, "http://localhost:8080"+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = "127.0.0.1:40000"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", s.Address)
	for _, apply := range change {
		apply(r)
	}
	recorder := httptest.NewRecorder()
	s.Server.Handler().ServeHTTP(recorder, r)
	return recorder.Result()
}

func sessionOf(response *http.Response) string {
	for _, cookie := range response.Cookies() {
		if cookie.Name == string(access.SessionCookie(false)) {
			return cookie.Value
		}
	}
	return ""
}

func TestADemoBeginsAtItsStartPage(t *testing.T) {
	s, _ := demoSite(t)
	response := knock(s, http.MethodGet, "/", nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	text := sitetest.Text(t, response)
	for _, said := range []string{"A trial: 100 patients", "<dt>Simulated</dt><dd>made: 500 patients.", "<dt>Made up</dt><dd>The clinic, its staff, who is on call and 3 patients who answer by link.", `value="clinician"`, `action="/demo/put-back"`} {
		require.Contains(t, text, said)
	}
}

func TestEachDoorLeadsToItsRole(t *testing.T) {
	s, _ := demoSite(t)
	for to, want := range map[string]struct {
		path string
		role access.Role
	}{
		"clinician":     {"/patients", access.RoleClinician},
		"researcher":    {"/research", access.RoleResearcher},
		"administrator": {"/status", access.RoleAdministrator},
		"alert":         {"/alerts", access.RoleClinician},
		"lost":          {"/patients?show=losing", access.RoleClinician},
		"setting":       {"/research/studies/simulated-clinic?group=setting", access.RoleResearcher},
		"trial":         {"/research/studies/btheb", access.RoleResearcher},
		"method":        {"/research/studies/btheb#method", access.RoleResearcher},
	} {
		t.Run(to, func(t *testing.T) {
			response := knock(s, http.MethodPost, "/demo/enter", url.Values{"to": {to}})
			require.Equal(t, http.StatusSeeOther, response.StatusCode)
			require.Equal(t, want.path, response.Header.Get("Location"))
			caller, err := s.Access.Resolve(context.Background(), sessionOf(response))
			require.NoError(t, err)
			require.Equal(t, want.role, caller.Role)
		})
	}
	for _, to := range []string{"patient", "form"} {
		response := knock(s, http.MethodPost, "/demo/enter", url.Values{"to": {to}})
		require.Equal(t, "/p/"+s.Tokens[0], response.Header.Get("Location"), "no account is needed")
		require.Empty(t, sessionOf(response))
	}
	require.Equal(t, http.StatusBadRequest, knock(s, http.MethodPost, "/demo/enter", url.Values{"to": {"/elsewhere"}}).StatusCode)
}

func TestADoorEndsTheSessionBefore(t *testing.T) {
	s, _ := demoSite(t)
	before := sessionOf(knock(s, http.MethodPost, "/demo/enter", url.Values{"to": {"clinician"}}))
	knock(s, http.MethodPost, "/demo/enter", url.Values{"to": {"researcher"}}, func(r *http.Request) {
		r.AddCookie(&http.Cookie{Name: string(access.SessionCookie(false)), Value: before})
	})
	caller, err := s.Access.Resolve(context.Background(), before)
	require.NoError(t, err)
	require.Equal(t, access.Anonymous, caller)
}

func TestDoorsLeaveAnAuditEvent(t *testing.T) {
	s, _ := demoSite(t)
	knock(s, http.MethodPost, "/demo/enter", url.Values{"to": {"clinician"}})
	found := 0
	require.NoError(t, s.Store.EachAuditEntry(context.Background(), 0, func(e registry.AuditEntry) error {
		if e.Action == "signed-in-by-demo-door" {
			found++
		}
		return nil
	}))
	require.Equal(t, 1, found)
}

// TestDoorsOpenOnThisMachineOnly tries every way in which a request may come from
// somebody else: nobody is signed in.
func TestDoorsOpenOnThisMachineOnly(t *testing.T) {
	s, putBack := demoSite(t)
	for name, change := range map[string]func(*http.Request){
		"another machine":      func(r *http.Request) { r.RemoteAddr = "192.0.2.7:40000" },
		"a proxy":              func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.7") },
		"a proxy by RFC 7239":  func(r *http.Request) { r.Header.Set("Forwarded", "for=192.0.2.7") },
		"a proxy that says so": func(r *http.Request) { r.Header.Set("Via", "1.1 proxy") },
		"another name":         func(r *http.Request) { r.Host = "rebound.example:8080" },
		"another site's page":  func(r *http.Request) { r.Header.Set("Origin", "https://elsewhere.example") },
		"a socket of no host":  func(r *http.Request) { r.RemoteAddr = "@" },
	} {
		t.Run(name, func(t *testing.T) {
			for path, form := range map[string]url.Values{"/demo/enter": {"to": {"clinician"}}, "/demo/put-back": {"go": {"yes"}}} {
				response := knock(s, http.MethodPost, path, form, change)
				require.Equal(t, http.StatusForbidden, response.StatusCode)
				require.Empty(t, sessionOf(response))
			}
		})
	}
	require.Zero(t, *putBack)
}

func TestOnlyADemoHasDoors(t *testing.T) {
	s := sitetest.New(t, "http://localhost:8080", 1)
	require.Equal(t, http.StatusNotFound, knock(s, http.MethodPost, "/demo/enter", url.Values{"to": {"clinician"}}).StatusCode)
	require.Equal(t, http.StatusNotFound, knock(s, http.MethodPost, "/demo/put-back", url.Values{"go": {"yes"}}).StatusCode)
}

func TestThePutBackPageAsksForTheStartAgain(t *testing.T) {
	s, putBack := demoSite(t)
	response := knock(s, http.MethodPost, "/demo/put-back", url.Values{"go": {"yes"}})
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	require.Equal(t, "2; url=/", response.Header.Get("Refresh"))
	require.Equal(t, 1, *putBack)

	doing := "Loading the study"
	handler, err := tour.Waiting("Harbour Clinic", func() string { return doing })
	require.NoError(t, err)
	for path, status := range map[string]int{"/": 503, "/patients": 503, "/readyz": 503, "/healthz": 200} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, status, recorder.Code, path)
		if path == "/" {
			require.Contains(t, recorder.Body.String(), doing)
			require.Equal(t, "2; url=/", recorder.Header().Get("Refresh"))
		}
	}
}

// Package sitetest builds the whole site over a real registry for tests: demo
// patients with links, an account of each role, a clock that the test moves.
// Floor: testkit.
//
// It must not be imported by anything but tests.
package sitetest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/care"
	"afterglow/internal/caseload"
	"afterglow/internal/chart"
	"afterglow/internal/crisis"
	"afterglow/internal/fault"
	"afterglow/internal/finding"
	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/safety"
	"afterglow/internal/testkit/registrytest"
	"afterglow/internal/web"
	"afterglow/internal/web/admin"
	"afterglow/internal/web/research"
	"afterglow/schemas"
)

// Password is every test account's.
const Password = "violet teapot under nine bridges"

// Site is a running site of a test.
type Site struct {
	Server *web.Server
	Store  *registry.Store
	Faults *registrytest.Faults
	Clock  *registrytest.Clock
	Access *access.Service
	Safety *safety.Service
	Intake *intake.Service
	PHQ9   *instrument.Definition
	// Patients are those whose links the tokens are.
	Patients []registry.SimulatedPatient
	Tokens   []string
	Log      *Log
	Address  string
	// WarehouseErr is what the status page hears from the warehouse.
	WarehouseErr error
}

// Log collects what the site logs.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write adds to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is everything logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// New builds a site with n links. The address decides between http on loopback
// and https.
func New(t testing.TB, address string, n int, change ...func(*web.Config)) *Site {
	t.Helper()
	ctx := context.Background()
	s := &Site{Faults: registrytest.NewFaults(t), Log: &Log{}, Address: address, PHQ9: registrytest.PHQ9(t)}
	folder := registrytest.NewFolder(t)
	s.Clock = folder.Clock
	s.Store = folder.Open(t, func(c *registry.Config) { c.Driver = s.Faults.Name })
	s.Patients = registrytest.Demo(t, s.Store, n)
	for _, p := range s.Patients {
		s.Tokens = append(s.Tokens, p.Token)
	}
	log := slog.New(slog.NewJSONHandler(s.Log, nil))
	var err error
	s.Access, err = access.New(ctx, access.Config{
		Registry: s.Store, Log: log, Now: s.Clock.Now, SiteName: "Harbour Clinic", Hash: access.HashParams{Passes: 1, MemoryKiB: 64, Lanes: 1},
	})
	require.NoError(t, err)
	for _, role := range access.AccountRoles {
		require.NoError(t, s.Access.CreateAccount(ctx, registry.System("test"), access.NewAccount{Name: string(role), Role: role, Password: Password}))
	}
	s.Safety = safety.New(s.Store)
	library := registrytest.Instruments(t)
	s.Intake, err = intake.New(intake.Config{Store: s.Store, Instruments: library, Logger: log})
	require.NoError(t, err)
	patients, err := caseload.New(caseload.Config{Store: s.Store, Instruments: library, Zone: time.UTC})
	require.NoError(t, err)
	contacts, err := crisis.Load(schemas.Crisis())
	require.NoError(t, err)
	own, err := url.Parse(address)
	require.NoError(t, err)
	config := web.Config{
		Name: "Harbour Clinic", URL: own, Zone: time.UTC, Demo: true, Log: log, Now: s.Clock.Now,
		Contacts: contacts.For("us"), Instruments: library, Intake: s.Intake, Access: s.Access, Safety: s.Safety, Caseload: patients,
		Status: admin.Sources{
			Registry:    func(context.Context) error { return nil },
			Warehouse:   func(context.Context) error { return s.WarehouseErr },
			Confinement: func() string { return "landlock (ABI 7), seccomp, network namespace" },
			Backlog:     func(context.Context) (int64, time.Time, error) { return 3, s.Clock.Now(), nil },
		},
	}
	config.Research = research.Service{
		Ask: func(context.Context, string, string, map[string]string) (finding.Finding, error) {
			return finding.Finding{}, fault.Unavailable("warehouse", nil, "the warehouse does not answer")
		},
		Studies:   func(context.Context) ([]care.Study, error) { return []care.Study{}, nil },
		DataAsOf:  func(context.Context) (research.Freshness, error) { return research.Freshness{}, nil },
		Scale:     func(care.Measure) (chart.Scale, error) { return chart.Scale{}, nil },
		Protocols: func(context.Context) ([]care.Protocol, error) { return nil, nil },
	}
	for _, apply := range change {
		apply(&config)
	}
	s.Server, err = web.New(config)
	require.NoError(t, err)
	return s
}

// SignIn gives the session secret of the test account of a role.
func (s *Site) SignIn(t testing.TB, role access.Role) string {
	t.Helper()
	secret, err := s.Access.SignIn(context.Background(), string(role), Password)
	require.NoError(t, err)
	return secret
}

// Request is one request to the site.
type Request struct {
	Method string
	Path   string
	// Form or JSON is the body; Form is sent when JSON is empty.
	Form url.Values
	JSON string
	// Session is a session's secret; Cookies are further ones.
	Session string
	Cookies []*http.Cookie
	Header  http.Header
}

// Do sends a request as one of the site's own pages would.
func (s *Site) Do(t testing.TB, r Request) *http.Response {
	t.Helper()
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	var body io.Reader
	contentType := ""
	switch {
	case r.JSON != "":
		body, contentType = strings.NewReader(r.JSON), "application/json"
	case r.Form != nil || r.Method == http.MethodPost:
		body, contentType = strings.NewReader(r.Form.Encode()), "application/x-www-form-urlencoded"
	}
	request := httptest.NewRequest(r.Method, "http://site.test/", body)
	parsed, err := url.Parse(r.Path)
	require.NoError(t, err)
	request.URL, request.RequestURI = parsed, r.Path
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("Origin", s.Address)
	if r.Session != "" {
		request.AddCookie(&http.Cookie{Name: string(access.SessionCookie(strings.HasPrefix(s.Address, "https:"))), Value: r.Session})
	}
	for _, cookie := range r.Cookies {
		request.AddCookie(cookie)
	}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	recorder := httptest.NewRecorder()
	s.Server.Handler().ServeHTTP(recorder, request)
	return recorder.Result()
}

// Text reads a response's body.
func Text(t testing.TB, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

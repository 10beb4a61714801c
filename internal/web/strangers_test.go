package web_test

import (
	"context"
	"fmt"
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
	"afterglow/internal/registry"
	"afterglow/internal/testkit/sitetest"
	"afterglow/internal/web"
	"afterglow/internal/web/middleware"
)

// from sends a request from an address.
func from(s *sitetest.Site, address, method, path string, form url.Values, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", strings.NewReader(form.Encode()))
	r.URL.Path, r.URL.RawPath, r.RemoteAddr = path, "", address+":1"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", s.Address)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	s.Server.Handler().ServeHTTP(w, r)
	return w
}

// silent keeps no log of a test that sends very much.
func silent(c *web.Config) { c.Log = slog.New(slog.DiscardHandler) }

// Every route but those that must always answer stands behind a bound: with no
// room at all, each of them is refused at once.
func TestSR32_EveryRouteStandsBehindItsCapacity(t *testing.T) {
	s := sitetest.New(t, local, 1, func(c *web.Config) {
		c.Lanes = map[middleware.RateClass]web.Lane{}
		for class, lane := range web.DefaultLanes {
			c.Lanes[class] = web.Lane{Bodies: lane.Bodies}
		}
	})
	for _, r := range s.Server.Routes() {
		for _, method := range []string{r.Method, http.MethodHead} {
			if method == http.MethodHead && r.Method != http.MethodGet {
				continue
			}
			w := from(s, "192.0.2.1", method, concrete(r.Path, "link-only", s), url.Values{})
			require.Equal(t, r.Rate == middleware.RateUnlimited, w.Code != http.StatusServiceUnavailable, "%s %s: %d", method, r.Path, w.Code)
		}
	}
}

func TestARouteWithoutALaneStopsTheStart(t *testing.T) {
	require.Panics(t, func() {
		sitetest.New(panicsInsteadOfFailing{t}, local, 1, func(c *web.Config) { c.Lanes = map[middleware.RateClass]web.Lane{middleware.RateLink: {}} })
	})
}

// panicsInsteadOfFailing lets a test see that a site does not start.
type panicsInsteadOfFailing struct{ testing.TB }

func (panicsInsteadOfFailing) Errorf(string, ...any) {}
func (panicsInsteadOfFailing) FailNow()              { panic("failed") }

// While every place of the staff is taken, every hash of sign-in and every
// connection of the staff's questions, and more of each wait, a patient's pages are
// answered.
func TestSR32_StaffAndSignInsDoNotKeepAPatientOut(t *testing.T) {
	const staffPlaces = 3
	limited, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	release := make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	inside := make(chan struct{}, 1000)
	wait := func() { inside <- struct{}{}; <-release }
	arrive := func(at chan struct{}, n int) {
		for range n {
			select {
			case <-at:
			case <-limited.Done():
				require.FailNow(t, "those who should be busy are not")
			}
		}
	}
	s := sitetest.New(t, local, 1, func(c *web.Config) {
		c.Limits = map[middleware.RateClass]middleware.ClassLimit{}
		c.Status.Confinement = func() string { wait(); return "" }
		c.Lanes = map[middleware.RateClass]web.Lane{
			middleware.RateLink:   {Working: 2, Bodies: 1 << 20}, // so that two of another class would fill it
			middleware.RateStaff:  {Working: staffPlaces, Waiting: 300, Bodies: 1 << 20},
			middleware.RateSignIn: {Working: 4, Waiting: 100, Bodies: 1 << 20},
		}
	})
	administrator := s.SignIn(t, access.RoleAdministrator)
	s.OnHash.Store(&wait)
	var group sync.WaitGroup
	for range staffPlaces + 100 {
		group.Go(func() { s.Do(t, sitetest.Request{Path: "/status", Session: administrator}) })
	}
	for i := range 60 {
		group.Go(func() {
			from(s, "192.0.2.1", http.MethodPost, "/sign-in", url.Values{"name": {fmt.Sprint("n", i)}, "password": {"x"}})
		})
	}
	arrive(inside, staffPlaces+2) // the staff's places and the two hashes
	// And questions of the staff have every connection that theirs may have.
	const questions = 12
	reading := make(chan struct{}, questions)
	for range questions {
		group.Go(func() {
			require.NoError(t, s.Store.EachAuditEntry(t.Context(), 0, func(e registry.AuditEntry) error {
				if e.Sequence == 1 {
					reading <- struct{}{}
					<-release
				}
				return nil
			}))
		})
	}
	arrive(reading, 4)
	patient := func(method, path, contentType, body string) int {
		r := httptest.NewRequestWithContext(limited, method, "/p/"+s.Tokens[0]+path, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Origin", local)
		w := httptest.NewRecorder()
		s.Server.Handler().ServeHTTP(w, r)
		return w.Code
	}
	opened := patient(http.MethodGet, "", "", "")
	sent := patient(http.MethodPost, "/answers", "application/json", submission("while-busy", map[string]any{"9": 0}))
	free()
	group.Wait()
	require.Equal(t, http.StatusOK, opened)
	require.Equal(t, http.StatusCreated, sent)
}

// A stranger's made-up addresses, cookies and names leave nothing behind.
func TestSR32_NothingThatAStrangerSendsIsKept(t *testing.T) {
	s := sitetest.New(t, local, 1, silent)
	huge := strings.Repeat("A", 60_000)
	for i := range 20_000 {
		w := from(s, "192.0.2.1", http.MethodGet, fmt.Sprintf("/p/%s%d", huge[:60_000-i%7], i), nil)
		require.Equal(t, http.StatusNotFound, w.Code)
		if i == 0 {
			require.Contains(t, w.Body.String(), "988", "whom to turn to stands there too")
		}
	}
	require.Equal(t, [2]int{0, 0}, s.Server.CountedPlaces(middleware.RateLink), "no bucket was made for what is no link")
	for i := range 300 {
		name := fmt.Sprint("cookie", i)
		from(s, "192.0.2.1", http.MethodGet, "/sign-in", nil, &http.Cookie{Name: "afterglow", Value: name + huge})
		from(s, "192.0.2.1", http.MethodGet, "/patients", nil, &http.Cookie{Name: "afterglow", Value: name})
		from(s, "192.0.2.1", http.MethodGet, "/p/"+strings.Repeat("A", 32)+"/receipt/"+name, nil, &http.Cookie{Name: "afterglow-receipt", Value: name})
		from(s, "192.0.2.1", http.MethodPost, "/p/"+strings.Repeat("A", 32)+"/page", url.Values{"item": {"1"}, "value": {"1"}, "go": {"next"}}, &http.Cookie{Name: "afterglow-form", Value: name})
	}
	sessions, err := s.Store.WebSessions().Count(t.Context())
	require.NoError(t, err)
	require.Zero(t, sessions)
	left, err := s.Store.LeftDrafts(t.Context(), s.Clock.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Empty(t, left)
	require.Equal(t, [2]int{1, 1}, s.Server.CountedPlaces(middleware.RateLink), "one address, one link that could be one")
}

// What one class of requests does makes nothing of another class forgotten.
func TestSR31_OtherTrafficGivesNoSignInsBack(t *testing.T) {
	s := sitetest.New(t, local, 1, silent)
	attempt := func(i int) int {
		return from(s, "192.0.2.1", http.MethodPost, "/sign-in", url.Values{"name": {fmt.Sprint("n", i)}, "password": {"x"}}).Code
	}
	for i := range 60 {
		require.Equal(t, http.StatusUnauthorized, attempt(i))
	}
	require.Equal(t, http.StatusTooManyRequests, attempt(60))
	for i := range 20_100 {
		from(s, fmt.Sprintf("198.51.%d.%d", i/250, i%250), http.MethodHead, fmt.Sprintf("/p/%032d", i), nil)
	}
	require.Equal(t, http.StatusTooManyRequests, attempt(61))
}

func TestSR47_APersonComesInFromElsewhereDuringAnAttack(t *testing.T) {
	s := sitetest.New(t, local, 1)
	enter := func(address, password string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
		return from(s, address, http.MethodPost, "/sign-in", url.Values{"name": {"administrator"}, "password": {password}}, cookies...)
	}
	usual := enter("203.0.113.1", sitetest.Password).Result().Cookies()
	for range 101 {
		s.Clock.Advance(time.Minute)
		enter("192.0.2.1", "a wrong password, number one")
	}
	require.Equal(t, http.StatusUnauthorized, enter("192.0.2.1", sitetest.Password).Code, "the attacker's own address is judged no more")
	first := enter("203.0.113.77", sitetest.Password)
	require.Equal(t, http.StatusTooManyRequests, first.Code)
	require.Equal(t, "60", first.Header().Get("Retry-After"))
	require.Equal(t, http.StatusSeeOther, enter("192.0.2.1", sitetest.Password, usual...).Code, "the usual browser")
	for range 51 {
		s.Clock.Advance(time.Minute)
		enter("192.0.2.2", "a wrong password, number one")
	}
	s.Clock.Advance(time.Minute)
	require.Equal(t, http.StatusSeeOther, enter("203.0.113.77", sitetest.Password).Code, "a new address, after its wait")
}

func TestSR49_TheOldSessionOfABrowserIsDeadAfterANewSignIn(t *testing.T) {
	s := sitetest.New(t, local, 1)
	for _, next := range []string{"clinician", "researcher"} {
		old := s.SignIn(t, access.RoleClinician)
		response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/sign-in", Session: old, Form: url.Values{"name": {next}, "password": {sitetest.Password}}})
		require.Equal(t, http.StatusSeeOther, response.StatusCode)
		require.Equal(t, http.StatusUnauthorized, s.Do(t, sitetest.Request{Path: "/patients", Session: old}).StatusCode)
	}
}

func TestSR103_RefusedRequestsReachTheTrailAsCounts(t *testing.T) {
	s := sitetest.New(t, local, 1)
	researcher := s.SignIn(t, access.RoleResearcher)
	for range 7 {
		s.Do(t, sitetest.Request{Path: "/patients", Session: researcher})
	}
	for range 5 {
		from(s, "192.0.2.1", http.MethodPost, "/sign-in", url.Values{"name": {"nobody"}, "password": {"x"}})
	}
	for range 3 {
		from(s, "192.0.2.1", http.MethodPost, "/sign-in", url.Values{"name": {"nobody"}, "password": {"x"}})
	}
	s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + s.Tokens[0] + "/notice", Header: http.Header{"Origin": {"https://evil.example"}}})
	require.NoError(t, s.Access.RecordRefusals(t.Context()))
	found := map[string]string{}
	require.NoError(t, s.Store.EachAuditEntry(t.Context(), 0, func(e registry.AuditEntry) error {
		if e.Action == "requests-refused" {
			found[e.Subject] = string(e.Detail)
		}
		return nil
	}))
	require.Equal(t, map[string]string{"staff": `{"forbidden":7}`, "sign-in": `{"too-many":3,"wrong-sign-in":5}`, "link": `{"forbidden":1}`}, found)
}

func TestExtendingASessionTakesNoBody(t *testing.T) {
	s := sitetest.New(t, local, 1)
	session := s.SignIn(t, access.RoleClinician)
	for body, want := range map[string]int{"": http.StatusOK, "x=1": http.StatusBadRequest} {
		form, err := url.ParseQuery(body)
		require.NoError(t, err)
		require.Equal(t, want, s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/session/extend", Session: session, Form: form}).StatusCode)
	}
	require.Equal(t, http.StatusBadRequest, s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/session/extend", Session: session, JSON: `{}`}).StatusCode)
}

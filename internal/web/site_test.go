package web_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/sitetest"
	"afterglow/internal/web"
	"afterglow/internal/web/page"
)

func TestSR62_EveryResponseCarriesTheSecurityHeaders(t *testing.T) {
	s := sitetest.New(t, local, 1)
	secrets := sessions(t, s)
	paths := []string{"/nowhere", "/p/unknown-link", "/assets/none.css"}
	for _, r := range s.Server.Routes() {
		paths = append(paths, concrete(r.Path, "link-only", s))
	}
	for _, path := range paths {
		for _, caller := range callers {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead, http.MethodDelete} {
				response := s.Do(t, sitetest.Request{Method: method, Path: path, Session: secrets[caller]})
				policy := response.Header.Get("Content-Security-Policy")
				for _, part := range []string{"default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
					require.Contains(t, policy, part, "%s %s", method, path)
				}
				require.NotContains(t, policy, "unsafe")
				require.NotContains(t, policy, "http")
				require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
				require.Equal(t, "same-origin", response.Header.Get("Cross-Origin-Opener-Policy"))
				referrer := "same-origin"
				if strings.HasPrefix(path, "/p/") {
					referrer = "strict-origin" // no link's secret goes into a log of asset requests
				}
				require.Equal(t, referrer, response.Header.Get("Referrer-Policy"))
				require.Contains(t, response.Header.Get("Strict-Transport-Security"), "max-age=31536000")
				require.Equal(t, "no-store", response.Header.Get("Cache-Control"), "%s %s", method, path)
				require.Empty(t, response.Header.Get("Server"))
				require.Empty(t, response.Header.Get("X-Powered-By"))
			}
		}
	}
}

func TestSR49_CookieAttributes(t *testing.T) {
	for _, test := range []struct {
		address, name string
		secure        bool
	}{
		{"https://clinic.example", "__Host-afterglow", true},
		{local, "afterglow", false},
	} {
		t.Run(test.address, func(t *testing.T) {
			s := sitetest.New(t, test.address, 1)
			signIn := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/sign-in", Form: url.Values{"name": {"clinician"}, "password": {sitetest.Password}}})
			require.Equal(t, http.StatusSeeOther, signIn.StatusCode)
			b := open(s, s.Tokens[0])
			b.accept(t)
			var names []string
			for _, cookie := range append(signIn.Cookies(), b.cookies[test.name+"-form"]) {
				names = append(names, cookie.Name)
				require.True(t, cookie.HttpOnly)
				require.Equal(t, test.secure, cookie.Secure)
				require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
				require.Equal(t, "/", cookie.Path)
				require.Empty(t, cookie.Domain)
			}
			require.Equal(t, []string{test.name, test.name + "-form"}, names)
		})
	}
}

func TestSR49_APlantedCookieNeverBecomesASession(t *testing.T) {
	s := sitetest.New(t, local, 1)
	planted := strings.Repeat("A", 43)
	response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/sign-in", Session: planted, Form: url.Values{"name": {"clinician"}, "password": {sitetest.Password}}})
	require.Equal(t, http.StatusSeeOther, response.StatusCode)
	require.NotEqual(t, planted, response.Cookies()[0].Value)
	require.Equal(t, http.StatusUnauthorized, s.Do(t, sitetest.Request{Path: "/alerts", Session: planted}).StatusCode)
	require.Equal(t, http.StatusOK, s.Do(t, sitetest.Request{Path: "/alerts", Session: response.Cookies()[0].Value}).StatusCode)
}

func TestSR43_SignInAnswersAlikeForKnownAndUnknownPeople(t *testing.T) {
	s := sitetest.New(t, local, 1)
	answer := func(name string) string {
		response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/sign-in", Form: url.Values{"name": {name}, "password": {"not the password"}}})
		body := sitetest.Text(t, response)
		header := response.Header.Clone()
		return fmt.Sprint(response.StatusCode, header, strings.ReplaceAll(body, `value="`+name+`"`, ""))
	}
	require.Equal(t, answer("clinician"), answer("no-one-here"))
}

func TestSR51_AfterSignOutTheOldCookieIsNobody(t *testing.T) {
	s := sitetest.New(t, local, 1)
	session := s.SignIn(t, access.RoleClinician)
	require.Equal(t, http.StatusSeeOther, s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/sign-out", Session: session}).StatusCode)
	require.Equal(t, http.StatusUnauthorized, s.Do(t, sitetest.Request{Path: "/alerts", Session: session}).StatusCode)
}

// A phone that goes away while its answers wait for the registry is no failure of ours.
func TestASenderWhoGoesAwayIsNoErrorInTheLog(t *testing.T) {
	s := sitetest.New(t, local, 1)
	running, release := make(chan struct{}), make(chan struct{})
	written := make(chan error, 1)
	go func() {
		written <- s.Store.Write(t.Context(), registry.System("test"), func(*registry.Tx) error { close(running); <-release; return nil })
	}()
	<-running
	ctx, cancel := context.WithCancel(t.Context())
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/p/"+s.Tokens[0]+"/answers", strings.NewReader(submission("gone", map[string]any{"9": 0})))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Origin", local)
	answered := make(chan int)
	go func() {
		recorder := httptest.NewRecorder()
		s.Server.Handler().ServeHTTP(recorder, request)
		answered <- recorder.Code
	}()
	cancel()
	require.Equal(t, page.StatusClientGone, <-answered)
	close(release)
	require.NoError(t, <-written)
	require.NotContains(t, s.Log.String(), `"level":"ERROR"`)
	require.Zero(t, journalCount(t, s))
}

func TestAlertsAreAcknowledgedByAPerson(t *testing.T) {
	s := sitetest.New(t, local, 2)
	for i, token := range s.Tokens {
		response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + token + "/answers", JSON: submission(fmt.Sprint("k", i), map[string]any{"9": i + 1})})
		require.Equal(t, http.StatusCreated, response.StatusCode)
		s.Clock.Advance(time.Hour)
	}
	session := s.SignIn(t, access.RoleClinician)
	body := sitetest.Text(t, s.Do(t, sitetest.Request{Path: "/alerts", Session: session}))
	require.Less(t, strings.Index(body, "Red"), strings.Index(body, "Amber"), "what cannot wait first, though it is newer")
	require.Contains(t, body, "2 need a person")
	require.Contains(t, body, "Several days (1)", "the answer that raised it")
	require.Contains(t, body, "It was not asked before.")
	require.Contains(t, body, "2 h")
	require.Contains(t, body, "PHQ-9, item 9")
	acknowledge := func(id, code string) *http.Response {
		return s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/alerts/" + id + "/acknowledge", Session: session, Form: url.Values{"code": {code}}})
	}
	require.Equal(t, http.StatusBadRequest, acknowledge("1", "anything").StatusCode)
	require.Equal(t, http.StatusNotFound, acknowledge("99", "seen").StatusCode)
	require.Equal(t, http.StatusNotFound, acknowledge("x", "seen").StatusCode)
	require.Equal(t, http.StatusSeeOther, acknowledge("1", "calling-patient").StatusCode)
	require.Equal(t, http.StatusConflict, acknowledge("1", "seen").StatusCode)
	body = sitetest.Text(t, s.Do(t, sitetest.Request{Path: "/alerts?done=acknowledged", Session: session}))
	require.Contains(t, body, "1 needs a person, 1 is taken on")
	require.Contains(t, body, "Taken on by <strong>clinician</strong>")
	require.Contains(t, body, "Taken on: calling the patient now")
	require.Contains(t, sitetest.Text(t, s.Do(t, sitetest.Request{Path: "/patients", Session: session})), "taken on by clinician", "the row stays, marked")
}

func TestHealthAndReadiness(t *testing.T) {
	s := sitetest.New(t, local, 1)
	require.Equal(t, http.StatusOK, s.Do(t, sitetest.Request{Path: "/healthz"}).StatusCode)
	response := s.Do(t, sitetest.Request{Path: "/readyz"})
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.JSONEq(t, `{"red":[]}`, sitetest.Text(t, response))
	s.WarehouseErr = fault.Unavailable("warehouse", nil, "does not answer")
	response = s.Do(t, sitetest.Request{Path: "/readyz"})
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.JSONEq(t, `{"red":["warehouse"]}`, sitetest.Text(t, response))
	require.Equal(t, http.StatusOK, s.Do(t, sitetest.Request{Path: "/healthz"}).StatusCode)
	body := sitetest.Text(t, s.Do(t, sitetest.Request{Path: "/status", Session: s.SignIn(t, access.RoleAdministrator)}))
	require.Contains(t, body, "A part needs attention")
	require.Contains(t, body, "Data as of")
}

func TestSR67_RedirectsStayOnTheSite(t *testing.T) {
	for _, target := range []string{"//x", `/\x`, "/%5cx", "/%2fx", "https:x", "https://x", "x", "", "/\tx", "/a\nb", "/a:b@c"} {
		require.False(t, page.Local(target), "%q", target)
	}
	for _, target := range []string{"/", "/alerts", "/p/abc?q=2"} {
		require.True(t, page.Local(target), "%q", target)
	}
	s := sitetest.New(t, local, 1)
	hosts := http.Header{"Host": {"evil.example"}, "X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"https"}, "Forwarded": {"host=evil.example"}}
	for _, token := range []string{"/evil.example", "%2fevil.example", "%5cevil.example", "https:%2f%2fevil.example", s.Tokens[0]} {
		for _, rest := range []string{"/notice", "/page", "/answers"} {
			response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + token + rest, Header: hosts, Form: url.Values{}})
			require.NotContains(t, response.Header.Get("Location"), "evil")
			require.NotContains(t, sitetest.Text(t, response), "evil.example")
		}
	}
}

func TestSR26_NoInputCausesA5xx(t *testing.T) {
	s := sitetest.New(t, local, 1, func(c *web.Config) { c.Log = slog.New(slog.DiscardHandler) })
	secrets := sessions(t, s)
	random := rand.New(rand.NewPCG(26, 2026))
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	routes := s.Server.Routes()
	b := open(s, s.Tokens[0])
	b.accept(t)
	formCookie := b.cookies["afterglow-form"]
	for i := range 12_000 {
		r := routes[random.IntN(len(routes))]
		if r.Path == "/sign-out" {
			continue
		}
		path := strings.NewReplacer(":token", pick([]string{s.Tokens[0], s.Tokens[0], url.PathEscape(pick(hostile))}),
			":receipt", url.PathEscape(pick(hostile)), ":file", url.PathEscape(pick(hostile)), ":alert", url.PathEscape(pick(hostile)), ":study", url.PathEscape(pick(hostile))).Replace(r.Path)
		request := sitetest.Request{Method: r.Method, Path: path + "?q=" + url.QueryEscape(pick(hostile)), Session: secrets[pick(callers)], Cookies: []*http.Cookie{formCookie}}
		if r.Method == http.MethodPost {
			if random.IntN(3) == 0 {
				request.JSON = pick(hostileJSON)
			} else {
				request.Form = url.Values{}
				for _, field := range []string{"key", "instrument", "version", "1", "9", "item", "value", "go", "name", "password", "token", "code", pick(hostile)} {
					if random.IntN(3) > 0 {
						request.Form.Set(field, pick(append(hostile, "phq-9", "1.0.0", "1", "next", "skip")))
					}
				}
			}
		}
		if random.IntN(20) == 0 {
			request.Header = http.Header{"Content-Type": {pick(hostile)}, "Cookie": {"afterglow=" + pick(hostile)}}
		}
		response := s.Do(t, request)
		// The research pages of this site rest on a warehouse that is down.
		if strings.HasPrefix(r.Path, "/research") && response.StatusCode == http.StatusServiceUnavailable {
			continue
		}
		require.Less(t, response.StatusCode, 500, "input %d: %s %s", i, r.Method, path)
	}
}

var hostile = []string{
	"", "0", "-1", "1e400", "99999999999999999999", "NaN", "null", "true", "[]", "{}", "\x00", "a\x00b", "\xff\xfe", "\u202egnp.exe", "\u200f\u200e",
	"😀👩‍👩‍👧‍👦", "ﬁ", "'; DROP TABLE journal; --", `" OR ""="`, "{{.}}", "{{template \"content\"}}", "${7*7}", "<script>alert(1)</script>", "]]>", "%00", "%2e%2e%2f", "../../etc/passwd",
	`..\..\windows`, "//evil.example", "https://evil.example", "\r\nSet-Cookie: a=b", strings.Repeat("A", 5000), strings.Repeat("é", 3000), "__proto__", "constructor", "answers[1]", "1;2", "1&2", " ", "\t\n",
}

var hostileJSON = []string{
	`{}`, `[]`, `null`, `"x"`, `{"key":1}`, `{"answers":{}}`, strings.Repeat("[", 5000), strings.Repeat(`{"a":`, 5000), `{"key":"k","instrument":"phq-9","version":"1.0.0","answers":{"1":1e400}}`,
	`{"key":"k","instrument":"phq-9","version":"1.0.0","answers":{"1":-0}}`, `{"key":"k","instrument":"phq-9","version":"1.0.0","answers":{"1":0.1e1}}`, `{"key":"\u0000","instrument":"\ud800","version":"","answers":{}}`,
	`{"key":"k","instrument":"../x","version":"1.0.0","answers":{"__proto__":1}}`, "{\"key\":\"\xff\"}", `{"key":"` + strings.Repeat("k", 100_000) + `"}`, `{"key":"k","instrument":"phq-9","version":"1.0.0","answers":{"":null}}`,
}

func TestSR26_APanicIsAPlain500AndTheProcessLives(t *testing.T) {
	s := sitetest.New(t, local, 1, func(c *web.Config) { c.Status.Confinement = func() string { panic("canary-in-a-panic") } })
	response := s.Do(t, sitetest.Request{Path: "/status", Session: s.SignIn(t, access.RoleAdministrator)})
	require.Equal(t, http.StatusInternalServerError, response.StatusCode)
	body := sitetest.Text(t, response)
	require.Contains(t, body, "Reference")
	require.NotContains(t, body, "canary")
	require.NotContains(t, body, "goroutine")
	require.Contains(t, s.Log.String(), "panic of type string")
	require.NotContains(t, s.Log.String(), "canary-in-a-panic")
	require.Equal(t, http.StatusOK, s.Do(t, sitetest.Request{Path: "/crisis"}).StatusCode)
}

func TestSR102_TheLogHoldsNoInput(t *testing.T) {
	s := sitetest.New(t, local, 1)
	const canary = "canary5f1c"
	session := s.SignIn(t, access.RoleClinician)
	for _, r := range s.Server.Routes() {
		path := strings.NewReplacer(":token", canary, ":receipt", canary, ":file", canary, ":alert", canary, ":study", canary).Replace(r.Path)
		for _, body := range []sitetest.Request{{Form: url.Values{"name": {canary}, "password": {canary}, canary: {canary}, "key": {canary}}}, {JSON: `{"key":"` + canary + `"}`}} {
			body.Method, body.Path, body.Session = r.Method, path+"?"+canary+"="+canary, session
			body.Header = http.Header{"User-Agent": {canary}, "Referer": {canary}, "X-Forwarded-For": {canary}, "X-Request-Id": {canary}}
			s.Do(t, body)
		}
	}
	s.Do(t, sitetest.Request{Path: "/" + canary})
	s.Do(t, sitetest.Request{Method: strings.ToUpper(canary), Path: "/crisis"})
	s.Do(t, sitetest.Request{Path: "/p/" + s.Tokens[0]})
	log := s.Log.String()
	require.Contains(t, log, `"route":"/p/:token"`)
	for _, secret := range []string{canary, strings.ToUpper(canary), s.Tokens[0], session, sitetest.Password} {
		require.NotContains(t, log, secret)
	}
}

func TestSR104_NothingForDebuggingIsServed(t *testing.T) {
	s := sitetest.New(t, local, 1)
	for _, path := range []string{"/debug/pprof/", "/debug/vars", "/metrics", "/.git/config", "/.env", "/assets/", "/assets", "/server-status", "/gallery", "/p/", "/swagger"} {
		require.Equal(t, http.StatusNotFound, s.Do(t, sitetest.Request{Path: path, Session: s.SignIn(t, access.RoleAdministrator)}).StatusCode, path)
	}
}

func TestSR107_PlainHTTPIsForLoopbackOnly(t *testing.T) {
	for address, fits := range map[string]bool{"http://localhost:8080": true, "http://127.0.0.1:8080": true, "https://clinic.example": true, "http://clinic.example": false, "http://192.0.2.7": false, "ftp://localhost": false, "https://clinic.example/path": false} {
		own, err := url.Parse(address)
		require.NoError(t, err)
		err = web.Config{Name: "x", URL: own, Zone: time.UTC, Log: slog.New(slog.DiscardHandler), Now: time.Now}.Validate()
		require.Error(t, err, "services are missing")
		require.Equal(t, fits, !strings.Contains(err.Error(), "address"), address)
	}
}

func TestSR28_TheServerDrainsWhenItStops(t *testing.T) {
	s := sitetest.New(t, local, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := contextWithStop(t)
	served := make(chan error, 1)
	go func() { served <- s.Server.Serve(ctx, listener) }()
	response, err := http.Get("http://" + listener.Addr().String() + "/crisis")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, sitetest.Text(t, response), "988")
	stop()
	require.NoError(t, <-served)
	_, err = net.Dial("tcp", listener.Addr().String())
	require.Error(t, err)
}

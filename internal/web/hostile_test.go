package web_test

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/testkit/sitetest"
	"afterglow/internal/web"
	"afterglow/internal/web/middleware"
)

func TestSR26_NoInputCausesA5xx(t *testing.T) {
	// No limit hides a handler, and a minute passes at each request, so that waits
	// after wrong sign-ins end.
	s := sitetest.New(t, local, 1, func(c *web.Config) {
		c.Log, c.Limits = slog.New(slog.DiscardHandler), map[middleware.RateClass]middleware.ClassLimit{}
	})
	var secrets map[string]string
	judged, tooMany := map[string]int{}, 0
	random := rand.New(rand.NewPCG(26, 2026))
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	routes := s.Server.Routes()
	b := open(s, s.Tokens[0])
	b.accept(t)
	formCookie := b.cookies["afterglow-form"]
	for i := range 12_000 {
		if i%200 == 0 {
			secrets = map[string]string{}
			for _, role := range access.AccountRoles {
				secrets[string(role)] = s.SignIn(t, role)
			}
		}
		s.Clock.Advance(time.Minute)
		r := routes[random.IntN(len(routes))]
		if r.Path == "/sign-out" {
			continue
		}
		path := strings.NewReplacer(":token", pick([]string{s.Tokens[0], s.Tokens[0], strings.Repeat("A", 32), url.PathEscape(pick(hostile))}),
			":receipt", url.PathEscape(pick(hostile)), ":file", url.PathEscape(pick(hostile)), ":alert", url.PathEscape(pick(hostile)), ":study", url.PathEscape(pick(hostile)),
			":patient", url.PathEscape(pick(hostile))).Replace(r.Path)
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
		if response.StatusCode == http.StatusTooManyRequests {
			tooMany++
			continue
		}
		judged[r.Method+" "+r.Path]++
	}
	require.Less(t, tooMany, 12_000/100, "requests that were refused before they were judged")
	for _, r := range routes {
		if r.Path != "/sign-out" {
			require.Greater(t, judged[r.Method+" "+r.Path], 200, "%s %s", r.Method, r.Path)
		}
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

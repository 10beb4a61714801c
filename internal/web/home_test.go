package web_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/testkit/sitetest"
)

func TestEveryRoleBeginsWithItsOwnPage(t *testing.T) {
	s := sitetest.New(t, local, 1)
	for role, first := range map[access.Role]string{access.RoleClinician: "/patients", access.RoleResearcher: "/research", access.RoleAdministrator: "/status"} {
		session := s.SignIn(t, role)
		response := s.Do(t, sitetest.Request{Path: "/", Session: session})
		require.Equal(t, http.StatusSeeOther, response.StatusCode)
		require.Equal(t, first, response.Header.Get("Location"))
		body := sitetest.Text(t, s.Do(t, sitetest.Request{Path: first, Session: session}))
		require.Contains(t, body, `<a href="`+first+`" aria-current="page">`)
	}
	require.Equal(t, "/sign-in", s.Do(t, sitetest.Request{Path: "/"}).Header.Get("Location"))
}

func TestSetUpIsNotOfferedOnceThereIsAnAccount(t *testing.T) {
	s := sitetest.New(t, local, 1)
	body := sitetest.Text(t, s.Do(t, sitetest.Request{Path: "/setup"}))
	require.Contains(t, body, "This site is set up")
	require.NotContains(t, body, `name="token"`)
}

func TestAPatientMakesTheTextLarger(t *testing.T) {
	s := sitetest.New(t, local, 1)
	b := open(s, s.Tokens[0])
	_, body := b.get(t, "")
	require.Contains(t, body, "Larger text")
	require.NotContains(t, body, `class="large"`)
	switchTo := func(size, back string) string {
		response, _ := b.do(t, sitetest.Request{Method: http.MethodPost, Path: "/text-size/" + size + "?back=" + url.QueryEscape(back)})
		require.Equal(t, http.StatusSeeOther, response.StatusCode)
		return response.Header.Get("Location")
	}
	require.Equal(t, "/p/"+b.token+"?q=3", switchTo("large", "/p/"+b.token+"?q=3"))
	_, body = b.get(t, "")
	require.Contains(t, body, `class="large"`)
	require.Contains(t, body, "Usual text size")
	for _, elsewhere := range []string{"https://elsewhere.example/p/", "//elsewhere.example", "/p/\\elsewhere", "/alerts", ""} {
		require.Equal(t, "/crisis", switchTo("large", elsewhere), elsewhere)
	}
	switchTo("usual", "/p/"+b.token)
	b.cookies["afterglow-text"].Value = "" // as a browser drops an ended cookie
	_, body = b.get(t, "")
	require.NotContains(t, body, `class="large"`)
}

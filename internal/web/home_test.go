package web_test

import (
	"net/http"
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

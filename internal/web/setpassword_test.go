package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/sitetest"
)

func TestSR39_ALinkSetsAPasswordOnceAndOpeningItChangesNothing(t *testing.T) {
	const chosen = "gargle plinth oboe soup"
	s := sitetest.New(t, local, 1)
	session := s.SignIn(t, access.RoleClinician)
	link, err := s.Access.Reset(t.Context(), registry.Actor{Kind: registry.ActorCommand, ID: "user"}, "clinician")
	require.NoError(t, err)
	path := "/set-password/" + link.Token
	require.Equal(t, http.StatusUnauthorized, s.Do(t, sitetest.Request{Path: "/patients", Session: session}).StatusCode, "a reset ends sessions at once")
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
		require.Equal(t, http.StatusOK, s.Do(t, sitetest.Request{Method: method, Path: path}).StatusCode)
	}
	require.Contains(t, sitetest.Text(t, s.Do(t, sitetest.Request{Path: path})), "Set a password for clinician")
	set := func(path, password string) *http.Response {
		return s.Do(t, sitetest.Request{Method: http.MethodPost, Path: path, Form: url.Values{"password": {password}}})
	}
	short := set(path, "short")
	require.Equal(t, http.StatusUnprocessableEntity, short.StatusCode)
	require.Contains(t, sitetest.Text(t, short), "at least 15 characters")
	for _, other := range []string{"/set-password/x", "/set-password/" + strings.Repeat("A", 32), "/set-password/" + s.Tokens[0]} {
		response := set(other, chosen)
		require.Equal(t, http.StatusNotFound, response.StatusCode)
		require.Contains(t, sitetest.Text(t, response), "This link does not work")
	}
	done := set(path, chosen)
	require.Equal(t, http.StatusSeeOther, done.StatusCode)
	require.Equal(t, "/sign-in", done.Header.Get("Location"))
	require.Equal(t, http.StatusNotFound, set(path, chosen).StatusCode)
	require.Equal(t, http.StatusNotFound, s.Do(t, sitetest.Request{Path: path}).StatusCode)
	for password, want := range map[string]int{chosen: http.StatusSeeOther, sitetest.Password: http.StatusUnauthorized} {
		response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/sign-in", Form: url.Values{"name": {"clinician"}, "password": {password}}})
		require.Equal(t, want, response.StatusCode)
	}
	require.NotContains(t, s.Log.String(), link.Token)
	require.NotContains(t, s.Log.String(), chosen)
}

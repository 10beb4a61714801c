package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/testkit/sitetest"
)

func TestOnlyPagesWithoutSecretsAreCompressed(t *testing.T) {
	s := sitetest.New(t, local, 1)
	takes := func(encodings string) http.Header { return http.Header{"Accept-Encoding": {encodings}} }
	session := s.SignIn(t, access.RoleClinician)
	plain := sitetest.Text(t, s.Do(t, sitetest.Request{Path: "/patients", Session: session}))
	packed := s.Do(t, sitetest.Request{Path: "/patients", Session: session, Header: takes("br, gzip")})
	require.Equal(t, "gzip", packed.Header.Get("Content-Encoding"))
	require.Contains(t, packed.Header.Values("Vary"), "Accept-Encoding")
	unpacked, err := gzip.NewReader(packed.Body)
	require.NoError(t, err)
	body, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	require.Equal(t, plain, string(body))
	for _, r := range []sitetest.Request{
		{Path: "/p/" + s.Tokens[0]}, {Path: "/sign-in"}, {Path: "/setup"}, {Path: "/crisis"}, {Path: "/nowhere", Session: session},
		{Path: "/patients", Session: session, Header: takes("gzip;q=0")}, {Path: "/patients?code=4d98", Session: session, Header: takes("gzip")}, {Path: "/patients", Session: session, Header: takes("identity")},
	} {
		if r.Header == nil {
			r.Header = takes("gzip")
		}
		require.Empty(t, s.Do(t, r).Header.Get("Content-Encoding"), r.Path)
	}
}

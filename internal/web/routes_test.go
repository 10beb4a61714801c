package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/sitetest"
	"afterglow/internal/web"
)

const local = "http://localhost:8080"

// callers are the columns of the matrix.
var callers = []string{"anonymous", "link-only", "clinician", "researcher", "administrator", "deactivated"}

// sessions gives each caller's session secret, "" where there is none.
func sessions(t *testing.T, s *sitetest.Site) map[string]string {
	t.Helper()
	secrets := map[string]string{}
	for _, role := range access.AccountRoles {
		secrets[string(role)] = s.SignIn(t, role)
	}
	actor := registry.System("test")
	require.NoError(t, s.Access.CreateAccount(t.Context(), actor, access.NewAccount{Name: "left", Role: access.RoleClinician, Password: sitetest.Password}))
	secret, err := s.Access.SignIn(t.Context(), "left", sitetest.Password)
	require.NoError(t, err)
	secrets["deactivated"] = secret
	account, _, err := s.Store.AccountByName(t.Context(), "left")
	require.NoError(t, err)
	require.NoError(t, s.Store.Write(t.Context(), actor, func(tx *registry.Tx) error { return tx.DisableAccount(account.ID) }))
	return secrets
}

// concrete fills a route's parameters; only link-only holds a link that opens.
func concrete(path, caller string, s *sitetest.Site) string {
	token := "unknown-link"
	if caller == "link-only" {
		token = s.Tokens[0]
	}
	return strings.NewReplacer(":token", token, ":receipt", "none", ":file", "none.css", ":alert", "1", ":size", "large", ":study", "none", ":patient", "none").Replace(path)
}

func TestSR56_EveryRouteAndRole(t *testing.T) {
	s := sitetest.New(t, local, 1)
	secrets := sessions(t, s)
	var table strings.Builder
	fmt.Fprintf(&table, "# status by route and caller; rewritten by `make golden`, read before it is committed\n")
	fmt.Fprintf(&table, "%-44s %-16s %s\n", "route", "permission", strings.Join(callers, " "))
	for _, r := range s.Server.Routes() {
		fmt.Fprintf(&table, "%-44s %-16s", r.Method+" "+r.Path, r.Permission)
		for _, caller := range callers {
			session := secrets[caller]
			if r.Path == "/sign-out" && session != "" && caller != "deactivated" {
				session = s.SignIn(t, access.Role(caller)) // one to lose
			}
			response := s.Do(t, sitetest.Request{Method: r.Method, Path: concrete(r.Path, caller, s), Form: url.Values{}, Session: session})
			fmt.Fprintf(&table, " %*d", len(caller), response.StatusCode)
			allowed := response.StatusCode != http.StatusUnauthorized && response.StatusCode != http.StatusForbidden
			if r.Method == http.MethodPost && (r.Path == "/sign-in" || r.Path == "/setup") {
				continue // 401 is their own answer to a wrong password or token
			}
			role := access.Role(caller)
			if caller == "deactivated" || caller == "link-only" {
				role = access.RoleAnonymous
			}
			require.Equal(t, r.Permission.Grants(role), allowed, "%s %s as %s: %d", r.Method, r.Path, caller, response.StatusCode)
		}
		table.WriteByte('\n')
	}
	if os.Getenv("AFTERGLOW_GOLDEN") == "rewrite" {
		require.NoError(t, os.WriteFile("testdata/routes.golden", []byte(table.String()), 0o644))
	}
	want, err := os.ReadFile("testdata/routes.golden")
	require.NoError(t, err)
	require.Equal(t, string(want), table.String(), "the matrix of routes and roles changed; read the difference, then run `make golden`")
}

func TestSR56_ARouteWithoutPermissionStopsTheStart(t *testing.T) {
	for _, r := range []web.Route{
		{Method: http.MethodGet, Path: "/x", Rate: "staff"},
		{Method: http.MethodGet, Path: "/x", Permission: "made-up", Rate: "staff"},
		{Method: http.MethodGet, Path: "/x", Permission: access.PermissionPublic},
		{Method: http.MethodGet, Path: "/x", Permission: access.PermissionPublic, Rate: "staff"},
	} {
		require.Error(t, r.Validate())
	}
}

func TestSR60_PathTricksNeverGiveMoreAccess(t *testing.T) {
	s := sitetest.New(t, local, 1)
	secrets := sessions(t, s)
	tricks := []func(string) string{
		func(p string) string { return p + "/" },
		func(p string) string { return "/" + p },
		func(p string) string { return strings.ToUpper(p) },
		func(p string) string { return p + "/." },
		func(p string) string { return p + "/.." + p },
		func(p string) string { return "/assets/.." + p },
		func(p string) string { return "/assets/..%2f" + strings.TrimPrefix(p, "/") },
		func(p string) string { return "/assets/%2e%2e" + p },
		func(p string) string { return "/." + p },
		func(p string) string { return "/x/.." + p },
		func(p string) string { return "%2F" + strings.TrimPrefix(p, "/") },
		func(p string) string { return "/%5C" + strings.TrimPrefix(p, "/") },
		func(p string) string { return p + "%00" },
		func(p string) string { return p + "%20" },
		func(p string) string { return p + ";x=1" },
		func(p string) string { return p + "%2e" },
		func(p string) string { return strings.Replace(p, "a", "%61", 1) },
		func(p string) string { return p + "?_method=GET&_method=DELETE" },
	}
	for _, r := range s.Server.Routes() {
		if r.Permission.Grants(access.RoleAnonymous) {
			continue
		}
		for _, caller := range callers {
			role := access.Role(caller)
			if r.Permission.Grants(role) && caller != "deactivated" {
				continue
			}
			for i, trick := range tricks {
				path := trick(concrete(r.Path, caller, s))
				if !strings.HasPrefix(path, "/") {
					path = "/" + path
				}
				for _, method := range []string{r.Method, http.MethodHead, http.MethodPut, "get", "TRACE"} {
					response := s.Do(t, sitetest.Request{Method: method, Path: path, Session: secrets[caller], Header: http.Header{
						"X-Http-Method-Override": {r.Method}, "X-Original-Url": {r.Path}, "X-Rewrite-Url": {r.Path}, "X-Forwarded-Prefix": {"/assets"},
					}})
					require.GreaterOrEqual(t, response.StatusCode, 400, "trick %d: %s %s as %s", i, method, path, caller)
					require.Less(t, response.StatusCode, 500, "trick %d: %s %s as %s", i, method, path, caller)
				}
			}
		}
	}
}

func TestSR66_EveryRouteThatChangesSomethingWantsOurOwnPage(t *testing.T) {
	s := sitetest.New(t, local, 1)
	secrets := sessions(t, s)
	foreign := []http.Header{
		{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}},
		{"Origin": {"http://sub.localhost:8080"}, "Sec-Fetch-Site": {"same-site"}},
		{"Origin": {"null"}},
		{"Origin": nil},
	}
	before := journalCount(t, s)
	for _, r := range s.Server.Routes() {
		if r.Method == http.MethodGet {
			continue
		}
		for _, header := range foreign {
			for _, session := range []string{"", secrets["clinician"]} {
				response := s.Do(t, sitetest.Request{Method: r.Method, Path: concrete(r.Path, "link-only", s), Session: session, Header: header, Form: url.Values{}})
				require.Equal(t, http.StatusForbidden, response.StatusCode, "%s %s %v", r.Method, r.Path, header)
				require.Empty(t, response.Header.Get("Set-Cookie"))
			}
		}
	}
	require.Equal(t, before, journalCount(t, s))
}

func journalCount(t *testing.T, s *sitetest.Site) (n int) {
	t.Helper()
	require.NoError(t, s.Store.EachJournalRow(t.Context(), 0, func(registry.JournalRow) error { n++; return nil }))
	return n
}

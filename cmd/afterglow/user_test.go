package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/registry"
)

// opened is the registry of a folder, as its owner or beside the server.
func opened(t *testing.T, folder string, beside bool) *registry.Store {
	t.Helper()
	key, err := registry.ReadMasterKey(filepath.Join(folder, "keys", "master.key"))
	require.NoError(t, err)
	store, err := registry.Open(t.Context(), registry.Config{Path: filepath.Join(folder, "registry.db"), MasterKey: key, Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Beside: beside})
	require.NoError(t, err)
	return store
}

// servedFolder starts the server on a folder and gives its address and, where there is
// no account yet, the set-up token.
func servedFolder(t *testing.T, folder string) (address, token string) {
	t.Helper()
	cmd := program(t, []string{"AFTERGLOW_LISTEN=127.0.0.1:0"}, "serve", "--data", folder)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		line := scanner.Text()
		if ready, ok := strings.CutPrefix(line, "ready "); ok {
			address = ready
		}
		if _, rest, ok := strings.Cut(line, "one-time token "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return address, strings.Fields(rest)[0]
		}
	}
	require.Failf(t, "the server did not start", "%s", errs.String())
	return "", ""
}

// A lone administrator has a way back from the shell, beside the running server.
func TestSR47_TheShellIsAWayBackBesideTheServer(t *testing.T) {
	const password, other = "gargle plinth oboe soup", "wool kettle spruce argue"
	folder := imported(t)
	store := opened(t, folder, false)
	ended := time.Now().Add(-time.Hour)
	require.NoError(t, store.WebSessions().BeginCtx(t.Context(), "an ended session", []byte("x"), ended))
	require.NoError(t, store.Close())
	address, token := servedFolder(t, folder)
	store = opened(t, folder, true)
	defer store.Close()
	require.Eventually(t, func() bool {
		n, err := store.WebSessions().Count(t.Context())
		return err == nil && n == 0
	}, time.Minute, 100*time.Millisecond, "the server clears ended sessions when it starts")

	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	send := func(path string, form url.Values, session string) *http.Response {
		method, body := http.MethodGet, io.Reader(nil)
		if form != nil {
			method, body = http.MethodPost, strings.NewReader(form.Encode())
		}
		request, err := http.NewRequest(method, address+path, body)
		require.NoError(t, err)
		request.Header.Set("Origin", address)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.AddCookie(&http.Cookie{Name: "afterglow", Value: session})
		response, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response
	}
	signIn := func(name, password string) *http.Response {
		return send("/sign-in", url.Values{"name": {name}, "password": {password}}, "")
	}
	user := func(args ...string) (string, int) {
		out, errs, code := runProgram(t, nil, append(append([]string{"user"}, args...), "--data", folder)...)
		return out + errs, code
	}
	link := func(args ...string) (path string) {
		out, code := user(append(args, "--json")...)
		require.Equal(t, exitDone, code, out)
		var printed struct{ Account, Link string }
		require.NoError(t, json.Unmarshal([]byte(out), &printed))
		require.True(t, strings.HasPrefix(printed.Link, address+"/set-password/"), printed.Link)
		return strings.TrimPrefix(printed.Link, address)
	}

	first := link("add", "anna", "--role", "administrator")
	require.Equal(t, http.StatusUnauthorized, send("/setup", url.Values{"token": {token}, "name": {"eve"}, "password": {other}}, "").StatusCode,
		"the token of the first start makes no second administrator")
	require.Equal(t, http.StatusSeeOther, send(first, url.Values{"password": {password}}, "").StatusCode)
	admitted := signIn("anna", password)
	require.Equal(t, http.StatusSeeOther, admitted.StatusCode)
	session := admitted.Cookies()[0].Value
	require.Equal(t, http.StatusOK, send("/status", nil, session).StatusCode)

	second := link("reset", "anna")
	require.Equal(t, http.StatusUnauthorized, send("/status", nil, session).StatusCode, "a reset ends the sessions at once")
	require.Equal(t, http.StatusUnauthorized, signIn("anna", password).StatusCode)
	require.Equal(t, http.StatusSeeOther, send(second, url.Values{"password": {other}}, "").StatusCode)

	for range 5 {
		signIn("anna", password)
	}
	require.Equal(t, http.StatusTooManyRequests, signIn("anna", other).StatusCode)
	out, code := user("unlock", "anna")
	require.Equal(t, exitDone, code, out)
	admitted = signIn("anna", other)
	require.Equal(t, http.StatusSeeOther, admitted.StatusCode)
	session = admitted.Cookies()[0].Value

	out, code = user("disable", "anna")
	require.Equal(t, exitDone, code, out)
	require.Equal(t, http.StatusUnauthorized, send("/status", nil, session).StatusCode)
	require.Equal(t, http.StatusUnauthorized, signIn("anna", other).StatusCode)

	actions := map[string]bool{}
	require.NoError(t, store.EachAuditEntry(t.Context(), 0, func(e registry.AuditEntry) error {
		if e.ActorKind == registry.ActorCommand {
			actions[e.Actor+" "+e.Action] = true
		}
		return nil
	}))
	for _, action := range []string{"user add account-created", "user reset password-reset", "user reset sessions-ended", "user unlock sign-in-unlocked", "user disable account-disabled"} {
		require.True(t, actions[action], action)
	}
}

func TestAccountsFromTheShellWithoutAServer(t *testing.T) {
	folder := imported(t)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"list"}, exitDone, ""},
		{[]string{"add", "anna", "--role", "administrator"}, exitDone, "http://localhost:8080/set-password/"},
		{[]string{"add", "anna", "--role", "clinician"}, exitBadUse, "is taken"},
		{[]string{"add", "ben", "--role", "owner"}, exitBadUse, "clinician, researcher or administrator"},
		{[]string{"add", "ben"}, exitBadUse, "--role"},
		{[]string{"add", "B E N", "--role", "clinician"}, exitBadUse, "lowercase letters"},
		{[]string{"unlock", "nobody"}, exitBadUse, "afterglow user list"},
		{[]string{"reset", "nobody"}, exitBadUse, "nobody"},
		{[]string{"disable", "nobody"}, exitBadUse, "nobody"},
		{[]string{"disable", "anna"}, exitDone, "anna is disabled"},
		{[]string{"list"}, exitDone, "disabled"},
		{[]string{"reset", "anna"}, exitDone, "enabled again"},
		{[]string{"list", "--role", "researcher", "--json"}, exitDone, "[]"},
		{[]string{"list", "--role", "owner"}, exitBadUse, "clinician, researcher or administrator"},
	} {
		out, errs, code := runProgram(t, nil, append(append([]string{"user"}, c.args...), "--data", folder)...)
		require.Equal(t, c.code, code, "%v: %s%s", c.args, out, errs)
		require.Contains(t, out+errs, c.says, "%v", c.args)
	}
	out, _, _ := runProgram(t, nil, "user", "list", "--json", "--data", folder)
	var people []access.Person
	require.NoError(t, json.Unmarshal([]byte(out), &people))
	require.Len(t, people, 1)
	require.Equal(t, access.RoleAdministrator, people[0].Role)
	require.False(t, people[0].Disabled)
	_, errs, code := runProgram(t, nil, "user", "list", "--data", filepath.Join(t.TempDir(), "none"))
	require.Equal(t, exitMissing, code, errs)
}

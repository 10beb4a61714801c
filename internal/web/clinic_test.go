package web_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/registry"
	"afterglow/internal/testkit/sitetest"
)

func TestAClinicianReadsThePatientsWhileTheWarehouseIsDown(t *testing.T) {
	s := sitetest.New(t, local, 2)
	s.WarehouseErr = http.ErrServerClosed
	patients, err := s.Store.Patients(t.Context(), 10)
	require.NoError(t, err)
	session := s.SignIn(t, access.RoleClinician)
	get := func(path, session string) (int, string) {
		response := s.Do(t, sitetest.Request{Path: path, Session: session})
		return response.StatusCode, sitetest.Text(t, response)
	}

	status, list := get("/patients", session)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, list, "2 courses in care.")
	one := "/patients/" + string(patients[0].Pseudonym)
	require.Contains(t, list, one)

	status, record := get(one, session)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, record, "Patient Health Questionnaire (PHQ-9)")
	require.NotContains(t, record, "<title>"+string(patients[0].Pseudonym))

	for path, want := range map[string]int{
		"/patients?show=everything": http.StatusBadRequest, "/patients/nobody": http.StatusNotFound,
		"/patients/00000000000000000000000000000000": http.StatusNotFound, one + "?course=99": http.StatusNotFound, one + "?course=x": http.StatusNotFound,
	} {
		status, _ := get(path, session)
		require.Equal(t, want, status, path)
	}
	for _, role := range []access.Role{access.RoleResearcher, access.RoleAdministrator} {
		for _, path := range []string{"/patients", one} {
			status, body := get(path, s.SignIn(t, role))
			require.Equal(t, http.StatusForbidden, status)
			require.NotContains(t, body, string(patients[0].Pseudonym)[:4])
		}
	}
}

func TestSimulatedPatientsAreMarkedAmongTheAlerts(t *testing.T) {
	s := sitetest.New(t, local, 1)
	session := s.SignIn(t, access.RoleClinician)
	read := func() string { return sitetest.Text(t, s.Do(t, sitetest.Request{Path: "/alerts", Session: session})) }
	const marked = "The patients on this page are made up."
	require.NotContains(t, read(), marked, "no patient is on the page")
	response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + s.Tokens[0] + "/answers", JSON: submission("k", map[string]any{"9": 2})})
	require.Equal(t, http.StatusCreated, response.StatusCode)
	require.Contains(t, read(), marked)
}

const diskIsFull = 13 // SQLITE_FULL

// SR-76: a view that cannot be recorded does not happen.
func TestSR76_NoViewWithoutItsEvent(t *testing.T) {
	s := sitetest.New(t, local, 1)
	patients, err := s.Store.Patients(t.Context(), 1)
	require.NoError(t, err)
	path := "/patients/" + string(patients[0].Pseudonym)
	session := s.SignIn(t, access.RoleClinician)
	views := func() (n int) {
		require.NoError(t, s.Store.EachAuditEntry(t.Context(), 0, func(e registry.AuditEntry) error {
			if e.Action == "record-viewed" {
				require.Equal(t, registry.ActorAccount, e.ActorKind)
				n++
			}
			return nil
		}))
		return n
	}
	require.Equal(t, http.StatusOK, s.Do(t, sitetest.Request{Path: path, Session: session}).StatusCode)
	require.Equal(t, 1, views())
	// The statement that fails moves through the whole request.
	for k := 1; ; k++ {
		before := views()
		s.Faults.FailAt(k, diskIsFull)
		response := s.Do(t, sitetest.Request{Path: path, Session: session})
		reached := s.Faults.Seen() >= k
		s.Faults.FailAt(0, 0)
		if response.StatusCode == http.StatusOK {
			require.Equal(t, before+1, views(), "statement %d", k)
		}
		if !reached {
			require.Equal(t, http.StatusOK, response.StatusCode)
			return
		}
	}
}

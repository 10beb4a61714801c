package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/access"
	"afterglow/internal/care"
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

// SR-50: what an open page asks by itself is no activity; the session ends when it
// would have ended.
func TestSR50_AnOpenListDoesNotKeepASession(t *testing.T) {
	s := sitetest.New(t, local, 1)
	session := s.SignIn(t, access.RoleClinician)
	status := func(path string) int {
		return s.Do(t, sitetest.Request{Path: path, Session: session}).StatusCode
	}
	for range 2 {
		s.Clock.Advance(access.SessionIdle/2 - time.Second)
		require.Equal(t, http.StatusOK, status("/alerts/waiting"))
	}
	s.Clock.Advance(2 * time.Second)
	require.Equal(t, http.StatusUnauthorized, status("/alerts/waiting"))
	require.Equal(t, http.StatusUnauthorized, status("/alerts"))

	session = s.SignIn(t, access.RoleClinician)
	for range 3 {
		s.Clock.Advance(access.SessionIdle/2 - time.Second)
		require.Equal(t, http.StatusOK, status("/alerts"), "what somebody opens keeps it")
	}
}

func TestAlertsThatWaitAreCountedInTheNavigation(t *testing.T) {
	s := sitetest.New(t, local, 1)
	session := s.SignIn(t, access.RoleClinician)
	waiting := func() string {
		return sitetest.Text(t, s.Do(t, sitetest.Request{Path: "/alerts/waiting", Session: session}))
	}
	require.JSONEq(t, `{"waiting":0,"taken":0,"mark":0}`, waiting())
	list := sitetest.Text(t, s.Do(t, sitetest.Request{Path: "/patients", Session: session}))
	require.Contains(t, list, `data-nav-count hidden`)
	response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + s.Tokens[0] + "/answers", JSON: submission("k", map[string]any{"9": 2})})
	require.Equal(t, http.StatusCreated, response.StatusCode)
	require.JSONEq(t, `{"waiting":1,"taken":0,"mark":1}`, waiting())
	list = sitetest.Text(t, s.Do(t, sitetest.Request{Path: "/patients", Session: session}))
	require.Contains(t, list, `<b>1</b><span class="unseen"> waiting</span>`)
}

// SR-76 and SR-57: the answers behind a score are seen by whoever may see the patient,
// under the patient that gave them, and never without an audit event.
func TestSR76_AnswersAreOpenedUnderTheirPatientAndNoted(t *testing.T) {
	s := sitetest.New(t, local, 2)
	response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + s.Tokens[0] + "/answers", JSON: submission("k", map[string]any{"1": 3, "9": 0})})
	require.Equal(t, http.StatusCreated, response.StatusCode)
	var answered registry.JournalRow
	require.NoError(t, s.Store.EachJournalRow(t.Context(), 0, func(r registry.JournalRow) error { answered = r; return nil }))
	patients, err := s.Store.Patients(t.Context(), 2)
	require.NoError(t, err)
	other := patients[0].Pseudonym
	if other == answered.Patient {
		other = patients[1].Pseudonym
	}
	path := func(patient care.Pseudonym, occasion any) string {
		return fmt.Sprintf("/patients/%s/answers/%v", patient, occasion)
	}
	session := s.SignIn(t, access.RoleClinician)
	response = s.Do(t, sitetest.Request{Path: path(answered.Patient, answered.Occasion), Session: session})
	require.Equal(t, http.StatusOK, response.StatusCode)
	body := sitetest.Text(t, response)
	require.Contains(t, body, "Little interest or pleasure in doing things")
	require.Contains(t, body, "Nearly every day (3)")
	require.Contains(t, body, "left open")
	views := 0
	require.NoError(t, s.Store.EachAuditEntry(t.Context(), 0, func(e registry.AuditEntry) error {
		if e.Action == "record-viewed" {
			views++
			require.Equal(t, string(answered.Patient), e.Subject)
		}
		return nil
	}))
	require.Equal(t, 1, views)
	for _, wrong := range []string{path(other, answered.Occasion), path(answered.Patient, 999), path(answered.Patient, "x"), path(answered.Patient, 0), path("nobody", 1)} {
		require.Equal(t, http.StatusNotFound, s.Do(t, sitetest.Request{Path: wrong, Session: session}).StatusCode, wrong)
	}
	for k := 1; ; k++ {
		s.Faults.FailAt(k, diskIsFull)
		response := s.Do(t, sitetest.Request{Path: path(answered.Patient, answered.Occasion), Session: session})
		reached := s.Faults.Seen() >= k
		s.Faults.FailAt(0, 0)
		if !reached {
			break
		}
		if response.StatusCode == http.StatusOK {
			continue // the statement only kept the session
		}
		require.NotContains(t, sitetest.Text(t, response), "Nearly every day")
	}
}

// Alerts are there when nothing can be written: only the answers behind them are not
// shown, since that somebody looks at them could not be recorded.
func TestSR76_AlertsStandWhenNothingCanBeWritten(t *testing.T) {
	s := sitetest.New(t, local, 1)
	response := s.Do(t, sitetest.Request{Method: http.MethodPost, Path: "/p/" + s.Tokens[0] + "/answers", JSON: submission("k", map[string]any{"9": 2})})
	require.Equal(t, http.StatusCreated, response.StatusCode)
	session := s.SignIn(t, access.RoleClinician)
	shown := 0
	for k := 1; ; k++ {
		s.Faults.FailAt(k, diskIsFull)
		response := s.Do(t, sitetest.Request{Path: "/alerts", Session: session})
		reached := s.Faults.Seen() >= k
		s.Faults.FailAt(0, 0)
		if !reached {
			break
		}
		if body := sitetest.Text(t, response); strings.Contains(body, "could not be recorded") {
			shown++
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.Contains(t, body, "Contact the patient now")
			require.NotContains(t, body, "It was not asked before")
		}
	}
	require.Positive(t, shown)
}

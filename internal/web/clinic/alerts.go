package clinic

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"afterglow/internal/access"
	"afterglow/internal/caseload"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/safety"
	"afterglow/internal/web/form"
	"afterglow/internal/web/middleware"
	"afterglow/internal/web/page"
)

// Config is what the pages work with.
type Config struct {
	Safety      *safety.Service
	Caseload    *caseload.Service
	Access      *access.Service
	Instruments *instrument.Library
	Renderer    *page.Renderer
	Now         func() time.Time
	Zone        *time.Location
}

// Pages handles the clinicians' routes.
type Pages struct{ Config }

// NoteCodes are what an acknowledgement can say, in the order offered.
var NoteCodes = []NoteCode{
	{"seen", "Seen, taking it on"},
	{"calling-patient", "Calling the patient now"},
	{"called-patient", "Called the patient"},
	{"message-left", "Left a message"},
	{"handed-over", "Handed over to the person on call"},
}

// Alerts lists what waits for someone, the oldest first, then what somebody has.
func (p Pages) Alerts(c echo.Context) error {
	shown, err := p.alertsPage(c.Request().Context())
	if err != nil {
		return err
	}
	if c.QueryParam("done") == "acknowledged" {
		shown.Notices = append(shown.Notices, page.Notice{Kind: page.NoticeDone, Text: "The alert is acknowledged. It stays open until its outcome is recorded."})
	}
	return p.Renderer.HTML(c, http.StatusOK, "clinic/alerts", shown)
}

// Acknowledge takes an alert on in the caller's name.
func (p Pages) Acknowledge(c echo.Context) error {
	fields, err := form.Read(c, "code")
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(c.Param("alert"), 10, 64)
	if err != nil {
		return fault.NotFound("alert", "there is no such alert")
	}
	if !known(fields["code"]) {
		return fault.Invalid("code", "is not one of the notes")
	}
	err = p.Safety.Acknowledge(c.Request().Context(), middleware.Caller(c).Actor(), id, fields["code"])
	if err != nil {
		return err
	}
	return page.Redirect(c, "/alerts?done=acknowledged")
}

func known(code string) bool {
	for _, n := range NoteCodes {
		if n.Code == code {
			return true
		}
	}
	return false
}

func (p Pages) alertsPage(ctx context.Context) (*AlertsPage, error) {
	alerts, err := p.Safety.Alerts(ctx)
	if err != nil {
		return nil, err
	}
	names, err := p.Access.AccountNames(ctx)
	if err != nil {
		return nil, err
	}
	shown := &AlertsPage{Frame: page.Frame{Title: "Alerts", Wide: true}, Codes: NoteCodes}
	shown.Simulated = len(alerts) > 0 && !slices.ContainsFunc(alerts, func(a safety.Alert) bool { return !a.Simulated })
	for _, a := range alerts {
		line := NewAlertLine(a, p.Instruments, p.Now())
		line.Simulated = a.Simulated && !shown.Simulated
		switch a.State {
		case safety.StateOpen:
			shown.Alerts = append(shown.Alerts, line)
		case safety.StateAcknowledged:
			line.Owner = names[a.Owner]
			shown.Acknowledged = append(shown.Acknowledged, line)
		}
	}
	return shown, nil
}

// shortCode is enough of a pseudonym to tell patients on one page apart.
func shortCode(pseudonym string) string {
	if len(pseudonym) < 8 {
		return pseudonym
	}
	return pseudonym[:4] + "-" + pseudonym[4:8]
}

// age is how long something has waited, in the unit a person would say.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "now"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}

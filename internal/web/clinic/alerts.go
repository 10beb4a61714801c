package clinic

import (
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

// Alerts lists what waits for someone, the most urgent first, then what somebody
// has; showing the answers behind them leaves an audit event.
func (p Pages) Alerts(c echo.Context) error {
	shown, err := p.alertsPage(c)
	if err != nil {
		return err
	}
	if c.QueryParam("done") == "acknowledged" {
		shown.Notices = append(shown.Notices, page.Notice{Kind: page.NoticeDone, Text: "The alert is acknowledged. It stays open until its outcome is recorded."})
	}
	return p.Renderer.HTML(c, http.StatusOK, "clinic/alerts", shown)
}

// Waiting says how many alerts wait, for a page that is open: it shows that
// something has changed, and shows it at once where nothing is being filled in.
func (p Pages) Waiting(c echo.Context) error {
	n, err := p.Safety.Counts(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]int64{"waiting": int64(n.Waiting), "taken": int64(n.Taken), "mark": n.Mark})
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

func (p Pages) alertsPage(c echo.Context) (*AlertsPage, error) {
	ctx := c.Request().Context()
	alerts, err := p.Safety.Alerts(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := p.Safety.Counts(ctx)
	if err != nil {
		return nil, err
	}
	names, err := p.Access.AccountNames(ctx)
	if err != nil {
		return nil, err
	}
	alerts = slices.DeleteFunc(alerts, func(a safety.Alert) bool { return a.State == safety.StateClosed })
	answers, err := p.Safety.AnswersOf(ctx, middleware.Caller(c).Actor(), alerts)
	shown := NewAlertsPage(alerts, answers, names, p.Instruments, p.Now())
	shown.Mark = counts.Mark
	if err != nil {
		// Alerts must be there to be worked when nothing can be written.
		shown.Notices = append(shown.Notices, page.Notice{Kind: page.NoticeWarning,
			Text: "The answers behind the alerts are not shown, because it could not be recorded that you looked at them. The alerts are complete."})
	}
	return shown, nil
}

// NewAlertsPage puts alerts into words; answers are nil where they could not be
// shown.
func NewAlertsPage(alerts []safety.Alert, answers map[int64]safety.Answers, names map[string]string, library *instrument.Library, now time.Time) *AlertsPage {
	shown := &AlertsPage{Frame: page.Frame{Title: "Alerts", Wide: true, Scripts: []string{waitingScript}}, Codes: NoteCodes}
	shown.Simulated = len(alerts) > 0 && !slices.ContainsFunc(alerts, func(a safety.Alert) bool { return !a.Simulated })
	safety.SortByUrgency(alerts)
	for _, a := range alerts {
		behind := Behind{Names: names}
		if found, ok := answers[a.ID]; ok {
			behind.Answers = &found
		}
		line := NewAlertLine(a, library, behind, now)
		line.Simulated = a.Simulated && !shown.Simulated
		switch a.State {
		case safety.StateOpen:
			shown.Alerts = append(shown.Alerts, line)
		case safety.StateAcknowledged:
			shown.Acknowledged = append(shown.Acknowledged, line)
		}
	}
	return shown
}

// waitingScript asks now and then whether the list of alerts has changed.
const waitingScript = "waiting.js"

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

package gallery

import (
	"time"

	"afterglow/internal/access"
	"afterglow/internal/web/clinic"
	"afterglow/internal/web/page"
)

func alertStates() []State {
	clinician := access.RoleClinician
	alerts := []clinic.AlertLine{
		{ID: 7, Level: "red", LevelWord: "Red", Rule: "PHQ-9, item 9", Action: "Contact the patient now, with a structured suicide screen (C-SSRS)",
			Patient: "4be1-09c7", PatientPath: "/clinic-patient", RaisedAt: now.Add(-47 * time.Minute), Age: "47 min"},
		{ID: 9, Level: "amber", LevelWord: "Amber", Rule: "PHQ-9, item 9", Action: "Review by a clinician on the same day, with a structured suicide screen (ASQ or C-SSRS)",
			Patient: "a2f0-11d8", RaisedAt: now.Add(-12 * time.Minute), Age: "12 min", From: "from a form that was not sent", Simulated: true},
		{ID: 10, Level: "unknown", LevelWord: "Not answered", Rule: "PHQ-9, item 9", Action: "The question was left open. Ask the patient.",
			Patient: "77c3-5e02", RaisedAt: now.Add(-3 * time.Minute), Age: "3 min"},
		{ID: 11, Level: "critical", LevelWord: "Critical", Rule: "Test of the alert path", Action: "Contact the patient now.",
			Patient: Canary, RaisedAt: now, Age: "now"},
	}
	return []State{
		{Name: "clinic-alerts", Template: "clinic/alerts", Role: clinician, Page: &clinic.AlertsPage{
			Frame: page.Frame{Title: "Alerts", Wide: true}, Alerts: alerts, Codes: clinic.NoteCodes,
			Acknowledged: []clinic.AlertLine{{ID: 3, LevelWord: "Red", Rule: "PHQ-9, item 9", Patient: "90aa-41b6", RaisedAt: now.Add(-3 * time.Hour), Owner: "anna"}}}},
		{Name: "clinic-alerts-one", Template: "clinic/alerts", Role: clinician, Page: &clinic.AlertsPage{
			Frame:  page.Frame{Title: "Alerts", Wide: true, Notices: []page.Notice{{Kind: page.NoticeDone, Text: "The alert is acknowledged. It stays open until its outcome is recorded."}}},
			Alerts: alerts[:1], Codes: clinic.NoteCodes}},
		{Name: "clinic-alerts-simulated", Template: "clinic/alerts", Role: clinician, Page: &clinic.AlertsPage{
			Frame: page.Frame{Title: "Alerts", Wide: true, Simulated: true}, Alerts: alerts[:1], Codes: clinic.NoteCodes}},
		{Name: "clinic-alerts-none", Template: "clinic/alerts", Role: clinician, Page: &clinic.AlertsPage{
			Frame: page.Frame{Title: "Alerts", Wide: true}, Codes: clinic.NoteCodes}},
	}
}

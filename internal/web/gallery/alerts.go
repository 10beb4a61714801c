package gallery

import (
	"time"

	"afterglow/internal/access"
	"afterglow/internal/web/clinic"
	"afterglow/internal/web/page"
)

const item9 = "Thoughts that you would be better off dead, or of hurting yourself in some way"

// shownAlerts are open alerts of every level, in the order of the page.
func shownAlerts() []clinic.AlertLine {
	return []clinic.AlertLine{
		{ID: 7, Level: "red", LevelWord: "Red", Rule: "PHQ-9, item 9", Question: item9, Action: "Contact the patient now, with a structured suicide screen (C-SSRS).",
			Patient: "4be1-09c7", PatientPath: "/clinic-patient", RaisedAt: now.Add(-47 * time.Minute), Age: "47 min",
			Given: "More than half the days (2)", AnswersKnown: true, Before: []clinic.EarlierAnswer{
				{Text: "Not at all (0)", At: now.AddDate(0, 0, -14)}, {Text: "left open", At: now.AddDate(0, 0, -28)}, {Text: "Several days (1)", At: now.AddDate(0, 0, -35)}}},
		{ID: 10, Level: "unknown", LevelWord: "Not answered", Rule: "PHQ-9, item 9", Question: item9, Action: "The question was left open. Ask the patient.",
			Patient: "77c3-5e02", RaisedAt: now.Add(-3 * time.Minute), Age: "3 min", Given: "left open", AnswersKnown: true},
		{ID: 9, Level: "amber", LevelWord: "Amber", Rule: "PHQ-9, item 9", Question: item9, Action: "Review by a clinician on the same day, with a structured suicide screen (ASQ or C-SSRS).",
			Patient: "a2f0-11d8", RaisedAt: now.Add(-12 * time.Minute), Age: "12 min", From: "from a form that was not sent", Simulated: true, Given: "Several days (1)"},
	}
}

func takenAlerts() []clinic.AlertLine {
	taken := shownAlerts()[0]
	taken.ID, taken.Patient, taken.RaisedAt, taken.Age, taken.Owner = 3, "90aa-41b6", now.Add(-3*time.Hour), "3 h", "anna"
	taken.Steps = []clinic.AlertStep{{What: "Taken on: calling the patient now", Who: "anna", At: now.Add(-170 * time.Minute)}}
	return []clinic.AlertLine{taken}
}

func alertStates() []State {
	clinician := access.RoleClinician
	frame := func() page.Frame { return page.Frame{Title: "Alerts", Wide: true, Scripts: []string{"waiting.js"}} }
	alerts := append([]clinic.AlertLine{{ID: 11, Level: "critical", LevelWord: "Critical", Rule: "Test of the alert path", Action: "Contact the patient now.",
		Patient: Canary, RaisedAt: now, Age: "now"}}, shownAlerts()...)
	done := frame()
	done.Notices = []page.Notice{{Kind: page.NoticeDone, Text: "The alert is acknowledged. It stays open until its outcome is recorded."}}
	simulated := frame()
	simulated.Simulated = true
	state := func(name string, p clinic.AlertsPage) State {
		p.Codes = clinic.NoteCodes
		return State{Name: "clinic-alerts" + name, Template: "clinic/alerts", Role: clinician, Page: &p}
	}
	return []State{
		state("", clinic.AlertsPage{Frame: frame(), Alerts: alerts, Acknowledged: takenAlerts()}),
		state("-one", clinic.AlertsPage{Frame: done, Alerts: shownAlerts()[:1]}),
		state("-taken-only", clinic.AlertsPage{Frame: done, Acknowledged: takenAlerts()}),
		state("-simulated", clinic.AlertsPage{Frame: simulated, Alerts: shownAlerts()[:1]}),
		state("-none", clinic.AlertsPage{Frame: frame()}),
	}
}

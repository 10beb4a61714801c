package clinic

import (
	"fmt"
	"strings"
	"time"

	"afterglow/internal/instrument"
	"afterglow/internal/intake"
	"afterglow/internal/safety"
)

// AlertLine is one alert. Patient is a pseudonym's short form.
type AlertLine struct {
	ID        int64
	Level     string
	LevelWord string
	Rule      string
	Action    string
	Patient   string
	// PatientPath is the patient's page.
	PatientPath string
	// Simulated marks the line; where every one is, the page says so once.
	Simulated bool
	RaisedAt  time.Time
	Age       string
	// From says which answers raised it where that is not plainly what was sent.
	From string
	// Owner is who took it on, or "".
	Owner string
}

// NewAlertLine says an alert in the words of the instrument's version that
// raised it.
func NewAlertLine(a safety.Alert, library *instrument.Library, now time.Time) AlertLine {
	line := AlertLine{
		ID: a.ID, Level: string(a.Level), LevelWord: levelWord(a.Level), Rule: a.Rule, Action: "Review by a clinician.",
		Patient: shortCode(string(a.Patient)), PatientPath: "/patients/" + string(a.Patient),
		RaisedAt: a.RaisedAt, Age: age(now.Sub(a.RaisedAt)), From: from(a),
	}
	if a.Rule == intake.RuleUnjudged {
		line.LevelWord, line.Rule = "Cannot be judged", strings.ToUpper(a.Instrument)+", a form left unfinished"
		line.Action = "What was filled in cannot be read, so nobody can say what it holds. Ask the patient."
		return line
	}
	d, err := library.Get(a.Instrument, a.Version)
	if err != nil {
		// A version that this installation has no longer: the rule's own name says more than nothing.
		return line
	}
	for _, rule := range d.Safety {
		if rule.ID == a.Rule {
			line.Rule = fmt.Sprintf("%s, item %s", strings.ToUpper(d.ID), rule.Item)
			line.Action = action(rule, a.Level)
		}
	}
	return line
}

// from names the answers behind an alert, where they are not simply those sent.
func from(a safety.Alert) string {
	switch {
	case a.Origin == safety.OriginNotRecorded:
		return "from answers that were not recorded: the form takes none any more"
	case a.Origin == safety.OriginUnfinishedForm && a.Submission != "":
		return "from the form before it was sent; it was sent since"
	case a.Origin == safety.OriginUnfinishedForm:
		return "from a form that was not sent"
	}
	return ""
}

// action is what the rule asks of staff at a level.
func action(rule instrument.SafetyRule, level instrument.Level) string {
	for _, when := range rule.When {
		if when.Level == level {
			return when.Action + "."
		}
	}
	return "The question was left open. Ask the patient."
}

func levelWord(l instrument.Level) string {
	switch l {
	case instrument.LevelAmber:
		return "Amber"
	case instrument.LevelRed:
		return "Red"
	case instrument.LevelCritical:
		return "Critical"
	default:
		return "Not answered"
	}
}

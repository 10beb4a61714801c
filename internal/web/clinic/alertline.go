package clinic

import (
	"fmt"
	"slices"
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
	// Question is the item's own text, "" where its licence keeps it out.
	Question string
	Action   string
	Patient  string
	// PatientPath is the patient's page.
	PatientPath string
	// Simulated marks the line; where every one is, the page says so once.
	Simulated bool
	RaisedAt  time.Time
	Age       string
	// From says which answers raised it where that is not plainly what was sent.
	From string
	// Given is the answer, Before what the patient said earlier, the newest first;
	// AnswersKnown says that they were looked up.
	Given        string
	Before       []EarlierAnswer
	AnswersKnown bool
	// Owner is who took it on, or "".
	Owner string
	// Steps are what was done since it was raised.
	Steps []AlertStep
}

// EarlierAnswer is what the patient said to the same item before.
type EarlierAnswer struct {
	Text string
	At   time.Time
}

// AlertStep is something that was done about an alert.
type AlertStep struct {
	What, Who string
	At        time.Time
}

// Behind is what is known about an alert besides itself.
type Behind struct {
	// Answers are nil where they could not be shown.
	Answers *safety.Answers
	// Names are the accounts' by their id.
	Names map[string]string
}

// NewAlertLine says an alert in the words of the instrument's version that
// raised it.
func NewAlertLine(a safety.Alert, library *instrument.Library, behind Behind, now time.Time) AlertLine {
	line := AlertLine{
		ID: a.ID, Level: string(a.Level), LevelWord: levelWord(a.Level), Rule: a.Rule, Action: "Review by a clinician.",
		Patient: shortCode(string(a.Patient)), PatientPath: "/patients/" + string(a.Patient),
		RaisedAt: a.RaisedAt, Age: age(now.Sub(a.RaisedAt)), From: from(a), Owner: behind.Names[a.Owner], Steps: steps(a, behind.Names),
	}
	if a.Owner != "" && line.Owner == "" {
		line.Owner = someone
	}
	if a.Rule == intake.RuleUnjudged {
		line.LevelWord, line.Rule = "Cannot be judged", strings.ToUpper(a.Instrument)+", a form left unfinished"
		line.Action = "The saved answers cannot be read, so it is not known what they say. Ask the patient."
		return line
	}
	d, err := library.Get(a.Instrument, a.Version)
	if err != nil {
		// A version that this installation has no longer: the rule's own name says more than nothing.
		return line
	}
	for _, rule := range d.Safety {
		if rule.ID == a.Rule {
			line.Rule = fmt.Sprintf("%s, item %s", d.ShortTitle("en"), rule.Item)
			line.Action = action(rule, a.Level)
			line.Question = itemText(d, rule.Item)
			line.Given = impliedAnswer(d, rule, a.Level)
		}
	}
	if behind.Answers != nil {
		line.addAnswers(*behind.Answers, library, a)
	}
	return line
}

// addAnswers says the answers in the words of the version that each was given to.
func (l *AlertLine) addAnswers(found safety.Answers, library *instrument.Library, a safety.Alert) {
	l.AnswersKnown = true
	words := func(version string, value *int) string {
		d, err := library.Get(a.Instrument, version)
		if err != nil {
			return numberWords(value)
		}
		return itemAnswerWords(d, a.Item, value)
	}
	if found.Given != nil {
		l.Given = words(found.Given.Version, found.Given.Value)
	}
	for _, b := range found.Before {
		l.Before = append(l.Before, EarlierAnswer{Text: words(b.Version, b.Value), At: b.At})
	}
}

// someone stands for an account that has no name here any more.
const someone = "a member of staff"

// steps are what people did; that it was raised stands above them.
func steps(a safety.Alert, names map[string]string) []AlertStep {
	var list []AlertStep
	for _, s := range a.Steps {
		step := AlertStep{At: s.At, What: stepWords(s)}
		if step.What == "" {
			continue
		}
		if id, isAccount := strings.CutPrefix(s.Who, "account "); isAccount {
			if step.Who = names[id]; step.Who == "" {
				step.Who = someone
			}
		}
		list = append(list, step)
	}
	return list
}

func stepWords(s safety.Step) string {
	switch s.What {
	case "acknowledged":
		return "Taken on: " + noteWords(s.Code)
	case "submitted":
		return "The form was sent"
	case "closed":
		return "Closed: " + reasonWords(s.Code)
	}
	return ""
}

// noteWords is a note as the form offers it, in the middle of a sentence.
func noteWords(code string) string {
	i := slices.IndexFunc(NoteCodes, func(n NoteCode) bool { return n.Code == code })
	if i < 0 {
		return reasonWords(code)
	}
	return strings.ToLower(NoteCodes[i].Label[:1]) + NoteCodes[i].Label[1:]
}

// from names the answers behind an alert, where they are not simply those sent.
func from(a safety.Alert) string {
	switch {
	case a.Origin == safety.OriginNotRecorded:
		return "from answers that were not recorded: the form no longer accepts answers"
	case a.Origin == safety.OriginUnfinishedForm && a.Submission != "":
		return "from the form before it was sent; it has been sent since"
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

package tour

import (
	"fmt"
	"slices"

	"afterglow/internal/access"
	"afterglow/internal/web/page"
)

// stop is a door or a stop of the tour: where a button of the start page leads,
// and as which role.
type stop struct {
	id    string
	label string
	says  string
	role  access.Role
	path  string
}

const (
	stopForm = "form"
	stopLost = "lost"
)

// doors lead to the first page of each kind of user.
var doors = []stop{
	{"patient", "A patient's phone", "Answer a questionnaire from a link, as a patient does. No account is needed.", access.RolePatientLink, ""},
	{"clinician", "A clinician", "See who is in care, who is due or worse, and which alerts wait for a person.", access.RoleClinician, "/patients"},
	{"researcher", "A researcher", "Ask whether the benefit lasts. No name and no single patient is shown.", access.RoleResearcher, "/research"},
	{"administrator", "An administrator", "See how this installation is doing.", access.RoleAdministrator, "/status"},
}

// stops are the way through what there is, in this order.
var stops = []stop{
	{stopForm, "Answer a form", "Fill in the PHQ-9 on a phone. Give question 9 any answer above 'Not at all' to see what happens then.", access.RolePatientLink, ""},
	{"alert", "The alert that it raised", "A clinician sees the answer at once, with what was answered before, and takes it on.", access.RoleClinician, "/alerts"},
	{stopLost, "A patient who lost the benefit", "One patient's scores over time: the best that was reached, what is left of it, and since when.", access.RoleClinician, "/patients?show=losing"},
	{"setting", "Does it last, by setting?", "The share of the benefit that is left where the setting was rated high, in the middle and low.", access.RoleResearcher, "/research/studies/simulated-clinic?group=setting"},
	{"trial", "A real trial", "The same question for Beat the Blues, a published trial of computerised therapy in depression.", access.RoleResearcher, "/research/studies/btheb"},
	{"method", "How it is computed", "The model, its assumptions, the data that it rests on and how the result is checked with R.", access.RoleResearcher, "/research/studies/btheb#method"},
}

func stopNamed(id string) (stop, bool) {
	for _, list := range [][]stop{doors, stops} {
		if i := slices.IndexFunc(list, func(s stop) bool { return s.id == id }); i >= 0 {
			return list[i], true
		}
	}
	return stop{}, false
}

// StartPage is the start page of a demo.
type StartPage struct {
	page.Frame
	Doors []Door
	Tour  []Door
	Real  []string
	// Made lists the simulated studies, and Links counts the patients who answer by a
	// link of the start page.
	Made  []string
	Links int
}

// Door is a button with what it leads to.
type Door struct{ To, Label, Says string }

// NewStartPage puts the page together; what it says is real or simulated comes
// from the studies that are there.
func NewStartPage(contents Contents) *StartPage {
	p := &StartPage{Frame: page.Frame{Title: "Start"}, Doors: buttons(doors), Tour: buttons(stops), Links: contents.LinkPatients}
	for _, s := range contents.Studies {
		title := s.Title
		if title == "" {
			title = s.ID
		}
		line := fmt.Sprintf("%s: %d patients", title, s.Patients)
		if s.Simulated {
			p.Made = append(p.Made, line)
		} else {
			p.Real = append(p.Real, line)
		}
	}
	return p
}

func buttons(stops []stop) []Door {
	out := make([]Door, len(stops))
	for i, s := range stops {
		out[i] = Door{To: s.id, Label: s.label, Says: s.says}
	}
	return out
}

// BackPage says that the demo is being put back, and asks for itself again.
type BackPage struct {
	page.Frame
	Doing string
}

// NewBackPage makes the page; doing says what is done now.
func NewBackPage(doing string) *BackPage {
	return &BackPage{Frame: page.Frame{Title: "Putting the demo back"}, Doing: doing}
}

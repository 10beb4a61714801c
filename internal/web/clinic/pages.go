// Package clinic holds the pages of clinicians. Floor: face.
//
// It must not decide what an alert means or who is told; the safety room does.
package clinic

import (
	"embed"
	"time"

	"afterglow/internal/web/page"
)

//go:embed *.html
var files embed.FS

// Templates lists the pages of this folder and the partials they use.
var Templates = page.Templates{
	Folder: "clinic",
	Files:  files,
	Pages:  map[string][]string{"alerts": {}, "patients": {}, "patient": {"chart"}},
}

// AlertsPage lists what waits for someone, the oldest first.
type AlertsPage struct {
	page.Frame
	Alerts       []AlertLine
	Acknowledged []AlertLine
	Codes        []NoteCode
}

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
	RaisedAt    time.Time
	Age         string
	// Unfinished is true when the answers were saved and never sent.
	Unfinished bool
	// Owner is who took it on, or "".
	Owner string
}

// NoteCode is one of the coded notes that an acknowledgement carries.
type NoteCode struct {
	Code  string
	Label string
}

// Package clinic holds the pages of clinicians. Floor: face.
//
// It must not decide what an alert means or who is told; the safety room does.
package clinic

import (
	"embed"

	"afterglow/internal/web/page"
)

//go:embed *.html
var files embed.FS

// Templates lists the pages of this folder and the partials they use.
var Templates = page.Templates{
	Folder: "clinic",
	Files:  files,
	Pages:  map[string][]string{"alerts": {}, "patients": {}, "patient": {"chart"}, "answers": {}},
}

// AlertsPage lists what waits for someone, the most urgent first, and below it what
// somebody has taken on.
type AlertsPage struct {
	page.Frame
	// Mark changes whenever something happens to any alert.
	Mark         int64
	Alerts       []AlertLine
	Acknowledged []AlertLine
	Codes        []NoteCode
}

// NoteCode is one of the coded notes that an acknowledgement carries.
type NoteCode struct {
	Code  string
	Label string
}

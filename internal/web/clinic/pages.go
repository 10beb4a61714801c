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
	Pages:  map[string][]string{"alerts": {}, "patients": {}, "patient": {"chart"}},
}

// AlertsPage lists what waits for someone, the oldest first.
type AlertsPage struct {
	page.Frame
	Alerts       []AlertLine
	Acknowledged []AlertLine
	Codes        []NoteCode
}

// NoteCode is one of the coded notes that an acknowledgement carries.
type NoteCode struct {
	Code  string
	Label string
}

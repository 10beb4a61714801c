// Package admin holds the pages of administrators. Floor: face.
//
// It must not show an answer, a score or an identity.
package admin

import (
	"embed"
	"time"

	"afterglow/internal/web/page"
)

//go:embed *.html
var files embed.FS

// Templates lists the pages of this folder and the partials they use.
var Templates = page.Templates{
	Folder: "admin",
	Files:  files,
	Pages:  map[string][]string{"status": {}},
}

// StatusPage says how the installation is doing.
type StatusPage struct {
	page.Frame
	Headline string
	At       time.Time
	Parts    []Part
	Backlog  string
}

// Part is one part of the installation: its state in a word, its mark, and what
// the state means for people.
type Part struct {
	Name    string
	Word    string
	Class   string
	Meaning string
}

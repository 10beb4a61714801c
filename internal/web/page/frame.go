// Package page turns a page's data into HTML and any error into an answer: the
// frame that all pages share, the renderer, the one mapping from fault kinds to
// statuses. Floor: face.
//
// It must not know what a page is about; each page's folder brings its own
// structs and templates.
package page

import (
	"slices"
	"time"

	"afterglow/internal/access"
)

// Frame is what every page has around its content. A page's struct embeds it,
// sets the first block, and the renderer fills the second.
type Frame struct {
	// Title is the page's name; nothing identifying, since it stands in the
	// browser's history.
	Title string
	// Patient is true for pages that a patient sees: another header, the
	// notice that nobody watches live, no navigation.
	Patient bool
	// Wide lets charts and tables use the window's width.
	Wide    bool
	Notices []Notice
	// DataAsOf is when the data behind the page were last complete; zero where
	// the page rests on the registry alone.
	DataAsOf time.Time
	// Waiting is how many answers are on their way to the warehouse.
	Waiting int
	// Simulated marks pages that show simulated patients.
	Simulated bool
	// Repeats marks pages that repeat words of the request; they are sent
	// uncompressed.
	Repeats bool
	// Scripts are the assets that the page runs, in order.
	Scripts []string

	// LargeText is true where this browser asked a patient's page for larger text;
	// Back is the page that the switch returns to.
	LargeText bool
	Back      string
	// SeenAt is when the page was made; it stands at the head of a print.
	SeenAt        time.Time
	Site          string
	Demo          bool
	Lang          string
	Caller        access.Caller
	Nav           []NavItem
	SessionEndsIn int
}

// Notice is one sentence above the content.
type Notice struct {
	Kind NoticeKind
	Text string
}

// NoticeKind says how a notice is marked, in words and by its line, never by
// colour alone.
type NoticeKind string

// The kinds of notice.
const (
	NoticeDone    NoticeKind = "done"
	NoticeWarning NoticeKind = "warning"
	NoticeError   NoticeKind = "error"
)

// Label is the word that stands before the notice's text.
func (k NoticeKind) Label() string {
	switch k {
	case NoticeDone:
		return "Done"
	case NoticeWarning:
		return "Please note"
	default:
		return "Not done"
	}
}

// NavItem is one entry of the staff navigation.
type NavItem struct {
	Label   string
	Path    string
	Current bool
	// Within is true on the pages below this one.
	Within bool
	// Count is how many wait there, where Counted.
	Count   int
	Counted bool
}

func (f *Frame) frame() *Frame { return f }

// isStaff reports whether somebody with an account gets the page.
func (f *Frame) isStaff() bool {
	return slices.Contains(access.AccountRoles, f.Caller.Role)
}

// Page is a pointer to a struct that embeds Frame.
type Page interface{ frame() *Frame }

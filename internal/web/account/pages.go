// Package account holds sign-in, sign-out, the first administrator and where each
// role begins. Floor: face.
//
// It must not judge a password or a permission; the access room does.
package account

import (
	"embed"

	"afterglow/internal/fault"
	"afterglow/internal/web/page"
)

//go:embed *.html
var files embed.FS

// Templates lists the pages of this folder and the partials they use.
var Templates = page.Templates{
	Folder: "account",
	Files:  files,
	Pages:  map[string][]string{"signin": {}, "setup": {}, "setupdone": {}, "home": {}},
}

// SignInPage asks for an account and its password.
type SignInPage struct {
	page.Frame
	Name  string
	Wrong string
}

// SetupPage makes the first administrator.
type SetupPage struct {
	page.Frame
	Name        string
	Wrong       []fault.Detail
	MinPassword int
}

// SetupDonePage says that the site has an administrator.
type SetupDonePage struct{ page.Frame }

// HomePage is what a role without a page of its own sees.
type HomePage struct{ page.Frame }

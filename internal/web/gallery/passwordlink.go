package gallery

import (
	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/web/account"
	"afterglow/internal/web/page"
)

// passwordLinkStates are the pages of a link to set a password.
func passwordLinkStates() []State {
	asked := func(wrong ...fault.Detail) *account.SetPasswordPage {
		return &account.SetPasswordPage{Frame: page.Frame{Title: "Set a password"}, Token: "a-token", Name: "anna", Wrong: wrong, MinPassword: access.MinPasswordRunes}
	}
	return []State{
		{Name: "set-password", Template: "account/setpassword", Role: access.RoleAnonymous, Page: asked()},
		{Name: "set-password-wrong", Template: "account/setpassword", Role: access.RoleAnonymous,
			Page: asked(fault.Detail{Item: "password", Message: "The password is easy to guess: it is made of common words or a pattern; use a few unrelated words."})},
		{Name: "set-password-no-link", Template: "account/nolink", Role: access.RoleAnonymous, Page: &account.NoLinkPage{Frame: page.Frame{Title: "This link does not work"}}},
	}
}

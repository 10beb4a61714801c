package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/alecthomas/kong"

	"afterglow/internal/access"
	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

type userCmd struct {
	Add     userAddCmd     `cmd:"" help:"Add an account and print a one-time link to set its password."`
	List    userListCmd    `cmd:"" help:"List the accounts."`
	Unlock  userUnlockCmd  `cmd:"" help:"Let an account sign in again after too many wrong passwords."`
	Disable userDisableCmd `cmd:"" help:"Close an account and end its sessions; the audit trail keeps its name."`
	Reset   userResetCmd   `cmd:"" help:"Remove an account's password, end its sessions, enable the account again and print a one-time link to set a new password."`
}

// withPeople runs a command on the accounts, with a running server or without
// one.
func withPeople(ctx context.Context, root *cli, run func(*house, *access.Service) error) error {
	h, err := openCommand(ctx, root, slog.Default(), false)
	if err != nil {
		return err
	}
	people, err := h.people(ctx)
	if err == nil {
		err = run(h, people)
	}
	return errors.Join(err, h.close())
}

func (h *house) people(ctx context.Context) (*access.Service, error) {
	name, err := h.store.Setting(ctx, registry.SettingSiteName)
	if err != nil {
		return nil, err
	}
	return access.New(ctx, access.Config{Registry: h.store, Log: h.log, Now: time.Now, SiteName: name})
}

type userAddCmd struct {
	Name string `arg:"" help:"The account's name: lowercase letters, digits, dots, hyphens and underscores."`
	Role string `required:"" help:"What the person does: clinician, researcher or administrator."`
	JSON bool   `name:"json" help:"Print one JSON value."`
}

// Run makes the account. The first start's set-up token ends with it.
func (c *userAddCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	role, known := access.ParseRole(c.Role)
	if !known {
		return fault.Invalid("role", "%q is not a role; choose clinician, researcher or administrator", c.Role)
	}
	return withPeople(ctx, root, func(h *house, people *access.Service) error {
		link, err := people.Invite(ctx, command("user add"), c.Name, role)
		if err != nil {
			return err
		}
		return h.printLink(k.Stdout, link, c.JSON)
	})
}

type userResetCmd struct {
	Name string `arg:"" help:"The account."`
	JSON bool   `name:"json" help:"Print one JSON value."`
}

// Run resets the account.
func (c *userResetCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	return withPeople(ctx, root, func(h *house, people *access.Service) error {
		link, err := people.Reset(ctx, command("user reset"), c.Name)
		if err != nil {
			return err
		}
		return h.printLink(k.Stdout, link, c.JSON)
	})
}

// printedLink is the JSON of a link to set a password.
type printedLink struct {
	Account   string      `json:"account"`
	Role      access.Role `json:"role"`
	Link      string      `json:"link"`
	ExpiresAt time.Time   `json:"expires_at"`
	Reopened  bool        `json:"reopened"`
}

func (h *house) printLink(w io.Writer, link access.PasswordLink, asJSON bool) error {
	base, err := h.baseURL()
	if err != nil {
		return err
	}
	printed := printedLink{Account: link.Account, Role: link.Role, Link: base + "/set-password/" + link.Token, ExpiresAt: link.ExpiresAt.UTC(), Reopened: link.Reopened}
	if asJSON {
		return json.NewEncoder(w).Encode(printed)
	}
	if printed.Reopened {
		if _, err := fmt.Fprintf(w, "%s was disabled and is enabled again\n", printed.Account); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, "%s sets a password at %s (works once, until %s)\n", printed.Account, printed.Link, printed.ExpiresAt.Format("2006-01-02 15:04 MST"))
	return err
}

type userUnlockCmd struct {
	Name string `arg:"" help:"The account."`
}

// Run lets the account sign in again; its password stays.
func (c *userUnlockCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	return withPeople(ctx, root, func(_ *house, people *access.Service) error {
		if err := people.Unlock(ctx, command("user unlock"), c.Name); err != nil {
			return err
		}
		_, err := fmt.Fprintf(k.Stdout, "%s can sign in again with the password it had\n", c.Name)
		return err
	})
}

type userDisableCmd struct {
	Name string `arg:"" help:"The account."`
}

// Run closes the account.
func (c *userDisableCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	return withPeople(ctx, root, func(_ *house, people *access.Service) error {
		if err := people.Disable(ctx, command("user disable"), c.Name); err != nil {
			return err
		}
		_, err := fmt.Fprintf(k.Stdout, "%s is disabled and its sessions have ended; 'afterglow user reset' enables it again\n", c.Name)
		return err
	})
}

type userListCmd struct {
	Role string `help:"Only accounts of this role."`
	JSON bool   `name:"json" help:"Print one JSON value."`
}

// Run lists the accounts by name.
func (c *userListCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	if _, known := access.ParseRole(c.Role); c.Role != "" && !known {
		return fault.Invalid("role", "%q is not a role; choose clinician, researcher or administrator", c.Role)
	}
	return withPeople(ctx, root, func(_ *house, people *access.Service) error {
		list, err := people.People(ctx)
		if err != nil {
			return err
		}
		shown := []access.Person{}
		for _, p := range list {
			if c.Role == "" || p.Role == access.Role(c.Role) {
				shown = append(shown, p)
			}
		}
		if c.JSON {
			return json.NewEncoder(k.Stdout).Encode(shown)
		}
		for _, p := range shown {
			state := "open"
			if p.Disabled {
				state = "disabled"
			}
			if _, err := fmt.Fprintf(k.Stdout, "%-24s %-14s %-9s %3d wrong in a row  since %s\n", p.Name, p.Role, state, p.WrongAttempts, p.CreatedAt.Format(time.DateOnly)); err != nil {
				return err
			}
		}
		return nil
	})
}

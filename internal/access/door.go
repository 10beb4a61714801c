package access

import (
	"context"
	"fmt"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

// EnterDemo begins a session of an account without its password: a door of a
// demo's start page. Anywhere but in a demo folder it is a fault.Forbidden. Every
// use leaves an audit event that says so.
func (s *Service) EnterDemo(ctx context.Context, name string) (string, error) {
	demo, err := s.registry.Setting(ctx, registry.SettingDemo)
	if err != nil {
		return "", fmt.Errorf("open a door: %w", err)
	}
	if demo != "yes" {
		return "", fault.Forbidden("demo", "only a demo signs in without a password")
	}
	account, known, err := s.registry.AccountByName(ctx, normalName(name))
	if err != nil {
		return "", fmt.Errorf("open a door: %w", err)
	}
	if !known || account.Disabled {
		return "", fault.NotFound("account", "the demo has no account for this role; stop the demo and start it again")
	}
	err = s.registry.Write(ctx, account.Actor(), func(tx *registry.Tx) error {
		return tx.Audit(registry.Event{Action: "signed-in-by-demo-door", SubjectKind: "account", Subject: account.Actor().ID})
	})
	if err != nil {
		return "", fmt.Errorf("open a door: %w", err)
	}
	return s.begin(ctx, account)
}

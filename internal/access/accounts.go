package access

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"afterglow/internal/fault"
	"afterglow/internal/registry"
)

// setupLifetime is how long the token for the first administrator works.
const setupLifetime = time.Hour

var accountName = regexp.MustCompile(`^[a-z][a-z0-9._-]{1,63}$`)

// NewAccount is an account to make.
type NewAccount struct {
	Name     string
	Role     Role
	Password string
}

// check gathers everything that is wrong with the account.
func (a NewAccount) check(siteName string) error {
	var faults []fault.Detail
	if !accountName.MatchString(a.Name) {
		faults = append(faults, fault.Detail{Item: "name", Message: "an account's name must be 2 to 64 lowercase letters, digits, dots, hyphens and underscores, starting with a letter"})
	}
	if _, known := ParseRole(string(a.Role)); !known {
		faults = append(faults, fault.Detail{Item: "role", Message: "there is no such role"})
	}
	faults = append(faults, passwordFaults(a.Password, a.Name, siteName)...)
	if len(faults) > 0 {
		return fault.InvalidDetails("account", faults)
	}
	return nil
}

func passwordFaults(password string, context ...string) []fault.Detail {
	err := CheckNewPassword(password, context...)
	var wrong *fault.Error
	if errors.As(err, &wrong) {
		return []fault.Detail{{Item: "password", Message: "the password " + wrong.Message}}
	}
	return nil
}

// CreateAccount makes an account on behalf of an actor: a command or an
// administrator.
func (s *Service) CreateAccount(ctx context.Context, actor registry.Actor, a NewAccount) error {
	a.Name = normalName(a.Name)
	hash, err := s.hashNew(ctx, a)
	if err != nil {
		return err
	}
	err = s.registry.Write(ctx, actor, func(tx *registry.Tx) error {
		_, err := tx.CreateAccount(registry.NewAccount{Name: a.Name, Role: string(a.Role), PasswordHash: hash})
		return err
	})
	if err != nil {
		return fmt.Errorf("make an account: %w", err)
	}
	return nil
}

func (s *Service) hashNew(ctx context.Context, a NewAccount) (string, error) {
	if err := a.check(s.siteName); err != nil {
		return "", err
	}
	hash, err := s.hasher.hash(ctx, a.Password)
	if err != nil {
		return "", fmt.Errorf("make an account: %w", err)
	}
	return hash, nil
}

// NewSetupToken draws the one-time token that makes the first administrator;
// whoever starts the program shows it on the console. It is a fault.Conflict
// when there is an account already.
func (s *Service) NewSetupToken(ctx context.Context) (string, error) {
	var token string
	err := s.registry.Write(ctx, registry.System("setup"), func(tx *registry.Tx) error {
		var err error
		token, err = tx.CreateSetupToken(setupLifetime)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("draw a set-up token: %w", err)
	}
	return token, nil
}

// IsSetUp reports whether the site has an account.
func (s *Service) IsSetUp(ctx context.Context) (bool, error) {
	exists, err := s.registry.HasAccounts(ctx)
	if err != nil {
		return false, fmt.Errorf("look for an account: %w", err)
	}
	return exists, nil
}

// SetUp uses the token up and makes the first administrator, in one
// transaction. A token that is unknown, used or too old, and a site that has an
// account, are refused alike.
func (s *Service) SetUp(ctx context.Context, token, name, password string) error {
	a := NewAccount{Name: normalName(name), Role: RoleAdministrator, Password: password}
	hash, err := s.hashNew(ctx, a)
	if err != nil {
		return err
	}
	err = s.registry.Write(ctx, registry.System("setup"), func(tx *registry.Tx) error {
		switch exists, err := tx.HasAccounts(); {
		case err != nil:
			return err
		case exists:
			return fault.New(fault.KindUnauthenticated, "setup token", "is not valid; this installation has an administrator")
		}
		if err := tx.UseSetupToken(token); err != nil {
			return err
		}
		_, err := tx.CreateAccount(registry.NewAccount{Name: a.Name, Role: string(a.Role), PasswordHash: hash})
		return err
	})
	if err != nil {
		return fmt.Errorf("set up the first administrator: %w", err)
	}
	return nil
}

// AccountNames gives every account's name by its id, as it stands in the trail.
func (s *Service) AccountNames(ctx context.Context) (map[string]string, error) {
	accounts, err := s.registry.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(accounts))
	for _, a := range accounts {
		names[a.Actor().ID] = a.Name
	}
	return names, nil
}

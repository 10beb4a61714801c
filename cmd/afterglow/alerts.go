package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/alecthomas/kong"

	"afterglow/internal/registry"
	"afterglow/internal/safety"
)

type alertsCmd struct {
	List alertsListCmd `cmd:"" help:"List the alerts with their steps, oldest first."`
}

type alertsListCmd struct {
	JSON bool `name:"json" help:"Print one JSON value per line."`
}

// Run reads the registry, with or without a running server.
func (c *alertsListCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	h, err := openCommand(ctx, root, slog.Default(), false)
	if err != nil {
		return err
	}
	return errors.Join(c.print(ctx, k, h.store), h.close())
}

// alertLine is an alert with the name of the account that took it on; null while
// nobody has.
type alertLine struct {
	safety.Alert
	Owner *string `json:"owner"`
}

func (c *alertsListCmd) print(ctx context.Context, k *kong.Context, store *registry.Store) error {
	list, err := safety.New(store).Alerts(ctx)
	if err != nil {
		return err
	}
	accounts, err := store.Accounts(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, a := range accounts {
		names[a.Actor().ID] = a.Name
	}
	out := json.NewEncoder(k.Stdout)
	for _, a := range list {
		if c.JSON {
			line := alertLine{Alert: a}
			if name, known := names[a.Owner]; known {
				line.Owner = &name
			}
			err = out.Encode(line)
		} else {
			_, err = fmt.Fprintf(k.Stdout, "%6d  %-8s  %-20s  %-12s  %s  %s\n", a.ID, a.Level, a.Rule, a.State,
				a.RaisedAt.Format("2006-01-02 15:04 MST"), a.Submission)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

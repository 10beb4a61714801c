package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/alecthomas/kong"

	"afterglow/internal/safety"
)

type alertsCmd struct {
	List alertsListCmd `cmd:"" help:"List the alerts with their steps, oldest first."`
}

type alertsListCmd struct {
	JSON bool `name:"json" help:"Print one JSON value a line."`
}

// Run reads the registry, beside a running server or without one.
func (c *alertsListCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	h, err := openCommand(ctx, root, slog.Default(), false)
	if err != nil {
		return err
	}
	return errors.Join(c.print(ctx, k, safety.New(h.store)), h.close())
}

func (c *alertsListCmd) print(ctx context.Context, k *kong.Context, service *safety.Service) error {
	list, err := service.Alerts(ctx)
	if err != nil {
		return err
	}
	out := json.NewEncoder(k.Stdout)
	for _, a := range list {
		if c.JSON {
			err = out.Encode(a)
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

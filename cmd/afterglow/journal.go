package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/alecthomas/kong"

	"afterglow/internal/registry"
)

type journalCmd struct {
	List journalListCmd `cmd:"" help:"List the journal of submissions, oldest first."`
}

type journalListCmd struct {
	JSON bool `name:"json" help:"Print one JSON value per line."`
}

// journalLine is a journal row as scripts read it.
type journalLine struct {
	Sequence   int64  `json:"sequence"`
	Key        string `json:"key"`
	Receipt    string `json:"receipt"`
	Instrument string `json:"instrument"`
	Revision   int    `json:"revision"`
	ReceivedAt string `json:"received_at"`
	Shipped    bool   `json:"shipped"`
}

// Run reads the registry, with or without a running server.
func (c *journalListCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	h, err := openCommand(ctx, root, slog.Default(), false)
	if err != nil {
		return err
	}
	out := json.NewEncoder(k.Stdout)
	err = h.store.EachJournalRow(ctx, 0, func(r registry.JournalRow) error {
		line := journalLine{Sequence: r.Sequence, Key: r.Key, Receipt: r.Receipt, Instrument: r.Instrument, Revision: r.Revision,
			ReceivedAt: r.ReceivedAt.Format("2006-01-02T15:04:05.000000Z"), Shipped: r.Shipped}
		if c.JSON {
			return out.Encode(line)
		}
		state := "waits"
		if line.Shipped {
			state = "shipped"
		}
		_, err := fmt.Fprintf(k.Stdout, "%8d  %-36s  %-12s  %d  %s  %s\n", line.Sequence, line.Key, line.Instrument, line.Revision, line.ReceivedAt, state)
		return err
	})
	return errors.Join(err, h.close())
}

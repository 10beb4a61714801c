package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/alecthomas/kong"

	"afterglow/internal/intake"
	"afterglow/internal/registry"
	"afterglow/internal/warehouse"
)

type warehouseCmd struct {
	List      warehouseListCmd      `cmd:"" help:"List the journal rows that the warehouse has."`
	Reconcile warehouseReconcileCmd `cmd:"" help:"Compare the warehouse with the journal, name every difference and repair it."`
	Rebuild   warehouseRebuildCmd   `cmd:"" help:"Empty the warehouse and ship the whole journal again."`
}

type warehouseListCmd struct {
	JSON bool `name:"json" help:"Print one JSON value per line."`
}

// warehouseLine is a journal row as ClickHouse has it.
type warehouseLine struct {
	Sequence   uint64 `json:"sequence"`
	Key        string `json:"key"`
	Receipt    string `json:"receipt"`
	Instrument string `json:"instrument"`
	Revision   uint32 `json:"revision"`
	ReceivedAt string `json:"received_at"`
	// Shipped is always true: the row is here.
	Shipped bool `json:"shipped"`
}

func (c *warehouseListCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	out := json.NewEncoder(k.Stdout)
	return withWarehouse(ctx, root, func(h *house) error {
		return h.warehouse.JournalRows(ctx, func(key warehouse.JournalRow) error {
			line := warehouseLine{Sequence: key.Sequence, Key: key.Key, Receipt: key.Receipt, Shipped: true, Instrument: key.Instrument, Revision: key.Revision, ReceivedAt: key.ReceivedAt.UTC().Format("2006-01-02T15:04:05.000000Z")}
			if c.JSON {
				return out.Encode(line)
			}
			_, err := fmt.Fprintf(k.Stdout, "%8d  %-24s  %-12s  %d  %s\n", line.Sequence, line.Key, line.Instrument, line.Revision, line.ReceivedAt)
			return err
		})
	})
}

type warehouseReconcileCmd struct {
	JSON bool `name:"json" help:"Print the comparison as one JSON value."`
}

// Run compares and repairs. It ends with 1 when there was a difference, also
// when the repair went well: somebody should know.
func (c *warehouseReconcileCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	return withWarehouse(ctx, root, func(h *house) error {
		result, err := intake.Reconcile(ctx, h.store, h.warehouse)
		if err != nil {
			return err
		}
		if err := h.shipWaiting(ctx); err != nil {
			return err
		}
		if c.JSON {
			err = printJSON(k.Stdout, result)
		} else {
			_, err = fmt.Fprintf(k.Stdout, "journal %d rows, warehouse %d, waiting %d; sent again %d, deleted %d; studies sent again %d, subjects %d; damaged in the registry %d\n",
				result.Journal, result.Warehouse, result.Waiting, result.Requeued, result.Deleted, result.Studies, result.Subjects, len(result.Damaged))
		}
		switch {
		case err != nil:
			return err
		case len(result.Damaged) > 0:
			return checkFailed{fmt.Sprintf("damaged in the registry: %s. The warehouse's copies of these rows were not changed; restore the registry from a backup", registry.NameDamage(result.Damaged))}
		case result.Differs():
			return checkFailed{"the warehouse differed from the journal; the rows that differed are sent again"}
		}
		return nil
	})
}

type warehouseRebuildCmd struct{}

// Run empties and fills the warehouse; if a server runs, the server ships.
func (c *warehouseRebuildCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	return withWarehouse(ctx, root, func(h *house) error {
		if err := intake.Rebuild(ctx, h.store, h.warehouse); err != nil {
			return err
		}
		if err := h.shipWaiting(ctx); err != nil {
			return err
		}
		counts, err := h.store.JournalCounts(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(k.Stdout, "the warehouse was emptied; %d journal rows wait for it\n", counts.Waiting)
		return err
	})
}

func withWarehouse(ctx context.Context, root *cli, run func(*house) error) error {
	h, err := openCommand(ctx, root, slog.Default(), true)
	if err != nil {
		return err
	}
	return errors.Join(run(h), h.close())
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/alecthomas/kong"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/simulate"
	"afterglow/internal/warehouse"
	"afterglow/migrations"
	"afterglow/schemas"
)

type simulateCmd struct {
	Patients  int    `required:"" help:"How many patients." placeholder:"N"`
	Seed      uint64 `required:"" help:"The same seed gives the same bytes." placeholder:"S"`
	Profile   string `help:"Which clinic: clinic (all three protocols), iv, im, home, or noise (nobody changes; answers differ by retest error alone)." placeholder:"NAME"`
	Out       string `help:"Folder for the CSV files and truth.json." type:"path" xor:"to" placeholder:"DIR"`
	Warehouse bool   `help:"Fill the ClickHouse database of simulated clinics instead; its previous contents are replaced." xor:"to"`
	JSON      bool   `name:"json" help:"Print the truth as one JSON value."`
}

// Run simulates a clinic. Files need no data folder and no engine.
func (c *simulateCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	if (c.Out == "") == !c.Warehouse {
		return fault.Invalid("simulate", "say where to write: --out DIR or --warehouse")
	}
	library, err := instrument.LoadLibrary(schemas.Instruments())
	if err != nil {
		return err
	}
	s, err := simulate.New(library, simulate.Config{Patients: c.Patients, Seed: c.Seed, Profile: c.Profile})
	if err != nil {
		return err
	}
	var truth simulate.Truth
	if c.Warehouse {
		truth, err = fillSimulated(ctx, root, s)
	} else {
		truth, err = s.WriteFiles(c.Out)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(k.Stdout).Encode(truth)
	}
	place := c.Out
	if c.Warehouse {
		place = "database " + simulate.Database
	}
	_, err = fmt.Fprintf(k.Stdout, "simulated %d patients under %d protocols, seed %d: %s (not evidence about any treatment)\n",
		truth.Patients, len(truth.Profiles)/3, truth.Seed, place)
	return err
}

// fillSimulated opens the database of simulated clinics, beside a running server
// or alone, and fills it. The clinic's own database is not touched.
func fillSimulated(ctx context.Context, root *cli, s *simulate.Simulator) (truth simulate.Truth, err error) {
	f, err := openFolder(root.Data)
	if err != nil {
		return truth, err
	}
	h := newHouse(f, root.settings, slog.Default())
	defer func() { err = errors.Join(err, h.close()) }()
	if _, missing := os.Stat(f.registry()); missing == nil {
		if err := h.openStore(ctx, true); err != nil {
			return truth, err
		}
	}
	config, err := h.reachClickHouse(ctx)
	if err != nil {
		return truth, err
	}
	config.Database = simulate.Database
	w, err := warehouse.New(config)
	if err != nil {
		return truth, err
	}
	h.onClose(w.Close)
	if err := w.Prepare(ctx, migrations.ClickHouse()); err != nil {
		return truth, err
	}
	return s.Fill(ctx, w, rand.Text())
}

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/alecthomas/kong"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/interop/tabular"
	"afterglow/internal/registry"
)

type importCmd struct {
	Study importStudyCmd `cmd:"" help:"Bring a study's scores in from a CSV file, all or nothing."`
}

type importStudyCmd struct {
	File   string `arg:"" help:"The CSV file."`
	Map    string `required:"" help:"What its columns mean, as YAML; see docs/import.md." placeholder:"MAP.yaml"`
	DryRun bool   `help:"Check everything and store nothing."`
	JSON   bool   `name:"json" help:"Print the report as one JSON value."`
}

// Run imports a study, beside a running server or without one.
func (c *importStudyCmd) Run(ctx context.Context, k *kong.Context, root *cli) error {
	return withRegistry(ctx, root, func(store *registry.Store, library *instrument.Library) error {
		r, err := runImportStudy(ctx, store, library, *c)
		if c.JSON {
			return errors.Join(err, printJSON(k.Stdout, r))
		}
		if err != nil {
			return err
		}
		printImport(k.Stdout, r, c.DryRun)
		return nil
	})
}

// importReport is what an import found in the file and what it stored.
type importReport struct {
	tabular.Report
	// Stored is true when the registry holds the study now; false after a dry
	// run and after any fault.
	Stored bool `json:"stored"`
	// Registry says what was added and what was there already; null when the
	// file was not right.
	Registry *registry.ImportReport `json:"registry"`
}

// runImportStudy reads the map and the file, checks every row and stores the
// whole or nothing. The report stands beside the error too and carries it.
func runImportStudy(ctx context.Context, store *registry.Store, library *instrument.Library, c importStudyCmd) (importReport, error) {
	out, err := importStudy(ctx, store, library, c)
	if err != nil {
		out.Refuse(err)
	}
	return out, err
}

func importStudy(ctx context.Context, store *registry.Store, library *instrument.Library, c importStudyCmd) (importReport, error) {
	out := importReport{Report: tabular.NewReport("")}
	source, err := readInput(c.Map, maxMapBytes)
	if err != nil {
		return out, err
	}
	m, err := tabular.ParseMap(source)
	if err != nil {
		return out, err
	}
	instruments, err := m.Resolve(library)
	if err != nil {
		return out, err
	}
	data, err := readInput(c.File, tabular.MaxBytes)
	if err != nil {
		return out, err
	}
	read, report, err := m.Read(data, instruments.Check)
	out.Report = report
	if err != nil {
		return out, err
	}
	sum := sha256.Sum256(data)
	request, err := instruments.Request(read, hex.EncodeToString(sum[:]))
	if err != nil {
		return out, err
	}
	write := store.ImportStudy
	if c.DryRun {
		write = store.CheckImport
	}
	stored, err := write(ctx, registry.Actor{Kind: registry.ActorCommand, ID: "import study"}, request)
	if err != nil {
		return out, err
	}
	out.Stored, out.Registry = !c.DryRun, &stored
	return out, nil
}

const maxMapBytes = 1 << 20

// readInput reads a file that a person named, up to one byte more than limit:
// the reader of the content refuses what is too large.
func readInput(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.NotFound("file", "there is no file %s", path)
	case err != nil:
		return nil, fault.Invalid("file", "%v", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fault.Invalid("file", "%v", err)
	}
	return data, nil
}

// printImport writes the report for people.
func printImport(w io.Writer, r importReport, dryRun bool) {
	fmt.Fprintf(w, "study %s: %d rows, %d subjects, %d scores\n", r.Study, r.Rows, r.Subjects, r.Responses)
	for _, name := range r.Ignored {
		fmt.Fprintf(w, "column %s is not in the map and was not read\n", name)
	}
	for _, c := range r.Covariates {
		if c.Missing > 0 {
			fmt.Fprintf(w, "%s is missing for %d subjects\n", c.Covariate, c.Missing)
		}
	}
	fmt.Fprintf(w, "%-12s %-12s %-12s %9s %9s %9s\n", "measure", "visit", "arm", "expected", "answered", "missing")
	for _, o := range r.Occasions {
		fmt.Fprintf(w, "%-12s %-12s %-12s %9d %9d %9d\n", o.Measure, o.Visit, o.Arm, o.Expected, o.Answered, o.Missing)
	}
	if r.Registry == nil {
		return
	}
	verb := "stored"
	if dryRun {
		verb = "would be stored (dry run)"
	}
	fmt.Fprintf(w, "%s: %d new subjects, %d new scores; known already: %d subjects, %d scores\n",
		verb, r.Registry.SubjectsAdded, r.Registry.ResponsesAdded, r.Registry.SubjectsKnown, r.Registry.ResponsesKnown)
}

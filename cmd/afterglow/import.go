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

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/interop/tabular"
	"afterglow/internal/registry"
)

type importCmd struct {
	Study importStudyCmd `cmd:"" help:"Import a study's scores from a CSV file, all or nothing."`
}

type importStudyCmd struct {
	File    string `arg:"" help:"The CSV file."`
	Map     string `required:"" help:"What its columns mean, as YAML; see docs/import.md." placeholder:"MAP.yaml"`
	DryRun  bool   `help:"Check everything and store nothing."`
	Correct string `help:"Store values that differ from the stored ones, or are empty now, as corrections with this reason." placeholder:"REASON"`
	JSON    bool   `name:"json" help:"Print the report as one JSON value."`
}

// Run imports a study, with or without a running server.
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
	// Registry says what was added and what was there already, and what differs from
	// the file; null when the file was not right.
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
	out.Report = tabular.NewReport(m.Study.ID)
	data, err := readInput(c.File, tabular.MaxBytes)
	if err != nil {
		return out, err
	}
	stored, err := storedStudy(ctx, store, m.Study.ID)
	if err != nil {
		return out, err
	}
	m.KeepVersions(stored)
	instruments, err := m.Resolve(library)
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
	request.Correct = c.Correct
	found, err := write(ctx, registry.Actor{Kind: registry.ActorCommand, ID: "import study"}, request)
	if err != nil && found.DifferenceCount > 0 {
		err = out.differs(found)
	}
	if found.Study != "" && (err == nil || found.DifferenceCount > 0) {
		out.Registry = &found
	}
	if err != nil {
		return out, err
	}
	out.Stored = !c.DryRun
	out.Report.AddStored(m.Study, found)
	return out, nil
}

// storedStudy is what the registry has of the study; the zero value when it has
// none.
func storedStudy(ctx context.Context, store *registry.Store, id string) (care.Study, error) {
	study, err := store.Study(ctx, id)
	if fault.Is(err, fault.KindNotFound) {
		return care.Study{}, nil
	}
	return study, err
}

// differs says which values of the file are not the stored ones, and what to do.
func (r *importReport) differs(found registry.ImportReport) error {
	details := make([]fault.Detail, 0, len(found.Differences)+1)
	for _, d := range found.Differences {
		f := tabular.RowFault{Row: d.Row, Message: d.Words()}
		r.Faults = append(r.Faults, f)
		details = append(details, fault.Detail{Item: f.Place(), Message: f.Message})
	}
	if rest := found.DifferenceCount - len(found.Differences); rest > 0 {
		details = append(details, fault.Detail{Item: "file", Message: fmt.Sprintf("and %d more", rest)})
	}
	r.FaultCount = found.DifferenceCount
	return &fault.Error{
		Kind: fault.KindConflict, Where: "study " + found.Study, Details: details,
		Message: fmt.Sprintf("%s from what is stored, so nothing was stored; to store them as corrections, give your reason with --correct REASON", valuesDiffer(found.DifferenceCount)),
	}
}

func valuesDiffer(n int) string {
	if n == 1 {
		return "1 value differs"
	}
	return fmt.Sprintf("%d values differ", n)
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

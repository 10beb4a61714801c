package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/schemas"
)

type instrumentCmd struct {
	List    instrumentListCmd    `cmd:"" help:"List the instruments that are known."`
	Show    instrumentShowCmd    `cmd:"" help:"Show one instrument: items, scoring, thresholds, licence."`
	Lint    instrumentLintCmd    `cmd:"" help:"Check definitions and their vectors."`
	Vectors instrumentVectorsCmd `cmd:"" help:"Run the worked examples of an instrument."`
	Import  instrumentImportCmd  `cmd:"" help:"Check a definition of your own and copy it to the data folder."`
	Score   instrumentScoreCmd   `cmd:"" help:"Score one set of answers."`
}

// instrumentFolders are the shipped definitions and, where the data folder has
// them, the site's own.
func instrumentFolders(data string) []fs.FS {
	folders := []fs.FS{schemas.Instruments()}
	site := filepath.Join(data, "instruments")
	if info, err := os.Stat(site); err == nil && info.IsDir() {
		folders = append(folders, os.DirFS(site))
	}
	return folders
}

// findInstrument takes "phq-9" for the latest version or "phq-9@1.0.0".
func findInstrument(data, name string) (*instrument.Definition, error) {
	library, err := instrument.LoadLibrary(instrumentFolders(data)...)
	if err != nil {
		return nil, err
	}
	if id, version, given := strings.Cut(name, "@"); given {
		return library.Get(id, version)
	}
	return library.Latest(name)
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

type instrumentListCmd struct {
	JSON bool `name:"json" help:"Print one JSON value."`
}

type instrumentEntry struct {
	ID         string `json:"id"`
	Version    string `json:"version"`
	Title      string `json:"title"`
	Construct  string `json:"construct"`
	Reporter   string `json:"reporter"`
	Direction  string `json:"direction"`
	Entry      string `json:"entry"`
	Items      int    `json:"items"`
	Licence    string `json:"licence"`
	CanBeShown bool   `json:"can_be_shown"`
}

// Run prints a line for each version of each instrument.
func (c *instrumentListCmd) Run(k *kong.Context, root *cli) error {
	library, err := instrument.LoadLibrary(instrumentFolders(root.Data)...)
	if err != nil {
		return err
	}
	entries := []instrumentEntry{}
	for _, d := range library.List() {
		entries = append(entries, instrumentEntry{
			ID: d.ID, Version: d.Version, Title: d.Titles.In("en"), Construct: d.Construct,
			Reporter: d.Reporter, Direction: string(d.Direction), Entry: string(d.Entry),
			Items: len(d.Items), Licence: d.Licence.Class, CanBeShown: d.CanBeShown(),
		})
	}
	if c.JSON {
		return printJSON(k.Stdout, entries)
	}
	for _, e := range entries {
		fmt.Fprintf(k.Stdout, "%-20s %-12s %s\n", e.ID, e.Version, e.Title)
	}
	return nil
}

type instrumentShowCmd struct {
	ID   string `arg:"" help:"Instrument, as phq-9 or phq-9@1.0.0."`
	JSON bool   `name:"json" help:"Print one JSON value."`
}

// Run prints a definition.
func (c *instrumentShowCmd) Run(k *kong.Context, root *cli) error {
	d, err := findInstrument(root.Data, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(k.Stdout, struct {
			*instrument.Definition
			ScoringVersion string `json:"scoring_version"`
		}{d, d.ScoringVersion()})
	}
	showInstrument(k.Stdout, d)
	return nil
}

type instrumentScoreCmd struct {
	ID          string  `arg:"" help:"Instrument, as phq-9 or phq-9@1.0.0."`
	Answers     *string `xor:"answers" required:"" help:"Answers in the order of the form, such as 2,3,,1. An empty place is a missing answer; places left out at the end are missing too." placeholder:"LIST"`
	AnswersJSON *string `name:"answers-json" xor:"answers" required:"" help:"Answers as {\"item\":value}." placeholder:"JSON"`
	AllItems    bool    `help:"Give no score when any item is missing, as a site may choose."`
	JSON        bool    `name:"json" help:"Print one JSON value."`
}

// Run prints a score.
func (c *instrumentScoreCmd) Run(k *kong.Context, root *cli) error {
	d, err := findInstrument(root.Data, c.ID)
	if err != nil {
		return err
	}
	var answers instrument.Answers
	if c.Answers != nil {
		answers, err = d.ParseAnswerList(*c.Answers)
	} else {
		answers, err = d.ParseAnswersJSON([]byte(*c.AnswersJSON))
	}
	if err != nil {
		return err
	}
	score, err := d.Score(answers, instrument.ScoreOptions{AllItems: c.AllItems})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(k.Stdout, score)
	}
	showScore(k.Stdout, score)
	return nil
}

type instrumentLintCmd struct {
	Files []string `arg:"" optional:"" type:"path" help:"Definition files; without any, all that are known."`
	JSON  bool     `name:"json" help:"Print one JSON value."`
}

type lintedFile struct {
	File       string         `json:"file"`
	Instrument string         `json:"instrument"`
	Version    string         `json:"version"`
	Faults     []fault.Detail `json:"faults"`
}

// Run checks definitions; any fault gives exit code 1.
func (c *instrumentLintCmd) Run(k *kong.Context, root *cli) error {
	results, err := c.lint(root.Data)
	if err != nil {
		return err
	}
	count := 0
	for _, r := range results {
		count += len(r.Faults)
	}
	if c.JSON {
		if err := printJSON(k.Stdout, results); err != nil {
			return err
		}
	} else {
		showLint(k.Stdout, results)
	}
	if count > 0 {
		return checkFailed{fmt.Sprintf("%d faults in %d definitions", count, len(results))}
	}
	return nil
}

func (c *instrumentLintCmd) lint(data string) ([]lintedFile, error) {
	results := []lintedFile{}
	add := func(folder fs.FS, name, shown string) {
		r := lintedFile{File: shown, Faults: []fault.Detail{}}
		d, faults := instrument.Lint(folder, name)
		r.Faults = append(r.Faults, faults...)
		if d != nil {
			r.Instrument, r.Version = d.ID, d.Version
		}
		results = append(results, r)
	}
	for _, file := range c.Files {
		if _, err := os.Stat(file); err != nil {
			return nil, fault.Unavailable(file, nil, "there is no such file")
		}
		add(os.DirFS(filepath.Dir(file)), filepath.Base(file), file)
	}
	if len(c.Files) > 0 {
		return results, nil
	}
	for _, folder := range instrumentFolders(data) {
		names, err := fs.Glob(folder, "*.yaml")
		if err != nil {
			return nil, fmt.Errorf("list instrument definitions: %w", err)
		}
		for _, name := range names {
			add(folder, name, name)
		}
	}
	return results, nil
}

type instrumentVectorsCmd struct {
	ID   string `arg:"" optional:"" help:"Instrument id; without one, all that are known."`
	JSON bool   `name:"json" help:"Print one JSON value."`
}

type vectorResult struct {
	Instrument string   `json:"instrument"`
	Version    string   `json:"version"`
	Name       string   `json:"name"`
	Answers    string   `json:"answers"`
	Pass       bool     `json:"pass"`
	Differs    []string `json:"differs"`
}

// Run scores every worked example; one that does not agree gives exit code 1.
func (c *instrumentVectorsCmd) Run(k *kong.Context, root *cli) error {
	results, err := c.run(root.Data)
	if err != nil {
		return err
	}
	failed := 0
	for _, r := range results {
		if !r.Pass {
			failed++
		}
		if !c.JSON {
			showVector(k.Stdout, r)
		}
	}
	if c.JSON {
		if err := printJSON(k.Stdout, results); err != nil {
			return err
		}
	}
	if failed > 0 {
		return checkFailed{fmt.Sprintf("%d of %d vectors do not agree", failed, len(results))}
	}
	return nil
}

func (c *instrumentVectorsCmd) run(data string) ([]vectorResult, error) {
	results := []vectorResult{}
	found := false
	for _, folder := range instrumentFolders(data) {
		names, err := fs.Glob(folder, "*.yaml")
		if err != nil {
			return nil, fmt.Errorf("list instrument definitions: %w", err)
		}
		for _, name := range names {
			checked, err := instrument.RunVectors(folder, name)
			if err != nil {
				return nil, err
			}
			d := checked.Definition
			if c.ID != "" && c.ID != d.ID {
				continue
			}
			found = true
			for i, v := range checked.Vectors {
				differs := append([]string{}, checked.Differs[i]...)
				results = append(results, vectorResult{d.ID, d.Version, v.Name, v.Answers, len(differs) == 0, differs})
			}
		}
	}
	if !found {
		return nil, fault.NotFound("instrument", "there is no instrument %s", c.ID)
	}
	return results, nil
}

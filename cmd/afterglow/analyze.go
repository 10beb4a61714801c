package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"afterglow/internal/fault"
	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
)

type analyzeCmd struct {
	Spec  string `arg:"" optional:"" help:"The cases to run, in the format of testdata/reference; their data sets are files of the folder in --data." placeholder:"SPEC.json"`
	Kinds bool   `help:"List every kind of analysis with its input and result fields, instead."`
	Out   string `help:"Write the results to this file instead of printing them." type:"path" placeholder:"FILE"`
	JSON  bool   `name:"json" help:"With --kinds: print the list as JSON."`
}

// Run prints a result or a failure for every case; only a specification that cannot be read fails the command.
func (c *analyzeCmd) Run(k *kong.Context, root *cli) error {
	if c.Kinds {
		return printKinds(k.Stdout, c.JSON)
	}
	if c.Spec == "" {
		return fault.New(fault.KindInvalid, "analyze", "name a specification, or ask for --kinds")
	}
	spec, err := os.ReadFile(c.Spec)
	if err != nil {
		return checkFailed{fmt.Sprintf("the specification cannot be read: %v", err)}
	}
	cases, err := reference.Read(spec)
	if err != nil {
		return checkFailed{fmt.Sprintf("%s is not a specification: %v", c.Spec, err)}
	}
	results := struct {
		Results []analyze.Result `json:"results"`
	}{analyze.Run(cases, filesOf(root.Data))}
	if c.Out == "" {
		return printJSON(k.Stdout, results)
	}
	var file bytes.Buffer
	if err := printJSON(&file, results); err != nil {
		return err
	}
	return writeReport(c.Out, file.Bytes())
}

// writeReport writes a file that was asked for, whole or not at all.
func writeReport(path string, content []byte) error {
	if err := writeWhole(path, content); err != nil {
		return fault.New(fault.KindInvalid, "out", "%s cannot be written: %v", path, err)
	}
	return nil
}

// filesOf reads data sets from a folder and nowhere else: a name that leads out of it is refused.
func filesOf(folder string) analyze.Files {
	return func(name string) ([]byte, error) {
		root, err := os.OpenRoot(folder)
		if err != nil {
			return nil, fmt.Errorf("the data folder cannot be opened (--data): %w", err)
		}
		defer root.Close()
		content, err := fs.ReadFile(root.FS(), filepath.ToSlash(name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no such file in %s", folder)
		}
		return content, err
	}
}

func printKinds(w io.Writer, asJSON bool) error {
	kinds := analyze.Kinds()
	if asJSON {
		return printJSON(w, struct {
			Kinds []analyze.Description `json:"kinds"`
		}{kinds})
	}
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, "%s: %s\n  input\n", k.Kind, k.About)
		printFields(&b, k.Input, "    ")
		b.WriteString("  result\n")
		printFields(&b, k.Result, "    ")
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func printFields(b *strings.Builder, fields []analyze.Field, indent string) {
	for _, f := range fields {
		fmt.Fprintf(b, "%s%s: %s\n", indent, f.Name, f.Type)
		printFields(b, f.Fields, indent+"  ")
	}
}

package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"afterglow/internal/fault"
	"afterglow/internal/stats"
	"afterglow/internal/stats/analyze"
	"afterglow/internal/stats/reference"
)

type validateCmd struct {
	References string `help:"Folder that holds reference/*.json and the data sets, a folder each; by default testdata in the source tree or next to the program." type:"path" placeholder:"DIR"`
	Out        string `help:"Write every compared field to this file: case, field, expected, got, relative difference, tolerance, pass (CSV, or JSON where the name ends in .json)." type:"path" placeholder:"FILE"`
	JSON       bool   `name:"json" help:"Print the summary as JSON."`
}

// validation is the summary of a run over the references.
type validation struct {
	Software   string            `json:"software"`
	References string            `json:"references"`
	Files      []validatedFile   `json:"files"`
	Cases      int               `json:"cases"`
	CasesHold  int               `json:"cases_hold"`
	Fields     int               `json:"fields"`
	FieldsHold int               `json:"fields_hold"`
	Failing    []reference.Field `json:"failing"`
	all        []reference.Field
}

type validatedFile struct {
	File       string `json:"file"`
	Cases      int    `json:"cases"`
	CasesHold  int    `json:"cases_hold"`
	Fields     int    `json:"fields"`
	FieldsHold int    `json:"fields_hold"`
}

// Run compares the program's results with the shipped references; a field that differs fails the command.
func (c *validateCmd) Run(k *kong.Context) error {
	folder, err := findReferences(c.References)
	if err != nil {
		return err
	}
	specs, err := filepath.Glob(filepath.Join(folder, "reference", "*.json"))
	if err != nil || len(specs) == 0 {
		return fault.New(fault.KindNotFound, "validate", "there are no reference/*.json in %s; name their folder with --references", folder)
	}
	v := validation{Software: software(), References: folder, Failing: []reference.Field{}}
	// The folder may hold a second set of references with data sets of its own.
	others, err := filepath.Glob(filepath.Join(folder, "crosscheck", "reference", "*.json"))
	if err != nil {
		return fault.New(fault.KindInvalid, "validate", "%s cannot be searched: %v", folder, err)
	}
	for _, spec := range specs {
		if err := v.file(filepath.Base(spec), spec, filesBelow(folder)); err != nil {
			return err
		}
	}
	for _, spec := range others {
		if err := v.file("crosscheck/"+filepath.Base(spec), spec, filesBelow(filepath.Join(folder, "crosscheck"), folder)); err != nil {
			return err
		}
	}
	if c.Out != "" {
		var file bytes.Buffer
		write := v.csv
		if strings.HasSuffix(c.Out, ".json") {
			write = func(w io.Writer) error { return printJSON(w, v.all) }
		}
		if err := write(&file); err != nil {
			return err
		}
		if err := writeReport(c.Out, file.Bytes()); err != nil {
			return err
		}
	}
	if c.JSON {
		err = printJSON(k.Stdout, v)
	} else {
		err = v.print(k.Stdout)
	}
	if err == nil && v.FieldsHold < v.Fields {
		return checkFailed{fmt.Sprintf("%d of %d fields do not hold", v.Fields-v.FieldsHold, v.Fields)}
	}
	return err
}

// findReferences is the folder given, testdata of the source tree, or testdata next to the program.
func findReferences(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	if clone, err := findClone(""); err == nil {
		return filepath.Join(clone, "testdata"), nil
	}
	program, err := os.Executable()
	if err == nil {
		beside := filepath.Join(filepath.Dir(program), "testdata")
		if info, err := os.Stat(beside); err == nil && info.IsDir() {
			return beside, nil
		}
	}
	return "", fault.New(fault.KindNotFound, "validate", "the references are neither in the source tree nor next to the program; name their folder with --references")
}

// filesBelow finds a data set by its name in the folder of its source, below the first of the folders that has it.
func filesBelow(folders ...string) analyze.Files {
	return func(name string) ([]byte, error) {
		if !filepath.IsLocal(name) {
			return nil, fs.ErrNotExist
		}
		for _, folder := range folders {
			if found, err := filepath.Glob(filepath.Join(folder, "*", name)); err == nil && len(found) > 0 {
				return os.ReadFile(found[0])
			}
		}
		return nil, fs.ErrNotExist
	}
}

// file runs one reference file. What a case expects is kept from the methods.
func (v *validation) file(name, spec string, files analyze.Files) error {
	content, err := os.ReadFile(spec)
	if err != nil {
		return fmt.Errorf("read the references: %w", err)
	}
	cases, err := reference.Read(content)
	if err != nil {
		return fmt.Errorf("read %s: %w", spec, err)
	}
	asked := append([]reference.Case(nil), cases...)
	for i := range asked {
		asked[i].Expected = nil
	}
	f := validatedFile{File: name}
	for i, got := range analyze.Run(asked, files) {
		fields, err := compared(cases[i], got)
		if err != nil {
			return err
		}
		hold := 0
		for _, field := range fields {
			if field.Pass {
				hold++
			} else {
				v.Failing = append(v.Failing, field)
			}
		}
		f.Cases, f.Fields, f.FieldsHold = f.Cases+1, f.Fields+len(fields), f.FieldsHold+hold
		if hold == len(fields) {
			f.CasesHold++
		}
		v.all = append(v.all, fields...)
	}
	v.Files = append(v.Files, f)
	v.Cases, v.CasesHold, v.Fields, v.FieldsHold = v.Cases+f.Cases, v.CasesHold+f.CasesHold, v.Fields+f.Fields, v.FieldsHold+f.FieldsHold
	return nil
}

func compared(c reference.Case, got analyze.Result) ([]reference.Field, error) {
	if got.Error != nil {
		return []reference.Field{{Case: c.ID, Expected: "a result", Got: string(got.Error.Kind) + ": " + got.Error.Message}}, nil
	}
	return c.Fields(got.Result)
}

func (v *validation) print(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%s against %s\n\n%-42s %14s %18s\n", v.Software, v.References, "file", "cases hold", "fields hold"); err != nil {
		return err
	}
	for _, f := range v.Files {
		fmt.Fprintf(w, "%-42s %6d of %4d %8d of %6d\n", f.File, f.CasesHold, f.Cases, f.FieldsHold, f.Fields)
	}
	for _, f := range v.Failing {
		fmt.Fprintf(w, "does not hold: %s\n", f)
	}
	_, err := fmt.Fprintf(w, "%-42s %6d of %4d %8d of %6d\n", "all", v.CasesHold, v.Cases, v.FieldsHold, v.Fields)
	return err
}

func (v *validation) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"case", "field", "expected", "got", "relative_difference", "tolerance", "pass"}}
	for _, f := range v.all {
		rows = append(rows, []string{f.Case, f.Name, f.Expected, f.Got, numberText(f.RelativeDifference), numberText(f.Tolerance), strconv.FormatBool(f.Pass)})
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func numberText(n stats.Number) string {
	text, err := json.Marshal(n)
	if err != nil || string(text) == "null" {
		return ""
	}
	return string(text)
}

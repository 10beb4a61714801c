package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
)

type instrumentImportCmd struct {
	File string `arg:"" type:"path" help:"Definition file (.yaml); its vectors (.vectors.csv) must be in the same folder."`
	JSON bool   `name:"json" help:"Print one JSON value."`
}

type importedInstrument struct {
	Instrument     string `json:"instrument"`
	Version        string `json:"version"`
	ScoringVersion string `json:"scoring_version"`
	File           string `json:"file"`
}

// Run checks the file and its vectors as lint does and copies both to the data
// folder. A version that is known with other content is refused: results name
// their version, so its rules may not change.
func (c *instrumentImportCmd) Run(k *kong.Context, root *cli) error {
	if info, err := os.Stat(root.Data); err != nil || !info.IsDir() {
		return fault.Unavailable("--data", nil, "there is no data folder %s; start the program once or name another", root.Data)
	}
	if _, err := os.Stat(c.File); err != nil {
		return fault.Unavailable(c.File, nil, "there is no such file")
	}
	from := os.DirFS(filepath.Dir(c.File))
	name := filepath.Base(c.File)
	d, faults := instrument.Lint(from, name)
	if len(faults) > 0 {
		return fault.InvalidDetails(c.File, faults)
	}
	library, err := instrument.LoadLibrary(instrumentFolders(root.Data)...)
	if err != nil {
		return err
	}
	if err := library.Add(d); err != nil {
		return err
	}
	target := filepath.Join(root.Data, "instruments", d.ID+"@"+d.Version+".yaml")
	if err := copyDefinition(from, name, target); err != nil {
		return fmt.Errorf("import instrument %s %s: %w", d.ID, d.Version, err)
	}
	if c.JSON {
		return printJSON(k.Stdout, importedInstrument{d.ID, d.Version, d.ScoringVersion(), target})
	}
	fmt.Fprintf(k.Stdout, "imported %s to %s\n", d.ScoringVersion(), target)
	return nil
}

// copyDefinition writes the vectors first: a definition that is there has them.
func copyDefinition(from fs.FS, name, target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	for _, f := range [][2]string{
		{instrument.VectorsName(name), instrument.VectorsName(target)},
		{name, target},
	} {
		data, err := fs.ReadFile(from, f[0])
		if err != nil {
			return err
		}
		if err := writeWhole(f[1], data); err != nil {
			return err
		}
	}
	return nil
}

// writeWhole leaves either the old file or the whole new one, also after a crash.
func writeWhole(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".import-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
)

// mutant is a change that a test has to notice: Old, which stands once in File, becomes New.
type mutant struct {
	Name string `yaml:"name"`
	// SR is the requirement that the change would break; empty where there is none.
	SR   string `yaml:"sr"`
	File string `yaml:"file"`
	Old  string `yaml:"old"`
	New  string `yaml:"new"`
	// Packages are those whose tests have to notice it; Run narrows them to tests that this expression matches.
	Packages []string `yaml:"packages"`
	Run      string   `yaml:"run"`
}

func (m mutant) check() error {
	switch {
	case m.Name == "":
		return errors.New("a mutant without a name")
	case m.File == "" || m.Old == "" || len(m.Packages) == 0:
		return fmt.Errorf("%s: needs a file, what stands there (old), and the packages whose tests notice it", m.Name)
	case m.Old == m.New:
		return fmt.Errorf("%s: changes nothing", m.Name)
	case !filepath.IsLocal(m.File):
		return fmt.Errorf("%s: %s is not in the tree", m.Name, m.File)
	}
	return nil
}

// readLists reads all lists of a folder, in the order of their names.
func readLists(folder string) ([]mutant, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("there is no list of mutants (*.yaml) in %s", folder)
	}
	var all []mutant
	var names []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the list: %w", err)
		}
		var list []mutant
		if err := yaml.UnmarshalWithOptions(text, &list, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, m := range list {
			if err := m.check(); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if slices.Contains(names, m.Name) {
				return nil, fmt.Errorf("%s: %s is there twice", file, m.Name)
			}
			names, all = append(names, m.Name), append(all, m)
		}
	}
	return all, nil
}

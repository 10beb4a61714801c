package instrument

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"afterglow/internal/fault"
)

// VectorsName gives the name of the vectors that belong to a definition file.
func VectorsName(definition string) string {
	return strings.TrimSuffix(definition, ".yaml") + ".vectors.csv"
}

// Checked is a definition with its vectors, each run.
type Checked struct {
	Definition *Definition
	Vectors    []Vector
	// Differs says for each vector what differs; empty where it agrees.
	Differs [][]string
}

// RunVectors reads a definition and its vectors and runs them. An error
// means that one of the two files is missing or not right; vectors that do not
// agree are no error.
func RunVectors(folder fs.FS, name string) (*Checked, error) {
	data, err := fs.ReadFile(folder, name)
	if err != nil {
		return nil, fault.NotFound(name, "the file cannot be read: %v", err)
	}
	d, err := Parse(data)
	if err != nil {
		return nil, err
	}
	beside := VectorsName(name)
	data, err = fs.ReadFile(folder, beside)
	if err != nil {
		return nil, fault.Invalid(beside, "a definition needs a vectors file in the same folder, and this file cannot be read")
	}
	vectors, err := d.ParseVectors(data)
	if err != nil {
		return nil, err
	}
	checked := &Checked{Definition: d, Vectors: vectors, Differs: make([][]string, len(vectors))}
	for i, v := range vectors {
		checked.Differs[i] = d.Run(v)
	}
	return checked, nil
}

// Lint says everything that keeps a definition from being used: it is not right,
// has no vectors, a vector does not agree, or something that needs showing is
// shown by none. The definition is nil where it or its vectors cannot be read.
func Lint(folder fs.FS, name string) (*Definition, []fault.Detail) {
	checked, err := RunVectors(folder, name)
	if err != nil {
		return nil, inFile(name, err)
	}
	var faults []fault.Detail
	beside := VectorsName(name)
	for i, v := range checked.Vectors {
		for _, differs := range checked.Differs[i] {
			faults = append(faults, fault.Detail{
				Item:    beside + " line " + strconv.Itoa(v.Line),
				Message: fmt.Sprintf("%s: %s", v.Name, differs),
			})
		}
	}
	for _, missing := range checked.Definition.Uncovered(checked.Vectors) {
		faults = append(faults, fault.Detail{Item: beside, Message: "no vector shows " + missing})
	}
	return checked.Definition, faults
}

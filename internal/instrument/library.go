package instrument

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"afterglow/internal/fault"
)

// Library holds every version of every instrument that is known. It is read-only
// after LoadLibrary and safe for concurrent use.
type Library struct {
	definitions map[string][]*Definition
}

// LoadLibrary reads every *.yaml at the top of the given folders, in order: the
// definitions that ship first, then the site's own. It is all or nothing, and
// the fault.Invalid names every file that is not right. The same id and version
// may come twice only with the same content.
func LoadLibrary(folders ...fs.FS) (*Library, error) {
	l := &Library{definitions: map[string][]*Definition{}}
	var faults []fault.Detail
	for _, folder := range folders {
		names, err := fs.Glob(folder, "*.yaml")
		if err != nil {
			return nil, fmt.Errorf("list instrument definitions: %w", err)
		}
		slices.Sort(names)
		for _, name := range names {
			faults = append(faults, l.load(folder, name)...)
		}
	}
	if len(faults) > 0 {
		return nil, fault.InvalidDetails("instrument library", faults)
	}
	return l, nil
}

func (l *Library) load(folder fs.FS, name string) []fault.Detail {
	data, err := fs.ReadFile(folder, name)
	if err != nil {
		return []fault.Detail{{Item: name, Message: err.Error()}}
	}
	d, err := Parse(data)
	if err != nil {
		return inFile(name, err)
	}
	if !fileNameFits(name, d) {
		return []fault.Detail{{Item: name, Message: "the file must be named " + d.ID + ".yaml or " + d.ID + "@" + d.Version + ".yaml"}}
	}
	if err := l.Add(d); err != nil {
		return inFile(name, err)
	}
	return nil
}

func inFile(name string, err error) []fault.Detail {
	f, ok := err.(*fault.Error)
	if !ok || len(f.Details) == 0 {
		return []fault.Detail{{Item: name, Message: err.Error()}}
	}
	faults := make([]fault.Detail, len(f.Details))
	for i, detail := range f.Details {
		faults[i] = fault.Detail{Item: name + ": " + detail.Item, Message: detail.Message}
	}
	return faults
}

func fileNameFits(name string, d *Definition) bool {
	stem := strings.TrimSuffix(path.Base(name), ".yaml")
	return stem == d.ID || stem == d.ID+"@"+d.Version
}

// Add adds a definition to the ones that are known. A fault.Conflict when
// the version is known with other content: results name a version, so its rules
// may never change under them.
func (l *Library) Add(d *Definition) error {
	versions := l.definitions[d.ID]
	for _, known := range versions {
		switch {
		case known.Version == d.Version && known.hash == d.hash:
			return nil
		case known.Version == d.Version:
			return fault.Conflict(d.ID+" "+d.Version, "this version already exists with different content; give the changed definition a new version")
		case isDate(known.Version) != isDate(d.Version):
			return fault.Conflict(d.ID+" "+d.Version, "versions of one instrument are all numbers or all dates; version %s already exists", known.Version)
		}
	}
	versions = append(slices.Clone(versions), d)
	slices.SortFunc(versions, func(a, b *Definition) int { return compareVersions(a.Version, b.Version) })
	l.definitions[d.ID] = versions
	return nil
}

// Get gives one version of an instrument, or a fault.NotFound.
func (l *Library) Get(id, version string) (*Definition, error) {
	for _, d := range l.definitions[id] {
		if d.Version == version {
			return d, nil
		}
	}
	return nil, fault.NotFound("instrument", "there is no instrument %s with version %s", printable(id), printable(version))
}

// Latest gives the highest version of an instrument, or a fault.NotFound.
func (l *Library) Latest(id string) (*Definition, error) {
	versions := l.definitions[id]
	if len(versions) == 0 {
		return nil, fault.NotFound("instrument", "there is no instrument %s", printable(id))
	}
	return versions[len(versions)-1], nil
}

// List gives every definition by id, then by version.
func (l *Library) List() []*Definition {
	var all []*Definition
	for _, id := range sortedKeys(l.definitions) {
		all = append(all, l.definitions[id]...)
	}
	return all
}

func isDate(version string) bool { return strings.Contains(version, "-") }

// compareVersions orders 1.9.0 before 1.10.0, and dates by day. The schema has
// made sure that there are three numbers.
func compareVersions(a, b string) int {
	split := func(r rune) bool { return r == '.' || r == '-' }
	as, bs := strings.FieldsFunc(a, split), strings.FieldsFunc(b, split)
	return slices.CompareFunc(as, bs, func(x, y string) int {
		// Without leading zeros a longer number is the larger one; dates have equal lengths.
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	})
}

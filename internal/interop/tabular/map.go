// Package tabular reads a study's CSV file by a map that says what its columns
// mean, and builds the import from it. Floor: service.
//
// It must not store anything or open a file: it turns bytes into subjects and
// scores ready to be stored, or into a list of everything that is wrong.
package tabular

import (
	"fmt"
	"maps"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/yamldoc"
	"afterglow/schemas"
)

var mapSchema = yamldoc.MustCompile("study-map", schemas.StudyMap)

// Layout says what one row of the file is.
type Layout string

// The layouts: a subject's visit, or a subject.
const (
	LayoutLong Layout = "long"
	LayoutWide Layout = "wide"
)

// Map is a study with the columns that its values stand in.
type Map struct {
	Study  care.Study
	Layout Layout
	// columns[measure][visit] names the column of a score; in the long layout
	// every visit of a measure has the same one.
	columns [][]string
	subject string
	missing []string
}

// document is the map as written: field for field the JSON Schema.
type document struct {
	Study     string   `json:"study"`
	Title     string   `json:"title"`
	Simulated bool     `json:"simulated"`
	Layout    Layout   `json:"layout"`
	Missing   []string `json:"missing"`
	Subject   string   `json:"subject"`
	Arm       factor   `json:"arm"`
	Visit     struct {
		Column string      `json:"column"`
		Anchor care.Anchor `json:"anchor"`
		Levels []struct {
			Value string `json:"value"`
			Day   int    `json:"day"`
		} `json:"levels"`
	} `json:"visit"`
	Measures []struct {
		Instrument string            `json:"instrument"`
		Version    string            `json:"version"`
		Total      string            `json:"total"`
		Baseline   string            `json:"baseline"`
		Totals     map[string]string `json:"totals"`
	} `json:"measures"`
	Covariates []factor `json:"covariates"`
}

type factor struct {
	Column     string          `json:"column"`
	Levels     []string        `json:"levels"`
	Assignment care.Assignment `json:"assignment"`
}

func (f factor) factor() care.Factor {
	return care.Factor{Name: f.Column, Levels: f.Levels, Assignment: f.Assignment}
}

// ParseMap reads a map. A fault.Invalid carries every fault with its place.
func ParseMap(data []byte) (Map, error) {
	read, err := mapSchema.Read(data)
	if err != nil {
		return Map{}, err
	}
	var d document
	if err := read.Decode(&d); err != nil {
		return Map{}, err
	}
	m := Map{Study: d.study(), Layout: d.Layout, subject: d.Subject, missing: d.Missing}
	if d.Missing == nil {
		m.missing = []string{""}
	}
	if err := m.Study.Validate(); err != nil {
		return Map{}, err
	}
	faults := m.bindTotals(read, d)
	faults = append(faults, m.clashes(read, d)...)
	if len(faults) > 0 {
		return Map{}, fault.InvalidDetails("study map", faults)
	}
	return m, nil
}

func (d document) study() care.Study {
	s := care.Study{
		ID: d.Study, Title: d.Title, Simulated: d.Simulated,
		Anchor: d.Visit.Anchor, VisitName: d.Visit.Column,
		Arm: d.Arm.factor(),
	}
	for _, l := range d.Visit.Levels {
		s.Visits = append(s.Visits, care.Visit{Name: l.Value, Day: l.Day})
	}
	for _, c := range d.Covariates {
		s.Covariates = append(s.Covariates, c.factor())
	}
	for _, m := range d.Measures {
		s.Measures = append(s.Measures, care.Measure{
			Instrument: m.Instrument, Version: m.Version, Total: m.Total, Baseline: m.Baseline,
		})
	}
	return s
}

// bindTotals fills columns: the total's own column in the long layout, one
// column a visit in the wide one, where no visit may be left out.
func (m *Map) bindTotals(read *yamldoc.Document, d document) []fault.Detail {
	var faults []fault.Detail
	add := func(i int, format string, args ...any) {
		place := read.Place("measures", fmt.Sprint(i), "totals")
		faults = append(faults, fault.Detail{Item: place, Message: fmt.Sprintf(format, args...)})
	}
	visits := m.Study.VisitNames()
	for i, measure := range d.Measures {
		columns := make([]string, len(visits))
		switch {
		case m.Layout == LayoutLong && measure.Totals != nil:
			add(i, "belongs to the wide layout; in the long layout the total names the column")
		case m.Layout == LayoutLong:
			for v := range visits {
				columns[v] = measure.Total
			}
		default:
			for v, visit := range visits {
				column, named := measure.Totals[visit]
				if !named {
					add(i, "names no column for visit %q", visit)
				}
				columns[v] = column
			}
			for _, visit := range slices.Sorted(maps.Keys(measure.Totals)) {
				if !slices.Contains(visits, visit) {
					add(i, "%q is not a visit of this map", visit)
				}
			}
		}
		m.columns = append(m.columns, columns)
	}
	return faults
}

// clashes finds columns that would be read as two things, and texts that are
// both a level and a missing value.
func (m *Map) clashes(read *yamldoc.Document, d document) []fault.Detail {
	var faults []fault.Detail
	used := map[string]string{}
	use := func(column, as string, path ...string) {
		if other, taken := used[column]; taken && column != "" {
			faults = append(faults, fault.Detail{
				Item:    read.Place(path...),
				Message: fmt.Sprintf("column %q is read as %s already", column, other),
			})
			return
		}
		used[column] = as
	}
	use(m.subject, "the subject", "subject")
	use(d.Arm.Column, "the arm", "arm", "column")
	if m.Layout == LayoutLong {
		use(d.Visit.Column, "the visit", "visit", "column")
	}
	for i, c := range d.Covariates {
		use(c.Column, "a covariate", "covariates", fmt.Sprint(i), "column")
	}
	instruments := map[string]bool{}
	for i, measure := range d.Measures {
		if instruments[measure.Instrument] {
			faults = append(faults, fault.Detail{
				Item:    read.Place("measures", fmt.Sprint(i), "instrument"),
				Message: "is a measure already; a visit has one form of each instrument",
			})
		}
		instruments[measure.Instrument] = true
		use(measure.Baseline, "a baseline", "measures", fmt.Sprint(i), "baseline")
		if m.Layout == LayoutLong {
			use(measure.Total, "a total", "measures", fmt.Sprint(i), "total")
			continue
		}
		for _, column := range m.columns[i] {
			use(column, "a total", "measures", fmt.Sprint(i), "totals")
		}
	}
	for _, f := range m.Study.Factors() {
		faults = append(faults, m.missingLevels(f.Name, f.Levels)...)
	}
	return append(faults, m.missingLevels(m.Study.VisitName, m.Study.VisitNames())...)
}

func (m *Map) missingLevels(name string, levels []string) []fault.Detail {
	for _, l := range levels {
		if m.isMissing(l) {
			return []fault.Detail{{Item: "missing", Message: fmt.Sprintf("%q is also a level of %s", l, name)}}
		}
	}
	return nil
}

func (m *Map) isMissing(value string) bool { return slices.Contains(m.missing, value) }

// readColumns lists the columns that the file must have, in the map's order.
func (m *Map) readColumns() []string {
	columns := []string{m.subject}
	for _, f := range m.Study.Factors() {
		columns = append(columns, f.Name)
	}
	if m.Layout == LayoutLong {
		columns = append(columns, m.Study.VisitName)
	}
	for i, measure := range m.Study.Measures {
		if measure.Baseline != "" {
			columns = append(columns, measure.Baseline)
		}
		for _, column := range m.columns[i] {
			if !slices.Contains(columns, column) {
				columns = append(columns, column)
			}
		}
	}
	return columns
}

// Package tabular reads a study's CSV file by a map that says what its columns
// mean, and builds the import from it. Floor: service.
//
// It must not store anything or open a file: it turns bytes into subjects and
// scores ready to be stored, or into a list of everything that is wrong.
package tabular

import (
	"encoding/json"
	"fmt"
	"slices"

	"afterglow/internal/care"
	"afterglow/internal/fault"
	"afterglow/internal/instrument"
	"afterglow/internal/yamldoc"
	"afterglow/schemas"
)

var mapSchema = yamldoc.MustCompile("study-map", schemas.StudyMap)

// Layout says what one row of the file is.
type Layout string

// The layouts: a subject's visit, a subject, or one test of a subject's visit.
const (
	LayoutLong Layout = "long"
	LayoutWide Layout = "wide"
	LayoutTall Layout = "tall"
)

// Map is a study with the columns that its values stand in.
type Map struct {
	Study  care.Study
	Layout Layout

	subject string
	missing []string
	// baselineLevel is the visit whose rows or columns are the baseline, or "".
	baselineLevel string
	// test and value are the columns of the tall layout.
	test, value string
	// measures stand in the order of the study's.
	measures []measureColumns
}

// measureColumns says where the scores of one measure stand.
type measureColumns struct {
	// totals names the column by visit; in the long layout every visit has the
	// same one.
	totals map[string]string
	// test is the measure's name in the test column of the tall layout.
	test string
	// items is nil for a measure that comes as a total. Of those whose answers come,
	// the total's column need not be there.
	items *itemColumns
	// form is the definition of a measure whose answers come; set by Resolve.
	form *instrument.Definition
}

// document is the map as written: field for field the JSON Schema.
type document struct {
	Study     string   `json:"study"`
	Title     string   `json:"title"`
	Simulated bool     `json:"simulated"`
	Layout    Layout   `json:"layout"`
	Missing   []string `json:"missing"`
	Subject   string   `json:"subject"`
	Test      string   `json:"test"`
	Value     string   `json:"value"`
	Arm       arm      `json:"arm"`
	Visit     struct {
		Column   string      `json:"column"`
		Anchor   care.Anchor `json:"anchor"`
		Baseline string      `json:"baseline"`
		Levels   []struct {
			Value string `json:"value"`
			Day   int    `json:"day"`
		} `json:"levels"`
	} `json:"visit"`
	Measures []struct {
		Instrument string            `json:"instrument"`
		Version    string            `json:"version"`
		Total      string            `json:"total"`
		Baseline   string            `json:"baseline"`
		Test       string            `json:"test"`
		Totals     map[string]string `json:"totals"`
		Items      *itemColumns      `json:"items"`
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

// arm is a factor, or the word none, which leaves it empty.
type arm struct{ factor }

// UnmarshalJSON reads either form; the schema has checked them.
func (a *arm) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		*a = arm{}
		return nil
	}
	return json.Unmarshal(data, &a.factor)
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
	m := Map{
		Study: d.study(), Layout: d.Layout, subject: d.Subject, missing: d.Missing,
		baselineLevel: d.Visit.Baseline, test: d.Test, value: d.Value,
	}
	if d.Missing == nil {
		m.missing = []string{""}
	}
	if err := m.Study.Validate(); err != nil {
		return Map{}, err
	}
	faults := m.bind(read, d)
	faults = append(faults, m.clashes(read, d)...)
	if len(faults) > 0 {
		return Map{}, fault.InvalidDetails("study map", faults)
	}
	return m, nil
}

// study is the map without columns. The baseline's visit is no visit of the study:
// its scores are what the others are compared with.
func (d document) study() care.Study {
	s := care.Study{
		ID: d.Study, Title: d.Title, Simulated: d.Simulated,
		Anchor: d.Visit.Anchor, VisitName: d.Visit.Column,
		Arm: d.Arm.factor.factor(),
	}
	for _, l := range d.Visit.Levels {
		if d.Visit.Baseline == "" || l.Value != d.Visit.Baseline {
			s.Visits = append(s.Visits, care.Visit{Name: l.Value, Day: l.Day})
		}
	}
	for _, c := range d.Covariates {
		s.Covariates = append(s.Covariates, c.factor())
	}
	for _, m := range d.Measures {
		baseline := m.Baseline
		if baseline == "" && d.Visit.Baseline != "" {
			baseline = m.Total + "_baseline"
		}
		s.Measures = append(s.Measures, care.Measure{
			Instrument: m.Instrument, Version: m.Version, Total: m.Total, Baseline: baseline,
		})
	}
	return s
}

func (m *Map) isMissing(value string) bool { return slices.Contains(m.missing, value) }

// fileVisits are the visits that the file may name, the baseline's first.
func (m *Map) fileVisits() []string {
	if m.baselineLevel == "" {
		return m.Study.VisitNames()
	}
	return append([]string{m.baselineLevel}, m.Study.VisitNames()...)
}

// visitOf gives the record's name of a visit that the file names.
func (m *Map) visitOf(level string) string {
	if m.baselineLevel != "" && level == m.baselineLevel {
		return care.BaselineVisit
	}
	return level
}

// hasBaselineColumn reports whether a measure's baseline stands in a column of its
// own; otherwise it is a visit, or there is none.
func (m *Map) hasBaselineColumn(measure int) bool {
	return m.baselineLevel == "" && m.Study.Measures[measure].Baseline != ""
}

// readColumns lists the columns that the file must have, in the map's order.
func (m *Map) readColumns() []string {
	columns := []string{m.subject}
	add := func(column string) {
		if column != "" && !slices.Contains(columns, column) {
			columns = append(columns, column)
		}
	}
	for _, f := range m.Study.Factors() {
		add(f.Name)
	}
	if m.Layout != LayoutWide {
		add(m.Study.VisitName)
	}
	add(m.test)
	add(m.value)
	for i, measure := range m.Study.Measures {
		if m.hasBaselineColumn(i) {
			add(measure.Baseline)
		}
		for _, visit := range m.fileVisits() {
			for _, column := range m.neededColumns(i, visit) {
				add(column)
			}
		}
	}
	return columns
}

// neededColumns are those of a measure's score at a visit.
func (m *Map) neededColumns(measure int, visit string) []string {
	c := m.measures[measure]
	switch {
	case m.Layout == LayoutTall:
		return nil
	case c.items != nil:
		must, _ := c.items.at(c.form, visit)
		return must
	}
	return []string{c.totals[visit]}
}

// optionalColumns are read where the file has them: totals beside answers, and
// items that no score needs.
func (m *Map) optionalColumns() []string {
	var columns []string
	for _, c := range m.measures {
		if c.items == nil {
			continue
		}
		for _, visit := range m.fileVisits() {
			_, may := c.items.at(c.form, visit)
			for _, column := range append(may, c.totals[visit]) {
				if column != "" && !slices.Contains(columns, column) {
					columns = append(columns, column)
				}
			}
		}
	}
	return columns
}

// Warnings says what a sound map probably does not mean.
func (m *Map) Warnings() []string {
	var warnings []string
	for _, measure := range m.Study.Measures {
		if measure.Baseline != "" {
			continue
		}
		for _, v := range m.Study.Visits {
			if v.Day == 0 {
				warnings = append(warnings, fmt.Sprintf("visit %q is on day 0 and %s has no baseline: if %[1]q was measured before treatment, write visit: {..., baseline: %[1]s}, or no question can compare with it", v.Name, measure.Total))
			}
		}
	}
	for _, f := range m.Study.Factors() {
		warnings = append(warnings, alikeLevels("levels of "+f.Name, f.Levels)...)
	}
	return append(warnings, alikeLevels("visits", m.fileVisits())...)
}

package tabular

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"afterglow/internal/fault"
	"afterglow/internal/yamldoc"
)

// bind fills in where each measure stands: the total's own column in the long
// layout; one column a visit in the wide one, where no visit may be left out; the
// name of the test in the tall one.
func (m *Map) bind(read *yamldoc.Document, d document) []fault.Detail {
	var faults []fault.Detail
	add := func(path []string, format string, args ...any) {
		faults = append(faults, fault.Detail{Item: read.Place(path...), Message: fmt.Sprintf(format, args...)})
	}
	tall := m.Layout == LayoutTall
	for field, column := range map[string]string{"test": d.Test, "value": d.Value} {
		switch {
		case tall && column == "":
			add([]string{field}, "is missing: the tall layout names the column of the %s", field)
		case !tall && column != "":
			add([]string{field}, "belongs to the tall layout")
		}
	}
	for i, measure := range d.Measures {
		path := func(field string) []string { return []string{"measures", fmt.Sprint(i), field} }
		c := measureColumns{totals: map[string]string{}, items: measure.Items, test: measure.Test}
		switch {
		case m.Layout == LayoutWide:
			m.bindWide(c.totals, measure.Totals, measure.Items != nil, func(format string, args ...any) { add(path("totals"), format, args...) })
		case measure.Totals != nil:
			add(path("totals"), "belongs to the wide layout; in the long layout the total names the column")
		default:
			for _, visit := range m.fileVisits() {
				c.totals[visit] = measure.Total
			}
		}
		switch {
		case tall && c.test == "":
			c.test = measure.Total
		case !tall && c.test != "":
			add(path("test"), "belongs to the tall layout")
		}
		switch {
		case measure.Items == nil:
		case tall:
			add(path("items"), "answers to items are read in the long and the wide layout")
		case m.Layout == LayoutWide && !measure.Items.namesVisits():
			add(path("items"), "in the wide layout each column's name holds {visit}, as in phq_{visit}_{item}")
		case m.Layout == LayoutLong && measure.Items.mentionsVisits():
			add(path("items"), "{visit} belongs to the wide layout; in the long layout a row is a visit")
		}
		if measure.Items != nil && measure.Baseline != "" && m.baselineLevel == "" {
			add(path("baseline"), "a measure whose answers come has its baseline as a visit: write visit: {..., baseline: LEVEL}")
		}
		m.measures = append(m.measures, c)
	}
	slices.SortFunc(faults, func(a, b fault.Detail) int { return strings.Compare(a.Item, b.Item) })
	return faults
}

func (m *Map) bindWide(into, totals map[string]string, optional bool, add func(string, ...any)) {
	visits := m.fileVisits()
	for _, visit := range visits {
		column, named := totals[visit]
		if !named && !optional {
			add("names no column for visit %q", visit)
		}
		into[visit] = column
	}
	for _, visit := range slices.Sorted(maps.Keys(totals)) {
		if !slices.Contains(visits, visit) {
			add("%q is not a visit of this map", visit)
		}
	}
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
	if m.Layout != LayoutWide {
		use(d.Visit.Column, "the visit", "visit", "column")
	}
	use(m.test, "the test", "test")
	use(m.value, "the value", "value")
	for i, c := range d.Covariates {
		use(c.Column, "a covariate", "covariates", fmt.Sprint(i), "column")
	}
	instruments, tests := map[string]bool{}, map[string]bool{}
	for i, measure := range d.Measures {
		path := func(field string) []string { return []string{"measures", fmt.Sprint(i), field} }
		if instruments[measure.Instrument] {
			faults = append(faults, fault.Detail{
				Item:    read.Place(path("instrument")...),
				Message: "is a measure already; a visit has one form of each instrument",
			})
		}
		instruments[measure.Instrument] = true
		if m.hasBaselineColumn(i) {
			use(measure.Baseline, "a baseline", path("baseline")...)
		}
		switch m.Layout {
		case LayoutLong:
			use(measure.Total, "a total", path("total")...)
		case LayoutTall:
			if test := m.measures[i].test; tests[test] {
				faults = append(faults, fault.Detail{Item: read.Place(path("test")...), Message: "is the test of another measure already"})
			}
			tests[m.measures[i].test] = true
		default:
			for _, visit := range m.fileVisits() {
				use(m.measures[i].totals[visit], "a total", path("totals")...)
			}
		}
		if measure.Items != nil {
			for _, column := range slices.Sorted(maps.Values(measure.Items.each)) {
				use(column, "an answer", path("items")...)
			}
		}
	}
	for _, f := range m.Study.Factors() {
		faults = append(faults, m.missingLevels(f.Name, f.Levels)...)
	}
	return append(faults, m.missingLevels(m.Study.VisitName, m.fileVisits())...)
}

func (m *Map) missingLevels(name string, levels []string) []fault.Detail {
	for _, l := range levels {
		if m.isMissing(l) {
			return []fault.Detail{{Item: "missing", Message: fmt.Sprintf("%q is also a level of %s", l, name)}}
		}
	}
	return nil
}

package tabular

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"afterglow/internal/fault"
	"afterglow/internal/instrument"
)

const (
	itemPlace  = "{item}"
	visitPlace = "{visit}"
)

// itemColumns says where the answers to a measure's items stand: in columns that
// a pattern names, or in one that is named for each item.
type itemColumns struct {
	pattern string
	each    map[string]string
}

// UnmarshalJSON reads either form; the schema has checked them.
func (c *itemColumns) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &c.pattern)
	}
	return json.Unmarshal(data, &c.each)
}

// namesVisits reports whether every column's name depends on the visit.
func (c *itemColumns) namesVisits() bool {
	if c.pattern != "" {
		return strings.Contains(c.pattern, visitPlace)
	}
	for _, column := range c.each {
		if !strings.Contains(column, visitPlace) {
			return false
		}
	}
	return true
}

func (c *itemColumns) mentionsVisits() bool {
	return strings.Contains(c.pattern, visitPlace) ||
		slices.ContainsFunc(slices.Collect(maps.Values(c.each)), func(column string) bool { return strings.Contains(column, visitPlace) })
}

// column is where an item's answer stands at a visit; "" where the map names none.
func (c *itemColumns) column(item, visit string) string {
	name := c.each[item]
	if c.pattern != "" {
		name = strings.ReplaceAll(c.pattern, itemPlace, item)
	}
	return strings.ReplaceAll(name, visitPlace, visit)
}

// at lists the columns of a visit in the order of the form: those that the file
// must have, which are the scored items', and those that it may have.
func (c *itemColumns) at(form *instrument.Definition, visit string) (must, may []string) {
	if form == nil {
		return nil, nil
	}
	for i := range form.Items {
		column := c.column(form.Items[i].ID, visit)
		switch {
		case column == "":
		case isRequired(&form.Items[i]):
			must = append(must, column)
		default:
			may = append(may, column)
		}
	}
	return must, may
}

func isRequired(it *instrument.Item) bool { return it.IsScored() && !it.Optional }

// fits says what keeps the columns from being those of a form.
func (c *itemColumns) fits(form *instrument.Definition, place string) []fault.Detail {
	if form.Entry != instrument.EntryItems {
		return []fault.Detail{{Item: place, Message: form.ID + " is recorded as its total alone; leave items out"}}
	}
	var faults []fault.Detail
	if c.pattern != "" {
		return nil
	}
	for _, item := range slices.Sorted(maps.Keys(c.each)) {
		if _, known := form.Item(item); !known {
			faults = append(faults, fault.Detail{Item: place, Message: fmt.Sprintf("%s %s has no item %q", form.ID, form.Version, item)})
		}
	}
	for i := range form.Items {
		it := &form.Items[i]
		if c.each[it.ID] == "" && isRequired(it) {
			faults = append(faults, fault.Detail{Item: place, Message: fmt.Sprintf("names no column for item %s of %s", it.ID, form.ID)})
		}
	}
	return faults
}

// answers reads the answers of a measure at a visit and scores them. A row without
// any answer is an empty field. What is wrong goes to the log.
func (g *gatherer) answers(d *draft, measure int, visit string, line int, cell func(string) string) {
	c := g.m.measures[measure]
	given := instrument.Answers{}
	answered, sound := false, true
	for i := range c.form.Items {
		item := c.form.Items[i].ID
		column := c.items.column(item, visit)
		if _, there := g.at[column]; !there {
			continue
		}
		text := cell(column)
		if g.m.isMissing(text) {
			continue
		}
		answered = true
		value, kind := readWhole(text)
		if kind != plainNumber {
			g.log.addOnce(line, column, string(kind)+text, "%s", kind.words("an answer"))
			sound = false
			continue
		}
		given[item] = &value
	}
	place := Place{Measure: measure, Visit: g.m.visitOf(visit), Row: line}
	if !answered {
		d.subject.Empty = append(d.subject.Empty, place)
		return
	}
	for _, f := range c.form.Check(given) {
		g.log.add(line, c.items.column(f.Item, visit), "%s (%s)", f.Message, c.form.ID)
		sound = false
	}
	if !sound {
		return
	}
	score, err := c.form.Score(given, instrument.ScoreOptions{})
	if err != nil {
		g.log.add(line, "", "%v", err)
		return
	}
	g.compareTotal(c.totals[visit], score.Score, line, cell)
	d.subject.Responses = append(d.subject.Responses, Response{
		Measure: measure, Visit: place.Visit, Answers: given, NoScore: score.Score == nil, Row: line,
	})
}

// compareTotal notes a total of the file that is not the one that the answers give.
// Answers are what was said; a total beside them is somebody's sum.
func (g *gatherer) compareTotal(column string, own *float64, line int, cell func(string) string) {
	if _, there := g.at[column]; !there || g.m.isMissing(cell(column)) {
		return
	}
	stored, kind := readWhole(cell(column))
	if kind == plainNumber && own != nil && float64(stored) == *own {
		return
	}
	if g.differing[column] == nil {
		g.differs = append(g.differs, column)
	}
	g.differing[column] = append(g.differing[column], line)
}

// differingTotals are the warnings that compareTotal noted.
func (g *gatherer) differingTotals() []string {
	var warnings []string
	for _, column := range g.differs {
		rows := g.differing[column]
		warnings = append(warnings, fmt.Sprintf("column %s: the total is not the one that the answers give by the instrument's own rule, in %s; the answers are taken and scored, the total is not stored",
			column, rowList(rows)))
	}
	return warnings
}

const namedRows = 10

func rowList(rows []int) string {
	words := make([]string, 0, namedRows)
	for i, row := range rows {
		if i == namedRows {
			return fmt.Sprintf("rows %s and %d more", strings.Join(words, ", "), len(rows)-namedRows)
		}
		words = append(words, fmt.Sprint(row))
	}
	if len(rows) == 1 {
		return "row " + words[0]
	}
	return "rows " + strings.Join(words, ", ")
}

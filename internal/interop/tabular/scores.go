package tabular

import "slices"

// longScores reads a row that is one visit of a subject.
func (g *gatherer) longScores(d *draft, line int, cell func(string) string) {
	visit, ok := g.visit(d, line, "", cell)
	if !ok {
		return
	}
	for i := range g.m.Study.Measures {
		g.measure(d, i, visit, line, cell)
	}
}

// wideScores reads a row that is all visits of a subject.
func (g *gatherer) wideScores(d *draft, line int, cell func(string) string) {
	for _, visit := range g.m.fileVisits() {
		for i := range g.m.Study.Measures {
			g.measure(d, i, visit, line, cell)
		}
	}
}

func (g *gatherer) measure(d *draft, measure int, visit string, line int, cell func(string) string) {
	if g.m.measures[measure].items != nil {
		g.answers(d, measure, visit, line, cell)
		return
	}
	column := g.m.measures[measure].totals[visit]
	g.total(d, Place{Measure: measure, Visit: g.m.visitOf(visit), Row: line}, column, cell(column))
}

// tallScore reads a row that is one test of a subject's visit. Tests that the map
// does not name are counted and passed over.
func (g *gatherer) tallScore(d *draft, line int, cell func(string) string) {
	test := cell(g.m.test)
	measure := g.m.measureOfTest(test)
	switch {
	case g.m.isMissing(test):
		g.log.add(line, g.m.test, "names no test")
		return
	case measure < 0:
		if known := g.alikeTest(test); known != "" {
			g.log.addOnce(line, g.m.test, "test "+test, "is not the test %q: they %s; write it as the map does", known, theyDiffer)
			return
		}
		g.otherTests[test]++
		return
	}
	if visit, ok := g.visit(d, line, test, cell); ok {
		g.total(d, Place{Measure: measure, Visit: g.m.visitOf(visit), Row: line}, g.m.value, cell(g.m.value))
	}
}

// measureOfTest gives the place of a test's measure, or -1.
func (m *Map) measureOfTest(test string) int {
	return slices.IndexFunc(m.measures, func(c measureColumns) bool { return c.test == test })
}

func (g *gatherer) alikeTest(test string) string {
	var tests []string
	for _, c := range g.m.measures {
		tests = append(tests, c.test)
	}
	return nearest(test, tests)
}

// visit reads the visit of a row; a subject has each once, of each test.
func (g *gatherer) visit(d *draft, line int, test string, cell func(string) string) (string, bool) {
	column := g.m.Study.VisitName
	visit := cell(column)
	if g.m.isMissing(visit) {
		g.log.add(line, column, "is missing")
		return "", false
	}
	if !g.isLevel(line, column, visit) {
		return "", false
	}
	key := [2]string{visit, test}
	if first, twice := d.visits[key]; twice {
		g.log.add(line, column, "is the visit of row %d of the same subject again", first)
		return "", false
	}
	d.visits[key] = line
	return visit, true
}

// total takes a score, or notes that its field is empty.
func (g *gatherer) total(d *draft, place Place, column, text string) {
	if g.m.isMissing(text) {
		d.subject.Empty = append(d.subject.Empty, place)
		return
	}
	g.score(d, place, column, text)
}

func (g *gatherer) score(d *draft, place Place, column, text string) {
	measure := g.m.Study.Measures[place.Measure]
	score, kind := readWhole(text)
	switch kind {
	case plainNumber:
	case noNumber:
		g.log.addOnce(place.Row, column, "text "+text, "%s", kind.words("a score"))
		return
	default:
		g.log.addOnce(place.Row, column, string(kind), "%s", kind.words("a score of "+measure.Instrument))
		return
	}
	if err := g.check(measure, score); err != nil {
		g.log.add(place.Row, column, "%v", err)
		return
	}
	d.subject.Responses = append(d.subject.Responses, Response{Measure: place.Measure, Visit: place.Visit, Score: score, Row: place.Row})
}
